"""Explanations of every router: they say what is decided, and add up."""

import time
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from strategies import availability, cost_weights, outcomes

import sklroute
from sklroute import (
    AverageRouter,
    ClusterRouter,
    FixedRouter,
    GuardedRouter,
    KernelRouter,
    KNNRouter,
    LatentRouterClassifier,
    LogisticRouter,
    MLPRouter,
    RandomRouter,
    RidgeRouter,
)
from sklroute.datasets import make_routing
from sklroute.explain import Explanation, explain_router
from sklroute.explain._evidence import ROUNDING
from sklroute.features import BlockScaler
from sklroute.pipeline import RouterPipeline, as_router
from sklroute.policies import Budget, CheapestAbove, MaxUtility, RiskAverse, Thompson

LATENT = {"hidden_dim": 16, "max_epochs": 10, "learning_rate": 0.02, "random_state": 0}
BLOCKS = {"image": slice(0, 6), "text": slice(6, 10)}
ROUTERS = {
    "average": AverageRouter(
        [("ridge", RidgeRouter(10.0)), ("clusters", ClusterRouter(4, random_state=0))],
        weights=[1, 2],
    ),
    "clusters": ClusterRouter([3, 9], random_state=0),
    "fixed": FixedRouter(),
    "guarded": GuardedRouter(
        make_pipeline(StandardScaler(), KernelRouter(alphas=(1.0, 1.0))),
        epsilon=0.1,
        random_state=0,
    ),
    "kernel": KernelRouter(32, alphas=(1.0, 1.0), random_state=0),
    "knn": KNNRouter(20),
    "knn without shrinkage": KNNRouter(20, shrinkage=0.0),
    "latent": LatentRouterClassifier(modalities=BLOCKS, **LATENT),
    "latent on neighbours": LatentRouterClassifier(prior=KNNRouter(20), **LATENT),
    "latent alone": LatentRouterClassifier(prior=None, **LATENT),
    "latent with clusters": LatentRouterClassifier(n_clusters=9, **LATENT),
    "latent in talks": LatentRouterClassifier(communication=True, **LATENT),
    "logistic": LogisticRouter(C=0.1),
    "mlp": MLPRouter((8,), alpha=1.0, max_iter=5, random_state=0),
    "random": RandomRouter(random_state=0),
    "ridge": RidgeRouter(1.0),
}
DATA = make_routing(500, 4, n_features=(6, 4), missing=0.2, random_state=0)
TRAIN, NEW = slice(0, 400), slice(400, None)
X = DATA.X[NEW]
MODELS = DATA.y.models
FITTED = {}

every_router = pytest.mark.parametrize("name", ROUTERS)


def fitted(name):
    if name not in FITTED:
        FITTED[name] = ROUTERS[name].fit(DATA.X[TRAIN], DATA.y[TRAIN])
    return FITTED[name]


def sums(explanation):
    """Sum of what adds up, of each query that has a runner-up."""
    evidence = explanation.evidence
    parts = evidence[evidence["kind"].isin(["exact", "path"])]
    return parts.groupby("query")["value"].sum()


def table(explanation, column):
    return explanation.models[column].to_numpy().reshape(len(explanation), -1)


def margins(explanation):
    return explanation.decisions.set_index("query")["margin"].dropna()


def test_every_public_router_is_explained_here():
    kinds = "Router", "Classifier"
    public = {name for name in sklroute.__all__ if name.endswith(kinds)}
    assert public <= {type(router).__name__ for router in ROUTERS.values()}


@pytest.mark.parametrize("name", ROUTERS)
@settings(max_examples=12)
@given(data=st.data())
def test_contributions_add_up_to_the_margin(name, data):
    router = fitted(name)
    rows = data.draw(st.lists(st.integers(0, 99), min_size=1, max_size=4))
    keywords = {
        "available": data.draw(availability(shape=(len(rows), 4))),
        "policy": MaxUtility(data.draw(cost_weights(min_value=0.0))),
    }
    explanation = router.explain(X[rows], **keywords)
    expected, found = margins(explanation), sums(explanation)
    # Without features, costs and differences there is nothing to list.
    found = found.reindex(expected.index, fill_value=0.0)
    # Rests within rounding are left out, of the whole and of a router in it.
    assert_allclose(found, expected, atol=2.1 * ROUNDING)


