"""The parts of the network, each by itself and together."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklroute.latent._ensemble import Ensemble
from sklroute.latent._module import (
    Attention,
    CapabilityTokens,
    CapsuleCorrection,
    DistributionHead,
    LatentCommunication,
    LatentRouterModule,
    RoutingCapsules,
    masked_softmax,
)

SIZES = {
    "block_dims": (5, 3),
    "n_models": 4,
    "n_profile": 6,
    "n_support": 2,
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


def make_module(seed=0, **sizes):
    """Return a network with all weights random, the zero-started ones too."""
    torch.manual_seed(seed)
    module = LatentRouterModule(**{**SIZES, **sizes}).double().eval()
    for weight in module.parameters():
        weight.data += 0.3 * torch.randn_like(weight)
    return module


def make_batch(n_queries=7, n_models=4, n_support=2, seed=1):
    rng = torch.Generator().manual_seed(seed)

    def randn(*shape):
        return torch.randn(*shape, generator=rng, dtype=torch.float64)

    return {
        "x": randn(n_queries, 8),
        "present": torch.ones(n_queries, 2, dtype=bool),
        "available": torch.ones(n_queries, n_models, dtype=bool),
        "profile": randn(n_models, 6),
        "prior": randn(n_models, n_support).log_softmax(-1),
    }


def permuted(module, order):
    """Return the module with the learned parts of its models in another order."""
    tokens = module.tokens
    tokens.learned_weight.data = tokens.learned_weight.data[order]
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
    output = module(**make_batch(n_support=n_support))
    assert output.log_prob.shape == (7, 4, n_support)
    torch.testing.assert_close(
        output.log_prob.exp().sum(-1), torch.ones(7, 4).double(), rtol=0, atol=2e-5
    )
    assert output.correction.abs().max() <= bound


@given(order=st.permutations(range(4)))
def test_permuting_models_permutes_outputs(order):
    batch = make_batch()
    batch["available"][:, 2] = torch.arange(7) % 2 == 0
    expected = make_module()(**batch).log_prob[:, order]
    shuffled = {
        **batch,
        "available": batch["available"][:, order],
        "profile": batch["profile"][order],
        "prior": batch["prior"][order],
    }
    found = permuted(make_module(), order)(**shuffled).log_prob
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
    expected = module(**batch).log_prob[:, others]
    noise = torch.Generator().manual_seed(seed)
    batch["profile"][masked] += 9 * torch.randn(
        len(masked), 6, generator=noise, dtype=torch.float64
    )
    assert torch.equal(module(**batch).log_prob[:, others], expected)


def test_available_models_do_influence_each_other():
    batch = make_batch()
    module = make_module()
    before = module(**batch).log_prob[:, :3]
    batch["profile"][3] *= -1
    assert (module(**batch).log_prob[:, :3] - before).abs().max() > 1e-4


def test_adding_a_masked_model_changes_nothing():
    batch = make_batch()
    module = make_module()
    expected = module(**batch).log_prob
    more = make_batch(n_models=6, seed=2)
    grown = {
        **batch,
        "available": torch.cat([batch["available"], torch.zeros(7, 2).bool()], dim=1),
        "profile": torch.cat([batch["profile"], more["profile"][4:]]),
        "prior": torch.cat([batch["prior"], more["prior"][4:]]),
    }
    torch.testing.assert_close(module(**grown).log_prob[:, :4], expected)


def test_a_missing_block_influences_nothing():
    batch = make_batch()
    batch["present"][:, 1] = False
    module = make_module()
    expected = module(**batch).log_prob
    batch["x"][:, 5:] = 7.0
    torch.testing.assert_close(module(**batch).log_prob, expected)


def test_capsules_read_products_only_with_interactions():
    plain = RoutingCapsules((5, 3), 8, 3, 4, interactions=False, dropout=0.0)
    paired = RoutingCapsules((5, 3), 8, 3, 4, interactions=True, dropout=0.0)
    assert len(plain.value_weight) == 2  # one token per block
    assert len(paired.value_weight) == 4  # and a product and a difference


def test_three_blocks_interact_in_every_pair():
    capsules = RoutingCapsules((2, 2, 2), 8, 3, 4, interactions=True, dropout=0.0)
    assert len(capsules.value_weight) == 3 + 2 * 3
    P = capsules(torch.randn(5, 6), torch.ones(5, 3, dtype=bool))
    assert P.shape == (5, 3, 4)


def test_tokens_of_new_models_have_no_learned_part():
    tokens = CapabilityTokens(2, 6, 3, 4, dropout=0.0)
    profile = torch.randn(1, 6).expand(3, -1)
    m = tokens(profile).detach()
    assert m.shape == (3, 3, 4)
    learned = tokens.learned_weight.detach().unflatten(-1, (3, 4))
    torch.testing.assert_close(m[:2] - m[2], learned)


def test_untrained_head_predicts_the_prior_where_affinity_is_zero():
    head = DistributionHead(3, 4, 2)
    prior = torch.tensor([[0.3, 0.7], [0.9, 0.1]]).log()
    P, m, t = torch.zeros(5, 3, 4), torch.randn(2, 3, 4), torch.randn(5, 2, 4)
    torch.testing.assert_close(head(P, m, t, prior), prior.expand(5, -1, -1))


def test_affinity_tilts_a_binned_distribution_upwards():
    head = DistributionHead(1, 1, 11)
    prior = torch.full((1, 11), 1 / 11).log()
    support = torch.linspace(0, 1, 11)
    m = torch.ones(1, 1, 1)
    means = [
        head(P * torch.ones(1, 1, 1), m, None, prior).exp() @ support
        for P in (-2, 0, 2)
    ]
    assert means[0] < means[1] < means[2]
    torch.testing.assert_close(means[1], torch.tensor([[0.5]]))


@pytest.mark.parametrize("n_support", [2, 11])
def test_correction_moves_the_mean_by_exactly_its_shift(n_support):
    torch.manual_seed(0)
    correct = CapsuleCorrection(4, bound=0.3)
    log_prob = torch.randn(50, 3, n_support).log_softmax(-1)
    support = torch.linspace(0, 1, n_support)
    before = log_prob.exp() @ support
    output = correct(log_prob, torch.randn(50, 3, 4), torch.randn(50, 2, 4))
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
    attention = Attention(4, 2)
    of = torch.randn(1, 3, 4)
    mask = torch.tensor([[[True, False, False]]])
    read = attention(torch.randn(1, 2, 4), of, mask)
    alone = attention(torch.randn(1, 2, 4), of[:, :1])
    torch.testing.assert_close(read, alone)


def test_without_feedback_capsules_hear_nothing():
    P = torch.randn(5, 3, 4)
    available = torch.ones(5, 2, dtype=bool)
    m = torch.randn(2, 3, 4)
    silent = LatentCommunication(3, 4, 2, 2, feedback=False, dropout=0.0)
    speaking = LatentCommunication(3, 4, 2, 2, feedback=True, dropout=0.0)
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


def make_ensemble(n_members=3):
    torch.manual_seed(0)
    batch = make_batch()
    shared = {name: batch.pop(name).float() for name in ("profile", "prior")}
    batch["x"] = batch["x"].float()
    return Ensemble(LatentRouterModule, n_members, shared, **SIZES), batch


def test_members_in_one_pass_equal_members_run_alone():
    ensemble, batch = make_ensemble()
    together = ensemble.eval()(**batch).log_prob
    for member in range(3):
        alone = ensemble.run_member(member, **batch).log_prob
        torch.testing.assert_close(together[member], alone)


def test_members_differ_and_learn_independently():
    ensemble, batch = make_ensemble()
    ensemble.train()
    output = ensemble(**batch)
    assert (output.log_prob[0] - output.log_prob[1]).abs().max() > 1e-4
    output.log_prob[0].sum().backward()
    for name, weight in ensemble.weights.items():
        if weight.grad is not None:
            assert weight.grad[1:].abs().max() == 0, name


def test_ensemble_holds_no_hidden_parameters():
    ensemble, _ = make_ensemble()
    n_of_one = sum(w.numel() for w in LatentRouterModule(**SIZES).parameters())
    assert sum(w.numel() for w in ensemble.parameters()) == 3 * n_of_one
    assert np.isfinite(n_of_one)
