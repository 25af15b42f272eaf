"""The training loop: skorch does it, on whole tensors."""

from collections.abc import Iterator
from typing import Any

import torch
from skorch import NeuralNet
from skorch.utils import to_device
from torch import Tensor
from torch.utils.data import Dataset

from sklroute.latent._module import RouterOutput


class RoutingDataset(Dataset):
    """Tensors of queries: what the module reads, and the packed outcomes.

    Parameters
    ----------
    X : dict of Tensor
        ``x`` (n, features), ``present`` (n, blocks), ``available`` (n, K).
    y : Tensor of shape (n, K, 2 + E)
        See `RoutingLoss`.
    """

    def __init__(self, X: dict[str, Tensor], y: Tensor):
        self.X = X
        self.y = y

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: Any) -> tuple[dict[str, Tensor], Tensor]:
        return {name: value[index] for name, value in self.X.items()}, self.y[index]


class TensorBatches:
    """Shuffled batches cut by one indexing call each, instead of row by row.

    Parameters
    ----------
    dataset : RoutingDataset
        What to iterate over.
    batch_size : int
        Queries per batch.
    mask_rate : float
        Probability that a query is shown with some of its models masked, so that
        shrunken pools are no news to the network.
    """

    def __init__(
        self, dataset: RoutingDataset, batch_size: int, mask_rate: float = 0.0
    ):
        self.dataset = dataset
        self.batch_size = batch_size
        self.mask_rate = mask_rate

    def __iter__(self) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        order = torch.randperm(len(self.dataset))
        for rows in order.split(self.batch_size):
            X, y = self.dataset[rows]
            if self.mask_rate:
                X["available"] = mask_some(X["available"], self.mask_rate)
            yield X, y


def mask_some(available: Tensor, rate: float) -> Tensor:
    """Mask a random share of the models of a random ``rate`` of the queries."""
    n_queries, n_models = available.shape
    share = torch.rand(n_queries, 1) * (torch.rand(n_queries, 1) < rate)
    drawn = torch.rand(n_queries, n_models) >= share
    kept = available & drawn.to(available.device)
    return torch.where(kept.any(1, keepdim=True), kept, available)


class RouterNet(NeuralNet):
    """skorch's training loop; prediction goes to the module directly."""

    @property
    def _default_callbacks(self) -> list:
        return []

    def infer(self, x: dict[str, Tensor], **fit_params: Any) -> RouterOutput:
        """Run the module on one batch."""
        return self.module_(**to_device(x, self.device))
