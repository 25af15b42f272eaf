"""Scaling of feature blocks: one number per modality."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sklroute.features._cells import short


class BlockScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Centre each modality block and give its rows a mean norm of 1.

    Embeddings of different modalities differ in offset and in length (the modality
    gap). Each block is centred and divided by **one** number, so that no modality
    outweighs another while the geometry inside a block, which carries the meaning of
    an embedding, stays as the encoder made it. Scaling every column on its own would
    blow up the columns that carry only noise.

    Parameters
    ----------
    modalities : dict or list of str, default=None
        Columns of each block, by its name: a slice or integers, e.g. ``{"image":
        slice(0, 512), "text": slice(512, 1024)}``; or a string with which the names
        of its columns start, where ``X`` has names. The list ``["image", "text"]``
        is short for ``{"image": "image_", "text": "text_"}``, as featurizers name
        their columns. Every column belongs to exactly one block. None makes all
        columns one block.
    allow_missing : bool, default=False
        Whether a block may be missing for a query: NaN in all of its columns. The
        block's mean, which is 0 after centring, is put in its place, so that it says
        nothing about the query.

    Attributes
    ----------
    blocks_ : dict of str to ndarray of int
        Column numbers of each block.
    mean_ : ndarray of shape (n_features,)
        Mean of each column, over the queries that have it.
    scale_ : ndarray of shape (n_features,)
        What each column is divided by: one value per block, 1 for a block that
        never varies.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where ``X`` had names.

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute.features import BlockScaler
    >>> X = [[0.0, 30.0], [2.0, 10.0]]
    >>> scaler = BlockScaler({"image": slice(0, 1), "text": slice(1, 2)})
    >>> scaler.fit_transform(X)
    array([[-1.,  1.],
           [ 1., -1.]])
    """

    def __init__(
        self,
        modalities: Mapping[str, Any] | Sequence[str] | None = None,
        *,
        allow_missing: bool = False,
    ):
        self.modalities = modalities
        self.allow_missing = allow_missing

    def fit(self, X: ArrayLike, y: Any = None) -> "BlockScaler":
        """Measure the blocks.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Features of the queries; NaN only in blocks that may be missing.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : BlockScaler

        Raises
        ------
        ValueError
            If a column belongs to no block or to two, or does not exist; if a block
            is missing for every query, or in part.
        """
        X = self._check_X(X, reset=True)
        names = getattr(self, "feature_names_in_", None)
        self.blocks_ = check_blocks(self.modalities, X.shape[1], names)
        missing = missing_blocks(X, self.blocks_)
        self.mean_ = np.zeros(X.shape[1], dtype=X.dtype)
        self.scale_ = np.ones_like(self.mean_)
        for name, columns in self.blocks_.items():
            block = X[np.ix_(~missing[name], columns)]
            if not len(block):
                raise ValueError(
                    f"Block {name!r} is missing for every query, of {len(X)}: leave "
                    "its columns out."
                )
            mean = block.mean(axis=0, dtype=np.float64).astype(X.dtype)
            norm = np.linalg.norm(block - mean, axis=1).mean()
            # Below rounding error a block is constant: there is nothing to stretch.
            floor = 10 * np.finfo(X.dtype).eps * np.abs(block).max()
            self.mean_[columns] = mean
            self.scale_[columns] = norm if norm > floor else 1.0
        return self

    def transform(self, X: ArrayLike) -> NDArray:
        """Centre and scale.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Features of the queries; NaN only in blocks that may be missing.

        Returns
        -------
        X : ndarray of shape (n_queries, n_features)
            float32 stays float32. 0 in blocks that are missing.
        """
        check_is_fitted(self)
        return self._scale(self._check_X(X, reset=False))

    def _scale(self, X: NDArray) -> NDArray:
        """Transform features that have been checked."""
        scaled = X - self.mean_.astype(X.dtype, copy=False)
        scaled /= self.scale_.astype(X.dtype, copy=False)
        for name, missing in missing_blocks(X, self.blocks_).items():
            if missing.any():
                scaled[np.ix_(missing, self.blocks_[name])] = 0.0
        return scaled

    def _check_X(self, X: ArrayLike, *, reset: bool) -> NDArray:
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=(np.float64, np.float32),
            ensure_all_finite="allow-nan" if self.allow_missing else True,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Not allow_nan: that would promise to take NaN in any place.
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def missing_blocks(
    X: NDArray, blocks: Mapping[str, NDArray]
) -> dict[str, NDArray[np.bool_]]:
    """Queries for which each block is missing: NaN in all of its columns."""
    with np.errstate(over="ignore"):
        complete = not np.isnan(X.sum())
    if complete:
        return {name: np.zeros(len(X), dtype=bool) for name in blocks}
    missing = {}
    for name, columns in blocks.items():
        nan = np.isnan(X[:, columns])
        missing[name] = nan.all(axis=1)
        partly = np.flatnonzero(nan.any(axis=1) & ~missing[name])
        if len(partly):
            raise ValueError(
                f"Row {partly[0]}: block {name!r} is NaN in part; a block is there "
                "or it is missing as a whole. `modalities` tells which columns are a "
                "block."
            )
    return missing


