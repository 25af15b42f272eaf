"""The container of outcomes: round trips, order, immutability, slices."""

import copy
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import KFold, check_cv, train_test_split
from sklearn.utils import _safe_indexing, shuffle
from sklearn.utils.multiclass import type_of_target
from strategies import cost_weights, outcomes

from sklroute import Outcomes
from sklroute.outcomes import check_outcomes

NAN = float("nan")


@pytest.fixture
def y():
    return Outcomes(
        [[1.0, 0.2, NAN], [0.4, 0.8, 0.8], [0.6, NAN, 0.1], [0.0, 0.0, 0.0]],
        cost=[5.0, 1.0, 2.0],
        available=[[True, True, True], [True, True, True], [False, True, True],
                   [True, True, False]],
        models=["large", "base", "medium"],
    )  # fmt: skip


def assert_same(left, right):
    assert_array_equal(np.asarray(left), np.asarray(right))
    assert left.models.tolist() == right.models.tolist()
    assert left.models.dtype.kind == right.models.dtype.kind


# -- round trips ---------------------------------------------------------------------


@given(outcomes(missing=True))
def test_a_frame_keeps_everything(y):
    assert_same(Outcomes.from_frame(y.to_frame()), y)


@given(outcomes(missing=True), st.randoms(use_true_random=False))
def test_a_log_keeps_what_was_run(y, random):
    assume(len({str(model).strip() for model in y.models}) == len(y.models))
    seen = y.observed
    calls = [
        {"query": f"q{i}", "model": y.models[j], "quality": y.quality[i, j],
         "cost": y.cost[i, j], "tokens": "ignored"}
        for i, j in np.argwhere(seen)
    ]  # fmt: skip
    random.shuffle(calls)
    queries = [f"q{i}" for i in range(len(y))]
    read = Outcomes.from_long(pd.DataFrame(calls), queries=queries)
    expected = Outcomes(y.quality, np.where(seen, y.cost, NAN), models=y.models)
    assert_same(read, expected)


def test_a_query_that_is_asked_for_twice_is_there_twice():
    log = pd.DataFrame({"query": ["q1", "q2"], "model": "a", "quality": [1.0, 0.5]})
    read = Outcomes.from_long(log, queries=["q2", "q1", "q2"])
    np.testing.assert_array_equal(read.quality, [[0.5], [1.0], [0.5]])


def test_a_log_names_its_queries_by_dates_in_categories_too():
    days = pd.Series(pd.date_range("2026-01-01", periods=2))
    log = pd.DataFrame({"query": days.astype("category"), "model": "a"})
    read = Outcomes.from_long(log.assign(quality=[1.0, 0.5]), queries=days[::-1])
    np.testing.assert_array_equal(read.quality, [[0.5], [1.0]])


@given(outcomes(missing=True))
def test_a_bare_array_keeps_the_names(y):
    table = np.asarray(y)
    assert_same(check_outcomes(table), y)
    assert_same(check_outcomes(table.copy()), y)
    assert_same(check_outcomes(np.array(y)), y)
    assert_same(check_outcomes(table[::-1]), y[::-1])
    assert_same(check_outcomes(table[np.arange(len(y))]), y)
    assert_same(check_outcomes(pickle.loads(pickle.dumps(table))), y)


def test_a_bare_array_keeps_the_names_through_joblib(y, tmp_path):
    joblib.dump(np.asarray(y), tmp_path / "y")
    assert_same(check_outcomes(joblib.load(tmp_path / "y")), y)
    assert joblib.hash(y) == joblib.hash(copy.deepcopy(y))


def test_outcomes_reach_other_processes_whole(y):
    parts = joblib.Parallel(n_jobs=2)(
        joblib.delayed(_read_there)(part) for part in (y, np.asarray(y))
    )
    for part in parts:
        assert_same(part, y)


def _read_there(y):
    from sklroute.outcomes import check_outcomes

    return check_outcomes(y)


