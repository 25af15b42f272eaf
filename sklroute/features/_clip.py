"""CLIP: pictures and texts as vectors of one space."""

import warnings
from difflib import get_close_matches
from functools import lru_cache
from os import PathLike
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import StrOptions

from sklroute.features._featurizer import _BlockFeaturizer
from sklroute.features._torchvision import import_torchvision
from sklroute.features._weights import Stamp, contents, stamps

__all__ = ["ClipFeaturizer"]

LOADED_AT_ONCE = 2  # models kept in memory
FOLDER = "open_clip_config.json and open_clip_pytorch_model.bin or .safetensors"
# What open_clip raises for weights that it cannot find, read or fit in.
FAILURES = (
    OSError,
    RuntimeError,
    ValueError,
    KeyError,
    AssertionError,
    UnpicklingError,
)
SCHEMAS = ("local-dir:", "hf-hub:")


class ClipFeaturizer(_BlockFeaturizer):
    """Encode the picture and the text of each query with a CLIP model.

    A transformer from a table with the columns ``image`` (path, bytes of a file, PIL
    image or None) and ``text`` (str or None) to features ``[image | text]`` of the
    same width. The models are those of open_clip (``pip install 'sklroute[clip]'``).

    A picture or text that is None or NaN makes a missing block: NaN in its columns.

    Parameters
    ----------
    model_name : str, default="ViT-B-32-quickgelu"
        Architecture, as in ``open_clip.list_models()``, or ``"local-dir:FOLDER"`` for
        a folder that holds ``open_clip_config.json`` and weights.
    pretrained : str or path-like, default="openai"
        Tag of the weights, as in ``open_clip.list_pretrained()``, or path of a
        checkpoint (``.bin``, ``.pt``, ``.safetensors``). Ignored where ``model_name``
        names a folder.
    batch_size : int, default=64
        Pictures or texts encoded at once.
    device : str, default=None
        Where to compute, e.g. "cuda". None is "cuda" where there is one, else "cpu".
    precision : {"fp32", "fp16", "bf16"}, default="fp32"
        Numbers to compute in. The features are float32 in any case.
    normalize : bool, default=True
        Whether each block's rows are scaled to length 1, as CLIP compares them.
    truncate : bool, default=False
        Whether a text longer than the model's context (most often 77 tokens) is cut.
        Otherwise it is an error, or missing, like other texts that cannot be read.
    on_error : {"raise", "missing"}, default="raise"
        What becomes of a cell that cannot be read (no such file, a truncated picture,
        an empty text): an error that names the row, or a missing block.
    cache : path-like, default=None
        Folder in which features are kept, by what the cells hold and by the model,
        its weights and its settings. Each content is encoded once, and a run that was
        interrupted goes on where it stopped.
    progress : bool, default=False
        Show a bar.

    Attributes
    ----------
    modalities_ : dict of str to slice
        Columns of the blocks "image" and "text".
    encoders_ : dict of str to callable
        The two sides of the model.

    Warns
    -----
    UserWarning
        If the weights come from a file: such a file does not tell which activation and
        which scaling of pixels it was trained with.

    See Also
    --------
    MultimodalFeaturizer : Other encoders, other modalities.

    Notes
    -----
    Rounding depends on the batch: with the same rows in the same order the features
    are equal bit by bit, interrupted or not; a row in a smaller batch may differ by
    about 2e-7.

    References
    ----------
    A. Radford et al., "Learning transferable visual models from natural language
    supervision", ICML 2021, arXiv:2103.00020.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklroute.features import ClipFeaturizer
    >>> queries = pd.DataFrame(
    ...     {"image": ["chart.png", None], "text": ["Which bar is longest?", "2 + 2?"]}
    ... )
    >>> featurizer = ClipFeaturizer(cache="features")
    >>> X = featurizer.fit_transform(queries)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (2, 1024)
    """

    _parameter_constraints: dict = {
        **_BlockFeaturizer._parameter_constraints,
        "model_name": [str],
        "pretrained": [str, PathLike],
        "device": [str, None],
        "precision": [StrOptions({"fp32", "fp16", "bf16"})],
        "normalize": ["boolean"],
        "truncate": ["boolean"],
    }

    def __init__(
        self,
        model_name: str = "ViT-B-32-quickgelu",
        pretrained: str | PathLike = "openai",
        *,
        batch_size: int = 64,
        device: str | None = None,
        precision: str = "fp32",
        normalize: bool = True,
        truncate: bool = False,
        on_error: str = "raise",
        cache: str | PathLike | None = None,
        progress: bool = False,
    ):
        self.model_name = model_name
        self.pretrained = pretrained
        self.batch_size = batch_size
        self.device = device
        self.precision = precision
        self.normalize = normalize
        self.truncate = truncate
        self.on_error = on_error
        self.cache = cache
        self.progress = progress

    def _make_encoders(self) -> dict[str, Any]:
        source = _Source.of(self.model_name, str(self.pretrained))
        if source.is_file:
            warnings.warn(
                f"The file {self.pretrained} does not tell how its model was trained: "
                f"{self.model_name!r} decides on QuickGELU or GELU, and pixels are "
                "scaled as for OpenAI's weights. Those need an architecture whose name "
                "ends in '-quickgelu'. A folder with open_clip_config.json, given as "
                "model_name='local-dir:FOLDER', tells all of it.",
                UserWarning,
                stacklevel=3,
            )
        settings = (source, self.device, self.precision, self.normalize)
        image = _ImageSide(*settings)
        return {"image": image, "text": _TextSide(*settings, self.truncate)}


