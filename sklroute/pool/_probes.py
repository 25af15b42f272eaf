"""Which queries to score first on a new model."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sklroute.pool._basis import Basis

N_CANDIDATES = 2000  # queries that are compared with each other


def choose_probes(
    X: NDArray, predict: Callable[[NDArray], NDArray], basis: Basis, n_probes: int
) -> NDArray[np.intp]:
    r"""Order queries such that the first of them say most of a new model.

    A design of a Bayesian experiment: the departure of a new model is linear in the
    features :math:`\phi` of the basis, with coefficients of which nothing is known
    but their prior, :math:`\Sigma = I`. Each probe is the query whose answer takes
    most off the variance of the model's expected quality, summed over all queries,

    .. math:: w(x) \, \frac{\sum_i (\phi_i^\top \Sigma \phi(x))^2}
              {\sigma^2 + \phi(x)^\top \Sigma \phi(x)} , \qquad
              w(x) = \exp \frac{-(\max_k \hat q_k(x) - \bar q(x))^2}{2 \|\phi(x)\|^2}

    The weight :math:`w` prefers queries on which an answer may change a choice: it is
    the density of the new model's quality, as expected before any answer, where it
    equals the best of the fitted ones, relative to the largest density. After every
    probe :math:`\Sigma` is updated as if it was answered: what the answer will be
    does not matter for it. Queries with the same features, which are seldom the same
    query, may all be chosen if many are like them. Once all that are compared are
    chosen, the others follow in a random order.

    References
    ----------
    K. Chaloner and I. Verdinelli, "Bayesian experimental design: a review",
    Statistical Science, 1995, section 2.2 (the mean variance of predictions).
    """
    order = np.random.RandomState(0).permutation(len(X))
    candidates, others = order[:N_CANDIDATES], order[N_CANDIDATES:n_probes]
    fitted = predict(X[candidates])
    n_probes = min(n_probes, len(candidates))
    rows = _greedy(basis(X[candidates], fitted), fitted, n_probes)
    return np.concatenate([candidates[rows], others])


def _greedy(features: NDArray, fitted: NDArray, n_probes: int) -> NDArray[np.intp]:
    """Choose rows one at a time, with updates of rank one."""
    weight = _relevance(features, fitted)
    typical = fitted.mean()
    noise = max(typical * (1 - typical), 1e-3)
    gram = features.T @ features
    spread = features.copy()  # times the covariance of the coefficients
    rows = np.empty(n_probes, dtype=np.intp)
    for step in range(n_probes):
        total = noise + np.einsum("ij,ij->i", spread, features)
        gain = weight * np.einsum("ij,ij->i", spread @ gram, spread) / total
        gain[rows[:step]] = -1.0
        rows[step] = row = gain.argmax()
        spread -= np.outer(spread @ features[row], spread[row]) / total[row]
    return rows


def _relevance(features: NDArray, fitted: NDArray) -> NDArray[np.float64]:
    """Chance that the new model is about as good as the best known one."""
    lead = fitted.max(axis=1) - fitted.mean(axis=1)
    return np.exp(-(lead**2) / (2 * np.einsum("ij,ij->i", features, features)))
