"""Files that are damaged or made to do harm are refused, and nothing else happens."""

import json
import random
import struct
import sys
import warnings
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest
from routers import fitted
from safetensors.numpy import load as read_tensors
from safetensors.numpy import save as write_tensors

import sklroute
from sklroute import RidgeRouter
from sklroute.features import ClipFeaturizer, MultimodalFeaturizer, TextEmbedder
from sklroute.persistence import FormatError
from sklroute.persistence._file import checksum
from sklroute.pipeline import RouterPipeline

NAMES = ["ridge", "knn", "mlp", "cluster", "guarded_latent", "latent", "average"]
NAMES += ["scaled", "columns", "kernel", "fixed", "chained"]


@cache
def stored(name, folder):
    fitted(name).save(folder / name)
    return (folder / name).read_bytes()


def take_apart(data):
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    text = header["__metadata__"]["sklroute"].partition("\n")[2]
    return json.loads(text), {k: v.copy() for k, v in read_tensors(data).items()}


def put_together(document, arrays):
    """A file whose checksum is right, whatever it says."""
    text = json.dumps(document)
    content = f"{checksum(text, arrays)}\n{text}"
    return write_tensors(arrays, metadata={"sklroute": content})


@pytest.fixture
def refuse(tmp_path):
    """A function that loads bytes, both ways, and demands the one error."""

    def check(data, match=None):
        path = tmp_path / "file"
        path.write_bytes(data)
        for compiled in (False, True):
            with pytest.raises(FormatError, match=match):
                sklroute.load(path, compiled=compiled)

    return check


def edit(data, change):
    document, arrays = take_apart(data)
    change(document, arrays)
    return put_together(document, arrays)


def states(node, name):
    """States of all objects of one class in a document."""
    if isinstance(node, list):
        return [state for item in node for state in states(item, name)]
    if not isinstance(node, dict):
        return []
    own = [node["object"][1]] if node.get("object", [None])[0] == name else []
    return own + states(list(node.values()), name)


# -- one kind of harm each ------------------------------------------------------------


def test_a_newer_format_says_what_to_do(refuse, tmp_path):
    def newer(document, arrays):
        document["format"] = 99
        document["versions"]["sklroute"] = "7.0"

    data = edit(stored("ridge", tmp_path), newer)
    refuse(data, r"format 99, written by sklroute 7\.0; .*up to 1\. Update sklroute")


def test_damage_and_cuts_are_noticed(refuse, tmp_path):
    data = stored("ridge", tmp_path)
    refuse(data[:-1])
    refuse(data[:100], "cut off")
    refuse(b"", "cut off")
    flipped = bytearray(data)
    flipped[-5] ^= 1
    refuse(bytes(flipped), "checksum")


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.eval",
        "sklroute.persistence._file.os.system",
        "sklearn.pipeline.Pipeline.fit",
        "sklearn.svm.SVC",
        "numpy.float64",
        "",
        None,
        3,
        ["sklearn.cluster.KMeans"],
    ],
)
def test_names_that_are_not_allowed(refuse, tmp_path, name):
    def rename(document, arrays):
        document["router"]["object"][0] = name

    refuse(edit(stored("ridge", tmp_path), rename), "not allowed")


@pytest.mark.parametrize("name", ["predict", "__class__", "classes_ ", "_fit", "x.y"])
def test_methods_and_private_names_cannot_be_set(refuse, tmp_path, name):
    def add(document, arrays):
        document["router"]["object"][1][name] = 1

    refuse(edit(stored("ridge", tmp_path), add), "attribute")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_dim", 10**9),
        ("n_members", 10**12),
        ("n_capsules", 10**6),
        ("token_dim", -8),
        ("device", "quantum"),
        ("max_epochs", -1),
        ("n_features_in_", 10**15),
        ("classes_", None),
        ("policy", 5),
        ("scaler_", None),
        ("prior_", "kernel"),
    ],
)
def test_latent_routers_of_absurd_sizes(refuse, tmp_path, name, value):
    def change(document, arrays):
        document["router"]["object"][1][name] = value

    data = edit(stored("latent", tmp_path), change)
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(FormatError):
        sklroute.load(path)
    if name not in ("device", "max_epochs", "token_dim"):
        with pytest.raises(FormatError):
            sklroute.load(path, compiled=True)


