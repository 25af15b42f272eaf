"""How far to trust the network and its prior: learnt on held-out queries."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import gen_batches

from sklroute.baselines._kernel import shared_part

CHUNK = 1024  # queries of which all predictions are copied at once


class Blend(NamedTuple):
    r"""Weights of several predictions around the models' mean quality.

    With :math:`d_p = \hat q_p - \bar q` the departure of prediction :math:`p` and
    :math:`\langle d_p \rangle` its mean over the models,

    .. math:: \hat q = \bar q + \sum_p s_p \langle d_p \rangle
              + r_p (d_p - \langle d_p \rangle)

    The first sum says how hard a query is, the second decides between the models. How
    well one is predicted says little of the other, so that each has its own weights.
    """

    shared: NDArray
    """(n_predictions,) weights :math:`s` of what all models have in common."""
    relative: NDArray
    """(n_predictions,) weights :math:`r` of the differences between models."""

    def __call__(self, departures: Sequence[NDArray], mean: NDArray) -> NDArray:
        """Blend departures (n_queries, n_models) each, around the means (n_models,)."""
        quality = np.tile(mean, (len(departures[0]), 1))
        for part, s, r in zip(departures, self.shared, self.relative, strict=True):
            quality += r * part
            quality += (s - r) * part.mean(axis=1, keepdims=True)
        return quality.clip(0.0, 1.0)


def fit_blend(
    departures: Sequence[NDArray],
    quality: NDArray,
    mean: NDArray,
    groups: NDArray,
    weight: NDArray | None = None,
) -> Blend:
    """Learn the weights of predictions of queries that they have not seen.

    Parameters
    ----------
    departures : sequence of ndarray of shape (n_queries, n_models)
        Departure of each prediction from the models' mean quality, the most trusted
        one first. A row of NaN is a query by which it cannot be judged.
    quality : ndarray of shape (n_queries, n_models)
        Observed quality; NaN = missing.
    mean : ndarray of shape (n_models,)
        Mean quality of each model.
    groups : ndarray of shape (n_queries,)
        Queries of one group are not independent.
    weight : ndarray of shape (n_queries,), default=None
        Weights of the queries. None weighs them equally.

    Returns
    -------
    blend : Blend
    """
    n_parts = len(departures) + 1
    products = np.empty((2, len(quality), n_parts, n_parts))
    for rows in gen_batches(len(quality), CHUNK):
        target = quality[rows] - mean
        tables = np.array([*(part[rows] for part in departures), target])
        products[:, rows] = _products(np.where(np.isnan(target), np.nan, tables))
    judged = [~np.isnan(part).all(axis=1) for part in departures]
    weight = np.ones(len(quality)) if weight is None else weight
    return Blend(*(_weights(part, judged, groups, weight) for part in products))


def _products(tables: NDArray) -> NDArray[np.float64]:
    """Inner products of the tables, query by query: (2, n_queries, n_tables, n_tables).

    Of what all models have in common, and of the differences between models, over the
    cells that are not NaN.
    """
    shared = np.array([shared_part(table) for table in tables])
    parts = np.nan_to_num(shared), np.nan_to_num(tables - shared)
    return np.array([np.einsum("pik,qik->ipq", part, part) for part in parts])


def _weights(
    products: NDArray, judged: Sequence[NDArray], groups: NDArray, weight: NDArray
) -> NDArray[np.float64]:
    r"""Weights of all tables but the last in a sum that comes close to the last one.

    The sum :math:`f`, 0 at first, takes a step towards each prediction in turn,

    .. math:: f \leftarrow f + w_p (d_p - f), \qquad
              w_p = \max(0, 1 - 1 / t^2) \, w^*_p

    with :math:`w^*_p \in [0, 1]` the least-squares step on the observed cells of the
    queries that it is judged by, and :math:`t` its gain in squared error over the
    gain's standard error between groups of queries. Where a prediction adds nothing
    clear to those before it, its step is zero; without any signal all weights are, and
    the best single model is called.

    All this takes no more than the inner products of the tables of each query. The sum
    is kept as what it takes from each table.
    """
    weights, sum_ = np.zeros(len(judged)), np.zeros(products.shape[:2])
    for number, rows in enumerate(judged):
        step, rest = -sum_[rows], -sum_[rows]
        step[:, number] += 1
        rest[:, -1] += 1
        along = np.einsum("ip,ipq,iq->i", step, products[rows], rest)
        length = np.einsum("ip,ipq,iq->i", step, products[rows], step)
        size = weight[rows] @ along / max(weight[rows] @ length, 1e-12)
        size = size.clip(0, 1)
        gain = size * (2 * along - size * length)
        _, code = np.unique(groups[rows], return_inverse=True)
        gain = np.bincount(code, weight[rows] * gain)
        error = gain.std() * len(gain) ** 0.5
        if gain.sum() > error:
            size *= 1 - (error / gain.sum()) ** 2
            weights *= 1 - size
            weights[number] = size
            sum_[rows] += size * step
    return weights
