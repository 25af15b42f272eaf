"""A fitted router, and servers of it in this process."""

from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient

from sklroute import RidgeRouter
from sklroute.datasets import make_routing
from sklroute.server import ServerSettings, make_app


@pytest.fixture(scope="session")
def data():
    data = make_routing(300, 3, n_features=(5, 4), random_state=0)
    data.X = data.X.astype(float)  # as JSON's numbers are
    return data


@pytest.fixture(scope="session")
def router(data):
    return RidgeRouter(alpha=1.0).fit(data.X, data.y)


@contextmanager
def serving(router, path, **settings):
    """A client of a server that has the router in its memory, not in its file."""
    path.write_bytes(path.read_bytes() if path.exists() else b"stands for a router")
    app = make_app(path, ServerSettings(**settings), load=lambda _: router)
    with TestClient(app) as client:
        yield client


@pytest.fixture(scope="session")
def client(router, tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "router.sklroute"
    with serving(router, path, max_queries=20, max_body=100_000) as client:
        yield client


@pytest.fixture
def serve(tmp_path):
    """Make a client of a router; `with serve(router, **settings) as client`."""
    return lambda router, **settings: serving(router, tmp_path / "router", **settings)
