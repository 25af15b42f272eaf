"""The drift alarm keeps its promise, and finds what it should."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.base import clone

from sklroute import DriftAlarm, Outcomes
from sklroute.pool._alarm import BETS, SIDES


def cold(**options):
    """Return an alarm that bets from the first call on."""
    return DriftAlarm(**{"tolerance": 0.05, "warm_up": 0, **options})


def stream(seed, n_calls, *means):
    rng = np.random.default_rng(seed)
    return (rng.random((n_calls, len(means))) < means).astype(float)


def slow_wealth(errors, tolerance):
    """Wealth of every stake by itself: what is staked when, times all its bets."""
    total = []
    for side in SIDES:
        for bet in BETS:
            growth = 1 + bet * (side * errors - tolerance) / (1 + tolerance)
            starts = np.arange(1, len(errors) + 1)
            stakes = 1 / (starts * (starts + 1))
            total.append(sum(s * growth[i:].prod() for i, s in enumerate(stakes)))
    return 1 / (len(errors) + 1) + np.mean(total)


@given(
    hnp.arrays(float, st.integers(1, 150), elements=st.floats(0, 1, width=16)),
    st.floats(0, 0.5, width=16),
)
def test_wealth_is_that_of_all_stakes_together(quality, tolerance):
    alarm = cold(alpha=1e-300, tolerance=tolerance)
    alarm.update(np.full((len(quality), 1), 0.5), quality[:, None])
    np.testing.assert_allclose(alarm.wealth_[0], slow_wealth(quality - 0.5, tolerance))


@pytest.mark.parametrize("mean", [0.45, 0.5, 0.55])
def test_wealth_does_not_grow_on_average_while_predictions_are_right(mean):
    # A non-negative supermartingale that starts at 1, up to and past the alarm.
    wealth = []
    for seed in range(400):
        alarm = cold(alpha=1e-9, tolerance=0.05)
        alarm.update(np.full((20, 1), 0.5), stream(seed, 20, mean))
        wealth.append(alarm.wealth_[0])
    assert np.mean(wealth) < 1 + 3 * np.std(wealth) / 20


def test_false_alarms_are_rarer_than_alpha():
    # Always off by just what is tolerated: the worst case. One stream is one draw.
    false = 0
    for seed in range(100):
        alarm = cold(alpha=0.2, tolerance=0.05)
        false += bool(alarm.update(np.full((2000, 1), 0.5), stream(seed, 2000, 0.45)))
    assert false <= 0.2 * 100 + 2 * (100 * 0.2 * 0.8) ** 0.5


@pytest.mark.parametrize("before", [0, 5000])
def test_a_drift_is_found_soon_however_late_it_comes(before):
    alarm = cold()
    calls = np.vstack([stream(0, before, 0.8, 0.6), stream(1, 500, 0.4, 0.6)])
    predicted = np.full(calls.shape, [0.8, 0.6])
    assert alarm.update(predicted, calls, models=["big", "small"]) == ["big"]
    (found,) = alarm.alarms_.to_dict("records")
    assert before <= found["query"] < before + 200
    assert (found["model"], found["direction"]) == ("big", "worse")
    assert found["wealth"] == alarm.wealth_["big"] >= 2 / 0.05
    assert found["call"] == found["query"] + 1


def test_a_model_that_is_better_than_predicted_is_told_apart():
    alarm = cold()
    assert alarm.update(np.full((400, 1), 0.5), stream(0, 400, 0.8)) == [0]
    assert alarm.alarms_["direction"].tolist() == ["better"]


def test_an_error_of_the_predictions_is_not_drift_after_a_warm_up():
    calls = np.vstack([stream(0, 3000, 0.5), stream(1, 200, 0.1)])
    predicted = np.full(calls.shape, 0.9)
    alarm = DriftAlarm()
    assert alarm.update(predicted, calls) == [0]
    assert 3000 < alarm.alarms_["query"][0] < 3200
    assert alarm.alarms_["call"][0] == alarm.alarms_["query"][0] + 1
    parts = DriftAlarm()
    for start in range(0, 3200, 70):
        parts.update(predicted[start : start + 70], calls[start : start + 70])
    pd.testing.assert_frame_equal(parts.alarms_, alarm.alarms_)
    without = cold(tolerance=0.1)
    assert without.update(predicted, calls) == [0]
    assert without.alarms_["query"][0] < 300


def test_a_stream_in_parts_is_the_same_stream():
    calls = stream(0, 600, 0.5, 0.9)
    calls[stream(1, 600, 0.5, 0.5) > 0] = np.nan
    predicted = np.full((600, 2), 0.7)
    whole, parts = cold(), cold()
    found = whole.update(predicted, calls)
    in_parts = []
    for start in range(0, 600, 7):
        rows = slice(start, start + 7)
        in_parts += parts.update(predicted[rows], calls[rows])
    assert sorted(found) == sorted(in_parts) == [0, 1]
    pd.testing.assert_frame_equal(whole.alarms_, parts.alarms_)
    pd.testing.assert_series_equal(whole.wealth_, parts.wealth_)
    assert parts.n_queries_ == 600


def test_an_alarm_is_raised_once_and_again_after_a_reset():
    alarm = cold()
    predicted, calls = np.full((300, 1), 0.9), stream(0, 300, 0.3)
    assert alarm.update(predicted, calls, models=["a"]) == ["a"]
    assert alarm.update(predicted, calls, models=["a"]) == []
    assert alarm.reset(["a"]).wealth_["a"] == 1.0
    assert alarm.update(predicted, calls, models=["a"]) == ["a"]
    assert alarm.alarms_["query"].between([0, 600], [299, 899]).all()


def test_only_calls_count():
    alarm = cold()
    nobody = np.full((50, 2), np.nan)
    assert alarm.update(nobody, nobody) == []
    assert (alarm.wealth_ == 1).all()
    assert alarm.n_queries_ == 50


def test_columns_are_matched_by_name_and_models_may_join():
    alarm = cold(n_models=3)
    alarm.update([[0.5, 0.5]], [[1.0, 0.0]], models=["a", "b"])
    before = alarm.wealth_
    alarm.update([[0.5, 0.5]], [[np.nan, 1.0]], models=["c", "a"])
    assert alarm.wealth_.index.tolist() == ["a", "b", "c"]
    assert alarm.wealth_["c"] == 1.0
    assert alarm.wealth_["b"] == before["b"]
    assert alarm.wealth_["a"] != before["a"]


def test_what_is_shared_out_is_not_shared_again():
    alarm = cold()
    alarm.update([[0.5, 0.5]], [[1.0, 0.0]], models=["a", "b"])
    with pytest.raises(ValueError, match="'c' is one too many"):
        alarm.set_params(n_models=3).update([[0.5]], [[1.0]], models=["c"])


def test_columns_of_frames_are_matched_by_name():
    quality = pd.DataFrame(stream(0, 200, 0.9, 0.1), columns=["good", "bad"])
    predicted = pd.DataFrame({"bad": [0.1] * 200, "good": [0.9] * 200})
    for answers in (quality, Outcomes.from_frame(quality)):
        alarm = cold()
        assert alarm.update(predicted, answers) == []
        assert set(alarm.wealth_.index) == {"good", "bad"}
    with pytest.raises(ValueError, match="predicted has the labels"):
        cold().update(predicted.add_suffix("?"), quality)


def test_outcomes_bring_their_names():
    alarm = cold()
    alarm.update(np.full((5, 2), 0.5), Outcomes(np.ones((5, 2)), models=["b", "a"]))
    assert alarm.wealth_.index.tolist() == ["a", "b"]


def test_it_is_cloned_without_and_pickled_with_what_it_has_seen():
    alarm = cold(alpha=0.1)
    alarm.update(np.full((300, 1), 0.9), stream(0, 300, 0.3))
    copy = pickle.loads(pickle.dumps(alarm))
    pd.testing.assert_frame_equal(copy.alarms_, alarm.alarms_)
    assert copy.reset().update([[0.5]], [[1.0]]) == []
    assert clone(alarm).get_params() == alarm.get_params()
    assert not hasattr(clone(alarm), "n_queries_")


UNUSABLE = {
    "alpha": (cold(alpha=0), ([[0.5]], [[1]]), "'alpha' parameter"),
    "tolerance": (cold(tolerance=1), ([[0.5]], [[1]]), "'tolerance' parameter"),
    "shapes": (cold(), ([0.5], [1.0]), r"predicted has shape \(1,\)"),
    "range": (cold(), ([[0.5]], [[2]], ["a"]), "row 0, model 'a' has 2"),
    "prediction": (cold(), ([[1.5]], [[1]], ["a"]), "row 0, model 'a' has 1.5"),
    "blind": (cold(), ([[np.nan]], [[1]], ["a"]), "'a' in row 0 has no predic"),
    "names": (cold(), ([[0.5]], [[1]], ["a", "b"]), "2 model names for 1"),
    "too many": (cold(n_models=1), ([[0.5, 0.5]], [[1, 1]]), "1 is one too many"),
}


@pytest.mark.parametrize(("alarm", "given", "message"), UNUSABLE.values(), ids=UNUSABLE)
def test_unusable_calls_are_refused_by_name_and_place(alarm, given, message):
    with pytest.raises(ValueError, match=message):
        alarm.update(*given)
    assert not hasattr(alarm, "n_queries_")


def test_only_watched_models_are_reset():
    alarm = cold()
    alarm.update([[0.5]], [[1.0]], models=["a"])
    with pytest.raises(ValueError, match="'b' is not watched; watched are"):
        alarm.reset(["b"])


def test_outcomes_are_matched_with_the_names_that_are_given():
    y = Outcomes(stream(0, 400, 0.9, 0.1), models=["a", "b"])
    right = np.tile([0.1, 0.9], (400, 1))
    assert cold().update(right, y, models=["b", "a"]) == []
    assert cold().update(right, y) == ["a", "b"]
    with pytest.raises(ValueError, match="quality has the labels"):
        cold().update(right, y, models=["b", "c"])
