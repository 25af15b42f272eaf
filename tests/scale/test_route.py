"""Routing into files."""

import os

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError

from sklroute import KernelRouter, RidgeRouter
from sklroute.datasets import make_routing
from sklroute.policies import CheapestAbove, MaxUtility, Thompson
from sklroute.scale import (
    ArrayBatches,
    ParquetBatches,
    route_batches,
    route_partition,
)


@pytest.fixture(scope="module")
def data():
    return make_routing(1000, 4, n_features=(6, 6), random_state=0)


@pytest.fixture(scope="module")
def router(data):
    return RidgeRouter(10.0).fit(data.X[:500], data.y[:500])


def drawing():
    """A policy that draws anew for every query and call."""
    return Thompson(random_state=np.random.RandomState(0))


class Contrary(RidgeRouter):
    """Calls the first model, whatever it holds for best."""

    def predict(self, X, **keywords):
        return np.repeat(self.classes_[:1], len(X))


@pytest.mark.parametrize("written", [False, True])
def test_a_router_that_chooses_otherwise_is_asked(data, tmp_path, written):
    router = Contrary(10.0).fit(data.X[:500], data.y[:500])
    utilities = tmp_path / "utilities.npy" if written else None
    batches = ArrayBatches(data.X, data.y, size=300)
    out = route_batches(router, batches, tmp_path / "choices", utilities=utilities)
    assert not np.load(out).any()
    frame = pd.DataFrame({"clip": list(data.X[:50])})
    routed = route_partition(frame, router, "clip", utility="u" if written else None)
    assert (routed.model == router.classes_[0]).all()


class Broken:
    """Batches that end in an error."""

    random_state = None

    def __init__(self, batches, number):
        self.batches, self.number = batches, number
        self.n_queries, self.size = batches.n_queries, batches.size

    def start_at(self, number):
        for position, batch in enumerate(self.batches.start_at(number), number):
            if position == self.number:
                raise OSError("the disk is gone")
            yield batch


@pytest.mark.parametrize("size", [64, 1000])
def test_choices_and_utilities_are_those_of_predict(data, router, tmp_path, size):
    keywords = {
        "available": [True, True, False, True],
        "costs": [1.0, 2.0, 3.0, 4.0],
        "policy": CheapestAbove(0.7),
    }
    utilities = tmp_path / "utilities.npy"
    out = route_batches(
        router,
        ArrayBatches(data.X, data.y, size=size),
        tmp_path / "choices.npy",
        utilities=utilities,
        **keywords,
    )
    chosen = router.classes_[np.load(out)]
    np.testing.assert_array_equal(chosen, router.predict(data.X, **keywords))
    np.testing.assert_allclose(
        np.load(utilities), router.predict_utility(data.X, **keywords), rtol=1e-6
    )
    assert {path.name for path in tmp_path.iterdir()} == {out.name, utilities.name}


def test_utilities_of_a_policy_that_draws_are_those_that_decided(data, tmp_path):
    router = KernelRouter(random_state=0).fit(data.X[:100], data.y[:100])
    utilities = tmp_path / "utilities.npy"
    batches = ArrayBatches(data.X, data.y, size=300)
    out = tmp_path / "choices.npy"
    route_batches(router, batches, out, utilities=utilities, policy=drawing())
    assert (np.load(utilities).argmax(axis=1) == np.load(out)).all()
    frame = pd.DataFrame({"clip": list(data.X)})
    keywords = {"utility": "worth", "policy": Thompson(random_state=0)}
    routed = route_partition(frame, router, "clip", **keywords)
    expected = router.predict_utility(data.X, policy=Thompson(random_state=0))
    np.testing.assert_allclose(routed.worth, expected.max(axis=1))


