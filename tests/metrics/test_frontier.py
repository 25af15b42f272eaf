from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from strategies import frontiers, routed_tables

from sklroute import Outcomes
from sklroute.metrics import (
    Frontier,
    cost_range,
    frontier,
    nauc,
    nauc_own_range,
    oracle_frontier,
    peak_score,
    qnc,
)

NAN = float("nan")
unhurried = settings(deadline=None)  # the machine may be busy


# -- hand-computed cases ---------------------------------------------------------


@pytest.fixture
def two_queries():
    """The first query needs the dear model (5), the second does not."""
    return Outcomes([[0.0, 1.0], [1.0, 1.0]], cost=[1.0, 5.0])


def test_frontier_scores_predicted_choices_on_what_they_realised(two_queries):
    # Prices at which the queries move to model 0: 0.7 / 4 and 0.1 / 4.
    curve = frontier(two_queries, [[0.2, 0.9], [0.7, 0.8]], [1.0, 5.0])
    assert_allclose(curve.cost_weight, [0, 0.1, 0.35])
    assert_allclose(curve.cost, [5, 3, 1])
    assert_allclose(curve.quality, [1, 1, 0.5])


def test_decisions_use_predicted_cost_and_scores_realised_cost():
    y = Outcomes([[1.0, 1.0]], cost=[[3.0, 1.0]])
    curve = frontier(y, [[0.5, 0.5]], [1.0, 2.0])  # predicted cheaper, in truth dearer
    assert_array_equal(curve.cost, [3.0])


def test_labelled_predictions_are_matched_by_name():
    y = Outcomes([[0.0, 1.0], [1.0, 1.0]], cost=[1.0, 5.0], models=["a", "b"])
    quality = pd.DataFrame({"b": [0.9, 0.8], "a": [0.2, 0.7]})
    curve = frontier(y, quality, pd.Series({"b": 5.0, "a": 1.0}))
    assert_allclose(curve.quality, [1, 1, 0.5])
    assert_allclose(curve.cost, [5, 3, 1])
    with pytest.raises(ValueError, match="Predicted quality has the labels"):
        frontier(y, quality.rename(columns={"b": "c"}), [1.0, 5.0])


def test_given_weights_are_swept_and_the_cheapest_policy_is_added(two_queries):
    curve = frontier(
        two_queries, [[0.2, 0.9], [0.7, 0.8]], [1.0, 5.0], cost_weights=[0.1, 0.0]
    )
    assert_allclose(curve.cost_weight, [0, 0.1, 0.35])
    enough = frontier(
        two_queries, [[0.2, 0.9], [0.7, 0.8]], [1.0, 5.0], cost_weights=[9.0]
    )
    assert_allclose(enough.cost_weight, [9.0])


@pytest.mark.parametrize("unit", [0.1, 1.0, 3.0, 1000.0])
def test_queries_that_change_at_one_price_but_for_rounding_change_together(unit):
    # 0.6 - 0.0 is not 0.8 - 0.2 in floats: half of the queries would go first.
    cost = [0.0, 2.0 * unit]
    curve = frontier(
        Outcomes([[0.0, 1.0], [1.0, 0.0]], cost), [[0.0, 0.6], [0.2, 0.8]], cost
    )
    assert_allclose(curve.cost_weight, [0.0, 0.6 / unit])
    assert_array_equal(curve.cost, [2.0 * unit, 0.0])


def test_models_not_observed_or_not_available_or_without_cost_are_not_chosen():
    y = Outcomes(
        [[NAN, 0.2, 0.3, 0.4]],
        cost=[[1, 2, 3, NAN]],
        available=[[True, True, False, True]],
    )
    curve = frontier(y, [[0.9, 0.5, 0.8, 0.7]], [1, 2, 3, 4])
    assert_array_equal(curve.quality, [0.2])


def test_available_limits_the_choice_further(two_queries):
    curve = frontier(
        two_queries, [[0.2, 0.9], [0.7, 0.8]], [1, 5], available=[True, False]
    )
    assert_array_equal(curve.cost, [1.0])


def test_one_point_remains_where_the_best_model_is_the_cheapest():
    y = Outcomes([[1.0, 0.0]], cost=[1.0, 2.0])
    curve = frontier(y, [[0.9, 0.1]], [1.0, 2.0])
    assert_array_equal(curve.cost_weight, [0.0])


def test_envelope_drops_dominated_and_repeated_points():
    cost = np.array([4.0, 1.0, 2.0, 2.0, 3.0, 1.0])
    quality = np.array([0.8, 0.5, 0.4, 0.6, 0.6, 0.5])
    curve = Frontier(np.arange(6.0), cost, quality)
    assert_array_equal(curve.envelope, [[1, 2, 4], [0.5, 0.6, 0.8]])


