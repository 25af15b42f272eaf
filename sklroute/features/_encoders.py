"""Encoders behind one interface: a list of items in, a block of features out."""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklroute.features._torchvision import import_torchvision
from sklroute.features._weights import ModelError, Stamp, contents, stamps


class SentenceEncoder:
    """Encode texts with a model of sentence-transformers.

    For `MultimodalFeaturizer`. The model is loaded when it is first used; it is neither
    copied nor pickled.

    Parameters
    ----------
    model : str
        Name of a model, or the folder it is in.
    device : str, default="cpu"
        Where to compute.
    normalize : bool, default=True
        Whether vectors are scaled to length 1.
    truncate : bool, default=True
        Whether a text longer than the model's context is cut, which is what
        sentence-transformers does. Otherwise it counts as unreadable.

    Examples
    --------
    >>> from sklroute.features import MultimodalFeaturizer, SentenceEncoder
    >>> encoder = SentenceEncoder("sentence-transformers/all-MiniLM-L6-v2")
    >>> featurizer = MultimodalFeaturizer({"text": encoder})
    >>> featurizer.fit_transform(["a text", "another"]).shape  # doctest: +SKIP
    (2, 384)
    """

    reads = "text"

    def __init__(
        self,
        model: str,
        *,
        device: str = "cpu",
        normalize: bool = True,
        truncate: bool = True,
    ):
        self.model = str(model)
        self.device = device
        self.normalize = normalize
        self.truncate = truncate

    @property
    def _files(self) -> tuple[Stamp, ...]:
        return stamps(Path(self.model).rglob("*"))

    @property
    def _loaded(self) -> Any:
        return _load_sentences(self.model, self.device, self._files)

    @property
    def cache_key(self) -> str:
        """The model, by content where it is a folder, and its settings."""
        files = self._files
        model = contents(files) if files else self.model
        settings = f"normalize={self.normalize} truncate={self.truncate}"
        return f"sentence-transformers {model} {settings}"

    def prepare(self, text: str) -> str:
        """Return the text, or raise a ValueError where it is too long.

        Parameters
        ----------
        text : str
            What is to be encoded.

        Returns
        -------
        text : str
            The same.
        """
        if not self.truncate:
            model = self._loaded
            n_tokens = len(model.tokenizer(text)["input_ids"])
            if n_tokens > model.max_seq_length:
                raise ValueError(
                    f"the text {text[:40]!r}... has {n_tokens} tokens, the model takes "
                    f"{model.max_seq_length} (truncate=True cuts it)"
                )
        return text

    def __call__(self, texts: list[str]) -> NDArray[np.float32]:
        """Vectors of texts, of shape (n_texts, n_features)."""
        return self._loaded.encode(
            texts,
            batch_size=len(texts),
            normalize_embeddings=self.normalize,
            show_progress_bar=False,
        )


@lru_cache(maxsize=2)
def _load_sentences(model: str, device: str, _files: tuple[Stamp, ...]) -> Any:
    with suppress(ImportError):  # sentence-transformers does without torchvision
        import_torchvision()
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise ImportError(
            "SentenceEncoder needs sentence-transformers: pip install "
            f"'sklroute[sentence]' ({error})."
        ) from error
    try:
        return SentenceTransformer(model, device=device)
    except ValueError as error:
        raise ModelError(f"Cannot load the model {model!r}: {error}") from error


class TorchImageEncoder:
    """Encode pictures with a torch module, such as a backbone of timm or torchvision.

    For `MultimodalFeaturizer`.

    Parameters
    ----------
    module : torch.nn.Module
        From a batch of pictures to vectors, of shape (n, n_features). It is put into
        evaluation mode.
    preprocess : callable
        From an RGB ``PIL.Image`` to a tensor, of the same shape for every picture.
    cache_key : str, default=None
        A text that tells this module, its weights and its preprocessing from all
        others; needed with a cache.
    device : str, default="cpu"
        Where to compute.

    Examples
    --------
    >>> import timm  # doctest: +SKIP
    >>> from sklroute.features import MultimodalFeaturizer, TorchImageEncoder
    >>> module = timm.create_model(
    ...     "resnet18", pretrained=True, num_classes=0
    ... )  # doctest: +SKIP
    >>> preprocess = timm.data.create_transform(
    ...     **timm.data.resolve_model_data_config(module)
    ... )  # doctest: +SKIP
    >>> encoder = TorchImageEncoder(module, preprocess, "resnet18")  # doctest: +SKIP
    >>> featurizer = MultimodalFeaturizer({"image": encoder})  # doctest: +SKIP
    """

    reads = "image"

    def __init__(
        self,
        module: Any,
        preprocess: Callable,
        cache_key: str | None = None,
        *,
        device: str = "cpu",
    ):
        self.module = module.eval().to(device)
        self.preprocess = preprocess
        self.cache_key = cache_key
        self.device = device

    def __deepcopy__(self, memo: dict) -> "TorchImageEncoder":
        """Return itself: nothing here ever changes, and weights are large."""
        return self

    def prepare(self, image: Any) -> Any:
        """Turn a picture into a tensor.

        Parameters
        ----------
        image : PIL image
            An opened picture.

        Returns
        -------
        tensor : torch.Tensor
            What ``preprocess`` makes of it.
        """
        return self.preprocess(image)

    def __call__(self, tensors: list) -> NDArray[np.float32]:
        """Vectors of prepared pictures, of shape (n_pictures, n_features)."""
        import torch

        with torch.inference_mode():
            vectors = self.module(torch.stack(tensors).to(self.device))
            return vectors.float().cpu().numpy()
