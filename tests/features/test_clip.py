"""CLIP features: from the real open_clip, on models with random weights."""

import json
import pickle
import sys
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sklroute import LatentRouterClassifier
from sklroute.features import ClipFeaturizer, _clip
from sklroute.features._clip_model import import_open_clip, load_clip
from sklroute.persistence._decode import Decoder
from sklroute.persistence._encode import Encoder

if find_spec("open_clip") is None:  # importing it may need our help
    pytest.skip("open_clip_torch is not installed", allow_module_level=True)

Image = pytest.importorskip("PIL.Image")
LONG = "word " * 100


def queries(n):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (n, 20, 30, 3), dtype=np.uint8)
    texts = [f"question number {i}" for i in range(n)]
    return pd.DataFrame({"image": [*map(Image.fromarray, pixels)], "text": texts})


def in_a_block(featurizer, X, name):
    return X[:, featurizer.modalities_[name]]


class Batches(list):
    """What was encoded, a side and a size each; how many more before a break."""

    left = np.inf


@pytest.fixture
def batches(monkeypatch):
    batches = Batches()
    call = _clip._Side.__call__

    def counting(side, items):
        if batches.left == 0:
            raise KeyboardInterrupt
        batches.left -= 1
        batches.append((side.reads, len(items)))
        return call(side, items)

    monkeypatch.setattr(_clip._Side, "__call__", counting)
    return batches


# -- what comes out ------------------------------------------------------------------


def test_image_and_text_stand_side_by_side(tiny_clip):
    featurizer = ClipFeaturizer(tiny_clip)
    X = featurizer.fit_transform(queries(3))
    assert X.shape == (3, 32)
    assert X.dtype == np.float32
    assert featurizer.modalities_ == {"image": slice(0, 16), "text": slice(16, 32)}
    names = featurizer.get_feature_names_out()
    assert names[[0, 15, 16, 31]].tolist() == [
        "image_0",
        "image_15",
        "text_0",
        "text_15",
    ]
    for name in featurizer.modalities_:
        norm = np.linalg.norm(in_a_block(featurizer, X, name), axis=1)
        np.testing.assert_allclose(norm, 1, rtol=1e-5)


def test_a_router_behind_it_takes_the_blocks_by_name(tiny_clip):
    table = queries(40)
    table.loc[:9, "image"], table.loc[10:14, "text"] = None, None
    pipeline = make_pipeline(
        ClipFeaturizer(tiny_clip).set_output(transform="pandas"),
        LatentRouterClassifier(
            modalities=["image", "text"], max_epochs=1, random_state=0
        ),
    ).fit(table, np.eye(2)[[0, 1] * 20])
    assert set(pipeline[-1].scaler_.blocks_) == {"image", "text"}
    assert np.isfinite(pipeline.predict_proba(table)).all()


def test_features_are_those_of_open_clip(tiny_clip):
    import torch

    X = ClipFeaturizer(tiny_clip, normalize=False).fit_transform(queries(2))
    open_clip = import_open_clip()
    model, preprocess = open_clip.create_model_from_pretrained(tiny_clip)
    images = torch.stack([preprocess(image) for image in queries(2)["image"]])
    tokens = open_clip.get_tokenizer(tiny_clip)(queries(2)["text"].tolist())
    with torch.inference_mode():
        expected = [model.eval().encode_image(images), model.encode_text(tokens)]
    np.testing.assert_allclose(X, torch.cat(expected, dim=1), rtol=1e-4, atol=1e-5)


def test_the_same_queries_give_the_same_bits(tiny_clip):
    first = ClipFeaturizer(tiny_clip).fit_transform(queries(4))
    load_clip.cache_clear()
    again = ClipFeaturizer(tiny_clip).fit_transform(queries(4))
    np.testing.assert_array_equal(first, again)


def test_batches_of_other_sizes_only_round_differently(tiny_clip):
    whole = ClipFeaturizer(tiny_clip, batch_size=7).fit_transform(queries(7))
    single = ClipFeaturizer(tiny_clip, batch_size=1).fit_transform(queries(7))
    np.testing.assert_allclose(whole, single, atol=1e-5)


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_half_precision_is_close(tiny_clip, precision):
    full = ClipFeaturizer(tiny_clip).fit_transform(queries(3))
    half = ClipFeaturizer(tiny_clip, precision=precision).fit_transform(queries(3))
    assert half.dtype == np.float32
    assert not np.array_equal(full, half)
    np.testing.assert_allclose(full, half, atol=0.03)


