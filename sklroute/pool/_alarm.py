"""Says when a model's answers are no longer worth what was predicted."""

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from sklroute.outcomes import Outcomes
from sklroute.outcomes._values import (
    by_model,
    check_models,
    check_range,
    float_array,
    plain,
)

BETS = np.array([1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4])  # of a capital, on one answer
CHUNK = 64  # answers at a time: what is bet loses all but 4**-64 of it at worst
SIDES = np.array([-1.0, 1.0])  # worse, better than predicted
COLUMNS = ["query", "model", "call", "direction", "wealth"]


class DriftAlarm(BaseEstimator):
    r"""Watch whether models go on to be as good as predicted, for as long as you like.

    A capital of 1 is bet, call after call, against each model's predictions being
    right. With the realised quality :math:`y_t` of its call :math:`t`, the prediction
    :math:`p_t`, the ``tolerance`` :math:`\delta`, a side :math:`\pm` and a bet
    :math:`\lambda` on which the fraction :math:`w_t = 1 / (t (t + 1))` of the capital
    is staked before call :math:`t`,

    .. math::
        A_t = (A_{t-1} + w_t)
        \Bigl(1 + \lambda \frac{\pm (y_t - p_t) - \delta}{1 + \delta}\Bigr), \qquad
        W_t = \frac{1}{t + 1} + \operatorname{mean}_{\pm, \lambda} A_t .

    The model is alarmed for once its wealth :math:`W` reaches ``n_models / alpha``.
    Because some of the capital is first staked at every call, a drift that comes late
    is found almost as soon as one that comes early.

    What is promised: while the predictions are right, the probability that an alarm
    is *ever* raised, for any model, is at most ``alpha``, in a stream without end.
    *Right* means that at each of a model's calls, given all the calls before,
    :math:`|E(y_t - p_t)| \le \delta`: on average over the queries that are sent to
    it, not on each of them. Wealth is then a non-negative supermartingale that starts
    at 1, and Ville's inequality bounds its maximum; the models share ``alpha`` evenly.
    Nothing else is assumed: not that answers are independent, nor which queries are
    sent to whom, as long as it was decided before the answer came. With a ``warm_up``
    the mean error of a model's first calls is subtracted from those that follow, and
    the promise is the same for what is left.

    Parameters
    ----------
    alpha : float, default=0.05
        Probability that there is ever a false alarm, in (0, 1).
    tolerance : float, default=0.1
        Mean error of the predictions that is not drift, in [0, 1). A router chooses
        what it overrates: of the models that it *calls*, even a good one is a few
        points too optimistic. With ``warm_up=0`` set it above that.
    warm_up : int, default=300
        First calls of each model whose mean error is taken to be that of the
        predictions, not drift. Its own error, about 0.5 over the root of their number,
        should be small against the tolerance: 0.03 with 300.
    n_models : int, default=None
        Number of models that will ever be watched. None is that of the first update.

    Attributes
    ----------
    wealth_ : Series
        Wealth of each model by name; stays where it was when the alarm was raised.
    alarms_ : DataFrame
        One row per alarm: "query", how many queries had been seen before the one that
        raised it; "model"; "call", how many calls of the model it took since the
        start or the last `reset`; "direction", "worse" or "better" than predicted;
        "wealth".
    n_queries_ : int
        Number of queries seen.

    See Also
    --------
    sklroute.pool.PoolMixin.partial_fit : Learn from the drift instead.

    References
    ----------
    G. Shafer, A. Shen, N. Vereshchagin and V. Vovk, "Test martingales, Bayes factors
    and p-values", Statistical Science 26(1), 2011: wealth and Ville's inequality.

    I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by
    betting", J. R. Stat. Soc. B 86, 2024: the bets.

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute import DriftAlarm
    >>> rng, alarm = np.random.RandomState(0), DriftAlarm()
    >>> predicted = np.full((1000, 2), 0.8)
    >>> right = (rng.rand(1000, 2) < [0.8, 0.8]).astype(float)
    >>> alarm.update(predicted, right, models=["a", "b"])
    []
    >>> drifted = (rng.rand(1000, 2) < [0.8, 0.5]).astype(float)
    >>> alarm.update(predicted, drifted, models=["a", "b"])
    ['b']
    >>> alarm.alarms_[["query", "model", "direction"]]
       query model direction
    0   1222     b     worse
    """

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, 1, closed="neither")],
        "tolerance": [Interval(Real, 0, 1, closed="left")],
        "warm_up": [Interval(Integral, 0, None, closed="left")],
        "n_models": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        alpha: float = 0.05,
        tolerance: float = 0.1,
        warm_up: int = 300,
        n_models: int | None = None,
    ):
        self.alpha = alpha
        self.tolerance = tolerance
        self.warm_up = warm_up
        self.n_models = n_models

    def update(
        self,
        predicted: ArrayLike,
        quality: ArrayLike | Outcomes,
        models: Sequence[Any] | None = None,
    ) -> list[Any]:
        """Take in what calls were worth, in their order.

        Parameters
        ----------
        predicted : array-like of shape (n_queries, n_models)
            Quality that was predicted before the answers were known, in [0, 1].
        quality : Outcomes or array-like of shape (n_queries, n_models)
            Realised quality of the calls, in [0, 1]; NaN = not called.
        models : sequence of shape (n_models,), default=None
            Names of the columns. None are those of Outcomes or of a DataFrame, or the
            numbers from 0. Columns of both are matched by name.

        Returns
        -------
        alarmed : list
            Models for which an alarm was raised by these calls.

        Raises
        ------
        ValueError
            If shapes differ, a value is out of range, a call has no prediction, or
            there are more models than ``n_models``. Nothing is taken in then.
        """
        self._validate_params()
        if isinstance(quality, Outcomes):
            quality = pd.DataFrame(quality.quality, columns=quality.models)
        predicted, quality, names = _check(predicted, quality, models)
        places = self._watch(names)
        alarms = []
        for place, name, errors in zip(
            places, names, (quality - predicted).T, strict=True
        ):
            capital = self._capital[place]
            rows = np.flatnonzero(~np.isnan(errors))
            row = capital.bet(errors[rows], self.tolerance, self._limit / self.alpha)
            if row is not None:
                query = self.n_queries_ + int(rows[row])
                alarms.append((query, name, *capital.report()))
        self.n_queries_ += len(quality)
        alarms.sort(key=lambda alarm: alarm[0])
        self._alarms += alarms
        return [name for _, name, *_ in alarms]

    def reset(self, models: Sequence[Any] | None = None):
        """Start again for some models: after a refit, say.

        Each start promises anew; the calls before do not count any more.

        Parameters
        ----------
        models : sequence, default=None
            Names of models that are watched. None are all.

        Returns
        -------
        self : DriftAlarm
        """
        names = getattr(self, "_names", [])
        for name in map(plain, names if models is None else models):
            if name not in names:
                raise ValueError(f"{name!r} is not watched; watched are {names}.")
            self._capital[names.index(name)] = _Capital(self.warm_up)
        return self

    @property
    def wealth_(self) -> pd.Series:
        """Wealth of each model by name."""
        wealth = [capital.wealth for capital in self._capital]
        return pd.Series(wealth, index=self._names, dtype=float)

    @property
    def alarms_(self) -> pd.DataFrame:
        """One row per alarm."""
        return pd.DataFrame(self._alarms, columns=COLUMNS)

    def _watch(self, names: list[Any]) -> NDArray[np.intp]:
        """Places of the models, having made some for those that are new."""
        watched = list(getattr(self, "_names", []))
        limit = getattr(self, "_limit", self.n_models or len(names))
        watched += [name for name in names if name not in watched]
        if len(watched) > limit:
            raise ValueError(
                f"Model {watched[limit]!r} is one too many: alpha is shared among "
                f"{limit}. Before the first update, set n_models to the number that "
                "will ever be watched."
            )
        if not hasattr(self, "_names"):
            self.n_queries_, self._limit = 0, limit
            self._capital, self._alarms = [], []
        self._names = watched
        self._capital += [_Capital(self.warm_up) for _ in watched[len(self._capital) :]]
        return np.array([watched.index(name) for name in names])


