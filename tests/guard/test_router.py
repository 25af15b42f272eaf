from copy import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklroute import (
    FixedRouter,
    GuardedRouter,
    LatentRouterClassifier,
    Outcomes,
    RandomRouter,
    RidgeRouter,
)
from sklroute.base import RouterMixin
from sklroute.datasets import make_routing
from sklroute.features import BlockScaler
from sklroute.guard._router import _units
from sklroute.model_selection import utility_scorer
from sklroute.pipeline import RouterPipeline
from sklroute.policies import (
    UCB,
    Budget,
    CheapestAbove,
    MaxUtility,
    RiskAverse,
    Thompson,
)

DATA = make_routing(3000, 4, n_features=(6, 6), random_state=0)
DEAR = DATA.y.models[DATA.quality.mean(axis=0).argmax()]


class Stubborn(RouterMixin, BaseEstimator):
    """Predicts what the features say: one column per model."""

    def __init__(self, *, policy=None):
        self.policy = policy

    def _fit(self, X, outcomes, sample_weight, groups):
        self.groups_ = groups

    def _predict_quality(self, X):
        return X


class Trembling(Stubborn):
    """Its last digit depends on how many queries it is asked for."""

    def _predict_quality(self, X):
        return np.where(X.min() < X, X - 1e-16 * (len(X) % 3), X)


def guarded(router=None, **params):
    router = RidgeRouter(alpha=100.0) if router is None else router
    return GuardedRouter(router, **{"random_state": 0, "epsilon": 0.02, **params})


def leaves(router, X, **keywords):
    return router.predict(X, **keywords) != router.baseline_


@pytest.fixture(scope="module")
def router():
    return guarded().fit(DATA.X, DATA.y)


def test_the_baseline_is_left_where_the_gain_reaches_the_threshold(router):
    router, inner = copy(router), router.router_
    predicted = inner.predict_quality(DATA.X)
    column = inner.classes_.tolist().index(router.baseline_)
    gain = predicted.max(axis=1) - predicted[:, column]
    router.threshold_ = np.sort(gain)[2500]  # one query reaches it and no more
    expected = np.where(
        gain >= router.threshold_, inner.predict(DATA.X), router.baseline_
    )
    np.testing.assert_array_equal(router.predict(DATA.X), expected)
    assert leaves(router, DATA.X).any()


@pytest.mark.parametrize("n_queries", [3001, 3003])
def test_rounding_sends_no_query_elsewhere_than_in_the_test(n_queries):
    # All gains are the same, but for their last digit; the proposed model is worse.
    X = np.tile([0.5, 0.8], (n_queries, 1))
    quality = np.tile([0.9, 0.85], (n_queries, 1))
    router = guarded(Trembling()).fit(X, Outcomes(quality, models=["a", "b"]))
    for n in (1, 2, 3):
        assert not leaves(router, X[:n]).any()


def test_probabilities_say_what_is_predicted(router):
    proba = router.predict_proba(DATA.X)
    np.testing.assert_array_equal(
        router.classes_[proba.argmax(axis=1)], router.predict(DATA.X)
    )


def test_a_perfect_router_is_let_go_and_a_liar_is_not():
    rng = np.random.default_rng(0)
    quality = np.column_stack([rng.random(2000) < 0.6, rng.random(2000) < 0.5]) * 1.0
    honest = guarded(Stubborn()).fit(quality, quality)
    assert honest.threshold_ == -np.inf
    assert honest.score(quality, quality) == quality.max(axis=1).mean()
    liar = guarded(Stubborn()).fit(1 - quality, quality)
    assert liar.threshold_ == np.inf
    assert not leaves(liar, 1 - quality).any()


def test_a_saving_is_taken_only_where_cost_has_a_price():
    free = guarded().fit(DATA.X, DATA.y)
    priced = guarded(policy=MaxUtility(0.05), epsilon=0.1).fit(DATA.X, DATA.y)
    cost = [
        DATA.y.cost[np.arange(3000), DATA.y.index(r.predict(DATA.X))].mean()
        for r in (free, priced)
    ]
    assert cost[1] < cost[0]


def test_a_tighter_promise_never_routes_more():
    router = guarded(policy=MaxUtility(0.02))
    shares = [
        leaves(router.set_params(epsilon=epsilon).fit(DATA.X, DATA.y), DATA.X).mean()
        for epsilon in (0.002, 0.02, 0.1)
    ]
    assert shares == sorted(shares)
    assert shares[0] == 0 < shares[-1]  # 0.002 would need two thousand queries


def test_the_best_single_model_of_the_fitted_part_or_a_named_one_is_the_baseline():
    assert guarded().fit(DATA.X, DATA.y).baseline_ == DEAR
    cheap = DATA.models[0]
    assert guarded(baseline=cheap).fit(DATA.X, DATA.y).baseline_ == cheap