def test_cloning_and_pickling_carry_no_weights(tiny_clip):
    featurizer = ClipFeaturizer(tiny_clip, truncate=True).fit(queries(2))
    assert clone(featurizer).get_params() == featurizer.get_params()
    stored = pickle.dumps(featurizer)
    assert len(stored) < 10_000
    again = pickle.loads(stored).transform(queries(2))
    np.testing.assert_array_equal(again, featurizer.transform(queries(2)))


# -- cells that cannot be read -------------------------------------------------------


def test_a_query_may_have_one_modality_only(tiny_clip):
    table = queries(3)
    table.loc[1, "image"] = None
    table.loc[2, "text"] = None
    featurizer = ClipFeaturizer(tiny_clip)
    X = featurizer.fit_transform(table)
    missing = {
        name: np.isnan(in_a_block(featurizer, X, name)).all(axis=1).tolist()
        for name in featurizer.modalities_
    }
    assert missing == {"image": [False, True, False], "text": [False, False, True]}
    assert np.isnan(X).sum() == 32


def test_a_text_longer_than_the_context_is_an_error_with_its_row(tiny_clip):
    table = queries(3)
    table.loc[1, "text"] = LONG
    featurizer = ClipFeaturizer(tiny_clip).fit(table)
    with pytest.raises(ValueError, match=r"Row 1, column 'text': .*than the 77 tokens"):
        featurizer.transform(table)
    featurizer.set_params(on_error="missing")
    assert np.isnan(featurizer.transform(table)).any(axis=1).tolist() == [0, 1, 0]
    cut = ClipFeaturizer(tiny_clip, truncate=True).fit_transform(table)
    assert np.isfinite(cut).all()


@pytest.mark.parametrize(("n_words", "fits"), [(75, True), (76, False)])
def test_the_context_is_used_to_its_last_token(tiny_clip, n_words, fits):
    """Start, 75 words of one token each, end: 77."""
    text = " ".join(["cat"] * n_words)
    table = pd.DataFrame({"image": queries(1)["image"], "text": [text]})
    featurizer = ClipFeaturizer(tiny_clip, on_error="missing").fit(queries(1))
    X = in_a_block(featurizer, featurizer.transform(table), "text")
    assert np.isfinite(X).all() == fits


# -- weights -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A file with weights of a small architecture that open_clip knows by name."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = import_open_clip().create_model("ViT-S-32-alt")
    path = tmp_path_factory.mktemp("checkpoint") / "weights.pt"
    torch.save(model.state_dict(), path)
    yield path
    load_clip.cache_clear()
    path.unlink()


def test_a_checkpoint_is_loaded_by_its_path_with_a_warning(checkpoint):
    featurizer = ClipFeaturizer("ViT-S-32-alt", checkpoint)
    with pytest.warns(UserWarning, match="does not tell how its model was trained"):
        X = featurizer.fit_transform(queries(2))
    assert X.shape == (2, 512)
    assert not np.allclose(X[0], X[1])


def test_a_checkpoint_of_another_architecture_is_named(checkpoint):
    featurizer = ClipFeaturizer("ViT-B-32", checkpoint)
    with (
        pytest.warns(UserWarning, match="QuickGELU"),
        pytest.raises(ValueError, match=r"Cannot load .*weights\.pt as 'ViT-B-32'"),
    ):
        featurizer.fit(queries(1))


def pickled(featurizer):
    return pickle.loads(pickle.dumps(featurizer))


def saved(featurizer):
    encoder = Encoder()
    node = encoder.node(featurizer, "featurizer")
    return Decoder(encoder.arrays).value(node)


@pytest.mark.parametrize("keep", [pickled, saved])
@pytest.mark.parametrize("seed", [5, 6])
def test_other_weights_in_the_same_place_are_refused(make_clip, tmp_path, keep, seed):
    table = queries(2)
    featurizer = ClipFeaturizer(make_clip(tmp_path / "clip", seed=5)).fit(table)
    again = keep(featurizer)
    make_clip(tmp_path / "clip", seed=seed)
    load_clip.cache_clear()
    if seed == 5:
        assert np.isfinite(again.transform(table)).all()
    else:
        with pytest.raises(
            ValueError, match=r"^The weights of 'local-dir:.* not those"
        ):
            again.transform(table)


