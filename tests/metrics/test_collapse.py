import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from strategies import outcomes, qualities, shapes

from sklroute import Outcomes
from sklroute.metrics import collapse_index

NAN = float("nan")


def test_by_hand():
    # Model 2 is the dearest. Query by query: cheap and best; best but dearest without
    # need; dearest and needed; cheap but worse.
    y = Outcomes(
        [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [0.5, 0.5, 1.0], [0.0, 1.0, 0.0]],
        cost=[1.0, 2.0, 9.0],
    )
    assert_array_equal(collapse_index(y, [0, 2, 2, 0], reduce=None), [0, 1, 0, 1])
    assert collapse_index(y, [0, 2, 2, 0]) == 0.5
    assert collapse_index(y, [2, 2, 2, 2]) == 0.75  # collapsed onto the dearest


def test_two_dearest_models_are_both_needed_where_nothing_else_is_best():
    y = Outcomes([[0.0, 1.0, 1.0], [1.0, 1.0, 1.0]], cost=[1.0, 9.0, 9.0])
    assert_array_equal(collapse_index(y, [1, 2], reduce=None), [0, 1])


def test_two_models_of_the_highest_price_are_both_dearest():
    # One was called more often: the sums differ in their last digit.
    for n in range(1, 30):
        cost = np.tile([0.1, 0.1, 0.01], (30, 1))
        cost[n:, 0] = NAN
        y = Outcomes(np.ones((30, 3)), cost=cost)
        assert collapse_index(y, [0] * 30) == collapse_index(y, [1] * 30) == 1.0


def test_two_models_of_the_same_mean_cost_are_both_dearest():
    # The same costs in another order: the sums differ in their last digit.
    y = Outcomes(np.ones((3, 3)), cost=np.c_[[0.1, 0.2, 0.3], [0.3, 0.2, 0.1], [0] * 3])
    assert collapse_index(y, [0] * 3) == collapse_index(y, [1] * 3) == 1.0


def test_an_unavailable_model_is_not_among_the_best():
    # The cheap model is right but was down: the dearest was needed.
    y = Outcomes([[1.0, 1.0]], cost=[1.0, 9.0], available=[False, True])
    assert collapse_index(y, [1]) == 0.0
    assert collapse_index(y, [0]) == 1.0


def slow(y, choice):
    """Sets of models, query by query."""
    total = {}
    for model in range(len(y.models)):
        known = [c for c in y.cost[:, model] if c == c]
        if known:
            total[model] = sum(known) / len(known)
    dearest = {m for m, cost in total.items() if cost == max(total.values())}
    bad = []
    for row, chosen in enumerate(choice):
        here = [m for m in range(len(y.models)) if y.candidates[row, m]]
        top = max(y.quality[row, m] for m in here)
        best = {m for m in here if y.quality[row, m] == top}
        cheap = chosen in best and chosen not in dearest
        needed = best <= dearest and chosen in best
        bad.append(0.0 if cheap or needed else 1.0)
    return bad


@given(outcomes(ties=True), st.data())
def test_a_slow_version_agrees(y, data):
    columns = st.integers(0, len(y.models) - 1)
    choice = data.draw(st.lists(columns, min_size=len(y), max_size=len(y)))
    fast = collapse_index(y, y.models[choice], reduce=None)
    np.testing.assert_allclose(fast, slow(y, choice), atol=1e-9)


@st.composite
def priced_outcomes(draw):
    shape = draw(shapes(min_models=2))
    prices = st.lists(
        st.floats(2**-8, 8, width=16), min_size=shape[1], max_size=shape[1], unique=True
    )
    return Outcomes(draw(qualities(shape=shape, ties=True)), draw(prices))


@given(priced_outcomes())
def test_the_oracle_never_collapses(y):
    assert collapse_index(y, y.best_model()) == 0


@given(priced_outcomes(), st.randoms(use_true_random=False))
def test_orders_of_models_and_queries_change_nothing(y, random):
    choice = y.models[[random.randrange(len(y.models)) for _ in range(len(y))]]
    rows = random.sample(range(len(y)), len(y))
    moved = y[rows]
    names = np.array([f"m{9 - i}" for i in range(len(y.models))])
    renamed = Outcomes(y.quality, y.cost, models=names)
    index = collapse_index(y, choice, reduce=None)
    assert_array_equal(collapse_index(moved, choice[rows], reduce=None), index[rows])
    assert_array_equal(collapse_index(renamed, names[choice], reduce=None), index)


def test_a_model_that_is_worse_and_cheaper_than_another_changes_nothing():
    y = Outcomes([[0.5, 1.0], [1.0, 1.0]], cost=[2.0, 9.0], models=["a", "b"])
    more = Outcomes(
        [[0.5, 1.0, 0.1], [1.0, 1.0, 0.2]], cost=[2.0, 9.0, 1.0], models=["a", "b", "c"]
    )
    for choice in (["a", "a"], ["b", "b"], ["b", "a"]):
        assert collapse_index(y, choice) == collapse_index(more, choice)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="y has no costs"):
        collapse_index([[1.0, 0.0]], [0])
    y = Outcomes([[1.0, NAN], [1.0, 0.0]], cost=[1.0, 2.0])
    with pytest.raises(ValueError, match="Row 0: the quality of the chosen model 1"):
        collapse_index(y, [1, 0])
    down = Outcomes([[1.0, 0.0]], cost=[1.0, 2.0], available=[False, False])
    with pytest.raises(ValueError, match="Row 0 of y has no model"):
        collapse_index(down, [0])
