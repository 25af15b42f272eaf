"""How far to trust the network and its prior: learnt on held-out queries."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls


def blend_weights(
    departures: Sequence[NDArray], quality: NDArray, mean: NDArray, groups: NDArray
) -> NDArray[np.float64]:
    r"""Weights :math:`w_p` in :math:`\bar q + \sum_p w_p (\hat q_p - \bar q)`.

    Non-negative least squares on the observed cells, shrunk towards 0, that is towards
    always calling the best single model, when the gain is not clear:

    .. math:: w = \max(0, 1 - (2 / t)^2) \, w_\mathrm{nnls}

    with :math:`t` the gain in squared error over its standard error between groups of
    queries. Without signal the gain is within two standard errors and all weights are
    zero.

    Parameters
    ----------
    departures : sequence of ndarray of shape (n_queries, n_models)
        :math:`\hat q_p - \bar q` of each prediction, for queries that it has not seen.
    quality : ndarray of shape (n_queries, n_models)
        Observed quality; NaN = missing.
    mean : ndarray of shape (n_queries, n_models) or (n_models,)
        Mean quality :math:`\bar q` of each model.
    groups : ndarray of shape (n_queries,)
        Queries of one group are not independent.

    Returns
    -------
    weights : ndarray of shape (n_departures,)
    """
    seen = ~np.isnan(quality)
    target = np.where(seen, quality - mean, 0.0)
    parts = np.stack([np.where(seen, part, 0.0) for part in departures], axis=-1)
    weights, _ = nnls(parts.reshape(-1, parts.shape[-1]), target.ravel())
    gain = (target**2 - (target - parts @ weights) ** 2).sum(axis=1)
    _, code = np.unique(groups, return_inverse=True)
    by_group = np.bincount(code, gain)
    error = by_group.std() * len(by_group) ** 0.5
    if gain.sum() <= 2 * error:
        return np.zeros(len(weights))
    return weights * (1 - (2 * error / gain.sum()) ** 2)