@pytest.mark.parametrize("number", [0, 1, 5])
def test_an_interrupted_run_goes_on(data, router, tmp_path, number):
    out, batches = tmp_path / "choices.npy", ArrayBatches(data.X, size=100)
    with pytest.raises(OSError, match="disk"):
        route_batches(router, Broken(batches, number), out)
    done = []
    route_batches(router, batches, out, progress=done.append)
    assert len(done) == 10 - number
    np.testing.assert_array_equal(router.classes_[np.load(out)], router.predict(data.X))
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize(
    "other", ["router", "policy", "data", "more", "size", "utilities"]
)
def test_an_interrupted_run_of_something_else_is_refused(data, router, tmp_path, other):
    out, batches = tmp_path / "choices.npy", ArrayBatches(data.X, size=100)
    with pytest.raises(OSError, match="disk"):
        route_batches(router, Broken(batches, 3), out)
    changed = {"router": router, "batches": batches, "out": out}
    if other == "size":
        changed["batches"] = ArrayBatches(data.X, size=50)
    elif other == "utilities":
        changed["utilities"] = tmp_path / "utilities.npy"
    elif other == "router":
        changed["router"] = KernelRouter(random_state=0).fit(data.X, data.y)
    elif other == "policy":
        changed["policy"] = CheapestAbove(0.1)
    else:
        X = data.X[::-1] if other == "data" else np.tile(data.X, (2, 1))
        changed["batches"] = ArrayBatches(X, size=100)
    with pytest.raises(ValueError, match=r"choices.npy is of an interrupted run"):
        route_batches(**changed)


def test_utilities_of_other_prices_are_not_mixed(data, router, tmp_path):
    batches = ArrayBatches(data.X, size=100)
    files = {"out": tmp_path / "choices.npy", "utilities": tmp_path / "utilities.npy"}
    policy = MaxUtility(0.1)  # at one price for all the choice depends on no price
    with pytest.raises(OSError, match="disk"):
        route_batches(router, Broken(batches, 3), **files, costs=[1] * 4, policy=policy)
    with pytest.raises(ValueError, match="is of an interrupted run"):
        route_batches(router, batches, **files, costs=[2] * 4, policy=policy)
    route_batches(router, batches, **files, costs=[1] * 4, policy=policy)


def test_plain_iterables_need_their_number_of_queries(data, router, tmp_path):
    out, parts = tmp_path / "choices.npy", np.array_split(data.X, 7)
    with pytest.raises(ValueError, match="n_queries is not known"):
        route_batches(router, parts, out)
    for wrong in (999, 1001):
        with pytest.raises(ValueError, match=f"n_queries={wrong}"):
            route_batches(router, parts, tmp_path / f"{wrong}.npy", n_queries=wrong)
    route_batches(router, parts, out, n_queries=1000)
    np.testing.assert_array_equal(router.classes_[np.load(out)], router.predict(data.X))


def test_a_generator_goes_on_where_it_stopped(data, router, tmp_path):
    out, batches = tmp_path / "choices.npy", ArrayBatches(data.X, size=300)
    broken = iter(Broken(batches, 2).start_at(0))
    with pytest.raises(OSError, match="disk"):
        route_batches(router, broken, out, n_queries=1000)
    with pytest.raises(ValueError, match="interrupted run"):
        route_batches(router, iter(batches), out, n_queries=1200)
    route_batches(router, iter(batches), out, n_queries=1000)
    expected = router.predict(data.X)
    np.testing.assert_array_equal(router.classes_[np.load(out)], expected)


def test_shuffled_batches_are_refused(data, router, tmp_path):
    batches = ArrayBatches(data.X, random_state=0)
    with pytest.raises(ValueError, match="shuffled"):
        route_batches(router, batches, tmp_path / "choices.npy")