def test_the_next_best_model_stands_in_for_a_baseline_that_is_down():
    blind = guarded(epsilon=0.001).fit(DATA.X[:400], DATA.y[:400])
    assert blind.threshold_ == np.inf
    up = blind.classes_ != blind.baseline_
    second = blind.classes_[blind._ranking[1]]
    assert set(blind.predict(DATA.X, available=up)) == {second}


def test_other_models_that_are_down_leave_the_baseline_where_it_was(router):
    up = np.isin(router.classes_, [router.baseline_, DATA.models[0]])
    assert set(router.predict(DATA.X, available=up)) <= set(router.classes_[up])


def test_calibration_queries_have_no_part_in_the_fit():
    rng = np.random.RandomState(0)
    router = guarded(random_state=rng).fit(DATA.X, DATA.y)
    fitted, held_out = guarded()._split(DATA.X, None, np.random.RandomState(0))
    alone = RidgeRouter(alpha=100.0).fit(DATA.X[fitted], DATA.y[fitted])
    np.testing.assert_array_equal(
        router.predict_quality(DATA.X), alone.predict_quality(DATA.X)
    )
    assert router.calibration_.n_queries == len(held_out) == 1500


def test_groups_stay_together_and_are_what_is_counted():
    groups = np.arange(3000) // 3
    router = guarded(Stubborn()).fit(DATA.quality, DATA.y, groups=groups)
    assert router.calibration_.n_units == 500
    assert router.calibration_.n_queries == 1500
    _, size = np.unique(router.router_.groups_, return_counts=True)
    assert size.tolist() == [3] * 500


def test_bets_are_sized_for_the_largest_group_of_all():
    groups = np.array([5, 5, 5, 5, 7, 7, 9])
    unit, size = _units(groups, np.array([4, 5, 6]), np.random.RandomState(0))
    assert size == 4
    assert unit[0] == unit[1] != unit[2]


def test_queries_without_both_cells_are_not_tested():
    quality = np.array(DATA.y.quality)
    hidden = np.random.default_rng(0).random(3000) < 0.5
    quality[hidden, DATA.y.index([DEAR])[0]] = np.nan
    router = guarded().fit(DATA.X, Outcomes(quality, DATA.y.cost, models=DATA.models))
    assert 0 < router.calibration_.n_queries < 900


def test_one_call_a_query_cannot_be_tested():
    called = np.random.default_rng(0).integers(4, size=3000)
    quality = np.where(np.eye(4)[called] > 0, DATA.y.quality, np.nan)
    router = guarded().fit(DATA.X, Outcomes(quality))
    assert router.calibration_.n_queries == 0
    assert router.threshold_ == np.inf


def test_pipelines_and_searches_can_be_guarded():
    pipeline = make_pipeline(StandardScaler(), PCA(4), RidgeRouter(alpha=1.0))
    router = guarded(pipeline).fit(DATA.X, DATA.y)
    assert isinstance(router.router_, RouterPipeline)
    assert router.predict(DATA.X[:5]).shape == (5,)
    search = GridSearchCV(RidgeRouter(), {"alpha": [1.0, 100.0]}, cv=2)
    assert guarded(search).fit(DATA.X, DATA.y).router_.alpha in (1.0, 100.0)


def test_what_is_not_certain_is_that_of_the_guarded_router():
    router = guarded(make_pipeline(StandardScaler(), RidgeRouter(alpha=1.0)))
    router.fit(DATA.X, DATA.y)
    quality, std = router.predict_quality(DATA.X[:50], return_std=True)
    expected = router.router_.predict_quality(DATA.X[:50], return_std=True)
    np.testing.assert_array_equal([quality, std], expected)
    low = router.explain(DATA.X[:50]).models["low"].to_numpy().reshape(quality.shape)
    np.testing.assert_allclose(low, (quality - 1.2816 * std).clip(0))


def test_parameters_of_guard_and_router_can_be_searched():
    grid = {"epsilon": [0.01, 0.1], "router__alpha": [1.0, 100.0]}
    search = GridSearchCV(
        guarded(policy=MaxUtility(0.02)), grid, cv=2, scoring=utility_scorer(0.02)
    )
    assert search.fit(DATA.X, DATA.y).best_params_["epsilon"] == 0.1


def test_a_scorer_leaves_the_calibrated_price_in_force():
    router = guarded(policy=MaxUtility(0.02)).fit(DATA.X, DATA.y)
    piped = make_pipeline(StandardScaler(), guarded(policy=MaxUtility(0.02)))
    assert router.policy_.cost_weight == 0.02
    dear = utility_scorer(5.0)
    chosen = DATA.y.index(router.predict(DATA.X))
    rows = np.arange(3000)
    expected = (DATA.y.quality - 5.0 * DATA.y.cost)[rows, chosen].mean()
    assert dear(router, DATA.X, DATA.y) == pytest.approx(expected)
    assert dear(piped.fit(DATA.X, DATA.y), DATA.X, DATA.y) == pytest.approx(expected)


