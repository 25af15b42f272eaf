"""Capability profiles."""

import numpy as np
import pytest

from sklroute.latent._profiles import ProfileEncoder, log_marginals

NO_COST = np.full((200, 3), np.nan)


@pytest.fixture
def calibration():
    """Return two regions: model 0 is good in the first, model 1 in the second."""
    rng = np.random.default_rng(0)
    region = np.arange(200) % 2
    X = np.column_stack([10.0 * region, rng.normal(size=200)])
    quality = np.column_stack([1.0 - region, region, np.full(200, 0.5)])
    return X, quality, region


def test_regional_skill_shows_in_the_profile(calibration):
    X, quality, _ = calibration
    encoder = ProfileEncoder(n_regions=2, random_state=0).fit(X, quality, NO_COST)
    first, second = encoder.regions_.predict([[0.0, 0.0], [10.0, 0.0]])
    profile = encoder.transform(X, quality, NO_COST)
    assert profile[0, 1 + first] > 0 > profile[0, 1 + second]
    assert profile[1, 1 + second] > 0 > profile[1, 1 + first]


def test_length_does_not_depend_on_the_number_of_models(calibration):
    X, quality, _ = calibration
    for pool in (quality[:, :1], quality):
        cost = np.full(pool.shape, np.nan)
        encoder = ProfileEncoder(n_regions=4, random_state=0).fit(X, pool, cost)
        assert encoder.transform(X, pool, cost).shape == (pool.shape[1], 4 + 3)


def test_a_profile_comes_from_the_models_own_column_alone(calibration):
    X, quality, _ = calibration
    encoder = ProfileEncoder(n_regions=2, random_state=0).fit(X, quality, NO_COST)
    together = encoder.transform(X, quality, NO_COST)
    alone = encoder.transform(X, quality[:, [1]], NO_COST[:, [1]])
    np.testing.assert_allclose(alone[0], together[1])


def test_few_outcomes_are_pulled_towards_the_pool(calibration):
    X, quality, _ = calibration
    encoder = ProfileEncoder(n_regions=2, random_state=0).fit(X, quality, NO_COST)
    sparse = np.full((200, 1), np.nan)
    sparse[:4] = quality[:4, [0]]
    few = encoder.transform(X, sparse, NO_COST[:, :1])[0]
    many = encoder.transform(X, quality[:, [0]], NO_COST[:, :1])[0]
    assert abs(few[1]) < abs(many[1])


def test_missing_cells_and_equal_models_stay_finite():
    X = np.zeros((10, 2))
    quality = np.full((10, 2), np.nan)
    quality[0, 0] = quality[1, 1] = 1.0
    cost = np.zeros((10, 2))
    encoder = ProfileEncoder(n_regions=1, random_state=0).fit(X, quality, cost)
    assert np.isfinite(encoder.transform(X, quality, cost)).all()


def test_profiles_are_standardised_and_know_no_unit_of_cost(calibration):
    X, quality, _ = calibration
    cost = np.tile([1.0, 4.0, 2.0], (200, 1))
    profiles = []
    for known in ((X, quality, cost), (X, quality, 1000 * cost)):
        encoder = ProfileEncoder(n_regions=2, random_state=0).fit(*known)
        profiles.append(encoder.transform(*known))
    np.testing.assert_allclose(profiles[0].mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(profiles[0][:, 1:4].std(axis=0), 1)  # regions, cost
    np.testing.assert_allclose(profiles[0], profiles[1])


def test_marginals_are_frequencies_with_one_pseudo_outcome():
    quality = np.array([[1.0, 0.0], [1.0, np.nan]])
    # Counts (0, 2) and (1, 0); pool (1, 2) + 1 -> (2/5, 3/5) is added to each.
    expected = np.array([[0.4 / 3, 2.6 / 3], [1.4 / 2, 0.6 / 2]])
    found = np.exp(log_marginals(quality, np.ones(2), 2))
    np.testing.assert_allclose(found, expected)


def test_marginals_weigh_rows():
    quality = np.array([[1.0], [0.0]])
    twice = log_marginals(quality[[0, 0, 1]], np.ones(3), 2)
    weighed = log_marginals(quality, np.array([2.0, 1.0]), 2)
    np.testing.assert_allclose(weighed, twice)


def test_profiles_weigh_rows(calibration):
    X, quality, _ = calibration
    quality[::7, 0] = np.nan
    cost = np.linspace(0, 1, quality.size).reshape(quality.shape)
    weight = np.arange(200) % 4.0
    rows = np.arange(200).repeat(weight.astype(int))
    known = X, quality, cost
    encoder = ProfileEncoder(n_regions=2, random_state=0)
    weighed = encoder.fit(*known, weight).transform(*known, weight)
    repeated = [table[rows] for table in known]
    expected = encoder.fit(*repeated).transform(*repeated)
    order = np.argsort(expected[0, 1:3]), np.argsort(weighed[0, 1:3])
    expected[:, 1:3], weighed[:, 1:3] = (
        table[:, 1 + by] for table, by in zip((expected, weighed), order, strict=True)
    )
    np.testing.assert_allclose(weighed, expected, atol=1e-12)