def test_cost_range_is_over_the_candidates_of_each_query():
    y = Outcomes([[NAN, 1.0, 0.5], [1.0, 1.0, 1.0]], cost=[[0, 1, 5], [4, 2, 3]])
    assert cost_range(y) == (1.5, 4.5)


def test_nauc_of_a_step_by_hand():
    curve = Frontier(np.array([0.0, 1.0]), np.array([3.0, 1.0]), np.array([0.8, 0.6]))
    # 1 to 3 rises from .6 to .8, 3 to 5 stays: (0.7 * 2 + 0.8 * 2) / 4
    assert nauc(curve, (1, 5)) == pytest.approx(0.75)
    # 0 to 1 holds the cheapest point: (0.6 + 0.7 * 2 + 0.8 * 2) / 5
    assert nauc(curve, (0, 5)) == pytest.approx(0.72)
    # The range ends at 2, where the line is at .7
    assert nauc(curve, (1, 2)) == pytest.approx(0.65)
    assert nauc_own_range(curve) == pytest.approx(0.7)


def test_nauc_of_a_range_without_width_is_the_quality_there():
    curve = Frontier(np.array([0.0]), np.array([2.0]), np.array([0.8]))
    assert nauc(curve, (2, 2)) == 0.8
    assert nauc_own_range(curve) == 0.8


def test_nauc_of_a_single_model_is_its_quality():
    y = Outcomes([[1.0], [0.0]], cost=[2.0])
    curve = frontier(y, [[0.3], [0.4]], [2.0])
    assert nauc(curve, cost_range(y)) == 0.5


def test_peak_score_and_qnc_by_hand():
    cost, quality = np.array([4.0, 2.0, 1.0]), np.array([0.7, 0.8, 0.6])
    curve = Frontier(np.array([0.0, 1.0, 2.0]), cost, quality)
    assert peak_score(curve) == 0.8
    assert qnc(curve, best_quality=0.65, best_cost=4.0) == 0.5
    assert qnc(curve, best_quality=0.8 + 1e-15, best_cost=4.0) == 0.5
    assert qnc(curve, best_quality=0.81, best_cost=4.0) == float("inf")


def test_qnc_against_a_free_best_model():
    free = Frontier(np.zeros(1), np.zeros(1), np.ones(1))
    paid = Frontier(np.zeros(1), np.ones(1), np.ones(1))
    assert qnc(free, best_quality=1.0, best_cost=0.0) == 1.0
    assert qnc(paid, best_quality=1.0, best_cost=0.0) == float("inf")


# -- bad input -------------------------------------------------------------------


def test_y_without_costs_is_refused():
    with pytest.raises(ValueError, match="y has no costs"):
        frontier([[1.0, 0.0]], [[0.5, 0.5]], [1.0, 2.0])
    with pytest.raises(ValueError, match="y has no costs"):
        cost_range([[1.0, 0.0]])


def test_a_query_without_candidates_is_named():
    y = Outcomes([[1.0, 0.0], [NAN, 1.0]], cost=[[1, 2], [1, NAN]])
    with pytest.raises(ValueError, match="Row 1 has no available model"):
        frontier(y, np.ones((2, 2)), [1.0, 2.0])
    with pytest.raises(ValueError, match="Row 1 has no available model"):
        cost_range(y)


@pytest.mark.parametrize(
    ("quality", "cost", "match"),
    [
        (np.ones((3, 2)), [1, 2], r"Predicted quality has shape \(3, 2\)"),
        (np.ones((2, 2)), [1, 2, 3], r"Predicted cost has shape \(3,\)"),
        ([[0.5, NAN], [0, 0]], [1, 2], "Predicted quality of model 1 is nan"),
        (np.eye(2), [1, NAN], "cost of model 1 is nan"),
        (np.eye(2), [1, np.inf], "cost of model 1 is inf"),
    ],
)
@pytest.mark.parametrize("cost_weights", [None, [0, 1]])
def test_bad_predictions_are_refused(two_queries, quality, cost, match, cost_weights):
    with pytest.raises(ValueError, match=match):
        frontier(two_queries, quality, cost, cost_weights=cost_weights)


def test_a_prediction_that_is_refused_is_told_by_the_name_of_its_model():
    y = Outcomes(np.eye(2), [1.0, 5.0], models=["base", "large"])
    with pytest.raises(ValueError, match="cost of model 'large' is nan"):
        frontier(y, np.eye(2), [1.0, NAN])


