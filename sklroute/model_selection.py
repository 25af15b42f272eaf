"""Cross-validation of routers: scorers, a stratified splitter, held-out quality."""

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, check_cv
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_consistent_length

from sklroute.metrics import (
    cost_range,
    direct_value,
    doubly_robust_value,
    frontier,
    ips_value,
    nauc,
    realised_utility,
    snips_value,
)
from sklroute.outcomes import Outcomes, check_outcomes
from sklroute.outcomes._logged import check_not_logged
from sklroute.outcomes._values import check_candidates
from sklroute.pipeline import as_router, fit_router
from sklroute.policies import MaxUtility

__all__ = [
    "StratifiedByBestModel",
    "cross_val_quality",
    "frontier_scorer",
    "off_policy_scorer",
    "utility_scorer",
]


def utility_scorer(cost_weight: float = 0.0) -> "_UtilityScorer":
    r"""Make a scorer: the mean realised utility of a router's choices.

    Utility is :math:`q - \lambda c` with the realised quality and cost of the chosen
    model. The candidates of each query are the models that were observed and
    available for it; costs, availability and outcomes are read from ``y``, with
    metadata routing on or off. A router that has a policy of its own decides by it,
    so that a search can compare policies at one price; one that has none (None)
    decides by ``MaxUtility(cost_weight)``.

    Parameters
    ----------
    cost_weight : float, default=0.0
        Quality that one unit of cost must buy, :math:`\lambda \ge 0`.

    Returns
    -------
    scorer : callable
        ``scorer(router, X, y) -> float``, higher is better, for ``scoring=`` of
        scikit-learn's searches and of `cross_val_score`. The router may be a
        pipeline or a fitted search that ends in one.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklroute.baselines import RidgeRouter
    >>> from sklroute.datasets import make_routing
    >>> from sklroute.model_selection import utility_scorer
    >>> data = make_routing(n_queries=300, random_state=0)
    >>> grid = {"alpha": [10.0, 1000.0]}
    >>> search = GridSearchCV(RidgeRouter(), grid, scoring=utility_scorer(0.1), cv=3)
    >>> search.fit(data.X, data.y).scorer_
    utility_scorer(cost_weight=0.1)
    """
    _check_cost_weight(cost_weight)
    return _UtilityScorer(cost_weight)


def frontier_scorer() -> "_FrontierScorer":
    """Make a scorer: the area under a router's frontier of quality against cost.

    The normalised area of `sklroute.metrics.nauc` over the cost range of the scored
    queries. It judges the predicted quality and cost at every price at once; the
    router's policy plays no part. Costs, availability and outcomes are read from
    ``y``, with metadata routing on or off.

    Returns
    -------
    scorer : callable
        ``scorer(router, X, y) -> float``, higher is better.

    Examples
    --------
    >>> from sklroute.baselines import RidgeRouter
    >>> from sklroute.datasets import make_routing
    >>> from sklroute.model_selection import frontier_scorer
    >>> data = make_routing(n_queries=300, random_state=0)
    >>> router = RidgeRouter().fit(data.X[:200], data.y[:200])
    >>> 0 < frontier_scorer()(router, data.X[200:], data.y[200:]) < 1
    True
    """
    return _FrontierScorer()


def off_policy_scorer(
    estimator: str = "dr", *, cost_weight: float = 0.0, outcome_model: Any = None
) -> "_OffPolicyScorer":
    r"""Make a scorer for logs: what a router's choices would have been worth.

    For `LoggedOutcomes`, in which only the called models were scored. The router
    chooses among all models that could be called; what its choices were worth, with
    the utility :math:`q - \lambda c`, is estimated. A router that has no policy of
    its own (None) decides by ``MaxUtility(cost_weight)``.

    Parameters
    ----------
    estimator : "dr", "snips", "ips" or "dm", default="dr"
        `doubly_robust_value`, `snips_value`, `ips_value` or `direct_value` of
        `sklroute.metrics`.
    cost_weight : float, default=0.0
        Quality that one unit of cost must buy, :math:`\lambda \ge 0`.
    outcome_model : router, default=None
        A router, fitted on *other* queries than those scored, whose predictions "dr"
        and "dm" use. None takes those of the scored router itself: for "dr" this is
        sound, as it was fitted on other folds, and only the variance suffers from a
        bad one. For "dm" it is refused: each router would be its own judge.

    Returns
    -------
    scorer : callable
        ``scorer(router, X, y) -> float``, higher is better.

    Warns
    -----
    sklroute.metrics.OverlapWarning
        If the log says too little about the router's choices, see `ips_value`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklroute import LoggedOutcomes, RidgeRouter
    >>> from sklroute.datasets import make_routing
    >>> from sklroute.model_selection import off_policy_scorer
    >>> data = make_routing(n_queries=900, n_models=3, random_state=0)
    >>> called = np.eye(3)[np.random.default_rng(0).integers(3, size=900)] > 0
    >>> log = LoggedOutcomes(np.where(called, data.y.quality, np.nan),
    ...                      propensity=np.full(3, 1 / 3))
    >>> grid = {"alpha": [1.0, 1000.0]}
    >>> search = GridSearchCV(RidgeRouter(), grid, scoring=off_policy_scorer(), cv=3)
    >>> search.fit(data.X, log).scorer_
    off_policy_scorer('dr', cost_weight=0.0)
    """
    _check_cost_weight(cost_weight)
    if estimator not in ("dr", "snips", "ips", "dm"):
        raise ValueError(
            f"estimator must be 'dr', 'snips', 'ips' or 'dm'; got {estimator!r}."
        )
    if estimator == "dm" and outcome_model is None:
        raise ValueError(
            "estimator='dm' needs an outcome_model: by its own predictions every "
            "router is the best."
        )
    return _OffPolicyScorer(estimator, cost_weight, outcome_model)


