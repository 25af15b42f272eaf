"""Auditing fitted routers on queries that they have not seen."""

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

from numpy.typing import ArrayLike
from sklearn.frozen import FrozenEstimator
from sklearn.utils._param_validation import Interval, validate_params
from sklearn.utils.validation import check_is_fitted

from sklroute.audit._decisions import BEST_SINGLE, decide
from sklroute.audit._result import Audit, Question, judge
from sklroute.audit._statistics import Draws
from sklroute.audit._words import BEST_SINGLE_NAME
from sklroute.base._arrays import check_lengths, outcomes_of
from sklroute.compare._protocol import check_apart, check_weight, drop_unpriced
from sklroute.outcomes._values import group_array
from sklroute.pipeline import as_router, core_of, last_step

SETTINGS = {
    "cost_weight": [Interval(Real, 0, None, closed="left"), None],
    "min_gain": [Interval(Real, 0, None, closed="left")],
    "alpha": [Interval(Real, 0, 1, closed="neither")],
    "power": [Interval(Real, 0.5, 1, closed="left")],
    "n_resamples": [Interval(Integral, 1, None, closed="left")],
    "n_permutations": [Interval(Integral, 1, None, closed="left")],
    "random_state": [Interval(Integral, 0, None, closed="left")],
}


@validate_params(SETTINGS, prefer_skip_nested_validation=False)
def audit(
    router: Any,
    X: ArrayLike,
    y: Any,
    *,
    baseline: Any = BEST_SINGLE,
    cost_weight: float | None = None,
    tasks: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    min_gain: float = 0.01,
    alpha: float = 0.05,
    power: float = 0.8,
    n_resamples: int = 2000,
    n_permutations: int = 50,
    random_state: int = 0,
) -> Audit:
    r"""Say whether a fitted router pays, on queries that it has not seen.

    The utility of the router's choices, :math:`q - \lambda c` with what was realised,
    is compared with that of a baseline, query by query. The router

    - *pays* if the mean gain is above 0 by both a paired permutation test and a
      paired bootstrap interval (which holds a gain worth having), also if nothing is
      gained by choices of unknown outcome;
    - *does not pay* if the interval rules out a gain of ``min_gain``, also if they are
      as good as can be;
    - else there are *not enough data*, and ``n_more`` says how many more queries
      would tell, if the gain is what it looks like.

    Of several routers each is compared with the baseline; their p-values are adjusted
    by Holm's method and the intervals that decide by Bonferroni's, so that the chance
    of calling any router paying that is no better than the baseline stays below
    ``alpha``. So it is with the tasks of a router.

    Parameters
    ----------
    router : router, Pipeline, fitted search, or dict of these
        What is audited; a dict names several.
    X : array-like of shape (n_queries, n_features)
        Queries that no router was fitted or tuned on.
    y : Outcomes or any form that `check_outcomes` accepts
        What the models' answers were worth. The candidates of a query are the models
        whose outcome is known; ``unseen`` of the result says how often another one
        would have been called.
    baseline : "best_single", name of a model, or fitted router, default="best_single"
        "best_single" is the model with the highest mean utility on the router's own
        training queries, from its ``mean_quality_`` and ``mean_cost_``: it is not
        chosen on the audited queries. Where a query lacks the outcome of a single
        model, the next best of its candidates by these means takes its place.
    cost_weight : float, default=None
        Quality :math:`\lambda` that one unit of cost must buy. None takes the
        ``cost_weight`` of the router's policy, or 0. A router that has no policy
        decides by ``MaxUtility(cost_weight)``, any other by its own policy.
    tasks : array-like of shape (n_queries,), default=None
        Task of each query, for the results by task.
    groups : array-like of shape (n_queries,), default=None
        Queries of one group (variants of one question) are not independent:
        they are drawn and counted as one.
    min_gain : float, default=0.01
        Smallest gain in utility that is worth having.
    alpha : float, default=0.05
        Level of the tests; intervals have level ``1 - alpha``.
    power : float, default=0.8
        Power at which ``smallest_effect`` and ``n_more`` are stated.
    n_resamples : int, default=2000
        Resamples of each interval and each test.
    n_permutations : int, default=50
        Number of times that the features are shuffled, as a control; to be judged it
        takes at least ``1 / alpha - 1``.
    random_state : int, default=0
        Seed of all draws.

    Returns
    -------
    Audit

    Raises
    ------
    ValueError
        If lengths or models differ, costs have a weight and are not known, a query
        has no candidate, none has more than one, a task is missing, or the routers'
        policies differ in ``cost_weight`` and none is given.

    See Also
    --------
    cross_audit : Audit an unfitted router by cross-fitting.

    Notes
    -----
    Intervals and tests cover the draw of the audited queries with the router as it
    was fitted; not another training set, new prices or a change of the traffic.

    Examples
    --------
    >>> from sklroute.audit import audit
    >>> from sklroute.baselines import RidgeRouter
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=1500, random_state=0)
    >>> router = RidgeRouter().fit(data.X[:1000], data.y[:1000])
    >>> result = audit(router, data.X[1000:], data.y[1000:])
    >>> result.table.loc["RidgeRouter", "verdict"]
    'pays'
    """
    named = name_routers(router)
    for each in named.values():
        check_is_fitted(last_step(as_router(each)))
    first = as_router(next(iter(named.values())))
    outcomes = outcomes_of(first, y)
    tasks, groups = group_array(tasks, "tasks"), group_array(groups)
    check_lengths(X, y=outcomes, tasks=tasks, groups=groups)
    allowed = outcomes.available
    outcomes, has_costs = drop_unpriced(outcomes)
    weight = _cost_weight(cost_weight, named, has_costs)
    decisions = {}
    for name, each in named.items():
        outcomes_of(as_router(each), outcomes)
        decisions[name] = decide(
            each,
            X,
            outcomes,
            baseline=baseline,
            allowed=allowed,
            cost_weight=weight,
            n_permutations=n_permutations,
            random_state=random_state,
        )
    question = Question(
        baseline=name_baseline(baseline),
        cost_weight=weight,
        has_costs=has_costs,
        min_gain=min_gain,
        alpha=alpha,
        power=power,
        draws=Draws(groups, n_resamples, random_state),
    )
    return judge(question, decisions, outcomes, tasks)


def name_routers(router: Any) -> dict[str, Any]:
    """Routers by name; one alone is called after its class."""
    if isinstance(router, Mapping):
        if not router:
            raise ValueError("There is no router to audit.")
        check_apart(router)
        return {str(name): each for name, each in router.items()}
    return {class_name(router): router}


def name_baseline(baseline: Any) -> str:
    """What the baseline is called."""
    if isinstance(baseline, str | Real):
        return BEST_SINGLE_NAME if baseline == BEST_SINGLE else str(baseline)
    return class_name(baseline)


def class_name(estimator: Any) -> str:
    """Class of the router that an estimator, fitted or not, is or ends in."""
    core = core_of(estimator)
    if isinstance(core, FrozenEstimator):
        return class_name(core.estimator)
    return type(core).__name__


def _cost_weight(cost_weight, named, has_costs) -> float:
    if cost_weight is not None:
        return check_weight(cost_weight, has_costs)
    own = {
        name: float(last_step(as_router(each))._cost_weight)
        for name, each in named.items()
    }
    if len(set(own.values())) > 1:
        raise ValueError(
            f"The routers' policies differ in cost_weight ({own}): say at which one "
            "they are to be compared, with cost_weight=."
        )
    return check_weight(next(iter(own.values())), has_costs)
