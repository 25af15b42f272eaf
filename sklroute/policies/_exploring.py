"""Policies that try what is not known well yet, so that it can be learnt."""

from numbers import Real

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from sklroute.policies._arrays import first_best
from sklroute.policies._bounds import Budget
from sklroute.policies._prices import MaxUtility


class _Exploring(MaxUtility):
    """Base: choose by a changed utility, within the bound on the mean cost, if any."""

    _parameter_constraints: dict = {
        **MaxUtility._parameter_constraints,
        "mean_cost": [Interval(Real, 0, np.inf, closed="neither"), None],
    }
    needs_error = True

    def __init__(self, cost_weight: float, mean_cost: float | None):
        super().__init__(cost_weight)
        self.mean_cost = mean_cost

    @property
    def needs_cost(self) -> bool:
        """Whether cost has a price or a bound."""
        return self.cost_weight > 0 or self.mean_cost is not None

    def _choose(self, quality, cost, std):
        utility = self._utility(quality, cost, std)
        if self.mean_cost is None:
            return first_best(utility, cost)
        return Budget(self.mean_cost)._choose(utility, cost, std)


class UCB(_Exploring):
    r"""Choose by an optimistic quality: the mean plus a multiple of its error.

    The choice is :math:`\arg\max_j \hat q_{ij} + w s_{ij} - \lambda \hat c_{ij}`, where
    :math:`s` is the standard deviation of the *expected* quality (not of one
    answer's): what `RouterMixin.predict_quality` returns with ``return_std=True``. It
    shrinks as answers come in and `PoolMixin.partial_fit` learns from them, so that a
    model is tried until it is known to be worse: the upper confidence bound of linear
    bandits [1]_.

    Parameters
    ----------
    width : float, default=1.0
        Standard deviations to add, :math:`w \ge 0`. At 0 nothing is explored.
    cost_weight : float, default=0.0
        Quality that one unit of cost must buy, :math:`\lambda \ge 0`.
    mean_cost : float, default=None
        Bound on the mean predicted cost per query of a call's batch, > 0: the choice
        is that of `Budget` for the optimistic utility. None sets no bound.

    See Also
    --------
    Thompson : Explore by chance instead.

    References
    ----------
    .. [1] Li, L., Chu, W., Langford, J. and Schapire, R. E. (2010). A
       contextual-bandit approach to personalized news article recommendation. WWW
       2010, Algorithm 1. https://doi.org/10.1145/1772690.1772758

    Examples
    --------
    >>> from sklroute.policies import UCB
    >>> UCB(width=1.0)([[0.9, 0.8]], std=[[0.01, 0.2]])
    array([1])
    """

    _parameter_constraints: dict = {
        **_Exploring._parameter_constraints,
        "width": [Interval(Real, 0, np.inf, closed="left")],
    }

    def __init__(
        self,
        width: float = 1.0,
        cost_weight: float = 0.0,
        mean_cost: float | None = None,
    ):
        super().__init__(cost_weight, mean_cost)
        self.width = width

    def _utility(self, quality, cost, std):
        return super()._utility(quality + self.width * std, cost, std)


class Thompson(_Exploring):
    r"""Choose by a quality drawn from what is believed of it.

    For query :math:`i` and model :math:`j` a quality is drawn from
    :math:`N(\hat q_{ij}, s_{ij}^2)`, independently of the others, where :math:`s` is
    the standard deviation of the *expected* quality, as in `UCB`. The best draw, less
    the price of the cost, is chosen. Each model is so chosen about as often as it may
    be the best, given what is known: Thompson sampling [1]_ of the marginal
    distributions.

    Parameters
    ----------
    cost_weight : float, default=0.0
        Quality that one unit of cost must buy, >= 0.
    mean_cost : float, default=None
        Bound on the mean predicted cost per query of a call's batch, > 0: the choice
        is that of `Budget` for the drawn utility. None sets no bound.
    random_state : int, RandomState or None, default=None
        Seed of the draws. In a stream use a RandomState, which goes on from call to
        call, or None. An int starts again in every call: the choice is then a pure
        function of the arrays, which is right for tests, but in a stream the same
        place of every batch would be drawn the same luck.

    See Also
    --------
    UCB : Explore by optimism instead; nothing is left to chance.

    References
    ----------
    .. [1] Thompson, W. R. (1933). On the likelihood that one unknown probability
       exceeds another in view of the evidence of two samples. Biometrika 25(3/4),
       285-294. https://doi.org/10.1093/biomet/25.3-4.285

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute.policies import Thompson
    >>> policy = Thompson(random_state=np.random.RandomState(0))
    >>> choice = policy(np.full((1000, 2), [0.9, 0.8]), std=[0.1, 0.1])
    >>> round(choice.mean(), 2)  # P(N(-0.1, 0.02) > 0) = 0.24
    np.float64(0.24)
    """

    _parameter_constraints: dict = {
        **_Exploring._parameter_constraints,
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        cost_weight: float = 0.0,
        mean_cost: float | None = None,
        random_state: int | np.random.RandomState | None = None,
    ):
        super().__init__(cost_weight, mean_cost)
        self.random_state = random_state

    def _utility(self, quality, cost, std):
        luck = check_random_state(self.random_state).standard_normal(quality.shape)
        return super()._utility(quality + luck * std, cost, std)
