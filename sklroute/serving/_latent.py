"""The network of the latent router and what it leans on, in NumPy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, expit, softmax

from sklroute.serving._distribution import QualityDistribution
from sklroute.serving._parts import Chain, Kernel, Part, within_bounds

CHUNK = 1024  # queries at once: intermediate results stay in cache
LIMIT = 1e3  # of scaled features, and
CLAMP = 100.0  # of what the network reads, as in training
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
            affinity += offset[..., 1] - offset[..., 0]
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


@dataclass(frozen=True)
class Latent(Part):
    """A latent router without communication and correction.

    ``prior_mix`` and ``net_mix``, of shape (K, K), are the two summands of the blend;
    None where a summand has no weight.
    """

    columns: Sequence[NDArray | slice]
    names: Sequence[str]
    mean: NDArray
    scale: NDArray
    gains: Sequence[float]
    net: Net
    prior: Part | None
    net_mix: NDArray | None
    prior_mix: NDArray | None
    constant: NDArray
    quality_mean: NDArray

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
        if self.prior_mix is not None:
            if square is not None and isinstance(self.prior, Kernel):
                prior = self.prior.similar(z @ self.prior.landmarks, square)
            else:
                prior = self.prior(z)
            quality += prior @ self.prior_mix
        return within_bounds(quality)

    def _scaled(self, X):
        """Scaled features, what the network reads of them, blocks that are there."""
        mean, scale = self._affine(X.dtype)
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

    def _affine(self, dtype):
        return self._by_dtype[dtype]

    def after(self, steps):
        return Chain(steps, self)


def compile_latent(router: Any, weights: Mapping[str, NDArray], prior: Part | None):
    """A fitted latent router as a part.

    Parameters
    ----------
    router : object
        With the attributes of a fitted `LatentRouterClassifier`.
    weights : dict of str to ndarray
        Its network's, by the names of ``LatentRouterModule``.
    prior : Part or None
        Its prior, compiled.

    Raises
    ------
    TypeError
        If the router uses communication, correction or another module.
    """
    for name, used in (
        ("communication=True", router.communication),
        (f"correction_bound={router.correction_bound}", router.correction_bound > 0),
    ):
        if used:
            raise TypeError(
                f"A latent router with {name} cannot be compiled: only the defaults, "
                "communication=False and correction_bound=0, have a NumPy form."
            )
    for name in router.net_params or {}:
        if name.startswith("module") and name != "module__dropout":
            raise TypeError(
                f"A latent router with net_params={{{name!r}: ...}} cannot be compiled."
            )
    blocks = router.scaler_.blocks_
    columns = [_as_slice(columns) for columns in blocks.values()]
    gains = [len(columns) ** 0.5 for columns in blocks.values()]
    if isinstance(prior, Kernel):
        prior = _without_centre(prior)
    mean = router.fitted_quality_
    mixes = [_mix(s, r, len(mean)) for s, r in zip(*router.blend_, strict=True)]
    net_mix = mixes.pop()
    prior_mix = mixes.pop() if mixes else None
    constant = mean - sum(mean @ mix for mix in (net_mix, prior_mix) if mix is not None)
    return Latent(
        columns,
        list(blocks),
        router.scaler_.mean_,
        router.scaler_.scale_,
        gains,
        _fold(weights, gains, router.interactions),
        prior,
        net_mix,
        prior_mix,
        constant,
        mean,
    )


def check_weights(router: Any, weights: Mapping[str, NDArray]) -> None:
    """Refuse weights that are not all of 32 bits, or not of the router's sizes.

    Raises
    ------
    ValueError
        The message names the first of them.
    """
    E, h = router.n_members, router.hidden_dim
    M, width = router.n_capsules, router.n_capsules * router.token_dim
    K = len(weights["prior"])
    n_blocks = len(router.scaler_.blocks_)
    n_tokens = n_blocks
    if router.interactions:
        n_tokens += n_blocks * (n_blocks - 1) // 2
    n_profile = weights["profile"].shape[1]
    expected = {
        "capsules.query_weight": (E, 1, h, M),
        "capsules.value_weight": (E, n_tokens, h, width),
        "head.bias": (E, 1, 1),
        "profile": (K, n_profile),
        "tokens.learned_weight": (E, K, width),
        "tokens.read.0.weight": (E, n_profile, width),
        "tokens.read.0.bias": (E, 1, width),
        "tokens.read.3.weight": (E, width, width),
        "tokens.read.3.bias": (E, 1, width),
    }
    for b, columns in enumerate(router.scaler_.blocks_.values()):
        expected[f"capsules.project.{b}.weight"] = (E, len(columns), h)
        expected[f"capsules.project.{b}.bias"] = (E, 1, h)
    for name, shape in expected.items():
        if weights[name].shape != shape or weights[name].dtype != np.float32:
            raise ValueError(f"{name} is {weights[name].shape}; expected {shape}.")


def _mix(shared: float, relative: float, n_models: int) -> NDArray | None:
    """One prediction's part in the blend as a matrix; None if it has none."""
    if shared == 0 and relative == 0:
        return None
    common = np.full((n_models, n_models), (shared - relative) / n_models)
    return common + relative * np.eye(n_models)


