import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklroute import (
    AverageRouter,
    FixedRouter,
    GuardedRouter,
    KNNRouter,
    LatentRouterClassifier,
    Outcomes,
    RidgeRouter,
)
from sklroute.datasets import make_routing
from sklroute.persistence import load
from sklroute.pipeline import RouterPipeline, as_router, fit_router
from sklroute.policies import MaxUtility

METHODS = ["predict_quality", "predict_cost", "predict_utility"]


@pytest.fixture(scope="module")
def data():
    return make_routing(100, 3, n_features=(6, 4), random_state=0)


def steps(router=None):
    router = RidgeRouter(alpha=10.0) if router is None else router
    return [("scale", StandardScaler()), ("pca", PCA(4)), ("router", router)]


def by_hand(pipeline, X, method):
    return getattr(pipeline[-1], method)(pipeline[:-1].transform(X))


def test_a_router_is_itself():
    router = KNNRouter()
    assert as_router(router) is router


@pytest.mark.parametrize("method", METHODS)
def test_a_pipeline_gets_the_methods_of_its_router(method, data):
    pipeline = Pipeline(steps()).fit(data.X, data.y)
    values = getattr(as_router(pipeline), method)(data.X)
    np.testing.assert_array_equal(values, by_hand(pipeline, data.X, method))


@pytest.mark.parametrize("method", METHODS)
def test_a_fitted_search_is_its_best_estimator(method, data):
    search = GridSearchCV(Pipeline(steps()), {"pca__n_components": [2, 4]}, cv=2)
    search.fit(data.X, data.y)
    values = getattr(as_router(search), method)(data.X)
    expected = by_hand(search.best_estimator_, data.X, method)
    np.testing.assert_array_equal(values, expected)


def test_steps_are_shared_not_copied(data):
    pipeline = Pipeline(steps()).fit(data.X, data.y)
    assert as_router(pipeline)["router"] is pipeline["router"]


def test_a_search_may_be_the_last_step_of_a_pipeline(data):
    search = GridSearchCV(RidgeRouter(), {"alpha": [1.0, 100.0]}, cv=2)
    router = as_router(Pipeline(steps(search)).fit(data.X, data.y))
    only = [True, False, False]
    assert set(router.predict(data.X, available=only)) == {data.y.models[0]}
    assert router.predict_quality(data.X).shape == (100, 3)


def test_a_frozen_router_is_what_it_holds(data):
    pipeline = Pipeline(steps()).fit(data.X, data.y)
    expected = as_router(pipeline).predict_quality(data.X)
    for frozen in (
        FrozenEstimator(pipeline),
        Pipeline([*pipeline.steps[:-1], ("router", FrozenEstimator(pipeline[-1]))]),
    ):
        quality = as_router(frozen).predict_quality(data.X)
        np.testing.assert_array_equal(quality, expected)


def test_a_frozen_router_may_be_a_member_if_it_is_of_the_same_models(data):
    router = RidgeRouter(alpha=1.0).fit(data.X[:50], data.y[:50])
    average = AverageRouter([("frozen", FrozenEstimator(router))])
    average.fit(data.X[50:], data.y[50:], np.arange(50))
    np.testing.assert_allclose(
        average.predict_quality(data.X), router.predict_quality(data.X)
    )
    others = Outcomes(data.y.quality, models=["x", "y", "z"])
    with pytest.raises(ValueError, match=r"y has the models .*'x', 'y', 'z'"):
        average.fit(data.X, others)


def test_pipelines_may_be_nested(data):
    inner = make_pipeline(PCA(4), RidgeRouter(alpha=1.0))
    outer = make_pipeline(StandardScaler(), inner).fit(data.X, data.y)
    assert as_router(outer).predict_quality(data.X).shape == (100, 3)


def test_a_pipeline_may_be_a_router_alone(data):
    pipeline = RouterPipeline([("router", RidgeRouter(alpha=1.0))]).fit(data.X, data.y)
    expected = pipeline["router"].predict_quality(data.X)
    np.testing.assert_array_equal(pipeline.predict_quality(data.X), expected)


def test_steps_may_be_passed_through(data):
    pipeline = RouterPipeline(steps()).set_params(pca="passthrough")
    assert pipeline.fit(data.X, data.y).predict_quality(data.X).shape == (100, 3)


@pytest.mark.parametrize("scale", ["passthrough", None])
def test_a_first_step_that_is_passed_through_can_be_compiled_and_saved(
    scale, data, tmp_path
):
    frame = pd.DataFrame(data.X).add_prefix("x")
    pipeline = RouterPipeline(steps()).set_params(scale=scale).fit(frame, data.y)
    expected = pipeline.predict_quality(frame)
    compiled = pipeline.compile().predict_quality(frame)
    np.testing.assert_allclose(compiled, expected, atol=1e-6)
    pipeline.save(tmp_path / "router.sklroute")
    again = load(tmp_path / "router.sklroute")
    np.testing.assert_array_equal(again.predict_quality(frame), expected)


def test_columns_are_taken_by_name(data):
    frame = pd.DataFrame(data.X).add_prefix("x")
    blocks = make_column_transformer((PCA(2), ["x0", "x1", "x2"]))
    pipeline = RouterPipeline([("blocks", blocks), ("router", RidgeRouter(alpha=1.0))])
    assert pipeline.fit(frame, data.y).predict_quality(frame).shape == (100, 3)