@settings(max_examples=60)
@given(
    y=outcomes(missing=True),
    router=st.sampled_from(
        [
            ClusterRouter(2, random_state=0),
            KernelRouter(3, alphas=(0.1, 0.1), random_state=0),
            KNNRouter(2),
            KNNRouter(2, shrinkage=0.0),
            LogisticRouter(C=1.0),
            RidgeRouter(0.1),
        ]
    ),
    seed=st.integers(0, 9),
)
def test_contributions_add_up_on_any_table(y, router, seed):
    rng = np.random.default_rng(seed)
    queries = rng.normal(size=(len(y), 3))[rng.integers(len(y), size=len(y))]
    explanation = clone(router).fit(queries, y).explain(queries)
    found, expected = sums(explanation), margins(explanation)
    assert_allclose(found.reindex(expected.index), expected, atol=1.1 * ROUNDING)


@pytest.mark.parametrize("seed", [None, np.random.RandomState(0), 3], ids=type)
def test_a_drawn_choice_is_explained_by_what_was_drawn(seed):
    policy = Thompson(random_state=seed)
    router = fitted("ridge")
    explanation = router.explain(X, policy=policy)
    assert (margins(explanation) >= 0).all()
    assert_allclose(sums(explanation), margins(explanation), atol=1e-6)
    chosen = table(explanation, "chosen")
    for column in ("utility", "probability"):
        values = table(explanation, column)
        assert_array_equal(values.max(axis=1), values[chosen])
    if seed == 3:
        choice = explanation.decisions["choice"]
        assert_array_equal(choice, router.predict(X, policy=policy))


@every_router
@settings(max_examples=12)
@given(data=st.data())
def test_the_decision_is_the_one_of_predict(name, data):
    router = fitted(name)
    available = data.draw(availability(shape=(5, 4)))
    keywords = {
        "available": available,
        "costs": data.draw(st.sampled_from([None, [1.0, 2.0, 3.0, 4.0]])),
        "policy": MaxUtility(data.draw(cost_weights(min_value=0.0))),
    }
    explanation = router.explain(X[:5], **keywords)
    decisions = explanation.decisions
    assert_array_equal(decisions["choice"], router.predict(X[:5], **keywords))
    assert_array_equal(table(explanation, "available"), available)
    assert not (table(explanation, "considered") & ~available).any()
    assert not (table(explanation, "chosen") & ~available).any()
    assert not (table(explanation, "runner_up") & ~available).any()
    assert_array_equal(table(explanation, "reason") == "not available", ~available)
    assert_array_equal(np.isneginf(table(explanation, "utility")), ~available)
    proba = router.predict_proba(X[:5], **keywords)
    assert_allclose(table(explanation, "probability"), proba)
    given = keywords["costs"]
    cost = router.predict_cost(X[:5]) if given is None else np.tile(given, (5, 1))
    assert_allclose(table(explanation, "cost"), cost)


@every_router
def test_margins_are_differences_of_utility(name):
    explanation = fitted(name).explain(X, policy=MaxUtility(0.05))
    utility = table(explanation, "utility")
    chosen, second = table(explanation, "chosen"), table(explanation, "runner_up")
    assert (chosen.sum(axis=1) == 1).all()
    assert (second.sum(axis=1) == 1).all()
    assert not (chosen & second).any()
    assert_allclose(
        explanation.decisions["margin"], utility[chosen] - utility[second], atol=1e-12
    )
    names = np.tile(MODELS, (len(X), 1))
    assert_array_equal(explanation.decisions["runner_up"], names[second])
    others = np.where(chosen | second, -np.inf, utility)
    assert (utility[second] >= others.max(axis=1)).all()


