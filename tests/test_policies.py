"""Properties of the rule from predictions to choices."""

import itertools
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from sklearn.base import clone
from strategies import (
    TIED,
    Predictions,
    availability,
    budgets,
    cost_weights,
    costs,
    explorers,
    gambles,
    policies,
    predictions,
    qualities,
    rankings,
    shapes,
)

from sklroute.policies import (
    UCB,
    Budget,
    CheapestAbove,
    MaxUtility,
    Policy,
    RiskAverse,
    Thompson,
    first_best,
)

EXAMPLES = [
    Policy(),
    MaxUtility(0.25),
    CheapestAbove(0.75),
    Budget(8.0),
    RiskAverse(0.5, 0.25),
    UCB(0.5, 0.25, 8.0),
    Thompson(0.25, 8.0, random_state=0),
]


def choose(policy: Policy, arrays: Predictions):
    return policy(arrays.quality, arrays.cost, arrays.available, std=arrays.std)


def chosen(table, choice):
    return table[np.arange(len(choice)), choice]


def all_distinct(table) -> bool:
    return all(len(np.unique(row)) == len(row) for row in table)


# -- all policies --------------------------------------------------------------------


@given(st.data(), predictions(ties=True))
def test_an_unavailable_model_is_never_chosen(data, arrays):
    choice = choose(data.draw(policies(predictions=arrays)), arrays)
    assert chosen(arrays.available, choice).all()


@given(st.data(), predictions(), st.sampled_from([np.nan, np.inf, -np.inf, -1.0]))
def test_what_is_predicted_of_unavailable_models_does_not_matter(data, arrays, junk):
    spoilt = Predictions(
        *(np.where(arrays.available, part, junk) for part in arrays[:2]),
        arrays.available,
        np.where(arrays.available, arrays.std, junk),
    )
    for policy in (RiskAverse(), data.draw(policies(predictions=arrays))):
        assert_array_equal(choose(policy, arrays), choose(policy, spoilt))


@given(st.data(), predictions(ties=True))
def test_utility_is_minus_infinity_exactly_where_unavailable(data, arrays):
    policy = data.draw(policies(predictions=arrays))
    utility = policy.utility(*arrays[:3], std=arrays.std)
    assert_array_equal(np.isneginf(utility), ~arrays.available)
    assert not np.isnan(utility).any()


@given(st.data(), rankings(), predictions())
def test_relabelling_models_permutes_choices(data, policy, arrays):
    utility = policy.utility(*arrays[:3], std=arrays.std)
    assume(all_distinct(np.where(arrays.available, utility, arrays.cost + 100)))
    assume(all_distinct(arrays.cost))
    order = np.array(data.draw(st.permutations(range(arrays.cost.shape[1]))))
    relabelled = Predictions(*(part[:, order] for part in arrays))
    assert_array_equal(order[choose(policy, relabelled)], choose(policy, arrays))


@given(st.data(), rankings(), predictions(ties=True))
def test_permuting_queries_permutes_choices(data, policy, arrays):
    rows = np.array(data.draw(st.permutations(range(len(arrays.quality)))))
    permuted = Predictions(*(part[rows] for part in arrays))
    assert_array_equal(choose(policy, permuted), choose(policy, arrays)[rows])


# Not for Budget: what its greedy steps leave over may go to another query.
@given(st.data(), rankings() | gambles(), predictions(ties=True))
def test_masking_a_model_that_was_not_chosen_changes_nothing(data, policy, arrays):
    choice = choose(policy, arrays)
    mask = arrays.available & data.draw(hnp.arrays(bool, arrays.quality.shape))
    mask[np.arange(len(choice)), choice] = True
    masked = arrays._replace(available=mask)
    assert_array_equal(choose(policy, masked), choice)


