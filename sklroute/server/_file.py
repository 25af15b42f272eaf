"""The file of the router, read again when it changes."""

import hashlib
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from sklroute.server._served import Served, make_served


class RouterFile:
    """A file with a router, and the router that is served.

    ``served`` is replaced as a whole: whoever has taken it once decides with one
    router, also while another is loaded. A file that cannot be loaded, or lacks the
    ``required`` model, changes nothing but ``error``, which says why; the first one
    raises.
    """

    def __init__(
        self,
        path: str | PathLike,
        load: Callable[[Path], Any],
        required: str | None = None,
    ):
        self.path = Path(path)
        self._load = load
        self._required = required
        self.error: str | None = None
        self._seen: tuple[int, ...] | None = self._signature()
        self.served = self._read()

    def refresh(self) -> bool | None:
        """Load the file if it has changed since it was last looked at.

        False if it could not be loaded; None if there was nothing to do.
        """
        try:
            seen, self._seen = self._seen, None  # a file that vanishes may come back
            self._seen = self._signature()
            if self._seen == seen:
                return None
            self.served = self._read()
        # Whatever a broken file brings about, the router that works goes on serving.
        except Exception as error:  # noqa: BLE001
            if isinstance(error, OSError):
                self._seen = None  # not the file's fault: it may be readable next time
            message = f"{type(error).__name__}: {error}"
            known, self.error = self.error, message
            return None if known == message else False
        self.error = None
        return True

    def _signature(self) -> tuple[int, ...]:
        found = self.path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> Served:
        checksum = self._checksum()
        loaded = self._load(self.path)
        if self._checksum() != checksum:
            raise ValueError(f"{self.path} was changed while it was read.")
        served = make_served(loaded, checksum)
        if self._required is not None and self._required not in served.names:
            raise ValueError(
                f"{self.path} has no model {self._required!r}, the incumbent; it has "
                f"{list(served.names)}."
            )
        return served

    def _checksum(self) -> str:
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
