"""Training losses, masked for cells that were not observed."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklroute.latent._module import RouterOutput, support_of


class RoutingLoss(nn.Module):
    r"""Likelihood of the outcomes, order of the utilities, size of the correction.

    .. math:: L = L_\mathrm{likelihood} + \alpha L_\mathrm{pair} + \beta L_\mathrm{list}
              + \gamma \, \mathrm{mean}(\delta^2)

    Every term is a weighted mean over observed cells. Members of an ensemble are
    summed, so that each learns as if it were alone.

    Parameters
    ----------
    pairwise_weight, listwise_weight, correction_penalty : float
        :math:`\alpha, \beta, \gamma \ge 0`.
    cost_weight : float
        Price of one unit of cost in the utilities.
    temperature : float
        Of the listwise target, in units of utility.
    """

    def __init__(
        self,
        pairwise_weight: float = 0.0,
        listwise_weight: float = 0.0,
        correction_penalty: float = 0.05,
        cost_weight: float = 0.0,
        temperature: float = 0.05,
    ):
        super().__init__()
        self.pairwise_weight = pairwise_weight
        self.listwise_weight = listwise_weight
        self.correction_penalty = correction_penalty
        self.cost_weight = cost_weight
        self.temperature = temperature

    def forward(self, output: RouterOutput, y: Tensor) -> Tensor:
        """Return the loss of one batch.

        Parameters
        ----------
        output : RouterOutput
            Of the ensemble, with a leading axis of members (E, B, K, ...).
        y : Tensor of shape (B, K, 2 + E)
            Quality, 0 where missing; cost, 0 where unknown; and the weight of the
            cell for each member, 0 where it is missing or held out.
        """
        quality, cost, weight = y[..., 0], y[..., 1], y[..., 2:].movedim(-1, 0)
        loss = likelihood(output.log_prob, quality, weight)
        if self.pairwise_weight or self.listwise_weight:
            price = self.cost_weight * cost
            mean = output.log_prob.exp() @ support_of(output.log_prob)
            utility = mean - price
            target = quality - price
            loss = loss + self.pairwise_weight * pairwise(utility, target, weight)
            loss = loss + self.listwise_weight * listwise(
                utility, target, weight, self.temperature
            )
        size = _member_means(output.correction.square(), weight).sum()
        return loss + self.correction_penalty * size


def likelihood(log_prob: Tensor, quality: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy to quality spread over its two neighbours in the support.

    Linear spreading keeps the mean of the target equal to the quality; with the two
    points 0 and 1 it is the Bernoulli likelihood of a soft outcome.
    """
    last = log_prob.shape[-1] - 1
    place = quality * last
    lower = place.floor().clamp(max=last - 1).long()
    upper_share = place - lower
    index = lower.expand(log_prob.shape[:-1])[..., None]
    below = log_prob.gather(-1, index).squeeze(-1)
    above = log_prob.gather(-1, index + 1).squeeze(-1)
    cross_entropy = -(1 - upper_share) * below - upper_share * above
    return _member_means(cross_entropy, weight).sum()


def pairwise(utility: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Logistic loss on the order of every two models whose targets differ."""
    gap = utility[..., :, None] - utility[..., None, :]
    better = target[..., :, None] - target[..., None, :]
    both = weight[..., :, None] * (weight[..., None, :] > 0) * (better > 0)
    return _member_means(F.softplus(-gap / 0.1), both).sum()


def listwise(
    utility: Tensor, target: Tensor, weight: Tensor, temperature: float
) -> Tensor:
    """Cross-entropy between the softmax of true and of predicted utilities."""
    seen = weight > 0
    rows = weight.amax(-1)
    # A query without observed cells has no order; its weight is 0, its row is finite.
    seen = seen | ~seen.any(-1, keepdim=True)
    goal = (target / temperature).masked_fill(~seen, -torch.inf).softmax(-1)
    log_share = (utility / temperature).masked_fill(~seen, -torch.inf).log_softmax(-1)
    terms = (goal * log_share.masked_fill(~seen, 0.0)).sum(-1)
    return -_member_means(terms, rows).sum()


def _member_means(values: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of everything but the leading axis: one value per member."""
    values, weight = values.flatten(1), weight.flatten(1)
    return (values * weight).sum(1) / weight.sum(1).clamp_min(1e-12)
