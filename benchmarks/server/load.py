"""Load on the server: what it holds, how fast it is, whether every answer is right.

    python benchmarks/server/load.py --out benchmarks/server/results

fits a router on a synthetic table (11 models, 1024 features), saves it, starts
``sklroute serve`` on loopback, and measures

1. the latency of single queries of one client, and the rate of eight clients,
2. the rate of batches,
3. 60 seconds of bounded load in which good, malformed, oversized, slow and broken
   requests are mixed. Every good answer is compared with the estimator's choice, every
   other status with the one that it should have; memory and open files of the server
   are read before and after.

The clients share the processors with the server.
"""

import argparse
import csv
import json
import platform
import queue
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from importlib.metadata import version
from pathlib import Path

import numpy as np

from sklroute import LatentRouterClassifier, RidgeRouter
from sklroute.datasets import make_routing
from sklroute.policies import MaxUtility

JSON = {"Content-Type": "application/json"}
N_MODELS, BLOCKS = 11, (512, 512)
MAX_BODY, TIMEOUT = 4 * 2**20, 2
ROUTERS = {
    "ridge": lambda: RidgeRouter(alpha=1000.0),
    "latent": lambda: LatentRouterClassifier(random_state=0),
}


class Server:
    """``sklroute serve`` in a process of its own."""

    def __init__(self, path):
        command = [sys.executable, "-m", "sklroute", "serve", str(path)]
        options = {"--port": 0, "--max-body": MAX_BODY, "--timeout": TIMEOUT}
        for name, value in options.items():
            command += [name, str(value)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.lines = []
        for line in self.process.stderr:
            self.lines.append(line)
            if "running on http://" in line:
                self.port = int(line.split("http://")[1].split()[0].split(":")[1])
                break
        else:
            raise RuntimeError("".join(self.lines))
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        self.lines.extend(self.process.stderr)

    def connect(self):
        return HTTPConnection("127.0.0.1", self.port, timeout=30)

    def gauges(self):
        """Resident MB, open files and seconds of CPU, as the server's metrics say."""
        client = self.connect()
        client.request("GET", "/metrics")
        text = client.getresponse().read().decode()
        client.close()
        values = dict(
            line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#"
        )
        memory = float(values["process_resident_memory_bytes"]) / 2**20
        files, cpu = values["process_open_fds"], values["process_cpu_seconds_total"]
        return memory, float(files), float(cpu)

    def stop(self):
        self.process.terminate()
        status = self.process.wait(30)
        self.reader.join()
        self.process.stderr.close()
        return status


def post(client, body, headers=JSON):
    """Status and body of an answer; a client whose connection is closed reconnects."""
    client.request("POST", "/route", body=body, headers=headers)
    answer = client.getresponse()
    return answer.status, answer.read()


def choices(answer):
    return [row["choice"] for row in json.loads(answer)["results"]]


# -- speed -----------------------------------------------------------------------------


def hammer(server, bodies, expected, seconds):
    """One client, one request after another: its latencies in milliseconds."""
    client, took, wrong = server.connect(), [], 0
    end = time.perf_counter() + seconds
    i = random.randrange(len(bodies))
    while time.perf_counter() < end:
        i = (i + 1) % len(bodies)
        start = time.perf_counter()
        status, answer = post(client, bodies[i])
        took.append(1000 * (time.perf_counter() - start))
        wrong += status != 200 or choices(answer) != expected[i]
    client.close()
    return took, wrong


def speed(server, name, bodies, expected, rows, clients, seconds):
    before = server.gauges()[2]
    with ThreadPoolExecutor(clients) as pool:
        jobs = [
            pool.submit(hammer, server, bodies, expected, seconds)
            for _ in range(clients)
        ]
        found = [job.result() for job in jobs]
    took = np.concatenate([took for took, _ in found])
    p50, p99 = np.percentile(took, [50, 99])
    cpu = 1000 * (server.gauges()[2] - before) / len(took)
    return {
        "what": name,
        "clients": clients,
        "rows": rows,
        "requests": len(took),
        "requests_per_s": round(len(took) / seconds, 1),
        "queries_per_s": round(rows * len(took) / seconds, 1),
        "p50_ms": round(p50, 3),
        "p99_ms": round(p99, 3),
        "server_cpu_ms": round(cpu, 3),
        "wrong": sum(wrong for _, wrong in found),
    }


# -- mixed load ------------------------------------------------------------------------


class Mixed:
    """Requests of all kinds with the status that each should have."""

    def __init__(self, server, router, X, seed):
        self.server, self.router, self.X = server, router, X
        self.random = random.Random(seed)
        self.rows = X.tolist()
        self.default = router.predict(X)
        self.cheap = router.predict(X, policy=MaxUtility(0.02))
        up = np.arange(N_MODELS) % 2 == 0
        self.up = router.classes_[up].tolist()
        self.some = router.predict(X, available=up)
        self.bad = self._bad_bodies()

    def _bad_bodies(self):
        row = self.rows[0]
        return {
            "not json": (400, b'{"features": [[1, 2'),
            "garbage": (400, b"\xff\x00garbage"),
            "nested": (400, b'{"features": ' + b"[" * 50_000),
            "NaN": (422, b'{"features": [[NaN]]}'),
            "short row": (422, json.dumps({"features": [row[1:]]}).encode()),
            "text": (422, json.dumps({"features": [["1", *row[1:]]]}).encode()),
            "unknown model": (
                422,
                json.dumps({"features": [row], "available": ["none"]}).encode(),
            ),
            "unknown policy": (
                422,
                json.dumps({"features": [row], "policy": {"name": "eval"}}).encode(),
            ),
            "nothing available": (
                422,
                json.dumps({"features": [row], "available": []}).encode(),
            ),
            "too many rows": (413, json.dumps({"features": [[0]] * 1001}).encode()),
            "oversized": (413, b"0" * (MAX_BODY + 1)),
        }

    def good(self, client, rows):
        chosen = self.random.sample(range(len(self.rows)), rows)
        fields, expected = {"features": [self.rows[i] for i in chosen]}, self.default
        draw = self.random.random()
        if draw < 0.25:
            fields["policy"] = {
                "name": "MaxUtility",
                "parameters": {"cost_weight": 0.02},
            }
            expected = self.cheap
        elif draw < 0.5:
            fields["available"], expected = self.up, self.some
        status, answer = post(client, json.dumps(fields))
        right = status == 200 and choices(answer) == expected[chosen].tolist()
        return status, right

    def one(self, client):
        """Send one request; its kind, its status and whether that was right."""
        draw = self.random.random()
        if draw < 0.70:
            return "single query", *self.good(client, 1)
        if draw < 0.75:
            return "batch of 50", *self.good(client, 50)
        if draw < 0.97:
            name = self.random.choice(list(self.bad))
            wanted, body = self.bad[name]
            status, _ = post(client, body)
            return name, status, status == wanted
        if draw < 0.98:
            client.request("GET", "/health")
            answer = client.getresponse()
            answer.read()
            return "health", answer.status, answer.status == 200
        if draw < 0.99:
            status, _ = post(client, b"{}", {"Content-Type": "text/plain"})
            return "not JSON by its head", status, status == 415
        return self.broken()

    def broken(self):
        """A connection that is given up in the middle of a body."""
        with socket.create_connection(("127.0.0.1", self.server.port)) as raw:
            raw.sendall(head(10_000) + b'{"features"')
        return "hung up", 0, True

    def slow(self, drip):
        """A client that sends a body, or its head, byte by byte."""
        with socket.create_connection(("127.0.0.1", self.server.port)) as raw:
            raw.settimeout(0.2)
            raw.sendall(head(10_000) if drip == "slow body" else b"POST /route HT")
            start, answer = time.monotonic(), b""
            while not answer and time.monotonic() - start < 5 * TIMEOUT:
                try:
                    raw.sendall(b" " if drip == "slow body" else b"T")
                    answer = raw.recv(4096)
                except TimeoutError:
                    continue
                except OSError:
                    break
        status = int(answer.split()[1]) if answer else 0
        return drip, status, status == 408


def head(length):
    return (
        b"POST /route HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % length
    )


def mixed_load(mixed, seconds, rate, clients):
    """Send so many requests a second, two slow clients beside them."""
    found, took, end = queue.SimpleQueue(), queue.SimpleQueue(), time.monotonic()
    end += seconds

    def work():
        client = mixed.server.connect()
        due = time.monotonic() + mixed.random.random() * clients / rate
        while (now := time.monotonic()) < end:
            if now < due:
                time.sleep(due - now)
            due = max(due, now - 1) + clients / rate
            start = time.perf_counter()
            try:
                result = mixed.one(client)
            except OSError as error:
                client.close()
                result = (type(error).__name__, 0, False)
            if result[0] == "single query":
                took.put(1000 * (time.perf_counter() - start))
            found.put(result)
        client.close()

    def drip(kind):
        while time.monotonic() < end - 2 * TIMEOUT:
            found.put(mixed.slow(kind))

    with ThreadPoolExecutor(clients + 2) as pool:
        jobs = [pool.submit(work) for _ in range(clients)]
        jobs += [pool.submit(drip, kind) for kind in ("slow body", "slow head")]
        for job in jobs:
            job.result()
    results = [found.get() for _ in range(found.qsize())]
    return results, [took.get() for _ in range(took.qsize())]


def run_mixed(server, mixed, seconds, rate, clients):
    mixed_load(mixed, min(5, seconds), rate, clients)  # warm: buffers, threads, pools
    before = server.gauges()
    results, took = mixed_load(mixed, seconds, rate, clients)
    time.sleep(2 * TIMEOUT)  # what was hung up has been noticed
    after = server.gauges()
    rows = []
    for (kind, status), count in sorted(Counter(r[:2] for r in results).items()):
        wrong = sum(r[:2] == (kind, status) and not r[2] for r in results)
        rows.append(
            {"what": f"mixed: {kind}", "status": status, "requests": count}
            | {"wrong": wrong}
        )
    p50, p99 = np.percentile(took, [50, 99])
    total = {
        "what": "mixed: all",
        "clients": clients + 2,
        "requests": len(results),
        "requests_per_s": round(len(results) / seconds, 1),
        "p50_ms": round(p50, 3),
        "p99_ms": round(p99, 3),
        "wrong": sum(row["wrong"] for row in rows),
        "rss_before_mb": round(before[0], 1),
        "rss_after_mb": round(after[0], 1),
        "files_before": int(before[1]),
        "files_after": int(after[1]),
    }
    return [*rows, total]


# -- one command -----------------------------------------------------------------------


def environment():
    packages = ("sklroute", "numpy", "starlette", "uvicorn", "pydantic")
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{name: version(name) for name in packages},
    }


