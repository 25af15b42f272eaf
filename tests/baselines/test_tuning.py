import numpy as np
import pytest

from sklroute.baselines._tuning import (
    difference_error,
    first_minimum,
    hold_out,
    squared_error,
    subsample,
)


def test_held_out_rows_are_whole_groups():
    groups = np.repeat(np.arange(10), 3)
    train, test = hold_out(30, groups, 0.2)
    assert len(train) + len(test) == 30
    assert len(test) == 6
    assert not set(groups[train]) & set(groups[test])


def test_a_single_group_is_not_split():
    train, test = hold_out(4, np.zeros(4), 0.5)
    assert train.tolist() == test.tolist() == [0, 1, 2, 3]


def test_small_tables_are_not_subsampled():
    assert subsample(5, None, 10).tolist() == [0, 1, 2, 3, 4]


def test_subsamples_are_whole_groups():
    groups = np.repeat(np.arange(100), 3)
    rows = subsample(300, groups, 30)
    assert len(rows) == 30
    assert np.isin(groups, groups[rows]).sum() == 30


def test_squared_error_skips_cells_not_observed_or_not_predicted():
    quality = np.array([[1.0, np.nan], [0.0, 0.5]])
    predicted = np.array([[0.5, 0.1], [np.nan, 0.0]])
    # 2 * 0.5^2 in row 0, 1 * 0.5^2 in row 1
    assert squared_error(quality, predicted, np.array([2.0, 1.0])) == 0.75


def test_difference_error_skips_what_all_models_share():
    quality = np.array([[1.0, 0.0], [1.0, np.nan], [1.0, 0.5]])
    predicted = np.array([[0.5, 0.5], [0.3, 0.0], [0.6, 0.1]])
    # Row 0: errors 0.5 and -0.5 of a difference. Row 1 has none, row 2 is right.
    weight = np.array([2.0, 1.0, 1.0])
    assert difference_error(quality, predicted, weight) == pytest.approx(1.0)


def test_first_minimum_stops_when_the_error_rises():
    tried = []

    def error(value):
        tried.append(value)
        return abs(value - 2)

    assert first_minimum(range(10), error) == 2
    assert tried == [0, 1, 2, 3]


def test_first_minimum_keeps_the_most_regularised_of_equals():
    assert first_minimum("abc", lambda _: 1.0) == "a"
