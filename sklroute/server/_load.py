"""Where the server gets a router from."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from sklroute.persistence import FormatError, load


def load_router(path: Path) -> Any:
    """Load the fastest predictor that a router's file gives.

    A file that does not hold a router is a ValueError that names it.
    """
    with suppress(FormatError):  # a step has no NumPy form, or the file is broken
        router = load(path, compiled=True)
        if not router.policy.needs_error:  # of the quality: only the router has it
            return router
    try:
        return load(path)
    except FormatError as error:
        raise ValueError(f"{path}: {error}") from error
