import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sklroute.guard._testing import betting_p_values, last_passed


def slow_p_value(margin, alpha):
    """The bets one by one, as the docstring has them."""
    capital = highest = 1.0
    seen, mean, variance = [], 0.0, 0.25
    squares = 0.25
    for t, value in enumerate(margin, start=1):
        bet = min(np.sqrt(2 * np.log(1 / alpha) / (len(margin) * variance)), 0.75)
        capital *= 1 + bet * value
        highest = max(highest, capital)
        seen.append(value)
        mean = sum(seen) / (t + 1)
        squares += (value - mean) ** 2
        variance = squares / (t + 1)
    return 1 / highest


@given(
    hnp.arrays(float, st.integers(1, 12), elements=st.floats(-1, 1, width=16)),
    st.sampled_from([0.01, 0.1, 0.5]),
)
def test_p_values_are_those_of_bets_placed_one_by_one(margin, alpha):
    both = np.column_stack([margin, -margin])
    expected = [slow_p_value(margin, alpha), slow_p_value(-margin, alpha)]
    np.testing.assert_allclose(betting_p_values(both, alpha), expected)


def test_constant_outcomes_are_believed_after_few_rows_or_never():
    # 0.75 is the largest bet: 1.15 ** 17 > 10 > 1.15 ** 16, and 1.0 shows nothing.
    assert betting_p_values(np.full((16, 1), 0.2), 0.1) > 0.1
    assert betting_p_values(np.full((17, 1), 0.2), 0.1) < 0.1
    assert betting_p_values(np.zeros((99, 1)), 0.1) == 1
    assert betting_p_values(np.full((99, 1), -1.0), 0.1) == 1
    assert betting_p_values(np.empty((0, 2)), 0.1).tolist() == [1, 1]


@pytest.mark.parametrize("worst", [-1.0, -0.2])
def test_a_mean_of_zero_is_rejected_no_more_often_than_promised(worst):
    # Two-point variables of mean 0 with a rare or a common loss.
    rng, n_draws = np.random.default_rng(0), 4000
    loss = rng.random((300, n_draws)) < 0.1 / (0.1 - worst)
    rejected = betting_p_values(np.where(loss, worst, 0.1), alpha=0.1) <= 0.1
    assert rejected.mean() <= 0.1 + 3 * np.sqrt(0.09 / n_draws)


def test_the_sequence_stops_at_the_first_that_fails():
    assert last_passed(np.array([0.01, 0.1, 0.2, 0.01]), alpha=0.1) == 2
    assert last_passed(np.array([0.2, 0.01]), alpha=0.1) == 0
    assert last_passed(np.array([0.1, 0.01]), alpha=0.1) == 2