def test_layers_without_end(refuse, tmp_path):
    def change(document, arrays):
        document["router"]["object"][1]["n_layers"] = 10**12
        document["router"]["object"][1]["communication"] = True

    refuse(edit(stored("latent", tmp_path), change))


def test_clusters_that_do_not_fit_the_features(refuse, tmp_path):
    def narrow(document, arrays):
        for name, array in arrays.items():
            if array.shape in ((3, 10), (5, 10)):
                arrays[name] = array[:, :2].copy()

    refuse(edit(stored("cluster", tmp_path), narrow), "KMeans")


def test_neighbours_in_other_spaces(refuse, tmp_path):
    def narrow(document, arrays):
        (name,) = [n for n, a in arrays.items() if a.shape == (120, 10)]
        arrays[name] = arrays[name][:, :2].copy()

    refuse(edit(stored("knn", tmp_path), narrow))


@pytest.mark.parametrize("name", ["_cells", "_copies", "_first"])
def test_neighbours_without_what_they_answered(refuse, tmp_path, name):
    """Compiled code would read behind the end of the table."""

    def shorten(document, arrays):
        own = document["router"]["object"][1][name]["array"]
        arrays[own] = arrays[own][:5].copy()

    data = edit(stored("knn", tmp_path), shorten)
    refuse(data, "points, cells and copies do not match")


@pytest.mark.parametrize(
    ("name", "value"), [("input", "filename"), ("tokenizer", "split")]
)
def test_texts_that_would_not_be_read_as_they_are(tmp_path, name, value):
    """Behind a featurizer no query is routed on loading: a file must not wait there."""
    y = np.eye(2)[[0, 1, 0, 1]]
    featurizer = MultimodalFeaturizer({"text": TextEmbedder(1)})
    router = RouterPipeline([("text", featurizer), ("router", RidgeRouter(alpha=1.0))])
    router.fit({"text": ["red cat", "dog", "cat dog", "red dog"]}, y)
    path = tmp_path / "file"
    router.save(path)

    def change(document, arrays):
        (state,) = states(document, "sklearn.feature_extraction.text.TfidfVectorizer")
        state[name] = value

    path.write_bytes(edit(path.read_bytes(), change))
    with pytest.raises(FormatError):
        sklroute.load(path)


def test_clip_settings_from_elsewhere(tmp_path):
    clip = ClipFeaturizer("local-dir:nowhere")
    clip.modalities_ = {"image": slice(0, 5), "text": slice(5, 10)}
    clip.encoders_ = clip._make_encoders()
    router = fitted("ridge")
    path = tmp_path / "file"
    RouterPipeline([("clip", clip), ("router", router)]).save(path)

    def change(document, arrays):
        (state,) = states(document, "sklroute.features.ClipFeaturizer")
        state["model_name"] = "hf-hub:somebody/else"

    path.write_bytes(edit(path.read_bytes(), change))
    with pytest.raises(FormatError, match="'hf-hub:somebody/else' downloads its sett"):
        sklroute.load(path)
    clip.model_name = "hf-hub:somebody/else"
    with pytest.raises(FormatError, match="downloads its settings"):
        RouterPipeline([("clip", clip), ("router", router)]).save(path)


@pytest.mark.parametrize("probe", [np.ones(4, "f4"), np.ones(5), ["a"] * 5])
def test_a_probe_of_clip_that_fits_no_model(tmp_path, probe):
    clip = ClipFeaturizer("local-dir:nowhere")
    clip.modalities_ = {"image": slice(0, 5), "text": slice(5, 10)}
    clip.encoders_, clip.probe_ = clip._make_encoders(), probe
    path = tmp_path / "file"
    RouterPipeline([("clip", clip), ("router", fitted("ridge"))]).save(path)
    with pytest.raises(FormatError, match="blocks and probe do not match"):
        sklroute.load(path)


def test_steps_start_no_processes(tmp_path):
    router = fitted("columns")
    router.set_params(step0__n_jobs=2, step1__n_jobs=-1).save(tmp_path / "router")
    with nothing_runs():
        loaded = sklroute.load(tmp_path / "router")
    assert loaded["step0"].n_jobs is None
    assert loaded["step1"].n_jobs is None


