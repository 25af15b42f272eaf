"""Any encoders, side by side."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

from sklroute.features._base import BlockFeaturizer, is_transformer


class MultimodalFeaturizer(BlockFeaturizer):
    """Encode several columns of a table and put the blocks side by side.

    An encoder is any callable that turns a list of n items into an array of shape (n,
    n_features), or a scikit-learn transformer such as `TextEmbedder`. It gets

    - RGB ``PIL.Image`` pictures if its attribute ``reads`` is "image" or, without that
      attribute, its block is called "image"; the cells are then paths, the bytes of a
      file, or PIL images;
    - texts that are not empty, likewise for "text";
    - the cells as they are, in any other case (audio, video, numbers).

    Further attributes that an encoder may have: ``prepare(item)``, called once for each
    item before batches are made, raises a ValueError for an item it cannot take;
    ``cache_key``, a text that tells this encoder with these weights from all others,
    is needed with ``cache``; ``n_features``.

    Cells that are None or NaN make a missing block: NaN in its columns.

    Parameters
    ----------
    encoders : dict of str to callable or transformer
        By the column that they read, which also names the block.
    batch_size : int, default=64
        Items in one call of an encoder.
    on_error : {"raise", "missing"}, default="raise"
        What becomes of a cell that cannot be read (no such file, a truncated picture,
        an empty text): an error that names the row, or a missing block.
    cache : path-like, default=None
        Folder in which features are kept by what the cells hold. Each content is
        encoded once, and a run that was interrupted goes on where it stopped. Fitted
        transformers are not cached.
    progress : bool, default=False
        Show a bar.

    Attributes
    ----------
    modalities_ : dict of str to slice
        Columns of each block in the output.
    encoders_ : dict of str to callable
        The encoder of each block; transformers are fitted.

    Notes
    -----
    An encoder that works on batches rounds differently in batches of different sizes,
    by about 2e-7. With the same rows in the same order the features are equal bit by
    bit, interrupted or not.

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute.features import MultimodalFeaturizer, TextEmbedder
    >>> def loudness(clips):
    ...     return [[np.abs(clip).mean(), np.abs(clip).max()] for clip in clips]
    >>> featurizer = MultimodalFeaturizer({"text": TextEmbedder(2), "audio": loudness})
    >>> queries = {
    ...     "text": ["who speaks?", "what is played?"],
    ...     "audio": [np.array([0.0, 0.5, -0.5, 0.0]), None],
    ... }
    >>> X = featurizer.fit_transform(queries)
    >>> X[:, featurizer.modalities_["audio"]]
    array([[0.25, 0.5 ],
           [ nan,  nan]], dtype=float32)
    """

    _parameter_constraints: dict = {
        **BlockFeaturizer._parameter_constraints,
        "encoders": [Mapping],
    }

    def __init__(
        self,
        encoders: Mapping[str, Any],
        *,
        batch_size: int = 64,
        on_error: str = "raise",
        cache: str | PathLike | None = None,
        progress: bool = False,
    ):
        self.encoders = encoders
        self.batch_size = batch_size
        self.on_error = on_error
        self.cache = cache
        self.progress = progress

    def _make_encoders(self) -> dict[str, Any]:
        if not self.encoders:
            raise ValueError("There are no encoders.")
        for name, encoder in self.encoders.items():
            if not (callable(encoder) or is_transformer(encoder)):
                raise ValueError(
                    f"The encoder of {name!r} is neither callable nor a transformer: "
                    f"{encoder!r}."
                )
        return dict(self.encoders)
