"""The parts of the network, each by itself and together."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklroute.latent._module import (
    Attention,
    CapabilityTokens,
    CapsuleCorrection,
    DistributionHead,
    LatentCommunication,
    LatentRouterModule,
    MemberLinear,
    RoutingCapsules,
    masked_softmax,
)

SIZES = {
    "block_dims": (5, 3),
    "n_members": 2,
    "hidden_dim": 8,
    "n_capsules": 3,
    "token_dim": 4,
    "n_heads": 2,
    "n_layers": 2,
    "interactions": True,
    "feedback": True,
    "correction_bound": 0.05,
    "dropout": 0.3,
}


def randn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def make_module(seed=0, n_models=4, n_support=2, **sizes):
    """Return a network with all weights random, the zero-started ones too."""
    torch.manual_seed(seed)
    module = LatentRouterModule(
        profile=randn(n_models, 6),
        prior=randn(n_models, n_support).log_softmax(-1),
        **{**SIZES, **sizes},
    )
    for weight in module.parameters():
        weight.data += 0.3 * torch.randn_like(weight)
    return module.double().eval()


def make_batch(n_queries=7, n_models=4):
    return {
        "x": randn(n_queries, 8, seed=1),
        "present": torch.ones(n_queries, 2, dtype=bool),
        "available": torch.ones(n_queries, n_models, dtype=bool),
    }


def permuted(module, order):
    """Put everything that the module knows of its models in another order."""
    learned = module.tokens.learned_weight
    learned.data = learned.data[:, order]
    module.profile = module.profile[order]
    module.prior = module.prior[order]
    return module


@pytest.mark.parametrize(
    ("interactions", "n_layers", "feedback", "bound", "n_support"),
    list(itertools.product([True, False], [0, 1], [True, False], [0.0, 0.05], [2, 11])),
)
def test_every_combination_of_parts_predicts_distributions(
    interactions, n_layers, feedback, bound, n_support
):
    module = make_module(
        interactions=interactions,
        n_layers=n_layers,
        feedback=feedback,
        correction_bound=bound,
        n_support=n_support,
    )
    output = module(**make_batch())
    assert output.log_prob.shape == (2, 7, 4, n_support)
    torch.testing.assert_close(
        output.log_prob.exp().sum(-1), torch.ones(2, 7, 4).double(), rtol=0, atol=2e-5
    )
    assert output.correction.abs().max() <= bound


@given(order=st.permutations(range(4)))
def test_permuting_models_permutes_outputs(order):
    batch = make_batch()
    batch["available"][:, 2] = torch.arange(7) % 2 == 0
    expected = make_module()(**batch).log_prob[:, :, order]
    batch["available"] = batch["available"][:, order]
    found = permuted(make_module(), order)(**batch).log_prob
    torch.testing.assert_close(found, expected)


@given(
    masked=st.sets(st.integers(0, 3), min_size=1, max_size=3), seed=st.integers(0, 9)
)
def test_masked_models_influence_no_other(masked, seed):
    batch = make_batch()
    masked = sorted(masked)
    batch["available"][:, masked] = False
    others = [k for k in range(4) if k not in masked]
    module = make_module()
    expected = module(**batch).log_prob[:, :, others]
    module.profile[masked] += 9 * randn(len(masked), 6, seed=seed)
    assert torch.equal(module(**batch).log_prob[:, :, others], expected)


def test_available_models_do_influence_each_other():
    batch = make_batch()
    module = make_module()
    before = module(**batch).log_prob[:, :, :3]
    module.profile[3] *= -1
    assert (module(**batch).log_prob[:, :, :3] - before).abs().max() > 1e-4


def test_adding_a_masked_model_changes_nothing():
    batch = make_batch()
    module = make_module()
    expected = module(**batch).log_prob
    module.profile = torch.cat([module.profile, randn(2, 6, seed=5)])
    module.prior = torch.cat([module.prior, randn(2, 2, seed=6).log_softmax(-1)])
    unavailable = torch.zeros(7, 2, dtype=bool)
    batch["available"] = torch.cat([batch["available"], unavailable], dim=1)
    torch.testing.assert_close(module(**batch).log_prob[:, :, :4], expected)


def test_a_missing_block_influences_nothing():
    batch = make_batch()
    batch["present"][:, 1] = False
    module = make_module()
    expected = module(**batch).log_prob
    batch["x"][:, 5:] = 7.0
    torch.testing.assert_close(module(**batch).log_prob, expected)


def test_capsules_read_products_only_with_interactions():
    plain = RoutingCapsules(2, (5, 3), 8, 3, 4, interactions=False, dropout=0.0)
    paired = RoutingCapsules(2, (5, 3), 8, 3, 4, interactions=True, dropout=0.0)
    assert plain.value_weight.shape[1] == 2  # one token per block
    assert paired.value_weight.shape[1] == 3  # and their product


def test_three_blocks_interact_in_every_pair():
    capsules = RoutingCapsules(1, (2, 2, 2), 8, 3, 4, interactions=True, dropout=0.0)
    assert capsules.value_weight.shape[1] == 3 + 3
    P = capsules(torch.randn(1, 5, 6), torch.ones(1, 5, 3, dtype=bool))
    assert P.shape == (1, 5, 3, 4)


def test_tokens_of_new_models_have_no_learned_part():
    tokens = CapabilityTokens(5, 2, 6, 3, 4, dropout=0.0)
    profile = torch.randn(1, 6).expand(3, -1)  # two known models and a new one
    m = tokens(profile).detach()
    assert m.shape == (5, 3, 3, 4)
    learned = tokens.learned_weight.detach().unflatten(-1, (3, 4))
    torch.testing.assert_close(m[:, :2] - m[:, 2:], learned)


def test_untrained_head_predicts_the_prior_where_affinity_is_zero():
    head = DistributionHead(1, 3, 4, 2)
    prior = torch.tensor([[0.3, 0.7], [0.9, 0.1]]).log()
    P, m, t = torch.zeros(1, 5, 3, 4), torch.randn(1, 2, 3, 4), torch.randn(1, 5, 2, 4)
    torch.testing.assert_close(head(P, m, t, prior), prior.expand(1, 5, -1, -1))


def test_affinity_tilts_a_binned_distribution_upwards():
    head = DistributionHead(1, 1, 1, 11)
    prior = torch.full((1, 11), 1 / 11).log()
    support = torch.linspace(0, 1, 11)
    one = torch.ones(1, 1, 1, 1)
    means = [
        (head(P * one, one, None, prior).exp() @ support).item() for P in (-2, 0, 2)
    ]
    assert means[0] < means[1] < means[2]
    assert means[1] == pytest.approx(0.5)


@pytest.mark.parametrize("n_support", [2, 11])
def test_correction_moves_the_mean_by_exactly_its_shift(n_support):
    torch.manual_seed(0)
    correct = CapsuleCorrection(1, 4, bound=0.3)
    log_prob = torch.randn(1, 50, 3, n_support).log_softmax(-1)
    support = torch.linspace(0, 1, n_support)
    before = log_prob.exp() @ support
    output = correct(log_prob, torch.randn(1, 50, 3, 4), torch.randn(1, 50, 2, 4))
    after = output.log_prob.exp() @ support
    torch.testing.assert_close(
        after, (before + output.correction).clamp(0, 1), rtol=0, atol=2e-5
    )
    assert 0 < output.correction.abs().max() <= 0.3


def test_masked_softmax_is_exactly_zero_where_masked():
    scores = torch.tensor([[1.0, 2.0, 400.0]])
    weight = masked_softmax(scores, torch.tensor([[True, True, False]]))
    assert weight[0, 2] == 0
    torch.testing.assert_close(weight[0, :2], scores[0, :2].softmax(-1))


def test_attention_reads_only_what_the_mask_allows():
    attention = Attention(1, 4, 2)
    of = torch.randn(1, 1, 3, 4)
    mask = torch.tensor([[[[True, False, False]]]])
    read = attention(torch.randn(1, 1, 2, 4), of, mask)
    alone = attention(torch.randn(1, 1, 2, 4), of[:, :, :1])
    torch.testing.assert_close(read, alone)


def test_without_feedback_capsules_hear_nothing():
    P = torch.randn(1, 5, 3, 4)
    available = torch.ones(1, 5, 2, dtype=bool)
    m = torch.randn(1, 2, 3, 4)
    silent = LatentCommunication(1, 3, 4, 2, 2, feedback=False, dropout=0.0)
    speaking = LatentCommunication(1, 3, 4, 2, 2, feedback=True, dropout=0.0)
    scaled = torch.nn.functional.layer_norm(P, (4,))
    torch.testing.assert_close(silent(m, P, available)[1], scaled)
    assert (speaking(m, P, available)[1] - scaled).abs().max() > 1e-3


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e6, 1e15])
def test_outputs_are_finite_for_every_finite_input(scale):
    batch = make_batch()
    batch["x"] *= scale
    module = make_module().float()
    batch = {
        name: value.float() if value.is_floating_point() else value
        for name, value in batch.items()
    }
    output = module(**batch)
    assert torch.isfinite(output.log_prob).all()
    assert torch.isfinite(output.correction).all()


def member_of(module, index):
    """Return the network of one member alone."""
    alone = make_module(n_members=1)
    for own, shared in zip(alone.parameters(), module.parameters(), strict=True):
        own.data = shared.data[index : index + 1]
    return alone


def test_members_in_one_pass_equal_members_alone():
    module, batch = make_module(n_members=3), make_batch()
    together = module(**batch).log_prob
    for index in range(3):
        alone = member_of(module, index)(**batch).log_prob
        torch.testing.assert_close(together[index], alone[0])


def test_members_may_read_rows_of_their_own():
    module, batch = make_module(), make_batch()
    shared = module(**batch).log_prob
    first, second = torch.arange(4), torch.arange(3, 7)
    own = {
        name: torch.stack([value[first], value[second]])
        for name, value in batch.items()
    }
    found = module(**own).log_prob
    torch.testing.assert_close(found[0], shared[0, first])
    torch.testing.assert_close(found[1], shared[1, second])


def test_members_differ_and_learn_independently():
    module = make_module()
    output = module(**make_batch())
    assert (output.log_prob[0] - output.log_prob[1]).abs().max() > 1e-4
    output.log_prob[0].square().sum().backward()
    for name, weight in module.named_parameters():
        assert weight.grad is None or weight.grad[1].abs().max() == 0, name


def test_member_linear_is_a_linear_layer_for_each_member():
    layer = MemberLinear(3, 4, 2)
    x = torch.randn(3, 5, 6, 4)
    for index in range(3):
        expected = x[index] @ layer.weight[index] + layer.bias[index]
        torch.testing.assert_close(layer(x)[index], expected)
