"""An ONNX model says what the router says."""

from unittest.mock import Mock

import numpy as np
import pytest
from routers import TABLE, fitted, latent, pipeline
from sklearn.preprocessing import Normalizer

from sklroute import LogisticRouter, RidgeRouter
from sklroute.policies import MaxUtility
from sklroute.serving import export_onnx

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

EXPORTED = ["ridge", "logistic", "mlp", "kernel", "latent", "latent_alone", "scaled"]
EXPORTED += ["blocks", "tasks", "two_tasks", "cluster", "latent_clusters"]


def run(router, path, X, available=None, cost_weight=0.0):
    router.compile().to_onnx(path)
    if available is None:
        available = np.ones((len(X), len(router.classes_)), dtype=bool)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = {
        "features": X.astype(np.float32),
        "available": available,
        "cost_weight": np.array([cost_weight], np.float32),
    }
    return session.run(["quality", "utility", "choice"], given)


@pytest.mark.parametrize("name", EXPORTED)
@pytest.mark.parametrize("cost_weight", [0.0, 0.02])
def test_quality_utility_and_choice_are_the_routers(name, cost_weight, tmp_path):
    router = fitted(name)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 10)).astype(np.float32) * 2
    available = rng.random((2000, 4)) < 0.6
    available[:, 1] = True
    quality, utility, choice = run(
        router, tmp_path / "m.onnx", X, available, cost_weight
    )
    np.testing.assert_allclose(quality, router.predict_quality(X), atol=2e-5)
    assert np.isneginf(utility[~available]).all()
    policy = MaxUtility(cost_weight)
    expected = router.predict_utility(X, available=available, policy=policy)
    np.testing.assert_allclose(utility, expected, atol=2e-5)
    # Of 32 bits: choices may differ where utilities are that close.
    chosen = expected[np.arange(2000), choice]
    assert (expected.max(axis=1) - chosen).max() < 2e-5
    same = router.classes_[choice] == router.predict(
        X, available=available, policy=policy
    )
    assert same.mean() > 0.99


def test_a_full_disk_leaves_the_old_model(tmp_path, monkeypatch):
    path = tmp_path / "router.onnx"
    path.write_text("old")
    monkeypatch.setattr("os.fsync", Mock(side_effect=OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space left"):
        fitted("ridge").compile().to_onnx(path)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def test_missing_blocks(tmp_path):
    router, X = fitted("latent"), TABLE.X.astype(np.float32)
    X[::3, :6] = np.nan
    X[1::3, 6:] = np.nan
    X[::5] *= 300  # beyond what the network reads
    quality, _, _ = run(router, tmp_path / "m.onnx", X)
    np.testing.assert_allclose(quality, router.predict_quality(X), atol=2e-5)


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_rows_are_divided_by_any_norm_unless_they_are_too_short(norm, tmp_path):
    floor = 10 * np.finfo(np.float32).eps
    X = np.eye(10, dtype=np.float32)[[0, 0, 1, 2]] * [[0], [0.97], [1.03], [1e6]]
    X = np.vstack([floor * X, TABLE.X]).astype(np.float32)
    router = pipeline(Normalizer(norm)).fit(TABLE.X, TABLE.y)
    quality, _, _ = run(router, tmp_path / "m.onnx", X)
    np.testing.assert_allclose(quality, router.predict_quality(X), atol=2e-5)


def test_models_that_were_always_right_or_wrong(tmp_path):
    sure = TABLE.y.quality.copy()
    sure[:, 1], sure[:, 2] = 1.0, 0.0
    router = LogisticRouter(C=1.0).fit(TABLE.X, sure)
    quality, _, _ = run(router, tmp_path / "m.onnx", TABLE.X)
    np.testing.assert_allclose(quality, router.predict_quality(TABLE.X), atol=2e-5)


def test_binned_distributions(tmp_path):
    router = latent(distribution="binned").fit(TABLE.X, TABLE.y)
    quality, _, _ = run(router, tmp_path / "m.onnx", TABLE.X)
    np.testing.assert_allclose(quality, router.predict_quality(TABLE.X), atol=2e-5)


def test_ties_and_names(tmp_path):
    import onnx

    router = fitted("ridge")
    router.coef_[:], router.intercept_[:] = 0.0, 0.5
    router.mean_cost_ = np.array([2.0, 1.0, 1.0, np.nan])
    _, _, choice = run(router, tmp_path / "m.onnx", TABLE.X)
    assert (choice == 1).all()
    (entry,) = onnx.load(tmp_path / "m.onnx").metadata_props
    assert entry.value.split("\n") == router.classes_.tolist()


def test_models_of_unknown_cost_are_not_taken_for_free(tmp_path):
    router = fitted("ridge")
    router.mean_cost_ = np.array([1.0, np.nan, 1.0, 1.0])
    known = np.array([True, False, True, True])
    available = np.tile([True, True, True, False], (len(TABLE.X), 1))
    for weight, mask in ((0.0, available), (2.0, available & known)):
        _, utility, choice = run(
            router, tmp_path / "m.onnx", TABLE.X, available, cost_weight=weight
        )
        assert (np.isneginf(utility) == ~mask).all()
        expected = router.predict(TABLE.X, available=mask, policy=MaxUtility(weight))
        assert (router.classes_[choice] == expected).all()


def test_pools_without_a_model(tmp_path):
    router = fitted("ridge")
    router.remove_model(router.classes_[2])
    quality, _, _ = run(router, tmp_path / "m.onnx", TABLE.X)
    np.testing.assert_allclose(quality, router.predict_quality(TABLE.X), atol=2e-5)
    router.add_model("new", TABLE.X, np.full(len(TABLE.X), 0.5))
    with pytest.raises(TypeError, match="no ONNX form"):
        router.compile().to_onnx(tmp_path / "m.onnx")


@pytest.mark.parametrize("name", ["knn", "guarded", "fixed", "random"])
def test_what_has_no_onnx_form_is_named(name, tmp_path):
    with pytest.raises(TypeError, match="no ONNX form"):
        fitted(name).compile().to_onnx(tmp_path / "m.onnx")


def test_a_router_that_is_not_compiled_is_told_so(tmp_path):
    with pytest.raises(TypeError, match=r"compiled router, `router.compile\(\)`"):
        export_onnx(RidgeRouter(), tmp_path / "router.onnx")


@pytest.mark.parametrize("name", EXPORTED)
def test_where_no_model_can_be_chosen_none_is_named(name, tmp_path):
    router = fitted(name)
    X = np.repeat(TABLE.X[:1], 6, axis=0)
    available = np.ones((6, 4), dtype=bool)
    available[1] = False
    X[2] = np.nan
    X[3, 4], X[4, 9] = np.inf, -np.inf
    for row in (1, 2, 3, 4):
        with pytest.raises(ValueError, match=r"available|NaN|nan|infinity|block"):
            router.predict(X[row : row + 1], available=available[row])
    _, _, choice = run(router, tmp_path / "m.onnx", X, available, 0.02)
    assert (choice[1:5] == 4).all()
    expected = router.predict(X[[0, 5]], policy=MaxUtility(0.02))
    np.testing.assert_array_equal(router.classes_[choice[[0, 5]]], expected)
