"""How far the network is trusted."""

import numpy as np
import pytest

from sklroute.latent._blend import blend_weights
from sklroute.latent._calibration import best_choice_temperature


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
    weights = blend_weights([truth - mean], quality, mean, np.arange(2000))
    assert weights == pytest.approx([1.0], abs=0.1)


def test_an_overconfident_prediction_is_shrunk(world):
    truth, mean, quality = world
    weights = blend_weights([2 * (truth - mean)], quality, mean, np.arange(2000))
    assert weights == pytest.approx([0.5], abs=0.06)


def test_of_two_predictions_the_better_one_weighs_more(world):
    truth, mean, quality = world
    noise = np.random.default_rng(1).normal(scale=0.3, size=truth.shape)
    departures = [truth + noise - mean, truth - mean]
    weights = blend_weights(departures, quality, mean, np.arange(2000))
    assert weights[1] > 3 * weights[0]


def test_noise_is_seldom_trusted(world):
    _, mean, quality = world
    rng = np.random.default_rng(2)
    trusted = [
        blend_weights(
            [rng.normal(scale=0.1, size=quality.shape)], quality, mean, np.arange(2000)
        )[0]
        > 0
        for _ in range(200)
    ]
    # Gains beyond two standard errors by chance: at most about 2.5 %.
    assert np.mean(trusted) <= 0.06


def test_copies_of_a_query_do_not_add_certainty():
    rng = np.random.default_rng(3)
    truth = 0.5 + 0.15 * rng.standard_normal((60, 2))
    quality = (rng.random(truth.shape) < truth).astype(float)
    departure = truth - 0.5
    copies = [np.repeat(table, 20, axis=0) for table in (departure, quality)]
    alone = blend_weights([departure], quality, np.full(2, 0.5), np.arange(60))
    groups = np.repeat(np.arange(60), 20)
    grouped = blend_weights([copies[0]], copies[1], np.full(2, 0.5), groups)
    naive = blend_weights([copies[0]], copies[1], np.full(2, 0.5), np.arange(1200))
    assert grouped == pytest.approx(alone)
    assert naive > grouped


def test_temperature_recovers_the_one_that_made_the_choices():
    rng = np.random.default_rng(0)
    utility = rng.normal(scale=0.3, size=(5000, 4))
    # Adding Gumbel noise of scale T makes softmax(utility / T) the law of the best.
    realised = utility + 0.2 * rng.gumbel(size=utility.shape)
    assert best_choice_temperature(utility, realised) == pytest.approx(0.2, rel=0.1)


def test_unobserved_models_are_no_rivals():
    utility = np.array([[0.1, 0.9], [0.2, 0.8]] * 50)
    realised = np.array([[1.0, np.nan], [0.0, 1.0]] * 50)
    with_rival = best_choice_temperature(utility, np.nan_to_num(realised))
    assert best_choice_temperature(utility, realised) < with_rival