class _Capital:
    """What betting against one model's predictions has come to."""

    def __init__(self, warm_up: int):
        self.warm_up = warm_up
        self.own_error = 0.0  # of the predictions, found in the warm-up
        self.staked = np.zeros((len(SIDES), len(BETS)))
        self.calls = 0
        self.wealth = 1.0
        self.alarmed = False

    def bet(self, errors: NDArray, tolerance: float, goal: float) -> int | None:
        """Bet on answers until the wealth reaches the goal; say at which it did."""
        if self.alarmed:
            return None
        n_first = min(max(self.warm_up - self.calls, 0), len(errors))
        self.calls += n_first
        self.own_error += errors[:n_first].sum() / max(self.warm_up, 1)
        errors = errors[n_first:] - self.own_error
        worst = 1.0 + abs(self.own_error) + tolerance
        gains = (SIDES[:, None] * errors[:, None, None] - tolerance) / worst
        factors = 1.0 + BETS * gains
        for start in range(0, len(factors), CHUNK):
            row = self._bet(factors[start : start + CHUNK], goal)
            if row is not None:
                return n_first + start + row
        return None

    def _bet(self, factors: NDArray, goal: float) -> int | None:
        """Bet on a chunk of answers at once."""
        bets = self.calls - self.warm_up + np.arange(1, len(factors) + 1)
        new = (1.0 / (bets * (bets + 1)))[:, None, None]
        growth = factors.cumprod(axis=0)
        staked = growth * (self.staked + (new * factors / growth).cumsum(axis=0))
        wealth = 1.0 / (bets + 1) + staked.mean(axis=(1, 2))
        self.alarmed = bool((wealth >= goal).any())
        last = int((wealth >= goal).argmax()) if self.alarmed else len(bets) - 1
        self.calls += last + 1
        self.staked, self.wealth = staked[last], float(wealth[last])
        return last if self.alarmed else None

    def report(self) -> tuple[int, str, float]:
        """Say after how many calls, in which direction and with what wealth."""
        worse, better = self.staked.mean(axis=1)
        return self.calls, "worse" if worse > better else "better", self.wealth


def _check(predicted, quality, models) -> tuple[NDArray, NDArray, list[Any]]:
    for table in (quality, predicted):
        if models is None and isinstance(table, pd.DataFrame):
            models = table.columns
    if models is not None:
        predicted = by_model(predicted, models, "predicted")
        quality = by_model(quality, models, "quality")
    predicted = float_array(predicted, "predicted")
    quality = float_array(quality, "quality")
    if quality.ndim != 2 or predicted.shape != quality.shape:
        raise ValueError(
            f"predicted has shape {predicted.shape}, quality has {quality.shape}; "
            "expected (n_queries, n_models) of both."
        )
    models = range(quality.shape[1]) if models is None else models
    names = check_models(models, quality.shape[1])
    check_range(predicted, names, "Predicted quality", upper=1.0)
    check_range(quality, names, "Quality", upper=1.0)
    blind = np.isnan(predicted) & ~np.isnan(quality)
    if blind.any():
        row, column = np.argwhere(blind)[0]
        name = plain(names[column])
        raise ValueError(f"The call of {name!r} in row {row} has no prediction.")
    return predicted, quality, names.tolist()
