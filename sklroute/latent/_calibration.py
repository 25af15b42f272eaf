"""Calibration of the latent router on held-out queries."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from torch import Tensor

from sklroute.baselines._clusters import held_out_departures
from sklroute.latent._blend import Blend, fit_blend
from sklroute.latent._inputs import filled_cost
from sklroute.latent._module import support_of
from sklroute.latent._net import RoutingDataset
from sklroute.latent._prior import predict_held_out
from sklroute.latent._training import held_out_predictions
from sklroute.serving._choosing import DEFAULT_TEMPERATURE
from sklroute.serving._folding import leans_of

N_FOLDS = 4  # by which what the network leans on is judged


def calibrate(
    router: Any, known: tuple, dataset: RoutingDataset, fold: Tensor | None
) -> tuple[Blend, float]:
    """Learn the weights of the blend and the temperature of the choice.

    Parameters
    ----------
    router : LatentRouterClassifier
        With its trained network, its prior and its clusters.
    known : tuple of (X, outcomes, sample_weight, groups)
        What these were fitted on.
    dataset : RoutingDataset
        The same, as the network was shown it.
    fold : Tensor of int, of shape (n,), or None
        The member that did not see a row. None: nothing was held out to judge by, and
        the predictions are trusted alike.

    Returns
    -------
    blend : Blend
    temperature : float
    """
    if fold is None:
        n_parts = len(leans_of(router)) + 1
        weights = np.full(n_parts, 1 / n_parts)
        return Blend(weights, weights), DEFAULT_TEMPERATURE
    mean = router.fitted_quality_
    rows, log_prob = held_out_predictions(router.net_.module_, dataset, fold)
    rows = rows.cpu().numpy()
    X, outcomes, weight, groups = known
    network = np.full(outcomes.quality.shape, np.nan)
    network[rows] = (log_prob.exp() @ support_of(log_prob)).cpu().numpy() - mean
    fold, departures = fold.cpu().numpy() % N_FOLDS, []
    if router.prior_ is not None:
        prior = predict_held_out(router.prior_, *known, fold)
        # NaN for a model that was observed in one fold alone.
        departures.append(np.nan_to_num(prior - mean))
    if router.clusters_ is not None:
        own = held_out_departures(router.clusters_, X, outcomes, weight, fold)
        departures.append(np.nan_to_num(own))
    departures.append(network)  # last, as it is judged on some of the queries only
    units = np.arange(len(weight)) if groups is None else groups
    blend = fit_blend(departures, outcomes.quality, mean, units, weight)
    held_out, weight = outcomes[rows], weight[rows]
    departures = [part[rows] for part in departures]
    realised = filled_cost(held_out, router.mean_cost_)
    expected = np.nan_to_num(router.mean_cost_)
    temperature = best_choice_temperature(
        blend(departures, mean) - router._cost_weight * expected,
        held_out.quality - router._cost_weight * realised,
        weight,
    )
    return blend, temperature


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
