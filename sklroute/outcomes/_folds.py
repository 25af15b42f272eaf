"""Folds for choices that are part of a model, and so never a matter of luck."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold

SEED = 0  # the same folds in every fit


def make_folds(
    n_queries: int, groups: NDArray | None, n_splits: int
) -> list[tuple[NDArray, NDArray]]:
    """Shuffled folds that split no group; none where there is nothing to split."""
    n_units = n_queries if groups is None else len(np.unique(groups))
    n_splits = min(n_splits, n_units)
    if n_splits < 2:
        return []
    splitter = KFold if groups is None else GroupKFold
    folds = splitter(n_splits, shuffle=True, random_state=SEED)
    return list(folds.split(np.empty(n_queries), groups=groups))
