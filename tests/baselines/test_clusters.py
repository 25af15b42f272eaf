import numpy as np
import pytest
from sklearn.preprocessing import normalize

from sklroute import ClusterRouter, Outcomes
from sklroute.baselines._clusters import held_out_departures
from sklroute.datasets import make_routing

# Two directions, three queries each.
X = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [0.0, 1.0], [0.0, 2.0], [0.0, 3.0]])
QUALITY = np.array(
    [[1.0, 0.0], [1.0, 0.0], [0.0, np.nan], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]
)


def test_quality_is_the_mean_of_the_cluster_shrunk_to_the_mean_of_the_model():
    router = ClusterRouter(2, shrinkage=2.0, random_state=0).fit(X, Outcomes(QUALITY))
    # Means 1/3 and 3/5. Right: 1/3 + (2 - 3 * 1/3) / (3 + 2), 3/5 - 2 * 3/5 / (2 + 2).
    np.testing.assert_allclose(
        router.predict_quality([[9.0, 0.0]]), [[1 / 3 + 0.2, 0.3]]
    )


def test_weights_count_queries():
    router = ClusterRouter(2, shrinkage=0.0, random_state=0)
    router.fit(X, Outcomes(QUALITY), sample_weight=[1, 1, 2, 1, 1, 1])
    np.testing.assert_allclose(router.predict_quality([[9.0, 0.0]]), [[0.5, 0.0]])


def test_fine_clusters_correct_coarse_ones():
    router = ClusterRouter([1, 2], shrinkage=0.0, random_state=0)
    router.fit(X, Outcomes(QUALITY))
    coarse, fine = (profile for _, profile in router.levels_)
    np.testing.assert_allclose(coarse, 0.0, atol=1e-12)  # the mean is the level above
    assert fine.shape == (2, 2)
    expected = [[2 / 3, 0.0], [0.0, 1.0]]
    np.testing.assert_allclose(
        router.predict_quality([[1, 0], [0, 1]]), expected, atol=1e-12
    )


def test_a_model_unseen_in_a_cluster_gets_the_level_above():
    quality = QUALITY.copy()
    quality[:3, 1] = np.nan
    router = ClusterRouter(2, shrinkage=0.0, random_state=0).fit(X, Outcomes(quality))
    np.testing.assert_allclose(router.predict_quality([[9.0, 0.0]])[0, 1], 1.0)


def test_fewer_distinct_queries_than_clusters_are_no_error():
    router = ClusterRouter(5, shrinkage=0.0, random_state=0).fit(X, Outcomes(QUALITY))
    np.testing.assert_allclose(
        router.predict_quality([[9.0, 0.0]]), [[2 / 3, 0.0]], atol=1e-12
    )


@pytest.mark.parametrize(
    ("n_queries", "expected"), [(100, [10]), (300, [16, 30]), (1000, [16, 64])]
)
def test_automatic_levels_are_coarser_for_few_queries(n_queries, expected):
    data = make_routing(n_queries, 3, random_state=0)
    router = ClusterRouter(random_state=0).fit(data.X, data.y)
    assert [len(profile) for _, profile in router.levels_] == expected


def test_single_precision_fits_predict_double_precision():
    data = make_routing(100, 3, random_state=0)
    router = ClusterRouter(random_state=0).fit(data.X.astype(np.float32), data.y)
    assert router.predict_quality(data.X.astype(np.float64)).shape == (100, 3)


@pytest.mark.parametrize("n_clusters", [0, "some", [4, 0], [], [4.5], [[4]]])
def test_bad_numbers_of_clusters_are_refused(n_clusters):
    with pytest.raises(ValueError, match="n_clusters"):
        ClusterRouter(n_clusters).fit(X, Outcomes(QUALITY))


def test_held_out_departures_are_the_profiles_of_the_other_folds():
    data = make_routing(120, n_models=3, missing=0.2, random_state=0)
    weight = np.random.default_rng(0).integers(1, 4, 120).astype(float)
    fold = np.arange(120) % 4
    router = ClusterRouter(5, random_state=0).fit(data.X, data.y, weight)
    found = held_out_departures(router, data.X, data.y, weight, fold)
    label = router.levels_[0][0].predict(normalize(data.X))
    for row in range(0, 120, 7):
        others = (label == label[row]) & (fold != fold[row])
        residual = (data.y.quality - router.mean_quality_)[others]
        seen = weight[others, None] * ~np.isnan(residual)
        expected = np.nansum(seen * residual, axis=0) / (seen.sum(axis=0) + 24)
        np.testing.assert_allclose(found[row], expected)


def test_of_many_queries_a_sample_is_clustered_and_all_are_counted(monkeypatch):
    data = make_routing(600, 3, random_state=0)
    whole = ClusterRouter(2, random_state=0).fit(data.X, data.y)
    monkeypatch.setattr("sklroute.baselines._clusters.MAX_QUERIES", 100)
    monkeypatch.setattr("sklroute.baselines._clusters.MAX_QUERIES_PER_CLUSTER", 40)
    router = ClusterRouter(2, shrinkage=0.0, random_state=0).fit(data.X, data.y)
    ((means, profile),) = router.levels_
    assert not np.allclose(means.cluster_centers_, whole.levels_[0][0].cluster_centers_)
    label = means.predict(normalize(data.X).astype(means.cluster_centers_.dtype))
    for number in range(2):
        quality = data.y.quality[label == number].mean(axis=0)
        expected = profile[number] + router.mean_quality_
        np.testing.assert_allclose(expected, quality)
