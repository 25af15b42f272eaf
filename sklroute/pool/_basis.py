"""The directions in which a model may depart from what was expected of it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

N_LANDMARKS = 64
N_SAMPLED = 1000  # queries from which mean and variance are taken
N_DIRECTIONS = 32  # of the fitted models' differences, at most
FLOOR = 1e-3  # eigenvalues of the landmarks' kernel; a landmark alone has 1
LEVEL = 0.003  # prior variance of a departure that is the same on all queries
LOCAL = 0.05  # prior variance of one that is peculiar to similar queries


class Basis(NamedTuple):
    r"""Features of a query in which departures are linear.

    A model that was never seen is taken to be one like those of the pool: its quality
    is a Gaussian process around the mean :math:`\bar q(x)` of the fitted models'
    predicted qualities, whose covariance is that of the fitted models
    :math:`k = 1, \ldots, K` themselves, of a constant and of a Gaussian kernel,

    .. math:: \mathrm{cov}(x, x') = \frac{1}{K} \sum_k (\hat q_k(x) - \bar q(x))
              (\hat q_k(x') - \bar q(x')) + 0.003 + 0.05 \, \kappa(x, x')

    so that a new model is shrunk towards models like it. The features :math:`\phi`
    are such that :math:`\phi(x) \cdot \phi(x')` is this covariance; of the kernel they
    keep what a sample of the queries, the landmarks, can see (Nyström's method).
    """

    centre: NDArray
    """(n_features,) mean of the queries that have the feature."""
    landmarks: NDArray
    """(n_landmarks, n_features) sampled queries, less the mean and scaled."""
    scale: float
    """Factor of the queries; the kernel is exp(-squared distance) of what is scaled."""
    whitening: NDArray
    """(n_landmarks, n_local) from similarities to features."""
    directions: NDArray
    """(n_fitted, n_directions) from the fitted models' differences to features."""

    @property
    def n_features(self) -> int:
        """Number of features: of the level, of the directions, of the kernel."""
        return 1 + self.directions.shape[1] + self.whitening.shape[1]

    @property
    def part(self) -> NDArray[np.intp]:
        """Of each feature: 0 of the level, 1 of the directions, 2 of the kernel."""
        sizes = 1, self.directions.shape[1], self.whitening.shape[1]
        return np.repeat([0, 1, 2], sizes)

    def __call__(self, X: NDArray, fitted: NDArray) -> NDArray[np.float64]:
        """Features of queries, (n_queries, n_basis), from what is predicted for them.

        A missing (NaN) feature of a query counts as its mean.
        """
        differences = _differences(fitted) @ self.directions
        return np.hstack([self.level(len(X)), differences, self.local(X)])

    def level(self, n_queries: int) -> NDArray[np.float64]:
        """Feature of a departure that is the same on all queries, (n_queries, 1)."""
        return np.full((n_queries, 1), LEVEL**0.5)

    def local(self, X: NDArray) -> NDArray[np.float64]:
        """Features of departures that similar queries share, (n_queries, n_local)."""
        similarity = _similarity(_scaled(X, self.centre, self.scale), self.landmarks)
        return LOCAL**0.5 * (similarity @ self.whitening)


def make_basis(X: NDArray, predict: Callable[[NDArray], NDArray]) -> Basis:
    """The basis of a router, from the queries that it was fitted on.

    ``predict`` gives the quality of the fitted models for queries. The sample of the
    queries that the basis keeps is the same in every call.
    """
    rows = np.random.RandomState(0).permutation(len(X))[:N_SAMPLED]
    sample = X[rows].astype(np.float64)
    n_seen = (~np.isnan(sample)).sum(axis=0)
    centre = np.nansum(sample, axis=0) / n_seen.clip(1)
    spread = np.linalg.norm(np.nan_to_num(sample - centre)) / len(sample) ** 0.5
    scale = 1.0 / spread if spread > 0 else 1.0
    sample = sample[:N_LANDMARKS]
    landmarks = _scaled(sample, centre, scale)
    return Basis(
        centre=centre,
        landmarks=landmarks,
        scale=scale,
        whitening=whitening(_similarity(landmarks, landmarks)),
        directions=_directions(_differences(predict(sample))),
    )


def whitening(similarity: NDArray) -> NDArray[np.float64]:
    """Map similarities to the landmarks to Nyström features.

    Directions in which the landmarks hardly differ, such as copies of a query, are left
    out: they would blow up the rounding errors of the similarities.
    """
    value, axes = eigh(similarity.astype(np.float64))
    kept = value > FLOOR
    return axes[:, kept] / np.sqrt(value[kept])


def _directions(differences: NDArray) -> NDArray[np.float64]:
    """Leading directions of the differences between the fitted models."""
    n_models = differences.shape[1]
    _, axes = np.linalg.eigh(differences.T @ differences)
    return axes[:, ::-1][:, :N_DIRECTIONS] / n_models**0.5


def _differences(fitted: NDArray) -> NDArray:
    return fitted - fitted.mean(axis=1, keepdims=True)


def _scaled(X: NDArray, centre: NDArray, scale: float) -> NDArray[np.float32]:
    scaled = np.nan_to_num(X - centre) * scale
    # What is cut off is absurd: as far from any landmark as can be.
    return np.clip(scaled, -1e3, 1e3, out=scaled).astype(np.float32, copy=False)


def _similarity(X: NDArray, landmarks: NDArray) -> NDArray[np.float64]:
    squared = (X**2).sum(axis=1)[:, None] + (landmarks**2).sum(axis=1)
    distance = squared - 2 * X @ landmarks.T
    return np.exp(-distance.clip(0).astype(np.float64))
