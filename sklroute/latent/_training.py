"""Training with held-out queries: who sees what, when to stop, with which seed."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping, LRScheduler
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.optim.lr_scheduler import OneCycleLR

from sklroute.latent._module import LatentRouterModule, support_of
from sklroute.latent._net import RouterNet, RoutingDataset

MIN_HELD_OUT = 50  # groups of queries below which none are held out

# torch's generator is global: threads that train at once would share its numbers.
_ONE_AT_A_TIME = threading.RLock()  # a callback may copy the net


@contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Seed torch for a block of code and leave the global generators as they were."""
    cuda = [torch.cuda.current_device()] if device.startswith("cuda") else []
    # torch.manual_seed reaches the generators of all accelerators.
    seed_it = (
        torch.default_generator.manual_seed if device == "cpu" else torch.manual_seed
    )
    with _ONE_AT_A_TIME, torch.random.fork_rng(devices=cuda):
        seed_it(seed)
        yield


def assign_folds(
    n_queries: int, groups: NDArray | None, n_folds: int, rng: np.random.RandomState
) -> NDArray[np.intp]:
    """Draw a fold for each query; queries of one group share theirs."""
    if groups is None:
        groups = np.arange(n_queries)
    names, code = np.unique(groups, return_inverse=True)
    fold = np.arange(len(names)) % n_folds
    rng.shuffle(fold)
    return fold[code]


def hold_out(
    n_queries: int,
    groups: NDArray | None,
    n_members: int,
    share: float,
    rng: np.random.RandomState,
) -> Tensor | None:
    """Draw the member that does not see a row, see `train`; None if there are few."""
    n_groups = n_queries if groups is None else len(np.unique(groups))
    if n_groups < MIN_HELD_OUT:
        return None
    n_folds = max(n_members, round(1 / share))
    return torch.as_tensor(assign_folds(n_queries, groups, n_folds, rng))


def auto_epochs(n_queries: int, batch_size: int) -> int:
    """Epochs of so many steps as grow with the square root of the number of queries."""
    n_steps = max(60, 120 * (n_queries / 2000) ** 0.5)
    return max(4, round(n_steps / np.ceil(n_queries / batch_size)))


def train(
    net: RouterNet,
    dataset: RoutingDataset,
    fold: Tensor | None,
    *,
    n_epochs: int,
    learning_rate: float,
    monitor: str,
    patience: int,
    cost_weight: float,
) -> None:
    """Train a net; with folds, stop and return to the best epoch on held-out rows.

    Parameters
    ----------
    net : RouterNet
        Initialised.
    dataset : RoutingDataset
        All training queries.
    fold : Tensor of int, of shape (n,), or None
        The member that does not see a row; rows of no member have a larger number.
    n_epochs, learning_rate, monitor, patience, cost_weight
        As in `LatentRouterClassifier`.
    """
    n_batches = -(-len(dataset) // net.batch_size)
    n_steps = n_epochs * n_batches + 1
    schedule = LRScheduler(
        OneCycleLR,
        max_lr=learning_rate,
        total_steps=n_steps,
        pct_start=max(0.2, 1.5 / n_steps),  # one step of warm-up would divide by zero
        cycle_momentum=False,
        step_every="batch",
    )
    callbacks = [("clip", GradientNormClipping(5.0)), ("schedule", schedule)]
    seen = dataset
    if fold is not None:
        seen = RoutingDataset(dataset.X, hide_held_out(dataset.y, fold))
        stop = EarlyStopping(
            monitor,
            lower_is_better=monitor == "valid_brier",
            patience=patience,
            threshold=0.0,
            load_best=True,
            sink=lambda message: None,  # the history has it
        )
        scores = HeldOutScores(dataset, fold, cost_weight)
        callbacks += [("held_out", scores), ("early_stopping", stop)]
    own = net.callbacks
    net.callbacks = callbacks + list(own or [])
    net.initialize_callbacks().partial_fit(seen, epochs=n_epochs)
    net.callbacks = own  # ours hold the data
    net.initialize_callbacks()
    for group in net.optimizer_.param_groups:  # partial_fit starts from the full rate
        group["lr"] = learning_rate


def hide_held_out(y: Tensor, fold: Tensor) -> Tensor:
    """Set the weight of each row to 0 for the member that holds it out."""
    y = y.clone()
    n_members = y.shape[-1] - 2
    y[..., 2:] *= (fold[:, None] != torch.arange(n_members)).to(y)[:, None]
    return y


class HeldOutScores(Callback):
    """Records how well the held-out rows are predicted and routed after each epoch.

    Each row is judged by the member that was not trained on it.

    Parameters
    ----------
    dataset : RoutingDataset
        All training queries, with the weights of held-out cells still in place.
    fold : Tensor of int, of shape (n,)
        The member that does not see the row; rows of no member have a larger number.
    cost_weight : float
        Price of one unit of cost in the utility.
    """

    def __init__(self, dataset: RoutingDataset, fold: Tensor, cost_weight: float):
        self.dataset = dataset
        self.fold = fold
        self.cost_weight = cost_weight
        self._mean_cost = dataset.y[..., 1].mean(0)

    def on_epoch_end(self, net: NeuralNet, **kwargs: object) -> None:
        """Add ``valid_brier`` and ``valid_utility`` to the history."""
        rows, log_prob = held_out_predictions(net.module_, self.dataset, self.fold)
        _, y = self.dataset[rows]
        quality, weight = y[..., 0], y[..., 2]
        mean = log_prob.exp() @ support_of(log_prob)
        brier = ((mean - quality).square() * weight).sum() / weight.sum()
        cost = self.cost_weight * y[..., 1]
        expected = self.cost_weight * self._mean_cost
        predicted = (mean - expected).masked_fill(weight <= 0, -torch.inf)
        choice = predicted.argmax(1, keepdim=True)
        utility = (quality - cost).gather(1, choice).squeeze(1)
        row_weight = weight.amax(1)
        utility = (utility * row_weight).sum() / row_weight.sum()
        net.history.record("valid_brier", float(brier))
        net.history.record("valid_utility", float(utility))


@torch.inference_mode()
def held_out_predictions(
    module: LatentRouterModule, dataset: RoutingDataset, fold: Tensor
) -> tuple[Tensor, Tensor]:
    """Predict every held-out row by the member that never saw it.

    Returns
    -------
    rows : Tensor of int, of shape (n_rows,)
        The held-out rows.
    log_prob : Tensor of shape (n_rows, K, S)
        Their predictions.
    """
    module.eval()
    own = [(fold == member).nonzero().squeeze(1) for member in range(module.n_members)]
    # Members share a pass, each with rows of its own: the last row pads the shorter.
    rows = pad_sequence(own, batch_first=True, padding_value=len(dataset) - 1)
    length = torch.tensor([len(part) for part in own])
    genuine = torch.arange(rows.shape[1]) < length[:, None]
    parts = []
    for batch in rows.split(1024, dim=1):
        X, _ = dataset[batch]
        parts.append(module(**X).log_prob)
    return rows[genuine], torch.cat(parts, dim=1)[genuine.to(parts[0].device)]