@every_router
def test_predicted_quality_is_reported(name):
    router = fitted(name)
    explanation = router.explain(X)
    assert_allclose(
        table(explanation, "quality"), router.predict_quality(X), atol=1e-12
    )


@every_router
def test_one_query_is_explained_as_among_many(name):
    router = fitted(name)
    many, one = router.explain(X), router.explain(X[:1])
    if name != "random":  # draws depend on how many there are
        for part in ("models", "evidence", "decisions"):
            pd.testing.assert_frame_equal(
                getattr(many[0], part), getattr(one, part), atol=1e-4
            )


@every_router
def test_a_model_alone_has_no_runner_up(name):
    explanation = fitted(name).explain(X[:3], available=[False, True, False, False])
    assert explanation.decisions["choice"].tolist() == [MODELS[1]] * 3
    assert explanation.decisions["runner_up"].tolist() == [None] * 3
    assert explanation.decisions["margin"].isna().all()
    assert explanation.evidence.empty
    assert "no other model is available" in str(explanation)


def test_a_model_alone_for_some_queries_has_no_runner_up_there():
    available = np.ones((3, len(MODELS)), dtype=bool)
    available[1, 1:] = False
    explanation = fitted("ridge").explain(X[:3], available=available)
    first, second, third = explanation.decisions["runner_up"]
    assert second is None
    assert {first, third} <= set(MODELS)
    assert "no other model is available" in str(explanation[1])


@every_router
def test_a_thousand_queries_take_a_few_seconds(name):
    many = np.tile(X, (10, 1))
    start = time.perf_counter()
    assert len(fitted(name).explain(many)) == 1000
    assert time.perf_counter() - start < 10


def test_batches_do_not_show(monkeypatch):
    router = fitted("knn")
    whole = router.explain(X)
    monkeypatch.setattr("sklroute.explain._router.BATCH", 7)
    parts = router.explain(X)
    pd.testing.assert_frame_equal(parts.evidence, whole.evidence)


# -- what single routers say ---------------------------------------------------------


def evidence_of(explanation, source):
    evidence = explanation.evidence
    return evidence[evidence["source"] == source]


def test_neighbours_vote_with_their_outcomes():
    router = KNNRouter(3, shrinkage=0.0).fit(
        [[0.0, 1], [0.1, 1], [0.2, 1], [1, 0], [1, 0.1]],
        np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]),
    )
    votes = evidence_of(router.explain([[0.0, 1.0]]), "neighbour")
    names = [f"training query {row}" for row in range(3)]
    assert sorted(votes["name"]) == names
    assert_allclose(votes.sort_values("name")["value"], [1 / 3, 1 / 3, -1 / 3])


def test_ridge_contributions_are_coefficients_times_features():
    router = fitted("ridge")
    explanation = router.explain(X[:1])
    chosen, second = (
        MODELS.tolist().index(explanation.decisions[column][0])
        for column in ("choice", "runner_up")
    )
    weight = router.coef_[chosen] - router.coef_[second]
    expected = router.scaler_.transform(X[:1])[0] * weight
    features = evidence_of(explanation, "feature")
    shown = features[features["name"] != "2 others"]
    assert len(shown) == 8
    assert_allclose(shown["value"], expected[shown["name"].astype(int)])
    assert (np.diff(shown["value"].abs()) <= 0).all()


def test_a_logistic_line_without_slope_is_shared_out_without_a_warning():
    router = LogisticRouter(C=1.0).fit(DATA.X[TRAIN], DATA.y[TRAIN])
    average = router.scaler_.mean_[None]
    features = evidence_of(router.explain(average), "feature")
    assert_allclose(features["value"], 0, atol=1e-12)
    always = np.column_stack([np.ones(40), np.tile([0.0, 1.0], 20)])
    sure = LogisticRouter(C=1.0).fit(DATA.X[:40], always).explain(DATA.X[:40])
    assert_allclose(sums(sure), margins(sure), atol=1e-6)


