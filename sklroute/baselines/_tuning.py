"""How routers choose their own settings: a subsample, a squared error."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

from sklroute.outcomes._folds import SEED

T = TypeVar("T")


def hold_out(
    n_queries: int, groups: NDArray | None, share: float, random_state=SEED
) -> tuple[NDArray, NDArray]:
    """Rows to learn from and rows to look at, whole groups in either.

    Where there is nothing to split, both are all rows.
    """
    n_units = n_queries if groups is None else len(np.unique(groups))
    if n_units < 2:
        return np.arange(n_queries), np.arange(n_queries)
    splitter = ShuffleSplit if groups is None else GroupShuffleSplit
    split = splitter(1, test_size=share, random_state=random_state)
    return next(split.split(np.empty(n_queries), groups=groups))


def subsample(n_queries: int, groups: NDArray | None, max_queries: int) -> NDArray:
    """At most about ``max_queries`` rows, whole groups, drawn with a fixed seed."""
    if n_queries <= max_queries:
        return np.arange(n_queries)
    share = max_queries / n_queries
    return np.sort(hold_out(n_queries, groups, share)[1])


def squared_error(quality: NDArray, predicted: NDArray, weight: NDArray) -> float:
    """Weighted sum of squared errors over the cells that are observed and predicted."""
    return float(np.nansum(weight[:, None] * (quality - predicted) ** 2))


def difference_error(quality: NDArray, predicted: NDArray, weight: NDArray) -> float:
    """Squared error of the differences between the models observed on a query.

    An error that all of them share changes no choice, and does not count.
    """
    error = quality - predicted
    n_seen = (~np.isnan(error)).sum(axis=1, keepdims=True)
    shared = np.nansum(error, axis=1, keepdims=True) / np.maximum(n_seen, 1)
    return squared_error(error, shared, weight)


def first_minimum(candidates: Iterable[T], error: Callable[[T], float]) -> T:
    """The candidate before the error first rises, trying them in order.

    Candidates go from the most to the least regularised, and may be made as they are
    tried: the last ones, slow to fit, are seldom reached.
    """
    candidates = iter(candidates)
    best = next(candidates)
    lowest = error(best)
    for candidate in candidates:
        value = error(candidate)
        if not value < lowest:
            break
        best, lowest = candidate, value
    return best
