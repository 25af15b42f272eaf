"""What the network leans on: routers that are fitted beside it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from sklroute.base import RouterMixin
from sklroute.baselines import ClusterRouter, KernelRouter
from sklroute.baselines._clusters import QUERIES_PER_CLUSTER
from sklroute.outcomes import Outcomes


def fit_prior(
    prior: Any,
    X: NDArray,
    outcomes: Outcomes,
    sample_weight: NDArray,
    groups: NDArray | None,
    *,
    seed: int,
) -> RouterMixin | None:
    """Fit the prior on all queries; "kernel" is a `KernelRouter`, None is none."""
    if prior is None:
        return None
    if prior != "kernel":
        return clone(prior).fit(X, outcomes, sample_weight, groups)
    kernel = KernelRouter(random_state=seed).fit(X, outcomes, sample_weight, groups)
    # Its penalties are not chosen again for every fold.
    return kernel.set_params(alphas=kernel.alphas_)


def fit_clusters(
    n_clusters: int, X: NDArray, outcomes: Outcomes, weight: NDArray, *, seed: int
) -> ClusterRouter | None:
    """Mean outcomes of clusters of queries; None if there would be one cluster."""
    n_clusters = min(n_clusters, len(X) // QUERIES_PER_CLUSTER)
    if n_clusters < 2:
        return None
    return ClusterRouter(n_clusters, random_state=seed).fit(X, outcomes, weight)


def predict_held_out(
    prior: RouterMixin,
    X: NDArray,
    outcomes: Outcomes,
    sample_weight: NDArray,
    groups: NDArray | None,
    fold: NDArray,
) -> NDArray[np.float64]:
    """What copies of the prior say of the queries that they were fitted without.

    A model that was observed in one fold alone stays NaN there.
    """
    quality = np.full(outcomes.quality.shape, np.nan)
    for number in np.unique(fold):
        out = fold == number
        rows, rest = np.flatnonzero(out), np.flatnonzero(~out)
        rest_groups = None if groups is None else groups[rest]
        known = outcomes[rest]
        seen = known.observed.any(axis=0)
        if not seen.all():
            tables = known.quality, known.cost, known.available
            known = Outcomes(*(t[:, seen] for t in tables), models=known.models[seen])
        copy = clone(prior).fit(X[rest], known, sample_weight[rest], rest_groups)
        quality[np.ix_(rows, seen)] = copy.predict_quality(X[rows])
    return quality
