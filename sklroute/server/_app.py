"""The application: what is answered under which path."""

import asyncio
import json
import logging
import os
import platform
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import sklearn
from anyio import CapacityLimiter, to_thread
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sklroute import __version__
from sklroute.server._decide import Decision, decide
from sklroute.server._errors import RequestError
from sklroute.server._file import RouterFile
from sklroute.server._inputs import (
    count_queries,
    read_available,
    read_costs,
    read_queries,
)
from sklroute.server._limits import Gate, read_body
from sklroute.server._load import load_router
from sklroute.server._metrics import Metrics
from sklroute.server._requests import RouteRequest, make_policy, read_request
from sklroute.server._served import Served
from sklroute.server._settings import ServerSettings
from sklroute.server._shadow import ShadowLog, shadow_lines

# Smaller work than this is done at once: handing it to a thread takes longer.
SMALL_BODY, FEW_QUERIES = 2**16, 4
UNREAD = {408, 413, 415}  # what is left of the body must not be taken for a request
logger = logging.getLogger("sklroute.server")


@dataclass
class Parts:
    """What the handlers of one server share."""

    file: RouterFile
    settings: ServerSettings
    metrics: Metrics
    shadow: ShadowLog | None
    threads: CapacityLimiter | None = None


def make_app(
    path: str | PathLike,
    settings: ServerSettings | None = None,
    *,
    load: Callable[[Path], Any] = load_router,
) -> Starlette:
    """Make the ASGI application that serves a router's file.

    Parameters
    ----------
    path : path-like
        File that ``router.save`` has written. It is loaded again when it changes.
    settings : ServerSettings, default=None
        Limits and shadow mode.
    load : callable, default=load_router
        From the path to a fitted router.

    Returns
    -------
    app : Starlette
        With ``POST /route`` and ``GET /health``, ``/metrics`` and ``/models``.

    Raises
    ------
    ValueError, OSError, TypeError, ImportError
        If the router cannot be loaded, lacks the incumbent, or the shadow log cannot
        be opened.
    """
    settings = ServerSettings() if settings is None else settings
    metrics = Metrics()
    file = RouterFile(path, load, required=settings.incumbent)
    shadow = None if settings.shadow is None else ShadowLog(settings.shadow, metrics)
    parts = Parts(file, settings, metrics, shadow)
    app = Starlette(
        routes=[
            Route("/route", _route, methods=["POST"]),
            Route("/health", _health),
            Route("/metrics", _metrics),
            Route("/models", _models),
        ],
        middleware=[
            Middleware(Gate, metrics=metrics, max_concurrent=settings.max_concurrent)
        ],
        exception_handlers={RequestError: _refuse, ClientDisconnect: _gone},
        lifespan=_lifespan,
    )
    app.state.parts = parts
    return app


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    parts = app.state.parts
    parts.threads = CapacityLimiter(os.cpu_count() or 1)
    watcher = asyncio.create_task(_watch(parts))
    try:
        yield
    finally:
        watcher.cancel()
        if parts.shadow is not None:
            await to_thread.run_sync(parts.shadow.close)


async def _watch(parts: Parts) -> None:
    """Look at the file again and again."""
    while True:
        await asyncio.sleep(parts.settings.poll)
        loaded = await to_thread.run_sync(parts.file.refresh)
        if loaded:
            logger.info("Loaded %s", parts.file.path)
        elif loaded is False:
            logger.error("Not loaded, the old router serves: %s", parts.file.error)
        if loaded is not None:
            result = "loaded" if loaded else "failed"
            parts.metrics.reloads.labels(result=result).inc()


# -- handlers --------------------------------------------------------------------------


async def _route(request: Request) -> Response:
    parts: Parts = request.app.state.parts
    limits = parts.settings
    body = await read_body(request, limits.max_body, limits.timeout)
    served = parts.file.served  # one router for the whole request
    if len(body) > SMALL_BODY or served.columns is not None:
        return await to_thread.run_sync(
            lambda: _answer(read_request(body), served, parts), limiter=parts.threads
        )
    wanted = read_request(body)
    if served.quick and len(wanted.features or ()) <= FEW_QUERIES:
        return _answer(wanted, served, parts)
    return await to_thread.run_sync(
        _answer, wanted, served, parts, limiter=parts.threads
    )


