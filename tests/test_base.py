"""What the mixin does for every router, shown on one that reads quality off X."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from strategies import availability, outcomes, predictions, rankings

from sklroute import Outcomes
from sklroute.base import RouterMixin
from sklroute.metrics import realised_utility
from sklroute.model_selection import utility_scorer
from sklroute.outcomes._values import observed_mean
from sklroute.policies import Budget, CheapestAbove, MaxUtility, RiskAverse

NAN = float("nan")


class ReadOff(RouterMixin, BaseEstimator):
    """A router whose features are the quality that it predicts."""

    def __init__(self, policy=None):
        self.policy = policy

    def _fit(self, X, outcomes, sample_weight, groups):
        self.seen_ = X, outcomes, sample_weight, groups

    def _predict_quality(self, X):
        return X


class ReadOffWithSpread(ReadOff):
    """Its last model is the uncertain one."""

    def _predict_moments(self, X, available, policy):
        std = np.zeros(available.shape)
        std[:, -1] = 0.5
        return self.predict_quality(X), std


@pytest.fixture
def y():
    return Outcomes(
        [[1.0, 0.5, 0.0], [0.0, 0.5, 1.0], [0.5, 0.5, NAN], [0.0, 1.0, 1.0]],
        cost=[[4.0, 1.0, 2.0], [6.0, 1.0, 2.0], [5.0, NAN, NAN], [5.0, 3.0, 2.0]],
        models=["large", "base", "medium"],
    )


@pytest.fixture
def X(y):
    return np.nan_to_num(y.quality)


@pytest.fixture
def router(X, y):
    return ReadOff().fit(X, y)


def test_a_router_may_do_without_a_policy_of_its_own(X, y):
    class Plain(RouterMixin, BaseEstimator):
        def _fit(self, X, outcomes, sample_weight, groups):
            pass

        def _predict_quality(self, X):
            return X

    plain, router = Plain().fit(X, y), ReadOff().fit(X, y)
    assert_array_equal(plain.predict(X), router.predict(X))
    assert plain.score(X, y) == router.score(X, y)


def test_one_text_instead_of_features_is_refused(router):
    with pytest.raises(ValueError, match=r"float: 'why'\. Encode texts first"):
        router.predict("why")


# -- fit -----------------------------------------------------------------------------


def test_the_pool_is_learned_from_observed_cells(router):
    assert router.classes_.tolist() == ["base", "large", "medium"]
    assert_allclose(router.mean_quality_, [0.625, 0.375, 2 / 3])
    assert_allclose(router.mean_cost_, [5 / 3, 5.0, 2.0])
    assert router.n_features_in_ == 3


def test_the_means_are_weighted(X, y):
    router = ReadOff().fit(X, y, sample_weight=[1, 3, 1, 1])
    assert_allclose(router.mean_cost_, [7 / 5, 32 / 6, 2.0])
    # (0 + 3 * 1 + 1) / 5: the third query does not count for the third model.
    assert router.mean_quality_[2] == pytest.approx(0.8)


def test_a_query_of_weight_zero_is_as_good_as_absent(X, y):
    groups = np.array(["a", "b", "b", "c"])
    kept = [0, 2, 3]
    weighted = ReadOff().fit(X, y, sample_weight=[2, 0, 2, 2], groups=groups)
    sliced = ReadOff().fit(
        X[kept], y[kept], sample_weight=[2, 2, 2], groups=groups[kept]
    )
    for left, right in zip(weighted.seen_, sliced.seen_, strict=True):
        assert_array_equal(np.asarray(left), np.asarray(right))


def test_columns_of_a_frame_are_remembered(y, X):
    router = ReadOff().fit(pd.DataFrame(X, columns=["f", "g", "h"]), y)
    assert router.feature_names_in_.tolist() == ["f", "g", "h"]


def test_costs_may_be_unknown(X, y):
    router = ReadOff().fit(X, Outcomes(y.quality, models=y.models))
    assert np.isnan(router.predict_cost(X)).all()
    assert router.predict(X).tolist() == ["large", "medium", "base", "base"]


@given(outcomes(missing=True))
def test_the_names_of_the_models_are_the_classes(y):
    router = ReadOff().fit(np.zeros(y.quality.shape), y)
    assert_array_equal(router.classes_, y.models)


# -- predict -------------------------------------------------------------------------


@given(predictions(), rankings(needs_std=False))
def test_prediction_is_the_policy_on_predicted_quality_and_cost(arrays, policy):
    y = Outcomes(arrays.quality, arrays.cost)
    router = ReadOff().fit(arrays.quality, y)
    keywords = {"available": arrays.available, "costs": arrays.cost, "policy": policy}
    choice = policy(arrays.quality, arrays.cost, arrays.available)
    assert_array_equal(router.predict(arrays.quality, **keywords), choice)
    assert_array_equal(
        router.predict_utility(arrays.quality, **keywords),
        policy.utility(arrays.quality, arrays.cost, arrays.available),
    )


@given(predictions())
def test_probabilities_sum_to_one_and_are_zero_where_unavailable(arrays):
    router = ReadOff().fit(arrays.quality, Outcomes(arrays.quality))
    proba = router.predict_proba(arrays.quality, available=arrays.available)
    assert_allclose(proba.sum(axis=1), 1.0)
    assert (proba[~arrays.available] == 0).all()
    likeliest = proba == proba.max(axis=1, keepdims=True)
    chosen = router.predict(arrays.quality, available=arrays.available)
    assert likeliest[np.arange(len(chosen)), chosen].all()


@given(st.data(), predictions())
def test_one_mask_may_serve_all_queries(data, arrays):
    shape = arrays.quality.shape
    mask = data.draw(availability(shape=(1, shape[1])))
    router = ReadOff().fit(arrays.quality, Outcomes(arrays.quality))
    assert_array_equal(
        router.predict_proba(arrays.quality, available=mask[0]),
        router.predict_proba(arrays.quality, available=np.repeat(mask, shape[0], 0)),
    )


def test_the_choice_is_made_on_mean_cost_not_on_that_of_the_query(X, y):
    # Realised costs of row 3 are 3 and 2; the means are 5/3 and 2.
    router = ReadOff(MaxUtility(0.1)).fit(X, y)
    assert router.predict(X[3:]).tolist() == ["base"]


def test_a_policy_given_to_predict_replaces_that_of_the_router(X, y):
    router = ReadOff(CheapestAbove(0.0)).fit(X, y)
    assert set(router.predict(X)) == {"base"}
    assert router.predict(X, policy=MaxUtility()).tolist()[:2] == ["large", "medium"]
    assert set(router.predict(X, policy=Budget(mean_cost=1.7))) == {"base"}


def test_a_price_list_replaces_mean_costs(router, X):
    policy = MaxUtility(1.0)
    free = router.predict(X, costs=[9.0, 0.0, 9.0], policy=policy)
    assert set(free) == {"large"}


def test_the_score_is_that_of_the_scorer_where_costs_are_unknown(X, y):
    router = ReadOff(policy=MaxUtility(0.1)).fit(X, y)
    assert router.predict(X)[2] == "base"  # whose cost is not known there
    assert router.score(X, y) == pytest.approx(utility_scorer(0.1)(router, X, y))
    cost = np.array(y.cost)
    cost[1] = NAN
    with pytest.raises(ValueError, match=r"MaxUtility.* needs costs.*row 1"):
        router.score(X, Outcomes(y.quality, cost, models=y.models))


def test_a_scored_query_of_weight_zero_is_as_good_as_absent(router, X, y):
    quality = np.array(y.quality)
    quality[1] = NAN
    unknown, weight = Outcomes(quality, y.cost, models=y.models), [2, 0, 1, 1]
    rows = [0, 0, 2, 3]
    score = router.score(X, unknown, sample_weight=weight)
    assert score == pytest.approx(router.score(X[rows], y[rows]))


def test_a_label_of_weight_zero_shares_no_budget(X):
    labels = np.array(["large", "medium", "base", "base"])
    router = ReadOff(policy=Budget(1.5)).fit(X, labels)
    router.set_costs({"base": 1.0, "large": 2.0, "medium": 1.0})
    X[2:] = [0.0, 1.0, 0.0]  # which would gain most by "large"
    assert router.score(X[:2], labels[:2]) == 1.0
    assert router.score(X, labels, sample_weight=[1, 1, 0, 0]) == 1.0


def test_models_without_a_price_have_their_predicted_cost(router, X):
    policy = MaxUtility(1.0)
    expected = router.predict_utility(X, policy=policy)
    expected[:, 1] += router.mean_cost_[1] - 0.5
    utility = router.predict_utility(X, costs={"large": 0.5}, policy=policy)
    assert_allclose(utility, expected)
    prices = pd.Series({"large": 0.5})
    assert_array_equal(router.predict_utility(X, costs=prices, policy=policy), utility)
    per_query = {"large": np.full(len(X), 0.5)}
    utility = router.predict_utility(X, costs=per_query, policy=policy)
    assert_allclose(utility, expected)


def test_labelled_prices_and_masks_are_matched_by_name(router, X):
    prices = pd.Series({"medium": 9.0, "large": 0.0, "base": 9.0})
    chosen = router.predict(X, costs=prices, policy=MaxUtility(1.0))
    assert set(chosen) == {"large"}
    chosen = router.predict(X, costs=prices.to_dict(), policy=MaxUtility(1.0))
    assert set(chosen) == {"large"}
    up = pd.DataFrame({"medium": [True] * 4, "large": [False] * 4, "base": [False] * 4})
    assert set(router.predict(X, available=up)) == {"medium"}
    with pytest.raises(ValueError, match=r"available has the labels .*'tiny'"):
        router.predict(X, available=up.rename(columns={"base": "tiny"}))


def test_a_text_does_not_count_as_available(router, X):
    state = {"base": "up", "large": "down", "medium": "up"}
    with pytest.raises(ValueError, match=r"says 'up' of 'base'; it must return true"):
        router.predict(X, available=state.get)
    up = router.predict(X, available=lambda model: state[model] == "up")
    matched = router.predict(X, available=re.compile("base|medium").match)
    assert_array_equal(matched, up)


def test_models_may_be_named_true_and_false():
    router = ReadOff().fit([[0.1, 0.2], [0.2, 0.1]], [True, False])
    assert router.predict([[0.1, 0.2]], available={True: False, False: True}) == [False]


@pytest.mark.parametrize("models", [[False, True], [0, 1]])
def test_true_is_the_model_1(models):
    X, quality = np.array([[0.1, 0.2], [0.2, 0.1]]), np.array([[0.0, 1.0], [0.5, 0.0]])
    router = ReadOff().fit(X, Outcomes(quality, models=models))
    for names in ([False, True], [0, 1]):
        assert router.score(X, Outcomes(quality, models=names)) == 0.75
        prices = pd.Series([9.0, 1.0], index=names[::-1])
        utility = router.predict_utility(X, costs=prices, policy=MaxUtility(0.1))
        assert_allclose(utility, X - [0.1, 0.9])


@pytest.mark.parametrize("names", [[], (), set()])
def test_no_names_leave_no_model(router, names, X):
    with pytest.raises(ValueError, match=r"Row 0 has no available model \(4 of 4"):
        router.predict(X, available=names)


def test_a_set_of_names_is_no_mask():
    y = Outcomes([[0.0, 1.0], [0.0, 1.0]], models=[1, 0])
    router = ReadOff().fit([[0.1, 0.2], [0.1, 0.2]], y)
    X = [[0.2, 0.1]]
    assert router.predict(X, available={1}) == 1
    assert router.predict(X, available={0, 1}) == 0
    with pytest.raises(ValueError, match="2, which is not one of the models"):
        router.predict(X, available={0, 2})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda X: X[:, 0], r"shape \(4, 3\).*got \(4,\)"),
        (lambda X: X[:, :2], r"got \(4, 2\)"),
        (lambda X: X[:1], r"got \(1, 3\)"),
        (lambda X: X.tolist(), "got list"),
        (lambda X: X * NAN, "finite numbers; got nan"),
    ],
)
def test_quality_of_another_shape_is_refused_in_fit(wrong, message, X, y):
    class Wrong(ReadOff):
        def _predict_quality(self, X):
            return wrong(X)

    with pytest.raises(ValueError, match=f"Wrong._predict_quality.*{message}"):
        Wrong().fit(X, y)


def test_a_spread_lets_a_policy_avert_risk(X, y):
    router = ReadOffWithSpread().fit(X, y)
    assert router.predict(X).tolist()[1] == "medium"
    assert router.predict(X, policy=RiskAverse(2.0)).tolist()[1] == "base"


def test_a_learned_temperature_sharpens_the_probabilities(router, X):
    before = router.predict_proba(X)[0].max()
    router.temperature_ = 1e-3
    assert router.predict_proba(X)[0].max() > before


def test_the_only_available_model_has_probability_one(router, X):
    only = router.predict_proba(X, available=[False, True, False])
    assert_array_equal(only, np.tile([0.0, 1.0, 0.0], (4, 1)))


# -- score ---------------------------------------------------------------------------


def test_the_score_is_the_mean_realised_utility_at_the_price_of_the_policy(X, y):
    rows = [0, 1, 3]  # the costs of row 2 are not known
    known = y[rows]
    for policy in (None, MaxUtility(0.125), CheapestAbove(0.9), Budget(4.0)):
        router = ReadOff(policy).fit(X, y)
        choice = router.predict(X[rows])
        price = getattr(policy, "cost_weight", 0.0)
        expected = realised_utility(known, choice, cost_weight=price)
        assert router.score(X[rows], known) == pytest.approx(expected)


def test_only_observed_and_available_models_can_be_scored(X, y):
    one = Outcomes([[NAN, 0.25, 1.0]], available=[True, True, False])
    router = ReadOff().fit(X, Outcomes(y.quality))
    assert router.score([[1.0, 0.0, 1.0]], one) == 0.25


def test_the_score_is_weighted(X, y):
    router = ReadOff().fit(X, y)
    assert router.score(X, y, sample_weight=[1, 0, 0, 0]) == 1.0
    swapped = X[:, [1, 0, 2]]  # the first query goes to "base", which is half right
    assert router.score(swapped, y, sample_weight=[1, 0, 0, 0]) == 0.5


def test_the_score_of_labels_is_the_accuracy():
    X = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    router = ReadOff().fit(X, ["a", "b", "b"])
    assert router.score(X, ["a", "b", "b"]) == pytest.approx(2 / 3)
    assert router.score(X, ["a", "b", "b"], sample_weight=[1, 1, 0]) == 1.0


# -- scikit-learn --------------------------------------------------------------------


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    quality = rng.random((40, 3))
    quality[rng.random((40, 3)) < 0.2] = NAN
    quality[np.arange(40), np.arange(40) % 3] = 0.5
    y = Outcomes(quality, cost=rng.random((40, 3)), models=["c", "a", "b"])
    return rng.random((40, 3)), y


def test_routers_are_cloned_and_pickled_with_their_policies(X, y):
    router = ReadOff(MaxUtility(0.5))
    assert clone(router).get_params()["policy__cost_weight"] == 0.5
    fitted = router.fit(X, y)
    copy = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(copy.predict(X), fitted.predict(X))


@pytest.mark.parametrize("routing", [False, True])
def test_searches_cross_validate_the_policy(table, routing):
    X, y = table
    grid = {"policy__cost_weight": [0.0, 0.5]}
    with config_context(enable_metadata_routing=routing):
        search = GridSearchCV(ReadOff(MaxUtility()), grid, cv=5).fit(X, y)
    assert search.best_params_["policy__cost_weight"] == 0.0
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_cross_val_predict_keeps_cells_and_names(table, method):
    X, y = table
    held_out = cross_val_predict(ReadOff(), X, y, cv=5, method=method)
    assert_array_equal(held_out, getattr(ReadOff().fit(X, y), method)(X))


def test_routing_passes_weights_and_groups_on_unasked(table):
    X, y = table
    keywords = {"sample_weight": np.arange(1.0, 41), "groups": np.arange(40) // 2}
    with config_context(enable_metadata_routing=True):
        scores = cross_val_score(ReadOff(), X, y, cv=GroupKFold(4), params=keywords)
        pipeline = make_pipeline(FunctionTransformer(), ReadOff())
        pipeline.fit(X, y, **keywords)
    assert len(scores) == 4
    assert_array_equal(pipeline[-1].seen_[2], keywords["sample_weight"])
    assert_array_equal(pipeline[-1].seen_[3], keywords["groups"])


@pytest.mark.parametrize("routing", [False, True])
def test_pipelines_pass_keywords_of_predict_on(table, routing):
    X, y = table
    with config_context(enable_metadata_routing=routing):
        pipeline = make_pipeline(FunctionTransformer(), ReadOff()).fit(X, y)
        chosen = pipeline.predict(
            X, available=[True, False, True], policy=MaxUtility(0.1)
        )
    assert set(chosen) == {"a", "c"}


# -- shared parts --------------------------------------------------------------------


def test_observed_mean_skips_missing_cells():
    table = np.array([[1.0, NAN, 0.5], [0.0, NAN, NAN]])
    assert_array_equal(observed_mean(table), [0.5, NAN, 0.5])
    # (3 * 1 + 1 * 0) / 4
    assert_array_equal(observed_mean(table, np.array([3.0, 1.0])), [0.75, NAN, 0.5])


def test_observed_mean_of_equal_cells_is_theirs():
    for n in range(1, 60):
        table = np.full((n, 1), 0.1)
        assert observed_mean(table) == 0.1
        assert observed_mean(table, np.linspace(0.1, 1, n)) == 0.1


def test_of_models_of_one_price_the_cheapest_is_the_best():
    # Called differently often; sums of prices differ in their last digit.
    for n in range(1, 30):
        cost = np.full((30, 2), 0.1)
        cost[n:, 0] = NAN
        y = Outcomes(np.full((30, 2), 0.8), cost=cost)
        router = ReadOff(CheapestAbove(0.5)).fit(np.full((30, 2), 0.8), y)
        assert_array_equal(router.predict([[0.6, 0.9], [0.9, 0.6]]), [1, 0])
