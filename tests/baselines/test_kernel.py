"""Kernel ridge regression in two steps."""

import numpy as np
import pytest
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge

from sklroute import Outcomes
from sklroute.baselines import KernelRouter
from sklroute.baselines._kernel import ALPHAS, _tune, shared_part
from sklroute.datasets import make_routing


@pytest.fixture(scope="module")
def table():
    return make_routing(900, n_models=4, n_features=(8, 8), missing=0.2, random_state=0)


def test_a_complete_table_is_two_ridge_regressions_of_nystroem_features():
    data = make_routing(300, n_models=3, random_state=0)
    X = data.X.astype(float)
    router = KernelRouter(40, alphas=(0.3, 2.0), gamma=0.01, random_state=0)
    router.fit(X[:200], data.y[:200])
    F = Nystroem(gamma=0.01, n_components=40, random_state=0).fit(X[:200])
    quality = data.y.quality[:200]
    departure = quality - quality.mean(axis=0)
    first = Ridge(alpha=0.3).fit(F.transform(X[:200]), departure.mean(axis=1))
    rest = departure - first.predict(F.transform(X[:200]))[:, None]
    second = Ridge(alpha=2.0).fit(F.transform(X[:200]), rest)
    test = F.transform(X[200:])
    expected = quality.mean(axis=0) + first.predict(test)[:, None]
    expected = (expected + second.predict(test)).clip(0, 1)
    np.testing.assert_allclose(
        router.predict_quality(X[200:]), expected, rtol=1e-6, atol=1e-8
    )


def test_missing_cells_are_not_learnt_from():
    data = make_routing(300, n_models=3, random_state=0)
    quality = data.y.quality.copy()
    quality[200:, 1] = np.nan
    given = KernelRouter(30, alphas=(np.inf, 1.0), random_state=0)
    given.fit(data.X, Outcomes(quality))
    # The second step alone: the model's own rows, in the same features.
    F = Nystroem(gamma=given.gamma_, n_components=30, random_state=0).fit(data.X)
    rows = F.transform(data.X[:200])
    own = Ridge(alpha=1.0).fit(rows, quality[:200, 1])
    np.testing.assert_allclose(
        given.predict_quality(data.X)[:, 1],
        own.predict(F.transform(data.X)).clip(0, 1),
        atol=1e-3,  # the kernel is computed in float32
    )


def test_it_beats_the_best_single_model(table):
    router = KernelRouter(random_state=0).fit(table.X[:600], table.y[:600])
    truth = table.quality[600:]
    choice = router.predict_quality(table.X[600:]).argmax(axis=1)
    best_single = truth[:, router.mean_quality_.argmax()].mean()
    reached = truth[np.arange(300), choice].mean()
    assert (reached - best_single) / (truth.max(axis=1).mean() - best_single) > 0.4


def test_without_signal_it_stays_with_the_means():
    data = make_routing(600, n_models=5, signal=0.0, random_state=0)
    router = KernelRouter(random_state=0).fit(data.X, data.y)
    spread = router.predict_quality(data.X).std(axis=0)
    assert spread.max() < 0.05


def test_infinite_penalties_leave_the_means(table):
    router = KernelRouter(alphas=(np.inf, np.inf), random_state=0)
    router.fit(table.X, table.y)
    np.testing.assert_allclose(
        router.predict_quality(table.X[:5]), np.tile(router.mean_quality_, (5, 1))
    )


def test_an_offset_of_the_features_changes_nothing(table):
    X = table.X.astype(float)
    router = KernelRouter(random_state=0)
    plain = router.fit(X, table.y).predict_quality(X)
    moved = router.fit(X + 1000, table.y).predict_quality(X + 1000)
    np.testing.assert_allclose(plain, moved, atol=1e-6)


def test_the_centre_of_many_short_numbers_is_their_mean():
    X = np.full((50_000, 2), 0.1, dtype=np.float32)
    router = KernelRouter(2, alphas=(1.0, 1.0), random_state=0)
    router.fit(X, np.tile([0.0, 1.0], (50_000, 1)))
    np.testing.assert_array_equal(router.centre_, X[0])