async def _health(request: Request) -> Response:
    parts: Parts = request.app.state.parts
    shadow_error = None if parts.shadow is None else parts.shadow.error
    troubled = parts.file.error is not None or shadow_error is not None
    return JSONResponse(
        {
            "status": "degraded" if troubled else "ok",
            "router": parts.file.served.identity(),
            "reload_error": parts.file.error,
            "shadow_error": shadow_error,
        }
    )


async def _metrics(request: Request) -> Response:
    text = request.app.state.parts.metrics.text()
    return Response(text, media_type="text/plain; version=0.0.4")


async def _models(request: Request) -> Response:
    parts: Parts = request.app.state.parts
    about = parts.file.served.describe()
    about["models"] = [
        {key: None if value != value else value for key, value in model.items()}
        for model in about["models"]  # where an unknown cost is NaN
    ]
    about["incumbent"] = parts.settings.incumbent
    about["versions"] = {
        "sklroute": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
    }
    return JSONResponse(about)


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    headers = {"Connection": "close"} if error.status in UNREAD else None
    return JSONResponse({"error": error.message}, error.status, headers)


async def _gone(_request: Request, _error: Exception) -> Response:
    return Response(status_code=499)  # nobody reads it; it is counted


# -- answers ---------------------------------------------------------------------------


def _answer(request: RouteRequest, served: Served, parts: Parts) -> Response:
    """Decide on the queries of a request, and write the log."""
    n_queries = count_queries(request, served, parts.settings.max_queries)
    available = read_available(request.available, n_queries, served)
    costs = read_costs(request.costs, served)
    policy = make_policy(request.policy)
    X = read_queries(request, served)
    try:
        decision = decide(
            served.router, X, available=available, costs=costs, policy=policy
        )
    except ValueError as error:  # what the router says of its input
        raise RequestError(422, str(error)) from error
    ids, answered = request.ids, decision.choice
    if parts.shadow is not None:
        ids = ids or [uuid4().hex for _ in range(n_queries)]
        answered = _incumbent(decision, available, served, parts)
        parts.shadow.write(list(shadow_lines(decision, answered, ids, served)))
    for model in answered:
        parts.metrics.queries.labels(model=model).inc()
    results = list(_results(decision, answered, served.names))
    if ids is not None:
        results = [{"id": ids[row], **found} for row, found in enumerate(results)]
    answer = {"router": served.checksum[:12], "results": results}
    return Response(
        json.dumps(answer, allow_nan=False).encode(), media_type="application/json"
    )


def _incumbent(
    decision: Decision,
    available: NDArray[np.bool_] | None,
    served: Served,
    parts: Parts,
) -> list[str]:
    """The incumbent for all queries; the choice where it cannot be called."""
    incumbent = parts.settings.incumbent
    if available is None:
        return [incumbent] * len(decision.choice)
    there = available[:, served.names[incumbent]]
    return [
        incumbent if up else choice
        for up, choice in zip(there, decision.choice, strict=True)
    ]


def _results(
    decision: Decision, answered: list[str], names: Iterable[str]
) -> Iterator[dict[str, Any]]:
    tables = {
        "utility": decision.utility,
        "quality": decision.quality,
        "cost": decision.cost,
        "probability": decision.probability,
    }
    tables = {name: _json_table(values) for name, values in tables.items()}
    for row, model in enumerate(answered):
        by_model: Mapping[str, Any] = {
            name: dict(zip(names, values[row], strict=True))
            for name, values in tables.items()
        }
        yield {"choice": model, **by_model}


def _json_table(values: NDArray[np.float64]) -> list[list[float | None]]:
    """Numbers as JSON has them: NaN and infinity become null."""
    finite = np.isfinite(values)
    if finite.all():
        return values.tolist()
    return np.where(finite, values.astype(object), None).tolist()