def test_values_in_values_without_end(refuse, tmp_path):
    def nest(document, arrays):
        node = []
        for _ in range(500):
            node = [node]
        document["router"]["object"][1]["alpha"] = node

    refuse(edit(stored("ridge", tmp_path), nest), "deep")


NO_POSITION = ["MT19937", {"items": ["O", [624], [1] * 624]}, 10**9, 0, 0.0]
NODES = [
    ({"items": ["<U100000000", [1], ["a"]]}, "array of strings has the type"),
    ({"items": ["<U1", [10**12], ["a"]]}, "cannot reshape"),
    ({"items": ["<i8", [1], [1]]}, "an array of '<i8'"),
    ({"items": ["<U3", [1], [1]]}, "array of strings holds something else"),
    ({"scalar": ["object", 1]}, "KeyError: 'object'"),
    ({"float": "1e999"}, "'1e999' where a number belongs"),
    ({"random_state": NO_POSITION}, "random state that is none"),
    ({"csr_array": [[1.0], [10**9], [0, 1], [1, 2]]}, "indices must be < 2"),
    ({"array": "nothing"}, "KeyError: 'nothing'"),
    ({"dtype": "V8"}, "the type 'V8'"),
    ({"name": "os.system"}, "'os.system', which is not allowed"),
    ({"eval": "1 + 1"}, "unknown kind 'eval'"),
    ({"dict": [[[], 1]]}, "unhashable"),
    ({"tuple": 3}, "where a list belongs"),
    ({"slice": [0.5, None, None]}, "slice that is not of integers"),
    ({"object": "KMeans"}, "object without a class or a state"),
    ({"object": ["KMeans", 3]}, "no state of a 'KMeans'"),
    ({"array": "a", "T": "a"}, r"the keys \['array', 'T'\]"),
]


@pytest.mark.parametrize(("node", "message"), NODES, ids=[m for _, m in NODES])
def test_nodes_that_are_none(refuse, tmp_path, node, message):
    def change(document, arrays):
        document["router"]["object"][1]["alpha"] = node

    refuse(edit(stored("ridge", tmp_path), change), message)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"__metadata__": {"sklroute": 3}}',
        b'{"__metadata__": {"sklroute": "x"}}',
        b'{"a": {"dtype": "F64", "shape": [9e99], "data_offsets": [0, 8]}}',
        b'{"a": {"dtype": "F64", "shape": [4611686018427387904, 4], '
        b'"data_offsets": [0, 0]}, "__metadata__": {"sklroute": "\\n{}"}}',
        b'{"n": ' + b"9" * 5000 + b"}",
        b'{"n": NaN}',
        b"\xff\xfe",
    ],
    ids=range(12),
)
def test_headers_that_are_none(refuse, header):
    refuse(struct.pack("<Q", len(header)) + header)
    refuse(struct.pack("<Q", 2**63) + header)


def test_objects_that_are_no_routers(refuse, tmp_path):
    def replace(document, arrays):
        state = document["router"]["object"][1]
        document["router"] = state["scaler_"]

    refuse(edit(stored("ridge", tmp_path), replace), "not a router")


def no_format(document, arrays, state):
    document["format"] = "1"


def format_zero(document, arrays, state):
    document["format"] = 0


def wide(document, arrays, state):
    state["n_features_in_"] = 10**9


def not_a_number(document, arrays, state):
    arrays[state["intercept_"]["array"]][:] = np.nan


def more_names(document, arrays, state):
    text, _, items = state["classes_"]["items"]
    state["classes_"]["items"] = [text, [5], [*items, "z"]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (no_format, "does not say in which format"),
        (format_zero, "format 0, which never was"),
        (wide, "n_features_in_=1000000000"),
        (not_a_number, r"quality outside \[0, 1\]"),
        (more_names, "predicts 4 models, and names 5"),
    ],
)
def test_routers_that_do_not_predict(refuse, tmp_path, change, message):
    def spoil(document, arrays):
        change(document, arrays, document["router"]["object"][1])

    refuse(edit(stored("ridge", tmp_path), spoil), message)


# -- thousands of random ones ---------------------------------------------------------


