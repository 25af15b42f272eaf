"""Policies that put a price on cost and on risk, one query at a time."""

from numbers import Real

import numpy as np
from sklearn.utils._param_validation import Interval

from sklroute.policies._base import Policy


class MaxUtility(Policy):
    r"""Choose the model with the best quality less a price on cost.

    For query :math:`i` the choice is
    :math:`\arg\max_j \hat q_{ij} - \lambda \hat c_{ij}` over the available models.

    Parameters
    ----------
    cost_weight : float, default=0.0
        Quality that one unit of cost must buy, :math:`\lambda \ge 0`. At 0,
        performance comes first and cost, which may be unknown, only breaks ties.

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
        "cost_weight": [Interval(Real, 0, np.inf, closed="left")]
    }

    def __init__(self, cost_weight: float = 0.0):
        self.cost_weight = cost_weight

    @property
    def needs_cost(self) -> bool:
        """Whether cost has a price."""
        return self.cost_weight > 0

    def _utility(self, quality, cost, std):
        return quality - self.cost_weight * cost if self.cost_weight > 0 else quality


class RiskAverse(MaxUtility):
    r"""Choose by a pessimistic quality: the mean less a multiple of the spread.

    The choice is :math:`\arg\max_j \mu_{ij} - \kappa \sigma_{ij} - \lambda c_{ij}`
    with the mean and the standard deviation of the predicted quality.

    Parameters
    ----------
    risk_weight : float, default=1.0
        Standard deviations to subtract, :math:`\kappa \ge 0`.
    cost_weight : float, default=0.0
        Quality that one unit of cost must buy, :math:`\lambda \ge 0`.

    See Also
    --------
    MaxUtility : The same without a price on risk.

    Examples
    --------
    >>> from sklroute.policies import RiskAverse
    >>> RiskAverse(risk_weight=1.0)([[0.9, 0.8]], std=[[0.3, 0.1]])
    array([1])
    """

    _parameter_constraints: dict = {
        **MaxUtility._parameter_constraints,
        "risk_weight": [Interval(Real, 0, np.inf, closed="left")],
    }
    needs_std = True

    def __init__(self, risk_weight: float = 1.0, cost_weight: float = 0.0):
        super().__init__(cost_weight)
        self.risk_weight = risk_weight

    def _utility(self, quality, cost, std):
        return super()._utility(quality - self.risk_weight * std, cost, std)
