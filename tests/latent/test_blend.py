"""How far the network is trusted."""

import numpy as np
import pytest

from sklroute.latent._blend import Blend, fit_blend


@pytest.fixture
def world():
    """Return the true quality, its mean and binary outcomes with a tenth missing."""
    rng = np.random.default_rng(0)
    truth = rng.beta(2, 2, size=(2000, 3))
    quality = (rng.random(truth.shape) < truth).astype(float)
    quality[rng.random(truth.shape) < 0.1] = np.nan
    return truth, np.full(3, 0.5), quality


def test_a_right_prediction_is_trusted(world):
    truth, mean, quality = world
    blend = fit_blend([truth - mean], quality, mean, np.arange(2000))
    assert blend.shared == pytest.approx([1.0], abs=0.1)
    assert blend.relative == pytest.approx([1.0], abs=0.1)


def test_an_overconfident_prediction_is_shrunk(world):
    truth, mean, quality = world
    blend = fit_blend([2 * (truth - mean)], quality, mean, np.arange(2000))
    assert blend.shared == pytest.approx([0.5], abs=0.06)
    assert blend.relative == pytest.approx([0.5], abs=0.06)


def test_no_prediction_is_stretched_and_one_that_says_nothing_has_no_weight():
    rng = np.random.default_rng(0)
    quality = rng.random((200, 3))
    mean = quality.mean(axis=0)
    timid = (quality - mean) / 2
    blend = fit_blend([np.zeros((200, 3)), timid], quality, mean, np.arange(200))
    for weights in blend:
        assert weights[0] == 0
        assert 0.9 < weights[1] <= 1


def test_of_two_predictions_the_better_one_weighs_more(world):
    truth, mean, quality = world
    noise = np.random.default_rng(1).normal(scale=0.3, size=truth.shape)
    departures = [truth + noise - mean, truth - mean]
    for first, second in fit_blend(departures, quality, mean, np.arange(2000)):
        assert second > 3 * first


def test_what_adds_nothing_to_the_prediction_before_it_hardly_counts(world):
    truth, mean, quality = world
    noise = np.random.default_rng(1).normal(scale=0.3, size=truth.shape)
    departures = [truth - mean, truth + noise - mean]
    for first, second in fit_blend(departures, quality, mean, np.arange(2000)):
        assert first > 0.9
        assert second < 0.05


def test_hardness_and_differences_have_weights_of_their_own(world):
    truth, mean, quality = world
    departure = truth - mean
    shared = departure.mean(axis=1, keepdims=True)
    hard = np.repeat(shared, 3, axis=1)  # knows how hard a query is, nothing else
    blend = fit_blend([hard], quality, mean, np.arange(2000))
    assert blend.shared == pytest.approx([1.0], abs=0.15)
    blend = fit_blend([departure - shared], quality, mean, np.arange(2000))
    assert blend.relative == pytest.approx([1.0], abs=0.15)


def test_a_blend_adds_up_its_parts():
    departure = np.array([[0.1, -0.1, 0.3]])
    mean = np.array([0.5, 0.4, 0.2])
    blend = Blend(np.array([0.5]), np.array([0.2]))
    # The shared part is 0.1, the differences are 0, -0.2 and 0.2.
    expected = [[0.5 + 0.05, 0.4 + 0.05 - 0.04, 0.2 + 0.05 + 0.04]]
    np.testing.assert_allclose(blend([departure], mean), expected)


def test_noise_is_seldom_trusted(world):
    _, mean, quality = world
    rng = np.random.default_rng(2)
    weights = [
        fit_blend(
            [rng.normal(scale=0.1, size=quality.shape)], quality, mean, np.arange(2000)
        ).relative[0]
        for _ in range(200)
    ]
    # Gains beyond a standard error by chance: about 16 %, and then the weight is small.
    assert np.mean(np.array(weights) > 0) <= 0.25
    assert np.mean(weights) <= 0.02


def test_copies_of_a_query_do_not_add_certainty():
    rng = np.random.default_rng(3)
    truth = 0.5 + 0.15 * rng.standard_normal((60, 2))
    quality = (rng.random(truth.shape) < truth).astype(float)
    departure = truth - 0.5
    mean = np.full(2, 0.5)
    copies = [np.repeat(table, 20, axis=0) for table in (departure, quality)]
    alone = fit_blend([departure], quality, mean, np.arange(60))
    groups = np.repeat(np.arange(60), 20)
    grouped = fit_blend([copies[0]], copies[1], mean, groups)
    naive = fit_blend([copies[0]], copies[1], mean, np.arange(1200))
    np.testing.assert_allclose(grouped, alone)
    assert naive.shared > grouped.shared


def test_a_prediction_is_judged_by_the_queries_that_it_has_not_seen(world):
    truth, mean, quality = world
    noise = np.random.default_rng(1).normal(scale=0.3, size=truth.shape)
    first, second = truth + noise - mean, truth - mean
    second[:1500] = np.nan
    alone = fit_blend([first], quality, mean, np.arange(2000))
    both = fit_blend([first, second], quality, mean, np.arange(2000))
    second[:1500] = 0
    fooled = fit_blend([first, second], quality, mean, np.arange(2000))
    for one, (before, after), wrong in zip(alone, both, fooled, strict=True):
        assert 0.1 < one[0] < 0.8
        assert after == pytest.approx(1, abs=0.15)
        # The step towards the first one is that of all queries; the rest is scaled.
        assert before == pytest.approx(one[0] * (1 - after))
        assert wrong[1] < after - 0.2


def test_queries_are_weighed(world):
    truth, mean, quality = world
    weight = np.arange(2000) % 3.0
    rows = np.arange(2000).repeat(weight.astype(int))
    departure = np.where(np.arange(2000)[:, None] % 3 == 2, 3.0, 0.5) * (truth - mean)
    weighed = fit_blend([departure], quality, mean, np.arange(2000), weight)
    repeated = fit_blend([departure[rows]], quality[rows], mean, rows)
    # Copies of a query are one group in both; those of weight 0 are in one only.
    np.testing.assert_allclose(weighed, repeated, rtol=0.02)
