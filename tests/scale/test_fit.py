"""Fitting in one pass."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklroute import ClusterRouter, KernelRouter, Outcomes, RidgeRouter
from sklroute.datasets import make_routing
from sklroute.scale import ArrayBatches, fit_batches
from sklroute.scale._sample import Sample


@pytest.fixture(scope="module")
def data():
    return make_routing(
        3000, 4, n_features=(6, 6), n_tasks=4, missing=0.3, random_state=0
    )


def batches(data, size=256, **keywords):
    return ArrayBatches(data.X, data.y, size=size, **keywords)


@pytest.mark.parametrize(
    "router",
    [
        RidgeRouter(10.0),
        KernelRouter(20, random_state=0),
        ClusterRouter(random_state=0),
        make_pipeline(StandardScaler(), RidgeRouter(10.0)),
    ],
    ids=["ridge", "kernel", "clusters", "pipeline"],
)
def test_data_that_fit_into_the_sample_give_the_ordinary_fit(data, router):
    fitted = fit_batches(router, batches(data), n_sample=5000)
    choice = fitted.predict(data.X)
    expected = router.fit(data.X, data.y).predict(data.X)
    np.testing.assert_array_equal(choice, expected)


def test_the_kernel_learns_from_every_query(data):
    router = KernelRouter(20, alphas=(1.0, 2.0), gamma=0.01, random_state=0)
    streamed = fit_batches(router, batches(data, 100), n_sample=500)
    found = streamed.predict_quality(data.X)
    # The same landmarks, and the normal equations of all rows at once.
    whole = KernelRouter(20, alphas=(1.0, 2.0), gamma=0.01, random_state=0)
    whole.classes_ = data.y.models
    whole._set_landmarks(data.X[:500], np.ones(500))
    moments = whole._no_moments()
    weight = np.ones(len(data.X))
    whole._gather(moments, data.X, data.y.quality, weight)
    whole.n_features_in_ = data.X.shape[1]
    whole._solve(moments, whole.alphas)
    expected = whole._predict_quality(data.X)
    np.testing.assert_allclose(found, expected, atol=1e-8)
    few = KernelRouter(20, alphas=(1.0, 2.0), gamma=0.01, random_state=0)
    few.fit(data.X[:500], data.y[:500])
    assert np.abs(found - few.predict_quality(data.X)).max() > 0.01


def test_landmarks_of_a_pass_are_explained_by_their_rows(data):
    router = fit_batches(
        KernelRouter(20, random_state=0), batches(data, 100), n_sample=500
    )
    evidence = router.explain(data.X[:5]).evidence
    names = evidence["name"][evidence["source"] == "landmark"]
    rows = names.str.extract(r"^training query (\d+)$")[0].dropna().astype(int)
    landmarks = router.landmarks_ + router.centre_
    assert len(rows)
    for row in set(rows):
        assert np.isclose(landmarks, data.X[row]).all(axis=1).any()


def test_half_precision_is_summed_in_single(data):
    half = data.X.astype(np.float16)
    one, two = (
        fit_batches(
            KernelRouter(20, random_state=0), ArrayBatches(X, data.y), n_sample=500
        )
        for X in (half, half.astype(np.float32))
    )
    np.testing.assert_array_equal(one.landmarks_, two.landmarks_)
    quality = one.predict_quality(half)
    np.testing.assert_allclose(quality, two.predict_quality(half), atol=1e-6)


def test_more_queries_route_better_than_the_first_ones(data):
    table = make_routing(12_000, 6, missing=0.7, random_state=1)
    train = ArrayBatches(table.X[:10_000], table.y[:10_000])
    router = fit_batches(KernelRouter(64, random_state=0), train, n_sample=1000)
    few = KernelRouter(64, random_state=0).fit(table.X[:1000], table.y[:1000])
    truth, X = table.quality[10_000:], table.X[10_000:]
    rows = np.arange(len(X))
    reached, before = (
        truth[rows, found.predict_quality(X).argmax(axis=1)].mean()
        for found in (router, few)
    )
    assert reached > before + 0.01


def test_any_iterable_is_a_stream(data):
    parts = ((X, np.asarray(y)) for X, y in batches(data))
    one = fit_batches(KernelRouter(20, random_state=0), parts, n_sample=700)
    other = fit_batches(KernelRouter(20, random_state=0), batches(data), n_sample=700)
    np.testing.assert_array_equal(
        one.predict_quality(data.X), other.predict_quality(data.X)
    )


class Broken:
    """Batches that end in an error."""

    def __init__(self, batches, number):
        self.batches, self.number = batches, number
        self.n_queries, self.size = batches.n_queries, batches.size
        self.random_state = batches.random_state

    def start_at(self, number):
        for position, batch in enumerate(self.batches.start_at(number), number):
            if position == self.number:
                raise OSError("the disk is gone")
            yield batch


@pytest.mark.parametrize(
    "router", [KernelRouter(20, random_state=0), RidgeRouter(10.0)]
)
@pytest.mark.parametrize("number", [1, 2, 7, 11])
def test_an_interrupted_pass_ends_as_an_uninterrupted_one(
    data, tmp_path, router, number
):
    keywords = {"n_sample": 600, "checkpoint": tmp_path / "pass.npz"}
    keywords["checkpoint_every"] = 2
    with pytest.raises(OSError, match="disk"):
        fit_batches(router, Broken(batches(data), number), **keywords)
    assert (tmp_path / "pass.npz").exists() == (number > 1)
    done = []
    resumed = fit_batches(router, batches(data), progress=done.append, **keywords)
    assert sum(done) == 3000 - 256 * (number - number % 2)
    found = resumed.predict_quality(data.X)
    assert not list(tmp_path.iterdir())
    expected = fit_batches(router, batches(data), n_sample=600)
    np.testing.assert_array_equal(found, expected.predict_quality(data.X))


def test_a_pass_that_failed_at_its_end_is_not_repeated(data, tmp_path, monkeypatch):
    def fail(self, X, y):
        raise MemoryError

    path = tmp_path / "pass.npz"
    with monkeypatch.context() as patch:
        patch.setattr(RidgeRouter, "fit", fail)
        with pytest.raises(MemoryError):
            fit_batches(RidgeRouter(1.0), batches(data), checkpoint=path)
    done = []
    fit_batches(RidgeRouter(1.0), batches(data), checkpoint=path, progress=done.append)
    assert not done


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_sample": 500}, "n_sample=600, not 500"),
        ({"random_state": 1}, "random_state"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused(data, tmp_path, change, message):
    path = tmp_path / "pass.npz"
    keywords = {"n_sample": 600, "checkpoint": path, "checkpoint_every": 1}
    with pytest.raises(OSError, match="disk"):
        fit_batches(RidgeRouter(1.0), Broken(batches(data), 3), **keywords)
    with pytest.raises(ValueError, match=f"pass.npz.*{message}"):
        fit_batches(RidgeRouter(1.0), batches(data), **(keywords | change))


@pytest.mark.parametrize(
    ("change", "message"),
    [({"size": 128}, "size='256', not '128'"), ({"random_state": 1}, "random_state")],
)
def test_a_checkpoint_of_other_batches_is_refused(data, tmp_path, change, message):
    keywords = {"n_sample": 600, "checkpoint": tmp_path / "pass.npz"}
    keywords["checkpoint_every"] = 1
    with pytest.raises(OSError, match="disk"):
        fit_batches(RidgeRouter(1.0), Broken(batches(data), 3), **keywords)
    with pytest.raises(ValueError, match=f"pass.npz.*batches.{message}"):
        fit_batches(RidgeRouter(1.0), batches(data, **change), **keywords)


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_broken_checkpoint_is_named(data, tmp_path, content):
    path = tmp_path / "pass.npz"
    if content is None:
        np.savez(path, X=np.zeros(3))
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"pass.npz is no checkpoint"):
        fit_batches(RidgeRouter(1.0), batches(data), checkpoint=path)


@pytest.mark.parametrize(
    "router", [KernelRouter(20, random_state=0), RidgeRouter(10.0)]
)
def test_names_of_features_reach_the_router(data, tmp_path, router):
    frame = pd.DataFrame(data.X, columns=[f"x{i}" for i in range(12)])
    parts = [(frame[i : i + 500], data.y[i : i + 500]) for i in range(0, 3000, 500)]
    keywords = {"n_sample": 600, "checkpoint": tmp_path / "pass.npz"}
    keywords["checkpoint_every"] = 1
    broken = [*parts[:2], (frame[frame.columns[::-1]], data.y)]
    message = "Batch 2: The features have .* those of the first batch"
    with pytest.raises(ValueError, match=message):
        fit_batches(router, broken, **keywords)
    with pytest.raises(ValueError, match="Batch 2: The features have no names"):
        fit_batches(router, [*parts[:2], (data.X, data.y)], **keywords)
    fitted = fit_batches(router, parts, **keywords)
    assert fitted.feature_names_in_.tolist() == frame.columns.tolist()
    found = fitted.predict_quality(frame)
    expected = fit_batches(router, batches(data, 500), n_sample=600)
    # A slice of a DataFrame lies in memory by columns, and is summed up otherwise.
    np.testing.assert_allclose(found, expected.predict_quality(data.X), atol=1e-5)


def changed(data, what):
    """Five batches of which the fourth is wrong."""
    parts = list(batches(data))[:5]
    X, y = parts[3]
    quality = y.quality.copy()
    if what == "models":
        y = Outcomes(quality, models=list("abcd"))
    elif what == "features":
        X = X[:, :5]
    elif what == "rows":
        X = X[:9]
    elif what == "nobody":
        quality[7] = np.nan
        y = Outcomes(quality, models=y.models)
    elif what == "infinite":
        X = X.copy()
        X[4, 2] = np.inf
    parts[3] = X, y
    return parts


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("models", r"Batch 3: y has the models \['a'"),
        ("features", "Batch 3: X has 5 features, the first batch had 12"),
        ("rows", r"Batch 3: X has shape \(9, 12\) and y has 256 queries"),
        ("nobody", "Batch 3: Row 7 of y has no observed quality"),
        ("infinite", "Batch 3: .*row 4, column 2 is inf"),
    ],
)
def test_a_bad_batch_is_named(data, what, message):
    with pytest.raises(ValueError, match=message):
        fit_batches(KernelRouter(20), changed(data, what), n_sample=100)


def test_a_model_that_the_sample_has_not_seen_is_named(data):
    quality = data.y.quality.copy()
    quality[1:, 2] = np.nan
    quality[:, 0] = 0.5
    y = Outcomes(quality, models=data.y.models)
    with pytest.raises(ValueError, match=r"'model-2' has no observed.*raise n_sample"):
        fit_batches(RidgeRouter(1.0), ArrayBatches(data.X, y), n_sample=5)


def test_no_batches_are_refused():
    with pytest.raises(ValueError, match="no batches"):
        fit_batches(RidgeRouter(), [])


@pytest.mark.parametrize("name", ["n_sample", "checkpoint_every"])
def test_numbers_below_one_are_refused(data, name):
    with pytest.raises(ValueError, match=name):
        fit_batches(RidgeRouter(), batches(data), **{name: 0})


def test_every_query_is_sampled_equally_often():
    outcomes = Outcomes(np.ones((10, 1)))
    X = np.arange(30.0)[:, None]
    counts = np.zeros(30)
    for seed in range(2000):
        sample = Sample(6, seed)
        for start in (0, 10, 20):
            sample.add(X[start : start + 10], outcomes)
        counts[sample.X[:, 0].astype(int)] += 1
    # 2000 draws of 6 in 30: 400 each, with a standard deviation of 18.
    assert counts.sum() == 12_000
    assert np.abs(counts - 400).max() < 5 * 18
    # The first six, which fill it, together: 2400, with a standard deviation of 40.
    assert abs(counts[:6].sum() - 2400) < 4 * 40