def test_keywords_of_utility_pass_to_the_router(data):
    pipeline = RouterPipeline(steps()).fit(data.X, data.y)
    utility = pipeline.predict_utility(
        data.X, available=[True, True, False], costs=[1, 2, 3], policy=MaxUtility(0.5)
    )
    quality = pipeline.predict_quality(data.X)
    np.testing.assert_allclose(utility[:, :2], quality[:, :2] - [0.5, 1.0])
    assert np.isneginf(utility[:, 2]).all()


def test_the_distribution_takes_what_that_of_the_router_takes(data):
    latent = LatentRouterClassifier(max_epochs=1, hidden_dim=8, communication=True)
    pipeline = RouterPipeline(steps(latent)).fit(data.X, data.y)
    scaled, available = pipeline[:-1].transform(data.X), [True, True, False]
    np.testing.assert_array_equal(
        pipeline.predict_distribution(data.X, available=available).prob,
        pipeline[-1].predict_distribution(scaled, available=available).prob,
    )


def test_the_policy_is_that_of_the_router():
    policy = MaxUtility(0.5)
    assert RouterPipeline(steps(RidgeRouter(policy=policy))).policy is policy


def test_a_method_is_there_only_if_the_router_has_it():
    pipeline = RouterPipeline(steps())
    assert hasattr(pipeline, "predict_quality")
    assert not hasattr(pipeline, "predict_distribution")


def test_an_unfitted_pipeline_says_so(data):
    with pytest.raises(NotFittedError):
        RouterPipeline(steps()).predict_quality(data.X)


def test_an_unfitted_search_says_so():
    with pytest.raises(NotFittedError):
        as_router(GridSearchCV(RidgeRouter(), {"alpha": [1.0]}))


@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (LogisticRegression(), "LogisticRegression"),
        (make_pipeline(StandardScaler(), LogisticRegression()), "LogisticRegression"),
        (RidgeRouter, "RidgeRouter"),
        (Pipeline([]), "Pipeline"),
        (None, "None"),
    ],
)
def test_what_is_not_a_router_is_named(estimator, named):
    with pytest.raises(TypeError, match=named):
        as_router(estimator)


@pytest.mark.parametrize("routing", [False, True])
def test_weights_and_groups_reach_the_router_of_a_pipeline(routing, data):
    weight, groups = np.linspace(0, 2, 100), np.arange(100) // 5
    scaler = StandardScaler()
    with config_context(enable_metadata_routing=routing):
        if routing:
            scaler.set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, KNNRouter())
        fit_router(pipeline, data.X, data.y, weight, groups)
    scaled = StandardScaler().fit_transform(data.X)
    alone = KNNRouter().fit(scaled, data.y, sample_weight=weight, groups=groups)
    np.testing.assert_array_equal(
        as_router(pipeline).predict_quality(data.X), alone.predict_quality(scaled)
    )


@pytest.mark.parametrize("routing", [False, True])
def test_groups_reach_the_splitter_and_the_router_of_a_search(routing, data):
    groups = np.arange(100) // 5
    grid = {"knnrouter__shrinkage": [8.0]}
    with config_context(enable_metadata_routing=routing):
        pipeline = make_pipeline(StandardScaler(), KNNRouter())
        search = GridSearchCV(pipeline, grid, cv=GroupKFold(2))
        fit_router(search, data.X, data.y, groups=groups)
    scaled = StandardScaler().fit_transform(data.X)
    alone = KNNRouter(shrinkage=8.0).fit(scaled, data.y, groups=groups)
    np.testing.assert_array_equal(
        as_router(search).predict_quality(data.X), alone.predict_quality(scaled)
    )


@pytest.mark.parametrize("cv", [2, GroupKFold(2)])
def test_groups_reach_a_router_that_is_searched_without_a_pipeline(cv, data):
    groups = np.arange(100) // 5
    search = GridSearchCV(KNNRouter(), {"shrinkage": [8.0]}, cv=cv)
    fit_router(search, data.X, data.y, np.linspace(0.1, 2, 100), groups)
    alone = KNNRouter(shrinkage=8.0)
    alone.fit(data.X, data.y, np.linspace(0.1, 2, 100), groups)
    np.testing.assert_array_equal(
        as_router(search).predict_quality(data.X), alone.predict_quality(data.X)
    )


def test_scores_and_choices_of_a_router_pipeline_are_those_of_a_pipeline(data):
    own = RouterPipeline(steps(FixedRouter())).fit(data.X, data.y)
    plain = Pipeline(steps(FixedRouter())).fit(data.X, data.y)
    np.testing.assert_array_equal(own.predict(data.X), plain.predict(data.X))
    assert own.score(data.X, data.y) == plain.score(data.X, data.y)


@pytest.mark.parametrize("routing", [False, True])
def test_the_score_counts_the_models_that_are_available(routing, data):
    pipeline = RouterPipeline(steps()).fit(data.X, data.y)
    only = [True, False, False]
    with config_context(enable_metadata_routing=routing):
        score = pipeline.score(data.X, data.y, available=only)
    assert score == pytest.approx(data.y.quality[:, 0].mean())


@pytest.mark.parametrize(
    "router",
    [
        AverageRouter([("scaled", Pipeline(steps()))]),
        GuardedRouter(Pipeline(steps()), random_state=0),
    ],
)
def test_without_weights_no_step_is_asked_about_them(data, router):
    expected = router.fit(data.X, data.y).predict_quality(data.X)
    with config_context(enable_metadata_routing=True):
        quality = router.fit(data.X, data.y).predict_quality(data.X)
    np.testing.assert_array_equal(quality, expected)
