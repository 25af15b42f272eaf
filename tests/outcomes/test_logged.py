import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, check_cv, cross_val_predict
from sklearn.utils.multiclass import type_of_target
from strategies import outcomes

from sklroute import FixedRouter, KNNRouter, LoggedOutcomes, Outcomes, RidgeRouter
from sklroute.metrics import best_single
from sklroute.model_selection import cross_val_quality
from sklroute.outcomes import check_outcomes

NAN = float("nan")


@st.composite
def logs(draw):
    """Logs of any outcomes, with propensities where they are needed and elsewhere."""
    y = draw(outcomes(missing=True))
    chance = draw(st.sampled_from([0.25, 0.5, 1.0]))
    elsewhere = draw(st.sampled_from([NAN, 0.0, 0.125]))
    propensity = np.where(y.observed, chance, elsewhere)
    return LoggedOutcomes(
        y.quality, y.cost, y.available, propensity=propensity, models=y.models
    )


@pytest.fixture
def log():
    return pd.DataFrame(
        [["q2", "large", 1.0, 3.0, 0.2], ["q1", "base", 0.5, 1.0, 0.8],
         ["q3", "base", 0.0, 1.0, 0.6]],
        columns=["query", "model", "quality", "cost", "propensity"],
    )  # fmt: skip


def test_labelled_propensities_are_matched_by_name():
    y = LoggedOutcomes([[0.5, NAN]], propensity={"a": 0.2, "b": 0.8}, models=["b", "a"])
    np.testing.assert_array_equal(y.propensity, [[0.2, 0.8]])
    quality = pd.DataFrame({"a": [0.5, NAN]}, index=["q1", "q2"])
    propensity = pd.DataFrame({"a": [0.5, NAN]}, index=["q2", "q1"])
    with pytest.raises(ValueError, match="Row 0 of propensity has the label 'q2'"):
        LoggedOutcomes(quality, propensity=propensity)


