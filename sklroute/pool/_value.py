"""What a new model would be worth, before it joins."""

import copy
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from sklroute.metrics import Interval, paired_bootstrap
from sklroute.metrics._bootstrap import interval, resampled_means
from sklroute.metrics._frontier import Frontier, Sweep, sweep
from sklroute.outcomes import Outcomes
from sklroute.outcomes._folds import make_folds

N_FRONTIERS = 500  # resamples of the two frontiers
MIN_SWITCHED = 10  # queries for the new model, below which an interval means little


@dataclass(frozen=True, eq=False, repr=False)
class ModelValue:
    """What a router would gain from a new model; `PoolMixin.value_of` makes one.

    All numbers are differences between the router with the new model and the router
    as it is, means over the scored queries, with percentile bootstrap intervals.

    Parameters
    ----------
    n_queries : int
        Scored queries.
    traffic : float
        Share of them that would go to the new model.
    gain : Interval
        In utility, under the policy: in quality, less the price on cost if it has one.
    quality : Interval
        In quality.
    cost : Interval or None
        In cost; None where costs are unknown.
    quality_at_equal_cost : Interval or None
        In quality, if the cost weight is then set such that the mean cost is that of
        the router as it is; None where costs are unknown.
    saving_at_equal_quality : Interval or None
        Share of the cost that is saved, if it is set such that the quality is that of
        the router as it is (or the best that both reach); None where costs are unknown.
    measured : bool
        Whether the present choices are judged by their outcomes. Otherwise the
        router's predictions are taken for them.
    """

    n_queries: int
    traffic: float
    gain: Interval
    quality: Interval
    cost: Interval | None
    quality_at_equal_cost: Interval | None
    saving_at_equal_quality: Interval | None
    measured: bool

    @property
    def verdict(self) -> str:
        """What the interval of the gain says, in words."""
        if self.traffic == 0:
            return "no query would go to it"
        if round(self.traffic * self.n_queries) < MIN_SWITCHED:
            return "too few queries would go to it: score more"
        if self.gain.low > 0:
            return "a gain"
        return "a loss" if self.gain.high < 0 else "open: score more"

    def to_frame(self) -> pd.DataFrame:
        """The intervals, a row each, with the columns estimate, low and high.

        Returns
        -------
        frame : DataFrame
            With the columns estimate, low and high; a row per difference.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        intervals = {
            name: value for name, value in values.items() if isinstance(value, Interval)
        }
        return pd.DataFrame(intervals, index=Interval._fields).T

    def __repr__(self) -> str:
        against = "outcomes" if self.measured else "predictions"
        head = (
            f"{self.verdict}: {self.n_queries} scored queries, "
            f"{self.traffic:.0%} of them for it; judged against {against}\n"
        )
        lines = [
            f"{name:24} {row.estimate:+.4g} [{row.low:+.4g}, {row.high:+.4g}]"
            for name, row in self.to_frame().iterrows()
        ]
        return head + "\n".join(lines)


def value_of_model(
    router: Any,
    X: Any,
    answers: tuple[NDArray, NDArray],
    outcomes: Outcomes | None,
    policy: Any,
    *,
    groups: NDArray | None,
    cv: int,
    **bootstrap: Any,
) -> ModelValue:
    """Cross-fit a new model, and judge the choices with and without it.

    ``answers`` are quality and cost (NaN = unknown) of the new model's answers to the
    scored queries ``X``, ``outcomes`` those of the router's models, if known.
    ``bootstrap`` is ``confidence_level`` and ``random_state`` of the intervals. The
    rest is as in `PoolMixin.value_of`; the router is not changed.
    """
    available = None if outcomes is None else outcomes.candidates
    policy, now = router._policy_arrays(X, available, None, policy)
    if policy.needs_cost and np.isnan(answers[1]).all():
        raise ValueError(f"{policy} needs costs: that of the new model is not known.")
    then = _cross_fitted(
        router, X, answers, outcomes, now["available"], policy, groups, cv
    )
    worth, price = _realised(now, then, answers, outcomes)
    rows = np.arange(len(X))
    before, after = policy(**now), policy(**then)
    change = worth[rows, after] - worth[rows, before]
    extra = price[rows, after] - price[rows, before]
    weight = getattr(policy, "cost_weight", 0.0)
    bootstrap["groups"] = groups
    equal_cost = equal_quality = None
    priced = bool(np.isfinite(price[then["available"]]).all())
    span = float(np.ptp(price[then["available"]])) if priced else 0.0
    if priced and np.isfinite(then["cost"][then["available"]]).all():
        present = worth[rows, before], price[rows, before]
        sweeps = _sweep(worth[:, :-1], price[:, :-1], now), _sweep(worth, price, then)
        equal_cost, equal_quality = _at_equals(*sweeps, present, **bootstrap)
    return ModelValue(
        n_queries=len(X),
        traffic=float((after == worth.shape[1] - 1).mean()),
        gain=_hedged(
            change - weight * extra if weight else change,
            1.0 + weight * span,
            **bootstrap,
        ),
        quality=_hedged(change, 1.0, **bootstrap),
        cost=_hedged(extra, span, **bootstrap) if priced else None,
        quality_at_equal_cost=equal_cost,
        saving_at_equal_quality=equal_quality,
        measured=outcomes is not None,
    )


def _hedged(change: NDArray, bound: float, groups, **bootstrap: Any) -> Interval:
    """Mean with an interval that is not sure of what few queries show.

    The resamples draw from two further queries, on which as much is won and lost as
    can be: where no choice changes, or few do, all resamples of the queries alone are
    alike, and say nothing of the rest.
    """
    if groups is not None:
        code = np.unique(groups, return_inverse=True)[1]
        groups = np.append(code, code.max() + np.array([1, 2]))
    widened = np.append(change, [bound, -bound])
    _, low, high = paired_bootstrap(widened, groups=groups, **bootstrap)
    estimate = float(change.mean())
    return Interval(estimate, min(low, estimate), max(high, estimate))


def _cross_fitted(router, X, answers, outcomes, available, policy, groups, cv) -> dict:
    """Arrays of the policy with the new model as a last column.

    What is predicted of it for a query comes from the answers in the other folds.
    """
    quality, cost = answers
    names = router.classes_.tolist()
    name = max(names) + ("'" if isinstance(names[0], str) else 1)  # sorts last
    available = np.column_stack([available, np.ones(len(X), dtype=bool)])
    parts = []
    tests = []
    for train, test in make_folds(len(X), groups, cv):
        # A change replaces what it changes: the copied router stays as it is.
        larger = copy.copy(router).add_model(
            name,
            _safe_indexing(X, train),
            quality[train],
            cost[train],
            y=None if outcomes is None else outcomes[train],
        )
        queries = _safe_indexing(X, test)
        _, arrays = larger._policy_arrays(queries, available[test], None, policy)
        parts.append(arrays)
        tests.append(test)
    order = np.argsort(np.concatenate(tests))
    return {
        key: None
        if parts[0][key] is None
        else np.concatenate([part[key] for part in parts])[order]
        for key in parts[0]
    }


def _realised(now, then, answers, outcomes) -> tuple[NDArray, NDArray]:
    """Quality and cost of every model, as observed where they were."""
    quality, cost = now["quality"], now["cost"]
    if outcomes is not None:
        quality = outcomes.quality
        cost = np.where(np.isnan(outcomes.cost), cost, outcomes.cost)
    spent = np.where(np.isnan(answers[1]), then["cost"][:, -1], answers[1])
    return np.column_stack([quality, answers[0]]), np.column_stack([cost, spent])


def _sweep(worth: NDArray, price: NDArray, arrays: dict) -> Sweep:
    """Realised quality and cost of the choices over all prices on cost."""
    outcomes = Outcomes(worth, price, arrays["available"])
    return sweep(outcomes, arrays["quality"], arrays["cost"])


def _at_equals(
    before: Sweep, after: Sweep, present, groups, confidence_level, random_state
) -> tuple[Interval, Interval]:
    """Quality gained at the present cost, and share saved at the present quality."""
    tables = before.cost, before.quality, after.cost, after.quality, *present
    means = resampled_means(tables, groups, N_FRONTIERS, random_state)
    values = [
        _at_equal(
            Frontier(before.cost_weight, *row[:2]),
            Frontier(after.cost_weight, *row[2:4]),
            *row[4:],
        )
        for row in zip(*means, strict=True)
    ]
    return tuple(interval(one, confidence_level) for one in np.transpose(values))


def _at_equal(
    before: Frontier, after: Frontier, quality: float, cost: float
) -> tuple[float, float]:
    """Difference in quality at a cost, and share of cost saved at a quality."""
    (c0, q0), (c1, q1) = before.envelope, after.envelope
    gained = np.interp(cost, c1, q1) - np.interp(cost, c0, q0)
    reached = min(quality, q0[-1], q1[-1])
    usual = np.interp(reached, q0, c0)
    saved = 1 - np.interp(reached, q1, c1) / usual if usual > 0 else 0.0
    return float(gained), float(saved)
