"""The mean outcomes of clusters are blended in where they tell more than the rest."""

import numpy as np
import pytest

from sklroute import LatentRouterClassifier, Outcomes
from sklroute.metrics import realised_quality

SMALL = {"n_members": 1, "hidden_dim": 8, "max_epochs": 2, "random_state": 0}


def clustered(n_queries, seed):
    """Each of 16 directions has a best model of its own, whatever lies beside it."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(0).normal(size=(16, 12))
    place = rng.integers(16, size=n_queries)
    X = centres[place] + 0.3 * rng.normal(size=(n_queries, 12))
    best = np.random.default_rng(1).integers(4, size=16)[place]
    chance = np.where(best[:, None] == np.arange(4), 0.9, 0.3)
    return X, Outcomes((rng.random((n_queries, 4)) < chance).astype(float))


def test_clusters_are_trusted_where_tasks_are_clusters():
    (X, y), (X_new, y_new) = clustered(800, 2), clustered(800, 3)
    routers = [
        LatentRouterClassifier(prior=None, n_clusters=n, **SMALL).fit(X, y)
        for n in (0, 16)
    ]
    without, with_them = (
        realised_quality(y_new, router.predict(X_new)) for router in routers
    )
    assert routers[1].blend_.relative[0] > 0.5
    assert with_them > without + 0.1


def test_clusters_that_tell_nothing_have_no_weight():
    X, y = clustered(800, 2)
    X = np.random.default_rng(0).normal(size=X.shape)
    router = LatentRouterClassifier(n_clusters=64, **SMALL).fit(X, y)
    assert router.clusters_.n_clusters == 64
    assert router.blend_.relative[1] < 0.05


@pytest.mark.parametrize(
    ("n_queries", "n_clusters", "expected"),
    [(100, 64, 10), (100, 3, 3), (19, 64, None), (100, 0, None), (100, 1, None)],
)
def test_a_cluster_has_ten_queries(n_queries, n_clusters, expected):
    X, y = clustered(n_queries, 2)
    router = LatentRouterClassifier(n_clusters=n_clusters, **SMALL).fit(X, y)
    found = router.clusters_
    assert (None if found is None else found.n_clusters) == expected