@given(predictions(ties=True), st.integers(-8, 8), st.floats(0, 1, width=16))
def test_the_unit_of_cost_does_not_matter(arrays, exponent, share):
    k = 2.0**exponent  # scales exactly
    scaled = arrays._replace(cost=k * arrays.cost)
    bound = arrays.cost.max() * (1 + share)
    pairs = [
        (MaxUtility(share), MaxUtility(share / k)),
        (RiskAverse(0.5, share), RiskAverse(0.5, share / k)),
        (UCB(0.5, share, bound), UCB(0.5, share / k, k * bound)),
        (Thompson(share, bound, 0), Thompson(share / k, k * bound, 0)),
        (CheapestAbove(share), CheapestAbove(share)),
        (Budget(bound), Budget(k * bound)),
    ]
    for policy, in_unit in pairs:
        assert_array_equal(choose(policy, arrays), choose(in_unit, scaled))


@given(st.data(), predictions())
def test_costs_of_each_model_are_those_of_every_query(data, arrays):
    prices = arrays.cost[0]
    every_query = arrays._replace(cost=np.tile(prices, (len(arrays.cost), 1)))
    policy = data.draw(policies(predictions=every_query))
    assert_array_equal(
        choose(policy, arrays._replace(cost=prices)), choose(policy, every_query)
    )


def test_labelled_tables_are_matched_by_name():
    quality = pd.DataFrame({"a": [0.5, 0.5], "b": [0.6, 0.6], "c": [0.9, 0.1]})
    cost = pd.Series({"c": 9.0, "b": 0.0, "a": 1.0})
    available = {"b": True, "c": True, "a": True}
    std = pd.DataFrame({"c": [0.0, 0.0], "a": [9.0, 9.0], "b": [0.0, 0.0]})
    assert_array_equal(MaxUtility(0.1)(quality, cost, available), [1, 1])
    assert_array_equal(RiskAverse(1.0)(quality, cost, available, std=std), [2, 1])
    assert_array_equal(Budget(1.0)(quality, cost, {**available, "b": False}), [0, 0])
    for labels in (["a", "b"], ["a", "b", "c", "c"]):
        with pytest.raises(ValueError, match="cost has the labels"):
            MaxUtility(0.1)(quality, cost[labels])
    unlabelled = pd.Series([1.0, 0.0, 9.0])  # pandas' own labels are positions
    assert_array_equal(MaxUtility(0.1)(quality, unlabelled), [1, 1])
    numbered = quality.set_axis([2, 1, 0], axis=1)
    with pytest.raises(ValueError, match="cost has the default labels"):
        MaxUtility(0.1)(numbered, unlabelled)
    assert_array_equal(MaxUtility(0.1)(numbered, unlabelled[[2, 0, 1]]), [2, 1])


@pytest.mark.parametrize("policy", EXAMPLES, ids=repr)
def test_no_queries_have_no_choices(policy):
    empty = np.empty((0, 3))
    assert policy(empty, empty, std=empty).shape == (0,)


# -- MaxUtility and RiskAverse -------------------------------------------------------


@given(predictions(ties=True))
def test_without_a_price_the_best_quality_is_chosen(arrays):
    choice = choose(MaxUtility(), arrays)
    best = np.where(arrays.available, arrays.quality, -1).max(axis=1)
    assert_array_equal(chosen(arrays.quality, choice), best)


@given(predictions(ties=True))
def test_at_a_high_price_the_cheapest_available_model_is_chosen(arrays):
    # Costs of width 16 that differ do so by 2**-18 or more, qualities by 1 at most.
    choice = choose(MaxUtility(2.0**20), arrays)
    cheapest = np.where(arrays.available, arrays.cost, np.inf).min(axis=1)
    assert_array_equal(chosen(arrays.cost, choice), cheapest)


