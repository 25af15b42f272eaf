"""Where the server gets a router from."""

from pathlib import Path
from typing import Any

from sklroute.persistence import load

__all__ = ["load_router"]


def load_router(path: Path) -> Any:
    """Load the fastest predictor that a router's file gives.

    Parameters
    ----------
    path : Path
        File that ``router.save`` has written.

    Returns
    -------
    router : compiled router, router or Pipeline

    Raises
    ------
    ValueError
        If it does not hold a router. The message names the file.
    OSError
        If it cannot be read.
    """
    try:
        return load(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
