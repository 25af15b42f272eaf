"""Policies: the rule from predicted quality, cost and availability to a choice.

A policy is a small value object without state: calling it maps arrays of shape
(n_queries, n_models) to the index of one model per query.
"""

from numbers import Real
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

__all__ = ["Budget", "CheapestAbove", "MaxUtility", "Policy", "RiskAverse"]


class Policy(BaseEstimator):
    """Base of all policies: checks the arrays, breaks ties, masks models.

    A subclass implements ``_utility(quality, cost, std)``, the score that ranks the
    models of one query, or, where a choice is not a ranking, ``_choose``.
    Ties go to the cheaper model, then to the first.
    """

    _parameter_constraints: dict = {}
    needs_std: ClassVar[bool] = False
    """Whether the policy reads the spread of the predicted quality."""

    def __call__(
        self,
        quality: ArrayLike,
        cost: ArrayLike | None = None,
        available: ArrayLike | None = None,
        *,
        std: ArrayLike | None = None,
    ) -> NDArray[np.intp]:
        """Choose one model per query.

        Parameters
        ----------
        quality : array-like of shape (n_queries, n_models)
            Predicted quality.
        cost : array-like of shape (n_queries, n_models) or (n_models,), default=None
            Predicted cost; NaN or None = unknown.
        available : array-like of bool, of shape (n_queries, n_models) or \
(n_models,), default=None
            Models that may be chosen. None allows all.
        std : array-like of shape (n_queries, n_models), default=None
            Standard deviation of the predicted quality, for policies that need it.

        Returns
        -------
        choice : ndarray of int, of shape (n_queries,)
            Index of the chosen model.

        Raises
        ------
        ValueError
            If a query has no available model, or a cost that the policy needs is
            unknown.
        """
        quality, cost, available, std = self._check(quality, cost, available, std)
        return self._choose(quality, cost, available, std)

    def utility(
        self,
        quality: ArrayLike,
        cost: ArrayLike | None = None,
        available: ArrayLike | None = None,
        *,
        std: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """Score of every model; ``-inf`` where unavailable.

        Parameters and errors are those of a call.

        Returns
        -------
        utility : ndarray of shape (n_queries, n_models)
        """
        quality, cost, available, std = self._check(quality, cost, available, std)
        return np.where(available, self._utility(quality, cost, std), -np.inf)

    def _utility(self, quality, cost, std):
        return quality

    def _choose(self, quality, cost, available, std):
        utility = np.where(available, self._utility(quality, cost, std), -np.inf)
        return first_best(utility, cost)

    def _check(self, quality, cost, available, std):
        self._validate_params()
        quality = np.asarray(quality, dtype=float)
        cost = np.nan if cost is None else np.asarray(cost, dtype=float)
        cost = np.broadcast_to(cost, quality.shape)
        available = check_available(available, quality.shape)
        if self.needs_std and std is None:
            raise ValueError(
                f"{type(self).__name__} needs the spread of the predicted quality: "
                "use a router with predict_distribution, or pass `std`."
            )
        _check_finite(quality, available, "Predicted quality")
        if self._needs_cost:
            _check_finite(cost, available, f"{type(self).__name__} needs costs: cost")
        # What is masked may hold anything, NaN included, and must not leak.
        return np.where(available, quality, 0.0), cost, available, std

    @property
    def _needs_cost(self) -> bool:
        return False


class MaxUtility(Policy):
    r"""Choose the model with the best quality less a price on cost.

    For query :math:`i` the choice is
    :math:`\arg\max_j \hat q_{ij} - \lambda \hat c_{ij}` over the available models.

    Parameters
    ----------
    cost_weight : float, default=0.0
        Quality that one unit of cost must buy, :math:`\lambda \ge 0`. At 0,
        performance comes first and cost only breaks ties.

    See Also
    --------
    Budget : Bound the mean cost instead of pricing it.
    CheapestAbove : Fix the quality and pay as little as possible for it.

    Examples
    --------
    >>> from sklroute.policies import MaxUtility
    >>> MaxUtility()(quality=[[0.9, 0.6]], cost=[[8.0, 1.0]])
    array([0])
    >>> MaxUtility(cost_weight=0.1)(quality=[[0.9, 0.6]], cost=[[8.0, 1.0]])
    array([1])
    """

    _parameter_constraints: dict = {
        "cost_weight": [Interval(Real, 0, None, closed="left")]
    }

    def __init__(self, cost_weight: float = 0.0):
        self.cost_weight = cost_weight

    @property
    def _needs_cost(self) -> bool:
        return self.cost_weight > 0

    def _utility(self, quality, cost, std):
        if self.cost_weight == 0:  # costs may be unknown
            return quality
        return quality - self.cost_weight * cost


class CheapestAbove(Policy):
    """Choose the cheapest model whose predicted quality reaches a floor.

    Where no available model reaches it, the best one is chosen.

    Parameters
    ----------
    quality : float, default=0.5
        The floor, in [0, 1].

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

    def __init__(self, quality: float = 0.5):
        self.quality = quality

    @property
    def _needs_cost(self) -> bool:
        return True

    def _choose(self, quality, cost, available, std):
        above = available & (quality >= self.quality)
        best = super()._choose(quality, cost, available, std)
        cheapest = first_best(np.where(above, -cost, -np.inf), -quality)
        return np.where(above.any(axis=1), cheapest, best)


class Budget(Policy):
    r"""Maximise quality with the batch's mean predicted cost under a bound.

    The queries of one call share the budget. The choice is that of `MaxUtility` at
    the lowest price :math:`\lambda` that keeps the bound; what is left over then
    upgrades single queries, best gain per cost first (the greedy solution of the
    linear relaxation of the multiple-choice knapsack problem).

    Parameters
    ----------
    mean_cost : float, default=1.0
        Bound on the mean cost per query, > 0, in the unit of the costs.

    Raises
    ------
    ValueError
        When called, if even the cheapest choices cost more than the bound.

    See Also
    --------
    MaxUtility : Price the cost instead, one query at a time.

    Examples
    --------
    >>> from sklroute.policies import Budget
    >>> predicted = [[0.9, 0.6], [0.9, 0.8], [0.7, 0.6]]
    >>> Budget(mean_cost=4.0)(predicted, cost=[8.0, 1.0])
    array([0, 1, 1])
    """

    _parameter_constraints: dict = {
        "mean_cost": [Interval(Real, 0, None, closed="neither")]
    }

    def __init__(self, mean_cost: float = 1.0):
        self.mean_cost = mean_cost

    @property
    def _needs_cost(self) -> bool:
        return True

    def _choose(self, quality, cost, available, std):
        rows = np.arange(len(quality))
        total = self.mean_cost * len(quality)
        known_cost = np.where(available, cost, 0.0)

        def choose(price):
            utility = quality - price * known_cost
            return first_best(np.where(available, utility, -np.inf), cost)

        def spend(choice):
            return cost[rows, choice].sum()

        dear = choose(0.0)
        if spend(dear) <= total:
            return dear
        cheap = first_best(np.where(available, -cost, -np.inf), -quality)
        if spend(cheap) > total:
            raise ValueError(
                f"Budget(mean_cost={self.mean_cost:g}) cannot be kept: the cheapest "
                f"available models cost {spend(cheap) / len(quality):g} on average."
            )
        dear, cheap = _straddle(choose, spend, total, dear, cheap)
        return self._upgrade(quality, cost, cheap, dear, total - spend(cheap))

    @staticmethod
    def _upgrade(quality, cost, cheap, dear, slack):
        """Move queries from ``cheap`` to ``dear`` while ``slack`` lasts."""
        rows = np.arange(len(quality))
        gain = quality[rows, dear] - quality[rows, cheap]
        extra = cost[rows, dear] - cost[rows, cheap]
        worth = (gain > 0) & (extra > 0)
        order = rows[worth][np.argsort(-gain[worth] / extra[worth], kind="stable")]
        taken = order[np.cumsum(extra[order]) <= slack]
        choice = cheap.copy()
        choice[taken] = dear[taken]
        return choice


class RiskAverse(Policy):
    r"""Choose by a pessimistic quality: the mean less a multiple of the spread.

    The choice is :math:`\arg\max_j \mu_{ij} - \kappa \sigma_{ij} - \lambda c_{ij}`
    with the mean and the standard deviation of the predicted quality.

    Parameters
    ----------
    risk_weight : float, default=1.0
        Standard deviations to subtract, :math:`\kappa \ge 0`.
    cost_weight : float, default=0.0
        Quality that one unit of cost must buy, :math:`\lambda \ge 0`.

    Examples
    --------
    >>> from sklroute.policies import RiskAverse
    >>> RiskAverse(risk_weight=1.0)([[0.9, 0.8]], std=[[0.3, 0.1]])
    array([1])
    """

    _parameter_constraints: dict = {
        "risk_weight": [Interval(Real, 0, None, closed="left")],
        "cost_weight": [Interval(Real, 0, None, closed="left")],
    }
    needs_std = True

    def __init__(self, risk_weight: float = 1.0, cost_weight: float = 0.0):
        self.risk_weight = risk_weight
        self.cost_weight = cost_weight

    @property
    def _needs_cost(self) -> bool:
        return self.cost_weight > 0

    def _utility(self, quality, cost, std):
        safe = quality - self.risk_weight * np.asarray(std, dtype=float)
        return safe if self.cost_weight == 0 else safe - self.cost_weight * cost


def first_best(utility: NDArray, cost: NDArray) -> NDArray[np.intp]:
    """Index of the highest utility per row; ties to the cheaper, then the first.

    An unknown (NaN) cost counts as the dearest.
    """
    best = utility == utility.max(axis=1, keepdims=True)
    tied = np.where(best, np.where(np.isnan(cost), np.inf, cost), np.inf)
    return (best & (tied == tied.min(axis=1, keepdims=True))).argmax(axis=1)


def check_mask(available: ArrayLike | None, shape: tuple[int, int]) -> NDArray:
    """Return the availability mask as a bool array of the given shape.

    Raises
    ------
    ValueError
        If it has another shape or other values than true and false.
    """
    if available is None:
        return np.ones(shape, dtype=bool)
    available = np.asarray(available)
    if available.shape not in (shape, shape[1:]):
        raise ValueError(
            f"`available` has shape {available.shape}; expected {shape} "
            f"(n_queries, n_models) or {shape[1:]} (n_models,)."
        )
    if not np.isin(available, (0, 1)).all():
        raise ValueError("`available` must hold true and false only.")
    return np.broadcast_to(available.astype(bool), shape)


def check_available(available: ArrayLike | None, shape: tuple[int, int]) -> NDArray:
    """Return the mask, having checked that every query has a model left.

    Raises
    ------
    ValueError
        As `check_mask`, or if a query has no available model; the message names the
        row.
    """
    available = check_mask(available, shape)
    none = ~available.any(axis=1)
    if none.any():
        raise ValueError(
            f"Row {np.flatnonzero(none)[0]} has no available model "
            f"({none.sum()} of {len(none)} queries)."
        )
    return available


def _check_finite(values, available, what):
    wrong = available & ~np.isfinite(values)
    if wrong.any():
        row, model = np.argwhere(wrong)[0]
        raise ValueError(
            f"{what} of model {model} is {values[row, model]} (row {row})."
        )


def _straddle(choose, spend, total, dear, cheap):
    """Bisect the price: choices just over and just under the total."""
    low, high = 0.0, 1.0
    while spend(choose(high)) > total and high < 1e300:
        low, high = high, high * 4
    for _ in range(50):
        price = (low + high) / 2
        choice = choose(price)
        if spend(choice) > total:
            low, dear = price, choice
        else:
            high, cheap = price, choice
    return dear, cheap
