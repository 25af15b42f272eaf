"""What a fitted router and its baseline do on the same queries."""

from collections.abc import Callable
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from sklroute.compare._contestants import Realised
from sklroute.model_selection._scorers import policy_for
from sklroute.outcomes import Outcomes
from sklroute.outcomes._values import check_candidates, plain
from sklroute.pipeline import as_router, chooses_by_predictions, last_step
from sklroute.policies import MaxUtility

BEST_SINGLE = "best_single"


class Decisions(NamedTuple):
    """Choices on the audited queries, and what they were worth."""

    router: Realised
    baseline: Realised
    shuffled: Realised  # quality and cost of shape (n_permutations, n_queries)
    quality: NDArray  # predicted, (n_queries, n_models)
    cost: NDArray  # predicted, (n_queries, n_models)
    unseen: NDArray  # whether another choice stands in for one of unknown outcome
    # Utility by which the gain may be higher, or lower, than what stands in says.
    hidden: NDArray
    hidden_loss: NDArray
    # Whether the predictions tell the choices at other prices: a guard's do not.
    by_predictions: bool
    distribution: Any = None  # of the quality, where the router predicts one


def decide(
    estimator: Any,
    X: Any,
    y: Outcomes,
    *,
    baseline: Any,
    allowed: NDArray,
    cost_weight: float,
    n_permutations: int,
    random_state: int,
) -> Decisions:
    """Let a router, its baseline and the router with shuffled features choose.

    The candidates of a query are the models whose outcome is known, of those that were
    ``allowed``.
    """
    router = as_router(estimator)
    available = check_candidates(y.candidates)
    policy = policy_for(router, cost_weight)

    def called(mask):
        return router.predict(X, available=mask, policy=policy)

    def called_by_baseline(mask):
        return _baseline(baseline, router, X, mask, cost_weight)

    wanted, choice = _judged(called, y, allowed)
    rival, reference = _judged(called_by_baseline, y, allowed)
    own, other = realise(y, choice), realise(y, reference)
    free = wanted if allowed.all() else called(None)
    rng = np.random.default_rng(random_state)
    shuffled = _shuffled(router, X, free, available, policy, n_permutations, rng)
    distribution = None
    if hasattr(router, "predict_distribution"):
        distribution = router.predict_distribution(X)
    predicted = router.predict_cost(X)
    return Decisions(
        own,
        other,
        _stack([realise(y, models) for models in shuffled]),
        router.predict_quality(X),
        predicted,
        *_unseen(y, predicted, cost_weight, (wanted, own), (rival, other)),
        chooses_by_predictions(router),
        distribution,
    )


def _judged(called: Callable, y: Outcomes, allowed: NDArray) -> tuple[NDArray, NDArray]:
    """Models called, and the same with stand-ins for those of unknown outcome.

    Elsewhere nothing is masked: a guard takes another model if its baseline is.
    """
    wanted = called(allowed)
    known = y.candidates[np.arange(len(y)), y.index(wanted)]
    if known.all():
        return wanted, wanted
    return wanted, np.where(known, wanted, called(y.candidates))


def utility_of(realised: Realised, cost_weight: float) -> NDArray[np.float64]:
    """Quality less priced cost; without a price costs may be unknown."""
    if cost_weight == 0:
        return realised.quality
    return realised.quality - cost_weight * realised.cost


def _unseen(y: Outcomes, cost, cost_weight, router, baseline):
    """Where a free choice has no known outcome, and the gain and loss that may hide.

    At most the router's unknown answers are all right and the baseline's all wrong, at
    least the other way round. A cost that is not known is what it is predicted to be.
    Where both want the same model, nothing is gained.
    """
    (wanted, own), (rival, other) = router, baseline
    cost = np.where(np.isnan(y.cost), cost, y.cost)
    lost, wrong, right = _supposed(y, cost, cost_weight, wanted, own)
    missed, rival_wrong, rival_right = _supposed(y, cost, cost_weight, rival, other)
    found = utility_of(own, cost_weight) - utility_of(other, cost_weight)
    differ, unseen = wanted != rival, lost | missed
    more = np.where(differ, right - rival_wrong, 0.0) - found
    less = found - np.where(differ, wrong - rival_right, 0.0)
    hidden = (np.where(unseen, np.maximum(part, 0.0), 0.0) for part in (more, less))
    return unseen, *hidden


