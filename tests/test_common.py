"""What every public router must do, found by walking the package."""

import inspect
import pickle
import pkgutil
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import sklroute
from sklroute import LogisticRouter, Outcomes, RidgeRouter
from sklroute.base import RouterMixin
from sklroute.datasets import make_routing
from sklroute.policies import MaxUtility

# Small settings: what a router chooses by itself has tests of its own.
INIT_PARAMS = {
    "AverageRouter": {
        "routers": [
            ("ridge", RidgeRouter(alpha=1.0)),
            ("logistic", LogisticRouter(C=1.0)),
        ]
    },
    "GuardedRouter": {"router": RidgeRouter(alpha=1.0)},
    "LatentRouterClassifier": {
        "n_members": 2,
        "hidden_dim": 16,
        "n_capsules": 2,
        "token_dim": 8,
        "dropout": 0.0,
        "learning_rate": 0.02,
        "max_epochs": 20,
    },
    "LogisticRouter": {"C": 1.0},
    "MLPRouter": {
        "hidden_layer_sizes": (16,),
        "alpha": 1.0,
        "learning_rate_init": 0.03,
        "max_iter": 20,
    },
    "RidgeRouter": {"alpha": 1.0},
}

WEIGHTS = "check_sample_weight_equivalence_on_dense_data"
EXPECTED_FAILURES = {
    "ClusterRouter": {WEIGHTS: "k-means starts from rows drawn at random"},
    "GuardedRouter": {WEIGHTS: "a random half of the rows is held out"},
    "KernelRouter": {WEIGHTS: "landmarks and folds are drawn among the rows"},
    "KNNRouter": {WEIGHTS: "k counts neighbours, not weights; cv is a number"},
    "LatentRouterClassifier": {
        WEIGHTS: "trained on random batches and a held-out part"
    },
    "MLPRouter": {WEIGHTS: "trained on random batches and a held-out part"},
    "RandomRouter": {
        "check_classifiers_train": "probabilities are equal, choices drawn at random"
    },
}

DEPENDS_ON_ORDER = {
    "LatentRouterClassifier": "the first weights of a model are drawn by its place",
    "MLPRouter": "initial weights are drawn in the order of the models",
}


def all_routers():
    """Every public router class of the package, by name."""
    found = {}
    for module in pkgutil.walk_packages(sklroute.__path__, "sklroute."):
        for name, cls in inspect.getmembers(
            import_module(module.name), inspect.isclass
        ):
            public = cls.__module__.startswith("sklroute.") and name[0] != "_"
            if (
                public
                and issubclass(cls, RouterMixin)
                and issubclass(cls, BaseEstimator)
            ):
                found[name] = cls
    return found


def make_router(name, **params):
    cls = all_routers()[name]
    if "random_state" in inspect.signature(cls).parameters:
        params = {"random_state": 0, **params}
    return clone(cls(**INIT_PARAMS.get(name, {}), **params))


def make_pipeline(name, **params):
    return Pipeline(
        [
            ("scale", StandardScaler()),
            ("pca", PCA(5, random_state=0)),
            ("router", make_router(name, **params)),
        ]
    )


every_router = pytest.mark.parametrize("name", sorted(all_routers()))


@pytest.fixture(scope="module")
def data():
    """Ninety queries, four models, a fifth of the cells missing, pairs as groups."""
    table = make_routing(90, 4, n_features=(6, 4), missing=0.2, random_state=0)
    table.groups = np.arange(90) // 2
    return table


def test_the_walk_finds_the_routers_that_are_public():
    public = {name for name in sklroute.__all__ if "Router" in name}
    assert public <= set(all_routers())


def test_tables_of_this_file_name_routers_that_exist():
    assert set(INIT_PARAMS) | set(EXPECTED_FAILURES) <= set(all_routers())


