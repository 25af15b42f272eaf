"""Scorers: plain callables (router, X, y), for searches and cross-validation."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import _safe_indexing
from sklearn.utils.metadata_routing import MetadataRequest

from sklroute.base._arrays import outcomes_of, priced, weighted_rows
from sklroute.metrics import (
    direct_value,
    doubly_robust_value,
    ips_value,
    nauc,
    realised_utility,
    snips_value,
)
from sklroute.metrics._frontier import sweep
from sklroute.metrics._tables import cost_bounds
from sklroute.outcomes._logged import check_not_logged
from sklroute.outcomes._values import (
    check_candidates,
    check_choice,
    check_cost_weight,
)
from sklroute.pipeline import as_predictor, as_router
from sklroute.policies import MaxUtility


def utility_scorer(cost_weight: float = 0.0) -> "_UtilityScorer":
    r"""Make a scorer: the mean realised utility of a router's choices.

    Utility is :math:`q - \lambda c` with the realised quality and cost of the chosen
    model. The candidates of each query are the models that were observed and
    available for it, and whose cost is known if it has a price; costs, availability
    and outcomes are read from ``y``, with metadata routing on or off. A router that
    has a policy of its own decides by it, so that a search can compare policies at one
    price; one that has none (None) decides by ``MaxUtility(cost_weight)``.

    Parameters
    ----------
    cost_weight : float, default=0.0
        Quality that one unit of cost must buy, :math:`\lambda \ge 0`.

    Returns
    -------
    scorer : callable
        ``scorer(router, X, y, sample_weight=None) -> float``, higher is better, for
        ``scoring=`` of scikit-learn's searches and of `cross_val_score`, which pass
        weights on if metadata routing is on; searches of scikit-learn 1.9 always do.
        The router may be a pipeline or a fitted search that ends in one.

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
    check_cost_weight(cost_weight)
    return _UtilityScorer(cost_weight)


def frontier_scorer() -> "_FrontierScorer":
    """Make a scorer: the area under a router's frontier of quality against cost.

    The normalised area of `sklroute.metrics.nauc` over the cost range of the scored
    queries. It judges the predicted quality and cost at every price at once; the
    router's policy plays no part, and one that does not choose by its predictions
    alone, such as `GuardedRouter`, is refused (TypeError). Costs, availability and
    outcomes are read from ``y``, with metadata routing on or off.

    Returns
    -------
    scorer : callable
        ``scorer(router, X, y, sample_weight=None) -> float``, higher is better; see
        `utility_scorer`.

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
    check_cost_weight(cost_weight)
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


class _WeightedScorer:
    """Takes the weights of the queries from a search."""

    def _accept_sample_weight(self) -> bool:
        """Say so to a search by several scorers, with metadata routing off."""
        return True

    def get_metadata_routing(self) -> MetadataRequest:
        request = MetadataRequest(owner=self)
        request.score.add_request(param="sample_weight", alias=True)
        return request


@dataclass(frozen=True, repr=False)
class _UtilityScorer(_WeightedScorer):
    __name__ = "utility"  # by which scikit-learn's displays name their axis
    cost_weight: float

    def __call__(
        self, estimator: Any, X: Any, y: Any, sample_weight: ArrayLike | None = None
    ) -> float:
        router = as_router(estimator)
        outcomes = outcomes_of(router, y)
        check_not_logged(outcomes)
        rows, weight = weighted_rows(sample_weight, X)
        X, outcomes = _safe_indexing(X, rows), outcomes[rows]
        policy = policy_for(router, self.cost_weight)
        candidates = check_candidates(outcomes.candidates)
        if self.cost_weight > 0:
            candidates = priced(outcomes, candidates, repr(self))
        check_choice(candidates)
        choice = router.predict(X, available=candidates, policy=policy)
        utility = realised_utility(
            outcomes, choice, cost_weight=self.cost_weight, reduce=None
        )
        return float(np.average(utility, weights=weight))

    def __repr__(self) -> str:
        return f"utility_scorer(cost_weight={self.cost_weight})"


@dataclass(frozen=True, repr=False)
class _FrontierScorer(_WeightedScorer):
    __name__ = "frontier_area"

    def __call__(
        self, estimator: Any, X: Any, y: Any, sample_weight: ArrayLike | None = None
    ) -> float:
        router = as_predictor(estimator)
        outcomes = outcomes_of(router, y)
        check_not_logged(outcomes)
        rows, weight = weighted_rows(sample_weight, X)
        X, outcomes = _safe_indexing(X, rows), outcomes[rows]
        check_choice(outcomes.candidates)
        points = sweep(outcomes, router.predict_quality(X), router.predict_cost(X))
        low, high = np.average(cost_bounds(outcomes), axis=1, weights=weight)
        return nauc(points.frontier(weight), (low, high))

    def __repr__(self) -> str:
        return "frontier_scorer()"


@dataclass(frozen=True, repr=False)
class _OffPolicyScorer:
    __name__ = "off_policy_value"
    estimator: str
    cost_weight: float
    outcome_model: Any

    def _accept_sample_weight(self) -> bool:
        return False

    def __call__(self, estimator: Any, X: ArrayLike, y: Any) -> float:
        router = as_router(estimator)
        outcomes = outcomes_of(router, y)
        policy = policy_for(router, self.cost_weight)
        choice = router.predict(X, available=outcomes.available, policy=policy)
        if self.estimator in ("ips", "snips"):
            value = {"ips": ips_value, "snips": snips_value}[self.estimator]
            return value(outcomes, choice, cost_weight=self.cost_weight)
        model = router if self.outcome_model is None else as_router(self.outcome_model)
        outcomes_of(model, outcomes)
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


def policy_for(router, cost_weight: float) -> MaxUtility | None:
    """None, for the router's own policy, or the one that prices cost."""
    own = getattr(router, "policy_", router.policy)  # resolved in fit, or as given
    return MaxUtility(cost_weight) if own is None else None
