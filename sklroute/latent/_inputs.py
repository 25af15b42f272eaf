"""What the network reads: features and outcomes as tensors."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklroute.features import BlockScaler
from sklroute.features._blocks import missing_blocks
from sklroute.outcomes import Outcomes
from sklroute.serving._latent import LIMIT


def scaled_features(scaler: BlockScaler, X: NDArray) -> NDArray[np.float32]:
    """Scaled features of 32 bits; 0 where a block is missing."""
    scaled = scaler._scale(X)
    # Blocks have norm 1: what is cut off is absurd, and would overflow in float32.
    return np.clip(scaled, -LIMIT, LIMIT, out=scaled).astype(np.float32, copy=False)


def module_inputs(
    scaler: BlockScaler, X: NDArray, scaled: NDArray, available: NDArray, device: str
) -> dict[str, Tensor]:
    """What the module reads of some queries, given their scaled features."""
    blocks = list(scaler.blocks_.values())
    missing = np.column_stack(list(missing_blocks(X, scaler.blocks_).values()))
    # Rows of a block have norm 1; the network wants features of variance 1.
    gain = np.concatenate([np.full(len(b), len(b) ** 0.5) for b in blocks])
    order = np.concatenate(blocks)
    x = scaled if (np.diff(order) == 1).all() else scaled[:, order]
    nobody = ~available.any(axis=1, keepdims=True)
    arrays = {
        "x": x * gain.astype(np.float32),
        "present": ~missing,
        "available": available | nobody,
    }
    return {name: torch.as_tensor(a, device=device) for name, a in arrays.items()}


def pack_outcomes(
    outcomes: Outcomes, cost: NDArray, sample_weight: NDArray, n_members: int
) -> NDArray[np.float32]:
    """Quality, cost and weights as `RoutingLoss` reads them.

    Every member sees every observed cell.
    """
    packed = np.empty((*outcomes.quality.shape, 2 + n_members), np.float32)
    packed[..., 0] = np.nan_to_num(outcomes.quality)
    packed[..., 1] = cost
    packed[..., 2:] = (sample_weight[:, None] * outcomes.observed)[..., None]
    return packed


def filled_cost(outcomes: Outcomes, mean_cost: NDArray) -> NDArray[np.float64]:
    """Realised cost; the model's mean where it was not recorded, 0 if it never was."""
    missing = np.isnan(outcomes.cost)
    return np.where(missing, np.nan_to_num(mean_cost), outcomes.cost)