def test_a_negative_weight_and_a_reversed_range_are_refused(two_queries):
    with pytest.raises(ValueError, match="cost_weight"):
        frontier(two_queries, np.eye(2), [1, 5], cost_weights=[-1, 0])
    with pytest.raises(ValueError, match="cost_weights is empty"):
        frontier(two_queries, np.eye(2), [1, 5], cost_weights=[])
    curve = Frontier(np.zeros(1), np.ones(1), np.ones(1))
    with pytest.raises(ValueError, match="cost_range"):
        nauc(curve, (2, 1))


# -- properties ------------------------------------------------------------------


def slow_frontier(y, predicted, prices, weights):
    """The definition, one weight, one query and one model at a time."""
    points = []
    for weight in weights:
        spent = earned = 0.0
        for row in range(len(y)):
            best = None
            for model in range(len(prices)):
                if not (y.available[row, model] and y.observed[row, model]):
                    continue
                utility = predicted[row, model] - weight * prices[model]
                key = (utility, -prices[model], -model)
                best = max(best, (*key, model)) if best else (*key, model)
            spent += y.cost[row, best[-1]]
            earned += y.quality[row, best[-1]]
        points.append((spent / len(y), earned / len(y)))
    return points


def slow_nauc(points, low, high):
    """Area by pieces, between every pair of neighbours on the envelope."""
    upper = [
        (cost, quality)
        for cost, quality in sorted(set(points))
        if not any(c <= cost and q >= quality and (c, q) != (cost, quality)
                   for c, q in points)
    ]  # fmt: skip
    upper = [(min(low, upper[0][0]), upper[0][1]), *upper]
    upper = [*upper, (max(high, upper[-1][0]), upper[-1][1])]
    area = 0.0
    for (c0, q0), (c1, q1) in pairwise(upper):
        left, right = max(c0, low), min(c1, high)
        if right <= left:
            continue
        slope = (q1 - q0) / (c1 - c0)
        area += (right - left) * (q0 + slope * ((left + right) / 2 - c0))
    return area / (high - low)


@unhurried
@given(routed_tables())
def test_an_independent_slow_version_agrees(table):
    y, predicted, prices = table
    curve = frontier(y, predicted, prices)
    points = slow_frontier(y, predicted, prices, curve.cost_weight)
    assert_allclose(np.column_stack([curve.cost, curve.quality]), points, atol=1e-9)
    low, high = cost_range(y)
    if high > low:
        # The same points: the envelope decides ties, which rounding could move.
        exact = list(zip(curve.cost.tolist(), curve.quality.tolist(), strict=True))
        assert nauc(curve, (low, high)) == pytest.approx(
            slow_nauc(exact, low, high), abs=1e-9
        )


@unhurried
@given(routed_tables())
def test_the_default_sweep_meets_every_choice_there_is(table):
    y, predicted, prices = table
    default = frontier(y, predicted, prices)
    weights = np.pi * np.linspace(0, 12, 97)  # none is where a choice changes
    dense = frontier(y, predicted, prices, cost_weights=weights)
    met = np.column_stack([default.cost, default.quality])
    wanted = np.column_stack([dense.cost, dense.quality])
    distance = np.abs(wanted[:, None] - met).max(axis=2).min(axis=1)
    assert (distance < 1e-9).all()


@unhurried
@given(routed_tables(), st.randoms(use_true_random=False))
def test_permuting_models_changes_nothing(table, random):
    y, predicted, prices = table
    order = random.sample(range(len(prices)), len(prices))
    moved = Outcomes(y.quality[:, order], y.cost[:, order])
    curve = frontier(y, predicted, prices)
    other = frontier(moved, predicted[:, order], prices[order])
    assert_allclose(vars(other)["cost"], curve.cost)
    assert_allclose(other.quality, curve.quality)
    assert_allclose(cost_range(moved), cost_range(y))


@unhurried
@given(routed_tables(), st.randoms(use_true_random=False))
def test_permuting_queries_changes_nothing(table, random):
    y, predicted, prices = table
    order = random.sample(range(len(y)), len(y))
    curve = frontier(y, predicted, prices)
    other = frontier(y[order], predicted[order], prices)
    assert_allclose(other.cost, curve.cost)
    assert_allclose(other.quality, curve.quality)


@unhurried
@given(routed_tables(), st.sampled_from([2.0**-6, 0.5, 2.0, 1024.0]))
def test_scaling_all_costs_changes_no_area(table, factor):
    y, predicted, prices = table
    scaled = Outcomes(y.quality, y.cost * factor)
    curve = frontier(y, predicted, prices)
    other = frontier(scaled, predicted, prices * factor)
    assert_allclose(other.cost, curve.cost * factor)
    assert nauc(other, cost_range(scaled)) == pytest.approx(nauc(curve, cost_range(y)))


