"""Scaling of feature blocks: one number per modality."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

__all__ = ["BlockScaler"]


class BlockScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Centre each modality block and give its rows a mean norm of 1.

    Embeddings of different modalities differ in offset and in length (the modality
    gap). Each block is centred and divided by **one** number, so that no modality
    outweighs another while the geometry inside a block, which carries the meaning of
    an embedding, stays as the encoder made it. Scaling every column on its own would
    blow up the columns that carry only noise.

    Parameters
    ----------
    modalities : dict of str to slice or array-like of int, default=None
        Columns of each block, e.g. ``{"image": slice(0, 512), "text": slice(512,
        1024)}``. Every column belongs to exactly one block. None makes all columns
        one block.

    Attributes
    ----------
    blocks_ : dict of str to ndarray of int
        Column numbers of each block.
    mean_ : ndarray of shape (n_features,)
        Mean of each column.
    scale_ : ndarray of shape (n_features,)
        What each column is divided by: one value per block, 1 for a block that
        never varies.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
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

    def __init__(self, modalities: Mapping[str, Any] | None = None):
        self.modalities = modalities

    def fit(self, X: ArrayLike, y: Any = None) -> "BlockScaler":
        """Measure the blocks.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Features of the queries, without NaN.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : BlockScaler

        Raises
        ------
        ValueError
            If a column belongs to no block or to two, or does not exist.
        """
        X = validate_data(self, X, dtype=(np.float64, np.float32))
        self.blocks_ = _check_blocks(self.modalities, X.shape[1])
        self.mean_ = X.mean(axis=0)
        self.scale_ = np.ones_like(self.mean_)
        for columns in self.blocks_.values():
            norm = np.linalg.norm(X[:, columns] - self.mean_[columns], axis=1).mean()
            # Below rounding error a block is constant: there is nothing to stretch.
            floor = 10 * np.finfo(X.dtype).eps * np.abs(X[:, columns]).max()
            self.scale_[columns] = norm if norm > floor else 1.0
        return self

    def transform(self, X: ArrayLike) -> NDArray:
        """Centre and scale.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Features of the queries, without NaN.

        Returns
        -------
        X : ndarray of shape (n_queries, n_features)
            float32 stays float32.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=(np.float64, np.float32))
        return (X - self.mean_.astype(X.dtype)) / self.scale_.astype(X.dtype)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _check_blocks(modalities, n_features: int) -> dict[str, NDArray[np.intp]]:
    """Column numbers of each block, having checked that they share out all columns."""
    if modalities is None:
        return {"all": np.arange(n_features)}
    every = np.arange(n_features)
    blocks, owner = {}, {}
    for name, columns in modalities.items():
        try:
            blocks[name] = every[columns]
        except IndexError as error:
            raise ValueError(
                f"Block {name!r} has a column that X, of {n_features} columns, lacks: "
                f"{error}"
            ) from error
        for column in blocks[name].tolist():
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
