"""How far to trust the network and its prior: learnt on held-out queries."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklroute.baselines._kernel import shared_part


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
    target = quality - mean
    judged = [~np.isnan(part).all(axis=1) for part in departures]
    tables = [np.where(np.isnan(target), np.nan, part) for part in departures]
    tables.append(target)
    shared = [shared_part(table) for table in tables]
    for table, common in zip(tables, shared, strict=True):
        table -= common  # in place: a table may be large
    weight = np.ones(len(quality)) if weight is None else weight
    return Blend(*(_weights(part, judged, groups, weight) for part in (shared, tables)))


def _weights(
    tables: Sequence[NDArray],
    judged: Sequence[NDArray],
    groups: NDArray,
    weight: NDArray,
) -> NDArray[np.float64]:
    r"""Weights of the first tables in a sum that comes close to the last one.

    The sum :math:`f`, 0 at first, takes a step towards each prediction in turn,

    .. math:: f \leftarrow f + w_p (d_p - f), \qquad
              w_p = \max(0, 1 - 1 / t^2) \, w^*_p

    with :math:`w^*_p \in [0, 1]` the least-squares step on the observed cells of the
    queries that it is judged by, and :math:`t` its gain in squared error over the
    gain's standard error between groups of queries. Where a prediction adds nothing
    clear to those before it, its step is zero; without any signal all weights are, and
    the best single model is called.
    """
    *parts, target = (np.nan_to_num(table, copy=False) for table in tables)
    weights, sum_ = np.zeros(len(parts)), np.zeros_like(target)
    for number, (part, rows) in enumerate(zip(parts, judged, strict=True)):
        step, rest = part[rows] - sum_[rows], target[rows] - sum_[rows]
        along = np.einsum("ij,ij->i", step, rest)
        length = np.einsum("ij,ij->i", step, step)
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
