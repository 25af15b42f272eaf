"""What a new model would be worth, told before it joins."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklroute import KNNRouter, Outcomes, RidgeRouter
from sklroute.datasets import make_routing
from sklroute.metrics import Interval
from sklroute.pipeline import as_router
from sklroute.policies import Budget, MaxUtility
from sklroute.pool import ModelValue

DATA = make_routing(n_queries=1200, n_models=5, random_state=0)
NEW = int(DATA.quality.mean(axis=0).argmax())  # the best one is worth most
KEPT = np.delete(np.arange(5), NEW)
TRAIN, SCORED = slice(0, 600), slice(600, 800)
OLD = Outcomes(
    DATA.y.quality[:, KEPT], DATA.y.cost[:, KEPT], models=DATA.y.models[KEPT]
)
X, QUALITY, COST = DATA.X[SCORED], DATA.y.quality[SCORED, NEW], DATA.y.cost[SCORED, NEW]


WEAK = Outcomes(0.3 * OLD.quality, models=OLD.models)


@pytest.fixture(scope="module")
def router():
    return RidgeRouter(100.0).fit(DATA.X[TRAIN], OLD[TRAIN])


@pytest.fixture(scope="module")
def weak():
    """A router of models that any good one replaces."""
    return RidgeRouter(100.0).fit(DATA.X[TRAIN], WEAK[TRAIN])


def test_named_columns_are_taken_without_a_warning(router):
    frames = [pd.DataFrame(part).add_prefix("x") for part in (DATA.X[TRAIN], X)]
    named = clone(router).fit(frames[0], OLD[TRAIN])
    value = named.value_of(frames[1], QUALITY, COST, y=OLD[SCORED])
    assert value.gain == router.value_of(X, QUALITY, COST, y=OLD[SCORED]).gain


def test_a_model_that_is_always_right_is_worth_what_the_others_lose(weak):
    value = weak.value_of(X, np.ones(200), y=WEAK[SCORED])
    places = WEAK.models.searchsorted(weak.predict(X))
    present = WEAK.quality[SCORED][np.arange(200), places].mean()
    assert value.traffic == 1
    assert value.gain.estimate == pytest.approx(1 - present)
    assert value.verdict == "a gain"
    assert value.measured


@pytest.mark.parametrize("groups", [None, np.repeat(np.arange(100), 2)])
def test_a_model_that_is_always_wrong_gets_nothing(router, groups):
    value = router.value_of(X, np.zeros(200), COST, y=OLD[SCORED], groups=groups)
    assert value.traffic == 0
    assert value.gain.estimate == value.quality.estimate == value.cost.estimate == 0
    assert value.gain.low < 0 < value.gain.high  # 200 queries do not show all
    assert value.verdict == "no query would go to it"


def test_without_outcomes_the_router_is_believed(weak):
    value = weak.value_of(X, np.ones(200))
    predicted = weak.predict_quality(X).max(axis=1).mean()
    assert value.gain.estimate == pytest.approx(1 - predicted)
    assert not value.measured


@pytest.mark.parametrize("size", [1, 2])
def test_a_query_is_judged_by_answers_to_other_groups(router, size):
    """An answer changes what is predicted for others, never for its own group."""
    groups = np.repeat(np.arange(60 // size), size)
    queries, quality, old = X[groups], QUALITY[groups], OLD[SCORED][groups]
    given = {"groups": groups} if size > 1 else {}
    value = router.value_of(queries, quality, y=old, cv=60 // size, **given)
    total = 0.0
    for group in range(60 // size):
        own = groups == group
        larger = pickle.loads(pickle.dumps(router))
        larger.add_model("new", queries[~own], quality[~own], y=old[~own])
        goes = larger.predict(queries[own]) == "new"
        now = OLD.models.searchsorted(router.predict(queries[own]))
        total += (goes * (quality - old.quality[:, now[0]])[own]).sum()
    assert total
    assert value.quality.estimate == pytest.approx(total / 60)


def test_nothing_is_changed(router):
    before = pickle.dumps(router)
    router.value_of(X, QUALITY, COST, y=OLD[SCORED])
    assert pickle.dumps(router) == before


def test_the_gain_is_in_utility(router):
    weight = 0.05
    policy = MaxUtility(cost_weight=weight)
    value = router.value_of(X, QUALITY, COST, y=OLD[SCORED], policy=policy)
    assert value.gain.estimate == pytest.approx(
        value.quality.estimate - weight * value.cost.estimate
    )


def test_the_same_model_for_less_saves():
    """A copy of the only model at half its price: same quality, half the cost."""
    single = Outcomes(np.ones((600, 1)), np.full((600, 1), 0.5), models=["old"])
    router = RidgeRouter(100.0).fit(DATA.X[TRAIN], single)
    value = router.value_of(X, np.ones(200), 0.25)
    low, high = value.saving_at_equal_quality[1:]
    assert value.saving_at_equal_quality.estimate == low == high == 0.5
    assert value.quality_at_equal_cost == (0, 0, 0)


def test_costs_are_needed_for_a_saving_only(router):
    value = router.value_of(X, QUALITY, y=OLD[SCORED])
    assert value.cost is value.saving_at_equal_quality is None
    assert value.to_frame().index.tolist() == ["gain", "quality"]
    value = router.value_of(X, QUALITY, COST, y=OLD[SCORED])
    frame = value.to_frame()
    assert frame.shape == (5, 3)
    assert (frame["low"] <= frame["high"]).all()


def test_a_cost_that_is_paid_but_was_not_predicted_tells_of_no_saving(router):
    unpriced = pickle.loads(pickle.dumps(router)).set_costs({OLD.models[0]: np.nan})
    value = unpriced.value_of(X, QUALITY, COST, y=OLD[SCORED])
    known = router.value_of(X, QUALITY, COST, y=OLD[SCORED])
    assert (value.gain, value.cost) == (known.gain, known.cost)
    assert value.quality_at_equal_cost is value.saving_at_equal_quality is None


def test_outcomes_may_be_partial(weak):
    """Only the models that were observed on a query are its candidates."""
    only = Outcomes(WEAK.quality[SCORED][:, :1], models=WEAK.models[:1])
    value = weak.value_of(X, np.ones(200), y=only)
    assert value.quality.estimate == pytest.approx(1 - only.quality.mean())


def test_answers_that_were_not_scored_do_not_count(router):
    quality = np.where(np.arange(200) < 120, QUALITY, np.nan)
    value = router.value_of(X, quality, y=OLD[SCORED])
    expected = router.value_of(X[:120], QUALITY[:120], y=OLD[600:720])
    assert value.n_queries == 120
    assert value.gain == expected.gain


def test_queries_of_a_group_count_as_one(router):
    rows = np.repeat(np.arange(40), 5)
    given = {"X": X[rows], "quality": QUALITY[rows], "y": OLD[SCORED][rows]}
    one, many = (router.value_of(**given, groups=g).gain for g in (rows, None))
    assert one.high - one.low > 1.5 * (many.high - many.low)


def test_any_policy_will_do(router):
    budget = Budget(float(np.nanmean(OLD.cost)))
    value = router.value_of(X, QUALITY, COST, y=OLD[SCORED], policy=budget)
    assert 0 <= value.traffic <= 1


def test_names_may_be_numbers():
    numbered = Outcomes(WEAK.quality[TRAIN], models=[1, 2, 3, 4])
    router = KNNRouter(32).fit(DATA.X[TRAIN], numbered)
    assert router.value_of(X, np.ones(200)).traffic == 1


def test_a_pipeline_values_as_its_router_does():
    pipe = make_pipeline(StandardScaler(), RidgeRouter(100.0))
    pipe.fit(DATA.X[TRAIN], OLD[TRAIN])
    value = as_router(pipe).value_of(X, QUALITY, COST, y=OLD[SCORED])
    expected = pipe[-1].value_of(pipe[0].transform(X), QUALITY, COST, y=OLD[SCORED])
    assert value.gain == expected.gain


def test_it_reads_as_a_report(weak):
    value = weak.value_of(X, np.ones(200), y=WEAK[SCORED])
    lines = repr(value).splitlines()
    assert lines[0].startswith("a gain: 200 scored queries, 100% of them for it")
    assert [line.split()[0] for line in lines[1:]] == value.to_frame().index.tolist()


@pytest.mark.parametrize(
    ("traffic", "low", "high", "verdict"),
    [
        (0.0, 0.0, 0.0, "no query would go to it"),
        (0.045, 0.01, 0.02, "too few queries would go to it: score more"),
        (0.05, 0.01, 0.02, "a gain"),
        (0.5, -0.02, -0.01, "a loss"),
        (0.5, 0.0, 0.01, "open: score more"),
        (0.5, -0.01, 0.0, "open: score more"),
    ],
)
def test_the_verdict_is_that_of_the_interval(traffic, low, high, verdict):
    gain = Interval((low + high) / 2, low, high)
    value = ModelValue(200, traffic, gain, gain, None, None, None, True)
    assert value.verdict == verdict


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cv": 1}, "cv must be an integer from 2 to 200"),
        ({"cv": 201}, "cv must be an integer from 2 to 200"),
        ({"groups": np.zeros(200)}, "from 2 to 1"),
        ({"groups": np.zeros(3)}, r"groups has shape \(3,\)"),
        ({"quality": QUALITY[:3]}, r"quality has shape \(3,\)"),
        ({"quality": QUALITY * 2}, "model 'new' has 2"),
        ({"cost": -1.0}, "Cost must be"),
        ({"y": OLD[:3]}, "X has 200 queries, y has 3"),
        ({"y": DATA.y[SCORED]}, "is not one of the models"),
        ({"groups": ["g"] * 199 + [None]}, "groups has no value in row 199"),
        ({"policy": MaxUtility(1.0)}, "needs costs: that of the new model"),
        ({"confidence_level": 2}, "confidence_level"),
    ],
)
def test_wrong_input_is_named(router, change, message):
    given = {"quality": QUALITY, **change}
    with pytest.raises(ValueError, match=message):
        router.value_of(X, **given)


def test_a_query_without_any_outcome_is_named_by_its_row(router):
    quality, y = QUALITY.copy(), OLD.quality[SCORED].copy()
    quality[:3] = np.nan  # not scored: what is known of these does not matter
    y[[1, 7]] = np.nan
    with pytest.raises(ValueError, match="Row 7 of y has no model"):
        router.value_of(X, quality, y=Outcomes(y, models=OLD.models))
    y[7] = 1.0
    value = router.value_of(X, quality, y=Outcomes(y, models=OLD.models))
    assert value.n_queries == 197