def measure(name, seconds, rate, folder, n_train=2000, blocks=BLOCKS):
    table = make_routing(n_train + 500, N_MODELS, n_features=blocks, random_state=0)
    router = ROUTERS[name]().fit(table.X[:n_train], table.y[:n_train])
    X = table.X[n_train:].astype(float)
    path = Path(folder) / "router.sklroute"
    router.save(path)
    expected = router.predict(X).tolist()
    single = [json.dumps({"features": [row]}) for row in X.tolist()]
    batches = [
        json.dumps({"features": X[i : i + 100].tolist()}) for i in range(0, 500, 100)
    ]
    server = Server(path)
    try:
        few = seconds / 6
        ones = [[choice] for choice in expected]
        hundreds = [expected[i : i + 100] for i in range(0, 500, 100)]
        speed(server, "warm", single, ones, 1, 1, few / 5)
        rows = [
            speed(server, "single query", single, ones, 1, 1, few),
            speed(server, "single query", single, ones, 1, 8, few),
            speed(server, "batch", batches, hundreds, 100, 1, few),
            speed(server, "batch", batches, hundreds, 100, 4, few),
        ]
        mixed = Mixed(server, router, X, seed=0)
        rows += run_mixed(server, mixed, seconds, rate, clients=8)
        assert server.process.poll() is None, "the server has died"
    finally:
        status = server.stop()
    faults = sum("Traceback" in line for line in server.lines)
    rows[-1] |= {"exit_status": status, "tracebacks": faults}
    return [{"router": name, **row} for row in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second")
    parser.add_argument("--routers", nargs="*", default=list(ROUTERS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for name in options.routers:
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(name, options.seconds, options.rate, folder)
    for row in rows:
        print("  ".join(f"{key}={value}" for key, value in row.items()))
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        columns = list(dict.fromkeys(key for row in rows for key in row))
        with (options.out / "results.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        (options.out / "environment.json").write_text(
            json.dumps(environment(), indent=2) + "\n"
        )
    return int(any(row["wrong"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