@given(
    predictions(ties=True),
    st.lists(cost_weights(min_value=0.0), min_size=2, max_size=2).map(sorted),
    cost_weights(min_value=0.0),
)
def test_cost_never_rises_with_cost_weight(arrays, weights, risk_weight):
    for policies_by_weight in (
        [MaxUtility(weight) for weight in weights],
        [RiskAverse(risk_weight, weight) for weight in weights],
    ):
        low, high = (
            chosen(arrays.cost, choose(policy, arrays)) for policy in policies_by_weight
        )
        assert (high <= low).all()


@given(predictions(ties=True), cost_weights(min_value=0.0))
def test_without_a_price_on_risk_only_the_mean_counts(arrays, weight):
    assert_array_equal(
        choose(RiskAverse(0.0, weight), arrays), choose(MaxUtility(weight), arrays)
    )


def test_risk_is_subtracted_before_the_choice():
    # 0.9 - 0.5 * 0.6 = 0.6 is less than 0.7 - 0.5 * 0.1 = 0.65.
    choice = RiskAverse(0.5)([[0.9, 0.7]], std=[[0.6, 0.1]])
    assert choice.tolist() == [1]


def test_ties_go_to_the_cheaper_model_then_to_the_first():
    quality = [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
    cost = [[3.0, 1.0, 2.0], [2.0, 1.0, 1.0], [np.nan, 4.0, np.nan]]
    assert MaxUtility()(quality, cost).tolist() == [1, 1, 1]
    assert MaxUtility()(quality).tolist() == [0, 0, 0]


@given(st.data())
def test_the_first_best_is_the_first_of_the_cheapest_of_the_best(data):
    shape = data.draw(shapes())
    utility = data.draw(qualities(shape=shape, ties=True))
    cost = data.draw(costs(shape=shape, ties=True))
    expected = [
        min(range(len(u)), key=lambda j, u=u, c=c: (-u[j], c[j], j))
        for u, c in zip(utility, cost, strict=True)
    ]
    assert first_best(utility, cost).tolist() == expected


# -- UCB and Thompson ----------------------------------------------------------------


@given(predictions(ties=True), cost_weights(min_value=0.0))
def test_what_is_certain_is_not_explored(arrays, weight):
    greedy = choose(MaxUtility(weight), arrays)
    assert_array_equal(choose(UCB(0.0, weight), arrays), greedy)
    certain = arrays._replace(std=np.zeros_like(arrays.std))
    for policy in (UCB(2.0, weight), Thompson(weight, random_state=0)):
        assert_array_equal(choose(policy, certain), greedy)


@given(st.data(), predictions(ties=True))
def test_exploring_keeps_a_bound_on_the_mean_cost(data, arrays):
    policy = data.draw(explorers(predictions=arrays))
    spent = chosen(arrays.cost, choose(policy, arrays)).mean()
    assert spent <= policy.mean_cost * (1 + 1e-9)


def test_what_is_uncertain_is_preferred():
    # 0.7 + 0.5 * 0.6 = 1.0 is more than 0.9 + 0.5 * 0.1 = 0.95.
    assert UCB(0.5)([[0.9, 0.7]], std=[[0.1, 0.6]]).tolist() == [1]


def test_drawn_choices_are_as_frequent_as_they_may_be_right():
    # The difference of the two is N(0.1, 0.1**2 + 0.2**2): below 0 in 32.7 %.
    policy = Thompson(random_state=np.random.RandomState(0))
    quality = np.full((20_000, 2), [0.6, 0.5])
    share = policy(quality, std=[0.1, 0.2]).mean()
    assert abs(share - 0.3274) < 4 * (0.3274 * 0.6726 / 20_000) ** 0.5
    # Relabelled models, other draws: the shares go with them.
    relabelled = policy(quality[:, ::-1], std=[0.2, 0.1]).mean()
    assert abs(1 - share - relabelled) < 6 * (0.3274 * 0.6726 / 20_000) ** 0.5


def test_a_stream_draws_on_and_a_seed_starts_again():
    quality, std = np.full((50, 3), 0.5), np.full((50, 3), 0.1)
    seeded = Thompson(random_state=0)
    assert_array_equal(seeded(quality, std=std), seeded(quality, std=std))
    drawing = Thompson(random_state=np.random.RandomState(0))
    first, second = drawing(quality, std=std), drawing(quality, std=std)
    assert_array_equal(first, seeded(quality, std=std))
    assert (first != second).any()


# -- CheapestAbove -------------------------------------------------------------------


@given(predictions(ties=True), st.sampled_from(TIED))
def test_the_floor_is_reached_where_it_can_be_and_at_the_lowest_cost(arrays, floor):
    choice = choose(CheapestAbove(floor), arrays)
    above = arrays.available & (arrays.quality >= floor)
    reachable = above.any(axis=1)
    assert (chosen(arrays.quality, choice)[reachable] >= floor).all()
    cheapest = np.where(above, arrays.cost, np.inf).min(axis=1)
    assert_array_equal(chosen(arrays.cost, choice)[reachable], cheapest[reachable])
    best = choose(MaxUtility(), arrays)
    assert_array_equal(choice[~reachable], best[~reachable])


def test_of_equally_cheap_models_above_the_floor_the_best_is_chosen():
    quality = [[0.9, 0.6, 0.8], [0.9, 0.5, 0.4]]  # 0.5 reaches the floor
    assert CheapestAbove(0.5)(quality, cost=[2.0, 1.0, 1.0]).tolist() == [2, 1]


# -- Budget --------------------------------------------------------------------------


@given(st.data(), predictions(ties=True))
def test_a_budget_is_kept(data, arrays):
    budget = data.draw(budgets(predictions=arrays))
    spent = chosen(arrays.cost, choose(budget, arrays)).mean()
    assert spent <= budget.mean_cost * (1 + 1e-9)


@given(predictions(), cost_weights(min_value=0.0))
def test_no_price_does_better_on_what_it_spends(arrays, weight):
    priced = choose(MaxUtility(weight), arrays)
    own = choose(Budget(chosen(arrays.cost, priced).mean()), arrays)
    assert chosen(arrays.quality, own).sum() >= chosen(arrays.quality, priced).sum()


@given(st.data(), predictions(ties=True))
def test_no_single_upgrade_fits_into_what_a_budget_leaves_over(data, arrays):
    budget = data.draw(budgets(predictions=arrays))
    choice = choose(budget, arrays)
    slack = budget.mean_cost * len(choice) - chosen(arrays.cost, choice).sum()
    better = arrays.quality > chosen(arrays.quality, choice)[:, None]
    extra = arrays.cost - chosen(arrays.cost, choice)[:, None]
    assert not (better & arrays.available & (extra <= slack)).any()


@given(predictions())
def test_a_budget_that_does_not_bind_is_performance_first(arrays):
    choice = choose(Budget(8.0), arrays)
    best = choose(MaxUtility(), arrays)
    assert_array_equal(chosen(arrays.quality, choice), chosen(arrays.quality, best))


@pytest.mark.parametrize("seed", range(5))
def test_a_budget_is_close_to_the_best_of_all_choices(seed):
    rng = np.random.default_rng(seed)
    quality, cost = rng.random((6, 3)), rng.lognormal(size=(6, 3))
    budget = Budget(np.median(cost))
    own = chosen(quality, budget(quality, cost)).sum()
    best = max(
        chosen(quality, np.array(choice)).sum()
        for choice in itertools.product(range(3), repeat=6)
        if chosen(cost, np.array(choice)).mean() <= budget.mean_cost
    )
    # The linear relaxation loses the upgrade of one query at most.
    assert best - 1 < own <= best + 1e-12


def test_a_query_alone_has_the_budget_for_itself():
    # The hull goes straight from 0.1 to 1.0, but 0.3 is affordable.
    # What is left over then does not pay for 0.4.
    choice = Budget(5.0)([[0.1, 0.3, 0.4, 1.0]], cost=[1.0, 4.0, 6.0, 10.0])
    assert choice.tolist() == [1]


def test_the_best_gain_per_cost_comes_first():
    # The upgrades cost 2 each and gain 0.1, 0.4 and 0.2; one of them is affordable.
    quality = [[0.5, 0.6], [0.5, 0.9], [0.5, 0.7]]
    assert Budget(5 / 3)(quality, cost=[1.0, 3.0]).tolist() == [0, 1, 0]


def test_a_second_upgrade_of_one_query_may_come_before_the_first_of_another():
    # Every step costs 1; they gain 0.4 and 0.3 here, 0.2 there. Two are affordable.
    quality = [[0.1, 0.5, 0.8], [0.1, 0.3, 0.3]]
    assert Budget(2.0)(quality, cost=[1.0, 2.0, 3.0]).tolist() == [2, 0]


def test_rounding_does_not_reorder_the_steps_of_a_query():
    # Both steps gain 1.5 per cost, the first one rounded down. Were they taken the
    # other way round, the query would be charged 0.3 for an upgrade of 0.4.
    quality, cost = [[0.0, 0.15, 0.6]], [0.1, 0.2, 0.5]
    assert Budget(0.45)(quality, cost).tolist() == [1]


def test_upgrades_for_nothing_do_not_divide_by_zero():
    # Rounding makes the last two equally good per cost: 1 / 0.91 in floats.
    choice = Budget(0.92)([[0.0, 1 - 2**-53, 1.0]], cost=[0.0, 0.91, 0.91])
    assert choice[0] in (1, 2)


def test_a_budget_that_costs_just_reach_is_kept_in_spite_of_rounding():
    n_queries = 13
    assert np.full(n_queries, 0.1).sum() > 0.1 * n_queries
    choice = Budget(0.1)(np.full((n_queries, 1), 0.5), cost=[0.1])
    assert choice.tolist() == [0] * n_queries


def test_an_impossible_budget_says_what_the_cheapest_choices_cost():
    with pytest.raises(ValueError, match=r"mean_cost=0.5.* cost 1.5 on average"):
        Budget(0.5)([[0.9, 0.8], [0.9, 0.8]], cost=[[1.0, 4.0], [4.0, 2.0]])


# -- checks --------------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")
TWO = [[0.2, 0.4], [0.6, 0.8]]
UNUSABLE = {
    "1-D quality": (Policy(), ([0.2, 0.4],), {}, r"\(n_queries, n_models\).* \(2,\)"),
    "NaN quality": (
        Policy(),
        ([[0.2, NAN]],),
        {},
        r"quality of model 1 is nan \(row 0",
    ),
    "no costs": (MaxUtility(1), (TWO,), {}, "MaxUtility needs costs.*model 0 is nan"),
    "price": (UCB(1, 0.5), (TWO,), {"std": TWO}, "UCB needs costs.*model 0 is nan"),
    "bound": (Thompson(0, 1), (TWO,), {"std": TWO}, "Thompson needs costs"),
    "inf cost": (CheapestAbove(), (TWO, [1, INF]), {}, r"model 1 is inf \(row 0\)"),
    "NaN cost": (Budget(), (TWO, [[1, 1], [NAN, 1]]), {}, r"model 0 is nan \(row 1\)"),
    "negative cost": (MaxUtility(), (TWO, [1, -3]), {}, r">= 0: .*model 1 is -3.0"),
    "cost per query": (Policy(), (TWO, [[1], [2]]), {}, r"cost has shape \(2, 1\)"),
    "no std": (RiskAverse(), (TWO,), {}, "RiskAverse needs the spread"),
    "shape of std": (RiskAverse(), (TWO,), {"std": [[1.0]]}, r"std has shape \(1, 1\)"),
    "NaN std": (RiskAverse(), (TWO,), {"std": [0.1, NAN]}, r"std .*model 1 is nan"),
    "negative std": (RiskAverse(), (TWO,), {"std": [0.1, -1]}, r"std .*model 1 is -1"),
    "mask": (Policy(), (TWO, None, [1, 0.5]), {}, "row 0, column 1 has 0.5"),
    "width": (Policy(), (TWO, None, [1, 1, 1]), {}, r"`available` has shape \(3,\)"),
    "nobody": (Policy(), (TWO, None, [[1, 1], [0, 0]]), {}, "Row 1 has no available"),
    "cost_weight": (MaxUtility(-1), (TWO, [1, 1]), {}, "'cost_weight' parameter"),
    "infinite price": (MaxUtility(INF), (TWO, [1, 1]), {}, "'cost_weight' parameter"),
    "risk_weight": (RiskAverse(NAN), (TWO,), {"std": TWO}, "'risk_weight' parameter"),
    "floor": (CheapestAbove(1.5), (TWO, [1, 1]), {}, "'quality' parameter"),
    "mean_cost": (Budget(0), (TWO, [1, 1]), {}, "'mean_cost' parameter"),
}


@pytest.mark.parametrize(
    ("policy", "arrays", "std", "message"), UNUSABLE.values(), ids=UNUSABLE
)
def test_unusable_arguments_are_refused_by_name_and_place(policy, arrays, std, message):
    with pytest.raises(ValueError, match=message):
        policy(*arrays, **std)
    with pytest.raises(ValueError, match=message):
        policy.utility(*arrays, **std)


class Returns(Policy):
    """A policy of the user's, which does not look at availability."""

    def __init__(self, utility=None, choice=None):
        self.utility_, self.choice = utility, choice

    def _utility(self, quality, cost, std):
        return self.utility_

    def _choose(self, quality, cost, std):
        if self.choice is None:
            return super()._choose(quality, cost, std)
        return self.choice


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (Returns(utility=[1.0, 1.0]), r"Returns._utility .*\(2, 2\).* got \(2,\)"),
        (Returns(utility=[[1, 1], [1, NAN]]), r"utility of model 1 is nan \(row 1\)"),
        (Returns(choice=[1]), r"Returns._choose .* of 2 queries; .* shape \(1,\)"),
        (Returns(choice=[1.0, 1.0]), "Returns._choose .*; got float64"),
        (Returns(choice=[1, 2]), "Returns._choose chose 2 in row 1"),
        (Returns(choice=[1, 0]), "Returns._choose chose 0 in row 1"),
    ],
)
def test_a_policy_that_breaks_the_rules_is_named(policy, message):
    with pytest.raises(ValueError, match=message):
        policy(TWO, available=[[1, 1], [0, 1]])


