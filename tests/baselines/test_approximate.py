"""Approximate neighbours, against exact ones."""

import pickle
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from sklroute import KNNRouter
from sklroute.baselines._approximate import ApproximateNeighbors
from sklroute.datasets import make_routing
from sklroute.persistence import FormatError


@pytest.fixture(scope="module")
def data():
    return make_routing(3000, 3, n_features=(16, 16), random_state=0)


@pytest.fixture
def faiss():
    return pytest.importorskip("faiss")


def test_most_neighbours_are_found(data, faiss):
    X = normalize(data.X)
    exact = NearestNeighbors(n_neighbors=32).fit(X[:2500])
    found = ApproximateNeighbors(32).fit(X[:2500]).kneighbors(X[2500:])
    nearest = exact.kneighbors(X[2500:], return_distance=False)
    pairs = zip(found, nearest, strict=True)
    assert np.mean([np.isin(*pair).mean() for pair in pairs]) > 0.95


def test_cells_with_too_few_queries_are_left_for_all(faiss):
    X = np.repeat(np.eye(30, dtype=np.float32), 20, axis=0)
    X += np.random.default_rng(0).normal(scale=0.01, size=X.shape)
    found = ApproximateNeighbors(550).fit(X).kneighbors(X[::20])
    assert found.min() >= 0
    assert all(len(set(row)) == 550 for row in found)


def test_the_router_predicts_nearly_the_same(data, faiss):
    exact = KNNRouter(32).fit(data.X[:2500], data.y[:2500])
    router = KNNRouter(32, algorithm="approximate").fit(data.X[:2500], data.y[:2500])
    found = router.predict_quality(data.X[2500:])
    assert np.abs(found - exact.predict_quality(data.X[2500:])).mean() < 0.005
    again = clone(router).fit(data.X[:2500], data.y[:2500])
    for same in (again, pickle.loads(pickle.dumps(router))):
        np.testing.assert_array_equal(same.predict_quality(data.X[2500:]), found)


def test_the_number_of_neighbours_is_tuned_by_it_too(data, faiss):
    router = KNNRouter(algorithm="approximate").fit(data.X[:600], data.y[:600])
    exact = KNNRouter().fit(data.X[:600], data.y[:600])
    assert exact.n_neighbors_ / 2 <= router.n_neighbors_ <= 2 * exact.n_neighbors_


def test_it_is_neither_saved_nor_compiled(data, faiss, tmp_path):
    router = KNNRouter(2, algorithm="approximate").fit(data.X[:20], data.y[:20])
    with pytest.raises(FormatError, match="ApproximateNeighbors"):
        router.save(tmp_path / "router")
    with pytest.raises(TypeError, match="algorithm='brute'"):
        router.compile()


def test_few_queries_are_enough(data, faiss):
    router = KNNRouter(algorithm="approximate").fit(data.X[:2], data.y[:2])
    assert router.predict_quality(data.X[:5]).shape == (5, 3)


def test_without_faiss_it_says_what_to_install(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(ImportError, match=r"sklroute\[ann\]"):
        KNNRouter(algorithm="approximate").fit(data.X, data.y)
