"""``sklroute serve``: a saved router over HTTP."""

import argparse
from pathlib import Path

from sklroute.cli._inputs import positive

NEEDS = "sklroute serve needs starlette and uvicorn: pip install 'sklroute[serve]'."


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``sklroute serve``."""
    command = commands.add_parser(
        "serve",
        help="answer over HTTP with a saved router",
        description=(
            "Serve a file that router.save has written: POST /route, GET /models, "
            "/health and /metrics. The file is loaded again when it changes."
        ),
    )
    command.set_defaults(run=_serve)
    add = command.add_argument
    add("router", type=Path, help="file of the router")
    add("--host", default="127.0.0.1", help="default: 127.0.0.1, this machine only")
    add("--port", type=_port, default=8080, help="default: 8080; 0 takes a free one")
    for name, default, unit, text in (
        ("--max-body", 8 * 2**20, "BYTES", "of one request; default: 8 MiB"),
        ("--max-queries", 1000, "N", "of one request; default: 1000"),
        ("--max-concurrent", 32, "N", "requests in progress at once; default: 32"),
        ("--timeout", 10, "SECONDS", "for a client to send or to read; default: 10"),
    ):
        add(name, type=positive, default=default, metavar=unit, help=text)
    add(
        "--shadow",
        type=Path,
        metavar="LOG.jsonl",
        help="answer with --incumbent; append what would have been chosen here",
    )
    add("--incumbent", metavar="MODEL", help="model that answers in shadow mode")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, 0 to 65535")
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    try:
        from sklroute.server import ServerSettings, serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("sklroute"):
            raise
        raise ImportError(NEEDS) from error
    settings = ServerSettings(
        max_body=options.max_body,
        max_queries=options.max_queries,
        max_concurrent=options.max_concurrent,
        timeout=options.timeout,
        shadow=options.shadow,
        incumbent=options.incumbent,
    )
    serve(options.router, settings, host=options.host, port=options.port)
    return 0
