import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklroute import Outcomes
from sklroute.metrics import (
    cost_range,
    frontier,
    frontier_bootstrap,
    nauc,
    paired_bootstrap,
)


@pytest.fixture
def routed():
    """200 queries, 3 models, and predictions that know something."""
    rng = np.random.default_rng(0)
    chance = rng.random((200, 3))
    quality = (rng.random((200, 3)) < chance).astype(float)
    return Outcomes(quality, rng.random((200, 3)) + np.arange(3)), chance


COST = np.array([0.5, 1.5, 2.5])


# -- means -----------------------------------------------------------------------


def test_interval_holds_the_mean_and_has_its_standard_error():
    values = np.random.default_rng(0).normal(size=400)
    estimate, low, high = paired_bootstrap(values, random_state=0)
    assert estimate == pytest.approx(values.mean())
    error = values.std() / 20
    assert_allclose([low, high], estimate + 1.96 * error * np.array([-1, 1]), atol=0.01)


def test_pairing_removes_what_the_queries_share():
    rng = np.random.default_rng(0)
    difficulty = rng.normal(size=300)
    better = difficulty + 0.1 + 0.1 * rng.normal(size=300)
    paired = paired_bootstrap(better, difficulty, random_state=0)
    alone = paired_bootstrap(better, random_state=0)
    assert paired.estimate == pytest.approx((better - difficulty).mean())
    assert paired.low > 0 > alone.low


def test_repeated_queries_count_once_if_they_are_grouped():
    values = np.repeat(np.random.default_rng(0).random(50), 8)
    groups = np.repeat(np.arange(50), 8)
    loose = paired_bootstrap(values, groups=groups, random_state=0)
    tight = paired_bootstrap(values, random_state=0)
    once = paired_bootstrap(values[::8], random_state=0)
    assert loose.high - loose.low > 2 * (tight.high - tight.low)
    assert_allclose(loose, once)


def test_large_groups_weigh_more():
    values, groups = np.array([1.0, 0.0, 0.0, 0.0]), ["a", "b", "b", "b"]
    estimate, low, high = paired_bootstrap(values, groups=groups, random_state=0)
    assert (estimate, low, high) == (0.25, 0.0, 1.0)


def test_equal_values_have_no_spread():
    assert_allclose(paired_bootstrap(np.full(9, 0.3), random_state=0), [0.3] * 3)


def test_the_interval_covers_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = []
    for seed in range(300):
        values = rng.random(100) < 0.7
        _, low, high = paired_bootstrap(values, n_resamples=300, random_state=seed)
        covered.append(low <= 0.7 <= high)
    assert 0.90 <= np.mean(covered) <= 0.98  # 0.95, standard error 0.013


def test_a_lower_confidence_level_is_narrower_and_seeds_repeat():
    values = np.random.default_rng(0).random(100)
    wide = paired_bootstrap(values, random_state=3)
    narrow = paired_bootstrap(values, confidence_level=0.5, random_state=3)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert paired_bootstrap(values, random_state=3) == wide


def test_many_queries_are_drawn_in_chunks(monkeypatch):
    values = np.random.default_rng(0).random(50)
    whole = paired_bootstrap(values, random_state=0)
    monkeypatch.setattr("sklroute.metrics._bootstrap.CHUNK_CELLS", 1000)
    assert_allclose(paired_bootstrap(values, random_state=0), whole)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"values": [0.5, float("nan")]}, "values of row 1 is nan"),
        ({"values": [[0.5], [0.5]]}, "values must hold one number per query"),
        ({"values": []}, "values must hold one number per query"),
        ({"values": [1, 2], "reference": [1]}, "inconsistent"),
        ({"values": [1, 2], "reference": [1, np.inf]}, "reference of row 1 is inf"),
        ({"values": [1, 2], "groups": [1]}, "inconsistent"),
        ({"values": [1, 2], "confidence_level": 95}, "confidence_level must be in"),
        ({"values": [1, 2], "n_resamples": 0}, "n_resamples must be at least 1"),
    ],
)
def test_bad_input_is_refused(params, match):
    with pytest.raises(ValueError, match=match):
        paired_bootstrap(**params)


# -- frontiers -------------------------------------------------------------------


def test_frontier_interval_holds_its_area(routed):
    y, chance = routed
    interval = frontier_bootstrap(y, chance, COST, random_state=0)
    area = nauc(frontier(y, chance, COST), cost_range(y))
    assert interval.estimate == pytest.approx(area, abs=1e-12)
    assert interval.low < area < interval.high


def test_each_resample_is_the_area_of_the_drawn_queries(routed):
    y, chance = routed
    weights = np.linspace(0, 1, 11)
    interval = frontier_bootstrap(
        y, chance, COST, cost_weights=weights, n_resamples=1, random_state=5
    )
    drawn = np.random.RandomState(5).randint(200, size=200)
    curve = frontier(y[drawn], chance[drawn], COST, cost_weights=weights)
    expected = nauc(curve, cost_range(y[drawn]))
    assert interval.low == interval.high == pytest.approx(expected, abs=1e-9)


def test_a_router_has_no_gain_over_itself_and_much_over_a_blind_one(routed):
    y, chance = routed
    same = frontier_bootstrap(y, chance, COST, other=(chance, COST), random_state=0)
    assert same == (0.0, 0.0, 0.0)
    blind = np.tile(y.quality.mean(axis=0), (200, 1))
    gain = frontier_bootstrap(y, chance, COST, other=(blind, COST), random_state=0)
    assert gain.low > 0
    loss = frontier_bootstrap(y, blind, COST, other=(chance, COST), random_state=0)
    assert_allclose(loss, [-gain.estimate, -gain.high, -gain.low])


def test_grouped_frontier_interval_is_wider_for_repeated_queries(routed):
    y, chance = routed
    rows = np.repeat(np.arange(50), 4)
    params = {"y": y[rows], "quality": chance[rows], "cost": COST, "random_state": 0}
    loose = frontier_bootstrap(groups=rows, **params)
    tight = frontier_bootstrap(**params)
    assert loose.high - loose.low > 1.4 * (tight.high - tight.low)
