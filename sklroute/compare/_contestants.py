"""Routers and references as they did on the test queries of all seeds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklroute.compare._jobs import Fit, Predictions
from sklroute.compare._splits import Split
from sklroute.metrics import Frontier, model_means, random_outcome
from sklroute.metrics._frontier import sweep
from sklroute.metrics._hull import ROUNDING
from sklroute.outcomes import Outcomes
from sklroute.policies import CheapestAbove, MaxUtility, Policy

SINGLE, CHEAPEST, MIX = "best single", "cheapest", "mix of singles"
PER_TASK, RANDOM, ORACLE = "best per task", "random", "oracle"
CHOSEN = "the router chosen on each split"


class Realised(NamedTuple):
    """What the choices were worth, one value per test query."""

    quality: NDArray
    cost: NDArray  # NaN without costs
    choice: NDArray | None = None  # names of the models; None for a random draw


@dataclass(frozen=True)
class Contestant:
    """One line of the comparison, over the test queries of all seeds in turn."""

    name: str
    kind: str
    """"router", "control", "reference" or "bound", which has seen the test outcomes."""
    first: Realised
    """Choices at cost weight 0: quality first."""
    par: Realised | None = None
    """At the operating point; None without costs, and for references of one point."""
    predicted: tuple[NDArray, NDArray] | None = None
    """Quality and cost of the test queries; None where there is nothing to trade."""
    validated: tuple[NDArray, NDArray] | None = None
    """The same of the validation queries."""
    cost_weights: Sequence[float] = ()
    """The operating point of each seed."""
    fits: Sequence[Fit] = ()


class Arena(NamedTuple):
    """Outcomes and splits that all contestants share."""

    y: Outcomes
    splits: list[Split]
    has_costs: bool
    tasks: NDArray | None
    groups: NDArray | None
    # Of the operating point: a number, a rule that picks a point of the validation
    # frontier, or "auto", the rule of `compare`.
    cost_weight: float | str | Callable[[Frontier], int]
    n_resamples: int
    random_state: int

    @property
    def test(self) -> NDArray[np.intp]:
        """Rows of the test queries of all seeds, one after the other."""
        return np.concatenate([split.test for split in self.splits])

    @property
    def validation(self) -> NDArray[np.intp]:
        """Rows of the validation queries of all seeds, one after the other."""
        return np.concatenate([split.validation for split in self.splits])


def enter(
    arena: Arena,
    name: str,
    kind: str,
    predictions: Sequence[Predictions],
    fits: Sequence[Fit] = (),
) -> Contestant:
    """Judge one set of predictions per seed.

    The operating point of each seed is chosen on its validation queries.
    """
    weights: list[float] = []
    if arena.has_costs:
        weights = [
            operating_point(arena, split, part)
            for split, part in zip(arena.splits, predictions, strict=True)
        ]
    return Contestant(
        name,
        kind,
        first=_realise(arena, predictions, [MaxUtility()] * len(arena.splits)),
        par=_realise(arena, predictions, map(MaxUtility, weights)) if weights else None,
        predicted=_stack(predictions, "quality_test", "cost_test"),
        validated=_stack(predictions, "quality_validation", "cost_validation"),
        cost_weights=weights,
        fits=fits,
    )


def operating_point(arena: Arena, split: Split, predictions: Predictions) -> float:
    """Cost weight that the rule of the arena chooses.

    "auto" keeps the best single model's quality for the least money.

    It is chosen on the validation queries. Where no weight keeps the quality, it is
    the one of the highest quality.
    """
    if isinstance(arena.cost_weight, Real):
        return float(arena.cost_weight)
    y = arena.y[split.validation]
    curve = sweep(
        y, predictions.quality_validation, predictions.cost_validation
    ).frontier()
    if callable(arena.cost_weight):
        return float(curve.cost_weight[arena.cost_weight(curve)])
    target = _choose(y, *_single_means(arena, split, len(y)), MaxUtility()).quality
    # The same means, summed in another order, must not differ by rounding.
    enough = curve.quality >= min(target.mean(), curve.quality.max()) - 1e-12
    cost = np.where(enough, curve.cost, np.inf)
    cheapest = np.flatnonzero(cost <= cost.min() * (1 + ROUNDING))
    return float(curve.cost_weight[cheapest[-1]])


# -- references ----------------------------------------------------------------------


def references(arena: Arena) -> list[Contestant]:
    """What every router is compared with, the best single model first."""
    single = _predict(arena, lambda split, rows: _single_means(arena, split, len(rows)))
    mix = enter(arena, MIX, "reference", single)
    quality, cost = random_outcome(arena.y[arena.test])
    entries = [
        Contestant(SINGLE, "reference", mix.first),
        Contestant(RANDOM, "reference", Realised(quality, cost)),
    ]
    if arena.has_costs:
        cheapest = _realise(arena, single, [CheapestAbove(0.0)] * len(arena.splits))
        entries.insert(1, Contestant(CHEAPEST, "reference", cheapest))
        entries.append(mix)
    if arena.tasks is not None:
        by_task = _predict(arena, lambda split, rows: _task_means(arena, split, rows))
        entries.append(enter(arena, PER_TASK, "reference", by_task))
    truth = _predict(
        arena, lambda split, rows: (arena.y[rows].quality, arena.y[rows].cost)
    )
    return [*entries, enter(arena, ORACLE, "bound", truth)]


def same_traffic(arena: Arena, router: Contestant) -> Contestant:
    """Random choices that send each model the share that the router sends it."""
    choice = (router.par or router.first).choice
    share = (choice[:, None] == arena.y.models).mean(axis=0)
    drawn = Realised(*random_outcome(arena.y[arena.test], share))
    return Contestant(traffic_name(router.name), "reference", drawn)


def traffic_name(router: str) -> str:
    """Name of the line of random choices with a router's traffic."""
    return f"{RANDOM}, traffic of {router}"


