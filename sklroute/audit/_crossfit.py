"""Auditing an unfitted router on a table of logs, by cross-fitting."""

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from joblib import delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, validate_params
from threadpoolctl import threadpool_limits

from sklroute.audit._audit import SETTINGS, name_baseline, name_routers
from sklroute.audit._decisions import BEST_SINGLE, Decisions, decide, join
from sklroute.audit._result import Audit, Question, judge
from sklroute.audit._statistics import Draws
from sklroute.base._arrays import check_lengths
from sklroute.compare._jobs import Tasks, collect, configure, prepare, workers
from sklroute.compare._protocol import check_weight, drop_unpriced, tasks_of
from sklroute.compare._splits import N_FOLDS, Split, check_trained, make_splits
from sklroute.features import BlockScaler
from sklroute.outcomes import Outcomes, check_outcomes
from sklroute.outcomes._values import group_array
from sklroute.pipeline import fit_router


@validate_params(
    SETTINGS
    | {
        "cost_weight": [Interval(Real, 0, None, closed="left")],
        "learn_tasks": ["boolean"],
        "progress": [callable, None],
    },
    prefer_skip_nested_validation=False,
)
def cross_audit(
    router: Any,
    X: ArrayLike,
    y: Any,
    *,
    baseline: Any = BEST_SINGLE,
    cost_weight: float = 0.0,
    tasks: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    modalities: Mapping[str, Any] | None = None,
    preprocessor: BaseEstimator | None = None,
    learn_tasks: bool = False,
    min_gain: float = 0.01,
    alpha: float = 0.05,
    power: float = 0.8,
    n_resamples: int = 2000,
    n_permutations: int = 50,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Audit:
    """Say whether a router pays, from a table of logs alone.

    The queries are split into five folds, as `sklroute.compare.compare` splits them.
    Preprocessing, router and baseline are fitted on four folds and choose on the
    fifth, so that every query is audited once by a router that has not seen it, and
    is then judged as in `audit`.

    Parameters
    ----------
    router : router, Pipeline, search, or dict of these
        What is audited; copies are fitted. Parameters named ``random_state`` are set
        per fold, and parameters named ``modalities`` that are None to the blocks.
    X : array-like of shape (n_queries, n_features)
        Features of the queries; with a ``preprocessor``, whatever that takes.
    y : Outcomes or any form that `check_outcomes` accepts
        What the models' answers were worth.
    baseline : "best_single", name of a model, or router, default="best_single"
        As in `audit`; "best_single" is chosen on the training folds of each fold, and
        a router is fitted on them.
    cost_weight : float, default=0.0
        Quality that one unit of cost must buy.
    tasks : array-like of shape (n_queries,), default=None
        Task of each query, for the results by task; every fold keeps their shares.
    groups : array-like of shape (n_queries,), default=None
        Queries of one group stay in one fold, and are drawn and counted as one.
    modalities : dict or list of str, default=None
        Columns of each block of ``X``, as `BlockScaler` takes them; None makes it one
        block. With a ``preprocessor``, of what that returns, unless it knows its own
        blocks, as `BlockScaler` and `ColumnTransformer` do.
    preprocessor : transformer, default=None
        Fitted on the training folds. None is ``BlockScaler(modalities,
        allow_missing=True)``.
    learn_tasks : bool, default=False
        Whether the router may learn to recognise the tasks: a `TaskEncoder`, fitted
        on the training folds, follows the preprocessing.
    min_gain, alpha, power, n_resamples, n_permutations, random_state
        As in `audit`.
    n_jobs : int, default=None
        Processes, as in joblib, for the five folds. The results do not depend on it.
    progress : callable, default=None
        Called as ``progress(n_done, n_total)`` after each fold.

    Returns
    -------
    Audit

    Raises
    ------
    ValueError
        As `audit`, and if there are fewer than five queries (or ``groups``), or
        tasks are to be learned and there are none.

    Notes
    -----
    The five fitted routers share training queries; intervals and tests treat them as
    given. ``benchmarks/audit`` measures how often that says "pays" where nothing can be
    gained.

    Examples
    --------
    >>> from sklroute.audit import cross_audit
    >>> from sklroute.baselines import RidgeRouter
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=800, random_state=0)
    >>> cross_audit(RidgeRouter(alpha=100.0), data.X, data.y).table["verdict"].item()
    'pays'
    """
    named = name_routers(router)
    y = check_outcomes(y, for_fit=True)
    tasks, groups = group_array(tasks, "tasks"), group_array(groups)
    check_lengths(X, y=y, tasks=tasks, groups=groups)
    allowed = y.available
    y, has_costs = drop_unpriced(y)
    weight = check_weight(cost_weight, has_costs)
    splits = make_splits(len(y), tasks, groups, N_FOLDS, random_state)
    check_trained(y, (_training(split) for split in splits), priced=weight > 0)
    if preprocessor is None:
        preprocessor = BlockScaler(modalities, allow_missing=True)
    plan = _Plan(
        X=X,
        y=y,
        groups=groups,
        modalities=modalities,
        preprocessor=preprocessor,
        tasks=tasks_of(tasks, groups, learn_tasks),
        baseline=baseline,
        allowed=allowed,
        cost_weight=weight,
        n_permutations=n_permutations,
    )
    jobs = [
        delayed(_audit_fold)(plan, named, split, random_state + fold)
        for fold, split in enumerate(splits)
    ]
    with workers(n_jobs) as parallel:
        folds = collect(parallel(jobs), len(jobs), progress)
    order = np.argsort(np.concatenate([split.test for split in splits]))
    decisions = {name: join([fold[name] for fold in folds], order) for name in named}
    question = Question(
        baseline=name_baseline(baseline),
        cost_weight=weight,
        has_costs=has_costs,
        min_gain=min_gain,
        alpha=alpha,
        power=power,
        draws=Draws(groups, n_resamples, random_state),
        n_folds=N_FOLDS,
    )
    return judge(question, decisions, y, tasks)


class _Plan(NamedTuple):
    """What all folds share."""

    X: Any
    y: Outcomes
    groups: NDArray | None
    modalities: Mapping[str, Any] | None
    preprocessor: BaseEstimator
    tasks: Tasks | None
    baseline: Any
    allowed: NDArray
    cost_weight: float
    n_permutations: int


def _training(split: Split) -> NDArray[np.intp]:
    """Rows of all folds but the audited one."""
    return np.concatenate([split.train, split.validation])


def _audit_fold(plan: _Plan, named, split, random_state: int) -> dict[str, Decisions]:
    """Fit every router on all folds but one and choose on that one."""
    train = _training(split)
    # One thread each, also without workers: sums of floats depend on the threads.
    with threadpool_limits(1):
        features, held_out, blocks = prepare(
            plan.preprocessor, plan.X, (train, split.test), plan.modalities, plan.tasks
        )
        groups = None if plan.groups is None else plan.groups[train]

        def fit(estimator):
            estimator = configure(estimator, blocks, random_state)
            return fit_router(estimator, features, plan.y[train], groups=groups)

        baseline = plan.baseline
        if isinstance(baseline, BaseEstimator):
            baseline = fit(baseline)
        return {
            name: decide(
                fit(router),
                held_out,
                plan.y[split.test],
                baseline=baseline,
                allowed=plan.allowed[split.test],
                cost_weight=plan.cost_weight,
                n_permutations=plan.n_permutations,
                random_state=random_state,
            )
            for name, router in named.items()
        }