def test_names_of_features_are_used():
    names = [f"f{i}" for i in range(10)]
    frame = pd.DataFrame(DATA.X, columns=names)
    router = RidgeRouter(1.0).fit(frame[TRAIN], DATA.y[TRAIN])
    features = evidence_of(router.explain(frame[NEW]), "feature")
    assert set(features["name"]) <= {*names, "2 others"}


def test_clusters_show_their_profiles():
    router = fitted("clusters")
    explanation = router.explain(X[:20])
    clusters = evidence_of(explanation, "cluster").set_index("query")
    second = clusters[clusters["name"].str.endswith("level 2")]
    _, profile = router.levels_[1]
    labels = [int(name.split()[0]) for name in second["name"]]
    column = [MODELS.tolist().index(name) for name in explanation.decisions["choice"]]
    assert_allclose(second["chosen"], profile[labels, column])


def test_landmarks_say_what_is_predicted_there():
    router = KernelRouter(8, alphas=(1.0, 1.0), random_state=0)
    router.fit(DATA.X[TRAIN], DATA.y[TRAIN])
    landmarks = DATA.X[TRAIN][router._sample]
    evidence = evidence_of(router.explain(landmarks), "landmark")
    # At a landmark the kernel interpolates from that landmark alone.
    first = evidence.groupby("query").first()
    expected = [f"training query {row}" for row in router._sample]
    assert first["name"].tolist() == expected
    others = evidence.groupby("query")["value"].apply(lambda v: v[1:].abs().max())
    assert (others < 1e-6).all()


def test_members_vote():
    router = fitted("average")
    explanation = router.explain(X[:6])
    votes = evidence_of(explanation, "member").set_index(["query", "name"])["chosen"]
    member = router.named_routers_["clusters"].predict_quality(X[:6])
    chosen = table(explanation, "chosen")
    assert_allclose(votes.xs("clusters", level="name"), 2 / 3 * member[chosen])


def test_the_network_and_its_prior_share_the_difference_by_the_blend():
    router = fitted("latent")
    scaled = router._scaled(X)
    prior = router.prior_.predict_quality(scaled) - router.mean_quality_
    explanation = router.explain(X)
    chosen, second = table(explanation, "chosen"), table(explanation, "runner_up")
    evidence = explanation.evidence
    told = evidence[evidence["source"].str.startswith("prior: ")]
    expected = router.blend_.relative[0] * (prior[chosen] - prior[second])
    assert_allclose(told.groupby("query")["value"].sum(), expected, atol=ROUNDING)


def test_attention_is_shared_out_among_the_blocks():
    explanation = fitted("latent").explain(X)
    reads = evidence_of(explanation, "capsules read")
    assert set(reads["name"]) == {"image", "text", "image x text"}
    assert_allclose(reads.groupby("query")["value"].sum(), 1.0, atol=1e-6)
    without_text = X.copy()
    without_text[:, BLOCKS["text"]] = np.nan
    reads = evidence_of(fitted("latent").explain(without_text), "capsules read")
    assert_allclose(reads[reads["name"] == "image"]["value"], 1.0)


def test_the_guard_says_why_it_holds_back():
    router = deepcopy(fitted("guarded"))
    router.threshold_ = 0.1
    explanation = router.explain(X)
    decisions = explanation.decisions
    stays = decisions["choice"] == router.baseline_
    assert 0 < stays.sum() < len(X)
    held = explanation.models.query("available and not considered")
    assert held["reason"].eq("guarded: gain below 0.1").all()
    # What it is held back from is the runner-up, though it may be the better one.
    gain = -decisions["margin"][stays]
    assert (gain < router.threshold_).all()
    router.threshold_ = np.inf
    held = router.explain(X).models.query("available and not considered")
    assert held["reason"].eq("guarded: no gain is trusted").all()
    assert (gain > 0).any()