def test_weights_that_were_not_copied_to_their_end_are_named(make_clip, tmp_path):
    name = make_clip(tmp_path / "clip", seed=0)
    (tmp_path / "clip" / "open_clip_pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ValueError, match=r"Cannot load 'local-dir:.*: EOFError.*must"):
        ClipFeaturizer(name).fit(queries(1))


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        (
            ["ViT-B-32-quickgelu", "openai"],
            FileNotFoundError,
            r"fetch 'timm/vit_base_patch32_clip_224\.openai/?'.*pretrained='/path",
        ),
        (["hf-hub:nobody/nothing"], FileNotFoundError, "fetch 'nobody/nothing'"),
        (["ViT-B-32", "opanai"], ValueError, r"neither a file nor a tag.*'openai'"),
        (["ViT-B-32", "/no/such/file.pt"], ValueError, "neither a file nor a tag"),
        (["VIT-B-33"], ValueError, "no model 'VIT-B-33'; near it are .*'ViT-B-32'"),
        (["local-dir:/no/such"], ValueError, "not found.*must hold open_clip_config"),
    ],
)
def test_absent_weights_say_what_to_do(names, error, message, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(error, match=message):
        ClipFeaturizer(*names).fit(queries(1))


@pytest.mark.parametrize("on_error", ["raise", "missing"])
def test_a_model_that_is_gone_is_no_fault_of_the_cells(make_clip, tmp_path, on_error):
    folder = tmp_path / "clip"
    featurizer = ClipFeaturizer(make_clip(folder, seed=4), on_error=on_error)
    featurizer.fit(queries(1))
    folder.rename(tmp_path / "elsewhere")
    load_clip.cache_clear()
    with pytest.raises(ValueError, match=r"^Cannot load 'local-dir:"):
        featurizer.transform(queries(1))


def test_a_device_that_is_not_there_is_named(tiny_clip):
    with pytest.raises(ValueError, match="device='gpu' cannot be used here: Expected"):
        ClipFeaturizer(tiny_clip, device="gpu").fit(queries(1))


def test_a_folder_runs_no_code(make_clip, tmp_path):
    name = make_clip(tmp_path / "clip", seed=0)
    path = tmp_path / "clip" / "open_clip_config.json"
    config = json.loads(path.read_text())
    config["model_cfg"]["text_cfg"] |= {
        "hf_tokenizer_name": "any",
        "tokenizer_kwargs": {"trust_remote_code": True},
    }
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match="ask to run code of the model"):
        ClipFeaturizer(name).fit(queries(1))


def test_without_open_clip_the_error_says_what_to_install(monkeypatch):
    load_clip.cache_clear()
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(ImportError, match=r"pip install 'sklroute\[clip\]'"):
        ClipFeaturizer("ViT-B-32").fit(queries(1))


# -- the cache -----------------------------------------------------------------------


def test_an_interrupted_run_goes_on_and_ends_in_the_same_bits(
    tiny_clip, batches, tmp_path
):
    table = queries(11)
    whole = ClipFeaturizer(tiny_clip, batch_size=4).fit_transform(table)
    featurizer = ClipFeaturizer(tiny_clip, batch_size=4, cache=tmp_path).fit(table)
    batches.left = 2
    with pytest.raises(KeyboardInterrupt):
        featurizer.transform(table)
    batches.left = np.inf
    batches.clear()
    np.testing.assert_array_equal(featurizer.transform(table), whole)
    texts = [("text", 4), ("text", 4), ("text", 3)]
    assert batches == [("image", 3), *texts]  # two batches were there
    batches.clear()
    np.testing.assert_array_equal(featurizer.transform(table), whole)
    assert batches == []


def test_other_weights_and_settings_are_another_entry(
    tiny_clip, make_clip, batches, tmp_path
):
    other = make_clip(tmp_path / "other", seed=1)
    table = queries(2)
    for arguments in (
        {"model_name": tiny_clip},
        {"model_name": other},
        {"model_name": other, "normalize": False},
        {"model_name": other, "precision": "bf16"},
    ):
        batches.clear()
        cached = ClipFeaturizer(**arguments, cache=tmp_path).fit_transform(table)
        assert batches == [("image", 2), ("text", 2)], arguments
        fresh = ClipFeaturizer(**arguments).fit_transform(table)
        np.testing.assert_array_equal(cached, fresh)


def test_the_same_weights_elsewhere_are_the_same_entry(make_clip, batches, tmp_path):
    for folder in ("first", "second"):
        batches.clear()
        name = make_clip(tmp_path / folder, seed=3)
        ClipFeaturizer(name, cache=tmp_path / "cache").fit_transform(queries(2))
    assert batches == []
