import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

from sklroute import Outcomes
from sklroute.metrics import (
    best_model_per_group,
    best_single,
    cheapest_model,
    cost_range,
    model_means,
    nauc,
    oracle_frontier,
    random_outcome,
    realised_utility,
    single_model_hull,
)

NAN = float("nan")
unhurried = settings(deadline=None)  # the machine may be busy
PRICES = st.floats(2**-8, 8, width=16)
SHARES = st.floats(0, 1, width=16)


@st.composite
def model_pools(draw):
    """One row of mean quality and cost: what a hull is made of."""
    n_models = draw(st.integers(1, 7))
    quality = draw(hnp.arrays(float, (1, n_models), elements=SHARES))
    return Outcomes(quality, draw(hnp.arrays(float, n_models, elements=PRICES)))


# -- single models ---------------------------------------------------------------


def test_model_means_are_over_known_cells():
    y = Outcomes([[0.0, NAN], [1.0, 0.2]], cost=[[1.0, 2.0], [NAN, 4.0]])
    assert_array_equal(model_means(y), [[0.5, 0.2], [1.0, 3.0]])


def test_models_of_one_price_cost_the_same_however_often_they_were_called():
    for n in range(1, 30):
        cost = np.full((30, 2), 0.1)
        cost[n:, 0] = NAN
        y = Outcomes(np.tile([0.5, 1.0], (30, 1)), cost=cost)
        assert_array_equal(model_means(y)[1], [0.1, 0.1])
        assert cheapest_model(y) == 1  # the better one


def test_best_single_prices_cost():
    y = Outcomes([[0.8, 1.0], [0.9, 1.0]], cost=[1, 5], models=["base", "large"])
    assert best_single(y) == "large"
    assert best_single(y, cost_weight=0.03) == "large"  # 1 - .15 > .85 - .03
    assert best_single(y, cost_weight=0.04) == "base"  # 1 - .2 < .85 - .04


def test_best_single_ties_go_to_the_cheaper_model_then_the_first():
    assert best_single(Outcomes([[0.5, 0.5]], cost=[2, 1])) == 1
    assert best_single(Outcomes([[0.5, 0.5]], cost=[1, 1])) == 0
    assert best_single([[0.2, 0.5, 0.5]]) == 1


def test_best_single_is_fitted_on_labels_too():
    assert best_single(["ocr", "chat", "ocr"]) == "ocr"


def test_best_single_ignores_models_whose_cost_is_unknown_where_cost_counts():
    y = Outcomes([[1.0, 0.5]], cost=[NAN, 1.0])
    assert best_single(y) == 0
    assert best_single(y, cost_weight=0.1) == 1
    with pytest.raises(ValueError, match="No model has"):
        best_single([[1.0, 0.5]], cost_weight=0.1)


def test_cheapest_model_by_mean_cost_then_quality():
    assert cheapest_model(Outcomes([[0.1, 0.9]], cost=[2, 3])) == 0
    assert cheapest_model(Outcomes([[0.1, 0.9]], cost=[2, 2])) == 1
    assert cheapest_model(Outcomes([[0.1, 0.9]], cost=[NAN, 2])) == 1
    with pytest.raises(ValueError, match="y has no costs"):
        cheapest_model([[0.1, 0.9]])


# -- best model per group --------------------------------------------------------


@pytest.fixture
def tasks():
    y = Outcomes(
        [[1.0, 0.0, 0.6], [1.0, 0.0, 0.6], [0.0, 1.0, 0.6], [0.0, NAN, 0.6]],
        models=["chat", "ocr", "wide"],
    )
    return y, ["maths", "maths", "scan", "scan"]


def test_each_group_gets_its_best_model_and_new_groups_the_best_of_all(tasks):
    # Means over all: chat .5, ocr 1/3, wide .6.
    choice = best_model_per_group(*tasks, ["scan", "maths", "new"])
    assert_array_equal(choice, ["ocr", "chat", "wide"])


def test_the_best_available_model_of_a_group_is_taken(tasks):
    choice = best_model_per_group(
        *tasks, ["scan", "maths"], available=[[True, False, True], [False, True, False]]
    )
    assert_array_equal(choice, ["wide", "ocr"])


def test_best_model_per_group_prices_cost():
    y = Outcomes([[1.0, 0.9]], cost=[5, 1])
    assert_array_equal(best_model_per_group(y, ["a"], ["a"], cost_weight=0.1), [1])


def test_best_model_per_group_refuses_what_it_cannot_answer(tasks):
    y, groups = tasks
    with pytest.raises(ValueError, match="inconsistent"):
        best_model_per_group(y, groups[:2], groups)
    with pytest.raises(ValueError, match="Row 1 has no available model"):
        best_model_per_group(y, groups, ["scan"] * 2, available=[[1, 1, 1], [0, 0, 0]])
    unseen = Outcomes([[1.0, NAN]])
    with pytest.raises(ValueError, match="Row 0: none of the available models"):
        best_model_per_group(unseen, ["a"], ["a"], available=[False, True])


# -- random choice ---------------------------------------------------------------


