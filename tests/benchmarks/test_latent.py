"""The studies of the latent router run."""

import runpy
from pathlib import Path

import numpy as np
import pytest

from sklroute import FixedRouter, RidgeRouter
from sklroute.datasets import make_routing

FOLDER = Path(__file__).parents[2] / "benchmarks" / "latent"


@pytest.fixture(scope="module")
def study():
    return runpy.run_path(str(FOLDER / "study.py"))


def test_the_best_single_model_closes_nothing_of_the_gap(study):
    data = study["make_synthetic"](200, 0, n_test=300)
    assert np.isnan(data.y_train.quality).mean() == pytest.approx(0.1, abs=0.03)
    closed, _ = study["gap_closed"](data, FixedRouter(), 0)
    assert closed == pytest.approx(0.0)
    closed, _ = study["gap_closed"](data, RidgeRouter(), 0)
    assert 0 < closed < 1


def test_every_query_is_tested_once(study):
    data = make_routing(150, n_models=3, random_state=0)
    tested = study["cross_test"](data, {"ridge": RidgeRouter(10.0)}, n_jobs=1)["ridge"]
    np.testing.assert_array_equal(np.sort(tested.rows), np.arange(150))
    values = study["chosen_quality"](data, tested)
    assert values.mean() > data.y.quality.mean()
    none = study["gain"](data, tested.rows, values, values)
    assert none == (0, 0, 0)
    twice = study["cross_test"](
        data, {"ridge": RidgeRouter(10.0)}, partitions=(0, 1), n_jobs=1
    )["ridge"]
    np.testing.assert_array_equal(np.bincount(twice.rows), np.full(150, 2))
