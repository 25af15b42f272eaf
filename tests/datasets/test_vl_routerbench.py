"""The prepared layout: files whose rows and models are in different orders."""

import json

import numpy as np
import pandas as pd
import pytest
from layouts import routing, write_lines, write_pickle, write_prepared
from numpy.testing import assert_allclose, assert_array_equal

from sklroute.datasets import load_features, load_vl_routerbench

MODELS = ["GPT4o", "Janus-Pro-1B", "SmolVLM2"]


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("vl") / "tree"
    return root, *write_prepared(root)


@pytest.fixture(scope="module")
def data(tree):
    return load_vl_routerbench(tree[0])


@pytest.fixture
def root(tmp_path):
    write_prepared(tmp_path, n_queries=40)
    return tmp_path


def test_rows_and_models_are_aligned_by_name(data, tree):
    _, quality, cost = tree
    ids = data.frame["query_id"]
    assert ids.tolist() != quality.index.tolist()
    assert data.y.models.tolist() == MODELS
    assert_array_equal(data.y.quality, quality.loc[ids, MODELS])
    assert_allclose(data.y.cost, cost.loc[ids, MODELS], rtol=1e-6)


def test_missing_stays_missing_and_a_cost_of_0_is_unknown(data):
    assert (~data.y.observed).sum() == 1
    assert np.isnan(data.y.cost).sum() == 1


def test_embeddings_are_aligned_by_name(data):
    made = routing()
    row = data.frame["query_id"].str.split("/").str[1].astype(int).to_numpy()
    image, text = made.modalities["image"], made.modalities["text"]
    assert data.modalities == {"text": slice(0, 6), "vision": slice(6, 14)}
    assert_array_equal(data.X[:, data.modalities["text"]], made.X[row, text])
    assert_array_equal(data.X[:, data.modalities["vision"]], made.X[row, image])


def test_prompts_images_groups_and_families(data, tree):
    for name, text, image in zip(
        data.frame["query_id"], data.text, data.image, strict=True
    ):
        row = int(name.split("/")[1])
        assert text.endswith(f"case {row}")
        expected = str(tree[0] / f"images/{row}.png") if row % 2 else None
        assert image == expected
    families = dict(zip(data.task, data.family, strict=True))
    assert families == {
        "MMStar": "general",
        "MathVista_MINI": "stem",
        "OCRBench": "charts_ocr",
    }


def test_splits_are_rows_of_the_files(data, tree):
    sizes = {name: len(rows) for name, rows in data.splits.items()}
    assert sizes == {"train": 105, "dev": 15, "test": 30}
    lines = (tree[0] / "SPLITS" / "dev.jsonl").read_text().splitlines()
    named = [json.loads(line)["sample_id"] for line in lines]
    assert data.frame["query_id"].iloc[data.splits["dev"]].tolist() == named


def test_cost_bounds_are_those_of_the_file(data, tree):
    means = tree[2].mean()
    assert data.cost_bounds == (means.min(), means.max())
    assert not data.estimated_costs


def test_what_is_optional_may_be_absent(tmp_path):
    write_prepared(tmp_path, n_queries=40, embeddings=False, prompts=False)
    (tmp_path / "data/matrices/cost_bounds.json").unlink()
    (tmp_path / "data/registry/model_index.pkl").unlink()
    for path in (tmp_path / "SPLITS").iterdir():
        path.unlink()
    (tmp_path / "SPLITS").rmdir()
    # Without an index of its own, Y has the columns of C.
    quality = np.load(tmp_path / "data/matrices/Y.npz")["Y"]
    data = load_vl_routerbench(tmp_path)
    assert (data.X, data.text, data.splits, data.cost_bounds) == (None,) * 4
    column = data.y.index(["SmolVLM2", "GPT4o", "Janus-Pro-1B"])
    observed = np.where(quality < 0, np.nan, quality)
    assert_array_equal(data.y.quality[:, column], observed)


def test_one_of_several_encoders_must_be_named(root):
    folder = root / "EMBEDDINGS" / "text"
    frame = pd.read_parquet(folder / "encoder.parquet")
    frame["embedding"] = [[7.0, 8.0]] * len(frame)
    frame.to_parquet(folder / "other.parquet")
    with pytest.raises(ValueError, match=r"\['encoder', 'other'\]: say which"):
        load_vl_routerbench(root)
    data = load_vl_routerbench(root, embeddings={"text": "other"})
    assert data.modalities == {"text": slice(0, 2), "vision": slice(2, 10)}
    with pytest.raises(FileNotFoundError, match=r"text.third\.parquet"):
        load_vl_routerbench(root, embeddings={"text": "third"})


def test_settings_without_an_effect_are_refused(root):
    with pytest.raises(ValueError, match="the modality 'image'; there are"):
        load_vl_routerbench(root, embeddings={"image": "encoder"})
    with pytest.raises(ValueError, match="costs of its own: prices have no effect"):
        load_vl_routerbench(root, prices={"Ovis": (1.0, 1.0)})