def test_the_policy_is_the_own_one_or_that_of_the_router():
    own = RidgeRouter(alpha=1.0, policy=MaxUtility(0.5))
    assert guarded(own).fit(DATA.X, DATA.y).policy_.cost_weight == 0.5
    floor = CheapestAbove(0.5)
    assert guarded(own, policy=floor).fit(DATA.X, DATA.y).policy_ is floor
    for refused in (Budget(1.0), UCB(mean_cost=1.0), Thompson(random_state=0)):
        with pytest.raises(ValueError, match="promises nothing for"):
            guarded(policy=refused).fit(DATA.X, DATA.y)
    with pytest.raises(ValueError, match=r"nothing for Thompson\(\): its choices are"):
        guarded(RidgeRouter(policy=Thompson())).fit(DATA.X, DATA.y)
    with pytest.raises(ValueError, match="RidgeRouter predicts the expected quality"):
        guarded(policy=RiskAverse(1.0)).fit(DATA.X, DATA.y)


@pytest.mark.parametrize(
    "router", [FixedRouter("cheapest"), RandomRouter(), guarded()], ids=repr
)
def test_routers_that_do_not_choose_by_what_they_predict_are_refused(router):
    pipeline = make_pipeline(StandardScaler(), router)
    with pytest.raises(ValueError, match=f"{type(router).__name__} does not"):
        guarded(pipeline).fit(DATA.X, DATA.y)


def test_names_and_missing_blocks_reach_the_guarded_router():
    frame = pd.DataFrame(DATA.X).add_prefix("image_")
    frame = frame.rename(columns={f"image_{i}": f"text_{i}" for i in range(6, 12)})
    frame.iloc[::3, :6] = np.nan
    scaler = BlockScaler(["image", "text"], allow_missing=True)
    router = guarded(make_pipeline(scaler, RidgeRouter(alpha=100.0)))
    router.fit(frame, DATA.y)
    assert leaves(router, frame).any()
    expected = router.router_.predict_quality(frame)
    np.testing.assert_allclose(router.predict_quality(frame), expected)
    with pytest.raises(ValueError, match="row 0, column image_0 is nan"):
        guarded().fit(frame, DATA.y)


def test_bad_parameters_are_named():
    with pytest.raises(ValueError, match="baseline='gpt' is not 'best_single' or one"):
        guarded(baseline="gpt").fit(DATA.X, DATA.y)
    quality = np.array(DATA.y.quality[:20])
    quality[1:, 0] = np.nan
    with pytest.raises(ValueError, match="Model 0 is observed on calibration queries"):
        guarded(calibration_fraction=0.9).fit(DATA.X[:20], quality)
    with pytest.raises(ValueError, match="'epsilon' parameter of GuardedRouter"):
        guarded(epsilon=-0.1).fit(DATA.X, DATA.y)


def test_unknown_costs_are_named():
    with pytest.raises(ValueError, match="needs costs: that of model 0 is not known"):
        guarded(policy=MaxUtility(0.1)).fit(DATA.X, DATA.y.quality)


def test_the_promise_is_kept_where_there_is_nothing_to_gain():
    # Every query that leaves the baseline loses 0.03 on average; 0.02 may be lost.
    broken = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        base = rng.random(1000) < 0.6
        other = rng.random(1000) < 0.57
        X = np.column_stack([np.full(1000, 0.6), rng.uniform(0.61, 1, 1000)])
        router = guarded(Stubborn(), random_state=seed, baseline=0)
        router.fit(X, np.column_stack([base, other]) * 1.0)
        broken += leaves(router, X).mean() * 0.03 > 0.02
    assert broken <= 12  # binomial(60, 0.1) is above with probability 0.4 %


def test_the_score_reads_the_policy_in_force():
    score = cross_val_score(guarded(policy=MaxUtility(0.02)), DATA.X, DATA.y, cv=2)
    assert (score < 0.9).all()


def test_a_policy_that_reads_the_spread_works_through_a_pipeline():
    latent = LatentRouterClassifier(
        n_members=1, hidden_dim=8, n_capsules=1, token_dim=4, max_epochs=3,
        random_state=0,
    )  # fmt: skip
    inner = make_pipeline(StandardScaler(), latent)
    router = guarded(inner, policy=RiskAverse(0.5), epsilon=0.3)
    router.fit(DATA.X[:400], DATA.y[:400])
    assert router.predict(DATA.X[:5]).shape == (5,)
    assert router.policy_.risk_weight == 0.5