@given(outcomes(missing=True))
def test_copies_and_pickles_are_the_same_and_read_only(y):
    for other in (pickle.loads(pickle.dumps(y)), copy.copy(y), copy.deepcopy(y)):
        assert_same(other, y)
        assert not other.quality.flags.writeable
        assert not other.models.flags.writeable


@given(outcomes(missing=True))
def test_outcomes_are_read_as_they_are(y):
    assert check_outcomes(y, for_fit=True) is y


# -- forms of y ----------------------------------------------------------------------


def test_a_float_table_is_quality():
    y = check_outcomes(np.array([[0.1, 0.2], [0.3, NAN]]))
    assert_array_equal(y.quality, [[0.1, 0.2], [0.3, NAN]])
    assert np.isnan(y.cost).all()
    assert y.available.all()
    assert y.models.tolist() == [0, 1]


def test_labels_are_the_best_models():
    y = check_outcomes(["ocr", "chat", "ocr"])
    assert_array_equal(y.quality, [[0, 1], [1, 0], [0, 1]])
    assert y.best_model().tolist() == ["ocr", "chat", "ocr"]


def test_labels_need_not_name_every_model():
    y = check_outcomes(["b", "b"], models=["c", "a", "b"])
    assert_array_equal(y.quality, [[0, 1, 0], [0, 1, 0]])
    with pytest.raises(ValueError, match=r"Row 1: 'd' is not one of the models"):
        check_outcomes(["b", "d"], models=["a", "b"])


def test_one_column_is_of_labels_unless_it_has_the_name_of_a_model():
    for read in (pd.DataFrame, np.array):
        with pytest.warns(DataConversionWarning, match="column-vector"):
            y = check_outcomes(read([["b"], ["a"]]), models=["a", "b"])
        assert_array_equal(y.quality, [[0, 1], [1, 0]])
    y = check_outcomes(pd.DataFrame({"a": [0.5, 1.0]}), models=["a"])
    assert_array_equal(y.quality, [[0.5], [1.0]])
    y = check_outcomes(pd.DataFrame({"b": [0.5], "a": [1.0]}))
    assert y.models.tolist() == ["a", "b"]


def test_a_missing_value_of_pandas_is_missing():
    frame = pd.DataFrame({"a": [0.5, None], "b": [1, None]}).convert_dtypes()
    assert_array_equal(Outcomes(frame).quality, [[0.5, 1.0], [NAN, NAN]])
    assert_array_equal(Outcomes(frame.to_numpy()).quality, [[0.5, 1.0], [NAN, NAN]])
    assert_array_equal(Outcomes([[0.5, 1]], cost=[pd.NA, 2]).cost, [[NAN, 2.0]])


def test_labels_may_be_true_and_false():
    y = check_outcomes([True, False, True])
    assert y.models.tolist() == [False, True]
    assert_array_equal(y.quality, [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])


@pytest.mark.parametrize("read", [Outcomes, check_outcomes])
def test_a_masked_cell_is_missing(read):
    quality = np.ma.masked_array([[1, 0], [0, 1]], mask=[[False, True], [False] * 2])
    assert_array_equal(read(quality).quality, [[1.0, NAN], [0.0, 1.0]])


def test_two_level_columns_may_leave_out_costs_and_availability():
    frame = pd.DataFrame(
        [[0.1, 0.2, 3.0, False]],
        columns=pd.MultiIndex.from_tuples(
            [("quality", "b"), ("quality", "a"), ("cost", "b"), ("available", "a")]
        ),
    )
    y = Outcomes.from_frame(frame)
    assert_array_equal(y.quality, [[0.2, 0.1]])
    assert_array_equal(y.cost, [[NAN, 3.0]])
    assert_array_equal(y.available, [[False, True]])


def test_one_missing_answer_is_not_hidden_by_rounding():
    quality = np.ones((500, 2))
    assert repr(Outcomes(quality)).endswith("observed=100%)")
    quality[7, 1] = NAN
    assert repr(Outcomes(quality)).endswith("observed=99%)")