@dataclass(frozen=True, repr=False)
class _UtilityScorer:
    cost_weight: float

    def __call__(self, estimator: Any, X: ArrayLike, y: Any) -> float:
        router = as_router(estimator)
        outcomes = _same_pool(router, y)
        check_not_logged(outcomes)
        policy = _policy_for(router, self.cost_weight)
        candidates = check_candidates(outcomes.candidates)
        choice = router.predict(X, available=candidates, policy=policy)
        return realised_utility(outcomes, choice, cost_weight=self.cost_weight)

    def __repr__(self) -> str:
        return f"utility_scorer(cost_weight={self.cost_weight})"


@dataclass(frozen=True, repr=False)
class _FrontierScorer:
    def __call__(self, estimator: Any, X: ArrayLike, y: Any) -> float:
        router = as_router(estimator)
        outcomes = _same_pool(router, y)
        check_not_logged(outcomes)
        points = frontier(outcomes, router.predict_quality(X), router.predict_cost(X))
        return nauc(points, cost_range(outcomes))

    def __repr__(self) -> str:
        return "frontier_scorer()"


@dataclass(frozen=True, repr=False)
class _OffPolicyScorer:
    estimator: str
    cost_weight: float
    outcome_model: Any

    def __call__(self, estimator: Any, X: ArrayLike, y: Any) -> float:
        router = as_router(estimator)
        outcomes = _same_pool(router, y)
        policy = _policy_for(router, self.cost_weight)
        choice = router.predict(X, available=outcomes.available, policy=policy)
        if self.estimator in ("ips", "snips"):
            value = {"ips": ips_value, "snips": snips_value}[self.estimator]
            return value(outcomes, choice, cost_weight=self.cost_weight)
        model = router if self.outcome_model is None else as_router(self.outcome_model)
        _same_pool(model, outcomes)
        value = {"dm": direct_value, "dr": doubly_robust_value}[self.estimator]
        return value(
            outcomes,
            choice,
            model.predict_quality(X),
            model.predict_cost(X),
            cost_weight=self.cost_weight,
        )

    def __repr__(self) -> str:
        model = "" if self.outcome_model is None else f", {self.outcome_model!r}"
        weight = f"cost_weight={self.cost_weight}"
        return f"off_policy_scorer({self.estimator!r}, {weight}{model})"


def _check_cost_weight(cost_weight: float) -> None:
    if not (isinstance(cost_weight, Real) and 0 <= cost_weight < np.inf):
        raise ValueError(f"cost_weight must be a number >= 0; got {cost_weight!r}.")


def _policy_for(router, cost_weight: float) -> MaxUtility | None:
    """None, for the router's own policy, or the one that prices cost."""
    own = getattr(router, "policy_", router.policy)  # resolved in fit, or as given
    return MaxUtility(cost_weight) if own is None else None


def _same_pool(router, y) -> Outcomes:
    """Read the outcomes, having checked that they are those of the router's models."""
    outcomes = check_outcomes(y, models=router.classes_)
    if not np.array_equal(outcomes.models, router.classes_):
        raise ValueError(
            f"y has the models {outcomes.models.tolist()}, the router was fitted on "
            f"{router.classes_.tolist()}."
        )
    return outcomes


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
        best, stratum, count = np.unique(
            check_outcomes(y).best_model(), return_inverse=True, return_counts=True
        )
        stratum = np.where(count[stratum] < self.n_splits, count.argmax(), stratum)
        return super().split(X, best[stratum], groups)


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
        If the test folds are not a partition of the queries.

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
    groups = None if groups is None else np.asarray(groups)
    folds = list(_splitter(cv, groups).split(X, outcomes, groups))
    tested = np.concatenate([test for _, test in folds])
    if not np.array_equal(np.sort(tested), np.arange(len(outcomes))):
        raise ValueError("Every query must be in exactly one test fold of cv.")
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


def _held_out_quality(router, X, outcomes, groups, train, test) -> NDArray:
    fitted = fit_router(
        clone(router),
        _safe_indexing(X, train),
        outcomes[train],
        groups=None if groups is None else groups[train],
    )
    return as_router(fitted).predict_quality(_safe_indexing(X, test))