@pytest.mark.parametrize("source", ["parquet", "array"])
def test_columns_in_another_order_are_refused(data, router, tmp_path, source):
    names = [f"x{number}" for number in range(data.X.shape[1])]
    frame = pd.DataFrame(data.X, columns=names, index=np.arange(1000.0) / 2)
    if source == "parquet":
        pytest.importorskip("pyarrow")
        frame.to_parquet(tmp_path / "x.parquet")

    def batches(columns):
        if source == "array":
            return ArrayBatches(frame[columns], size=300)
        return ParquetBatches(tmp_path / "x.parquet", columns, size=300)

    named = RidgeRouter(10.0).fit(frame, data.y)
    for fitted in (named, router):  # one that knows the names, one that does not
        out = route_batches(fitted, batches(names), tmp_path / "choices.npy")
        expected = fitted.predict(frame if fitted is named else data.X)
        np.testing.assert_array_equal(fitted.classes_[np.load(out)], expected)
    with pytest.raises(ValueError, match="same order"):
        route_batches(named, batches(names[::-1]), tmp_path / "other.npy")


@pytest.mark.parametrize("damage", ["short", "gone", "other", "noted", "part"])
def test_a_damaged_run_is_not_gone_on_with(data, router, tmp_path, damage):
    out, batches = tmp_path / "choices.npy", ArrayBatches(data.X, size=100)
    with pytest.raises(OSError, match="disk"):
        route_batches(router, Broken(batches, 3), out)
    progress = tmp_path / "choices.npy.progress"
    if damage == "short":  # mapped for writing it would be filled up with model 0
        os.truncate(out, 1000)
    elif damage == "gone":
        out.unlink()
    elif damage == "other":
        np.save(out, np.load(out).astype(np.int64))
    else:
        progress.write_text("{" if damage == "noted" else "{}")
    with pytest.raises(ValueError, match=r"is damaged: delete .*progress to start"):
        route_batches(router, batches, out)
    progress.unlink()
    route_batches(router, batches, out)
    np.testing.assert_array_equal(router.classes_[np.load(out)], router.predict(data.X))


def test_what_is_noted_as_done_is_on_the_disk(data, router, tmp_path, monkeypatch):
    files = {"out": tmp_path / "choices.npy", "utilities": tmp_path / "utilities.npy"}
    flushed, done = [], []
    flush = np.memmap.flush
    monkeypatch.setattr(np.memmap, "flush", lambda m: flushed.append(1) or flush(m))
    batches = ArrayBatches(data.X, size=300)
    route_batches(
        router, batches, **files, progress=lambda _: done.append(len(flushed))
    )
    assert np.all(np.array(done) >= [2, 4, 6, 8])


def test_no_file_is_written_over_that_is_read(data, router, tmp_path):
    path = tmp_path / "X.npy"
    np.save(path, data.X)
    for X in (path, np.load(path, mmap_mode="r")):
        for files in ({"out": path}, {"out": tmp_path / "c.npy", "utilities": path}):
            with pytest.raises(ValueError, match="is read by the batches"):
                route_batches(router, ArrayBatches(X), **files)
    np.testing.assert_array_equal(np.load(path), data.X)
    with pytest.raises(ValueError, match="name two files"):
        route_batches(router, ArrayBatches(path), "c.npy", utilities="c.npy")


def test_a_query_that_cannot_be_routed_is_found(data, router, tmp_path):
    X = data.X.copy()
    X[750, 2] = np.nan
    with pytest.raises(
        ValueError, match=r"Batch 7, which starts at query 700: .*row 50"
    ):
        route_batches(router, ArrayBatches(X, size=100), tmp_path / "choices.npy")
    with pytest.raises(NotFittedError):
        route_batches(RidgeRouter(), ArrayBatches(X), tmp_path / "other.npy")


def test_no_queries_make_an_empty_file(router, tmp_path):
    out = route_batches(router, ArrayBatches(np.zeros((0, 12))), tmp_path / "c.npy")
    assert np.load(out).shape == (0,)


def test_a_run_that_failed_at_once_is_marked_and_starts_again(data, router, tmp_path):
    out = tmp_path / "choices.npy"
    with pytest.raises(ValueError, match="Batch 0"):
        route_batches(router, ArrayBatches(np.full((10, 12), np.nan)), out)
    assert out.with_name("choices.npy.progress").exists()
    route_batches(router, ArrayBatches(data.X, size=300), out)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]
    np.testing.assert_array_equal(router.classes_[np.load(out)], router.predict(data.X))
