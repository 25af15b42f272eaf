"""From a fitted latent router to its NumPy form: weights checked, then folded."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from sklroute.serving._latent import Latent
from sklroute.serving._net import ROOT2, Net
from sklroute.serving._parts import Kernel


def module_params(router: Any) -> dict[str, Any]:
    """Parameters of the network that a latent router's own ask for."""
    return {
        "n_members": router.n_members,
        "hidden_dim": router.hidden_dim,
        "n_capsules": router.n_capsules,
        "token_dim": router.token_dim,
        "n_heads": router.n_heads,
        "n_layers": router.n_layers if router.communication else 0,
        "interactions": router.interactions,
        "feedback": router.feedback,
        "correction_bound": router.correction_bound,
        "dropout": router.dropout,
    }


def leans_of(router: Any) -> list[Any]:
    """Routers that a latent router's network leans on, in the order of its blend."""
    return [lean for lean in (router.prior_, router.clusters_) if lean is not None]


def compile_latent(
    router: Any, weights: Mapping[str, NDArray], built: Mapping[str, Any]
) -> Latent:
    """A fitted latent router as a part.

    ``weights`` are its network's by their names in ``LatentRouterModule``, ``built``
    what `module_params` says it was built with. A network with communication or
    correction, and a prior without a NumPy form, are TypeErrors.
    """
    for name, used in (
        ("communication=True", built["n_layers"]),
        (f"correction_bound={built['correction_bound']}", built["correction_bound"]),
    ):
        if used:
            raise TypeError(
                f"A latent router with {name} cannot be compiled: only the defaults, "
                "communication=False and correction_bound=0, have a NumPy form."
            )
    blocks = router.scaler_.blocks_
    columns = [_as_slice(columns) for columns in blocks.values()]
    gains = [len(columns) ** 0.5 for columns in blocks.values()]
    parts = [lean.compile()._part for lean in leans_of(router)]
    parts = [_without_centre(p) if isinstance(p, Kernel) else p for p in parts]
    mean = router.fitted_quality_
    mixes = [_mix(s, r, len(mean)) for s, r in zip(*router.blend_, strict=True)]
    constant = mean - sum(mean @ mix for mix in mixes if mix is not None)
    net_mix = mixes.pop()
    return Latent(
        columns=columns,
        names=list(blocks),
        mean=router.scaler_.mean_,
        scale=router.scaler_.scale_,
        gains=gains,
        net=_fold(weights, gains, built["interactions"]),
        net_mix=net_mix,
        leans=[pair for pair in zip(parts, mixes, strict=True) if pair[1] is not None],
        constant=constant,
    )


def check_weights(
    router: Any, weights: Mapping[str, NDArray], built: Mapping[str, Any]
) -> None:
    """Refuse weights that are not all of 32 bits, or not of the network's sizes."""
    E, h = built["n_members"], built["hidden_dim"]
    M, width = built["n_capsules"], built["n_capsules"] * built["token_dim"]
    K = len(weights["prior"])
    n_blocks = len(router.scaler_.blocks_)
    n_tokens = n_blocks
    if built["interactions"]:
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
    """The network with scales and constants folded into its weights, see `Net`."""
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
    tokens = _tokens(w) * value.shape[-1] ** -0.5
    prior, head_bias = w["prior"], w["head.bias"]
    support = np.linspace(0, 1, prior.shape[1])
    offset = prior + head_bias[..., None] * support  # (E, 1, K, S)
    return Net(
        project=project,
        bias=_single(np.stack(bias)),
        pairs=list(combinations(range(len(gains)), 2)) if interactions else [],
        read=_single(read.transpose(1, 0, 2, 3)),
        tokens=_single(tokens.transpose(0, 2, 1)),
        offset=_single(offset),
        n_capsules=query.shape[-1],
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
