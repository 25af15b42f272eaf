"""The trained network as arrays, without what only training needed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklroute.latent._module import LatentRouterModule
from sklroute.latent._net import RouterNet, build_net
from sklroute.latent._training import seeded
from sklroute.serving._folding import module_params

MAX_PARTS = 64  # blocks, layers: their number is a loop before it is a shape


def built_with(router: Any) -> dict[str, Any]:
    """What a fitted router's network was built with, whatever was set since."""
    params = router.net_.get_params_for("module")
    return {name: params[name] for name in module_params(router)}


def pack_net(net: RouterNet) -> dict[str, NDArray]:
    """Weights of a net by name.

    Raises
    ------
    TypeError
        If a part of the network was replaced after it was built: weights do not tell.
    """
    now, built = net.kinds(), net.kinds_
    for name in [*now, *built]:
        if now.get(name) is not built.get(name):
            raise TypeError(
                f"net_.module_ was changed at {name!r} after the fit. Its weights do "
                "not tell what it computes: it cannot be copied, saved or compiled. A "
                "module of your own is given as net_params={'module': ...}."
            )
    state = net.module_.state_dict()
    return {name: tensor.cpu().numpy() for name, tensor in state.items()}


def standard_weights(net: RouterNet) -> dict[str, NDArray]:
    """Weights of a net whose module is the library's own.

    Raises
    ------
    TypeError
        If it is another one.
    """
    kind = type(net.module_)
    if kind is not LatentRouterModule:
        raise TypeError(
            f"A latent router with net_params={{'module': {kind.__name__}}} cannot be "
            "compiled."
        )
    return pack_net(net)


def unpack_net(
    router: Any, weights: dict[str, NDArray], built: Mapping[str, Any] | None
) -> RouterNet:
    """A net of the given weights, with an optimiser that starts afresh.

    Parameters
    ----------
    router : LatentRouterClassifier
        With its parameters and its scaler.
    weights : dict of str to ndarray
        What `pack_net` has returned.
    built : dict of str to object or None
        What `built_with` has returned; None if the router's parameters are the same.

    Raises
    ------
    ValueError
        If the weights are not those of such a network. They are compared before any
        network is made.
    """
    # Copies: joblib may hand out views of a file, read-only and not aligned.
    weights = {name: np.array(value) for name, value in weights.items()}
    net = build_net(
        router,
        profile=weights["profile"],
        prior=weights["prior"],
        block_dims=tuple(map(len, router.scaler_.blocks_.values())),
        cost_weight=router._cost_weight,
        built=module_params(router) if built is None else built,
    )
    _check_shapes(net, weights)
    with seeded(0, "cpu"):  # leaves torch's generators as they were
        net.initialize()
    tensors = {name: torch.as_tensor(value) for name, value in weights.items()}
    net.module_.load_state_dict(tensors)
    net.module_.eval()
    for group in net.optimizer_.param_groups:  # as training leaves it
        group["lr"] = router.learning_rate
    return net


def _check_shapes(net: RouterNet, weights: dict[str, NDArray]) -> None:
    """Compare shapes and types with those that the net will have."""
    params = net.get_params_for("module")
    if (
        params["n_layers"] > MAX_PARTS
        or not 1 <= len(params["block_dims"]) <= MAX_PARTS
    ):
        raise ValueError(f"The network has more than {MAX_PARTS} blocks or layers.")
    with torch.device("meta"):  # takes no memory
        state = net.module(**params).state_dict()
    expected = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if {name: value.shape for name, value in weights.items()} != expected:
        raise ValueError("The weights are not those of the router's parameters.")
    if any(value.dtype != np.float32 for value in weights.values()):
        raise ValueError("The weights are not of 32 bits.")
