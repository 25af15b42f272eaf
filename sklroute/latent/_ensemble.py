"""Several members of one network, evaluated in one batched pass."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap


class Ensemble(nn.Module):
    """Independent copies of a module whose parameters are stacked.

    The members share one pass: every matrix product becomes a batched one. They
    differ by their initial weights, by their dropout and by the rows that each of
    them is trained on.

    Parameters
    ----------
    member : type
        Class of the members.
    n_members : int
        How many.
    shared : dict of str to Tensor
        Arguments of ``forward`` that all queries and members share.
    **params
        Constructor parameters of a member.
    """

    def __init__(
        self, member: type[nn.Module], n_members: int, shared: dict, **params: Any
    ):
        super().__init__()
        members = [member(**params) for _ in range(n_members)]
        weights, _ = stack_module_state(members)
        self.weights = nn.ParameterDict(
            {name.replace(".", "/"): weight for name, weight in weights.items()}
        )
        for name, value in shared.items():
            self.register_buffer(name, value)
        self._shared = tuple(shared)
        self.n_members = n_members
        # In a tuple, so that its (unused) parameters are not this module's.
        self._skeleton = (copy.deepcopy(members[0]).to("meta"),)

    def forward(self, **batch: Tensor) -> Any:
        """Run all members; outputs have a leading axis of length n_members."""
        skeleton, shared = self._skeleton[0].train(self.training), self._shared_inputs()

        def run(weights: dict, batch: dict) -> Any:
            return functional_call(skeleton, weights, kwargs={**batch, **shared})

        weights = {name.replace("/", "."): w for name, w in self.weights.items()}
        return vmap(run, in_dims=(0, None), randomness="different")(weights, batch)

    @torch.inference_mode()
    def run_member(self, index: int, **batch: Tensor) -> Any:
        """Run one member, as in prediction; outputs have no axis of members."""
        weights = {name.replace("/", "."): w[index] for name, w in self.weights.items()}
        kwargs = {**batch, **self._shared_inputs()}
        return functional_call(self._skeleton[0].eval(), weights, kwargs=kwargs)

    def _shared_inputs(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in self._shared}
