"""The network of the latent router in NumPy, its weights folded."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

ROOT2 = 2**0.5
_ROOT2 = np.float32(ROOT2)
# Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
ERFC = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
ERFC_P = 0.3275911


def gelu(v: NDArray[np.float32]) -> NDArray[np.float32]:
    r"""Compute :math:`v (1 + \mathrm{erf}\, v)`, a GELU but for its scale.

    With :math:`a = |v|` that is :math:`v + a - a \, \mathrm{erfc}(a)`. The formula for
    :math:`\mathrm{erfc}` errs by at most 1.5e-7, as numbers of 32 bits do, and takes a
    fifth of the time of `scipy.special.erf`.
    """
    a = np.abs(v)
    t = a * np.float32(ERFC_P)
    t += 1
    np.reciprocal(t, out=t)
    tail = t * np.float32(ERFC[0])
    for coefficient in ERFC[1:]:
        tail += np.float32(coefficient)
        tail *= t
    np.multiply(v, v, out=t)
    np.negative(t, out=t)
    tail *= np.exp(t, out=t)
    tail *= a
    a += v
    a -= tail
    return a


@dataclass(frozen=True)
class Net:
    r"""The ensemble's weights, folded.

    The gain of a block and the :math:`1 / \sqrt 2` of GELU are in its projection, the
    scale of the affinity in the tokens, bias and marginals in ``offset``. With E
    members, T query tokens, M capsules of width d, h hidden units, K models and S
    points of support:
    """

    project: Sequence[NDArray]
    """(n_columns, E h) for each block."""
    bias: NDArray
    """(n_blocks, 1, E h)"""
    pairs: Sequence[tuple[int, int]]
    """Blocks whose products are query tokens."""
    read: NDArray
    """(T, E, h, M + M d): scores of the capsules, then values."""
    tokens: NDArray
    """(E, M d, K)"""
    offset: NDArray
    """(E, 1, K, S) log-frequencies and bias."""
    n_capsules: int

    def __call__(self, blocks: Sequence[NDArray], present: NDArray | None) -> NDArray:
        """Probabilities (n_queries, K, S), the mean of the members'."""
        affinity = self._capsules(blocks, present) @ self.tokens
        offset = self.offset
        if offset.shape[-1] == 2:  # a logistic model of success
            affinity += self._log_odds
            success = expit(affinity).mean(axis=0, dtype=np.float64)
            return np.stack([1 - success, success], axis=-1)
        support = np.linspace(0, 1, offset.shape[-1], dtype=np.float32)
        prob = softmax(affinity[..., None] * support + offset, axis=-1)
        prob = prob.mean(axis=0, dtype=np.float64)
        return prob / prob.sum(axis=-1, keepdims=True)

    def success(self, blocks: Sequence[NDArray], present: NDArray | None) -> NDArray:
        """Expected quality (n_queries, K)."""
        if self.offset.shape[-1] == 2:
            affinity = self._capsules(blocks, present) @ self.tokens
            affinity += self._log_odds
            expit(affinity, out=affinity)
            return np.add.reduce(affinity, axis=0, dtype=np.float64) / len(affinity)
        prob = self(blocks, present)
        return prob @ np.linspace(0, 1, prob.shape[-1])

    @cached_property
    def _log_odds(self) -> NDArray:
        return self.offset[..., 1] - self.offset[..., 0]

    def _capsules(self, blocks, present):
        """Capsules (E, n_queries, M d)."""
        n_blocks, n_tokens = len(blocks), len(self.read)
        n_members, width = self.read.shape[1:3]
        v = np.empty((n_tokens, len(blocks[0]), n_members * width), np.float32)
        for b, block in enumerate(blocks):
            np.matmul(block, self.project[b], out=v[b])
        v[:n_blocks] += self.bias
        for t, (b, c) in enumerate(self.pairs, start=n_blocks):
            np.multiply(v[b], v[c], out=v[t])
            v[t] *= _ROOT2
        u = gelu(v).reshape(n_tokens, -1, n_members, width).transpose(0, 2, 1, 3)
        out = u @ self.read  # (T, E, n, M + M d)
        M = self.n_capsules
        weight = np.exp(np.minimum(np.maximum(out[..., :M], -30), 30))
        there: Any = np.float32(n_tokens)
        if present is not None:
            both = [present[:, b] & present[:, c] for b, c in self.pairs]
            seen = np.stack([*present.T, *both])  # (T, n)
            weight *= seen[:, None, :, None]
            there = seen.sum(axis=0, dtype=np.float32)[:, None]
        weight *= np.sqrt(there) / np.add.reduce(weight, axis=0)
        values = out[..., M:].reshape(*weight.shape, -1)
        values *= weight[..., None]
        P = np.add.reduce(values, axis=0)
        return P.reshape(*P.shape[:2], -1)