@unhurried
@given(routed_tables())
def test_a_dominated_model_never_enters_the_frontier(table):
    y, predicted, prices = table
    worse = predicted.min(axis=1, keepdims=True) - 0.1
    dominated = Outcomes(
        np.column_stack([y.quality, np.ones(len(y))]),  # however good it really is
        np.column_stack([y.cost, np.full(len(y), 9.0)]),
    )
    curve = frontier(y, predicted, prices)
    other = frontier(
        dominated, np.column_stack([predicted, worse]), np.append(prices, 9.0)
    )
    assert_array_equal(other.cost, curve.cost)
    assert_array_equal(other.quality, curve.quality)


@unhurried
@given(routed_tables())
def test_mean_predicted_cost_never_rises_with_the_weight(table):
    y, predicted, prices = table
    as_predicted = Outcomes(y.quality, prices)
    curve = frontier(as_predicted, predicted, prices)
    assert (np.diff(curve.cost_weight) > 0).all()
    assert (np.diff(curve.cost) <= 1e-12).all()
    cheapest = np.where(y.observed, prices, np.inf).min(axis=1).mean()
    assert curve.cost[-1] == pytest.approx(cheapest)


@unhurried
@given(routed_tables())
def test_no_router_has_more_utility_than_the_oracle(table):
    y, predicted, prices = table
    curve = frontier(y, predicted, prices)
    oracle = oracle_frontier(y, cost_weights=curve.cost_weight)
    for weight in curve.cost_weight:
        best = (oracle.quality - weight * oracle.cost).max()
        own = curve.quality - weight * curve.cost
        assert own.max() <= best + 1e-9 * max(1, weight)


def test_points_whose_costs_differ_by_rounding_are_of_one_cost():
    cost = np.array([0.1 + 0.2, 0.3, 0.1])  # the first is a little above the second
    quality = np.array([0.9, 0.5, 0.4])
    curve = Frontier(np.arange(3.0), cost, quality)
    assert_allclose(curve.envelope, [[0.1, 0.3], [0.4, 0.9]])
    assert_allclose(nauc(curve, (0.1, 0.3)), 0.65)


@unhurried
@given(frontiers())
def test_envelope_rises_in_both_axes_and_covers_every_point(curve):
    cost, quality = curve.envelope
    assert (np.diff(cost) > 0).all()
    assert (np.diff(quality) > 0).all()
    assert cost[0] == curve.cost.min()
    covered = np.interp(curve.cost, cost, quality)
    assert (covered >= curve.quality - 1e-12).all()


@unhurried
@given(frontiers(), st.floats(0, 8, width=16), st.floats(0, 8, width=16))
def test_areas_are_between_the_envelope_ends(curve, one, other):
    area = nauc(curve, (min(one, other), max(one, other)))
    _, quality = curve.envelope
    assert quality[0] - 1e-12 <= area
    assert area <= peak_score(curve) + 1e-12


def test_a_large_table_gets_about_a_hundred_points():
    rng = np.random.default_rng(0)
    quality, cost = rng.random((500, 6)), rng.random((500, 6))
    curve = frontier(Outcomes(quality, cost), quality, cost)
    assert len(curve.cost) == 102
    assert curve.cost[-1] == pytest.approx(cost.min(axis=1).mean())


def test_what_has_labels_is_matched_by_name():
    y = Outcomes([[1.0, 0.0], [0.0, 1.0]], cost=[1.0, 5.0], models=["a", "b"])
    predicted = pd.DataFrame({"b": [0.1, 0.9], "a": [0.9, 0.1]})
    price = pd.Series({"b": 5.0, "a": 1.0})
    assert frontier(y, predicted, price).quality.tolist() == [1.0, 0.5]
    only_a = pd.Series({"b": False, "a": True})
    assert frontier(y, predicted, price, available=only_a).cost.tolist() == [1.0]


def test_costs_that_differ_by_rounding_are_the_same():
    cost = [[0.1 + 0.2, 0.3, 5.0], [5.0, 5.0, 9.0]]
    y = Outcomes([[0.9, 0.1, 0.0], [0.2, 0.8, 0.9]], cost=cost)
    curve = oracle_frontier(y)
    assert curve.cost_weight.max() < 1
    assert_allclose(curve.envelope, [[2.65, 4.65], [0.85, 0.9]])