def test_quality_may_be_a_tensor():
    torch = pytest.importorskip("torch")
    assert_same(Outcomes(torch.ones((3, 2))), Outcomes(np.ones((3, 2))))


def test_queries_of_a_log_come_in_order_of_appearance():
    log = pd.DataFrame(
        [["z", "m", 1.0], ["a", "m", 0.5], ["z", "k", 0.0]],
        columns=["query", "model", "quality"],
    )
    assert_array_equal(Outcomes.from_long(log).quality, [[0.0, 1.0], [NAN, 0.5]])


# -- names ---------------------------------------------------------------------------


@given(st.data(), outcomes(missing=True))
def test_the_order_of_the_input_does_not_matter(data, y):
    order = np.array(data.draw(st.permutations(range(len(y.models)))))
    permuted = Outcomes(
        y.quality[:, order],
        y.cost[:, order],
        y.available[:, order],
        models=y.models[order],
    )
    assert_same(permuted, y)


@given(outcomes())
def test_names_are_sorted(y):
    assert y.models.tolist() == sorted(y.models.tolist())


def test_columns_follow_their_names(y):
    assert y.models.tolist() == ["base", "large", "medium"]
    assert_array_equal(y.quality[0], [0.2, 1.0, NAN])
    assert_array_equal(y.cost[0], [1.0, 5.0, 2.0])
    assert_array_equal(y.available[2], [True, False, True])


def test_labelled_costs_and_masks_are_matched_by_name():
    quality = pd.DataFrame({"b": [0.1], "a": [0.2]})
    prices = pd.Series({"a": 1.0, "b": 5.0})
    assert_array_equal(Outcomes(quality, prices).cost, [[1.0, 5.0]])
    mask = pd.DataFrame({"a": [True], "b": [False]})
    assert_array_equal(Outcomes(quality, available=mask).available, [[True, False]])


@pytest.mark.parametrize(
    "cost",
    [
        pd.Series({"a": 1.0, "b": 5.0}),
        {"a": 1.0, "b": 5.0},
        pd.DataFrame({"a": [1.0], "b": [5.0]}),
        pd.Series([5.0, 1.0]),  # without names, and so by position
    ],
    ids=["series", "dict", "frame", "unnamed"],
)
@pytest.mark.parametrize(
    "quality",
    [[[0.1, 0.2]], pd.DataFrame({"a": [0.2], "b": [0.1]}), pd.DataFrame([[0.1, 0.2]])],
    ids=["array", "frame", "unnamed"],
)
def test_labels_are_matched_with_the_names_that_are_given(quality, cost):
    y = Outcomes(quality, cost, models=["b", "a"])
    assert_array_equal(y.quality, [[0.2, 0.1]])
    assert_array_equal(y.cost, [[1.0, 5.0]])


@pytest.mark.parametrize("channel", ["quality", "cost"])
def test_default_labels_are_not_taken_for_names_in_another_order(channel):
    given = {"quality": [[0.1, 0.2]], "cost": [[1.0, 5.0]]}
    given[channel] = pd.DataFrame(given[channel])
    with pytest.raises(ValueError, match=f"{channel} has the default labels"):
        Outcomes(**given, models=[1, 0])
    assert_array_equal(Outcomes(**given, models=[0, 1]).quality, [[0.1, 0.2]])
    assert_array_equal(Outcomes(**given, models=[8, 9]).quality, [[0.1, 0.2]])


def test_numbers_that_somebody_has_given_are_names():
    cost = {0: 1.0, 1: 5.0}
    assert_array_equal(Outcomes([[0.2, 0.1]], cost, models=[1, 0]).cost, [[1.0, 5.0]])
    for labels in (cost, pd.Series([1.0, 5.0], index=pd.RangeIndex(1, 3))):
        with pytest.raises(ValueError, match="cost has the labels"):
            Outcomes([[0.2, 0.1]], labels, models=["b", "a"])


