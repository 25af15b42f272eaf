"""Sums for ridge regressions, against scikit-learn's fits of the whole table."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge

from sklroute.baselines._moments import Moments

HALVES = slice(23), slice(23, None)


def summed(F, target, weight, cuts):
    moments = Moments(F.shape[1], target.shape[1])
    for rows in np.split(np.arange(len(F)), cuts):
        moments.add(F[rows], target[rows], weight[rows])
    return moments


def table(seed, missing):
    rng = np.random.default_rng(seed)
    F, weight = rng.normal(size=(40, 3)), rng.random(40) + 0.1
    target = rng.random((40, 4))
    target[rng.random(target.shape) < missing] = np.nan
    target[0] = 0.5  # every target is observed somewhere
    return F, target, weight


@given(
    seed=st.integers(0, 99),
    missing=st.sampled_from([0.0, 0.3, 0.9]),
    cuts=st.lists(st.integers(0, 40), max_size=4).map(sorted),
)
def test_sums_of_batches_give_the_regression_of_the_whole(seed, missing, cuts):
    F, target, weight = table(seed, missing)
    ridge = summed(F, target, weight, cuts).solve([2.0])[0]
    for number, column in enumerate(target.T):
        rows = ~np.isnan(column)
        alone = Ridge(alpha=2.0).fit(F[rows], column[rows], weight[rows])
        np.testing.assert_allclose(ridge.coef[:, number], alone.coef_, atol=1e-9)
        np.testing.assert_allclose(ridge.intercept[number], alone.intercept_)


@pytest.mark.parametrize("missing", [0.0, 0.1, 0.9])
def test_sums_of_two_parts_are_added(missing):
    F, target, weight = table(2, missing)
    head, tail = (summed(F[rows], target[rows], weight[rows], []) for rows in HALVES)
    both, whole = head + tail, summed(F, target, weight, [])
    np.testing.assert_allclose(both.cross, whole.cross)
    np.testing.assert_allclose(both.gram[both.label], whole.gram[whole.label])
    assert both.n_rows == pytest.approx(whole.n_rows)
    assert both.n_cells == pytest.approx(whole.n_cells)
    alone = summed(F[HALVES[0]], target[HALVES[0]], weight[HALVES[0]], [])
    np.testing.assert_array_equal(head.cross, alone.cross)  # stays as it was
    np.testing.assert_array_equal(head.gram, alone.gram)


def test_infinite_and_vanishing_penalties():
    F, target, weight = table(3, 0.0)
    none, means = summed(F, target, weight, []).solve([0.0, np.inf])
    alone = LinearRegression().fit(F, target, weight)
    np.testing.assert_allclose(none.coef, alone.coef_.T, atol=1e-8)
    assert not means.coef.any()
    mean = np.average(target, axis=0, weights=weight)
    np.testing.assert_allclose(means.intercept, mean)
    twice = np.hstack([F, F])  # singular
    (line,) = summed(twice, target, weight, []).solve([0.0])
    np.testing.assert_allclose(line.predict(twice), alone.predict(F), atol=1e-6)


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_the_sums_of_a_residual_are_those_of_its_table(missing):
    F, target, weight = table(0, missing)
    coef, intercept = np.arange(12.0).reshape(3, 4), np.arange(4.0)
    left = summed(F, target - F @ coef - intercept, weight, [])
    given = summed(F, target, weight, [9, 20]).minus(coef, intercept)
    np.testing.assert_allclose(given.cross, left.cross, atol=1e-9)


def test_pooled_cells_are_rows_weighted_by_their_number():
    F, target, weight = table(1, 0.4)
    count = (~np.isnan(target)).sum(axis=1)
    kept = count > 0
    mean, weight = np.nanmean(target[kept], axis=1), (weight * count)[kept]
    given = table(1, 0.4)[2]
    scaled = weight * given.sum() / (given @ count)
    alone = Ridge(alpha=1.0).fit(F[kept], mean, scaled)
    (pooled,) = summed(F, target, table(1, 0.4)[2], [11]).pooled().solve([1.0])
    np.testing.assert_allclose(pooled.coef[:, 0], alone.coef_, atol=1e-9)


def test_targets_observed_together_share_their_sums():
    F, target, weight = table(0, 0.0)
    moments = summed(F, target, weight, [7])
    assert len(moments.gram) == 1
    target[3, 1] = np.nan
    assert len(summed(F, target, weight, [7]).gram) == 2


def test_an_unseen_target_is_predicted_as_zero():
    F, target, weight = table(0, 0.0)
    target[:, 2] = np.nan
    moments = summed(F, target, weight, [7])
    assert moments.mean[2] == 0
    assert moments.solve([1.0])[0].predict(F)[:, 2].tolist() == [0.0] * 40
