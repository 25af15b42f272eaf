"""What is believed of one model: a Gaussian over its departure, and how it learns."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular

# Prior variances of a fitted model's departures, as multiples of a new model's.
FITTED = 0.05  # those that differ from query to query: the router has looked at them
DRIFT = 3.0  # that on all queries, which may change
MIN_NOISE = 1e-3


class Belief(NamedTuple):
    r"""Bayesian linear regression of a model's departure on the features of a basis.

    Given the answers so far, with features :math:`\phi_i`, weights :math:`w_i` and
    departures :math:`r_i` from what was expected, the coefficients are Gaussian with
    precision :math:`\Lambda = V^{-1} + \sum_i w_i \phi_i \phi_i^\top / \sigma^2` and
    mean :math:`\Lambda^{-1} \sum_i w_i \phi_i r_i / \sigma^2`.
    """

    variance: NDArray
    """(n_basis,) prior variance :math:`V` of each coefficient."""
    noise: float
    """Variance :math:`\\sigma^2` of an answer's quality around its expectation."""
    gram: NDArray
    """(n_basis, n_basis) sum of :math:`w_i \\phi_i \\phi_i^\\top`."""
    moment: NDArray
    """(n_basis,) sum of :math:`w_i \\phi_i r_i`."""
    coef: NDArray
    """(n_basis,) expected coefficients."""

    @classmethod
    def fitted(cls, n_basis: int, noise: float) -> "Belief":
        """What is believed of a model that the router was fitted on."""
        variance = np.full(n_basis, FITTED)
        variance[0] = DRIFT
        return cls.before(variance, noise)

    @classmethod
    def before(cls, variance: NDArray, noise: float) -> "Belief":
        """What is believed before any answer, with given prior variances."""
        n = len(variance)
        nothing = np.zeros(n)
        return cls(variance, max(noise, MIN_NOISE), np.zeros((n, n)), nothing, nothing)

    def learn(
        self, features: NDArray, departure: NDArray, weight: NDArray, decay: float = 1.0
    ) -> "Belief":
        """Learn from answers, having forgotten a part of those before.

        ``features`` are those of the basis, (n_queries, n_basis); ``departure`` is the
        quality of the answers, less what was expected; ``decay`` is the weight that is
        left to what was learnt before.
        """
        weighted = weight[:, None] * features
        belief = self._replace(
            gram=decay * self.gram + weighted.T @ features,
            moment=decay * self.moment + weighted.T @ departure,
        )
        coef = cho_solve(
            (belief._root, True), belief.moment / self.noise, check_finite=False
        )
        return belief._replace(coef=coef)

    def variance_of(self, features: NDArray) -> NDArray[np.float64]:
        """Variance of the expected quality of queries, (n_queries,)."""
        if not self.gram.any():  # no answer yet, and so no system to solve
            return features**2 @ self.variance
        half = solve_triangular(self._root, features.T, lower=True, check_finite=False)
        return (half**2).sum(axis=0)

    @property
    def _root(self) -> NDArray:
        precision = self.gram / self.noise
        precision.flat[:: len(precision) + 1] += 1.0 / self.variance
        return cho_factor(precision, lower=True, check_finite=False)[0]
