"""Partitions and grid search on a local cluster of dask."""

import os
import signal
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV

from sklroute import KNNRouter, RidgeRouter
from sklroute.compare import compare
from sklroute.datasets import make_routing
from sklroute.scale import route_partition

distributed = pytest.importorskip("distributed")
dataframe = pytest.importorskip("dask.dataframe")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two processes on this machine."""
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=":0",  # any port: two test processes may have a cluster
        local_directory=tmp_path_factory.mktemp("dask"),
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster) as client:
        client.wait_for_workers(2)  # one may have been killed by the test before
        yield client


@pytest.fixture(scope="module")
def data():
    return make_routing(400, 3, n_features=(2, 2), random_state=0)


@pytest.fixture(scope="module")
def frame(data):
    return pd.DataFrame(data.X, columns=list("abcd")).assign(query=np.arange(400))


def route(frame, router):
    return route_partition(frame, router, list("abcd"))[["query", "model"]]


def route_or_die(frame, router, marker):
    """Kill the worker at the first sight of query 200."""
    if (frame["query"] == 200).any() and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return route(frame, router)


def run(function, frame):
    table = dataframe.from_pandas(frame, npartitions=8)
    meta = {"query": "i8", "model": "str"}
    return table.map_partitions(function, meta=meta).compute()


def test_a_killed_worker_changes_no_choice(client, data, frame, tmp_path):
    router = RidgeRouter(1.0).fit(data.X, data.y)
    before = set(client.scheduler_info()["workers"])
    marker = tmp_path / "killed"
    killed = run(partial(route_or_die, router=router, marker=marker), frame)
    assert marker.exists()
    assert before - set(client.scheduler_info(n_workers=-1)["workers"])
    undisturbed = run(partial(route, router=router), frame)
    pd.testing.assert_frame_equal(killed, undisturbed)
    np.testing.assert_array_equal(killed["model"], router.predict(data.X))


def test_grid_search_runs_on_the_cluster(client, data):
    search = GridSearchCV(KNNRouter(), {"n_neighbors": [4, 16, 64]}, cv=3)
    here = search.fit(data.X, data.y).cv_results_["mean_test_score"]
    with joblib.parallel_config("dask"):
        there = search.fit(data.X, data.y).cv_results_["mean_test_score"]
    np.testing.assert_array_equal(here, there)


def test_routers_are_compared_on_the_cluster(cluster, client, data):
    routers = {"ridge": RidgeRouter(1.0)}
    settings = {"routers": routers, "n_seeds": 2, "n_resamples": 20}
    here = compare(data.X, data.y, **settings).table
    before = cluster.scheduler.transition_counter
    with joblib.parallel_config("dask"):
        there = compare(data.X, data.y, **settings).table
    seconds = ["fit_seconds", "queries_per_second"]
    pd.testing.assert_frame_equal(
        here.drop(columns=seconds), there.drop(columns=seconds)
    )
    assert cluster.scheduler.transition_counter > before
