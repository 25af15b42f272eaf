"""The command line: ``sklroute compare``, ``audit``, ``fit`` and ``serve``."""

import argparse
import sys
from collections.abc import Sequence

from sklroute import __version__
from sklroute.cli import _audit, _compare, _fit, _serve

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, default=None
        Arguments after the program's name. None takes those of the process.

    Returns
    -------
    status : int
        0, or 2 after bad input, which is explained in one line.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (ValueError, TypeError, OSError, ImportError) as error:
        message = " ".join(str(error).split())
        print(f"sklroute {options.command}: error: {message}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sklroute",
        description="Choose which model answers a query, before any model is called.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="command", dest="command")
    for command in (_compare, _audit, _fit, _serve):
        command.add_command(commands)
    return parser
