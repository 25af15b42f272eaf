"""CLIP: pictures and texts as vectors of one space."""

import warnings
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import StrOptions

from sklroute.features._base import BlockFeaturizer
from sklroute.features._clip_model import Loaded, Source, load_clip
from sklroute.features._weights import ModelError

SAME_WEIGHTS = 0.999  # cosine of their probes, at least; half precision loses less


class ClipFeaturizer(BlockFeaturizer):
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
    probe_ : ndarray of float32
        What the model makes of one text. Weights that make something else of it, in
        the place of those that it was fitted with, are an error.

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
        **BlockFeaturizer._parameter_constraints,
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

    def fit(self, X: Any, y: Any = None) -> "ClipFeaturizer":
        """Load the model.

        Parameters
        ----------
        X : DataFrame, mapping of columns, or sequence of rows
            The queries, with the columns "image" and "text".
        y : object, default=None
            Ignored.

        Returns
        -------
        self : ClipFeaturizer

        Raises
        ------
        ValueError
            If a column is not there, or the model cannot be loaded.
        """
        super().fit(X, y)
        self.probe_ = self.encoders_["text"].loaded.probe
        self._bind_encoders()
        return self

    def _bind_encoders(self) -> None:
        """Let the encoders take no other weights than those of fit."""
        for side in self.encoders_.values():
            side.probe = getattr(self, "probe_", None)  # older files have none

    def _make_encoders(self) -> dict[str, Any]:
        source = Source.of(self.model_name, str(self.pretrained))
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


class _Side:
    """One side of a CLIP model: a list of prepared items in, a block out.

    It holds no weights: those are loaded when they are first used, kept for all that
    use them, and neither copied nor pickled.
    """

    probe: NDArray[np.float32] | None = None  # of the weights that were fitted with

    def __init__(
        self, source: Source, device: str | None, precision: str, normalize: bool
    ):
        self.source = source
        self.device = device
        self.precision = precision
        self.normalize = normalize

    @property
    def loaded(self) -> "Loaded":
        loaded = load_clip(self.source, self.device, self.precision)
        if self.probe is not None and self.probe @ loaded.probe < SAME_WEIGHTS:
            raise ModelError(
                f"The weights of {self.source.model_name!r} are not those that the "
                "featurizer was fitted with: put these back, or fit it and its router "
                "again."
            )
        return loaded

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