def test_a_dict_of_columns_is_a_table():
    quality = {"b": [0.2, 0.4], "a": [0.1, 0.3]}
    cost = {"a": [1.0, 2.0], "b": [5.0, 6.0]}
    y = Outcomes(quality, cost)
    assert y.models.tolist() == ["a", "b"]
    assert_array_equal(y.quality, [[0.1, 0.2], [0.3, 0.4]])
    assert_array_equal(y.cost, [[1.0, 5.0], [2.0, 6.0]])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"quality": pd.DataFrame([[0.1, 0.2]], columns=["a", "c"])}, "quality has"),
        ({"cost": pd.Series({"a": 1.0, "c": 5.0})}, "cost has the labels"),
        ({"cost": {"a": 1.0, "c": 5.0}, "models": None}, "cost has the labels"),
        ({"available": pd.Series({"a": True})}, r"'b'\]. It needs each of them once"),
    ],
)
def test_labels_that_are_not_the_names_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Outcomes(**{"quality": [[0.1, 0.2]], "models": ["a", "b"], **values})


def test_rows_with_other_labels_are_refused():
    quality = pd.DataFrame({"a": [0.1, 0.2]}, index=["q1", "q2"])
    cost = pd.DataFrame({"a": [1.0, 2.0]}, index=["q2", "q1"])
    with pytest.raises(ValueError, match="Row 0 of cost has the label"):
        Outcomes(quality, cost)
    assert_array_equal(Outcomes(quality, cost.loc[quality.index]).cost, [[2.0], [1.0]])


def test_two_level_columns_of_one_model_are_a_table():
    frame = pd.DataFrame({("quality", "only"): [0.0, 1.0]})
    assert check_outcomes(frame).models.tolist() == ["only"]


def test_the_index_of_a_model_is_its_column(y):
    assert y.index(["medium", "base"]).tolist() == [2, 0]
    assert y.index([]).tolist() == []
    with pytest.raises(ValueError, match="Row 1: 'tiny' is not one of the models"):
        y.index(["base", "tiny"])


# -- immutability --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["models", "quality", "cost", "available", "shape"])
def test_attributes_cannot_be_set(y, name):
    with pytest.raises(AttributeError):
        setattr(y, name, None)


@pytest.mark.parametrize("part", ["models", "quality", "cost"])
@pytest.mark.parametrize("key", [slice(None), slice(1, 3), [0, 2], 1])
def test_arrays_cannot_be_written_to(y, part, key):
    with pytest.raises(ValueError, match="read-only"):
        getattr(y[key], part)[0] = 0


def test_the_bare_array_cannot_be_written_to(y):
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(y)[0] = 0


def test_later_changes_of_the_input_do_not_matter():
    quality, models = np.array([[0.5, 0.5]]), np.array(["a", "b"])
    y = Outcomes(quality, models=models)
    quality[:], models[:] = 1.0, "c"
    assert_array_equal(y.quality, [[0.5, 0.5]])
    assert y.models.tolist() == ["a", "b"]


# -- slices --------------------------------------------------------------------------

