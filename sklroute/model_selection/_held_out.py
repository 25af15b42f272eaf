"""A stratified splitter, and quality predicted for queries that were held out."""

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, check_cv
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_consistent_length

from sklroute.outcomes import Outcomes, check_outcomes
from sklroute.outcomes._values import group_array, plain
from sklroute.pipeline import as_router, fit_router


class StratifiedByBestModel(StratifiedKFold):
    """K folds with about the same share of each best model.

    scikit-learn's stratified splitters do not take outcomes. Models that are best
    for fewer queries than there are folds count with the most frequent one.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=False
        Whether to shuffle the queries of each best model first.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling.

    Examples
    --------
    >>> from sklroute.datasets import make_routing
    >>> from sklroute.model_selection import StratifiedByBestModel
    >>> data = make_routing(n_queries=300, random_state=0)
    >>> folds = StratifiedByBestModel(3).split(data.X, data.y)
    >>> [len(test) for _, test in folds]
    [100, 100, 100]
    """

    def split(
        self, X: ArrayLike, y: Any, groups: None = None
    ) -> Iterator[tuple[NDArray, NDArray]]:
        """Rows of each fold.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Only its length matters.
        y : Outcomes or any form that `check_outcomes` accepts
            What the models' answers were worth.
        groups : None
            Not used, there for compatibility.

        Yields
        ------
        train, test : ndarray of int
        """
        _, stratum, count = np.unique(
            check_outcomes(y).best_model(), return_inverse=True, return_counts=True
        )
        stratum = np.where(count[stratum] < self.n_splits, count.argmax(), stratum)
        return super().split(X, stratum, groups)


def cross_val_quality(
    router: Any,
    X: ArrayLike,
    y: Any,
    *,
    cv: Any = None,
    groups: ArrayLike | None = None,
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Quality predicted for each query by a router fitted without it.

    Parameters
    ----------
    router : router, Pipeline or search that ends in one
        What to fit; a clone of it is fitted for each fold.
    X : array-like of shape (n_queries, n_features)
        Features of the queries.
    y : Outcomes or any form that `check_outcomes` accepts
        What the models' answers were worth.
    cv : int, splitter or iterable, default=None
        The folds. None is 5; a number gives folds that are shuffled with a fixed
        seed, and split no group if there are ``groups``. Every query must be in one
        test fold exactly.
    groups : array-like of shape (n_queries,), default=None
        Groups for the splitter and for the router's own ``fit``.
    n_jobs : int, default=None
        Folds fitted in parallel. None is 1 unless in a joblib context.

    Returns
    -------
    quality : ndarray of shape (n_queries, n_models)
        Columns in the order of the models of ``y``.

    Raises
    ------
    ValueError
        If the test folds are not a partition of the queries, a group is missing, or a
        model is observed in no training query of a fold.

    Examples
    --------
    >>> from sklroute.baselines import RidgeRouter
    >>> from sklroute.datasets import make_routing
    >>> from sklroute.model_selection import cross_val_quality
    >>> data = make_routing(n_queries=300, random_state=0)
    >>> cross_val_quality(RidgeRouter(), data.X, data.y, cv=3).shape
    (300, 6)
    """
    outcomes = check_outcomes(y)
    check_consistent_length(X, outcomes, groups)
    groups = group_array(groups)
    folds = list(_splitter(cv, groups).split(X, outcomes, groups))
    tested = np.concatenate([test for _, test in folds])
    if not np.array_equal(np.sort(tested), np.arange(len(outcomes))):
        raise ValueError("Every query must be in exactly one test fold of cv.")
    for number, (train, _) in enumerate(folds):
        _check_observed(outcomes, train, number)
    parts = Parallel(n_jobs=n_jobs)(
        delayed(_held_out_quality)(router, X, outcomes, groups, train, test)
        for train, test in folds
    )
    quality = np.empty(outcomes.quality.shape)
    quality[tested] = np.concatenate(parts)
    return quality


def _splitter(cv: Any, groups: NDArray | None):
    cv = 5 if cv is None else cv
    if isinstance(cv, Integral):
        splitter = KFold if groups is None else GroupKFold
        return splitter(cv, shuffle=True, random_state=0)
    return check_cv(cv)


def _check_observed(outcomes: Outcomes, train: NDArray, fold: int) -> None:
    """Refuse a model that is observed in test queries alone."""
    unseen = ~outcomes.observed[train].any(axis=0)
    if unseen.any():
        raise ValueError(
            f"No training query of fold {fold} has an observed quality of model "
            f"{plain(outcomes.models[unseen][0])!r}: use other folds, or leave the "
            "model out."
        )


def _held_out_quality(router, X, outcomes, groups, train, test) -> NDArray:
    fitted = fit_router(
        clone(router),
        _safe_indexing(X, train),
        outcomes[train],
        groups=None if groups is None else groups[train],
    )
    return as_router(fitted).predict_quality(_safe_indexing(X, test))
