"""The studies of changing pools run."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils import Bunch

from sklroute import KernelRouter, KNNRouter, RidgeRouter
from sklroute.datasets import make_routing

FOLDER = Path(__file__).parents[2] / "benchmarks" / "pools"


@pytest.fixture(scope="module")
def load():
    """Import a study's module, and forget it again: other studies have such names."""
    path, modules = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(FOLDER.parent) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture(scope="module")
def seed(load):
    data = make_routing(500, n_models=4, random_state=0)
    table = Bunch(
        X=data.X,
        y=data.y,
        task=data.task,
        groups=data.groups,
        modalities=data.modalities,
    )
    return next(load("common").seeds_of(table, 1, 0))


@pytest.mark.parametrize("router", [RidgeRouter(100.0), KNNRouter(24)])
def test_to_leave_a_model_out_is_to_drop_its_column(load, seed, router):
    """For routers that learn each model alone."""
    common = load("common")
    full = clone(router).fit(seed.X_train, seed.y_train)
    for left in common.leave_out(full, seed, [0, 2], separable=True):
        kept = np.delete(np.arange(4), left.model)
        y = common.drop(seed.y_train, kept)
        other = clone(router).fit(seed.X_train, y)
        predicted = left.predict(seed.X_test)
        np.testing.assert_allclose(other.predict_quality(seed.X_test), predicted)
        np.testing.assert_allclose(other.pool_.basis.scale, left.pool.basis.scale)
        features = other.pool_.basis(seed.X_test, predicted)
        covariance = features @ features.T  # the directions' signs are free
        np.testing.assert_allclose(left.features @ left.features.T, covariance)


@pytest.mark.parametrize("with_y", [False, True])
def test_what_joins_is_what_add_model_does(load, seed, with_y):
    """Predictions and choices of the study against those of the router itself."""
    common = load("common")
    full = KernelRouter(32, alphas=(10.0, 10.0), random_state=0)
    full.fit(seed.X_train, seed.y_train)
    (left,) = common.leave_out(full, seed, [1], separable=False)
    X, answers = seed.X_train[:40], seed.y_train.quality[:40, 1]
    known = np.delete(seed.y_train.quality[:40], 1, axis=1) if with_y else None
    predicted = left.predicted(X, left.train[:40], answers, known)
    reached = common.joined(left, seed.y_test, predicted)
    router = common.refit(full, seed, np.array([0, 2, 3]))
    y = common.drop(seed.y_train[:40], np.array([0, 2, 3])) if with_y else None
    router.add_model(seed.y_train.models[1], X, answers, y=y)
    assert np.array_equal(router.classes_, seed.y_test.models)
    quality = router.predict_quality(seed.X_test)
    np.testing.assert_allclose(quality[:, 1], predicted)
    choice = quality.argmax(axis=1)
    rows = np.arange(len(choice))
    assert np.array_equal(reached, seed.y_test.quality[rows, choice])


def test_masked_and_fewer_are_judged_on_the_same_queries(load, seed):
    columns = np.array([0, 2])
    router = RidgeRouter(100.0)
    known = clone(router).fit(seed.X_train, seed.y_train).predict_quality(seed.X_test)
    study = load("masked")
    rows, one, other = study.masked_and_fewer(known[:, columns], router, seed, columns)
    assert len(rows) == len(one) == len(other) == len(seed.y_test)
    np.testing.assert_array_equal(one, other)  # a ridge learns each model alone


def test_results_of_other_tables_are_kept(load, tmp_path, monkeypatch):
    common = load("common")
    monkeypatch.setattr(common, "RESULTS", tmp_path)
    for value, table in enumerate(["routerbench", "visual_qa", "routerbench"]):
        common.write([{"table": table, "value": value}], "some", keep=True)
    text = (tmp_path / "some.csv").read_text(encoding="utf-8")
    assert text.split() == ["table,value", "visual_qa,1", "routerbench,2"]


@pytest.mark.slow
def test_intervals_hold_the_gain(load):
    one_table = load("coverage").one_table
    held = [one_table(200, seed)[1] for seed in range(100)]
    assert np.mean(held) > 0.85


def test_a_table_of_the_study_is_judged(load, monkeypatch):
    study = load("coverage")
    monkeypatch.setattr(study, "N_REST", 500)
    verdict, held, real = study.one_table(100, 0)
    assert isinstance(verdict, str)
    assert {bool(held), bool(real)} <= {True, False}
