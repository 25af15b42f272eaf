"""Where the queries go as the price on cost moves."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklroute.metrics._hull import choices_at, hull_walk
from sklroute.outcomes._values import by_model
from sklroute.policies import check_available
from sklroute.policies._arrays import check_finite, check_shape

N_COST_WEIGHTS = 60


@dataclass(frozen=True, eq=False)
class Traffic:
    """Share of the queries that each model gets at each cost weight.

    Parameters
    ----------
    cost_weight : ndarray of shape (n_points,)
        Weights of cost in the utility, ascending.
    share : ndarray of shape (n_points, n_models)
        Rows sum to 1.
    """

    cost_weight: NDArray[np.float64]
    share: NDArray[np.float64]


def traffic_curve(
    quality: ArrayLike,
    cost: ArrayLike,
    *,
    cost_weights: ArrayLike | None = None,
    available: ArrayLike | None = None,
) -> Traffic:
    """Share of the traffic by model over a sweep of the cost weight.

    Parameters
    ----------
    quality : array-like of shape (n_queries, n_models)
        Predicted quality.
    cost : array-like of shape (n_queries, n_models) or (n_models,)
        Predicted cost. If ``quality`` is a DataFrame, what has labels is matched with
        its columns by name.
    cost_weights : array-like of shape (n_points,), default=None
        Weights to sweep, >= 0. None takes 0 and 60 weights spread evenly in their
        logarithm, from where the first hundredth of the switches to a cheaper model
        has happened to where the last has.
    available : array-like of bool, of shape (n_queries, n_models) or \
(n_models,), default=None
        Models that may be chosen. None allows all.

    Returns
    -------
    Traffic

    Examples
    --------
    >>> from sklroute.metrics import traffic_curve
    >>> traffic_curve([[0.6, 0.9], [0.6, 0.7]], [1.0, 3.0],
    ...               cost_weights=[0.0, 0.1, 1.0]).share
    array([[0. , 1. ],
           [0.5, 0.5],
           [1. , 0. ]])
    """
    models = quality.columns if isinstance(quality, pd.DataFrame) else None
    if models is not None:
        cost = by_model(cost, models, "cost")
        available = by_model(available, models, "available")
    quality = np.asarray(quality, dtype=float)
    cost = check_shape(np.asarray(cost, dtype=float), quality.shape, "cost")
    mask = check_available(available, quality.shape)
    check_finite(quality, mask, "Predicted quality", models)
    check_finite(cost, mask, "Predicted cost", models)
    if cost_weights is None:
        cost_weights = _weights(quality, cost, mask)
    weights = np.unique(np.asarray(cost_weights, dtype=float))
    choice = choices_at(weights, quality, cost, mask)
    share = [np.bincount(each, minlength=quality.shape[1]) for each in choice.T]
    return Traffic(weights, np.array(share) / len(quality))


def _weights(quality, cost, mask) -> NDArray:
    steps = [weight for _, weight, _ in hull_walk(quality, cost, mask)]
    changes = np.sort(np.concatenate([np.zeros(0), *steps]))
    changes = changes[changes > 0]
    if not len(changes):
        return np.zeros(1)
    low = changes[len(changes) // 100]
    return np.append(0.0, np.geomspace(low, 1.01 * changes[-1], N_COST_WEIGHTS))
