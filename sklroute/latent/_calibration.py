"""Calibration of the latent router on held-out queries."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax


def best_choice_temperature(
    predicted: NDArray, realised: NDArray, weight: NDArray | None = None
) -> float:
    r"""Temperature of the softmax that makes the best choices most likely.

    Maximises :math:`\sum_i \log \sum_{j \in B_i} \mathrm{softmax}(\hat u_i / T)_j`
    where :math:`B_i` are the models of highest realised utility.

    Parameters
    ----------
    predicted, realised : ndarray of shape (n_queries, n_models)
        Utilities; realised ones are NaN where not observed. Every query has one.
    weight : ndarray of shape (n_queries,), default=None
        Weights of the queries. None weighs them equally.

    Returns
    -------
    temperature : float
        In [0.005, 5].
    """
    best = realised == np.nanmax(realised, axis=1, keepdims=True)
    predicted = np.where(np.isnan(realised), -np.inf, predicted)

    def loss(log_temperature):
        log_share = log_softmax(predicted / np.exp(log_temperature), axis=1)
        likelihood = np.sum(np.exp(log_share) * best, axis=1) + 1e-12
        return -np.average(np.log(likelihood), weights=weight)

    bounds = np.log([0.005, 5.0])
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))