def test_a_fixed_router_says_what_it_calls():
    router = FixedRouter("cheapest").fit(DATA.X[TRAIN], DATA.y[TRAIN])
    models = router.explain(X[:1]).models
    reasons = models.loc[~models["considered"], "reason"]
    assert (reasons == "not the fixed model").all()
    assert len(reasons) == 3


# -- blocks ----------------------------------------------------------------------------


def utilities(quality, decisions, rows):
    frame = pd.DataFrame(quality, columns=MODELS)
    return np.array(
        [frame.loc[row, decisions.loc[row, rows]] for row in range(len(frame))]
    )


def lost_margin(explanation, quality):
    """Margin less what it is with another predicted quality."""
    decisions = explanation.decisions
    without = [utilities(quality, decisions, name) for name in ("choice", "runner_up")]
    return decisions["margin"] - (without[0] - without[1])


@pytest.mark.parametrize("name", ["knn", "ridge", "mlp", "kernel"])
def test_blocks_of_a_pipeline_are_replaced_by_their_mean(name):
    steps = [BlockScaler(BLOCKS), PCA(8, random_state=0), clone(ROUTERS[name])]
    pipeline = make_pipeline(*steps).fit(DATA.X[TRAIN], DATA.y[TRAIN])
    explanation = as_router(pipeline).explain(X)
    blocks = evidence_of(explanation, "block")
    assert (blocks["kind"] == "ablation").all()
    for block, columns in BLOCKS.items():
        without = X.copy()
        without[:, columns] = pipeline[0].mean_[columns]
        expected = lost_margin(
            explanation, as_router(pipeline).predict_quality(without)
        )
        found = blocks[blocks["name"] == block].set_index("query")["value"]
        assert_allclose(found, expected, atol=1e-9)


def test_blocks_of_the_latent_router_are_marked_as_missing():
    router = fitted("latent")
    explanation = router.explain(X)
    without = X.copy()
    without[:, BLOCKS["text"]] = np.nan
    expected = lost_margin(explanation, router.predict_quality(without))
    blocks = evidence_of(explanation, "block")
    found = blocks[blocks["name"] == "text"].set_index("query")["value"]
    assert_allclose(found, expected, atol=1e-9)


def test_a_query_of_one_block_says_nothing_without_it():
    router = fitted("latent")
    alone = X[:4].copy()
    alone[:, BLOCKS["text"]] = np.nan
    explanation = router.explain(alone)
    mean = np.tile(router.mean_quality_, (4, 1))
    blocks = evidence_of(explanation, "block").pivot(
        index="query", columns="name", values="value"
    )
    assert_allclose(blocks["image"], lost_margin(explanation, mean), atol=1e-9)
    assert_allclose(blocks["text"], 0, atol=1e-9)


def test_without_blocks_all_features_are_one():
    router = fitted("knn")
    blocks = evidence_of(router.explain(X), "block")
    assert set(blocks["name"]) == {"all features"}
    mean = np.tile(router.mean_quality_, (len(X), 1))
    assert_allclose(blocks["value"], lost_margin(router.explain(X), mean), atol=1e-9)


@pytest.mark.parametrize("frames", ["pandas", "polars"])
def test_scaled_frames_are_ablated_too(frames):
    pytest.importorskip(frames)
    scaler = BlockScaler(BLOCKS).set_output(transform=frames)
    frame = pd.DataFrame(DATA.X, columns=[f"f{i}" for i in range(10)])
    pipeline = RouterPipeline([("scale", scaler), ("router", RidgeRouter(1.0))])
    pipeline.fit(frame[TRAIN], DATA.y[TRAIN])
    plain = RouterPipeline([("scale", BlockScaler(BLOCKS)), ("r", RidgeRouter(1.0))])
    plain.fit(DATA.X[TRAIN], DATA.y[TRAIN])
    columns = ["query", "value"]
    for source in ("block", "intercept"):
        assert_allclose(
            evidence_of(pipeline.explain(frame[NEW]), source)[columns],
            evidence_of(plain.explain(X), source)[columns],
            atol=1e-5,
        )


