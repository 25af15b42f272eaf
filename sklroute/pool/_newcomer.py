"""What to believe of a new model once a few of its answers are scored."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import inv

from sklroute.pool._basis import Basis
from sklroute.pool._belief import MIN_NOISE, Belief

MAX_QUERIES = 100  # on which the known models are taken for new ones
MAX_MODELS = 8  # that are
N_STEPS = 8


class Spread(NamedTuple):
    """How far new models are from what is expected of them.

    Expected is the mean of the known models: of what is predicted for them, or of that
    and their answers to the same query.
    """

    variance: NDArray
    """(3,) of the level, of the likeness to known models, of what similar queries have
    in common; as multiples of the variances in the basis."""
    noise: float
    """Of a single answer; as a multiple of its variance if nothing else is known."""


PREDICTED = Spread(np.ones(3), 1.0)
# With answers: differences between them are mostly luck, and so count for less than
# predicted ones; what they share explains a part of the noise.
ANSWERED = Spread(np.array([1.0, 0.4, 0.7]), 0.7)
SHARE = 0.5  # of an answer in what was expected; the rest is its prediction
WORTH = Spread(np.array([2.0, 5.0, 5.0]), 30.0)  # observations that count as much


def newcomer(
    basis: Basis,
    X: NDArray,
    fitted: NDArray,
    quality: NDArray,
    answers: NDArray | None = None,
) -> Belief:
    """What to believe of a new model that was seen to answer some queries.

    ``fitted`` is the quality predicted for the models that the router was fitted on,
    and ``answers`` that of their answers to the same queries, both (n_queries,
    n_fitted); NaN = not known. With answers, expected is the mean of predictions and
    answers: a query that was harder than it looked is held against the new model by
    half, and the models that it resembles are those that were right and wrong where it
    was.
    """
    typical = (fitted.mean() + quality.mean()) / 2
    scale = max(typical * (1 - typical), MIN_NOISE)
    spread, known = PREDICTED, fitted
    if answers is not None and not np.isnan(answers).all():
        known = fitted + SHARE * np.nan_to_num(answers - fitted)
        spread = likely_spread(basis, X, known, answers, scale)
    belief = Belief.before(spread.variance[basis.part], scale)
    departure = quality - known.mean(axis=1)
    weight = np.full(len(X), 1.0 / spread.noise)
    return belief.learn(basis(X, known), departure, weight)


def likely_spread(
    basis: Basis, X: NDArray, known: NDArray, answers: NDArray, scale: float
) -> Spread:
    r"""Spread that makes the known models likely, each taken for a new one in turn.

    Departures :math:`r` of its answers from the mean of the others are Gaussian with
    covariance :math:`C = \sum_b v_b K_b + \sigma^2 I`, one :math:`K_b` for each part of
    the basis. With :math:`\alpha = C^{-1} r`, steps of

    .. math:: v_b \leftarrow v_b \frac{\alpha^\top v_b K_b \alpha}
              {\mathrm{tr}\, C^{-1} v_b K_b}, \qquad
              \sigma^2 \leftarrow \frac{\sigma^4 \alpha^\top \alpha}
              {n - \sum_b \mathrm{tr}\, C^{-1} v_b K_b}

    climb to the most likely variances (MacKay's fixed point; sums over the models in
    all numerators and denominators). ``ANSWERED`` counts as ``WORTH`` observations,
    so that few answers move little.

    ``known`` is what is known of the quality of the fitted models' answers, and
    ``scale`` the variance of an answer's quality if nothing is known of it, > 0.

    References
    ----------
    D. MacKay, "Bayesian interpolation", Neural Computation, 1992, section 4.4.
    """
    X, known, answers = (table[:MAX_QUERIES] for table in (X, known, answers))
    variance, noise = ANSWERED.variance, ANSWERED.noise * scale
    models = np.unique(np.linspace(0, known.shape[1] - 1, MAX_MODELS).astype(int))
    seen = ~np.isnan(answers[:, models])
    taken_for_new = [
        _kernels(basis, X[rows], np.delete(known[rows], model, 1), answers[rows, model])
        for model, rows in zip(models, seen.T, strict=True)
        if known.shape[1] > 2 and rows.any()
    ]
    for _ in range(N_STEPS):
        found, free = WORTH.variance * ANSWERED.variance, WORTH.variance
        left, n_left = WORTH.noise * ANSWERED.noise * scale, WORTH.noise
        for kernels, departure in taken_for_new:
            n = len(departure)
            covariance = np.tensordot(variance, kernels, 1) + noise * np.eye(n)
            inverse = inv(covariance, check_finite=False)
            dual = inverse @ departure
            explained = variance * np.einsum("ij,bij->b", inverse, kernels)
            found = found + variance**2 * (kernels @ dual @ dual)
            free = free + explained
            left += noise**2 * dual @ dual
            n_left += n - explained.sum()
        variance, noise = found / free, left / n_left
    return Spread(variance, noise / scale)


def _kernels(
    basis: Basis, X: NDArray, others: NDArray, answers: NDArray
) -> tuple[NDArray, NDArray]:
    """Covariances (3, n, n) and departures (n,) of a model from all the others."""
    mean = others.mean(axis=1)
    differences = (others - mean[:, None]) / others.shape[1] ** 0.5
    parts = basis.level(len(X)), differences, basis.local(X)
    return np.stack([part @ part.T for part in parts]), answers - mean