def test_a_weight_of_two_is_a_query_that_comes_twice(table):
    X, y, weight = table.X[:60], table.y[:60], np.arange(60) % 3
    rows = np.arange(60).repeat(weight)
    router = KernelRouter(60, alphas=(1.0, 10.0), random_state=0)
    weighed = router.fit(X, y, sample_weight=weight).predict_quality(table.X)
    repeated = router.set_params(n_components=len(rows)).fit(X[rows], y[rows])
    np.testing.assert_allclose(weighed, repeated.predict_quality(table.X), atol=1e-5)


def test_shared_part_is_the_mean_with_one_more_zero():
    table = np.array([[0.4, 0.2, np.nan], [0.6, np.nan, np.nan]])
    np.testing.assert_allclose(shared_part(table), [[0.2], [0.3]])


@pytest.mark.parametrize("alphas", ["none", (1.0,), (0.0, 1.0), (1.0, -1.0)])
def test_bad_penalties_are_refused(table, alphas):
    with pytest.raises(ValueError, match="alphas"):
        KernelRouter(alphas=alphas).fit(table.X, table.y)


def test_near_copies_of_queries_do_not_blow_up_rounding_errors():
    data = make_routing(400, n_models=3, random_state=0)
    rows = np.arange(400) % 100
    noise = np.random.default_rng(0).normal(scale=1e-4, size=data.X.shape)
    X = data.X[rows] + noise
    single, double = (
        KernelRouter(random_state=0, alphas=(0.1, 0.1)).fit(X.astype(dtype), data.y)
        for dtype in (np.float32, np.float64)
    )
    np.testing.assert_allclose(
        single.predict_quality(X.astype(np.float32)),
        double.predict_quality(X),
        atol=0.02,
    )


def brute_force(F, quality, folds):
    """Penalties of the two steps in a complete table, by one fit for each."""
    departure = quality - quality.mean(axis=0)
    alphas = ALPHAS.clip(max=1e12)

    def held_out(target, alpha):
        """Error of each row by the fit that did not see it."""
        rest = target.copy()
        for test in folds:
            train = np.setdiff1d(np.arange(len(F)), test)
            line = Ridge(alpha=alpha).fit(F[train], target[train])
            rest[test] -= line.predict(F[test])
        return rest

    shared = [held_out(departure.mean(axis=1), alpha) for alpha in alphas]
    first = np.argmin([np.sum(rest**2) for rest in shared])
    rest = departure - departure.mean(axis=1, keepdims=True) + shared[first][:, None]
    # The second step of a fold departs from the first one of that fold.
    errors = np.zeros(len(alphas))
    for test in folds:
        train = np.setdiff1d(np.arange(len(F)), test)
        line = Ridge(alpha=alphas[first]).fit(F[train], departure[train].mean(axis=1))
        left = departure[train] - line.predict(F[train])[:, None]
        for number, alpha in enumerate(alphas):
            own = Ridge(alpha=alpha).fit(F[train], left).predict(F[test])
            residual = rest[test] - own
            errors[number] += np.sum((residual - shared_part(residual)) ** 2)
    return ALPHAS[first], ALPHAS[errors.argmin()]


@pytest.mark.parametrize("seed", range(5))
def test_penalties_are_those_of_the_least_held_out_error(seed):
    rng = np.random.default_rng(seed)
    F = rng.normal(size=(120, 4))
    quality = F @ rng.normal(size=4)[:, None] * 0.2 + F @ rng.normal(size=(4, 3)) * 0.05
    quality += rng.normal(size=quality.shape)
    folds = np.array_split(rng.permutation(120), 4)
    found = _tune(F, quality, np.ones(120), folds)
    assert found == pytest.approx(brute_force(F, quality, folds))


def test_large_pools_are_tuned_on_some_of_their_models():
    data = make_routing(300, n_models=40, missing=0.2, random_state=0)
    router = KernelRouter(20, random_state=0).fit(data.X, data.y)
    assert router.predict_quality(data.X[:3]).shape == (3, 40)
    assert all(alpha in ALPHAS for alpha in router.alphas_)
