"""Size of a body, rows of a request, requests at once; what is counted."""

import asyncio
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.requests import Request

from sklroute import GuardedRouter, RidgeRouter
from sklroute.policies import MaxUtility
from sklroute.server import ServerSettings, _limits
from sklroute.server._errors import RequestError
from sklroute.server._limits import read_body

JSON = {"content-type": "application/json"}


def counted(client, line):
    """A counter's value, 0 where it is not there yet."""
    for found in client.get("/metrics").text.splitlines():
        if found.startswith(f"{line} "):
            return float(found.split()[-1])
    return 0.0


def request(receive, head=()):
    """A request of which the body comes in as ``receive`` has it."""
    head = {**JSON, **dict(head)}
    head = [(name.encode(), value.encode()) for name, value in head.items()]
    return Request({"type": "http", "headers": head}, receive)


def test_a_large_body_is_refused_by_its_head(client):
    answer = client.post("/route", content=b"0" * 100_001, headers=JSON)
    assert answer.status_code == 413
    assert "100000 bytes" in answer.json()["error"]
    assert answer.headers["connection"] == "close"


def test_a_large_body_without_a_length_is_refused_as_it_comes_in():
    """Only as much is read as is needed to know."""
    read = []

    async def receive():
        read.append(1)
        await asyncio.sleep(0 if len(read) < 5 else 60)
        return {"type": "http.request", "body": b"0" * 40, "more_body": True}

    asked = request(receive, {"expect": "100-continue"})
    with pytest.raises(RequestError) as error:
        asyncio.run(read_body(asked, 100, timeout=5))
    assert error.value.status == 413
    assert len(read) == 3


@pytest.mark.parametrize(
    ("length", "n_parts", "n_read"),
    [("200", 5, 5), ("201", 5, 0), (None, 3, 3), (None, 99, 3 + 6)],
)
def test_of_a_large_body_as_much_is_read_as_lets_the_client_hear(
    monkeypatch, length, n_parts, n_read
):
    """Three parts of 40 bytes are too much; six more are more than is read on."""
    monkeypatch.setattr(_limits, "MAX_DRAIN", 200)
    read = []

    async def receive():
        read.append(1)
        more = len(read) < n_parts
        return {"type": "http.request", "body": b"0" * 40, "more_body": more}

    asked = request(receive, {} if length is None else {"content-length": length})
    with pytest.raises(RequestError):
        asyncio.run(read_body(asked, 80, timeout=5))
    assert len(read) == n_read


@pytest.mark.parametrize("head", [{}, {"content-length": "100"}])
def test_a_body_may_be_as_large_as_is_allowed(head):
    async def receive():
        return {"type": "http.request", "body": b"0" * 100}

    assert asyncio.run(read_body(request(receive, head), 100, timeout=5)) == b"0" * 100


def test_a_slow_body_is_cut():
    async def receive():
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"0", "more_body": True}

    with pytest.raises(RequestError) as error:
        asyncio.run(read_body(request(receive), 100, timeout=0.1))
    assert error.value.status == 408


@pytest.mark.parametrize(
    "headers", [{"content-type": "text/plain"}, {**JSON, "content-encoding": "gzip"}]
)
def test_another_kind_of_body_is_refused(client, headers):
    answer = client.post("/route", content=b"{}", headers=headers)
    assert answer.status_code == 415
    assert "application/json" in answer.json()["error"]


def test_too_many_rows_are_refused(client):
    answer = client.post("/route", json={"features": [[0.0] * 9] * 21})
    assert answer.status_code == 413
    assert "21 rows; one request may have 20" in answer.json()["error"]


def test_other_paths_and_methods(client):
    assert client.get("/route").status_code == 405
    assert client.get("/nothing").status_code == 404
    assert counted(client, 'sklroute_requests_total{path="other",status="404"}') >= 1


class Waiting:
    """A router that waits until it is told to go on."""

    def __init__(self, router):
        self.router = router
        self.started, self.go_on = threading.Event(), threading.Event()

    def __getattr__(self, name):
        return getattr(self.router, name)

    def predict_cost(self, X):
        self.started.set()
        assert self.go_on.wait(10)
        return self.router.predict_cost(X)


def test_a_busy_server_says_so_and_stays_healthy(serve, router):
    slow = Waiting(router)
    batch = json.dumps({"features": [[0.0] * 9] * 6})  # runs in a thread
    with serve(slow, max_concurrent=1) as client, ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, "/route", content=batch, headers=JSON)
        assert slow.started.wait(10)
        busy = client.post("/route", content=batch, headers=JSON)
        healthy = client.get("/health")
        running = counted(client, "sklroute_route_in_progress")
        slow.go_on.set()
        assert first.result().status_code == 200
        assert client.post("/route", content=batch, headers=JSON).status_code == 200
        assert counted(client, "sklroute_route_in_progress") == 0
    assert running == 1
    assert busy.status_code == 503
    assert busy.headers["retry-after"] == "1"
    assert healthy.status_code == 200


def test_a_fault_of_the_router_is_not_the_clients(serve, router):
    class Broken(Waiting):
        def predict_cost(self, X):
            raise RuntimeError("out of order")

    with serve(Broken(router)) as client:
        with pytest.raises(RuntimeError, match="out of order"):
            client.post("/route", json={"features": [[0.0] * 9]})  # a real server: 500
        name = 'sklroute_requests_total{path="/route",status="500"}'
        assert counted(client, name) == 1
        assert counted(client, "sklroute_route_in_progress") == 0


def test_answers_are_counted(client):
    name = 'sklroute_requests_total{path="/route",status="200"}'
    before = counted(client, name), counted(client, "sklroute_route_seconds_count")
    answer = client.post(
        "/route", json={"features": [[0.0] * 9] * 3, "available": ["model-1"]}
    )
    assert answer.status_code == 200
    assert counted(client, name) == before[0] + 1
    assert counted(client, "sklroute_route_seconds_count") == before[1] + 1
    assert counted(client, 'sklroute_queries_total{model="model-1"}') >= 3
    kind = client.get("/metrics").headers["content-type"]
    assert kind.startswith("text/plain; version=0.0.4")


def test_the_pool_is_described(client, router):
    about = client.get("/models").json()
    assert [model["name"] for model in about["models"]] == router.classes_.tolist()
    assert [model["mean_cost"] for model in about["models"]] == pytest.approx(
        router.mean_cost_
    )
    assert about["input"] == "features"
    assert about["n_features"] == 9
    assert about["policy"] == "MaxUtility()"
    assert set(about["versions"]) == {"sklroute", "python", "numpy", "scikit-learn"}


def test_the_policy_described_is_the_one_in_use(data, serve):
    router = GuardedRouter(RidgeRouter(), policy=MaxUtility(0.5)).fit(data.X, data.y)
    with serve(router) as client:
        about = client.get("/models").json()
    assert about["policy"] == "MaxUtility(cost_weight=0.5)"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_body": 0}, "max_body must be >= 1"),
        ({"timeout": float("inf")}, "timeout must be > 0"),
        ({"shadow": "a.jsonl"}, "both a file and an incumbent"),
        ({"incumbent": "a"}, "both a file and an incumbent"),
    ],
)
def test_settings_out_of_range_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        ServerSettings(**settings)
