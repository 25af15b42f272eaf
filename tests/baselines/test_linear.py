import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from sklroute import LogisticRouter, Outcomes, RidgeRouter
from sklroute.baselines._patterns import observed_patterns
from sklroute.datasets import make_routing

LINEAR = [RidgeRouter, LogisticRouter]


@pytest.fixture(scope="module")
def data():
    return make_routing(400, 4, n_features=(6, 6), missing=0.2, random_state=0)


def test_models_are_grouped_by_the_rows_on_which_they_were_observed():
    nan = np.nan
    quality = np.array([[1, nan, 0, nan], [1, 0, 1, nan], [nan, 1, nan, nan]])
    groups = {tuple(m.tolist()): r.tolist() for r, m in observed_patterns(quality)}
    assert groups == {(0, 2): [0, 1], (1,): [1, 2]}


def test_ridge_is_that_of_each_model_on_its_observed_rows(data):
    weight = np.linspace(0.5, 2.0, 400)
    router = RidgeRouter(alpha=3.0).fit(data.X, data.y, sample_weight=weight)
    scaled = StandardScaler().fit(data.X, sample_weight=weight).transform(data.X)
    for model, quality in enumerate(data.y.quality.T):
        rows = ~np.isnan(quality)
        alone = Ridge(alpha=3.0).fit(scaled[rows], quality[rows], weight[rows])
        expected = alone.predict(scaled).clip(0, 1)
        predicted = router.predict_quality(data.X)[:, model]
        np.testing.assert_allclose(predicted, expected, atol=1e-5)


def test_logistic_is_that_of_each_model_on_its_observed_rows(data):
    router = LogisticRouter(C=0.1).fit(data.X, data.y)
    scaled = StandardScaler().fit_transform(data.X)
    for model, quality in enumerate(data.y.quality.T):
        rows = ~np.isnan(quality)
        alone = LogisticRegression(C=0.1).fit(scaled[rows], quality[rows])
        expected = alone.predict_proba(scaled)[:, 1]
        predicted = router.predict_quality(data.X)[:, model]
        np.testing.assert_allclose(predicted, expected, atol=1e-3)


def test_soft_quality_is_a_share_of_right_answers():
    # Quality 0.7 is the same as seven right and three wrong answers.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 3))
    right = rng.integers(11, size=20)
    soft = np.column_stack([right / 10, np.full(20, 0.5)])
    hard = np.concatenate([np.tile(np.arange(10) < r, 1) for r in right]) * 1.0
    hard = np.column_stack([hard, np.tile([0.0, 1.0], 100)])
    one = LogisticRouter(C=1.0).fit(X, soft, sample_weight=np.full(20, 10.0))
    ten = LogisticRouter(C=1.0).fit(np.repeat(X, 10, axis=0), hard)
    np.testing.assert_allclose(
        one.predict_quality(X), ten.predict_quality(X), atol=1e-3
    )


@pytest.mark.parametrize("router", LINEAR)
def test_constant_quality_is_predicted_as_it_is(router, data):
    quality = np.column_stack([data.y.quality[:, 0], np.zeros(400), np.ones(400)])
    predicted = router().fit(data.X, quality).predict_quality(data.X)
    np.testing.assert_allclose(predicted[:, 1:], np.tile([0.0, 1.0], (400, 1)))


@pytest.mark.parametrize("router", LINEAR)
def test_constant_soft_quality_is_predicted_as_its_mean(router, data):
    quality = np.column_stack([data.y.quality[:, 0], np.full(400, 0.3)])
    predicted = router().fit(data.X, quality).predict_quality(data.X)
    np.testing.assert_allclose(predicted[:, 1], 0.3, atol=1e-2)


@pytest.mark.parametrize(
    ("router", "name"), [(RidgeRouter, "alpha"), (LogisticRouter, "C")]
)
def test_strength_is_tuned_to_the_signal(router, name):
    signal = make_routing(300, 3, n_features=(8, 8), signal=3.0, random_state=0)
    noise = make_routing(300, 3, n_features=(8, 8), signal=0.0, random_state=0)
    strengths = [
        getattr(router().fit(data.X, data.y), name + "_") for data in (signal, noise)
    ]
    penalties = strengths if name == "alpha" else [1 / s for s in strengths]
    assert penalties[0] < penalties[1]


@pytest.mark.parametrize("router", LINEAR)
def test_routers_beat_the_best_single_model(router):
    data = make_routing(900, 4, random_state=0)
    train, test = slice(0, 600), slice(600, 900)
    choice = data.y.index(
        router().fit(data.X[train], data.y[train]).predict(data.X[test])
    )
    expected = data.quality[test][np.arange(300), choice].mean()
    assert expected > data.quality[test].mean(axis=0).max() + 0.05


@pytest.mark.parametrize("router", LINEAR)
def test_large_tables_are_tuned_on_a_part_of_whole_groups(router, data, monkeypatch):
    monkeypatch.setattr("sklroute.baselines._linear.MAX_TUNING_QUERIES", 60)
    groups = np.arange(400) // 4
    fitted = router().fit(data.X, data.y, groups=groups)
    assert fitted.predict_quality(data.X).shape == (400, 4)


@pytest.mark.parametrize("router", LINEAR)
def test_one_query_is_enough(router):
    predicted = router().fit([[1.0, 2.0]], [[0.3, 1.0]]).predict_quality([[5.0, 5.0]])
    np.testing.assert_allclose(predicted, [[0.3, 1.0]], atol=1e-6)


def test_a_model_seen_only_in_a_test_fold_is_left_out_of_the_error():
    rng = np.random.default_rng(0)
    quality = rng.integers(2, size=(30, 2)).astype(float)
    quality[1:, 1] = np.nan
    X = rng.normal(size=(30, 3))
    for router in LINEAR:
        predicted = router().fit(X, Outcomes(quality)).predict_quality(X)
        np.testing.assert_allclose(predicted[:, 1], quality[0, 1])


@pytest.mark.parametrize(
    ("router", "params"),
    [(RidgeRouter, {"alpha": 0.0}), (LogisticRouter, {"C": "best"})],
)
def test_bad_parameters_are_named(router, params, data):
    with pytest.raises(ValueError, match=next(iter(params))):
        router(**params).fit(data.X, data.y)