KEYS = {
    "slice": slice(1, 3),
    "reverse": slice(None, None, -1),
    "list": [2, 0, 2],
    "array": np.array([3, 1]),
    "negative": np.array([-1, -4]),
    "mask": np.array([True, False, False, True]),
    "list mask": [True, False, False, True],
    "nothing": slice(0, 0),
    "no rows": [],
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_rows_are_sliced_as_in_arrays(y, key):
    part = y[key]
    assert isinstance(part, Outcomes)
    assert_array_equal(np.asarray(part), np.asarray(y)[key])
    assert_same(y[key, ...], part)  # as scikit-learn does
    assert len(part) == len(np.asarray(y)[key])


@pytest.mark.parametrize("key", [0, 3, -1, np.int64(2)])
def test_a_single_row_is_a_table_of_one(y, key):
    assert y[key].shape == (1, 3, 3)
    assert_array_equal(y[key].quality[0], y.quality[key])


@pytest.mark.parametrize("key", [4, -5, np.int64(4)])
def test_a_row_past_the_end_is_refused(y, key):
    with pytest.raises(IndexError, match=f"Row {key} is out of range for 4 queries"):
        y[key]


def test_iteration_ends(y):
    assert len(list(y)) == 4


@pytest.mark.parametrize("key", [(0, 1), (slice(None), 0), None, np.array([[0, 1]])])
def test_only_rows_can_be_indexed(y, key):
    with pytest.raises(IndexError, match="by row only"):
        y[key]


@given(st.data(), outcomes(missing=True))
def test_safe_indexing_takes_every_kind_of_rows(data, y):
    mask = data.draw(hnp.arrays(bool, len(y)))
    rows = np.flatnonzero(mask)
    for key in (mask, rows, rows.tolist(), mask.tolist()):
        assert_same(_safe_indexing(y, key), y[mask])


# -- scikit-learn --------------------------------------------------------------------


@given(outcomes(missing=True))
def test_the_type_of_target_is_unknown(y):
    assert type_of_target(y) == "unknown"
    assert isinstance(check_cv(5, y, classifier=True), KFold)


def test_rows_travel_with_the_features(y):
    X = np.arange(4)
    for part in train_test_split(X, y, random_state=0), shuffle(X, y, random_state=0):
        *features, last = part
        rows = features[1] if len(features) == 3 else features[0]
        assert_same(last, y[rows])


def test_a_cast_needs_a_copy(y):
    assert np.asarray(y, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="cast without a copy"):
        np.asarray(y, dtype=np.float32, copy=False)
    assert np.array(y).flags.writeable


# -- questions -----------------------------------------------------------------------


def test_not_run_and_not_available_are_different_facts(y):
    assert_array_equal(y.observed[2], [False, True, True])
    assert_array_equal(y.available[2], [True, False, True])
    assert_array_equal(y.candidates[2], [False, False, True])


def test_ties_of_the_best_model_go_to_the_cheaper_then_the_first(y):
    # Row 1: base and medium have 0.8; row 3: base and large have 0, base is cheaper.
    assert y.best_model().tolist() == ["large", "base", "medium", "base"]
    equal = Outcomes([[0.5, 0.5]], cost=[1.0, 1.0], models=["b", "a"])
    assert equal.best_model().tolist() == ["a"]
    assert Outcomes([[0.5, 0.5]]).best_model().tolist() == [0]


def test_a_price_on_cost_changes_the_best_model(y):
    # Row 0: 1 - 0.3 * 5 < 0.2 - 0.3 * 1.
    assert y.best_model(cost_weight=0.3).tolist() == ["base", "base", "medium", "base"]


@given(outcomes(), cost_weights(min_value=0.0))
def test_no_candidate_is_better_than_the_best_model(y, weight):
    utility = np.where(y.candidates, y.quality - weight * y.cost, -np.inf)
    best = y.index(y.best_model(weight))
    assert_array_equal(utility[np.arange(len(y)), best], utility.max(axis=1))


def test_the_best_model_needs_a_candidate_and_its_cost():
    y = Outcomes([[0.5, 0.1], [NAN, 0.5]], available=[True, False])
    with pytest.raises(ValueError, match="Row 1 of y has no model that is both"):
        y.best_model()
    y = Outcomes([[0.5, 0.1], [0.2, 0.5]], [[1, 2], [1, NAN]], models=["a", "b"])
    with pytest.raises(ValueError, match=r"'b' is not known \(row 1\)"):
        y.best_model(cost_weight=0.1)


def test_the_representation_tells_size_names_and_coverage(y):
    assert repr(y) == (
        "Outcomes(n_queries=4, models=['base', 'large', 'medium'], observed=83%)"
    )
    assert repr(y[:0]) == (
        "Outcomes(n_queries=0, models=['base', 'large', 'medium'], observed=0%)"
    )