def _without_centre(kernel: Kernel) -> Kernel:
    """The same kernel of features that are not centred first."""
    landmarks = kernel.landmarks.astype(float) / (2 * kernel.gamma)
    landmarks += np.asarray(kernel.centre, dtype=float)[:, None]
    dtype = kernel.landmarks.dtype
    return Kernel(
        np.zeros_like(kernel.centre),
        np.ascontiguousarray((2 * kernel.gamma * landmarks).astype(dtype)),
        (kernel.gamma * (landmarks**2).sum(axis=0)).astype(dtype),
        kernel.gamma,
        kernel.coef,
        kernel.intercept,
    )


def _as_slice(columns: NDArray) -> NDArray | slice:
    """Columns side by side as a slice: a view instead of a copy."""
    if (np.diff(columns) == 1).all():
        return slice(int(columns[0]), int(columns[-1]) + 1)
    return columns


def _fold(weights: Mapping[str, NDArray], gains, interactions: bool) -> Net:
    w = {name: value.astype(float) for name, value in weights.items()}
    project, bias = [], []
    for b, gain in enumerate(gains):
        W = w[f"capsules.project.{b}.weight"]  # (E, n_in, h)
        matrix = W.transpose(1, 0, 2).reshape(W.shape[1], -1)
        project.append(_single(matrix * gain / ROOT2))
        bias.append(w[f"capsules.project.{b}.bias"].reshape(1, -1) / ROOT2)
    value = w["capsules.value_weight"]  # (E, T, h, M d)
    query = w["capsules.query_weight"] / value.shape[2] ** 0.5  # (E, 1, h, M)
    query = np.broadcast_to(query, (*value.shape[:3], query.shape[-1]))
    # GELU(x) = v (1 + erf v) / sqrt 2 with v = x / sqrt 2.
    read = np.concatenate([query, value], axis=-1) / ROOT2
    n_capsules = query.shape[-1]
    tokens = _tokens(w) * value.shape[-1] ** -0.5
    prior, head_bias = w["prior"], w["head.bias"]
    support = np.linspace(0, 1, prior.shape[1])
    offset = prior + head_bias[..., None] * support  # (E, 1, K, S)
    return Net(
        project,
        _single(np.stack(bias)),
        list(combinations(range(len(gains)), 2)) if interactions else [],
        _single(read.transpose(1, 0, 2, 3)),
        _single(tokens.transpose(0, 2, 1)),
        _single(offset),
        n_capsules,
    )


def _tokens(w: Mapping[str, NDArray]) -> NDArray:
    """Capability tokens (E, K, M d): the same for every query."""
    profile = w["profile"]
    spread = profile.var(axis=1, keepdims=True)
    z = (profile - profile.mean(axis=1, keepdims=True)) / np.sqrt(spread + 1e-5)
    hidden = z @ w["tokens.read.0.weight"] + w["tokens.read.0.bias"]
    hidden = 0.5 * hidden * (1 + erf(hidden / ROOT2))
    out = hidden @ w["tokens.read.3.weight"] + w["tokens.read.3.bias"]
    learned = w["tokens.learned_weight"]
    out[:, : learned.shape[1]] += learned
    return out


def _single(array: NDArray) -> NDArray[np.float32]:
    return np.ascontiguousarray(array, dtype=np.float32)
