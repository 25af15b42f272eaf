"""Limits on what one client can take: size and time of a body, requests at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from time import perf_counter

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sklroute.server._errors import RequestError
from sklroute.server._metrics import Metrics

PATHS = ("/route", "/health", "/metrics", "/models")  # others are counted as one
MAX_DRAIN = 64 * 2**20  # bytes read and thrown away so that a client hears a refusal


async def read_body(request: Request, max_body: int, timeout: float) -> bytes:
    """Read the body of a request as it comes in.

    Parameters
    ----------
    request : Request
        Its body is not yet read.
    max_body : int
        Bytes that it may have.
    timeout : float
        Seconds that it may take.

    Returns
    -------
    body : bytes

    Raises
    ------
    RequestError
        With the status 413 if it is larger, as soon as that is known, 408 if it takes
        longer, and 415 if it is not JSON by its head.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" or "content-encoding" in request.headers:
        raise RequestError(
            415, "Send the header 'Content-Type: application/json', and plain JSON."
        )
    body = request.stream()
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > max_body:
        if int(length) <= MAX_DRAIN:
            await _drain(request, body, timeout)
        raise _too_large(max_body)
    parts, size = [], 0
    try:
        async with asyncio.timeout(timeout):
            async for part in body:
                size += len(part)
                if size > max_body:
                    break
                parts.append(part)
    except TimeoutError as error:
        raise RequestError(
            408, f"The body did not arrive within {timeout:g} seconds."
        ) from error
    if size > max_body:
        parts.clear()
        await _drain(request, body, timeout)
        raise _too_large(max_body)
    return b"".join(parts)


async def _drain(request: Request, body: AsyncIterator[bytes], timeout: float) -> None:
    """Read on for a while: a client that is cut off while it sends sees no answer."""
    if "expect" in request.headers:  # it waits for leave to send
        return
    size = 0
    with suppress(TimeoutError):  # it has had its time
        async with asyncio.timeout(timeout):
            async for part in body:
                size += len(part)
                if size > MAX_DRAIN:
                    return


def _too_large(max_body: int) -> RequestError:
    return RequestError(413, f"The body is larger than {max_body} bytes.")


class Gate:
    """Middleware that counts requests and lets only so many in at once.

    Of those to ``/route``, more than ``max_concurrent`` are answered with 503.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, max_concurrent: int):
        self._app = app
        self._metrics = metrics
        self._max_concurrent = max_concurrent
        self._in_progress = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in PATHS else "other"

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(path, message["status"])
            await send(message)

        handle = self._route if path == "/route" else self._app
        try:
            await handle(scope, receive, counted)
        except Exception:  # starlette answers it further out
            self._count(path, 500)
            raise

    def _count(self, path: str, status: int) -> None:
        self._metrics.requests.labels(path=path, status=str(status)).inc()

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._in_progress >= self._max_concurrent:
            busy = JSONResponse(
                {"error": f"{self._in_progress} requests are in progress; try again."},
                status_code=503,
                headers={"Retry-After": "1", "Connection": "close"},
            )
            await busy(scope, receive, send)
            return
        start = perf_counter()
        self._in_progress += 1
        self._metrics.in_progress.inc()
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_progress -= 1
            self._metrics.in_progress.dec()
            self._metrics.seconds.observe(perf_counter() - start)
