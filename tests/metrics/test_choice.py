import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from sklroute import Outcomes
from sklroute.metrics import (
    gap_closed,
    realised_cost,
    realised_quality,
    realised_utility,
    regret,
    traffic_share,
)

NAN = float("nan")


@pytest.fixture
def y():
    return Outcomes(
        [[1.0, 0.2], [0.4, 0.8], [0.6, NAN]],
        cost=[[2.0, 1.0], [2.0, 1.0], [2.0, NAN]],
        models=["a", "b"],
    )


def test_realised_values_are_those_of_the_chosen_models(y):
    choice = ["a", "b", "a"]
    assert_array_equal(realised_quality(y, choice, reduce=None), [1.0, 0.8, 0.6])
    assert realised_quality(y, choice) == pytest.approx(0.8)
    assert_array_equal(realised_cost(y, choice, reduce=None), [2.0, 1.0, 2.0])
    assert realised_cost(y, choice) == pytest.approx(5 / 3)
    assert_allclose(
        realised_utility(y, choice, cost_weight=0.1, reduce=None), [0.8, 0.7, 0.4]
    )


def test_cost_may_be_unknown_where_it_does_not_count():
    y = Outcomes([[1.0, 0.2]])
    assert realised_utility(y, [0]) == 1.0
    with pytest.raises(ValueError, match="Row 0: the cost of the chosen model 0"):
        realised_utility(y, [0], cost_weight=0.1)


def test_regret_and_gap_against_the_oracle(y):
    assert_allclose(regret(y, ["b", "b", "a"], reduce=None), [0.8, 0, 0])
    # The oracle has 2.4, always a 2.0, this choice 1.6.
    assert gap_closed(y, ["b", "b", "a"], ["a", "a", "a"]) == pytest.approx(-1.0)
    assert gap_closed(y, ["a", "b", "a"], ["a", "a", "a"]) == 1.0
    assert np.isnan(gap_closed(y, ["a", "a", "a"], ["a", "b", "a"]))
    # At a price of 0.1 per unit of cost these are 1.9, 1.4 and 1.2.
    priced = gap_closed(y, ["b", "b", "a"], ["a", "a", "a"], cost_weight=0.1)
    assert priced == pytest.approx(-0.4)


def test_a_reference_as_good_as_the_oracle_but_for_rounding_leaves_no_gap():
    y = Outcomes([[0.8, 0.7, 0.2]], cost=[1.0, 0.0, 0.0])  # 0.8 - 0.1 > 0.7
    assert np.isnan(gap_closed(y, [2], [1], cost_weight=0.1))


def test_unknown_outcomes_and_names_are_refused(y):
    with pytest.raises(ValueError, match="Row 2: the quality of the chosen model 'b'"):
        realised_quality(y, ["a", "a", "b"])
    with pytest.raises(ValueError, match="Row 1: 'c' is not one of the models"):
        realised_quality(y, ["a", "c", "a"])
    with pytest.raises(ValueError, match="choice has 2 entries for 3 queries"):
        realised_quality(y, ["a", "a"])


def test_traffic_share_counts_choices():
    assert_array_equal(traffic_share(["b", "b", "a", "b"], ["a", "b", "c"]),
                       [0.25, 0.75, 0])  # fmt: skip
    with pytest.raises(ValueError, match="Row 1: 'd' is not one of the models"):
        traffic_share(["a", "d"], ["a", "b"])


@settings(deadline=None)  # the machine may be busy
@given(
    hnp.arrays(float, (5, 3), elements=st.floats(0, 1, width=16)),
    hnp.arrays(float, (5, 3), elements=st.floats(2**-8, 8, width=16)),
    hnp.arrays(int, 5, elements=st.integers(0, 2)),
    st.floats(0, 4, width=16),
)
def test_regret_is_never_negative_and_the_oracle_has_none(q, c, choice, weight):
    y = Outcomes(q, c)
    assert (regret(y, choice, cost_weight=weight, reduce=None) >= 0).all()
    assert regret(y, y.best_model(weight), cost_weight=weight) == 0
