"""The strategies keep what their docstrings promise."""

import numpy as np
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from strategies import (
    TIED,
    availability,
    budgets,
    cost_weights,
    costs,
    outcomes,
    policies,
    predictions,
    qualities,
    shapes,
)

from sklroute.policies import MaxUtility


def occurs(strategy, condition) -> bool:
    """Whether some example fulfils the condition; an error if none is found."""
    find(strategy, condition, settings=settings(phases=[Phase.generate]))
    return True


@given(st.data())
def test_numbers_stay_in_their_ranges(data):
    shape = data.draw(shapes())
    quality = data.draw(qualities(shape=shape))
    cost = data.draw(costs(shape=shape))
    assert quality.shape == cost.shape == shape
    assert 0 <= quality.min() <= quality.max() <= 1
    assert 2**-8 <= cost.min() <= cost.max() <= 8
    assert 2**-8 <= data.draw(cost_weights()) <= 8
    assert set(data.draw(qualities(shape=shape, ties=True)).flat) <= set(TIED)


@given(st.data())
def test_every_query_keeps_a_model(data):
    mask = data.draw(availability(shape=data.draw(shapes())))
    assert mask.any(axis=1).all()


@given(outcomes(missing=True))
def test_outcomes_are_fit_to_be_learned_from(y):
    assert y.observed.any(axis=0).all()
    assert y.observed.any(axis=1).all()


@given(outcomes())
def test_nothing_is_missing_unless_asked_for(y):
    assert y.observed.all()
    assert not np.isnan(y.cost).any()


def test_outcomes_may_miss_cells_and_have_names_of_both_kinds():
    assert occurs(outcomes(missing=True), lambda y: not y.observed.all())
    assert occurs(outcomes(), lambda y: y.models.dtype.kind == "U")
    assert occurs(outcomes(), lambda y: y.models.dtype.kind == "i")


@given(st.data())
def test_every_policy_can_be_called_on_its_predictions(data):
    arrays = data.draw(predictions())
    policy = data.draw(policies(predictions=arrays))
    choice = policy(*arrays[:3], std=arrays.std)
    assert choice.shape == (len(arrays.quality),)


def test_budgets_bind():
    def binds(case):
        arrays, budget = case
        best = MaxUtility()(*arrays[:3])
        spent = np.take_along_axis(arrays.cost, best[:, None], axis=1).mean()
        return spent > budget.mean_cost

    cases = predictions().flatmap(
        lambda arrays: st.tuples(st.just(arrays), budgets(predictions=arrays))
    )
    assert occurs(cases, binds)
