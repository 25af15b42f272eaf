"""Policies that bound one thing and optimise the other."""

from numbers import Real

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval

from sklroute.policies._arrays import first_best
from sklroute.policies._base import Policy

ROUNDING = 1e-9  # by which sums of costs may exceed a bound that they just reach


class CheapestAbove(Policy):
    """Choose the cheapest model whose predicted quality reaches a floor.

    Among equally cheap ones the best is chosen, and where no available model reaches
    the floor, the best of all.

    Parameters
    ----------
    quality : float, default=0.5
        The floor, in [0, 1]. At 0 the choice is the cheapest available model.

    See Also
    --------
    MaxUtility : Trade quality against cost at a fixed price.

    Examples
    --------
    >>> from sklroute.policies import CheapestAbove
    >>> predicted = [[0.9, 0.7, 0.6], [0.3, 0.2, 0.1]]
    >>> CheapestAbove(quality=0.65)(predicted, cost=[8.0, 1.0, 0.1])
    array([1, 0])
    """

    _parameter_constraints: dict = {"quality": [Interval(Real, 0, 1, closed="both")]}
    needs_cost = True

    def __init__(self, quality: float = 0.5):
        self.quality = quality

    def _choose(self, quality, cost, std):
        above = quality >= self.quality
        cheapest = first_best(np.where(above, -cost, -np.inf), -quality)
        return np.where(above.any(axis=1), cheapest, first_best(quality, cost))


class Budget(Policy):
    r"""Maximise quality with the batch's mean predicted cost under a bound.

    The queries of one call share the budget; a call with a single query has it for
    itself. Every query starts at its cheapest model. Then queries are upgraded, best
    gain per cost first, along the models that `MaxUtility` would choose as its price
    falls: the greedy solution of the linear relaxation of the multiple-choice
    knapsack problem [1]_. What is left over goes to any upgrades that still fit.

    Parameters
    ----------
    mean_cost : float, default=1.0
        Bound on the mean cost per query, > 0, in the unit of the costs. It is kept up
        to rounding.

    Raises
    ------
    ValueError
        When called, if even the cheapest choices cost more than the bound.

    See Also
    --------
    MaxUtility : Price the cost instead, one query at a time.

    References
    ----------
    .. [1] Sinha, P. and Zoltners, A. A. (1979). The multiple-choice knapsack problem.
       Operations Research 27(3), 503-515. https://doi.org/10.1287/opre.27.3.503

    Examples
    --------
    >>> from sklroute.policies import Budget
    >>> predicted = [[0.9, 0.6], [0.9, 0.8], [0.7, 0.6]]
    >>> Budget(mean_cost=4.0)(predicted, cost=[8.0, 1.0])
    array([0, 1, 1])
    """

    _parameter_constraints: dict = {
        "mean_cost": [Interval(Real, 0, np.inf, closed="neither")]
    }
    needs_cost = True

    def __init__(self, mean_cost: float = 1.0):
        self.mean_cost = mean_cost

    def _choose(self, quality, cost, std):
        bound = self.mean_cost * len(quality) * (1 + ROUNDING)
        choice = first_best(-cost, -quality)
        slack = bound - _spent(cost, choice)
        if slack < 0:
            raise ValueError(
                f"Budget(mean_cost={self.mean_cost:g}) cannot be kept: the cheapest "
                f"available models cost {cost.min(axis=1).mean():g} on average."
            )
        choice = _climb(quality, cost, choice, slack)
        return _fill(quality, cost, choice, bound - _spent(cost, choice))


def _spent(cost: NDArray, choice: NDArray) -> float:
    return cost[np.arange(len(choice)), choice].sum()


def _climb(quality, cost, choice, slack):
    """Upgrade along each query's concave hull of quality against cost."""
    top, ceiling = choice.copy(), np.full(len(choice), np.inf)
    steps = []
    while True:
        rows, models, extra, worth = _upgrades(quality, cost, top, np.inf)
        if not len(rows):
            break
        # A query's steps are worth less and less; rounding must not reorder them.
        ceiling[rows] = worth = np.minimum(worth, ceiling[rows])
        top[rows] = models
        steps.append((rows, models, extra, worth))
    if not steps:
        return choice
    rows, models, extra, worth = map(np.concatenate, zip(*steps, strict=True))
    taken = _affordable(extra, worth, slack)
    choice = choice.copy()
    choice[rows[taken]] = models[taken]  # the last step of a query counts
    return choice


def _fill(quality, cost, choice, slack):
    """Upgrade single queries until no upgrade fits into the slack."""
    choice = choice.copy()
    while True:
        rows, models, extra, worth = _upgrades(quality, cost, choice, slack)
        if not len(rows):
            return choice
        taken = _affordable(extra, worth, slack)
        choice[rows[taken]] = models[taken]
        slack -= extra[taken].sum()


def _upgrades(quality, cost, choice, limit):
    """Each query's upgrade of the most gain per cost, of those within a limit.

    Returns
    -------
    rows, models, extra, worth : ndarrays of shape (n_upgrades,)
        The queries that have one, the models it leads to, what it costs more, and
        the gain per cost. Of equally good ones it is the cheapest.
    """
    rows = np.arange(len(choice))
    gain = quality - quality[rows, choice][:, None]
    extra = cost - cost[rows, choice][:, None]
    fits = (gain > 0) & (extra > 0) & (extra <= limit)
    worth = np.full(gain.shape, -np.inf)
    np.divide(gain, extra, out=worth, where=fits)
    rows = np.flatnonzero(fits.any(axis=1))
    models = first_best(worth, cost)[rows]
    return rows, models, extra[rows, models], worth[rows, models]


def _affordable(extra, worth, slack):
    """Upgrades to take, best first, until the next does not fit."""
    order = np.argsort(-worth, kind="stable")
    return order[np.cumsum(extra[order]) <= slack]
