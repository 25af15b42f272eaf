import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from strategies import Predictions, cost_weights, predictions

from sklroute.metrics._hull import choices_at, hull_walk
from sklroute.policies import MaxUtility

EVERYTHING = np.ones((2, 3), dtype=bool)
PRICES = st.lists(cost_weights(min_value=0.0), max_size=4)


def as_the_policy(weights, table: Predictions):
    """One call of the policy for each price."""
    where = table.quality, table.cost, table.available
    return np.transpose([MaxUtility(weight)(*where) for weight in weights])


def hide(table: Predictions) -> Predictions:
    """The same with nothing known of the models that may not be called."""
    quality, cost = (
        np.where(table.available, each, np.nan) for each in (table.quality, table.cost)
    )
    return table._replace(quality=quality, cost=cost)


@given(
    predictions() | predictions(ties=True), PRICES, st.sampled_from([1.0, 0.1, 1 / 3])
)
def test_choices_at_prices_are_those_of_the_policy(table, given_weights, unit):
    """With ties, at 0, at every price where a choice changes, and close to it."""
    table = hide(table._replace(cost=table.cost * unit))
    steps = hull_walk(table.quality, table.cost, table.available)
    changes = np.concatenate([np.zeros(1), *(weight for _, weight, _ in steps)])
    beside = np.nextafter(changes, np.inf)
    weights = np.unique(np.concatenate([given_weights, changes, beside]))
    choice = choices_at(weights, table.quality, table.cost, table.available)
    assert_array_equal(choice, as_the_policy(weights.tolist(), table))


def test_ties_go_to_the_cheaper_then_to_the_first():
    quality = [[0.5, 0.75, 0.75], [0.5, 0.5, 0.5]]
    cost = np.array([[1.0, 3.0, 2.0], [2.0, 2.0, 2.0]])
    weights = np.array([0.0, 0.25, 1.0])
    choice = choices_at(weights, np.array(quality), cost, EVERYTHING)
    assert choice.tolist() == [[2, 0, 0], [0, 0, 0]]
    same, all_of_them = np.ones((1, 99)), np.ones((1, 99), dtype=bool)
    assert choices_at(weights, same, same, all_of_them).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf])
def test_a_price_that_is_none_is_refused(weight):
    with pytest.raises(ValueError, match="cost_weight"):
        choices_at(np.array([weight]), np.ones((2, 3)), np.ones((2, 3)), EVERYTHING)


def test_a_negative_cost_is_refused_where_a_model_may_be_called():
    cost = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, -2.0]])
    only = EVERYTHING.copy()
    only[1, 2] = False
    choices_at(np.ones(1), np.ones((2, 3)), cost, only)
    with pytest.raises(ValueError, match=r"cost of model 2 is -2.0 \(row 1\)"):
        choices_at(np.ones(1), np.ones((2, 3)), cost, EVERYTHING)