def mutate_bytes(data, rng):
    data = bytearray(data)
    kind = rng.randrange(4)
    if kind == 0:
        for _ in range(rng.choice([1, 1, 3, 20])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[rng.randrange(len(data)) :]
    elif kind == 2:
        start, stop = sorted(rng.randrange(len(data)) for _ in range(2))
        place = rng.randrange(len(data))
        data[place:place] = data[start:stop]
    else:
        size = rng.choice([0, 1, 7, 2**31, 2**40, 2**64 - 1, len(data), 50])
        data[:8] = struct.pack("<Q", size)
    return bytes(data)


ODD = [None, True, -1, 0, 1, 2, 10**9, 2**63, 10**30, 0.5, -1e300, "", "nan", "a0"]
ODD += ["os.system", "\ud800", [], {}, [[]], {"float": "nan"}, {"float": "inf"}]
ODD += [{"array": "a0"}, {"T": "a1"}, {"array": "a2"}, {"tuple": []}, {"dict": []}]


def places(node, path=()):
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, child in items if isinstance(node, (dict, list)) else ():
        if isinstance(child, (dict, list)):
            yield from places(child, (*path, key))
        else:
            yield (*path, key)


def at(node, path):
    for key in path:
        node = node[key]
    return node


def mutate_content(data, rng):
    """Edit the JSON or an array, and make the checksum right again."""
    document, arrays = take_apart(data)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        if rng.random() < 0.3 and arrays:
            mutate_array(arrays, rng)
            continue
        *path, key = rng.choice([p for p in places(document) if p] or [("x",)])
        parent = at(document, path)
        kind = rng.randrange(5)
        if kind == 0:
            del parent[key]
        elif kind == 1 and isinstance(parent, dict):
            parent[rng.choice(["predict", "x", "", "array", "object"])] = parent.pop(
                key
            )
        elif kind == 2:
            other = rng.choice(list(places(document)))
            parent[key] = json.loads(json.dumps(at(document, other)))
        else:
            parent[key] = rng.choice(ODD)
    return put_together(document, arrays)


def mutate_array(arrays, rng):
    name = rng.choice(list(arrays))
    array, kind = arrays[name], rng.randrange(6)
    if kind == 0:
        del arrays[name]
    elif kind == 1:
        arrays[name] = array[: len(array) // 2].copy() if array.ndim else array
    elif kind == 2:
        arrays[name] = array.astype(rng.choice(["f4", "f8", "i8", "u1", "f2", "?"]))
    elif kind == 3:
        arrays[name] = array.reshape(-1)
    elif kind == 4:
        arrays[name] = arrays[rng.choice(list(arrays))]
    elif array.size:
        array = array.copy()
        array.reshape(-1)[rng.randrange(array.size)] = rng.choice([0, 1, 100])
        arrays[name] = array


ARMED = {"os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "socket.connect"}
ARMED |= {"os.remove", "os.rename", "shutil.rmtree", "pickle.find_class"}
_events: list | None = None


def _hook(event, args):
    if _events is not None and event in ARMED:
        _events.append((event, args))


sys.addaudithook(_hook)


@contextmanager
def nothing_runs():
    """Fail if code, a process, a connection or a deletion is attempted meanwhile."""
    global _events
    _events = []
    try:
        yield
    finally:
        seen, _events = _events, None
        assert not seen


def fuzz(folder, n_files, seed):
    """Load mutated files; count what was read without complaint."""
    rng = random.Random(seed)
    originals = [stored(name, folder) for name in NAMES]
    path, harmless = folder / "fuzzed", 0
    # Imported once and for all, not by what a file says.
    sklroute.load(folder / "latent")
    sklroute.load(folder / "latent", compiled=True)
    for _ in range(n_files):
        mutate = rng.choice([mutate_bytes, mutate_content, mutate_content])
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = mutate(rng.choice(originals), rng)
            path.write_bytes(data)
            try:
                with nothing_runs():
                    sklroute.load(path, compiled=rng.random() < 0.5)
            except FormatError:
                continue
        harmless += 1
    return harmless


def test_mutated_files_end_in_the_one_error(tmp_path):
    # A name or a parameter that prediction does not read may change unnoticed.
    assert fuzz(tmp_path, 400, seed=0) < 200


@pytest.mark.slow
def test_ten_thousand_mutated_files_end_in_the_one_error(tmp_path):
    assert fuzz(tmp_path, 10_000, seed=1) < 5_000
