"""Losses against values worked out by hand."""

import math

import pytest
import torch

from sklroute.latent._losses import RoutingLoss, likelihood, listwise, pairwise
from sklroute.latent._module import RouterOutput


def as_log_prob(p):
    """Return a Bernoulli log-probability (1, B, K, 2) from success rates (B, K)."""
    p = torch.tensor(p, dtype=torch.float64)
    return torch.stack([1 - p, p], dim=-1).log()[None]


def test_likelihood_of_binary_quality_is_the_bernoulli_one():
    log_prob = as_log_prob([[0.8, 0.3]])
    quality = torch.tensor([[1.0, 0.0]]).double()
    found = likelihood(log_prob, quality, torch.ones(1, 1, 2).double())
    assert found.item() == pytest.approx(-(math.log(0.8) + math.log(0.7)) / 2)


def test_soft_quality_counts_for_both_ends():
    log_prob = as_log_prob([[0.8]])
    found = likelihood(log_prob, torch.tensor([[0.25]]).double(), torch.ones(1, 1, 1))
    assert found.item() == pytest.approx(-(0.25 * math.log(0.8) + 0.75 * math.log(0.2)))


@pytest.mark.parametrize("quality", [0.0, 0.33, 0.5, 1.0])
def test_binned_target_has_the_mean_of_the_quality(quality):
    # Gradient of the loss in the log-probabilities is minus the target.
    log_prob = torch.zeros(1, 1, 1, 11, dtype=torch.float64, requires_grad=True)
    loss = likelihood(log_prob, torch.tensor([[quality]]).double(), torch.ones(1, 1, 1))
    loss.backward()
    target = -log_prob.grad.squeeze()
    support = torch.linspace(0, 1, 11, dtype=torch.float64)
    assert (target @ support).item() == pytest.approx(quality)
    assert (target > 0).sum() <= 2


@pytest.mark.parametrize("term", ["likelihood", "pairwise", "listwise"])
def test_cells_of_weight_zero_do_not_matter(term):
    torch.manual_seed(0)
    weight = torch.tensor([[[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]])
    losses = []
    for filler in (0.0, 1.0):
        log_prob = torch.randn(1, 2, 3, 2, generator=torch.manual_seed(1))
        log_prob[:, weight[0] == 0] += 5 * filler
        log_prob = log_prob.log_softmax(-1).requires_grad_()
        quality = torch.tensor([[0.2, 0.9, filler], [filler, filler, filler]])
        utility = log_prob.exp()[..., 1]
        if term == "likelihood":
            loss = likelihood(log_prob, quality, weight)
        elif term == "pairwise":
            loss = pairwise(utility, quality, weight)
        else:
            loss = listwise(utility, quality, weight, 0.05)
        loss.backward()
        assert torch.isfinite(log_prob.grad).all()
        assert (log_prob.grad[:, weight[0] == 0] == 0).all()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(losses[1])


def test_order_losses_fall_when_the_order_is_right():
    target = torch.tensor([[1.0, 0.0]])
    weight = torch.ones(1, 1, 2)
    right, wrong = torch.tensor([[[0.9, 0.1]]]), torch.tensor([[[0.1, 0.9]]])
    assert pairwise(right, target, weight) < pairwise(wrong, target, weight)
    assert listwise(right, target, weight, 0.05) < listwise(wrong, target, weight, 0.05)


def test_pairs_with_equal_targets_are_not_ordered():
    equal = torch.tensor([[0.5, 0.5]])
    assert pairwise(torch.tensor([[[0.9, 0.1]]]), equal, torch.ones(1, 1, 2)) == 0


def test_members_are_summed_and_held_out_cells_left_out():
    p = torch.tensor([[[0.8]], [[0.4]]])
    log_prob = torch.stack([1 - p, p], dim=-1).log()  # two members, one cell
    output = RouterOutput(log_prob, torch.zeros(2, 1, 1))
    y = torch.tensor([[[1.0, 0.0, 1.0, 0.0]]])  # quality, cost, weights of members
    loss = RoutingLoss()(output, y)
    assert loss.item() == pytest.approx(-math.log(0.8))


def test_cost_weight_turns_the_order_around():
    output = RouterOutput(as_log_prob([[0.6, 0.5]]).float(), torch.zeros(1, 1, 2))
    y = torch.tensor([[[1.0, 5.0, 1.0], [0.8, 0.0, 1.0]]])
    free = RoutingLoss(listwise_weight=1.0, cost_weight=0.0)(output, y)
    base = RoutingLoss(listwise_weight=0.0)(output, y)
    priced = RoutingLoss(listwise_weight=1.0, cost_weight=0.1)(output, y)
    # Unpriced, the first model is truly the best and is ranked first; priced too
    # (0.6 - 0.5 < 0.5), the dear one is last in truth and in prediction.
    assert free > base
    assert priced > base
    assert free != priced


def test_correction_is_penalised_by_its_square():
    output = RouterOutput(as_log_prob([[0.5]]).float(), torch.full((1, 1, 1), 0.2))
    y = torch.tensor([[[1.0, 0.0, 1.0]]])
    with_penalty = RoutingLoss(correction_penalty=1.0)(output, y)
    without = RoutingLoss(correction_penalty=0.0)(output, y)
    assert (with_penalty - without).item() == pytest.approx(0.04)


def test_corrections_of_members_are_summed_over_observed_cells():
    output = RouterOutput(
        as_log_prob([[0.5, 0.5]]).float().expand(2, 1, 2, 2),
        torch.tensor([[[0.2, 0.9]], [[0.1, 0.3]]]),
    )
    y = torch.tensor([[[1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 3.0]]])
    with_penalty = RoutingLoss(correction_penalty=1.0)(output, y)
    without = RoutingLoss(correction_penalty=0.0)(output, y)
    expected = 0.04 + (0.01 + 3 * 0.09) / 4
    assert (with_penalty - without).item() == pytest.approx(expected)
