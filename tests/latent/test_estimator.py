"""The latent router as its users see it."""

import pickle
from copy import deepcopy
from threading import Thread
from typing import ClassVar
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from scipy import special
from sklearn.base import clone
from sklearn.datasets import make_blobs
from skorch.callbacks import Callback

from sklroute import KNNRouter, LatentRouterClassifier, Outcomes
from sklroute.datasets import make_routing
from sklroute.latent import LatentRouterModule
from sklroute.latent._net import RoutingDataset
from sklroute.latent._training import (
    HeldOutScores,
    assign_folds,
    held_out_predictions,
    hold_out,
    seeded,
)
from sklroute.persistence import FormatError
from sklroute.policies import UCB, CheapestAbove, MaxUtility, RiskAverse

SMALL = {
    "n_members": 2,
    "hidden_dim": 32,
    "n_capsules": 4,
    "token_dim": 8,
    "n_heads": 2,
    "learning_rate": 0.02,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def table():
    return make_routing(
        1200, n_models=4, n_features=(8, 8), missing=0.2, random_state=0
    )


@pytest.fixture(scope="module")
def router(table):
    router = LatentRouterClassifier(modalities=table.modalities, **SMALL)
    return router.fit(table.X[:900], table.y[:900])


def test_it_closes_part_of_the_gap_to_the_bayes_router(table, router):
    truth = table.quality[900:]
    choice = router.predict_quality(table.X[900:]).argmax(axis=1)
    best_single = truth[:, np.argmax(router.mean_quality_)].mean()
    reached = truth[np.arange(len(truth)), choice].mean()
    assert (reached - best_single) / (truth.max(axis=1).mean() - best_single) > 0.3


def test_no_signal_does_not_fall_far_below_the_best_single_model():
    table = make_routing(1500, n_models=4, signal=0.0, random_state=1)
    router = LatentRouterClassifier(**SMALL).fit(table.X[:1000], table.y[:1000])
    truth = table.quality[1000:]
    choice = router.predict_quality(table.X[1000:]).argmax(axis=1)
    loss = truth.mean(axis=0).max() - truth[np.arange(500), choice].mean()
    assert loss < 0.05


def test_distribution_agrees_with_expected_quality(table, router):
    X = table.X[900:950]
    distribution = router.predict_distribution(X)
    np.testing.assert_allclose(distribution.mean, router.predict_quality(X))
    assert (distribution.std > 0).all()


def test_soft_outcomes_get_a_binned_distribution(table):
    soft = Outcomes(np.nan_to_num(table.quality))
    router = LatentRouterClassifier(max_epochs=2, **SMALL).fit(table.X, soft)
    assert len(router.predict_distribution(table.X[:1]).support) == 11
    hard = LatentRouterClassifier(max_epochs=2, **SMALL).fit(table.X, table.y)
    assert len(hard.predict_distribution(table.X[:1]).support) == 2


def test_masked_models_have_probability_zero_and_are_never_chosen(table, router):
    rng = np.random.default_rng(0)
    available = rng.random((300, 4)) < 0.5
    available[np.arange(300), rng.integers(4, size=300)] = True
    X = table.X[900:]
    proba = router.predict_proba(X, available=available)
    assert (proba[~available] == 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    chosen = np.searchsorted(router.classes_, router.predict(X, available=available))
    assert available[np.arange(300), chosen].all()


def test_exploring_without_width_is_greedy_among_those_that_are_there(table):
    """Models that are masked are silent for every policy."""
    params = {**SMALL, "communication": True, "correction_bound": 0.05}
    router = LatentRouterClassifier(max_epochs=3, early_stopping=False, **params)
    router.fit(table.X[:300], table.y[:300])
    given = {"available": [True, False, True, True]}
    greedy = router.predict_utility(table.X[900:], policy=MaxUtility(), **given)
    found = router.predict_utility(table.X[900:], policy=UCB(width=0.0), **given)
    np.testing.assert_array_equal(found, greedy)


def test_a_removed_model_takes_no_part_in_the_communication(table):
    """Whatever is asked of the router, and a refit starts with all of them."""
    params = {**SMALL, "communication": True, "max_epochs": 3}
    router = LatentRouterClassifier(early_stopping=False, **params)
    router.fit(table.X[:300], table.y[:300])
    X, known = table.X[900:], router.classes_
    masked = router.predict_utility(X, available=known != known[1])
    before = router.predict_quality(X)
    router.remove_model(known[1])
    quality = router.predict_quality(X)
    np.testing.assert_array_equal(quality, np.delete(masked, 1, axis=1))
    np.testing.assert_allclose(router.predict_distribution(X).mean, quality, atol=1e-6)
    assert abs(quality - np.delete(before, 1, axis=1)).max() > 1e-4
    router.fit(table.X[:300], table.y[:300])
    np.testing.assert_array_equal(router.predict_quality(X), before)


@pytest.mark.parametrize("folded", [True, False])
def test_chunks_do_not_change_predictions(table, router, monkeypatch, folded):
    if not folded:
        monkeypatch.setattr(router, "_folded", None)
    whole = router.predict_quality(table.X[900:])
    size = "serving._parts.CHUNK" if folded else "latent._estimator.BATCH"
    monkeypatch.setattr(f"sklroute.{size}", 7)
    np.testing.assert_allclose(
        router.predict_quality(table.X[900:]), whole, rtol=0, atol=1e-5
    )


def test_one_thread_or_many_give_the_same_choices(table, router):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = router.predict(table.X[900:])
        torch.set_num_threads(4)
        np.testing.assert_array_equal(router.predict(table.X[900:]), one)
    finally:
        torch.set_num_threads(threads)


def test_same_seed_same_router_and_torch_generator_is_left_alone(table):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    first, second = (
        LatentRouterClassifier(max_epochs=2, **SMALL)
        .fit(table.X, table.y)
        .predict_quality(table.X[:20])
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    assert torch.rand(1) == expected


def test_generators_of_other_devices_are_left_alone(table, monkeypatch):
    def refuse(seed):
        pytest.fail("an accelerator was seeded")

    monkeypatch.setattr(torch.cuda, "manual_seed_all", refuse)
    router = LatentRouterClassifier(max_epochs=1, **SMALL).fit(table.X, table.y)
    pickle.loads(pickle.dumps(router))


def test_pickle_and_clone(table, router):
    again = pickle.loads(pickle.dumps(router))
    np.testing.assert_array_equal(
        again.predict_quality(table.X[:50]), router.predict_quality(table.X[:50])
    )
    assert clone(router).get_params().keys() == router.get_params().keys()


def test_a_pickled_router_holds_no_training_data(table, router):
    n_weights = sum(w.numel() for w in router.net_.module_.parameters())
    # Weights and two moments of the optimiser, 4 bytes each, landmarks (of the kernel
    # and of the pool, which also has their whitening), and some change.
    landmarks = 4 * (256 + 64) * table.X.shape[1] + 8 * 64**2
    assert len(pickle.dumps(router)) < 4 * 3 * n_weights + landmarks + 100_000


class Noting(Callback):
    """Keeps the weights of each epoch."""

    epochs: ClassVar[list[dict[str, torch.Tensor]]] = []

    def on_epoch_end(self, net, **kwargs):
        self.epochs.append(deepcopy(net.module_.state_dict()))


def test_training_stops_and_returns_to_the_best_epoch(table):
    Noting.epochs.clear()
    router = LatentRouterClassifier(
        max_epochs=60, patience=3, net_params={"callbacks": [Noting()]}, **SMALL
    ).fit(table.X, table.y)
    brier = router.net_.history[:, "valid_brier"]
    assert len(brier) < 60
    best = int(np.argmin(brier))
    assert len(brier) - 1 - best == 3
    for name, weight in router.net_.module_.state_dict().items():
        assert torch.equal(weight, Noting.epochs[best][name])


def test_a_router_can_be_copied_while_another_trains(router):
    def copy():
        with seeded(0, "cpu"):  # as in a callback
            deepcopy(router)

    thread = Thread(target=copy, daemon=True)
    thread.start()
    thread.join(timeout=60)
    assert not thread.is_alive()


def test_queries_of_one_group_are_held_out_together():
    groups = np.repeat(np.arange(40), 5)
    fold = assign_folds(200, groups, 8, np.random.RandomState(0))
    assert all(len(set(fold[groups == g])) == 1 for g in range(40))
    assert set(fold) == set(range(8))


@pytest.mark.parametrize(("n_groups", "held_out"), [(49, False), (50, True)])
def test_few_groups_hold_none_out(n_groups, held_out):
    groups = np.repeat(np.arange(n_groups), 3)
    fold = hold_out(3 * n_groups, groups, 2, 0.2, np.random.RandomState(0))
    assert (fold is not None) == held_out
    assert not held_out or (fold.bincount() == 30).all()


class Echo:
    """Predicts what stands in the features, a tenth of it for the second member."""

    n_members = 2

    def eval(self):
        pass

    def __call__(self, x):
        right = x * torch.tensor([1.0, 0.1])[:, None, None]
        return Mock(log_prob=torch.stack([1 - right, right], dim=-1).log())


def test_held_out_rows_are_predicted_by_the_member_that_has_not_seen_them():
    x = torch.rand(6000, 3)
    fold = torch.tensor([0, 1, 0, 2]).repeat(1500)
    dataset = RoutingDataset({"x": x}, torch.zeros(6000, 3, 4))
    rows, log_prob = held_out_predictions(Echo(), dataset, fold)
    assert torch.equal(rows.sort().values, (fold < 2).nonzero().squeeze(1))
    expected = x[rows] * torch.where(fold[rows] == 0, 1.0, 0.1)[:, None]
    torch.testing.assert_close(log_prob.exp()[..., 1], expected)


def test_held_out_scores_by_hand():
    x = torch.tensor([[0.9, 0.5], [0.5, 0.5], [0.2, 0.6]])
    quality = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    cost = torch.tensor([[1.0, 0.0], [3.0, 0.0], [2.0, 0.0]])
    weight = torch.tensor([[4.0, 4.0], [0.0, 1.0], [1.0, 1.0]])
    y = torch.stack([quality, cost, weight, weight], dim=-1)
    net = Mock(module_=Echo())
    scores = HeldOutScores(RoutingDataset({"x": x}, y), torch.zeros(3), 0.1)
    scores.on_epoch_end(net)
    found = dict(call.args for call in net.history.record.call_args_list)
    brier = 4 * (0.01 + 0.25) + 0.25 + 0.04 + 0.16
    assert found["valid_brier"] == pytest.approx(brier / 11)
    # The first query goes to the model of mean cost 2 nevertheless, at a cost of 1.
    assert found["valid_utility"] == pytest.approx((4 * 0.9 + 1 + 1) / 6)


@pytest.mark.parametrize("monitor", ["brier", "utility"])
def test_either_held_out_score_can_stop_training(table, monitor):
    router = LatentRouterClassifier(max_epochs=3, monitor=monitor, **SMALL)
    router.fit(table.X, table.y)
    assert {"valid_brier", "valid_utility"} <= router.net_.history[0].keys()


@pytest.mark.parametrize(
    "switch",
    [
        {"communication": False},
        {"feedback": False},
        {"interactions": False},
        {"correction_bound": 0.0},
        {"distribution": "binned"},
        {"early_stopping": False},
        {"n_members": 1},
        {"mask_rate": 0.0},
        {"listwise_weight": 0.5, "pairwise_weight": 0.5},
        {"n_layers": 2},
    ],
)
def test_every_part_can_be_switched(table, switch):
    params = {**SMALL, "max_epochs": 2, "modalities": table.modalities, **switch}
    quality = (
        LatentRouterClassifier(**params)
        .fit(table.X, table.y)
        .predict_quality(table.X[:30])
    )
    assert np.isfinite(quality).all()
    assert quality.std() > 0


@pytest.mark.parametrize("n_epochs", [1, 2, 4])
def test_the_schedule_may_be_short(table, n_epochs):
    params = {**SMALL, "max_epochs": n_epochs, "batch_size": 2048}
    router = LatentRouterClassifier(**params).fit(table.X, table.y)
    assert np.isfinite(router.predict_quality(table.X[:5])).all()


def test_policies_apply_at_predict_time(table, router):
    X = table.X[900:]
    dear = router.predict_cost(X).argmax(axis=1)[0]
    share = [
        (router.predict(X, policy=policy) == router.classes_[dear]).mean()
        for policy in (MaxUtility(), MaxUtility(10.0))
    ]
    assert share[1] <= share[0]
    assert set(router.predict(X, policy=CheapestAbove(0.0))) == {
        router.classes_[np.argmin(router.mean_cost_)]
    }
    assert len(router.predict(X, policy=RiskAverse(1.0))) == len(X)


def test_partial_fit_learns_from_a_stream():
    X, labels = make_blobs(900, centers=3, random_state=0)
    router = LatentRouterClassifier(batch_size=16, **SMALL)
    scores = []
    for rows in np.array_split(np.arange(600), 10):
        router.partial_fit(X[rows], labels[rows], classes=[0, 1, 2])
        scores.append(router.score(X[600:], labels[600:]))
    assert scores[-1] > 0.85
    assert scores[-1] >= scores[0]


@pytest.mark.parametrize("scale", [0.0, 1e-20, 1e8])
def test_predictions_are_finite_whatever_the_scale(scale):
    rng = np.random.default_rng(0)
    X = scale * rng.normal(size=(80, 5))
    y = Outcomes((rng.random((80, 3)) < 0.5).astype(float))
    router = LatentRouterClassifier(max_epochs=3, **SMALL).fit(X, y)
    for queries in (X, X + 1e12, -1e30 * np.ones((2, 5))):
        assert np.isfinite(router.predict_quality(queries)).all()


def test_a_pool_of_one_model_and_a_table_of_few_queries():
    X = np.arange(8.0).reshape(4, 2)
    one = Outcomes([[1.0], [0.0], [1.0], [1.0]], models=["only"])
    router = LatentRouterClassifier(max_epochs=2, **SMALL).fit(X, one)
    assert set(router.predict(X)) == {"only"}


def test_token_dim_must_fit_the_heads(table):
    router = LatentRouterClassifier(token_dim=10, n_heads=4)
    with pytest.raises(
        ValueError, match=r"token_dim=10 is not a multiple of n_heads=4"
    ):
        router.fit(table.X, table.y)


@pytest.mark.parametrize("verbose", [{}, {"verbose": 1}], ids=str)
def test_skorch_parameters_pass_through(table, capsys, verbose):
    params = {"optimizer__betas": (0.8, 0.9), **verbose}
    router = LatentRouterClassifier(max_epochs=1, net_params=params, **SMALL)
    router.fit(table.X, table.y)
    assert router.net_.optimizer_.param_groups[0]["betas"] == (0.8, 0.9)
    assert ("valid_brier" in capsys.readouterr().out) == bool(verbose)


@pytest.mark.parametrize(
    ("name", "parameter"), [("max_epochs", "max_epochs"), ("lr", "learning_rate")]
)
def test_what_the_router_sets_is_no_parameter_of_the_net(table, name, parameter):
    router = LatentRouterClassifier(net_params={name: 2}, **SMALL)
    with pytest.raises(ValueError, match=f"has '{name}': set '{parameter}' of the"):
        router.fit(table.X, table.y)


def test_a_network_of_another_kind_is_refused_before_it_is_trained(table):
    router = LatentRouterClassifier(net_params={"module": torch.nn.Linear}, **SMALL)
    with pytest.raises(ValueError, match=r"Linear, which is no subclass of .*Module"):
        router.fit(table.X, table.y)


def test_a_router_with_a_network_of_its_own_is_pickled_not_saved(table, tmp_path):
    params = {"module": type("Own", (LatentRouterModule,), {})}
    router = LatentRouterClassifier(max_epochs=1, net_params=params, **SMALL)
    router.fit(table.X, table.y)
    with pytest.raises(FormatError, match=r"\['module'\].*can be pickled"):
        router.save(tmp_path / "router")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_an_accelerator_gives_the_same_choices(table, router):
    moved = pickle.loads(pickle.dumps(router)).set_params(device="cuda")
    moved.net_.module_.to("cuda")
    X = table.X[900:]
    np.testing.assert_allclose(
        moved.predict_quality(X), router.predict_quality(X), atol=1e-4
    )
    fitted = LatentRouterClassifier(device="cuda", max_epochs=2, **SMALL)
    fitted.fit(table.X[:900], table.y[:900])
    assert np.isfinite(fitted.predict_quality(X)).all()


@pytest.mark.parametrize("prior", ["kernel", KNNRouter(9)])
def test_a_model_may_be_observed_on_a_single_query(table, prior):
    quality = table.y.quality[:80].copy()
    quality[1:, 3] = np.nan
    quality[0, 3] = 1.0
    # Of two folds, each is held out by a member.
    params = {"validation_fraction": 0.49, "max_epochs": 2, **SMALL}
    router = LatentRouterClassifier(prior=prior, **params).fit(table.X[:80], quality)
    assert np.isfinite(router.predict_quality(table.X)).all()
    assert np.isfinite(router.temperature_)


def test_weights_reach_the_profiles(table):
    X, y, weight = table.X[:200], table.y[:200], np.repeat([5.0, 1e-6], 100)
    router = LatentRouterClassifier(max_epochs=3, **SMALL)
    router.fit(X, y, sample_weight=weight)
    encoder = router.profile_encoder_
    assert encoder.pool_mean_ == pytest.approx(np.nanmean(y.quality[:100]), rel=1e-4)
    profile = router.net_.module_.profile.double().numpy()
    overall = special.expit((profile * encoder.scale_ + encoder.center_)[:, 0])
    shrunk = 24 / (24 + 5 * y.observed[:100].sum(axis=0))
    expected = router.mean_quality_ + shrunk * (
        encoder.pool_mean_ - router.mean_quality_
    )
    np.testing.assert_allclose(overall, expected, rtol=1e-4)


def test_the_temperature_knows_that_costs_of_a_query_are_not_known(table):
    y = table.y[:300]
    cost = np.random.default_rng(0).uniform(0, 100, size=y.quality.shape)
    router = LatentRouterClassifier(
        policy=MaxUtility(1.0), max_epochs=3, monitor="utility", **SMALL
    ).fit(table.X[:300], Outcomes(y.quality, cost, models=y.models))
    # Whose call is cheapest is luck, so that no model is clearly the best.
    assert router.temperature_ > 1
    history = router.net_.history
    assert max(history[:, "valid_utility"]) < -30