def check_blocks(
    modalities: Mapping[str, Any] | Sequence[str] | None,
    n_features: int,
    names: NDArray | None,
) -> dict[str, NDArray[np.intp]]:
    """Column numbers of each block, having checked that they share out all columns.

    ``modalities`` are as in `BlockScaler`, ``names`` those of the columns, if any.
    """
    if modalities is None:
        return {"all": np.arange(n_features)}
    if isinstance(modalities, str) or not np.iterable(modalities):
        raise ValueError(
            f"modalities={modalities!r}: expected a dict, a list of names or None."
        )
    if not isinstance(modalities, Mapping):
        modalities = {name: f"{name}_" for name in modalities}
    blocks = {
        name: _start_with(columns, name, names)
        if isinstance(columns, str)
        else _numbered(columns, name, n_features)
        for name, columns in modalities.items()
    }
    owner = {}
    for name, columns in blocks.items():
        for column in columns.tolist():
            if column in owner:
                raise ValueError(
                    f"Column {column} belongs to the blocks {owner[column]!r} and "
                    f"{name!r}."
                )
            owner[column] = name
    alone = sorted(set(range(n_features)) - set(owner))
    if alone:
        raise ValueError(
            f"Column {alone[0]} belongs to none of the blocks {list(blocks)}."
        )
    empty = [name for name, columns in blocks.items() if not len(columns)]
    if empty:
        raise ValueError(f"Block {empty[0]!r} is empty.")
    return blocks


def _numbered(columns: Any, block: str, n_features: int) -> NDArray[np.intp]:
    """Columns of a block that is given by a slice or by numbers."""
    if not isinstance(columns, slice):
        given, columns = columns, np.atleast_1d(columns)
        if columns.ndim > 1 or (columns.size and columns.dtype.kind not in "iub"):
            raise ValueError(
                f"Block {block!r} is given by {short(given)}: expected a slice, the "
                "numbers of its columns, or the text with which their names start."
            )
        columns = columns if columns.size else columns.astype(np.intp)
    try:
        if isinstance(columns, slice) and (columns.stop or 0) > n_features:
            raise IndexError(f"{columns} ends behind the last one")
        return np.arange(n_features)[columns]
    except IndexError as error:
        raise ValueError(
            f"Block {block!r} has a column that X, of {n_features} columns, lacks: "
            f"{error}"
        ) from error


def _start_with(prefix: str, block: str, names: NDArray | None) -> NDArray[np.intp]:
    """Columns of a block that is given by what their names start with."""
    if names is None:
        raise ValueError(
            f"Block {block!r} is given by the names of its columns, {prefix!r}..., but "
            "X has none: pass a DataFrame, or columns by number. A featurizer gives "
            "names after set_output(transform='pandas')."
        )
    columns = np.flatnonzero([name.startswith(prefix) for name in names])
    if not len(columns):
        raise ValueError(
            f"Block {block!r}: no column's name starts with {prefix!r}; there are "
            f"{names[0]!r} to {names[-1]!r}."
        )
    return columns
