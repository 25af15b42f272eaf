"""From the best model to the cheapest: upper concave hulls, and choices at a price."""

import numpy as np
from numpy.typing import NDArray

from sklroute.outcomes._values import check_cost_weight
from sklroute.policies import first_best
from sklroute.policies._arrays import check_not_negative

ROUNDING = 1e-9  # of a cost


def hull_walk(
    quality: NDArray, cost: NDArray, available: NDArray
) -> list[tuple[NDArray, NDArray, NDArray]]:
    """Follow each query's choice from the best model to the cheapest.

    Each step walks one edge of the upper concave hull of the query's models in the
    plane of cost and quality, for all queries that still have a cheaper model. It says
    which queries move, the cost weights at which they do, and the cheaper models they
    move to. Costs that differ by rounding are the same: the weight at which such a
    difference decided would leave no digit to tell the quality of any model.
    """
    quality = np.where(available, quality, -np.inf)
    cost = np.where(available, cost, np.inf)
    rows, choice, steps = np.arange(len(quality)), first_best(quality, cost), []
    while True:
        own = cost[rows, choice][:, None]
        saved = own - cost[rows]
        saved[saved <= ROUNDING * own] = 0.0
        moving = saved.any(axis=1)
        if not moving.any():
            return steps
        rows, choice, saved = rows[moving], choice[moving], saved[moving]
        lost = quality[rows, choice][:, None] - quality[rows]
        slope = np.divide(lost, saved, out=np.full_like(lost, np.inf), where=saved > 0)
        choice = first_best(-slope, cost[rows])
        steps.append((rows, slope.min(axis=1), choice))


def upper_hull(quality: NDArray, cost: NDArray) -> tuple[NDArray, NDArray]:
    """Places of the points on the upper concave hull, from the best to the cheapest.

    And the lowest cost weight at which each has the highest utility.
    """
    quality, cost = quality[None], cost[None]
    steps = hull_walk(quality, cost, np.ones_like(quality, dtype=bool))
    points = [first_best(quality, cost), *(choice for _, _, choice in steps)]
    weight = [np.zeros(1), *(weight for _, weight, _ in steps)]
    return np.concatenate(points), np.concatenate(weight)


def choices_at(
    cost_weights: NDArray, quality: NDArray, cost: NDArray, available: NDArray
) -> NDArray[np.intp]:
    """What `MaxUtility` chooses at each cost weight, (n_queries, n_weights).

    With the models of each query in order of cost, ties and all, it is the first of
    the highest utility. A walk along the hull would be faster still, but not the same
    where rounding decides.
    """
    check_not_negative(cost, available, "Cost must be >= 0: cost")
    quality = np.where(available, quality, -np.inf)
    cost = np.where(available, cost, np.inf)
    order = np.argsort(cost, axis=1, kind="stable")
    quality, cost = (
        np.take_along_axis(each, order, axis=1) for each in (quality, cost)
    )
    place = np.empty((len(order), len(cost_weights)), dtype=np.intp)
    for column, weight in enumerate(cost_weights):
        check_cost_weight(weight)
        utility = quality - weight * cost if weight > 0 else quality
        place[:, column] = utility.argmax(axis=1)
    return np.take_along_axis(order, place, axis=1)
