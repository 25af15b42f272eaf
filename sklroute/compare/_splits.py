"""Train, validation and test rows of every seed."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import StratifiedGroupKFold

from sklroute.outcomes import Outcomes
from sklroute.outcomes._values import plain

N_FOLDS = 5


class Split(NamedTuple):
    """Rows that one seed fits on, chooses on and is judged on."""

    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    test: NDArray[np.intp]


def make_splits(
    n_queries: int,
    tasks: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    n_seeds: int = 5,
    random_state: int = 0,
) -> list[Split]:
    """One split per seed: three fifths train, one validation, one test.

    Five seeds share one shuffled partition into five folds and take turns, so that
    they test every query exactly once; the next five shuffle anew.

    Parameters
    ----------
    n_queries : int
        Number of queries.
    tasks : array-like of shape (n_queries,), default=None
        Groups (tasks) whose shares every fold keeps as well as it can.
    groups : array-like of shape (n_queries,), default=None
        Queries of one group are never split.
    n_seeds : int, default=5
        Number of splits.
    random_state : int, default=0
        Seed of the shuffling.

    Returns
    -------
    splits : list of Split

    Raises
    ------
    ValueError
        If there are fewer than five groups to share out.
    """
    whole = np.arange(n_queries) if groups is None else np.asarray(groups)
    if len(np.unique(whole)) < N_FOLDS:
        unit = "queries" if groups is None else "groups"
        raise ValueError(
            f"At least {N_FOLDS} {unit} are needed to split into train, validation "
            f"and test; got {len(np.unique(whole))}."
        )
    strata, splits = _strata(tasks, n_queries), []
    for seed in range(n_seeds):
        repeat, turn = divmod(seed, N_FOLDS)
        if turn == 0:
            folds = _folds(strata, whole, random_state + repeat)
        test, validation = folds[turn], folds[(turn + 1) % N_FOLDS]
        rest = np.setdiff1d(np.arange(n_queries), np.concatenate([test, validation]))
        splits.append(Split(rest, validation, test))
    return splits


def check_trained(y: Outcomes, trains: Iterable[NDArray], priced: bool) -> None:
    """Refuse a model that is seen too seldom to be learned from in every split.

    Where cost has a price it must be seen with its cost.
    """
    known = y.observed & ~np.isnan(y.cost) if priced else y.observed
    for train in trains:
        seen = known[train].any(axis=0)
        if not seen.all():
            column = int(np.argmin(seen))
            raise ValueError(
                f"Model {plain(y.models[column])!r} is observed "
                f"{'with its cost ' if priced else ''}on {known[:, column].sum()} "
                "queries, on none of those that a split trains on: leave it out, or "
                "run it on more queries."
            )


def _folds(strata, whole, seed) -> list[NDArray[np.intp]]:
    splitter = StratifiedGroupKFold(N_FOLDS, shuffle=True, random_state=seed)
    folds = [fold for _, fold in splitter.split(strata, strata, whole)]
    if all(map(len, folds)):
        return folds
    # With few units, keeping shares can leave a fold without any.
    return _folds(np.zeros_like(strata), whole, seed)


def _strata(tasks, n_queries) -> NDArray[np.intp]:
    """Code of each query's task; tasks too small for every fold count as one."""
    if tasks is None:
        return np.zeros(n_queries, dtype=int)
    _, code, count = np.unique(tasks, return_inverse=True, return_counts=True)
    rare = count[code] < N_FOLDS
    return np.where(rare, count.argmax(), code)
