"""Quality against cost as the price on cost moves: frontiers and their areas."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import trapezoid

from sklroute.metrics._hull import ROUNDING, choices_at, hull_walk
from sklroute.metrics._tables import check_table, cost_bounds, scorable
from sklroute.outcomes import check_outcomes
from sklroute.outcomes._values import by_model
from sklroute.policies import check_available, check_mask
from sklroute.policies._arrays import check_finite

N_COST_WEIGHTS = 100


@dataclass(frozen=True, eq=False)
class Frontier:
    """Mean realised quality and cost of the choices at each cost weight.

    Parameters
    ----------
    cost_weight : ndarray of shape (n_points,)
        Weights of cost in the utility, ascending.
    cost, quality : ndarray of shape (n_points,)
        Mean realised cost and quality of the choices at each weight.

    See Also
    --------
    frontier : Computes it from predictions.
    """

    cost_weight: NDArray[np.float64]
    cost: NDArray[np.float64]
    quality: NDArray[np.float64]

    @property
    def envelope(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Cost and quality of the points that no other one dominates.

        Both increase strictly. A line between two of them is reached by choosing
        one of the two policies at random for each query.
        """
        kept = self.undominated
        return self.cost[kept], self.quality[kept]

    @property
    def undominated(self) -> NDArray[np.intp]:
        """Which points make the envelope, from the cheapest on.

        Mean costs that differ by rounding are the same.
        """
        order = np.argsort(self.cost, kind="stable")
        cost = self.cost[order]
        level = np.cumsum(np.diff(cost, prepend=cost[:1]) > ROUNDING * cost)
        order = order[np.lexsort((-self.quality[order], level))]
        quality = self.quality[order]
        best_before = np.maximum.accumulate(np.append(-np.inf, quality[:-1]))
        return order[quality > best_before]


@dataclass(frozen=True, eq=False)
class Sweep:
    """What a `Frontier` averages: one row per query, one column per cost weight."""

    cost_weight: NDArray[np.float64]
    cost: NDArray[np.float64]
    quality: NDArray[np.float64]

    def frontier(self, sample_weight: NDArray | None = None) -> Frontier:
        """Average over the queries."""
        tables = self.cost, self.quality
        means = [np.average(table, axis=0, weights=sample_weight) for table in tables]
        return Frontier(self.cost_weight, *means)


def frontier(
    y: Any,
    quality: ArrayLike,
    cost: ArrayLike,
    *,
    cost_weights: ArrayLike | None = None,
    available: ArrayLike | None = None,
) -> Frontier:
    """Mean realised quality against mean realised cost over a sweep of the policy.

    At each cost weight the choice is that of `MaxUtility` on the *predicted* quality
    and cost; what it is worth is read from ``y``. The candidates of a query are the
    models that were available and whose quality and cost are known for it.

    Parameters
    ----------
    y : Outcomes or any form that `check_outcomes` accepts, with costs
        What the answers were worth.
    quality : array-like of shape (n_queries, n_models)
        Predicted quality, in the order of ``y.models``; columns of a DataFrame are
        matched by name.
    cost : array-like of shape (n_queries, n_models) or (n_models,)
        Predicted cost, ordered or matched likewise.
    cost_weights : array-like of shape (n_points,), default=None
        Weights to sweep, >= 0. None takes 0 and about 100 weights between those at
        which some choice changes. The weight at which every query goes to its
        cheapest model is always added: that policy anchors `nauc`.
    available : array-like of bool, of shape (n_queries, n_models) or \
(n_models,), default=None
        Further limits on the models that may be chosen, ordered or matched likewise.

    Returns
    -------
    Frontier
        Points in ascending order of the cost weight.

    Raises
    ------
    ValueError
        If ``y`` has no costs, a query has no candidate, shapes differ, or a
        prediction that is needed is not finite.

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> from sklroute.metrics import frontier
    >>> y = Outcomes([[0.0, 1.0], [1.0, 1.0]], cost=[1.0, 5.0])
    >>> curve = frontier(y, quality=[[0.2, 0.9], [0.7, 0.8]], cost=[1.0, 5.0])
    >>> curve.envelope
    (array([1., 3.]), array([0.5, 1. ]))
    """
    return sweep(y, quality, cost, cost_weights, available).frontier()


def sweep(
    y: Any,
    quality: ArrayLike,
    cost: ArrayLike,
    cost_weights: ArrayLike | None = None,
    available: ArrayLike | None = None,
) -> Sweep:
    """Realised cost and quality of each query's choice at each cost weight."""
    outcomes = check_outcomes(y)
    quality = check_table(quality, outcomes, "Predicted quality")
    cost = check_table(cost, outcomes, "Predicted cost")
    available = by_model(available, outcomes.models, "available")
    mask = scorable(outcomes) & check_mask(available, quality.shape)
    mask = check_available(mask, quality.shape)
    check_finite(quality, mask, "Predicted quality", outcomes.models)
    check_finite(cost, mask, "Predicted cost", outcomes.models)
    weights = _weights(quality, cost, mask, cost_weights)
    choice = choices_at(weights, quality, cost, mask)
    return Sweep(
        weights,
        np.take_along_axis(outcomes.cost, choice, axis=1),
        np.take_along_axis(outcomes.quality, choice, axis=1),
    )


