"""Error, test, adjustment and power against closed forms and slow versions."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import binom, binomtest, norm

from sklroute.audit._statistics import (
    cluster_error,
    effect_factor,
    holm,
    sign_flip_p,
)


def test_error_of_independent_queries_is_that_of_a_mean():
    gain = np.random.default_rng(0).normal(size=50)
    assert cluster_error(gain) == pytest.approx(gain.std(ddof=1) / np.sqrt(50))


def test_error_of_equal_units_is_that_of_their_means():
    gain = np.random.default_rng(0).normal(size=(30, 4))
    unit = np.repeat(np.arange(30), 4)
    expected = gain.mean(axis=1).std(ddof=1) / np.sqrt(30)
    assert cluster_error(gain.ravel(), unit) == pytest.approx(expected)


def test_one_unit_has_no_error():
    assert np.isnan(cluster_error(np.ones(3), ["a"] * 3))


def test_p_value_is_the_share_of_all_sign_flips():
    gain = np.array([0.3, -0.1, 0.5, 0.2, 0.4, -0.2, 0.6, 0.1])
    flips = np.array(list(product([-1, 1], repeat=8))) @ gain
    more = np.abs(flips) > gain.sum() + 1e-9
    equal = np.isclose(np.abs(flips), gain.sum())
    exact = np.mean(more + equal / 2)
    assert sign_flip_p(gain, n_resamples=20_000, random_state=0) == pytest.approx(
        exact, abs=0.01
    )


def test_p_value_of_right_and_wrong_answers_is_the_mid_p_of_the_sign_test():
    gain = np.r_[np.ones(14), -np.ones(5), np.zeros(200)]
    # The exact two-sided test counts 14 and 5 whole, mid-p half.
    exact = binomtest(14, 19).pvalue - binom.pmf(14, 19, 0.5)
    found = sign_flip_p(gain, n_resamples=20_000, random_state=0)
    assert found == pytest.approx(exact, abs=0.01)


def test_a_handful_of_differing_queries_proves_nothing():
    # All four for the router: 2 of 16 flips are as extreme, and count half.
    gain = np.r_[np.ones(4), np.zeros(1000)]
    assert sign_flip_p(gain, random_state=0) == pytest.approx(1 / 16, abs=0.02)


def test_gains_and_losses_that_cancel_in_every_unit_prove_nothing():
    gain = np.tile([0.1, 0.2, -0.3], 40)  # which sum to 6e-17
    unit = np.repeat(np.arange(40), 3)
    assert sign_flip_p(gain, unit, random_state=0) == 1.0


def test_flips_as_extreme_count_half_and_one_is_added():
    assert sign_flip_p(np.ones(1), n_resamples=9) == (1 + 9 / 2) / (1 + 9)


def test_copies_of_a_query_count_once():
    gain = np.random.default_rng(0).normal(0.3, size=12)
    copies = np.repeat(gain, 10)
    once = sign_flip_p(gain, random_state=0)
    assert sign_flip_p(copies, np.repeat(np.arange(12), 10), random_state=0) == once
    assert sign_flip_p(copies, random_state=0) < once


def test_flips_are_drawn_in_chunks(monkeypatch):
    gain = np.random.default_rng(0).normal(0.2, size=40)
    whole = sign_flip_p(gain, random_state=0)
    monkeypatch.setattr("sklroute.audit._statistics.CHUNK_CELLS", 400)
    assert sign_flip_p(gain, random_state=0) == whole


p_values = st.lists(st.floats(0, 1), min_size=1, max_size=6)


@given(p_values)
def test_holm_is_the_closed_test_of_bonferroni(p):
    """Rejected at a level iff every intersection with it is, by Bonferroni."""
    p = np.array(p)
    subsets = [
        np.flatnonzero(mask) for mask in product([0, 1], repeat=len(p)) if any(mask)
    ]
    expected = [
        max(min(1.0, len(s) * p[s].min()) for s in subsets if i in s)
        for i in range(len(p))
    ]
    assert_allclose(holm(p), expected)


def test_the_smallest_effect_is_found_with_the_power_asked_for():
    factor = effect_factor(0.05, 0.8)
    assert factor == pytest.approx(2.8016, abs=1e-4)
    rng = np.random.default_rng(0)
    gain = rng.normal(factor / 10, 1.0, size=(4000, 100))
    error = gain.std(axis=1, ddof=1) / 10
    found = np.mean(gain.mean(axis=1) / error > norm.ppf(0.975))
    assert found == pytest.approx(0.8, abs=0.03)
