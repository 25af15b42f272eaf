"""uvicorn, with what it lacks against slow clients."""

import asyncio
from copy import deepcopy
from os import PathLike
from typing import Any

import h11
import uvicorn
from uvicorn.config import LOGGING_CONFIG
from uvicorn.protocols.http.h11_impl import H11Protocol

from sklroute.server._app import make_app
from sklroute.server._settings import ServerSettings

SHUTDOWN = 10  # seconds for the requests in progress, once the server is told to stop


def serve(
    path: str | PathLike,
    settings: ServerSettings | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
) -> None:
    """Serve a router's file until the process is told to stop.

    Parameters
    ----------
    path : path-like
        File that ``router.save`` has written. It is loaded again when it changes.
    settings : ServerSettings, default=None
        Limits and shadow mode.
    host : str, default="127.0.0.1"
        Address to listen at; by default only this machine is heard.
    port : int, default=8080
        Port; 0 takes a free one, which the log names.

    Raises
    ------
    ValueError, OSError, TypeError, ImportError
        As `make_app`.
    """
    settings = ServerSettings() if settings is None else settings
    config = uvicorn.Config(
        make_app(path, settings),
        host=host,
        port=port,
        http=PromptProtocol,
        ws="none",
        access_log=False,
        timeout_keep_alive=int(settings.timeout) or 1,
        timeout_graceful_shutdown=SHUTDOWN,
        server_header=False,
        log_config=_log_config(),
    )
    uvicorn.Server(config).run()


def _log_config() -> dict[str, Any]:
    """uvicorn's, in which this package is heard too."""
    config = deepcopy(LOGGING_CONFIG)
    config["loggers"]["sklroute"] = config["loggers"]["uvicorn"]
    return config


class PromptProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, for clients that send their head and read in time.

    uvicorn waits forever for the first bytes of a connection, for the rest of a head,
    and for a client that does not read its answer. Here such a connection is closed
    after ``timeout_keep_alive`` seconds, with 408 if it has sent part of a head.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _reader_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a head, but not forever."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Stop waiting once the head is there."""
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._head_timer = _stop(self._head_timer)
        elif self._head_timer is None:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._head_timer = _stop(self._head_timer)
        self._reader_timer = _stop(self._reader_timer)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read: wait for it, but not forever."""
        super().pause_writing()
        self._reader_timer = self.loop.call_later(
            self.timeout_keep_alive, self.transport.abort
        )

    def resume_writing(self) -> None:
        """The client reads again."""
        self._reader_timer = _stop(self._reader_timer)
        super().resume_writing()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.timeout_keep_alive, self._too_slow)

    def _too_slow(self) -> None:
        self._head_timer = None
        if self.transport.is_closing() or self.conn.their_state is not h11.IDLE:
            return
        if self.conn.trailing_data[0]:
            self.transport.write(
                b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
                b"Content-Length: 0\r\n\r\n"
            )
        self.transport.close()


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
