"""The training loop: skorch does it, on whole tensors."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.callbacks import PrintLog
from skorch.utils import to_device
from torch import Tensor
from torch.utils.data import Dataset

from sklroute.latent._losses import RoutingLoss
from sklroute.latent._module import LatentRouterModule, RouterOutput
from sklroute.serving._folding import module_params

# Names in skorch of what the router sets itself.
OWN_PARAMETERS = {
    "max_epochs": "max_epochs",
    "lr": "learning_rate",
    "optimizer__lr": "learning_rate",
    "batch_size": "batch_size",
    "device": "device",
}


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
    block_dropout : float
        Probability that a query of several blocks is shown without one of them.
    """

    def __init__(
        self,
        dataset: RoutingDataset,
        batch_size: int,
        mask_rate: float = 0.0,
        block_dropout: float = 0.0,
    ):
        self.dataset = dataset
        self.batch_size = batch_size
        self.mask_rate = mask_rate
        self.block_dropout = block_dropout

    def __iter__(self) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        order = torch.randperm(len(self.dataset))
        for rows in order.split(self.batch_size):
            X, y = self.dataset[rows]
            if self.mask_rate:
                X["available"] = mask_some(X["available"], self.mask_rate)
            if self.block_dropout and X["present"].shape[1] > 1:
                X["present"] = drop_a_block(X["present"], self.block_dropout)
            yield X, y


def mask_some(available: Tensor, rate: float) -> Tensor:
    """Mask a random share of the models of a random ``rate`` of the queries."""
    n_queries, n_models = available.shape
    share = torch.rand(n_queries, 1) * (torch.rand(n_queries, 1) < rate)
    drawn = torch.rand(n_queries, n_models) >= share
    kept = available & drawn.to(available.device)
    return torch.where(kept.any(1, keepdim=True), kept, available)


def drop_a_block(present: Tensor, rate: float) -> Tensor:
    """Hide one block of a random ``rate`` of the queries that have several."""
    n_queries, n_blocks = present.shape
    lot = torch.rand(n_queries, n_blocks).to(present.device)
    drawn = lot.masked_fill(~present, -1.0).argmax(1)
    hit = (torch.rand(n_queries) < rate).to(present.device) & (present.sum(1) > 1)
    kept = present.clone()
    kept[hit, drawn[hit]] = False
    return kept


class RouterNet(NeuralNet):
    """skorch's training loop; prediction goes to the module directly."""

    @property
    def _default_callbacks(self) -> list:
        return [("print_log", PrintLog())] if self.verbose else []

    def initialize_module(self) -> "RouterNet":
        """Build the module, and note what it is made of."""
        super().initialize_module()
        self.kinds_ = self.kinds()
        return self

    def kinds(self) -> dict[str, type]:
        """Classes of the module and its parts, by name."""
        return {name: type(part) for name, part in self.module_.named_modules()}

    def infer(self, x: dict[str, Tensor], **fit_params: Any) -> RouterOutput:
        """Run the module on one batch."""
        return self.module_(**to_device(x, self.device))


def build_net(
    router: Any,
    *,
    profile: NDArray,
    prior: NDArray,
    block_dims: tuple[int, ...],
    cost_weight: float,
    built: Mapping[str, Any] | None = None,
) -> RouterNet:
    """An untrained net by the parameters of a `LatentRouterClassifier`.

    Parameters
    ----------
    router : LatentRouterClassifier
        Only its constructor parameters are read.
    profile, prior, block_dims
        See `LatentRouterModule`.
    cost_weight : float
        Price of one unit of cost in the utilities of the loss.
    built : dict of str to object, default=None
        Parameters of the module that go before all others.

    Returns
    -------
    net : RouterNet
        Not initialised.

    Raises
    ------
    ValueError
        If ``net_params`` has what is a parameter of the router, or a module of
        another kind than the router's.
    """
    own = router.net_params or {}
    for name, parameter in OWN_PARAMETERS.items():
        if name in own:
            raise ValueError(
                f"net_params has {name!r}: set {parameter!r} of the router instead."
            )
    module = own.get("module")
    if isinstance(module, type) and not issubclass(module, LatentRouterModule):
        raise ValueError(
            f"net_params has the module {module.__name__}, which is no subclass of "
            "sklroute.latent.LatentRouterModule."
        )
    params = dict(
        module=LatentRouterModule,
        module__profile=torch.as_tensor(profile, dtype=torch.float32),
        module__prior=torch.as_tensor(prior, dtype=torch.float32),
        module__block_dims=block_dims,
        **{f"module__{k}": v for k, v in module_params(router).items()},
        criterion=RoutingLoss,
        criterion__pairwise_weight=router.pairwise_weight,
        criterion__listwise_weight=router.listwise_weight,
        criterion__correction_penalty=router.correction_penalty,
        criterion__cost_weight=cost_weight,
        optimizer=torch.optim.AdamW,
        optimizer__lr=router.learning_rate,
        optimizer__weight_decay=0.0,
        optimizer__param_groups=[("*weight", {"weight_decay": router.weight_decay})],
        iterator_train=TensorBatches,
        iterator_train__mask_rate=router.mask_rate if router.communication else 0.0,
        iterator_train__block_dropout=router.block_dropout,
        batch_size=router.batch_size,
        train_split=None,
        device=router.device,
        verbose=0,
    )
    first = {f"module__{name}": value for name, value in (built or {}).items()}
    return RouterNet(**{**params, **own, **first})
