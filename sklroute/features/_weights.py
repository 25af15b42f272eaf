"""Identity of weights that lie in files: what they hold, not what they are called."""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

Stamp = tuple[str, int, int]  # path, time of the last change, size


class ModelError(ValueError):
    """A model cannot be loaded: no fault of the item that was to be encoded."""


def stamps(paths: Iterable[Path]) -> tuple[Stamp, ...]:
    """Stamp of every file among the paths, sorted; equal as long as they are."""
    files = sorted(path for path in paths if path.is_file())
    return tuple(
        (str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files
    )


def contents(files: Iterable[Stamp]) -> str:
    """Digest of what the files hold, each read once while its stamp stays."""
    digests = [_digest(*file) for file in files]
    return hashlib.sha256(" ".join(digests).encode()).hexdigest()


@lru_cache
def _digest(path: str, _changed: int, _size: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
