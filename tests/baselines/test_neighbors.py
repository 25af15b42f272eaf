import numpy as np
import pytest

from sklroute import ClusterRouter, KNNRouter, Outcomes
from sklroute.baselines import _neighbors
from sklroute.datasets import make_routing

# Directions: rows 0 to 2 point right, rows 3 and 4 up.
X = np.array([[1.0, 0.0], [2.0, 0.1], [3.0, -0.1], [0.0, 1.0], [0.0, 5.0]])
QUALITY = np.array([[1.0, 0.0], [1.0, np.nan], [0.0, 0.0], [0.0, 1.0], [0.0, 1.0]])


def test_quality_is_the_mean_over_neighbours_shrunk_to_the_mean_of_the_model():
    router = KNNRouter(3, shrinkage=2.0).fit(X, Outcomes(QUALITY))
    # Means: 2/5 and 2/4. Right: (2 + 2 * 0.4) / (3 + 2), (0 + 2 * 0.5) / (2 + 2).
    np.testing.assert_allclose(router.predict_quality([[7.0, 0.0]]), [[0.56, 0.25]])


def test_neighbours_count_with_their_weights():
    router = KNNRouter(3, shrinkage=0.0)
    router.fit(X, Outcomes(QUALITY), sample_weight=[1, 2, 3, 1, 1])
    # (1 * 1 + 2 * 1 + 3 * 0) / 6; model 1 was not observed on row 1.
    np.testing.assert_allclose(router.predict_quality([[7.0, 0.0]]), [[0.5, 0.0]])


def test_length_of_the_features_does_not_matter():
    router = KNNRouter(2).fit(X, Outcomes(QUALITY))
    near, far = router.predict_quality([[0.0, 1e-6], [0.0, 1e6]])
    np.testing.assert_array_equal(near, far)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-30, 1e-8, 1e8, 1e30])
@pytest.mark.parametrize("router", [KNNRouter(3), ClusterRouter(2, random_state=0)])
def test_the_size_of_all_features_does_not_matter(size, dtype, router):
    expected = router.fit(X, Outcomes(QUALITY)).predict_quality(X)
    scaled = (size * X).astype(dtype)
    given = scaled.copy()
    router.fit(scaled, Outcomes(QUALITY))
    np.testing.assert_allclose(router.predict_quality(scaled), expected)
    np.testing.assert_allclose(router.compile().predict_quality(scaled), expected)
    np.testing.assert_array_equal(scaled, given)


def test_without_shrinkage_a_model_unseen_by_the_neighbours_gets_its_mean():
    quality = np.where(np.arange(5)[:, None] < 3, [1.0, np.nan], [0.0, 1.0])
    router = KNNRouter(3, shrinkage=0.0).fit(X, Outcomes(quality))
    np.testing.assert_allclose(router.predict_quality([[7.0, 0.0]]), [[1.0, 1.0]])


def test_rows_of_zeros_are_predicted():
    router = KNNRouter(2).fit(np.vstack([X, [0.0, 0.0]]), np.vstack([QUALITY, [1, 1]]))
    assert np.isfinite(router.predict_quality(np.zeros((2, 2)))).all()


def test_more_neighbours_than_queries_takes_all():
    router = KNNRouter(99, shrinkage=0.0).fit(X, Outcomes(QUALITY))
    assert router.n_neighbors_ == 5
    np.testing.assert_allclose(router.predict_quality(X[:1]), [[0.4, 0.5]])


def test_one_query_needs_no_folds():
    router = KNNRouter(shrinkage="auto").fit(X[:1], QUALITY[:1])
    assert router.n_neighbors_ == 1
    np.testing.assert_array_equal(router.predict_quality(X[:1]), QUALITY[:1])


def test_sums_of_several_sizes_are_those_of_each_alone():
    data = make_routing(80, 3, missing=0.3, random_state=1)
    cells = _neighbors._cells(data.y.quality, np.linspace(0.5, 2, 80))
    nearest = np.random.default_rng(0).permuted(np.tile(np.arange(80), (5, 1)), axis=1)
    together = list(_neighbors._neighbour_sums(nearest, cells, [2, 7, 40]))
    for size, sums in zip([2, 7, 40], together, strict=True):
        (alone,) = _neighbors._neighbour_sums(nearest, cells, [size])
        np.testing.assert_allclose(sums, alone)


def test_none_of_the_copies_of_a_query_is_preferred():
    rng = np.random.default_rng(0)
    features, kind = rng.normal(size=(5, 8)), rng.permutation(np.arange(200) % 5)
    quality = rng.integers(2, size=(200, 2)).astype(float)
    for size in (9, 60, 150):
        router = KNNRouter(size, shrinkage=0.0).fit(features[kind], quality)
        predicted = router.predict_quality(features)
        unit = features / np.linalg.norm(features, axis=1, keepdims=True)
        cosine = unit @ unit.T
        for row in range(5):
            order = np.argsort(-cosine[row])
            mean = [quality[kind == k].mean(axis=0) for k in order]
            share = np.clip(size / 40 - np.arange(5), 0, 1)
            expected = share @ np.array(mean) / share.sum()
            np.testing.assert_allclose(predicted[row], expected)
        compiled = router.compile().predict_quality(features)
        np.testing.assert_allclose(compiled, predicted)


