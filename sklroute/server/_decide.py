"""From a request and a router to what is decided for every query."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklroute.pipeline import last_step_and_features
from sklroute.policies import Policy
from sklroute.serving._choosing import choice_probability
from sklroute.serving._deciding import DecidingMixin
from sklroute.serving._rules import Chance


class Decision(NamedTuple):
    """What a router decides, one row per query and one column per model.

    Attributes
    ----------
    choice : list of str, of length n_queries
        Names of the chosen models.
    utility, quality, cost, probability : ndarray of shape (n_queries, n_models)
        As the methods of the router give them; quality and cost are those decided on.
    """

    choice: list[str]
    utility: NDArray[np.float64]
    quality: NDArray[np.float64]
    cost: NDArray[np.float64]
    probability: NDArray[np.float64]


def decide(
    router: Any,
    X: Any,
    *,
    available: NDArray[np.bool_] | None = None,
    costs: dict[int, float] | None = None,
    policy: Policy | None = None,
) -> Decision:
    """Decide as the methods of a router do.

    ``available`` is a mask (n_queries, n_models); ``costs`` are prices known now by the
    model's column, the other models have the predicted cost.

    Examples
    --------
    >>> from sklroute import RidgeRouter
    >>> from sklroute.datasets import make_routing
    >>> from sklroute.server._decide import decide
    >>> data = make_routing(200, 3, random_state=0)
    >>> router = RidgeRouter().fit(data.X, data.y)
    >>> decide(router, data.X[:5], costs={0: 9.0}).cost[:, 0]
    array([9., 9., 9., 9., 9.])
    """
    router, X = last_step_and_features(router, X)
    cost = router.predict_cost(X)
    for column, price in (costs or {}).items():
        cost[:, column] = price
    given = {"available": available, "costs": cost if costs else None, "policy": policy}
    usual = getattr(type(router), "predict_proba", None) is DecidingMixin.predict_proba
    if usual and not isinstance(router._choice_rule(), Chance):
        return _at_once(router, X, given)
    return Decision(
        choice=[str(name) for name in router.predict(X, **given)],
        utility=router.predict_utility(X, **given),
        quality=router.predict_quality(X),
        cost=cost,
        probability=router.predict_proba(X, **given),
    )


def _at_once(router: Any, X: Any, given: dict[str, Any]) -> Decision:
    """The same with one prediction, as the methods of a router go on from it."""
    chosen, utility, arrays = router._decide_once(X, **given)
    return Decision(
        choice=[str(name) for name in chosen],
        utility=utility,
        quality=arrays["quality"],
        cost=np.array(arrays["cost"]),
        probability=choice_probability(router, utility),
    )