def test_random_outcome_is_uniform_over_candidates():
    y = Outcomes([[0.0, 1.0, NAN], [0.2, 0.4, 0.6]], cost=[1, 2, 6])
    quality, cost = random_outcome(y)
    assert_allclose(quality, [0.5, 0.4])
    assert_allclose(cost, [1.5, 3.0])


def test_random_outcome_rescales_shares_over_candidates():
    y = Outcomes([[0.0, 1.0, NAN], [0.2, 0.4, 0.6]], cost=[1, 2, 6])
    quality, cost = random_outcome(y, share=[0.1, 0.3, 0.6])
    assert_allclose(quality, [0.75, 0.5])  # (.1 * 0 + .3 * 1) / .4
    assert_allclose(cost, [1.75, 4.3])


def test_random_outcome_is_uniform_where_no_candidate_has_a_share():
    y = Outcomes([[0.0, 1.0, NAN]], cost=[1, 2, 6])
    assert_allclose(random_outcome(y, share=[0, 0, 1]), [[0.5], [1.5]])


def test_random_cost_is_unknown_only_where_an_unknown_one_may_be_drawn():
    y = Outcomes([[0.0, 1.0]], cost=[1, NAN])
    assert np.isnan(random_outcome(y)[1]).all()
    assert_array_equal(random_outcome(y, share=[1, 0])[1], [1.0])


@pytest.mark.parametrize("share", [[0.5], [-1, 2], [NAN, 1.0]])
def test_bad_shares_are_refused(share):
    with pytest.raises(ValueError, match="one number >= 0 for each of the 2 models"):
        random_outcome([[0.0, 1.0]], share=share)


# -- hull of single models and oracle --------------------------------------------


def test_hull_by_hand():
    # (1, .5) - (5, .9): slope .1. Model 1 at (4, .6) lies under it; model 3 at
    # (6, .9) and model 4 at (2, .4) are dominated.
    hull = single_model_hull(Outcomes([[0.5, 0.6, 0.9, 0.9, 0.4]], [[1, 4, 5, 6, 2]]))
    assert_array_equal(hull.cost, [5, 1])
    assert_array_equal(hull.quality, [0.9, 0.5])
    assert_allclose(hull.cost_weight, [0, 0.1])


def test_models_without_cost_are_not_on_the_hull():
    hull = single_model_hull(Outcomes([[0.5, 0.9]], cost=[1, NAN]))
    assert_array_equal(hull.cost, [1.0])
    with pytest.raises(ValueError, match="y has no costs"):
        single_model_hull([[0.5, 0.9]])


@unhurried
@given(model_pools())
def test_hull_is_concave_and_no_model_lies_above_it(pool):
    hull = single_model_hull(pool)
    cost, quality = hull.envelope
    assert len(cost) == len(hull.cost)  # every point counts
    slopes = np.diff(quality) / np.diff(cost)
    assert (np.diff(slopes) <= 1e-9).all()
    assert_allclose(hull.cost_weight[1:], slopes[::-1])
    above = pool.quality[0] - np.interp(pool.cost[0], cost, quality)
    assert (pool.cost[0] >= cost[0]).all()
    assert (above <= 1e-9).all()


@unhurried
@given(model_pools(), st.floats(0, 4, width=16))
def test_hull_holds_the_best_single_model_of_every_price(pool, weight):
    model = best_single(pool, cost_weight=weight)
    best = realised_utility(pool, [model], cost_weight=weight)
    hull = single_model_hull(pool)
    assert (hull.quality - weight * hull.cost).max() == pytest.approx(best, abs=1e-9)


def test_oracle_takes_a_right_answer_wherever_it_is_cheapest():
    y = Outcomes([[0.0, 1.0], [1.0, 1.0], [0.0, NAN]], cost=[1.0, 5.0])
    oracle = oracle_frontier(y)
    assert_allclose(oracle.cost, [7 / 3, 1])
    assert_allclose(oracle.quality, [2 / 3, 1 / 3])
    assert nauc(oracle, cost_range(y)) <= 2 / 3


def test_what_has_labels_is_matched_by_name():
    y = Outcomes([[1.0, 0.0]] * 4, cost=[1.0, 5.0], models=["a", "b"])
    quality, _ = random_outcome(y, share=pd.Series({"b": 0.0, "a": 1.0}))
    assert_array_equal(quality, np.ones(4))
    available = pd.Series({"b": True, "a": False})
    choice = best_model_per_group(y, ["g"] * 4, ["g"], available=available)
    assert choice.tolist() == ["b"]


def test_groups_and_shares_that_say_nothing_are_refused():
    y = Outcomes([[1.0, 0.0]] * 2)
    with pytest.raises(ValueError, match="groups_train has no value in row 1"):
        best_model_per_group(y, [1.0, NAN], [1.0])
    with pytest.raises(ValueError, match="groups_test has no value in row 0"):
        best_model_per_group(y, ["g", "h"], [None])
    with pytest.raises(ValueError, match="share must hold one number"):
        random_outcome(y, share=[np.inf, 1.0])