def test_number_of_neighbours_is_tuned_to_the_noise():
    # Every direction of the first table is of one kind; the second is pure noise.
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 400)
    features = np.column_stack([np.cos(angle), np.sin(angle)])
    sharp = (np.sin(8 * angle) > 0)[:, None] * [1.0, 0.0] + [0.0, 0.5]
    noise = rng.integers(2, size=(400, 2)).astype(float)
    few = KNNRouter(shrinkage=0.1).fit(features, sharp).n_neighbors_
    many = KNNRouter(shrinkage=0.1).fit(features, noise).n_neighbors_
    assert few <= 16
    assert many >= 96


@pytest.mark.parametrize("missing", [0.0, 0.5])
def test_shrinkage_is_tuned_to_the_noise(missing):
    # Missing cells leave one outcome a query: no differences between models.
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 400)
    features = np.column_stack([np.cos(angle), np.sin(angle)])
    right = np.sin(2 * angle) > 0
    sharp = np.column_stack([right, ~right]).astype(float)
    noise = rng.integers(2, size=(400, 2)).astype(float)
    if missing:
        unseen = np.arange(400) % 2
        for quality in (sharp, noise):
            quality[np.arange(400), unseen] = np.nan
    for router in (KNNRouter(24, shrinkage="auto"), KNNRouter(shrinkage="auto")):
        assert router.fit(features, sharp).shrinkage_ <= 1
    few = KNNRouter(24, shrinkage="auto")
    assert few.fit(features, noise).shrinkage_ >= 64


def test_shrinkage_is_tuned_to_the_differences_between_models():
    # Whether a query is hard can be told, who answers it better cannot.
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 2 * np.pi, 400)
    features = np.column_stack([np.cos(angle), np.sin(angle)])
    hard = 0.4 * (np.sin(2 * angle) > 0)[:, None]
    quality = 0.4 * rng.integers(2, size=(400, 2)) + hard
    assert KNNRouter(24, shrinkage="auto").fit(features, quality).shrinkage_ >= 64


def test_a_tuned_shrinkage_is_used():
    data = make_routing(200, 3, random_state=0)
    tuned = KNNRouter(shrinkage="auto").fit(data.X, data.y)
    assert tuned.shrinkage_ != 24.0
    same = KNNRouter(tuned.n_neighbors_, shrinkage=tuned.shrinkage_)
    expected = same.fit(data.X, data.y).predict_quality(data.X)
    np.testing.assert_array_equal(tuned.predict_quality(data.X), expected)
    np.testing.assert_allclose(tuned.compile().predict_quality(data.X), expected)


def test_more_neighbours_than_queries_takes_all_whatever_the_shrinkage():
    router = KNNRouter(99, shrinkage="auto").fit(X, Outcomes(QUALITY))
    assert router.n_neighbors_ == 5


def test_a_number_of_neighbours_that_is_given_stays():
    router = KNNRouter(3, shrinkage="auto").fit(X, Outcomes(QUALITY))
    assert router.n_neighbors_ == 3


def test_neighbours_of_the_same_group_do_not_count_in_tuning():
    # Each group has one direction and one outcome of its own: within a group one
    # neighbour tells all, other groups tell nothing.
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 5)
    features = rng.normal(size=(60, 8))[groups] + 0.01 * rng.normal(size=(300, 8))
    quality = rng.integers(2, size=(60, 2))[groups].astype(float)
    router = KNNRouter(shrinkage=1.0)
    assert router.fit(features, quality).n_neighbors_ <= 6
    assert router.fit(features, quality, groups=groups).n_neighbors_ >= 48


def test_batches_do_not_change_predictions(monkeypatch):
    data = make_routing(100, 3, random_state=0)
    router = KNNRouter(8).fit(data.X, data.y)
    whole = router.predict_quality(data.X)
    monkeypatch.setattr(_neighbors, "BATCH", 7)
    np.testing.assert_array_equal(router.predict_quality(data.X), whole)


@pytest.mark.parametrize(
    "params",
    [
        {"n_neighbors": 0},
        {"n_neighbors": "all"},
        {"shrinkage": -1},
        {"shrinkage": "all"},
        {"cv": 1},
    ],
)
def test_bad_parameters_are_named(params):
    with pytest.raises(ValueError, match=next(iter(params))):
        KNNRouter(**params).fit(X, QUALITY)
