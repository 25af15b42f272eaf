"""A store of feature vectors on disk, by content and encoder."""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = "features.sqlite"
KEYS_AT_ONCE = 500  # SQLite allows 999 parameters a statement in its oldest versions
WAIT_SECONDS = 60.0  # for another process that is writing


class FeatureStore:
    """Vectors of float32 in one SQLite file, ``features.sqlite`` of a folder.

    What is written together is kept together or not at all, so that an interrupted run
    leaves whole batches behind. Several processes may read and write. The first vector
    stored for a content stays: the same content has the same features ever after.
    ``encoder`` is the identity of the encoder: model, weights, precision. A file that
    is no such store is a ValueError that names it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from sklroute.features._store import FeatureStore
    >>> with TemporaryDirectory() as folder:
    ...     store = FeatureStore(folder, "encoder-1")
    ...     store.write({b"content": np.ones(2, dtype=np.float32)})
    ...     FeatureStore(folder, "encoder-1").read([b"content", b"other"])
    {b'content': array([1., 1.], dtype=float32)}
    """

    def __init__(self, folder: str | PathLike, encoder: str):
        self.path = Path(folder).expanduser() / FILE
        self.encoder = encoder
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._useless(error) from error
        self._run(
            "CREATE TABLE IF NOT EXISTS features "
            "(key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"
        )

    def read(self, contents: Iterable[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """Vectors of those contents, named by their digests, that are stored."""
        content_of = {self._key(content): content for content in contents}
        keys, vectors = list(content_of), {}
        for start in range(0, len(keys), KEYS_AT_ONCE):
            some = keys[start : start + KEYS_AT_ONCE]
            marks = ", ".join("?" * len(some))
            # Only question marks are put into the statement, never a value.
            query = f"SELECT key, vector FROM features WHERE key IN ({marks})"
            for key, vector in self._run(query, some):
                vectors[content_of[key]] = self._numbers(vector)
        return vectors

    def write(self, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep vectors by digest of content: all or, if it is interrupted, none."""
        rows = [
            (self._key(content), np.asarray(vector, dtype="<f4").tobytes())
            for content, vector in vectors.items()
        ]
        self._run("INSERT OR IGNORE INTO features VALUES (?, ?)", rows, many=True)

    def _key(self, content: bytes) -> bytes:
        return hashlib.sha256(self.encoder.encode() + b"\0" + content).digest()

    def _run(self, statement: str, parameters=(), *, many: bool = False) -> list:
        """Run one statement as one transaction, in a connection of its own.

        Connections cannot be shared by threads or survive a fork; opening one takes
        far less than encoding a batch.
        """
        try:
            with (
                closing(sqlite3.connect(self.path, timeout=WAIT_SECONDS)) as connection,
                connection,
            ):
                run = connection.executemany if many else connection.execute
                return run(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise self._useless(error) from error

    def _numbers(self, vector: bytes) -> NDArray[np.float32]:
        try:
            return np.frombuffer(vector, dtype="<f4")
        except ValueError as error:
            raise self._useless(error) from error

    def _useless(self, error: Exception) -> ValueError:
        return ValueError(
            f"Cannot use {self.path} as a cache: {error}. Name another folder, or "
            "delete the file if it is broken: what it holds can be computed again."
        )
