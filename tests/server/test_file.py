"""The router's file is read again when it changes; a broken one changes nothing."""

import os
import threading
import time

import pytest

from sklroute import FixedRouter, RidgeRouter
from sklroute.policies import UCB
from sklroute.server import ServerSettings, make_app
from sklroute.server._file import RouterFile


@pytest.fixture
def routers(data):
    """What the content of a file stands for."""
    fixed = {
        name: FixedRouter(name).fit(data.X, data.y) for name in ("model-0", "model-1")
    }
    fewer = RidgeRouter(alpha=1.0).fit(data.X, data.y.quality[:, :2])
    return {**fixed, "fewer": fewer}


@pytest.fixture
def load(routers):
    def read(path):
        name = path.read_text()
        if name not in routers:
            raise ValueError(f"{path} is broken")
        return routers[name]

    return read


def write(path, content):
    """Replace a file as `router.save` does, at a time that differs."""
    other = path.with_suffix(".new")
    other.write_text(content)
    os.replace(other, path)


def test_a_changed_file_is_loaded_once(tmp_path, load):
    path = tmp_path / "router"
    write(path, "model-0")
    file = RouterFile(path, load)
    old = file.served
    assert file.refresh() is None
    assert file.served is old
    write(path, "model-1")
    assert file.refresh() is True
    assert file.served.router.model_ == "model-1"
    assert file.served.checksum != old.checksum
    assert file.refresh() is None


@pytest.mark.parametrize("content", ["rubbish", ""])
def test_a_broken_file_leaves_the_old_router(tmp_path, load, content):
    path = tmp_path / "router"
    write(path, "model-0")
    file = RouterFile(path, load)
    old = file.served
    write(path, content)
    assert file.refresh() is False
    assert file.served is old
    assert "broken" in file.error
    assert file.refresh() is None  # said once
    write(path, "model-1")
    assert file.refresh() is True
    assert file.error is None


def test_a_file_that_vanishes_may_come_back(tmp_path, load):
    path = tmp_path / "router"
    write(path, "model-0")
    file = RouterFile(path, load)
    path.rename(tmp_path / "away")
    assert file.refresh() is False
    assert "No such file" in file.error
    assert file.refresh() is None
    (tmp_path / "away").rename(path)
    assert file.refresh() is True
    assert file.error is None


def test_a_file_that_could_not_be_read_is_read_again(tmp_path, load):
    path, refused = tmp_path / "router", []

    def reluctant(path):
        if refused:
            raise refused.pop()
        return load(path)

    write(path, "model-0")
    file = RouterFile(path, reluctant)
    write(path, "model-1")
    refused.append(OSError("Too many open files"))
    assert file.refresh() is False
    assert "Too many" in file.error
    assert file.refresh() is True  # the file has not changed since
    assert file.error is None
    assert file.served.router.model_ == "model-1"


def test_a_router_that_explores_is_served_as_it_is(tmp_path, data):
    from starlette.testclient import TestClient

    path = tmp_path / "router.sklroute"
    router = RidgeRouter(alpha=1.0, policy=UCB(0.5)).fit(data.X, data.y)
    router.save(path)
    with TestClient(make_app(path)) as client:
        answer = client.post("/route", json={"features": data.X[:9].tolist()})
    choices = [row["choice"] for row in answer.json()["results"]]
    assert choices == router.predict(data.X[:9]).tolist()


def test_a_file_that_changes_while_it_is_read_is_not_served(tmp_path, load):
    path = tmp_path / "router"
    write(path, "model-0")

    def slow(path):
        router = load(path)
        write(path, "model-1")
        return router

    with pytest.raises(ValueError, match="was changed while"):
        RouterFile(path, slow)


def test_the_first_router_must_be_there(tmp_path, load):
    with pytest.raises(FileNotFoundError):
        RouterFile(tmp_path / "router", load)
    (tmp_path / "router").write_text("rubbish")
    with pytest.raises(ValueError, match="broken"):
        RouterFile(tmp_path / "router", load)


def test_a_router_without_the_incumbent_is_not_served(tmp_path, load):
    path = tmp_path / "router"
    write(path, "model-0")
    file = RouterFile(path, load, required="model-0")
    write(path, "fewer")
    assert file.refresh() is False
    assert "no model 'model-0'" in file.error


def test_requests_never_see_two_routers(tmp_path, load, data, caplog):
    """Choices and checksum belong together while the file changes all the time."""
    from starlette.testclient import TestClient

    caplog.set_level("INFO", logger="sklroute.server")
    path = tmp_path / "router"
    write(path, "model-0")
    app = make_app(path, ServerSettings(poll=0.005), load=load)
    stop = threading.Event()

    def churn():
        while not stop.is_set():
            for content in ("model-1", "rubbish", "model-0"):
                write(path, content)
                time.sleep(0.005)

    seen = {}
    with TestClient(app) as client:
        thread = threading.Thread(target=churn)
        thread.start()
        try:
            deadline = time.monotonic() + 10
            while len(seen) < 2 and time.monotonic() < deadline:
                answer = client.post("/route", json={"features": data.X[:9].tolist()})
                choices = {row["choice"] for row in answer.json()["results"]}
                seen.setdefault(answer.json()["router"], set()).update(choices)
        finally:
            stop.set()
            thread.join()
        write(path, "rubbish")
        deadline = time.monotonic() + 10
        while client.get("/health").json()["reload_error"] is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        health = client.get("/health")
        assert health.status_code == 200
        assert health.json()["status"] == "degraded"
    assert len(seen) == 2
    assert all(len(choices) == 1 for choices in seen.values())
    count = app.state.parts.metrics.registry.get_sample_value
    said = [record.getMessage() for record in caplog.records]
    for start, result in (("Loaded ", "loaded"), ("Not loaded, the old", "failed")):
        n_said = sum(message.startswith(start) for message in said)
        assert n_said == count("sklroute_reloads_total", {"result": result}) > 0
