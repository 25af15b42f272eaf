"""What predicts quality: functions of checked features, as objects of a few arrays.

Each is called with an array of shape (n_queries, n_features) of 32 or 64 bits, and
returns the expected quality of every model, (n_queries, n_models).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from sklroute.serving._distribution import QualityDistribution
from sklroute.serving._steps import Affine, Steps, directions

CHUNK = 256  # queries at once: intermediate results stay in cache
ACTIVATIONS = {
    "identity": lambda x: x,
    "logistic": expit,
    "relu": lambda x: np.maximum(x, 0, out=x),
    "tanh": np.tanh,
}


def within_bounds(quality: NDArray) -> NDArray:
    """Clip to [0, 1] in place; for one query `numpy.clip` takes three times as long."""
    np.maximum(quality, 0.0, out=quality)
    return np.minimum(quality, 1.0, out=quality)


def in_chunks(part: "Part", X: NDArray) -> NDArray[np.float64]:
    """What a part predicts, `CHUNK` queries at once."""
    if len(X) <= CHUNK:
        return part(X)
    starts = range(0, len(X), CHUNK)
    return np.concatenate([part(X[start : start + CHUNK]) for start in starts])


class Part:
    """Base of all parts."""

    takes_missing = False
    """Whether the part checks its features itself, and takes NaN."""

    def __call__(self, X: NDArray) -> NDArray[np.float64]:
        """Quality of every model."""
        raise NotImplementedError

    def distribution(self, X: NDArray) -> QualityDistribution:
        """Distribution of the quality, if the part has one."""
        raise ValueError(
            "The router predicts the expected quality only: predict_distribution and "
            "policies that need the spread, such as RiskAverse, need a latent router."
        )

    def after(self, steps: Steps) -> "Part":
        """The same, preceded by steps of a pipeline."""
        return Chain(steps, self)


@dataclass(frozen=True)
class Chain(Part):
    """Steps that could not be folded into what follows."""

    steps: Steps
    part: Part

    def __call__(self, X):
        return self.part(self.steps(X))

    def distribution(self, X):
        return self.part.distribution(self.steps(X))

    def after(self, steps):
        return self.part.after(steps.then(self.steps))


@dataclass(frozen=True)
class Pooled(Part):
    """A part of fitted models, and the pool as it has changed since."""

    part: Part
    pool: Any

    def __call__(self, X):
        return self.pool.quality(X, self.part(X))

    @property
    def takes_missing(self):
        return self.part.takes_missing

    def distribution(self, X):
        fitted = self.part.distribution(X)
        distribution = type(fitted)(fitted.support, self.pool.expected(fitted.prob))
        return distribution.with_mean(self.pool.quality(X, fitted.mean))


@dataclass(frozen=True)
class Constant(Part):
    """The same quality for every query."""

    quality: NDArray

    def __call__(self, X):
        return np.tile(self.quality, (len(X), 1))

    def after(self, steps):
        return self


@dataclass(frozen=True)
class Linear(Part):
    """A line for every model, and a link into [0, 1]."""

    coef: NDArray
    """(n_features, n_models)"""
    intercept: NDArray
    link: str
    """clip or expit"""

    def __call__(self, X):
        linear = X @ self.coef
        linear += self.intercept
        if self.link == "expit":
            return expit(linear)
        return within_bounds(linear)

    def after(self, steps):
        affine, rest = steps.split()
        coef, intercept = affine.fold(self.coef, self.intercept)
        folded = replace(self, coef=coef, intercept=intercept)
        return Chain(rest, folded) if rest.parts else folded


@dataclass(frozen=True)
class Network(Part):
    """Layers with one output for each of some models; several of them share them out.

    A network is (columns of its models, weights, intercepts).
    """

    networks: Sequence[tuple[NDArray, list[NDArray], list[NDArray]]]
    activation: str
    mean: NDArray

    def __call__(self, X):
        quality = np.empty((len(X), len(self.mean)))
        activate = ACTIVATIONS[self.activation]
        for columns, weights, intercepts in self.networks:
            out = X
            for layer, (W, b) in enumerate(zip(weights, intercepts, strict=True)):
                out = out @ W
                out += b
                if layer < len(weights) - 1:
                    out = activate(out)
            quality[:, columns] = out
        quality += self.mean
        return within_bounds(quality)

    def after(self, steps):
        affine, rest = steps.split()
        networks = []
        for columns, weights, intercepts in self.networks:
            W, b = affine.fold(weights[0], intercepts[0])
            networks.append((columns, [W, *weights[1:]], [b, *intercepts[1:]]))
        folded = replace(self, networks=networks)
        return Chain(rest, folded) if rest.parts else folded


@dataclass(frozen=True)
class Kernel(Part):
    r"""A sum of Gaussians around landmarks, :math:`\exp(-\gamma \|x - l\|^2)`.

    With the centre and the width folded into the landmarks one product is left:
    :math:`2 \gamma x \cdot l - \gamma \|x\|^2 - \gamma \|l\|^2`.
    """

    centre: NDArray
    landmarks: NDArray
    """(n_features, n_landmarks), times :math:`2 \\gamma`."""
    length: NDArray
    """(n_landmarks,), squared and times gamma."""
    gamma: float
    coef: NDArray
    intercept: NDArray

    @classmethod
    def of(cls, router: Any) -> "Kernel":
        """The kernel of a fitted `KernelRouter`."""
        dtype = router.landmarks_.dtype
        landmarks = router.landmarks_.astype(float)
        gamma = float(router.gamma_)
        return cls(
            np.asarray(router.centre_),
            np.ascontiguousarray((2 * gamma * landmarks.T).astype(dtype)),
            (gamma * (landmarks**2).sum(axis=1)).astype(dtype),
            gamma,
            router.coef_.astype(dtype),
            np.asarray(router.intercept_),
        )

    def __call__(self, X):
        X = (X - self.centre).astype(self.landmarks.dtype, copy=False)
        return self.similar(X @ self.landmarks, np.einsum("ij,ij->i", X, X))

    def similar(self, product: NDArray, square: NDArray) -> NDArray[np.float64]:
        """Quality, given products with the landmarks and squared lengths."""
        dtype = product.dtype.type
        product -= self.length
        product -= (dtype(self.gamma) * square)[:, None]
        np.exp(np.minimum(product, 0, out=product), out=product)
        return within_bounds(product @ self.coef + self.intercept)


@dataclass(frozen=True)
class Clusters(Part):
    """Corrections of the mean by the nearest of some centres, level after level."""

    mean: NDArray
    levels: Sequence[tuple[NDArray, NDArray]]
    """Centres (n_clusters, n_features) and their profiles (n_clusters, n_models)."""

    def __call__(self, X):
        X = directions(X)
        quality = np.tile(self.mean, (len(X), 1))
        for (centres, profile), square in zip(self.levels, self._squares, strict=True):
            product = X.astype(centres.dtype, copy=False) @ centres.T
            distance = square - 2 * product
            quality += profile[distance.argmin(axis=1)]
        return within_bounds(quality)

    @cached_property
    def _squares(self) -> list[NDArray]:
        return [(centres**2).sum(axis=1) for centres, _ in self.levels]


@dataclass(frozen=True)
class Neighbours(Part):
    """Shrunken means over the most similar training queries."""

    points: NDArray
    """(n_train, n_features), rows of length 1 or 0."""
    copies: NDArray
    """(n_train,) number of training queries at each point."""
    cells: NDArray
    """(n_train, 2 n_models): weighted quality, then weights."""
    mean: NDArray
    shrinkage: float
    size: int

    def __call__(self, X):
        X = directions(X)
        return self._means(self._square - 2 * (X @ self.points.T))

    def _means(self, distance):
        size = min(self.size, len(self.points))
        nearest = np.argpartition(distance, size - 1, axis=1)[:, :size]
        if self._has_copies:
            order = np.take_along_axis(distance, nearest, axis=1).argsort(axis=1)
            nearest = np.take_along_axis(nearest, order, axis=1)
            share = share_of_copies(self.copies[nearest], self.size)
            sums = np.einsum("ij,ijk->ik", share, self.cells[nearest])
        else:
            sums = self.cells[nearest].sum(axis=1)
        return shrunk_means(sums, self.mean, self.shrinkage)

    @cached_property
    def _square(self) -> NDArray:
        return np.einsum("ij,ij->i", self.points, self.points)

    @cached_property
    def _has_copies(self) -> bool:
        return bool((self.copies > 1).any())


def shrunk_means(
    sums: NDArray, prior: NDArray, shrinkage: float
) -> NDArray[np.float64]:
    """Means of what neighbours add up, weighted quality and weights, near a prior."""
    quality, count = np.split(sums, 2, axis=1)
    mean = np.tile(prior, (len(sums), 1))
    total = count + shrinkage
    np.divide(quality + shrinkage * prior, total, out=mean, where=total > 0)
    return mean


def share_of_copies(copies: NDArray, size: int) -> NDArray[np.float64]:
    """How much each of the nearest points counts until there are ``size`` queries.

    Copies of a query are as near as each other: those of the last point that is needed
    count in part, so that none is preferred. ``copies`` is the number of queries at
    each point, (n_queries, n_points), the nearest first.
    """
    before = copies.cumsum(axis=1) - copies
    return ((size - before) / copies).clip(0, 1)


@dataclass(frozen=True)
class Average(Part):
    """The weighted mean of several parts."""

    parts: Sequence[Part]
    weights: NDArray

    def __call__(self, X):
        quality = self.weights[0] * self.parts[0](X)
        for weight, part in zip(self.weights[1:], self.parts[1:], strict=True):
            quality += weight * part(X)
        return within_bounds(quality)

    @property
    def takes_missing(self):
        return all(part.takes_missing for part in self.parts)

    def after(self, steps):
        return replace(self, parts=[part.after(steps) for part in self.parts])


def standardised(part: Part, scaler: Any) -> Part:
    """A part behind a fitted `StandardScaler`."""
    return part.after(
        Steps((Affine(1 / scaler.scale_, -scaler.mean_ / scaler.scale_),))
    )
