"""``sklroute serve`` in a process of its own, on loopback."""

import asyncio
import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from unittest.mock import Mock

import pytest
import uvicorn
from uvicorn.server import ServerState

from sklroute import FixedRouter
from sklroute.cli import main
from sklroute.server._run import PromptProtocol

JSON = {"Content-Type": "application/json"}
TIMEOUT = 1  # second that a slow client has


def start(*arguments):
    """Start a server; its process and its port."""
    command = [sys.executable, "-m", "sklroute", "serve", *map(str, arguments)]
    process = subprocess.Popen(
        [*command, "--port", "0", "--timeout", str(TIMEOUT)],
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if "running on http://" in line:
            return process, int(line.split("http://")[1].split()[0].split(":")[1])
    raise AssertionError(f"the server has stopped: {process.wait()}")


def ask(port, method, path, body=None):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    client.request(method, path, body, JSON)
    answer = client.getresponse()
    content = answer.read()
    client.close()
    return answer.status, content


def exchange(port, sent):
    """What a raw client gets until it is cut off, and the seconds that takes."""
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=20) as raw:
        raw.sendall(sent)
        answer = b"".join(iter(lambda: raw.recv(4096), b""))
    return answer, time.monotonic() - start


def test_start_route_reload_and_stop(router, data, tmp_path):
    path, log = tmp_path / "router.sklroute", tmp_path / "shadow.jsonl"
    router.save(path)
    process, port = start(path, "--shadow", log, "--incumbent", "model-0")
    try:
        body = json.dumps({"features": data.X[:5].tolist()})
        status, answer = ask(port, "POST", "/route", body)
        assert status == 200
        results = json.loads(answer)["results"]
        assert {row["choice"] for row in results} == {"model-0"}
        expected = router.predict(data.X[:5]).tolist()
        assert [max(row["utility"], key=row["utility"].get) for row in results] == (
            expected
        )

        head = (
            b"POST /route HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n"
            b"Content-Type: application/json\r\n\r\n"
        )
        for sent, reply in [(b"POST /ro", b"408"), (head + b"{", b"408"), (b"", b"")]:
            answer, took = exchange(port, sent)
            assert answer[9:12] == reply
            assert TIMEOUT * 0.9 < took < 10
        assert exchange(port, b"\x16\x03\x01 no HTTP\r\n\r\n")[0][9:12] == b"400"

        before = ask(port, "GET", "/health")[1]
        FixedRouter("model-2").fit(data.X, data.y).save(path)
        deadline = time.monotonic() + 20
        while ask(port, "GET", "/health")[1] == before:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert ask(port, "POST", "/route", body)[0] == 200
    finally:
        process.send_signal(signal.SIGTERM)
        error = process.communicate(timeout=20)[1]
    assert "Traceback" not in error
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["choice"] for line in lines] == expected + ["model-2"] * 5


@pytest.mark.parametrize("reads_on", [True, False])
def test_only_a_client_that_does_not_read_on_is_cut_off(reads_on):
    transport = Mock(**{"get_extra_info.return_value": None})

    async def slow_client():
        config = uvicorn.Config(None, timeout_keep_alive=0.05)
        protocol = PromptProtocol(config, ServerState(), {})
        protocol.connection_made(transport)
        protocol.pause_writing()
        assert protocol.flow.write_paused
        if reads_on:
            protocol.resume_writing()
        assert protocol.flow.write_paused is not reads_on
        await asyncio.sleep(0.2)

    asyncio.run(slow_client())
    assert transport.abort.called is not reads_on


def test_what_cannot_be_served_is_said_in_one_line(tmp_path, capsys):
    (tmp_path / "router").write_bytes(b"rubbish")
    assert main(["serve", str(tmp_path / "router")]) == 2
    assert main(["serve", str(tmp_path / "nowhere")]) == 2
    assert main(["serve", str(tmp_path / "router"), "--incumbent", "a"]) == 2
    first, second, third = capsys.readouterr().err.splitlines()
    assert first.startswith("sklroute serve: error: ")
    assert str(tmp_path / "router") in first
    assert "nowhere" in second
    assert "Shadow mode needs both" in third


@pytest.mark.parametrize(
    "option", [["--port", "65536"], ["--max-body", "0"], ["--max-queries", "x"]]
)
def test_options_out_of_range_are_refused(option, capsys):
    with pytest.raises(SystemExit):
        main(["serve", "router", *option])
    assert option[0] in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("sklroute.server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    assert main(["serve", "router"]) == 2
    assert "pip install 'sklroute[serve]'" in capsys.readouterr().err
