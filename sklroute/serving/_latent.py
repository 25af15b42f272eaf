"""The latent router as a part: its network and what that leans on, blended."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sklroute.serving._distribution import QualityDistribution
from sklroute.serving._net import Net
from sklroute.serving._parts import CHUNK, Kernel, Part, within_bounds

LIMIT = 1e3  # of scaled features, and
CLAMP = 100.0  # of what the network reads, as in training


@dataclass(frozen=True)
class Latent(Part):
    """A latent router without communication and correction.

    ``net_mix``, of shape (K, K), is the network's part in the blend, None if it has no
    weight; ``leans`` are the others that have one, each with its own.
    """

    columns: Sequence[NDArray | slice]
    names: Sequence[str]
    mean: NDArray
    scale: NDArray
    gains: Sequence[float]
    net: Net
    net_mix: NDArray | None
    leans: Sequence[tuple[Part, NDArray]]
    constant: NDArray

    takes_missing = True

    def __call__(self, X):
        z, blocks, present, square = self._scaled(X)
        success = None if self.net_mix is None else self.net.success(blocks, present)
        return self._blend(z, success, square)

    def distribution(self, X: NDArray) -> QualityDistribution:
        """Distribution of the quality, as `LatentRouterClassifier` gives it."""
        prob, mean = [], []
        for start in range(0, len(X), CHUNK):
            part = X[start : start + CHUNK]
            z, blocks, present, _ = self._scaled(part)
            prob.append(self.net(blocks, present))
            mean.append(self._blend(z, prob[-1] @ self._support))
        support = self._support
        return QualityDistribution(support, np.concatenate(prob)).with_mean(
            np.concatenate(mean)
        )

    @property
    def _support(self) -> NDArray:
        return np.linspace(0, 1, self.net.offset.shape[-1])

    def _blend(self, z, success, square=None):
        if self.net_mix is None:
            quality = np.tile(self.constant, (len(z), 1))
        else:
            quality = success @ self.net_mix
            quality += self.constant
        for part, mix in self.leans:
            if square is not None and isinstance(part, Kernel):
                own = part.similar(z @ part.landmarks, square)
            else:
                own = part(z)
            quality += own @ mix
        return within_bounds(quality)

    def _scaled(self, X):
        """Scaled features, what the network reads of them, blocks that are there."""
        mean, scale = self._by_dtype[X.dtype]
        with np.errstate(over="ignore"):
            z = X - mean
            z /= scale
            z = z.astype(np.float32, copy=False)
            square = np.einsum("ij,ij->i", z, z)
        # A row so short has no entry to be cut; NaN is not less than anything.
        if np.maximum.reduce(square) <= self._short:
            return z, [z[:, c] for c in self.columns], None, square
        return self._careful(X, mean, scale)

    def _careful(self, X, mean, scale):
        present = self._present(X)
        with np.errstate(over="ignore"):
            z = np.clip((X - mean) / scale, -LIMIT, LIMIT).astype(np.float32)
        for columns, there in zip(self.columns, present.T, strict=True):
            z[:, columns] = np.where(there[:, None], z[:, columns], 0.0)
        blocks = [
            np.clip(z[:, columns], -CLAMP / gain, CLAMP / gain)
            for columns, gain in zip(self.columns, self.gains, strict=True)
        ]
        return z, blocks, present, np.einsum("ij,ij->i", z, z)

    def _present(self, X):
        """Which blocks are there; infinity and blocks missing in part are refused."""
        if np.isinf(X).any():
            row, column = np.argwhere(np.isinf(X))[0]
            raise ValueError(f"Input X has infinity in row {row}, column {column}.")
        nan = [np.isnan(X[:, columns]) for columns in self.columns]
        missing = np.column_stack([block.all(axis=1) for block in nan])
        for name, block, gone in zip(self.names, nan, missing.T, strict=True):
            partly = np.flatnonzero(block.any(axis=1) & ~gone)
            if len(partly):
                raise ValueError(f"Row {partly[0]}: block {name!r} is NaN in part.")
        nothing = missing.all(axis=1)
        if nothing.any():
            row = np.flatnonzero(nothing)[0]
            raise ValueError(f"Row {row} of X is NaN in all columns.")
        return ~missing

    @cached_property
    def _short(self) -> float:
        return float((min(LIMIT, CLAMP / max(self.gains)) * 0.999) ** 2)

    @cached_property
    def _by_dtype(self) -> dict:
        return {
            np.dtype(kind): (self.mean.astype(kind), self.scale.astype(kind))
            for kind in (np.float32, np.float64)
        }
