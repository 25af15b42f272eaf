"""Where the server gets a router from."""

from pathlib import Path
from typing import Any

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
    """
    raise NotImplementedError