def test_availability_is_kept_where_a_policy_does_not_look_at_it():
    policy = Returns(utility=[[3.0, 2.0], [3.0, 2.0]])
    up = [[1, 1], [0, 1]]
    assert_array_equal(policy.utility(TWO, available=up), [[3, 2], [-INF, 2]])
    assert_array_equal(policy(TWO, available=up), [0, 1])


# -- estimators ----------------------------------------------------------------------


@pytest.mark.parametrize("policy", EXAMPLES, ids=repr)
def test_policies_are_values(policy):
    rng = np.random.default_rng(0)
    quality, cost, std = rng.random((3, 20, 4))
    choice = policy(quality, cost, std=std)
    for copy in (
        clone(policy),
        pickle.loads(pickle.dumps(policy)),
        type(policy)().set_params(**policy.get_params()),
    ):
        assert copy.get_params() == policy.get_params()
        assert_array_equal(copy(quality, cost, std=std), choice)


@given(st.data())
def test_available_models_may_be_given_once_for_all_queries(data):
    shape = data.draw(shapes())
    mask = data.draw(availability(shape=(1, shape[1])))[0]
    quality = data.draw(qualities(shape=shape))
    every_query = np.tile(mask, (shape[0], 1))
    assert_array_equal(
        Policy()(quality, available=mask), Policy()(quality, available=every_query)
    )