def cost_range(y: Any) -> tuple[float, float]:
    """Mean cost of each query's cheapest and dearest candidate.

    The range over which `nauc` compares all routers.

    Parameters
    ----------
    y : Outcomes or any form that `check_outcomes` accepts, with costs
        What the answers cost.

    Returns
    -------
    low, high : float

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> from sklroute.metrics import cost_range
    >>> cost_range(Outcomes([[0.0, 1.0], [1.0, 1.0]], cost=[[1, 5], [4, 2]]))
    (1.5, 4.5)
    """
    low, high = cost_bounds(check_outcomes(y))
    return float(low.mean()), float(high.mean())


def nauc(frontier: Frontier, cost_range: tuple[float, float]) -> float:
    """Normalised area under the frontier over a cost range shared by all routers.

    The area is that under straight lines between the points of the envelope. Left of
    its cheapest point that point's quality holds, and right of its last point the
    last one's: nobody has to spend more.

    Parameters
    ----------
    frontier : Frontier
        Points that reach the cheapest policy, as those of `frontier` do.
    cost_range : (float, float)
        Lowest and highest mean cost, from `cost_range`.

    Returns
    -------
    area : float
        In [0, 1], higher is better: mean quality over budgets spread evenly over the
        range. Scaling all costs changes nothing.

    Notes
    -----
    The area is fair to routers whose predicted costs find the cheapest model, as mean
    costs of the training queries do. One that predicts the same cost for all models has
    a single, expensive point, and is credited with its quality at budgets that it
    cannot keep. Look at the lowest ``frontier.cost`` where a router predicts costs in
    its own way.

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute.metrics import Frontier, nauc
    >>> curve = Frontier(np.array([0, 1]), np.array([3, 1]), np.array([0.8, 0.6]))
    >>> round(nauc(curve, (1, 5)), 3)  # (0.7 * 2 + 0.8 * 2) / 4
    0.75
    """
    low, high = cost_range
    if not low <= high:
        raise ValueError(f"cost_range must be (low, high); got ({low}, {high}).")
    cost, quality = frontier.envelope
    if low == high:
        return float(np.interp(high, cost, quality))
    inside = cost[(low < cost) & (cost < high)]
    grid = np.concatenate([[low], inside, [high]])
    return float(trapezoid(np.interp(grid, cost, quality), grid) / (high - low))


def nauc_own_range(frontier: Frontier) -> float:
    """`nauc` over the frontier's own range of mean costs.

    The variant of the LatentRouter paper (arXiv 2605.11301). Ranges differ, so
    values of different routers cannot be compared: use `nauc` for that.

    Parameters
    ----------
    frontier : Frontier
        The router's points.

    Returns
    -------
    area : float
        In [0, 1].
    """
    return nauc(frontier, (frontier.cost.min(), frontier.cost.max()))


def peak_score(frontier: Frontier) -> float:
    """Highest mean quality on the frontier, whatever it costs.

    Parameters
    ----------
    frontier : Frontier
        The router's points.

    Returns
    -------
    quality : float
        In [0, 1].
    """
    return float(frontier.quality.max())


def qnc(frontier: Frontier, best_quality: float, best_cost: float) -> float:
    """Share of the best single model's cost at which its quality is reached.

    Parameters
    ----------
    frontier : Frontier
        The router's points. There is no interpolation between them.
    best_quality, best_cost : float
        Mean quality and cost of the best single model.

    Returns
    -------
    share : float
        Below 1 where the router is cheaper at equal quality; inf if it never
        reaches that quality.

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute.metrics import Frontier, qnc
    >>> curve = Frontier(np.array([0, 1]), np.array([3, 1]), np.array([0.8, 0.6]))
    >>> qnc(curve, best_quality=0.7, best_cost=4.0)
    0.75
    """
    # The same mean, summed in another order, must not miss by rounding.
    reached = frontier.quality >= best_quality - 1e-12
    if not reached.any():
        return float("inf")
    cost = float(frontier.cost[reached].min())
    if best_cost == 0:
        return 1.0 if cost == 0 else float("inf")
    return cost / best_cost


def _weights(quality, cost, mask, cost_weights) -> NDArray[np.float64]:
    """Weights to sweep: those given, or a spread, and that of the cheapest policy."""
    steps = [weight for _, weight, _ in hull_walk(quality, cost, mask)]
    changes = np.unique(np.concatenate([np.zeros(0), *steps]))
    cheapest = 2 * changes[-1:]
    if cost_weights is not None:
        given = np.unique(np.asarray(cost_weights, dtype=float))
        if not len(given):
            raise ValueError("cost_weights is empty.")
        return np.append(given, cheapest[cheapest > given.max()])
    # Between two changes every weight gives the same choices. Changes that differ by
    # rounding are the same: between them, rounding would choose.
    apart = np.diff(changes) > ROUNDING * changes[1:]
    between = ((changes[1:] + changes[:-1]) / 2)[apart]
    if len(between) > N_COST_WEIGHTS:
        kept = np.linspace(0, len(between) - 1, N_COST_WEIGHTS)
        between = between[kept.round().astype(int)]
    return np.concatenate([[0.0], between, cheapest])
