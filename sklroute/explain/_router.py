"""Explain the choices of a router, by the hooks of `ExplainMixin`."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklroute.explain._evidence import Evidence, additive, remainder, tidy
from sklroute.explain._explanation import Explanation
from sklroute.policies import MaxUtility, Policy, first_best

BATCH = 1024  # queries whose evidence is gathered at once: bounds the memory

Moments = tuple[str, NDArray, NDArray | None]


@dataclass(frozen=True, eq=False)
class Decision:
    """The arrays of a decision, (n_queries, n_models) or (n_queries,) each."""

    policy: Policy
    quality: NDArray
    cost: NDArray
    std: NDArray | None
    available: NDArray
    """What the caller allowed."""
    considered: NDArray
    """What the router chose among: some narrow it further."""
    choice: NDArray

    @property
    def utility(self) -> NDArray:
        """Utility of every model; -inf where unavailable."""
        return self.utility_without(self.quality, self.std)

    @property
    def runner_up(self) -> NDArray:
        """Best of the other models, of those considered if there are any; or -1."""
        others = self.available.copy()
        others[np.arange(len(others)), self.choice] = False
        near = others & self.considered
        pool = np.where(near.any(axis=1, keepdims=True), near, others)
        utility = np.where(pool, self.utility, -np.inf)
        best = first_best(utility, np.where(pool, self.cost, np.inf))
        return np.where(pool.any(axis=1), best, -1)

    def utility_without(self, quality: NDArray, std: NDArray | None) -> NDArray:
        """Utility if quality (and its spread, if known) were predicted otherwise."""
        std = self.std if std is None else std
        return self.policy.utility(quality, self.cost, self.available, std=std)


def explain_router(
    router: Any,
    X: Any,
    *,
    available: Any = None,
    costs: Any = None,
    policy: Policy | None = None,
    ablated: Callable[[NDArray, Policy], Iterable[Moments]] | None = None,
) -> Explanation:
    """Explain the choices of a fitted router.

    Parameters
    ----------
    router : router
        With the hooks of `ExplainMixin`.
    X : array-like of shape (n_queries, n_features)
        Features of the queries, as the router takes them.
    available, costs, policy
        As in ``predict``.
    ablated : callable, default=None
        From the mask and the policy to the predictions without each block, as
        ``_ablated_moments`` of the router gives them; None takes that.

    Returns
    -------
    Explanation
    """
    if not hasattr(router, "_explain_evidence"):
        raise TypeError(
            f"explain_router takes a router; got {type(router).__name__}. Of a "
            "pipeline or search that ends in one, call as_router(estimator).explain(X)."
        )
    check_is_fitted(router)
    policy = drawn_once(router._policy(policy))
    decision = _decide(router, X, available, costs, policy)
    proba = router.predict_proba(X, available=available, costs=costs, policy=policy)
    if ablated is None:
        ablated = partial(router._ablated_moments, X)
    blocks = ()
    if router._reads_features:
        blocks = ablated(decision.available, decision.policy)
    X = router._check_X(X, reset=False)
    utility, runner_up = decision.utility, decision.runner_up
    return Explanation(
        models=_models_frame(router, X, decision, utility, runner_up, proba),
        evidence=_evidence_frame(router, X, decision, utility, runner_up, blocks),
        decisions=_decisions_frame(router, decision, utility, runner_up),
    )


def drawn_once(policy: Policy) -> Policy:
    """The policy; in place of one that draws, another that always draws the same."""
    seed = policy.get_params().get("random_state", 0)
    if isinstance(seed, Integral):
        return policy
    return clone(policy).set_params(
        random_state=check_random_state(seed).randint(2**31 - 1)
    )


def _decide(router, X, available, costs, policy) -> Decision:
    rule, arrays = router._policy_arrays(X, available, costs, policy)
    return Decision(
        policy=rule,
        quality=arrays["quality"],
        cost=arrays["cost"],
        std=arrays["std"],
        available=router._available(available, len(arrays["quality"])),
        considered=arrays["available"],
        choice=rule(**arrays),
    )


# -- tables ----------------------------------------------------------------------


def _models_frame(router, X, decision, utility, runner_up, proba) -> pd.DataFrame:
    n_queries, n_models = utility.shape
    low, high = router._quality_interval(X, decision.available)
    reason = np.where(decision.available, router._held_back(), "not available")
    column = np.arange(n_models)
    tables = {
        "available": decision.available,
        "considered": decision.considered,
        "reason": np.where(decision.considered, "", reason),
        "quality": router._explained_quality(X, decision.quality),
        "low": low,
        "high": high,
        "cost": decision.cost,
        "utility": utility,
        "probability": proba,
        "chosen": column == decision.choice[:, None],
        "runner_up": column == runner_up[:, None],
    }
    return pd.DataFrame(
        {
            "query": np.repeat(np.arange(n_queries), n_models),
            "model": np.tile(router.classes_, n_queries),
            **{name: table.ravel() for name, table in tables.items()},
        }
    )


def _decisions_frame(router, decision, utility, runner_up) -> pd.DataFrame:
    rows = np.arange(len(utility))
    margin = utility[rows, decision.choice] - utility[rows, runner_up]
    alone = runner_up < 0
    second = np.where(alone, None, router.classes_[runner_up].astype("O"))
    return pd.DataFrame(
        {
            "query": rows,
            "choice": router.classes_[decision.choice],
            "runner_up": pd.Series(second, dtype="O"),  # texts would make NaN of None
            "margin": np.where(alone, np.nan, margin),
        }
    )


def _evidence_frame(router, X, decision, utility, runner_up, blocks) -> pd.DataFrame:
    """Evidence of the queries that have a runner-up."""
    pairs = np.flatnonzero(runner_up >= 0)
    frames = []
    for start in range(0, len(pairs), BATCH):
        rows = pairs[start : start + BATCH]
        models = rows, decision.choice[rows], runner_up[rows]
        frames.append(tidy(_contributions(router, X, decision, utility, *models), rows))
    models = pairs, decision.choice[pairs], runner_up[pairs]
    blocks = blocks if len(pairs) else ()
    frames.append(tidy(_ablations(decision, utility, blocks, *models), pairs))
    filled = [frame for frame in frames if len(frame)]
    frame = pd.concat(filled) if filled else frames[-1]
    return frame.sort_values("query", kind="stable", ignore_index=True)


def _contributions(
    router, X, decision, utility, rows, better, worse
) -> Iterator[Evidence]:
    """What adds up to the margin, and what the router says beside it."""
    quality = decision.quality[rows, better], decision.quality[rows, worse]
    available = decision.available[rows]
    if router.pool_.is_as_fitted or router._draws:
        yield from evidence_of(router, X[rows], available, better, worse, quality)
    else:
        yield from _told_since(router, X[rows], available, better, worse, quality)
    price = utility[rows, better] - quality[0], utility[rows, worse] - quality[1]
    spread = decision.policy.needs_std or decision.policy.needs_error
    name = "cost and risk" if spread else "cost"
    paid = additive("policy", [name], *price)
    yield paid._replace(value=np.where(paid.value == 0, np.nan, paid.value))


def evidence_of(router, X, available, better, worse, quality) -> list[Evidence]:
    """Evidence of a router that chooses among the models that it was fitted on."""
    told = router._explain_evidence(X, available, better, worse)
    return [*told, remainder(router._explained_rest, quality, told)]


def _told_since(router, X, available, better, worse, quality) -> list[Evidence]:
    """Evidence where the pool has changed: the router's, and that of later answers.

    Of a model that has joined, the router itself knows nothing: before any answer it is
    as good as the mean of the others.
    """
    pool, rows = router.pool_, np.arange(len(X))
    available = pool.fitted_mask(available)
    fitted, _ = router._predict_moments(X, available, MaxUtility())
    expected = pool.expected(fitted)
    before = expected[rows, better], expected[rows, worse]
    columns = pool.column[better], pool.column[worse]
    known = np.minimum(*columns) >= 0  # models of the fit, both
    columns = (column.clip(0) for column in columns)
    told = evidence_of(router, X, available, *columns, before)
    joined = _where(additive("new model", ["before its answers"], *before), ~known)
    change = additive(
        "answers since the fit",
        ["departure"],
        *(after - first for after, first in zip(quality, before, strict=True)),
    )
    changed = (change.chosen != 0) | (change.runner_up != 0)
    return [*(_where(part, known) for part in told), joined, _where(change, changed)]


def _where(part: Evidence, kept: NDArray) -> Evidence:
    """Keep the pieces of some queries, (n,) or (n, 1)."""
    kept = kept.reshape(-1, 1)
    return part._replace(
        value=np.where(kept, part.value, np.nan),
        chosen=np.where(kept, part.chosen, 0.0),
        runner_up=np.where(kept, part.runner_up, 0.0),
    )


def _ablations(decision, utility, blocks, rows, better, worse) -> Iterator[Evidence]:
    """How much of the margin goes if a block of the features is not known."""
    margin = utility[rows, better] - utility[rows, worse]
    names, values, chosen, runner_up = [], [], [], []
    for name, quality, std in blocks:
        without = decision.utility_without(quality, std)
        names.append(name)
        chosen.append(without[rows, better])
        runner_up.append(without[rows, worse])
        values.append(margin - (chosen[-1] - runner_up[-1]))
    if names:
        tables = [np.column_stack(table) for table in (values, chosen, runner_up)]
        yield Evidence("block", "ablation", np.array(names, dtype=object), *tables)
