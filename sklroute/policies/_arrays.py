"""Arrays of shape (n_queries, n_models): their checks, and the best of each row."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklroute.policies._labels import plain

Shape = tuple[int, ...]


def first_best(utility: NDArray, cost: NDArray) -> NDArray[np.intp]:
    """Index of the highest utility per row; ties to the cheaper, then the first.

    Parameters
    ----------
    utility : ndarray of shape (n_queries, n_models)
        Without NaN.
    cost : ndarray of shape (n_queries, n_models)
        An unknown (NaN) cost counts as the dearest.

    Returns
    -------
    choice : ndarray of int, of shape (n_queries,)

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute.policies import first_best
    >>> first_best(np.array([[0.5, 0.9, 0.9]]), np.array([[1.0, 8.0, 3.0]]))
    array([2])
    """
    best = utility == utility.max(axis=1, keepdims=True)
    tied = np.where(best, np.where(np.isnan(cost), np.inf, cost), np.inf)
    return (best & (tied == tied.min(axis=1, keepdims=True))).argmax(axis=1)


def check_mask(available: ArrayLike | None, shape: Shape) -> NDArray[np.bool_]:
    """Return the availability mask as a bool array of the given shape.

    Parameters
    ----------
    available : array-like of bool, of shape (n_queries, n_models) or \
(n_models,), or None
        None allows all.
    shape : (int, int)
        (n_queries, n_models).

    Returns
    -------
    available : ndarray of bool, of shape (n_queries, n_models)

    Raises
    ------
    ValueError
        If it has another shape, or other values than true and false; the message
        names the first of them.

    Examples
    --------
    >>> from sklroute.policies import check_mask
    >>> check_mask([1, 0], (2, 2))
    array([[ True, False],
           [ True, False]])
    """
    if available is None:
        return np.ones(shape, dtype=bool)
    if isinstance(available, np.ma.MaskedArray):
        available = np.where(np.ma.getmaskarray(available), None, available.data)
    available = check_shape(np.asarray(available), shape, "`available`")
    if available.dtype == bool:
        return available
    if available.dtype == object:  # pandas.NA cannot be compared
        available = np.where(pd.isna(available), None, available)
    wrong = ~np.isin(available, (0, 1))
    if wrong.any():
        row, model = np.argwhere(wrong)[0]
        raise ValueError(
            "`available` must hold true and false only; "
            f"row {row}, column {model} has {plain(available[row, model])!r}."
        )
    return available.astype(bool)


def check_available(available: ArrayLike | None, shape: Shape) -> NDArray[np.bool_]:
    """Return the mask, having checked that every query has a model left.

    Parameters and returns are those of `check_mask`.

    Raises
    ------
    ValueError
        As `check_mask`, or if a query has no available model; the message names the
        row.

    Examples
    --------
    >>> from sklroute.policies import check_available
    >>> check_available([[True, False], [False, False]], (2, 2))
    Traceback (most recent call last):
    ValueError: Row 1 has no available model (1 of 2 queries).
    """
    available = check_mask(available, shape)
    none = ~available.any(axis=1)
    if none.any():
        raise ValueError(
            f"Row {np.flatnonzero(none)[0]} has no available model "
            f"({none.sum()} of {len(none)} queries)."
        )
    return available


def check_shape(values: NDArray, shape: Shape, name: str) -> NDArray:
    """Repeat one value per model for every query; refuse any other shape."""
    if values.shape not in (shape, shape[1:]):
        raise ValueError(
            f"{name} has shape {values.shape}; expected {shape} (n_queries, n_models) "
            f"or {shape[1:]} (n_models,)."
        )
    return np.broadcast_to(values, shape)


def check_finite(
    values: NDArray, available: NDArray, name: str, models: Sequence[Any] | None = None
) -> None:
    """Refuse NaN and infinity where a model is available."""
    refuse(values, available & ~np.isfinite(values), name, models)


def check_not_negative(values: NDArray, available: NDArray, name: str) -> None:
    """Refuse negative numbers where a model is available; NaN passes."""
    refuse(values, available & (values < 0), name)


def refuse(
    values: NDArray, wrong: NDArray, name: str, models: Sequence[Any] | None = None
) -> None:
    """Refuse what is wrong; the message names the first of it."""
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        model = column if models is None else repr(plain(models[column]))
        raise ValueError(
            f"{name} of model {model} is {values[row, column]} (row {row})."
        )