def _predict(
    arena: Arena, predict: Callable[[Split, NDArray], tuple[NDArray, NDArray]]
) -> list[Predictions]:
    return [
        Predictions(*predict(split, split.validation), *predict(split, split.test))
        for split in arena.splits
    ]


def _single_means(arena: Arena, split: Split, n_queries: int):
    """Each model's training means, the same for every query."""
    means = model_means(arena.y[split.train])
    return tuple(np.tile(mean, (n_queries, 1)) for mean in means)


def _task_means(arena: Arena, split: Split, rows: NDArray):
    """Each model's training means of the query's task, where there are any."""
    quality, cost = _single_means(arena, split, len(rows))
    trained = arena.tasks[split.train]
    for task in np.unique(arena.tasks[rows]):
        inside = arena.tasks[rows] == task
        known = model_means(arena.y[split.train[trained == task]])
        for table, mean in zip((quality, cost), known, strict=True):
            table[inside] = np.where(np.isnan(mean), table[inside], mean)
    return quality, cost


# -- shared parts --------------------------------------------------------------------


def _realise(arena: Arena, predictions, policies) -> Realised:
    parts = [
        _choose(arena.y[split.test], part.quality_test, part.cost_test, policy)
        for split, part, policy in zip(arena.splits, predictions, policies, strict=True)
    ]
    return Realised(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def _choose(y: Outcomes, quality, cost, policy: Policy) -> Realised:
    """Choose by predictions among the models whose outcome is known; look it up."""
    choice = policy(quality, cost, y.candidates)
    rows = np.arange(len(y))
    return Realised(y.quality[rows, choice], y.cost[rows, choice], y.models[choice])


def _stack(predictions, *names: str) -> tuple[NDArray, ...]:
    return tuple(
        np.concatenate([getattr(part, name) for part in predictions]) for name in names
    )
