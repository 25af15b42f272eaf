"""One protocol for all routers: fit on train, choose on validation, judge on test."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from sklroute.base._arrays import check_lengths
from sklroute.compare._contestants import (
    CHEAPEST,
    CHOSEN,
    MIX,
    ORACLE,
    PER_TASK,
    RANDOM,
    SINGLE,
    Arena,
    Contestant,
    enter,
    references,
)
from sklroute.compare._jobs import (
    Features,
    Job,
    Tasks,
    collect,
    prepare,
    run_jobs,
    shuffled,
)
from sklroute.compare._result import Comparison, summarise
from sklroute.compare._routers import default_routers
from sklroute.compare._splits import check_trained, make_splits
from sklroute.features import BlockScaler
from sklroute.outcomes import Outcomes, check_outcomes
from sklroute.outcomes._values import check_choice, group_array

CONTROL = "ridge"  # the router trained on shuffled outcomes, if it takes part
COLUMNS = {"task", "queries"}  # beside the routers, in the table by task


@validate_params(
    {
        "routers": [Mapping, None],
        "cost_weight": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "n_seeds": [Interval(Integral, 1, None, closed="left")],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "random_state": [Interval(Integral, 0, None, closed="left")],
        "learn_tasks": ["boolean"],
        "progress": [callable, None],
    },
    prefer_skip_nested_validation=False,
)
def compare(
    X: ArrayLike,
    y: Any,
    *,
    tasks: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    modalities: Mapping[str, Any] | None = None,
    routers: Mapping[str, BaseEstimator] | None = None,
    preprocessor: BaseEstimator | None = None,
    learn_tasks: bool = False,
    cost_weight: float | str = "auto",
    feature_cost: ArrayLike | None = None,
    n_seeds: int = 5,
    n_resamples: int = 1000,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
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

    Intervals are 95 % bootstrap intervals over queries, whole ``groups`` at a
    time, with the routers as fitted.

    Parameters
    ----------
    X : array-like of shape (n_queries, n_features)
        Features of the queries; with a ``preprocessor``, whatever that takes.
    y : Outcomes or any form that `check_outcomes` accepts
        What the answers were worth. Without costs the comparison is one of quality.
    tasks : array-like of shape (n_queries,), default=None
        Task of each query, for the reference "best per task" and the results by
        task. Every split keeps their shares as well as it can.
    groups : array-like of shape (n_queries,), default=None
        Queries of one group stay on one side of every split.
    modalities : dict or list of str, default=None
        Columns of each block of ``X``, as `BlockScaler` takes them; None makes it one
        block. With a ``preprocessor``, of what that returns, unless it knows its own
        blocks, as `BlockScaler` and `ColumnTransformer` do.
    routers : dict of str to router, default=None
        Routers to fit, by name. None fits those of `default_routers`. Their predicted
        quality and cost are compared; their own policies play no part. Parameters
        named ``random_state`` are set per seed, and parameters named ``modalities``
        that are None are set to the blocks.
    preprocessor : transformer, default=None
        Fitted on each seed's training queries. None is
        ``BlockScaler(modalities, allow_missing=True)``: a block that is missing
        (NaN in all of its columns) is its mean to every router.
    learn_tasks : bool, default=False
        Whether the routers may learn to recognise the tasks: a `TaskEncoder`, fitted
        on the training queries, follows the preprocessing.
    cost_weight : float or "auto", default="auto"
        The operating point, if it is not to be chosen.
    feature_cost : float or array-like of shape (n_queries,), default=None
        Cost of computing the features of a query, in the unit of the costs. It is
        reported beside the cost of the calls.
    n_seeds : int, default=5
        Number of splits.
    n_resamples : int, default=1000
        Bootstrap samples of each interval.
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
        If lengths differ, there are too few queries or groups, a task is missing, a
        model has no cost while others do, no query has the outcomes of two models,
        ``cost_weight`` or ``feature_cost`` is given without costs, or tasks are to be
        learned and there are none.
    TypeError
        If a router does not choose by its predictions alone, as `GuardedRouter`,
        `FixedRouter` and `RandomRouter` do not: `sklroute.audit.audit` judges these.

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
    tasks, groups = group_array(tasks, "tasks"), group_array(groups)
    check_lengths(X, y=y, tasks=tasks, groups=groups)
    y, has_costs = drop_unpriced(y)
    routers = default_routers() if routers is None else dict(routers)
    if cost_weight != "auto":
        check_weight(cost_weight, has_costs)
    bill = _check_feature_cost(feature_cost, y, has_costs)
    splits = make_splits(len(y), tasks, groups, n_seeds, random_state)
    check_trained(y, (split.train for split in splits), priced=has_costs)
    arena = Arena(
        y=y,
        splits=splits,
        has_costs=has_costs,
        tasks=tasks,
        groups=groups,
        cost_weight=cost_weight,
        n_resamples=n_resamples,
        random_state=random_state,
    )
    entries = contest(
        X,
        arena,
        routers,
        preprocessor=preprocessor,
        modalities=modalities,
        tasks=tasks_of(tasks, groups, learn_tasks),
        n_jobs=n_jobs,
        progress=progress,
    )
    return summarise(arena, entries, bill)


def contest(
    X: ArrayLike,
    arena: Arena,
    routers: Mapping[str, BaseEstimator],
    *,
    preprocessor: BaseEstimator | None,
    modalities: Mapping[str, Any] | None,
    n_jobs: int | None,
    progress: Callable[[int, int], None] | None,
    tasks: Tasks | None = None,
) -> list[Contestant]:
    """Fit the routers and the control on every split; add the references."""
    control = CONTROL if CONTROL in routers else next(iter(routers), "")
    _check_names(routers, control)
    if preprocessor is None:
        preprocessor = BlockScaler(modalities, allow_missing=True)
    jobs = _jobs(X, arena, routers, control, preprocessor, modalities, tasks)
    n_total = len(arena.splits) * (len(routers) + 1)
    fits = collect(run_jobs(jobs, n_jobs), n_total, progress)
    return _contestants(arena, fits, routers, control)


def _jobs(
    X, arena, routers, control, preprocessor, modalities, tasks
) -> Iterator[list[Job]]:
    """For each seed every router, and the control on shuffled outcomes."""
    for seed, split in enumerate(arena.splits):
        features = Features(*prepare(preprocessor, X, split, modalities, tasks))
        trained = arena.y[split.train]
        whole = None if arena.groups is None else arena.groups[split.train]
        state = arena.random_state + seed
        jobs = [
            Job(name, seed, router, features, trained, whole, state)
            for name, router in routers.items()
        ]
        wrong = shuffled(trained, state)
        name = control_name(control)
        jobs.append(Job(name, seed, routers[control], features, wrong, whole, state))
        yield jobs[::-1]  # the latent router, slowest and last, must not start last


def control_name(router: str) -> str:
    """Name of the line of a router that learned from shuffled outcomes."""
    return f"{router}, shuffled"


def _contestants(arena: Arena, fits, routers, control: str) -> list[Contestant]:
    entries = []
    for name in [*routers, control_name(control)]:
        own = [fit for fit in fits if fit.name == name]
        kind = "control" if name == control_name(control) else "router"
        entries.append(enter(arena, name, kind, [f.predictions for f in own], own))
    return [*entries, *references(arena)]


def drop_unpriced(y: Outcomes) -> tuple[Outcomes, bool]:
    """Outcomes without the calls whose cost is unknown, and whether there are costs."""
    priced = ~np.isnan(y.cost)
    if not priced[y.observed].any():
        check_choice(y.candidates)
        return y, False
    never = y.observed.any(axis=0) & ~(priced & y.observed).any(axis=0)
    if never.any():
        raise ValueError(
            f"Model {y.models[never][0].item()!r} has no cost while others do: give "
            "every model a cost, or none."
        )
    candidates = priced & y.candidates
    alone = ~candidates.any(axis=1)
    if alone.any():
        raise ValueError(
            f"Row {np.flatnonzero(alone)[0]} of y has no available model of known "
            f"quality and cost ({alone.sum()} of {len(y)} queries): leave such queries "
            "out, or tell the costs of their calls."
        )
    check_choice(candidates)
    return Outcomes(y.quality, y.cost, y.available & priced, models=y.models), True


def tasks_of(
    tasks: NDArray | None, groups: NDArray | None, learn_tasks: bool
) -> Tasks | None:
    """Groups that routers may learn to recognise, if they may."""
    if not learn_tasks:
        return None
    if tasks is None:
        raise ValueError("learn_tasks needs tasks, the task of each query.")
    return Tasks(tasks, groups)


def check_weight(cost_weight: float, has_costs: bool) -> float:
    """Refuse to put a price on costs that are not known."""
    if cost_weight > 0 and not has_costs:
        raise ValueError(
            f"cost_weight={cost_weight:g} needs costs: y has none. If the table has "
            "them, name their column."
        )
    return float(cost_weight)


def check_apart(names: Iterable[Any]) -> None:
    """Refuse names of routers that read the same, as 1 and "1" do."""
    read: dict[str, Any] = {}
    for name in names:
        other = read.setdefault(str(name), name)
        if other is not name:
            raise ValueError(
                f"The names {other!r} and {name!r} of two routers read the same."
            )


def _check_names(routers: Mapping[str, BaseEstimator], control: str) -> None:
    if not routers:
        raise ValueError("There is no router to compare.")
    check_apart(routers)
    taken = {SINGLE, CHEAPEST, MIX, PER_TASK, RANDOM, ORACLE, CHOSEN}
    taken.add(control_name(control))
    clash = sorted((taken | COLUMNS) & set(routers))
    if clash:
        what = "a column" if clash[0] in COLUMNS else "a reference"
        raise ValueError(f"A router cannot be called {clash[0]!r}: {what} is.")


def _check_feature_cost(
    cost: ArrayLike | None, y: Outcomes, has_costs: bool
) -> NDArray | None:
    """Cost of the features of each query."""
    if cost is None:
        return None
    if not has_costs:
        raise ValueError("feature_cost needs the costs of the calls: y has none.")
    cost = np.asarray(cost, dtype=float)
    if cost.shape not in ((), (len(y),)):
        raise ValueError(
            f"feature_cost has shape {cost.shape}; expected one number, or one for "
            f"each of the {len(y)} queries."
        )
    if not (np.isfinite(cost) & (cost >= 0)).all():
        raise ValueError("feature_cost must be finite and >= 0.")
    return np.broadcast_to(cost, len(y))