def test_further_features_are_matched_by_name(data, tmp_path):
    ids = data.frame["query_id"][::-1]
    frame = pd.DataFrame({"sample_id": ids, "f": np.arange(150)[::-1]})
    frame.to_parquet(tmp_path / "x.parquet")
    X = load_features(tmp_path / "x.parquet", table=data).X
    assert_array_equal(X.ravel(), np.arange(150))


# -- malformed trees -----------------------------------------------------------------


def truncate(name):
    def change(root):
        content = (root / name).read_bytes()
        (root / name).write_bytes(content[: len(content) // 2])

    return change


def remove(name):
    return lambda root: (root / name).unlink()


def pickled(name, content):
    return lambda root: write_pickle(root / name, content)


def edit_parquet(name, change):
    def edit(root):
        change(pd.read_parquet(root / name)).to_parquet(root / name)

    return edit


def edit_lines(name, change):
    def edit(root):
        records = [json.loads(line) for line in (root / name).read_text().splitlines()]
        write_lines(root / name, change(records))

    return edit


def edit_array(name, change):
    def edit(root):
        if name.endswith(".npy"):
            np.save(root / name, change(np.load(root / name)))
        else:
            with np.load(root / name) as content:
                table = change(content["Y"])
            np.savez(root / name, Y=table)

    return edit


def with_cell(row, column, value):
    def change(table):
        table = np.array(table)
        table[row, column] = value
        return table

    return change


META, EMBEDDING = "data/registry/meta.parquet", "EMBEDDINGS/text/encoder.parquet"
MATRICES, SAMPLES = "data/matrices", "BENCHMARKS/vqa/mmstar_samples.jsonl"
BAD = {
    "half a table": (truncate(META), META, "not a readable Parquet file"),
    "half an embedding": (truncate(EMBEDDING), EMBEDDING, "not a readable Parquet"),
    "half a matrix": (truncate(f"{MATRICES}/C.npy"), "C.npy", "not a readable NumPy"),
    "half an archive": (truncate(f"{MATRICES}/Y.npz"), "Y.npz", "not a readable NumPy"),
    "no id": (
        edit_parquet(META, lambda f: f.drop(columns="sample_id")),
        META,
        "no column 'sample_id'",
    ),
    "own ids": (
        edit_parquet(META, lambda f: f.assign(query_id=1)),
        META,
        "'query_id' beside 'sample_id'",
    ),
    "an id twice": (
        edit_parquet(META, lambda f: f.assign(sample_id="MMStar/1")),
        META,
        "column 'sample_id', row 1: 'MMStar/1' appears twice",
    ),
    "an id without data set": (
        edit_parquet(META, lambda f: f.assign(sample_id=range(len(f)))),
        META,
        "row 0: '0' is not <DATASET>/<index>",
    ),
    "a row less in Y": (
        edit_array(f"{MATRICES}/Y.npz", lambda t: t[1:]),
        "Y.npz",
        r"shape \(39, 3\); .*meta.parquet names 40 rows, .*model_names.pkl 3 models",
    ),
    "a row less in C": (
        edit_array(f"{MATRICES}/C.npy", lambda t: t[1:]),
        "C.npy",
        r"shape \(39, 3\); .*sample_ids.pkl names 40 rows",
    ),
    "an id less in C": (
        lambda root: (
            edit_array(f"{MATRICES}/C.npy", lambda t: t[1:])(root),
            write_pickle(
                root / MATRICES / "sample_ids.pkl",
                [f"MMStar/{i}" for i in range(39)],
            ),
        ),
        "sample_ids.pkl",
        r"has no row for the query '.*' of .*meta.parquet",
    ),
    "Y of another key": (
        lambda root: np.savez(root / MATRICES / "Y.npz", X=np.zeros((40, 3))),
        "Y.npz",
        r"no array 'Y'; there are \['X'\]",
    ),
    "a quality of 2": (
        edit_array(f"{MATRICES}/Y.npz", with_cell(6, 0, 2)),
        "Y.npz",
        r"row 6 \(query '.*'\), column 0 \(model 'GPT4o'\) is 2",
    ),
    "a negative cost": (
        edit_array(f"{MATRICES}/C.npy", with_cell(6, 0, -1)),
        "C.npy",
        r"row 6 \(query '.*'\), column 0 \(model 'SmolVLM2'\) is -1",
    ),
    "an unknown model": (
        pickled("data/registry/model_index.pkl", ["GPT4o", "SmolVLM2", "Ovis"]),
        "model_index.pkl",
        "'Ovis' of .*model_index.pkl is not in .*model_names.pkl",
    ),
    "a model too many": (
        pickled(f"{MATRICES}/model_names.pkl", [*MODELS, "Ovis"]),
        "model_names.pkl",
        "'Ovis' of .*model_names.pkl is not in .*model_index.pkl",
    ),
    "names that are an array": (
        pickled(f"{MATRICES}/model_names.pkl", np.array(MODELS)),
        "model_names.pkl",
        "only lists of str are read",
    ),
    "a split of strangers": (
        edit_lines("SPLITS/dev.jsonl", lambda r: [*r, {"sample_id": "MMStar/x"}]),
        "dev.jsonl",
        "record 5: there is no query 'MMStar/x'",
    ),
    "a split without ids": (
        edit_lines("SPLITS/dev.jsonl", lambda r: [{"id": "MMStar/1"}]),
        "dev.jsonl",
        "record 1: there is no query None",
    ),
    "a query in two splits": (
        lambda root: (root / "SPLITS/test.jsonl").write_text(
            (root / "SPLITS/dev.jsonl").read_text()
        ),
        "test.jsonl",
        r"record 1: the query '.*' is in dev.jsonl already",
    ),
    "an empty split": (edit_lines("SPLITS/dev.jsonl", lambda r: []), "dev", "empty"),
    "half a split": (
        truncate("SPLITS/dev.jsonl"),
        "dev.jsonl",
        "line 3 is not readable JSON",
    ),
    "no prompt": (
        edit_lines(SAMPLES, lambda r: [*r, {"sample_id": "MMStar/x"}]),
        SAMPLES,
        "needs the texts 'sample_id' and 'prompt'",
    ),
    "a prompt twice": (edit_lines(SAMPLES, lambda r: r + r), SAMPLES, "appears twice"),
    "a query without prompt": (
        edit_lines(SAMPLES, lambda r: r[1:]),
        "BENCHMARKS",
        "no prompt of the query 'MMStar/",
    ),
    "an embedding without ids": (
        edit_parquet(EMBEDDING, lambda f: f.drop(columns="sample_id")),
        EMBEDDING,
        "no column 'sample_id'",
    ),
    "an embedding too few": (
        edit_parquet(EMBEDDING, lambda f: f[1:]),
        EMBEDDING,
        "has no row for the query",
    ),
    "an embedding twice": (
        edit_parquet(EMBEDDING, lambda f: pd.concat([f, f])),
        EMBEDDING,
        "appears twice",
    ),
    "bounds without names": (
        lambda root: (root / MATRICES / "cost_bounds.json").write_text("{}"),
        "cost_bounds.json",
        "'cmin' and 'cmax'",
    ),
    "bounds too large": (
        lambda root: (root / MATRICES / "cost_bounds.json").write_text(
            f'{{"cmin": 1, "cmax": {10**400}}}'
        ),
        "cost_bounds.json",
        "'cmin' and 'cmax'",
    ),
    "bounds too deep": (
        lambda root: (root / MATRICES / "cost_bounds.json").write_text(100_000 * "["),
        "cost_bounds.json",
        "'cmin' and 'cmax'",
    ),
    "bounds reversed": (
        lambda root: (root / MATRICES / "cost_bounds.json").write_text(
            '{"cmin": 2, "cmax": 1}'
        ),
        "cost_bounds.json",
        "0 < cmin < cmax",
    ),
}


@pytest.mark.parametrize("name", [META, EMBEDDING])
def test_an_index_may_name_the_rows(root, name):
    expected = load_vl_routerbench(root)
    edit_parquet(name, lambda f: f.set_index("sample_id"))(root)
    data = load_vl_routerbench(root)
    assert data.frame["query_id"].tolist() == expected.frame["query_id"].tolist()
    assert_array_equal(data.X, expected.X)


@pytest.mark.parametrize("name", ["query_id", "dataset_idx"])
def test_other_names_of_rows_are_no_embedding(root, name):
    expected = load_vl_routerbench(root).X
    edit_parquet(EMBEDDING, lambda f: f.assign(**{name: range(len(f))}))(root)
    assert_array_equal(load_vl_routerbench(root).X, expected)


@pytest.mark.parametrize(("change", "file", "message"), BAD.values(), ids=BAD)
def test_a_malformed_file_is_named_with_the_place(root, change, file, message):
    change(root)
    with pytest.raises(ValueError, match=message) as error:
        load_vl_routerbench(root)
    assert file in str(error.value)


@pytest.mark.parametrize(
    "name",
    [META, f"{MATRICES}/Y.npz", f"{MATRICES}/sample_ids.pkl", "SPLITS/test.jsonl"],
)
def test_a_missing_file_is_named(root, name):
    remove(name)(root)
    with pytest.raises(FileNotFoundError, match=name):
        load_vl_routerbench(root)


def test_placeholders_are_not_taken_for_costs(root):
    remove(f"{MATRICES}/C.npy")(root)
    with pytest.raises(FileNotFoundError, match=r"C\.npy \(C\.npz holds placeholders"):
        load_vl_routerbench(root)


def test_a_folder_of_neither_layout_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither data/matrices"):
        load_vl_routerbench(tmp_path)
