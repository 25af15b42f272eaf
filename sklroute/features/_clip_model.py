"""Models of open_clip: where their weights are, loading them, what to do without."""

import json
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklroute.features._torchvision import import_torchvision
from sklroute.features._weights import ModelError, Stamp, contents, stamps

LOADED_AT_ONCE = 2  # models kept in memory
FOLDER = "open_clip_config.json and open_clip_pytorch_model.bin or .safetensors"
# What open_clip raises for weights that it cannot find, read or fit in.
FAILURES = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    KeyError,
    AssertionError,
    UnpicklingError,
)
SCHEMAS = ("local-dir:", "hf-hub:")


class Source(NamedTuple):
    """Where a model's weights come from, and a stamp that changes with its files."""

    model_name: str
    pretrained: str
    files: tuple[Stamp, ...]

    @classmethod
    def of(cls, model_name: str, pretrained: str) -> "Source":
        if model_name.startswith("hf-hub:"):
            return cls(model_name, "", ())
        folder = model_name.removeprefix("local-dir:")
        if folder != model_name:
            return cls(model_name, "", stamps(Path(folder).glob("*")))
        return cls(model_name, pretrained, stamps([Path(pretrained)]))

    @property
    def is_file(self) -> bool:
        return bool(self.files) and not self.model_name.startswith(SCHEMAS)

    @property
    def identity(self) -> str:
        """The model and its weights: by content where they are files."""
        if not self.files:
            return f"{self.model_name} {self.pretrained}"
        name = self.model_name if self.is_file else "folder"
        return f"{name} {contents(self.files)}"


class Loaded(NamedTuple):
    """A model in memory with what belongs to it."""

    model: Any
    preprocess: Any
    tokenizer: Any
    device: str
    input_dtype: Any
    probe: NDArray[np.float32]  # direction of one text: tells the weights from others

    @property
    def n_features(self) -> int:
        return len(self.probe)


@lru_cache(maxsize=LOADED_AT_ONCE)
def load_clip(source: Source, device: str | None, precision: str) -> Loaded:
    open_clip = import_open_clip()
    import torch

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    _check_device(torch, device)
    name = source.model_name
    try:
        model, preprocess = open_clip.create_model_from_pretrained(
            name, source.pretrained or None, precision=precision, device=device
        )
        _check_tokenizer(name)
        tokenizer = open_clip.get_tokenizer(name)
    except FAILURES as error:
        raise _explained(open_clip, source, error) from error
    with torch.inference_mode():
        tokens = tokenizer(["a picture"]).to(device)
        vector = model.eval().encode_text(tokens)[0].float().cpu().numpy()
    dtype = open_clip.get_input_dtype(precision)
    probe = vector / np.linalg.norm(vector)
    return Loaded(model, preprocess, tokenizer, device, dtype, probe)


def _check_device(torch: Any, device: str) -> None:
    """Refuse a device that this machine lacks, before weights are blamed for it."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"device={device!r} cannot be used here: {reason}") from error


def _check_tokenizer(name: str) -> None:
    """Refuse a folder whose settings run code in it: a router's file may name it."""
    folder = name.removeprefix("local-dir:")
    if folder == name:
        return
    text = (Path(folder) / "open_clip_config.json").read_text(encoding="utf-8")
    settings = json.loads(text)["model_cfg"]["text_cfg"].get("tokenizer_kwargs")
    if settings and settings.get("trust_remote_code"):
        raise ValueError(
            "the tokenizer_kwargs in its open_clip_config.json ask to run code of the "
            "model (trust_remote_code)."
        )


def _explained(open_clip: Any, source: Source, error: Exception) -> Exception:
    """Say what to do about a model that could not be loaded."""
    name, tag = source.model_name, source.pretrained
    reason = (str(error) or repr(error)).splitlines()[0].rstrip(". ")
    if name.startswith("local-dir:"):
        return ModelError(f"Cannot load {name!r}: {reason}. It must hold {FOLDER}.")
    if source.files:
        return ModelError(f"Cannot load {tag} as {name!r}: {reason}")
    if name.startswith("hf-hub:"):
        where = name.removeprefix("hf-hub:")
    elif name not in open_clip.list_models():
        close = get_close_matches(name, open_clip.list_models(), n=3, cutoff=0.3)
        return ModelError(f"open_clip has no model {name!r}; near it are {close}.")
    else:
        config = open_clip.get_pretrained_cfg(name, tag)
        if not config:
            tags = open_clip.list_pretrained_tags_by_model(name)
            return ModelError(
                f"pretrained={tag!r} is neither a file nor a tag of {name!r}; its "
                f"tags are {tags}."
            )
        where = config.get("hf_hub") or config.get("url")
    weights = " ".join([repr(name), *([repr(tag)] if tag else [])])
    return FileNotFoundError(
        f"The weights {weights} are not on this machine and could not be downloaded "
        f"({reason}). On a machine that is online, fetch {where!r} from the Hugging "
        "Face Hub (or its address), e.g. with 'hf download', copy it here, and pass "
        "the file as pretrained='/path/to/the/checkpoint', or a folder with "
        f"{FOLDER} as model_name='local-dir:/path/to/the/folder'. HF_HUB_OFFLINE=1 "
        "skips the attempts to download."
    )


def import_open_clip() -> Any:
    try:
        import_torchvision()
        import open_clip
    except ImportError as error:
        raise ImportError(
            f"CLIP features need open_clip: pip install 'sklroute[clip]' ({error})."
        ) from error
    return open_clip
