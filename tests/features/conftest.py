"""A CLIP model of open_clip that is tiny, has random weights, and lies in a folder."""

import json
from importlib.util import find_spec

import pytest

CONFIG = {
    "model_cfg": {
        "embed_dim": 16,
        "vision_cfg": {
            "image_size": 32,
            "layers": 1,
            "width": 32,
            "head_width": 16,
            "patch_size": 16,
        },
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49408,
            "width": 16,
            "heads": 2,
            "layers": 1,
        },
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
}


def write_clip(folder, seed):
    """Write a model with random weights where open_clip looks for it."""
    import torch

    from sklroute.features._clip_model import import_open_clip

    folder.mkdir(exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(CONFIG))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = import_open_clip().CLIP(**CONFIG["model_cfg"])
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    return f"local-dir:{folder}"


@pytest.fixture(scope="session")
def make_clip():
    """Writer of tiny models."""
    if find_spec("open_clip") is None:  # importing it may need our help
        pytest.skip("open_clip_torch is not installed")
    return write_clip


@pytest.fixture(scope="session")
def tiny_clip(make_clip, tmp_path_factory):
    """Name of a tiny model for `ClipFeaturizer`."""
    return make_clip(tmp_path_factory.mktemp("clip"), seed=0)