def _supposed(y: Outcomes, cost, cost_weight, wanted, known: Realised):
    """Where free choices have no known outcome; utility with those wrong, and right."""
    rows, column = np.arange(len(y)), y.index(wanted)
    unknown = ~y.candidates[rows, column]
    price = np.where(unknown, cost[rows, column], known.cost)
    qualities = (np.where(unknown, quality, known.quality) for quality in (0.0, 1.0))
    return unknown, *(utility_of(Realised(q, price), cost_weight) for q in qualities)


def realise(y: Outcomes, choice: NDArray) -> Realised:
    """Look up what the chosen models' answers were worth."""
    rows, column = np.arange(len(y)), y.index(choice)
    return Realised(y.quality[rows, column], y.cost[rows, column], choice)


def _baseline(baseline, router, X, available, cost_weight) -> NDArray:
    """Names of the models that the baseline chooses."""
    if not isinstance(baseline, str | Real):
        other = as_router(baseline)
        if not np.array_equal(other.classes_, router.classes_):
            raise ValueError(
                f"The baseline was fitted on the models {other.classes_.tolist()}, the "
                f"router on {router.classes_.tolist()}."
            )
        policy = policy_for(other, cost_weight)
        return other.predict(X, available=available, policy=policy)
    policy, last = MaxUtility(cost_weight), last_step(router)
    means = last.mean_quality_[None], last.mean_cost_[None]
    if baseline in router.classes_.tolist():
        column = router.classes_.tolist().index(baseline)
    elif baseline == BEST_SINGLE:
        (column,) = policy(*means)
    else:
        raise ValueError(
            f"baseline={plain(baseline)!r} is neither {BEST_SINGLE!r}, a fitted router "
            f"nor one of the models {router.classes_.tolist()}."
        )
    # Where that model's outcome is not known, the next best by the training means.
    only = np.arange(len(router.classes_)) == column
    available = np.where(available[:, [column]], only, available)
    tables = [np.broadcast_to(mean, available.shape) for mean in means]
    return router.classes_[policy(*tables, available)]


def _shuffled(router, X, free, available, policy, n_permutations, rng) -> list[NDArray]:
    """Choices of the router when every query shows the features of another one.

    Only where the model chosen for the other query has no known outcome here must the
    router choose again, as in `_judged`.
    """
    column = np.searchsorted(router.classes_, free)
    choices = []
    for _ in range(n_permutations):
        order = rng.permutation(len(free))
        choice = free[order]
        lost = ~available[np.arange(len(order)), column[order]]
        if lost.any():
            choice[lost] = router.predict(
                _safe_indexing(X, order[lost]), available=available[lost], policy=policy
            )
        choices.append(choice)
    return choices


def _stack(parts: list[Realised]) -> Realised:
    """Quality and cost, (n_permutations, n_queries); the choices are not kept."""
    return Realised(
        *(np.stack(values) for values in list(zip(*parts, strict=True))[:2])
    )


def join(parts: list[Decisions], order: NDArray) -> Decisions:
    """Decisions on disjoint sets of queries, put in order."""

    def along(values: list, axis: int):
        return np.concatenate(values, axis=axis).take(order, axis=axis)

    def realised(name: str, axis: int) -> Realised:
        columns = zip(*(getattr(part, name) for part in parts), strict=True)
        kept = (values for values in columns if values[0] is not None)
        return Realised(*(along(list(values), axis) for values in kept))

    distribution = None
    if all(part.distribution is not None for part in parts):
        kind = type(parts[0].distribution)
        probability = along([part.distribution.prob for part in parts], 0)
        distribution = kind(parts[0].distribution.support, probability)
    return Decisions(
        realised("router", 0),
        realised("baseline", 0),
        realised("shuffled", 1),
        along([part.quality for part in parts], 0),
        along([part.cost for part in parts], 0),
        along([part.unseen for part in parts], 0),
        along([part.hidden for part in parts], 0),
        along([part.hidden_loss for part in parts], 0),
        parts[0].by_predictions,
        distribution,
    )
