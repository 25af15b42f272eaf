"""Predicted distributions of quality."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklroute.latent import QualityDistribution

WEIGHTS = arrays(np.float64, (3, 2, 5), elements=st.floats(2**-6, 1.0, width=16))


def make_distribution(weights):
    prob = weights / weights.sum(axis=-1, keepdims=True)
    return QualityDistribution(np.linspace(0, 1, weights.shape[-1]), prob)


def test_bernoulli_moments():
    answers = QualityDistribution(np.array([0.0, 1.0]), np.array([[[0.2, 0.8]]]))
    assert answers.mean == pytest.approx(0.8)
    assert answers.std == pytest.approx(0.4)  # sqrt(0.8 * 0.2)


@given(WEIGHTS)
def test_moments_lie_in_their_ranges(weights):
    answers = make_distribution(weights)
    assert ((answers.mean >= 0) & (answers.mean <= 1)).all()
    assert ((answers.std >= 0) & (answers.std <= 0.5 + 1e-9)).all()


@given(WEIGHTS, st.floats(0, 1), st.floats(0, 1))
def test_quantiles_grow_with_their_level(weights, first, second):
    answers = make_distribution(weights)
    low, high = sorted([first, second])
    assert (answers.quantile(low) <= answers.quantile(high)).all()


@given(WEIGHTS, st.floats(0.01, 0.99))
def test_a_quantile_is_reached_with_its_probability(weights, q):
    answers = make_distribution(weights)
    at = answers.quantile(q)[..., None]
    reached = (answers.prob * (answers.support <= at)).sum(axis=-1)
    assert (reached >= q - 1e-9).all()


@given(WEIGHTS)
def test_probability_of_at_least_zero_is_one(weights):
    answers = make_distribution(weights)
    np.testing.assert_allclose(answers.prob_at_least(0.0), 1.0)
    assert (answers.prob_at_least(1.1) == 0).all()


@given(WEIGHTS, arrays(np.float64, (3, 2), elements=st.floats(0, 1)))
def test_the_mean_is_moved_to_where_it_should_be(weights, mean):
    moved = make_distribution(weights).with_mean(mean)
    np.testing.assert_allclose(moved.mean, mean, atol=1e-12)
    np.testing.assert_allclose(moved.prob.sum(axis=-1), 1.0)
    assert (moved.prob >= 0).all()


def test_samples_have_the_mean_of_the_distribution():
    prob = np.tile([0.1, 0.2, 0.7], (20_000, 1, 1))
    answers = QualityDistribution(np.linspace(0, 1, 3), prob)
    drawn = answers.sample(np.random.default_rng(0))
    assert set(np.unique(drawn)) == {0.0, 0.5, 1.0}
    assert drawn.mean() == pytest.approx(0.8, abs=0.01)  # 0.2 * 0.5 + 0.7


@pytest.mark.parametrize("q", [-0.1, 1.5, float("nan")])
def test_a_level_outside_zero_and_one_is_refused(q):
    answers = make_distribution(np.ones((1, 1, 2)))
    with pytest.raises(ValueError, match=r"q must be in \[0, 1\]"):
        answers.quantile(q)
