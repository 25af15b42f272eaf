"""Reliability, the probability integral transform, coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import kstest
from strategies import outcomes, qualities

from sklroute.latent import QualityDistribution
from sklroute.metrics import (
    quality_calibration_error,
    quality_coverage,
    quality_reliability,
    randomised_pit,
)


@given(st.data(), st.integers(1, 12))
def test_uniform_bins_give_the_calibration_error(data, n_bins):
    y = data.draw(outcomes(missing=True))
    quality = data.draw(qualities(shape=y.quality.shape))
    curve = quality_reliability(y, quality, n_bins)
    gap = np.abs(curve.predicted - curve.observed)
    error = np.average(gap, weights=curve.count)
    assert error == pytest.approx(quality_calibration_error(y, quality, n_bins))
    assert (np.diff(curve.predicted) > 0).all()


@given(st.data(), st.integers(1, 12), st.sampled_from(["uniform", "quantile"]))
def test_every_observed_answer_is_in_one_bin(data, n_bins, strategy):
    y = data.draw(outcomes(missing=True))
    quality = data.draw(qualities(shape=y.quality.shape))
    curve = quality_reliability(y, quality, n_bins, strategy=strategy)
    assert curve.count.sum() == y.observed.sum()
    assert len(curve.count) <= n_bins
    mean = np.average(curve.observed, weights=curve.count)
    assert mean == pytest.approx(np.nanmean(y.quality))


def test_quantile_bins_hold_equal_numbers():
    rng = np.random.default_rng(0)
    y = (rng.random((100, 3)) < 0.5).astype(float)
    curve = quality_reliability(y, rng.random((100, 3)), 6, strategy="quantile")
    assert curve.count.tolist() == [50] * 6


@pytest.fixture(scope="module")
def chance():
    return np.random.default_rng(0).random((3000, 3))


def test_the_transform_of_right_chances_is_uniform(chance):
    y = (np.random.default_rng(1).random(chance.shape) < chance).astype(float)
    u = randomised_pit(y, chance, random_state=0)
    assert kstest(u.ravel(), "uniform").pvalue > 0.001


def test_the_transform_of_right_distributions_is_uniform():
    rng = np.random.default_rng(0)
    prob = rng.dirichlet(np.ones(5), size=(3000, 3))
    distribution = QualityDistribution(np.linspace(0, 1, 5), prob)
    y = distribution.sample(rng)
    u = randomised_pit(y, distribution, random_state=0)
    assert kstest(u.ravel(), "uniform").pvalue > 0.001
    # Qualities between the values of the support count as the nearest.
    moved = np.clip(y + rng.uniform(-0.12, 0.12, y.shape), 0, 1)
    assert_allclose(randomised_pit(moved, distribution, random_state=0), u)


def test_missing_answers_have_no_place():
    u = randomised_pit([[1.0, float("nan")]], [[0.5, 0.5]], random_state=0)
    assert np.isnan(u).tolist() == [[False, True]]


def test_coverage_of_a_bernoulli_distribution_by_hand():
    # p = 0.25 and always wrong: u is uniform on [0, 0.75].
    curve = quality_coverage(
        [[0.0, 0.0]] * 40_000,
        [[0.25, 0.25]] * 40_000,
        levels=[0.0, 0.5, 0.8, 1.0],
        random_state=0,
    )
    # Level a holds [(1 - a) / 2, (1 + a) / 2], cut at 0.75.
    assert_allclose(curve.observed, [0, 0.5 / 0.75, 0.65 / 0.75, 1], atol=0.01)


def test_too_sure_is_below_the_diagonal_and_too_unsure_above(chance):
    y = (np.random.default_rng(1).random(chance.shape) < chance).astype(float)
    levels = [0.3, 0.5, 0.7]
    right = quality_coverage(y, chance, levels=levels, random_state=0)
    assert_allclose(right.observed, levels, atol=0.03)
    sure = np.where(chance > 0.5, 0.99, 0.01)
    over = quality_coverage(y, sure, levels=levels, random_state=0)
    assert (over.observed < right.observed - 0.05).all()
    unsure = 0.5 + (chance - 0.5) / 10
    under = quality_coverage(y, unsure, levels=levels, random_state=0)
    assert (under.observed > right.observed).any()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: quality_reliability([[1.0, 0.0]], [[0.5, 0.5]], 0), "n_bins"),
        (
            lambda: quality_reliability([[1.0, 0.0]], [[0.5, 0.5]], strategy="x"),
            "strategy must be",
        ),
        (lambda: randomised_pit([[1.0, 0.4]], [[0.5, 0.5]]), "model 1 has quality 0.4"),
        (lambda: randomised_pit([[1.0, 0.0]], [[0.5]]), "The chance of a right answer"),
        (
            lambda: randomised_pit(
                [[1.0, 0.0]], QualityDistribution(np.array([0, 1]), np.ones((1, 1, 2)))
            ),
            "The distribution has shape",
        ),
        (
            lambda: quality_coverage([[1.0, 0.0]], [[0.5, 0.5]], levels=[95]),
            "levels must be in",
        ),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


@pytest.mark.parametrize("chance", [np.nan, 1.7, -0.1])
def test_a_chance_that_is_none_is_refused(chance):
    with pytest.raises(ValueError, match=r"in \[0, 1\]; row 1, model 0 has"):
        quality_coverage([[1.0, 0.0], [1.0, 1.0]], [[0.5, 0.5], [chance, 0.5]])
