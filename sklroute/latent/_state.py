"""The trained network as arrays, without what only training needed."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklroute.latent._module import LatentRouterModule
from sklroute.latent._net import RouterNet, build_net, module_params
from sklroute.latent._training import seeded

MAX_PARTS = 64  # blocks, layers: their number is a loop before it is a shape


def pack_net(net: RouterNet) -> dict[str, NDArray]:
    """Weights of a net by name."""
    state = net.module_.state_dict()
    return {name: tensor.cpu().numpy() for name, tensor in state.items()}


def unpack_net(router: Any, weights: dict[str, NDArray]) -> RouterNet:
    """A net of the given weights, with an optimiser that starts afresh.

    Parameters
    ----------
    router : LatentRouterClassifier
        With its parameters and its scaler.
    weights : dict of str to ndarray
        What `pack_net` has returned.

    Raises
    ------
    ValueError
        If the weights are not those of the router's parameters. They are compared
        before any network is made.
    """
    # Copies: joblib may hand out views of a file, read-only and not aligned.
    weights = {name: np.array(value) for name, value in weights.items()}
    block_dims = tuple(map(len, router.scaler_.blocks_.values()))
    known = {
        "profile": weights["profile"],
        "prior": weights["prior"],
        "block_dims": block_dims,
    }
    _check_shapes(router, weights, known)
    with seeded(0, "cpu"):  # leaves torch's generators as they were
        net = build_net(router, cost_weight=router._cost_weight, **known)
    tensors = {name: torch.as_tensor(value) for name, value in weights.items()}
    net.module_.load_state_dict(tensors)
    net.module_.eval()
    for group in net.optimizer_.param_groups:  # as training leaves it
        group["lr"] = router.learning_rate
    return net


def _check_shapes(router, weights: dict[str, NDArray], known: dict[str, Any]) -> None:
    """Compare shapes and types with those of a network that takes no memory."""
    n_layers = router.n_layers if router.communication else 0
    if n_layers > MAX_PARTS or not 1 <= len(known["block_dims"]) <= MAX_PARTS:
        raise ValueError(f"The network has more than {MAX_PARTS} blocks or layers.")
    with torch.device("meta"):
        module = LatentRouterModule(
            **module_params(router),
            block_dims=known["block_dims"],
            profile=torch.empty(known["profile"].shape),
            prior=torch.empty(known["prior"].shape),
        )
    expected = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    if {name: value.shape for name, value in weights.items()} != expected:
        raise ValueError("The weights are not those of the router's parameters.")
    if any(value.dtype != np.float32 for value in weights.values()):
        raise ValueError("The weights are not of 32 bits.")
