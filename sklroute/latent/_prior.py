"""What the network leans on: a router that is fitted beside it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from sklroute.base import RouterMixin
from sklroute.baselines import KernelRouter
from sklroute.outcomes import Outcomes

N_COPIES = 4  # of the prior, by which it is judged


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


def predict_held_out(
    prior: RouterMixin,
    X: NDArray,
    outcomes: Outcomes,
    sample_weight: NDArray,
    groups: NDArray | None,
    fold: NDArray,
) -> NDArray[np.float64]:
    """What copies of the prior say of the queries that they were fitted without.

    Each copy leaves out several folds. A model that was observed in these alone stays
    NaN.
    """
    quality = np.full(outcomes.quality.shape, np.nan)
    left_out = fold % N_COPIES
    for number in np.unique(left_out):
        out = left_out == number
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
