"""Shadow mode: a log of what would have been chosen."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from queue import Full, Queue
from threading import Thread

import numpy as np

from sklroute.server._decide import Decision
from sklroute.server._metrics import Metrics
from sklroute.server._served import Served

BATCHES = 1000  # requests that may wait for the disk before lines are given up
logger = logging.getLogger("sklroute.server")


class ShadowLog:
    """A file to which lines are appended in a thread of its own.

    Requests never wait for the disk. Lines that cannot be written, because the disk is
    full or too slow, are lost, counted in ``metrics.shadow_lost`` and named in
    ``error``, which is None again once lines are written. A line is in the file whole
    or not at all. The file is opened for every batch of lines, so that it can be moved
    away at any time.
    """

    def __init__(self, path: str | PathLike, metrics: Metrics):
        self.path = Path(path)
        self.error: str | None = None
        self._metrics = metrics
        self._queue: Queue[list[bytes] | None] = Queue(BATCHES)
        self._append(b"")
        self._thread = Thread(target=self._run, name="sklroute-shadow", daemon=True)
        self._thread.start()

    def write(self, lines: list[bytes]) -> None:
        """Hand lines over, each with its end of line, without waiting."""
        try:
            self._queue.put_nowait(lines)
        except Full:
            self._lose(lines, f"{self._queue.maxsize} requests wait for the disk")

    def close(self, timeout: float = 5.0) -> None:
        """Write what is left, for so many seconds at most."""
        try:
            self._queue.put(None, timeout=timeout)
        except Full:
            return
        self._thread.join(timeout)

    def _run(self) -> None:
        while (lines := self._queue.get()) is not None:
            try:
                self._append(b"".join(lines))
            except OSError as error:
                self._lose(lines, str(error))
            else:
                self.error = None
                self._metrics.shadow_written.inc(len(lines))

    def _lose(self, lines: list[bytes], reason: str) -> None:
        if self.error is None:
            logger.error("The shadow log %s loses lines: %s", self.path, reason)
        self.error = reason
        self._metrics.shadow_lost.inc(len(lines))

    def _append(self, content: bytes) -> None:
        """Append all of it, or leave the file as it was."""
        with self.path.open("ab", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            try:
                while content:
                    content = content[file.write(content) :]
            except OSError:
                with suppress(OSError):  # of a device that cannot be cut
                    file.truncate(size)
                raise


def shadow_lines(
    decision: Decision, answered: list[str], ids: list[str], served: Served
) -> Iterator[bytes]:
    """One JSON object a query, flat, so that it is a row of a table.

    With the keys query, model (the one ``answered``), choice, time, router, and
    utility, predicted quality and cost of every model as ``utility:<model>`` and so on;
    null where there is none.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    tables = {
        "utility": decision.utility,
        "predicted_quality": decision.quality,
        "predicted_cost": decision.cost,
        "probability": decision.probability,
    }
    heads = [f"{head}:{name}" for head in tables for name in served.names]
    values = np.hstack(list(tables.values())).astype(object)
    values[~np.isfinite(values.astype(float))] = None
    for row, cells in enumerate(values.tolist()):
        line = {
            "query": ids[row],
            "model": answered[row],
            "choice": decision.choice[row],
            "time": now,
            "router": served.checksum[:12],
            **dict(zip(heads, cells, strict=True)),
        }
        yield json.dumps(line, allow_nan=False).encode() + b"\n"
