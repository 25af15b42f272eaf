"""Shadow mode: the incumbent answers, the choice is logged, nothing waits."""

import json
import threading

import pandas as pd
import pytest

from sklroute import Outcomes
from sklroute.datasets import load_outcomes
from sklroute.server import ServerSettings, make_app
from sklroute.server._metrics import Metrics
from sklroute.server._shadow import ShadowLog


def counted(metrics, name):
    return metrics.registry.get_sample_value(f"sklroute_{name}_total")


@pytest.fixture
def logged(serve, router, data, tmp_path):
    """Answers of a server in shadow mode, and its log."""
    path = tmp_path / "shadow.jsonl"
    with serve(router, shadow=path, incumbent="model-0") as client:
        body = {"features": data.X[:4].tolist(), "ids": list("abcd")}
        first = client.post("/route", json=body).json()["results"]
        body = {"features": data.X[4:6].tolist(), "available": ["model-1", "model-2"]}
        second = client.post("/route", json=body).json()["results"]
        assert client.get("/models").json()["incumbent"] == "model-0"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return first + second, lines, path


def test_the_incumbent_answers_and_the_choice_is_logged(logged, router, data):
    answers, lines, _ = logged
    # Where the incumbent cannot be called, the choice has to.
    chosen = router.predict(data.X[:6])
    up = [False, True, True]
    chosen[4:] = router.predict(data.X[4:6], available=up)
    answered = ["model-0"] * 4 + chosen[4:].tolist()
    assert [answer["choice"] for answer in answers] == answered
    assert [line["model"] for line in lines] == answered
    assert [line["choice"] for line in lines] == chosen.tolist()
    assert [line["query"] for line in lines] == [answer["id"] for answer in answers]
    assert len(set(lines[4]["query"])) > 1  # made by the server
    utility = router.predict_utility(data.X[:4])
    assert [line["utility:model-1"] for line in lines[:4]] == utility[:, 1].tolist()
    assert lines[4]["utility:model-0"] is None


def test_the_log_joined_with_scores_is_a_table_of_outcomes(logged, tmp_path):
    answers, _, path = logged
    scores = pd.DataFrame({"query": [answer["id"] for answer in answers]})
    scores["model"] = [answer["choice"] for answer in answers]
    scores["quality"] = [0.0, 1.0, 0.5, 1.0, 0.0, 1.0]
    calls = pd.read_json(path, lines=True).merge(scores, on=["query", "model"])
    calls.to_json(tmp_path / "calls.jsonl", orient="records", lines=True)
    table = load_outcomes(tmp_path / "calls.jsonl", task="choice")
    assert table.y.quality.shape[0] == 6
    assert table.y.observed.sum() == 6
    assert table.frame["query"].tolist()[:4] == list("abcd")
    assert "utility:model-1" in table.frame
    assert isinstance(table.y, Outcomes)


def test_a_full_disk_is_counted_and_answers_go_on(serve, router, tmp_path):
    """/dev/full takes no byte."""
    path = tmp_path / "shadow.jsonl"
    with serve(router, shadow=path, incumbent="model-0") as client:
        shadow = client.app.state.parts.shadow
        path.unlink()
        path.symlink_to("/dev/full")
        answer = client.post("/route", json={"features": [[0.0] * 9] * 3})
        assert answer.status_code == 200
        shadow.close()
        health = client.get("/health").json()
        metrics = client.get("/metrics").text
    assert "sklroute_shadow_lines_lost_total 3.0" in metrics
    assert health["status"] == "degraded"
    assert "No space left" in health["shadow_error"]


class HalfDisk:
    """A file that takes half of what it is given once, then fails."""

    def __init__(self, file):
        self.file, self.calls = file, 0

    def __enter__(self):
        self.file.__enter__()
        return self

    def __exit__(self, *error):
        return self.file.__exit__(*error)

    def __getattr__(self, name):
        return getattr(self.file, name)

    def write(self, content):
        self.calls += 1
        if self.calls > 1:
            raise OSError("no space left")
        return self.file.write(content[: len(content) // 2])


def test_a_line_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "log.jsonl"
    metrics = Metrics()
    log = ShadowLog(path, metrics)
    log.write([b'{"query": 1}\n'])
    log.close()
    assert counted(metrics, "shadow_lines") == 1
    real = type(path).open
    monkeypatch.setattr(
        type(path), "open", lambda self, *args, **given: HalfDisk(real(self, "ab", 0))
    )
    with pytest.raises(OSError, match="no space"):
        log._append(b'{"query": 2}\n')
    monkeypatch.undo()
    assert path.read_bytes() == b'{"query": 1}\n'
    log._append(b'{"query": 3}\n')
    assert path.read_bytes() == b'{"query": 1}\n{"query": 3}\n'


def test_a_disk_that_hangs_costs_lines_not_requests(tmp_path, monkeypatch):
    metrics = Metrics()
    log = ShadowLog(tmp_path / "log.jsonl", metrics)
    go_on = threading.Event()
    monkeypatch.setattr(log, "_append", lambda content: go_on.wait(10))
    log._queue.maxsize = 3
    for _ in range(9):
        log.write([b"{}\n", b"{}\n"])
    # Three wait, one is at the disk.
    assert counted(metrics, "shadow_lines_lost") >= 2 * 5
    assert "wait for the disk" in log.error
    go_on.set()
    log.close()


def test_what_cannot_be_opened_is_said_at_once(tmp_path, router):
    path = tmp_path / "router"
    path.touch()
    settings = ServerSettings(shadow=tmp_path / "no" / "log", incumbent="model-0")
    with pytest.raises(FileNotFoundError):
        make_app(path, settings, load=lambda _: router)


def test_the_incumbent_must_be_in_the_pool(tmp_path, router):
    path = tmp_path / "router"
    path.touch()
    settings = ServerSettings(shadow=tmp_path / "log", incumbent="model-9")
    with pytest.raises(ValueError, match="no model 'model-9', the incumbent"):
        make_app(path, settings, load=lambda _: router)
