"""One protocol for all routers: fit on train, choose on validation, judge on test."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _num_samples, check_consistent_length

from sklroute.compare._contestants import (
    Arena,
    Contestant,
    enter,
    references,
    same_traffic,
)
from sklroute.compare._jobs import Job, Progress, prepare, run_jobs, shuffled
from sklroute.compare._result import Comparison, best_router, summarise
from sklroute.compare._routers import default_routers
from sklroute.compare._splits import iter_splits
from sklroute.features import BlockScaler
from sklroute.outcomes import Outcomes, check_outcomes

__all__ = ["compare"]

CONTROL = "ridge"  # the router trained on shuffled outcomes, if it takes part


def compare(
    X: ArrayLike,
    y: Any,
    *,
    groups: ArrayLike | None = None,
    cv_groups: ArrayLike | None = None,
    modalities: Mapping[str, Any] | None = None,
    routers: Mapping[str, BaseEstimator] | None = None,
    preprocessor: BaseEstimator | None = None,
    cost_weight: float | str = "auto",
    feature_cost: ArrayLike | None = None,
    n_seeds: int = 5,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare routers with each other and with what needs no router.

    Each seed splits the queries into train (three fifths), validation and test (one
    fifth each). Preprocessing and routers are fitted on train, the operating point
    is chosen on validation, test is used once, to judge. Five seeds test every query
    exactly once. Choices are made on predicted quality and cost and judged by the
    realised ones; the candidates of a query are the models whose outcome is known.

    The operating point is the cost weight that keeps the validation quality of the
    best single model (itself chosen on train) at the lowest validation cost. One
    router is fitted a second time on shuffled outcomes, as a control: if it gains,
    something leaks.

    Intervals are 95 % bootstrap intervals over queries, whole ``cv_groups`` at a
    time, with the routers as fitted.

    Parameters
    ----------
    X : array-like of shape (n_queries, n_features)
        Features of the queries; with a ``preprocessor``, whatever that takes.
    y : Outcomes or any form that `check_outcomes` accepts
        What the answers were worth. Without costs the comparison is one of quality.
    groups : array-like of shape (n_queries,), default=None
        Groups (tasks) for the reference "best per group" and the results by
        group. Every split keeps their shares as well as it can.
    cv_groups : array-like of shape (n_queries,), default=None
        Queries of one such group stay on one side of every split.
    modalities : dict of str to slice or array-like of int, default=None
        Columns of each block of ``X``; None makes it one block.
    routers : dict of str to router, default=None
        Routers to fit, by name. None fits those of `default_routers`. Parameters
        named ``random_state`` are set per seed, and parameters named ``modalities``
        that are None are set to the blocks.
    preprocessor : transformer, default=None
        Fitted on each seed's training queries. None is
        ``BlockScaler(modalities)``.
    cost_weight : float or "auto", default="auto"
        The operating point, if it is not to be chosen.
    feature_cost : float or array-like of shape (n_queries,), default=None
        Cost of computing the features of a query, in the unit of the costs. It is
        reported beside the cost of the calls.
    n_seeds : int, default=5
        Number of splits.
    random_state : int, default=0
        Seed of splits, routers and intervals.
    n_jobs : int, default=None
        Processes, as in joblib. The results do not depend on it.
    progress : callable, default=None
        Called as ``progress(n_done, n_total)`` after each fit.

    Returns
    -------
    Comparison

    Raises
    ------
    ValueError
        If lengths differ, there are too few queries or groups, or a model has no
        cost while others do.

    Examples
    --------
    >>> from sklroute.compare import compare, default_routers
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=400, random_state=0)
    >>> result = compare(data.X, data.y, modalities=data.modalities,
    ...                  routers=default_routers(["ridge"]), n_seeds=2)
    >>> bool(result.table.loc["ridge", "gain_low"] > 0)
    True
    """
    y = check_outcomes(y, for_fit=True)
    check_consistent_length(y, groups, cv_groups)
    if _num_samples(X) != len(y):
        raise ValueError(f"X has {_num_samples(X)} rows, y has {len(y)} queries.")
    groups, cv_groups = _as_array(groups), _as_array(cv_groups)
    y, has_costs = _scorable(y)
    splits = list(
        iter_splits(
            len(y),
            groups=groups,
            cv_groups=cv_groups,
            n_seeds=n_seeds,
            random_state=random_state,
        )
    )
    arena = Arena(y, splits, groups, cost_weight, has_costs)
    routers = default_routers() if routers is None else dict(routers)
    preprocessor = BlockScaler(modalities) if preprocessor is None else preprocessor
    control = CONTROL if CONTROL in routers else next(iter(routers))
    jobs = _jobs(
        X, arena, routers, control, preprocessor, modalities, cv_groups, random_state
    )
    total = n_seeds * (len(routers) + 1)
    fits = list(run_jobs(jobs, n_jobs or 1, progress or _silent, total))
    contestants = _contestants(arena, fits, control)
    return summarise(
        arena,
        contestants,
        cv_groups=cv_groups,
        feature_cost=feature_cost,
        random_state=random_state,
    )


def _jobs(
    X, arena, routers, control, preprocessor, modalities, cv_groups, random_state
) -> Iterator[Job]:
    """Every router on every seed, and the control on shuffled outcomes."""
    for seed, split in enumerate(arena.splits):
        features = prepare(preprocessor, X, split, modalities)
        trained = arena.y[split.train]
        whole = None if cv_groups is None else cv_groups[split.train]
        state = random_state + seed
        for name, router in routers.items():
            yield Job(name, seed, router, features, trained, whole, state)
        wrong = shuffled(trained, state)
        name = control_name(control)
        yield Job(name, seed, routers[control], features, wrong, whole, state)


def control_name(router: str) -> str:
    """Name of the line of a router that learned from shuffled outcomes."""
    return f"{router}, shuffled"


def _contestants(arena: Arena, fits, control: str) -> list[Contestant]:
    entries = []
    for name in dict.fromkeys(fit.name for fit in fits):
        own = [fit for fit in fits if fit.name == name]
        kind = "control" if name == control_name(control) else "router"
        entries.append(enter(arena, name, kind, [f.predictions for f in own], own))
    best = best_router(arena, entries)
    return [*entries, *references(arena), same_traffic(arena, best)]


def _scorable(y: Outcomes) -> tuple[Outcomes, bool]:
    """Outcomes without the calls whose cost is unknown, and whether there are costs."""
    priced = ~np.isnan(y.cost)
    if not priced[y.observed].any():
        return y, False
    never = ~(priced & y.observed).any(axis=0)
    if never.any():
        raise ValueError(
            f"Model {y.models[never][0].item()!r} has no cost while others do: give "
            "every model a cost, or none."
        )
    candidates = priced & y.candidates
    alone = ~candidates.any(axis=1)
    if alone.any():
        raise ValueError(
            f"Row {np.flatnonzero(alone)[0]} has no available model of known quality "
            "and cost."
        )
    return Outcomes(y.quality, y.cost, y.available & priced, models=y.models), True


def _as_array(values: ArrayLike | None) -> NDArray | None:
    return None if values is None else np.asarray(values)


def _silent(n_done: int, n_total: int) -> None:
    """No progress bar."""