def make_log(n_queries=200, n_models=3, seed=0):
    """Features, a log of calls that depend on the query, and all the answers."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_queries, 2))
    propensity = np.exp(X @ rng.normal(size=(2, n_models)))
    propensity /= propensity.sum(axis=1, keepdims=True)
    called = (rng.random(n_queries)[:, None] < propensity.cumsum(axis=1)).argmax(axis=1)
    quality = rng.random((n_queries, n_models))
    seen = np.eye(n_models)[called] > 0
    y = LoggedOutcomes(np.where(seen, quality, NAN), propensity=propensity)
    return X, y, quality


def assert_same(left, right):
    assert type(left) is type(right)
    np.testing.assert_array_equal(np.asarray(left), np.asarray(right))
    assert left.models.tolist() == right.models.tolist()


@given(logs())
def test_a_bare_array_a_frame_and_a_pickle_keep_everything(y):
    assert_same(check_outcomes(np.asarray(y)), y)
    assert_same(LoggedOutcomes.from_frame(y.to_frame()), y)
    assert_same(pickle.loads(pickle.dumps(y)), y)


@given(logs())
def test_slices_are_logs(y):
    rows = np.arange(len(y))[::-1]
    np.testing.assert_array_equal(y[rows].propensity, y.propensity[::-1])
    assert_same(y[rows][rows], y)


def test_columns_are_sorted_with_the_names():
    y = LoggedOutcomes(
        [[1.0, NAN]], [3.0, 1.0], propensity=[0.2, 0.8], models=["b", "a"]
    )
    np.testing.assert_array_equal(y.propensity, [[0.8, 0.2]])
    np.testing.assert_array_equal(y.cost, [[1.0, 3.0]])
    frame = pd.DataFrame({"b": [1.0], "a": [NAN]})
    named = LoggedOutcomes(frame, propensity=pd.Series({"a": 0.8, "b": 0.2}))
    np.testing.assert_array_equal(named.propensity, [[0.8, 0.2]])


def test_a_tidy_log_is_read_in_the_order_wanted(log):
    y = LoggedOutcomes.from_long(log, queries=["q1", "q2", "q3"])
    np.testing.assert_array_equal(y.propensity, [[0.8, NAN], [NAN, 0.2], [0.6, NAN]])
    np.testing.assert_array_equal(y.cost, [[1.0, NAN], [NAN, 3.0], [1.0, NAN]])
    renamed = log.rename(columns={"propensity": "p"}).drop(columns="cost")
    assert LoggedOutcomes.from_long(renamed, propensity="p").propensity[0, 1] == 0.2
    with pytest.raises(ValueError, match="no column 'propensity'"):
        LoggedOutcomes.from_long(renamed)
    assert type(Outcomes.from_long(log)) is Outcomes


def test_scikit_learn_sees_no_labels_and_slices_it():
    X, y, _ = make_log()
    assert type_of_target(y) == "unknown"
    assert isinstance(check_cv(3, y, classifier=True), KFold)
    proba = cross_val_predict(RidgeRouter(1.0), X, y, cv=3, method="predict_proba")
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)


@pytest.mark.parametrize("router", [RidgeRouter(1.0), KNNRouter(10), FixedRouter()])
def test_routers_learn_from_a_log_what_they_learn_from_its_outcomes(router):
    X, y, _ = make_log()
    plain = Outcomes(y.quality, y.cost)
    expected = router.fit(X, plain).predict_quality(X)
    np.testing.assert_array_equal(router.fit(X, y).predict_quality(X), expected)
    assert cross_val_quality(router, X, y, cv=3).shape == y.quality.shape


def test_inverse_propensity_weights_undo_the_selection():
    X, y, quality = make_log(20_000)
    weighted = FixedRouter().fit(X, y, sample_weight=y.inverse_propensity())
    np.testing.assert_allclose(weighted.mean_quality_, quality.mean(axis=0), atol=0.02)


def test_weights_find_the_best_single_model_that_the_log_hides():
    # "b" was called for easy queries mostly; over all of them "a" is better.
    easy = np.arange(400) < 200
    quality = np.column_stack([np.where(easy, 1.0, 0.6), np.where(easy, 0.9, 0.1)])
    propensity = np.where(easy[:, None], [0.1, 0.9], [0.9, 0.1])
    called = np.where(np.arange(400) % 10 == 0, ~easy, easy).astype(int)
    seen = np.eye(2)[called] > 0
    y = LoggedOutcomes(
        np.where(seen, quality, NAN), propensity=propensity, models=["a", "b"]
    )
    assert best_single(y) == "b"
    X = np.zeros((400, 1))
    weighted = FixedRouter().fit(X, y, sample_weight=y.inverse_propensity())
    assert weighted.model_ == "a"
    np.testing.assert_allclose(weighted.mean_quality_, [0.8, 0.5])


@pytest.mark.parametrize(
    ("propensity", "message"),
    [
        ([0.0, 0.5], r"model 'a' in row 1 is observed, but its propensity is 0.0"),
        ([NAN, 0.5], r"model 'a' in row 1 is observed, but its propensity is nan"),
        ([1.5, 0.5], r"propensity must be in \[0, 1\]; row 0, model 'a' has 1.5"),
        ([0.5], r"propensity has shape \(1,\); expected \(2, 2\)"),
        (["much", 0.5], "propensity must be numeric: row 0, column 0 has 'much'"),
    ],
)
def test_bad_propensities_are_located(propensity, message):
    with pytest.raises(ValueError, match=message):
        LoggedOutcomes(
            [[NAN, 1.0], [1.0, NAN]], propensity=propensity, models=["a", "b"]
        )


def test_several_calls_have_no_one_weight():
    y = LoggedOutcomes([[1.0, NAN], [1.0, 0.0]], propensity=[0.5, 0.5])
    with pytest.raises(ValueError, match="Row 1 has 2 observed answers"):
        y.inverse_propensity()


def test_other_channels_are_refused():
    with pytest.raises(ValueError, match=r"channels .*; got shape \(2, 3, 5\)"):
        check_outcomes(np.zeros((2, 3, 5)))
    with pytest.raises(ValueError, match="needs two-level columns with 'propensity'"):
        LoggedOutcomes.from_frame(pd.DataFrame({"a": [1.0], "b": [0.0]}))
    logged = pd.DataFrame([[1.0, 0.5]], columns=pd.MultiIndex.from_tuples(
        [("quality", "a"), ("propensity", "a")]))  # fmt: skip
    with pytest.raises(ValueError, match="'quality', and optionally 'cost' and 'avail"):
        Outcomes.from_frame(logged)