@parametrize_with_checks(
    [make_router(name) for name in sorted(all_routers())],
    expected_failed_checks=lambda router: EXPECTED_FAILURES.get(
        type(router).__name__, {}
    ),
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@every_router
def test_parameters_set_after_fit_wait_for_the_next_fit(name, data):
    router = make_router(name).fit(data.X, data.y)
    before = router.predict_quality(data.X)
    late = set(router.get_params(deep=False)) - {"policy", "device"}
    router.set_params(**dict.fromkeys(late, object()))
    np.testing.assert_array_equal(router.predict_quality(data.X), before)


@every_router
def test_constructor_takes_policy_and_keywords_only(name):
    parameters = inspect.signature(all_routers()[name]).parameters
    assert parameters["policy"].default is None
    kinds = [parameter.kind for parameter in parameters.values()]
    assert all(kind is inspect.Parameter.KEYWORD_ONLY for kind in kinds[1:])


@every_router
def test_grid_search_over_a_pipeline_in_parallel(name, data):
    grid = {"pca__n_components": [3, 5]}
    search = GridSearchCV(make_pipeline(name), grid, cv=3, n_jobs=2)
    search.fit(data.X, data.y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert set(search.predict(data.X)) <= set(data.models)


@every_router
def test_randomized_search_over_a_pipeline(name, data):
    grid = {"pca__n_components": [2, 3, 4, 5]}
    search = RandomizedSearchCV(
        make_pipeline(name), grid, n_iter=2, cv=3, random_state=0
    )
    search.fit(data.X, data.y)
    assert np.isfinite(search.best_score_)


@every_router
def test_policy_parameters_are_reachable_in_a_grid(name, data):
    grid = {"router__policy__cost_weight": [0.0, 100.0]}
    pipeline = make_pipeline(name, policy=MaxUtility())
    search = GridSearchCV(pipeline, grid, cv=3, refit=False).fit(data.X, data.y)
    free, dear = search.cv_results_["mean_test_score"]
    assert dear < free  # utility at a high price on cost is lower, and negative


@every_router
def test_cross_validation_scores_and_probabilities(name, data):
    router = make_router(name)
    score = cross_val_score(router, data.X, data.y, cv=3)
    proba = cross_val_predict(router, data.X, data.y, cv=3, method="predict_proba")
    assert ((score >= 0) & (score <= 1)).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)


@every_router
def test_clones_and_pickles_predict_the_same(name, data):
    router = make_router(name).fit(data.X, data.y)
    again = clone(router).fit(data.X, data.y)
    loaded = pickle.loads(pickle.dumps(router))
    expected = router.predict_quality(data.X)
    np.testing.assert_array_equal(again.predict_quality(data.X), expected)
    np.testing.assert_array_equal(loaded.predict_quality(data.X), expected)


@every_router
def test_data_frames_pass_through_a_pipeline(name, data):
    frame = pd.DataFrame(data.X).add_prefix("x")
    pipeline = make_pipeline(name).set_output(transform="pandas").fit(frame, data.y)
    names = pipeline["router"].feature_names_in_
    assert names.tolist() == [f"pca{i}" for i in range(5)]
    assert len(pipeline.predict(frame)) == len(frame)


@every_router
def test_what_transformers_put_out_for_users_is_not_what_routers_compute_with(
    name, data
):
    expected = make_router(name).fit(data.X, data.y).predict_quality(data.X)
    with config_context(transform_output="pandas"):
        router = make_router(name).fit(data.X, data.y)
        quality = router.predict_quality(data.X)
        router.explain(data.X[:2])
    np.testing.assert_array_equal(quality, expected)
    assert isinstance(quality, np.ndarray)


@every_router
def test_modality_blocks_have_their_own_transformers(name, data):
    blocks = ColumnTransformer(
        [
            (block, PCA(2, random_state=0), columns)
            for block, columns in data.modalities.items()
        ]
    )
    pipeline = Pipeline([("blocks", blocks), ("router", make_router(name))])
    assert len(pipeline.fit(data.X, data.y).predict(data.X)) == len(data.X)
    assert pipeline["router"].n_features_in_ == 4


@every_router
def test_groups_reach_the_router_with_metadata_routing_on_and_off(name, data):
    grid = {"pca__n_components": [3]}
    search = GridSearchCV(make_pipeline(name), grid, cv=GroupKFold(3))
    groups = {"groups": data.groups}
    off = clone(search).fit(data.X, data.y, **groups, router__groups=data.groups)
    with config_context(enable_metadata_routing=True):
        on = clone(search).fit(data.X, data.y, **groups)
        by_hand = make_pipeline(name).set_params(pca__n_components=3)
        by_hand.fit(data.X, data.y, **groups)
    expected = by_hand.predict_proba(data.X)
    np.testing.assert_array_equal(on.predict_proba(data.X), expected)
    np.testing.assert_array_equal(off.predict_proba(data.X), expected)


@every_router
def test_keywords_of_predict_pass_through_a_pipeline(name, data):
    pipeline = make_pipeline(name).fit(data.X, data.y)
    available = np.array([False, True, True, False])
    dear = MaxUtility(cost_weight=1e6)
    for routing in (False, True):
        with config_context(enable_metadata_routing=routing):
            free = pipeline.predict(data.X, available=available)
            proba = pipeline.predict_proba(data.X, available=available, policy=dear)
            pipeline.predict(data.X, policy=dear, costs=[1.0, 2.0, 3.0, 4.0])
        assert set(free) <= set(data.y.models[available])
        assert (proba[:, ~available] == 0).all()


@every_router
def test_unavailable_models_are_never_chosen(name, data):
    router = make_router(name).fit(data.X, data.y)
    rng = np.random.default_rng(0)
    available = rng.random((len(data.X), 4)) < 0.5
    available[~available.any(axis=1), 2] = True
    proba = router.predict_proba(data.X, available=available)
    utility = router.predict_utility(data.X, available=available)
    choice = data.y.index(router.predict(data.X, available=available))
    assert (proba[~available] == 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert np.isneginf(utility[~available]).all()
    assert available[np.arange(len(choice)), choice].all()


@every_router
def test_predicted_quality_is_within_bounds_far_from_the_data(name, data):
    router = make_router(name).fit(data.X, data.y)
    far = np.concatenate([data.X, 1e3 * data.X, 0.0 * data.X])
    quality = router.predict_quality(far)
    assert quality.shape == (3 * len(data.X), 4)
    assert ((quality >= 0) & (quality <= 1)).all()


@every_router
def test_predicted_numbers_are_of_64_bits_whatever_the_features_are(name, data):
    X = data.X.astype(np.float32)
    router = make_router(name).fit(X, data.y)
    predicted = [router.predict_quality(X), *router.predict_quality(X, return_std=True)]
    predicted += [router.predict_cost(X), router.predict_utility(X)]
    predicted += [router.predict_proba(X)]
    assert {table.dtype for table in predicted} == {np.dtype(np.float64)}


@every_router
def test_all_forms_of_y_give_the_same_fit(name, data):
    quality = data.y.quality
    table = Outcomes(quality)
    forms = [np.asarray(table), quality, pd.DataFrame(quality), table.to_frame()]
    expected = make_router(name).fit(data.X, table).predict_quality(data.X)
    for form in forms:
        router = make_router(name).fit(data.X, form)
        np.testing.assert_array_equal(router.predict_quality(data.X), expected)


@every_router
def test_relabelling_the_models_permutes_the_predictions(name, request):
    data = make_routing(90, 4, n_features=(6, 4), random_state=0)
    if name in DEPENDS_ON_ORDER:
        reason = DEPENDS_ON_ORDER[name]
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    router = make_router(name)
    if name == "LatentRouterClassifier":  # so small a table tells it to trust the prior
        router.set_params(early_stopping=False)
    order = np.array([2, 0, 3, 1])
    other = Outcomes(data.y.quality[:, order], data.y.cost[:, order])
    expected = clone(router).fit(data.X, data.y).predict_quality(data.X)
    quality = clone(router).fit(data.X, other).predict_quality(data.X)
    np.testing.assert_allclose(quality, expected[:, order], atol=1e-6)


@every_router
def test_a_query_of_weight_zero_is_as_good_as_absent(name, data):
    kept = np.arange(len(data.X)) % 3 > 0
    absent = make_router(name).fit(data.X[kept], data.y[kept])
    weighted = make_router(name).fit(data.X, data.y, sample_weight=kept * 1.0)
    np.testing.assert_array_equal(
        weighted.predict_quality(data.X), absent.predict_quality(data.X)
    )


@every_router
def test_repeated_queries_are_no_obstacle(name, data):
    rows = np.repeat(np.arange(7), 5)
    y = Outcomes(np.nan_to_num(data.y.quality), data.y.cost)[rows]
    quality = make_router(name).fit(data.X[rows], y).predict_quality(data.X)
    assert np.isfinite(quality).all()


@every_router
def test_a_fit_that_fails_leaves_the_router_as_it_was(name, data, monkeypatch):
    def interrupt(router, X):
        raise KeyboardInterrupt

    new, router = make_router(name), make_router(name).fit(data.X, data.y)
    expected = router.predict_quality(data.X)
    others = Outcomes(np.nan_to_num(data.y.quality[:, :3]), models=["x", "y", "z"])
    monkeypatch.setattr(type(router), "_set_up_pool", interrupt)  # the last step
    for each in (new, router):
        with pytest.raises(KeyboardInterrupt):
            each.fit(data.X[:, :7], others)
    np.testing.assert_array_equal(router.predict_quality(data.X), expected)
    with pytest.raises(NotFittedError):
        new.predict(data.X)