class _Source(NamedTuple):
    """Where a model's weights come from, and a stamp that changes with its files."""

    model_name: str
    pretrained: str
    files: tuple[Stamp, ...]

    @classmethod
    def of(cls, model_name: str, pretrained: str) -> "_Source":
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


class _Side:
    """One side of a CLIP model: a list of prepared items in, a block out.

    It holds no weights: those are loaded when they are first used, kept for all that
    use them, and neither copied nor pickled.
    """

    def __init__(
        self, source: _Source, device: str | None, precision: str, normalize: bool
    ):
        self.source = source
        self.device = device
        self.precision = precision
        self.normalize = normalize

    @property
    def loaded(self) -> "_Loaded":
        return _load(self.source, self.device, self.precision)

    @property
    def n_features(self) -> int:
        return self.loaded.n_features

    @property
    def cache_key(self) -> str:
        import open_clip

        settings = [self.reads, self.precision, f"normalize={self.normalize}"]
        return " ".join(
            ["open_clip", open_clip.__version__, self.source.identity, *settings]
        )

    def __call__(self, items: list) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            batch = torch.stack(items).to(self.loaded.device)
            vectors = self._forward(self.loaded.model, batch).float()
            if self.normalize:
                vectors = torch.nn.functional.normalize(vectors, dim=1)
            return vectors.cpu().numpy()


class _ImageSide(_Side):
    reads = "image"

    def prepare(self, image):
        return self.loaded.preprocess(image)

    def _forward(self, model, batch):
        return model.encode_image(batch.to(self.loaded.input_dtype))


class _TextSide(_Side):
    reads = "text"

    def __init__(self, *settings: Any):
        *settings, self.truncate = settings
        super().__init__(*settings)

    @property
    def cache_key(self) -> str:
        return f"{super().cache_key} truncate={self.truncate}"

    def prepare(self, text):
        tokenizer = self.loaded.tokenizer
        n_tokens = tokenizer.context_length
        tokens = tokenizer([text])[0]
        if self.truncate:
            return tokens
        # With one more place a text that was cut shows another token in the last one.
        longer = tokenizer([text], context_length=n_tokens + 1)[0]
        if not longer[:n_tokens].equal(tokens):
            raise ValueError(
                f"the text {text[:40]!r}... is longer than the {n_tokens} tokens of "
                "the model (truncate=True cuts it)"
            )
        return tokens

    def _forward(self, model, batch):
        return model.encode_text(batch)


class _Loaded(NamedTuple):
    """A model in memory with what belongs to it."""

    model: Any
    preprocess: Any
    tokenizer: Any
    device: str
    input_dtype: Any
    n_features: int


@lru_cache(maxsize=LOADED_AT_ONCE)
def _load(source: _Source, device: str | None, precision: str) -> _Loaded:
    open_clip = _import_open_clip()
    import torch

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    name = source.model_name
    try:
        model, preprocess = open_clip.create_model_from_pretrained(
            name, source.pretrained or None, precision=precision, device=device
        )
        tokenizer = open_clip.get_tokenizer(name)
    except FAILURES as error:
        raise _explained(open_clip, source, error) from error
    with torch.inference_mode():
        tokens = tokenizer(["a picture"]).to(device)
        n_features = model.eval().encode_text(tokens).shape[1]
    dtype = open_clip.get_input_dtype(precision)
    return _Loaded(model, preprocess, tokenizer, device, dtype, n_features)


def _explained(open_clip: Any, source: _Source, error: Exception) -> Exception:
    """Say what to do about a model that could not be loaded."""
    name, tag = source.model_name, source.pretrained
    reason = str(error).splitlines()[0]
    if name.startswith("local-dir:"):
        return ValueError(f"Cannot load {name!r}: {reason} It must hold {FOLDER}.")
    if source.files:
        return ValueError(f"Cannot load {tag} as {name!r}: {reason}")
    if name.startswith("hf-hub:"):
        where = name.removeprefix("hf-hub:")
    elif name not in open_clip.list_models():
        close = get_close_matches(name, open_clip.list_models(), n=3, cutoff=0.3)
        return ValueError(f"open_clip has no model {name!r}; near it are {close}.")
    else:
        config = open_clip.get_pretrained_cfg(name, tag)
        if not config:
            tags = open_clip.list_pretrained_tags_by_model(name)
            return ValueError(
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


def _import_open_clip() -> Any:
    try:
        import_torchvision()
        import open_clip
    except ImportError as error:
        raise ImportError(
            f"CLIP features need open_clip: pip install 'sklroute[clip]' ({error})."
        ) from error
    return open_clip
