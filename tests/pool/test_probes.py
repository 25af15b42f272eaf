"""Probes: the queries that say most of a new model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklroute import FixedRouter, GuardedRouter, KernelRouter, RidgeRouter
from sklroute.datasets import make_routing
from sklroute.pipeline import as_router
from sklroute.pool import _probes
from sklroute.pool._probes import choose_probes

DATA = make_routing(n_queries=500, n_models=5, random_state=0)
X = DATA.X[300:]
ROUTER = KernelRouter(64, alphas=(10.0, 10.0), random_state=0)
ROUTER.fit(DATA.X[:300], DATA.y[:300])


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 5))
@settings(deadline=None, max_examples=25)
def test_probes_are_different_rows_even_of_copies(n, n_distinct, seed):
    rng = np.random.default_rng(seed)
    copies = X[rng.integers(n_distinct, size=30)]
    rows = ROUTER.suggest_probes(copies, n)
    assert rows.shape == (n,)
    assert len(set(rows.tolist())) == n
    assert ((rows >= 0) & (rows < 30)).all()


def test_the_same_probes_every_time_and_fewer_are_the_first_of_more():
    rows = ROUTER.suggest_probes(X, 40)
    assert np.array_equal(ROUTER.suggest_probes(X, 40), rows)
    assert np.array_equal(ROUTER.suggest_probes(X, 12), rows[:12])


def test_fewer_are_the_first_of_more_than_are_compared(monkeypatch):
    monkeypatch.setattr(_probes, "N_CANDIDATES", 50)
    rows = ROUTER.suggest_probes(X, 80)
    assert len(set(rows.tolist())) == 80
    assert np.array_equal(ROUTER.suggest_probes(X, 12), rows[:12])


def test_greedy_choices_are_those_of_the_definition():
    """Against an inverse in every step, and a loop over the candidates."""
    basis, fitted = ROUTER.pool_.basis, ROUTER._predict_quality(X)
    phi = basis(X, fitted)
    noise = fitted.mean() * (1 - fitted.mean())
    lead = fitted.max(axis=1) - fitted.mean(axis=1)
    weight = np.exp(-(lead**2) / (2 * (phi**2).sum(axis=1)))
    rows = _probes._greedy(phi, fitted, 6)
    precision, gram = np.eye(phi.shape[1]), phi.T @ phi

    def variance(precision):  # summed over the queries
        return (gram * np.linalg.inv(precision)).sum()

    for step, row in enumerate(rows):
        before = variance(precision)
        falls = np.array(
            [
                w * (before - variance(precision + np.outer(f, f) / noise))
                for w, f in zip(weight, phi, strict=True)
            ]
        )
        falls[rows[:step]] = 0
        assert falls[row] == pytest.approx(falls.max())
        precision += np.outer(phi[row], phi[row]) / noise


def test_probes_leave_less_to_learn_than_random_queries():
    basis, fitted = ROUTER.pool_.basis, ROUTER._predict_quality(X)
    phi = basis(X, fitted)

    def uncertainty(rows):
        precision = np.eye(phi.shape[1]) + phi[rows].T @ phi[rows] / 0.2
        return np.trace(phi @ np.linalg.inv(precision) @ phi.T)

    drawn = np.random.default_rng(0)
    random = [uncertainty(drawn.choice(len(X), 32, replace=False)) for _ in range(50)]
    assert uncertainty(ROUTER.suggest_probes(X, 32)) < min(random)


def test_where_most_queries_look_the_same_most_probes_are_of_them():
    same = np.vstack([X[:20], np.repeat(X[20:21], 400, axis=0)])
    assert (ROUTER.suggest_probes(same, 32) >= 20).sum() >= 8


def test_many_queries_are_sampled(monkeypatch):
    monkeypatch.setattr(_probes, "N_CANDIDATES", 20)
    rows = ROUTER.suggest_probes(X, 10)
    sampled = np.random.RandomState(0).permutation(len(X))[:20]
    assert set(rows) <= set(sampled)
    assert len(set(ROUTER.suggest_probes(X, 50))) == 50


def test_a_router_that_sees_nothing_still_suggests():
    router = FixedRouter().fit(DATA.X, DATA.y)
    assert len(set(router.suggest_probes(X, 10))) == 10


def test_a_pool_with_a_new_model_suggests_the_same():
    router = RidgeRouter(100.0).fit(DATA.X[:300], DATA.y[:300])
    before = router.suggest_probes(X, 10)
    router.add_model("new", X[:20], np.ones(20))
    assert np.array_equal(router.suggest_probes(X, 10), before)


def test_a_pipeline_suggests_what_its_router_does():
    pipe = make_pipeline(StandardScaler(), RidgeRouter(100.0)).fit(DATA.X, DATA.y)
    expected = pipe[-1].suggest_probes(pipe[0].transform(X), 5)
    assert np.array_equal(as_router(pipe).suggest_probes(X, 5), expected)


@pytest.mark.parametrize("n", [0, 201, 2.5, -1])
def test_a_wrong_number_of_probes_is_named(n):
    with pytest.raises(ValueError, match="n must be an integer from 1 to 200"):
        ROUTER.suggest_probes(X, n)


def test_a_router_that_is_not_fitted_suggests_nothing():
    with pytest.raises(NotFittedError):
        RidgeRouter().suggest_probes(X, 3)


def test_a_guarded_pool_suggests_nothing():
    router = GuardedRouter(RidgeRouter(100.0), random_state=0).fit(DATA.X, DATA.y)
    with pytest.raises(AttributeError, match="promises"):
        router.suggest_probes(X, 3)


def test_the_basis_is_asked_once():
    calls = []

    def predict(queries):
        calls.append(len(queries))
        return ROUTER._predict_quality(queries)

    choose_probes(X, predict, ROUTER.pool_.basis, 5)
    assert calls == [200]
