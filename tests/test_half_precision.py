"""Features of half precision, as large memory-mapped files have them."""

import tracemalloc

import numpy as np
import pytest

from sklroute import GuardedRouter, KernelRouter, KNNRouter, Outcomes, RidgeRouter
from sklroute.base._arrays import all_finite
from sklroute.datasets import make_routing
from sklroute.policies import CheapestAbove


@pytest.fixture(scope="module")
def data():
    table = make_routing(300, 3, n_features=(8, 8), random_state=0)
    table.X = table.X.astype(np.float16)
    return table


@pytest.mark.parametrize(
    "router",
    [
        RidgeRouter(1.0),
        KNNRouter(5),
        KernelRouter(random_state=0),
        GuardedRouter(RidgeRouter(1.0), random_state=0),
    ],
    ids=lambda router: type(router).__name__,
)
def test_it_is_computed_in_single_precision(data, router):
    half = router.fit(data.X, data.y)
    quality, chosen = half.predict_quality(data.X), half.predict(data.X)
    X = data.X.astype(np.float32)
    single = router.fit(X, data.y)
    np.testing.assert_array_equal(quality, single.predict_quality(X))
    np.testing.assert_array_equal(chosen, single.predict(X))


def test_parts_are_put_together_in_order(data, monkeypatch):
    router = RidgeRouter(1.0).fit(data.X, data.y)
    rng = np.random.default_rng(0)
    given = {"available": rng.random((300, 3)) < 0.5, "policy": CheapestAbove(0.5)}
    given["available"][:, 1] = True
    whole = router.predict(data.X, **given), router.predict_quality(data.X)
    monkeypatch.setattr("sklroute.base._arrays.HALF_CHUNK", 7)
    np.testing.assert_array_equal(router.predict(data.X, **given), whole[0])
    np.testing.assert_allclose(router.predict_quality(data.X), whole[1], rtol=1e-6)


def test_predict_does_not_copy_a_file_as_a_whole(tmp_path):
    rng = np.random.default_rng(0)
    shape = (100_000, 64)
    X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float16, shape)
    X[:] = rng.normal(size=shape)
    router = RidgeRouter(1.0).fit(X[:500], Outcomes(rng.random((500, 2))))
    file = np.load(tmp_path / "X.npy", mmap_mode="r")
    tracemalloc.start()
    router.predict(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < file.nbytes  # 12.8 MB; a float32 copy alone is twice that


def test_sums_that_overflow_half_precision_are_no_infinity():
    X = np.full((100, 100), 60_000, dtype=np.float16)
    assert all_finite(X)
    X[5, 5] = np.inf
    assert not all_finite(X)
    with pytest.raises(ValueError, match="row 5, column 5 is inf"):
        RidgeRouter(1.0).fit(X, np.random.default_rng(0).random((100, 2)))