# -- pipelines, policies, bad input ----------------------------------------------------


def test_pipelines_and_searches_explain_what_they_predict():
    inner = make_pipeline(PCA(4, random_state=0), RidgeRouter(1.0))
    for estimator in (
        Pipeline([("scale", StandardScaler()), ("router", inner)]),
        GridSearchCV(inner, {"ridgerouter__alpha": [1.0, 10.0]}, cv=2),
    ):
        estimator.fit(DATA.X[TRAIN], DATA.y[TRAIN])
        router = as_router(estimator)
        keywords = {"available": [True, False, True, True], "policy": MaxUtility(0.1)}
        explanation = router.explain(X, **keywords)
        assert_array_equal(
            explanation.decisions["choice"], router.predict(X, **keywords)
        )
        assert_allclose(sums(explanation), margins(explanation), atol=1e-6)


def test_a_guarded_pipeline_keeps_its_blocks():
    router = GuardedRouter(
        make_pipeline(BlockScaler(BLOCKS), RidgeRouter(1.0)), random_state=0
    ).fit(DATA.X[TRAIN], DATA.y[TRAIN])
    assert set(evidence_of(router.explain(X), "block")["name"]) == {"image", "text"}


@pytest.mark.parametrize("policy", [CheapestAbove(0.4), Budget(mean_cost=1.0)])
def test_policies_that_do_not_rank_may_choose_below_the_runner_up(policy):
    router = fitted("ridge")
    explanation = router.explain(X, policy=policy)
    assert_array_equal(
        explanation.decisions["choice"], router.predict(X, policy=policy)
    )
    assert (explanation.decisions["margin"] < 0).any()
    assert_allclose(sums(explanation), margins(explanation), atol=1e-6)


def test_risk_is_a_row_of_its_own():
    router = fitted("latent")
    policy = RiskAverse(0.5, cost_weight=0.01)
    explanation = router.explain(X, policy=policy)
    assert set(evidence_of(explanation, "policy")["name"]) == {"cost and risk"}
    assert_allclose(sums(explanation), margins(explanation), atol=ROUNDING)


def test_the_interval_is_that_of_the_distribution():
    graded = sklroute.Outcomes(
        np.random.default_rng(0).integers(0, 5, (200, 3)) / 4, models=list("abc")
    )
    router = LatentRouterClassifier(**LATENT).fit(DATA.X[:200], graded)
    explanation = router.explain(X[:5])
    distribution = router.predict_distribution(X[:5])
    assert_array_equal(table(explanation, "low"), distribution.quantile(0.1))
    assert_array_equal(table(explanation, "high"), distribution.quantile(0.9))


@pytest.mark.parametrize("name", ["ridge", "latent", "guarded"])
def test_elsewhere_the_interval_is_that_of_the_expected_quality(name):
    router = fitted(name)
    explanation = router.explain(X[:5])
    inner = as_router(router.router_) if name == "guarded" else router
    quality, std = inner.predict_quality(X[:5], return_std=True)
    low, high = table(explanation, "low"), table(explanation, "high")
    assert_allclose(low, (quality - norm.ppf(0.9) * std).clip(0, 1), atol=1e-4)
    assert_allclose(high, (quality + norm.ppf(0.9) * std).clip(0, 1), atol=1e-4)


@every_router
def test_contributions_add_up_after_the_pool_has_changed(name):
    if name == "guarded":  # its pool is fixed
        return
    router = deepcopy(fitted(name))
    router.partial_fit(X[:30], DATA.y[NEW][:30])
    router.add_model("newcomer", X[:30], np.tile([1.0, 0.6, 0.9], 10), cost=0.1)
    router.remove_model(MODELS[1])
    router.rename_model(MODELS[0], "zed")
    explanation = router.explain(X, available=lambda model: model != MODELS[3])
    assert set(explanation.models["model"]) == {"newcomer", "zed", *MODELS[2:]}
    assert_array_equal(
        explanation.decisions["choice"],
        router.predict(X, available=["newcomer", "zed", MODELS[2]]),
    )
    expected, found = margins(explanation), sums(explanation)
    assert_allclose(found, expected, atol=2.1 * ROUNDING)
    sources = set(explanation.evidence["source"])
    assert ("answers since the fit" in sources) == (name != "random")
    if name != "random":
        pairs = explanation.decisions[["choice", "runner_up"]]
        joined = (pairs == "newcomer").any(axis=1)
        told = evidence_of(explanation, "new model")["query"]
        assert set(told) == set(pairs.index[joined])
        quality = router.predict_quality(X)
        assert_allclose(table(explanation, "quality"), quality, atol=1e-9)


def test_a_model_that_has_joined_is_expected_to_be_as_good_as_the_others():
    router = deepcopy(fitted("ridge"))
    before = router.predict_quality(X).mean(axis=1)
    router.add_model("newcomer", X[:30], np.ones(30), cost=0.1)
    explanation = router.explain(X)
    new = explanation.decisions["choice"] == "newcomer"
    assert new.any()
    told = evidence_of(explanation, "new model").set_index("query")["chosen"]
    assert_allclose(told[new[new].index], before[new])
    learnt = evidence_of(explanation, "answers since the fit").set_index("query")
    assert (learnt.loc[new[new].index, "chosen"] > 0).all()


def test_of_fitted_models_the_same_is_said_when_one_has_joined():
    router = deepcopy(fitted("ridge"))
    before = router.explain(X)
    router.add_model("newcomer", X[:30], np.zeros(30), cost=0.1)
    after = router.explain(X)
    pd.testing.assert_frame_equal(after.decisions, before.decisions)
    pd.testing.assert_frame_equal(after.evidence, before.evidence)


def test_labels_are_matched_by_name():
    router = fitted("ridge")
    mask = pd.Series([True, False, False, False], index=MODELS[::-1])
    explanation = router.explain(X[:2], available=mask)
    assert set(explanation.decisions["choice"]) == {MODELS[-1]}


@pytest.mark.parametrize("name", ["ridge", "knn", "guarded"])
def test_bad_input_is_refused_as_by_predict(name):
    router = fitted(name)
    nobody = np.ones((len(X), 4), dtype=bool)
    nobody[3] = False
    with pytest.raises(ValueError, match="Row 3 has no available model"):
        router.explain(X, available=nobody)
    with pytest.raises(ValueError, match="X has 3 features"):
        router.explain(X[:, :3])
    with pytest.raises(TypeError, match="policy must be"):
        router.explain(X, policy="cheapest")
    with pytest.raises(ValueError, match=r"costs has shape \(2,\)"):
        router.explain(X, costs=[1.0, 2.0])


def test_a_router_that_is_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        RidgeRouter().explain(X)
    with pytest.raises(NotFittedError):
        as_router(make_pipeline(StandardScaler(), RidgeRouter())).explain(X)


def test_a_router_of_ones_own_is_explained_by_what_features_add():
    class Mine(RidgeRouter):
        _explain_evidence = sklroute.base.RouterMixin._explain_evidence
        _explained_rest = "what the features add"

    explanation = Mine(1.0).fit(DATA.X[TRAIN], DATA.y[TRAIN]).explain(X)
    assert isinstance(explanation, Explanation)
    assert set(explanation.evidence["source"]) == {"mean quality", "rest", "block"}
    assert_allclose(sums(explanation), margins(explanation), atol=1e-6)


def test_what_is_no_router_is_told_how_to_be_explained():
    with pytest.raises(TypeError, match=r"got Pipeline.* call as_router\(estimator\)"):
        explain_router(make_pipeline(StandardScaler(), RidgeRouter()), X)
