"""Routing of more queries than fit in memory, into a file."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import NotFittedError

from sklroute.outcomes._values import columns_of
from sklroute.pipeline import as_router, last_step_and_features
from sklroute.policies import Policy
from sklroute.scale._arrays import settings_of, start_at


def route_batches(
    router: Any,
    batches: Iterable[Any],
    out: str | PathLike,
    *,
    utilities: str | PathLike | None = None,
    n_queries: int | None = None,
    available: ArrayLike | None = None,
    costs: ArrayLike | None = None,
    policy: Policy | None = None,
    progress: Callable[[int], Any] | None = None,
) -> Path:
    """Choose a model for every query, batch by batch, into a file.

    An interrupted run goes on where it stopped, if it is started again with the same
    arguments: how far it is stands in a small file beside ``out``, which is deleted in
    the end. Its first batch is then routed again, to see that the choices (and the
    utilities, if asked for) are still the same.

    Parameters
    ----------
    router : router, Pipeline or search
        Fitted.
    batches : iterable of X or (X, y)
        `ArrayBatches`, `ParquetBatches` or anything else that yields features, in the
        order of the rows. Outcomes are not looked at. Where the features have names,
        they must be those that the router was fitted on, if it was fitted on names.
    out : path
        The ``.npy`` file to write: for every query the number of the chosen model in
        ``classes_``, int32.
    utilities : path, default=None
        Another one for the utilities, float32, of shape (n_queries, n_models).
    n_queries : int, default=None
        Number of queries. None asks ``batches``.
    available : array-like of bool, of shape (n_models,), default=None
        Models that may be called, for all queries.
    costs : array-like of shape (n_models,), default=None
        A price list known now. None uses `RouterMixin.predict_cost`.
    policy : Policy, default=None
        The rule to apply. None uses the router's own. `Budget` bounds the mean cost of
        each batch.
    progress : callable, default=None
        Called with the number of queries of each batch once it is written.

    Returns
    -------
    out : Path
        The file that was written.

    Raises
    ------
    ValueError
        If the number of queries is not known or not right, the batches are shuffled, a
        file to write is one that is read, or an interrupted run was one of another
        router, policy or data, had batches of another size, or is damaged. If a query
        cannot be routed; the message has the number of its batch, counted from 0.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklroute import RidgeRouter
    >>> from sklroute.datasets import make_routing
    >>> from sklroute.scale import ArrayBatches, route_batches
    >>> data = make_routing(500, n_models=3, random_state=0)
    >>> router = RidgeRouter().fit(data.X[:300], data.y[:300])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     out = Path(folder) / "choices.npy"
    ...     _ = route_batches(router, ArrayBatches(data.X, size=64), out)
    ...     choice = np.load(out)
    >>> bool((router.classes_[choice] == router.predict(data.X)).all())
    True
    """
    if getattr(batches, "random_state", None) is not None:
        raise ValueError("batches are shuffled: leave out their random_state.")
    n_queries = getattr(batches, "n_queries", n_queries)
    if n_queries is None:
        raise ValueError("n_queries is not known of these batches: pass it.")
    keywords = {"available": available, "costs": costs, "policy": policy}
    _check_paths(out, utilities, batches)
    files = _Files(Path(out), utilities, n_queries, as_router(router), keywords)
    settings = {**settings_of(batches), "n_queries": str(n_queries)}
    n_batches, row = files.resume(batches, settings)
    taken = n_batches > 0 and isinstance(batches, Iterator)  # the first, to resume
    for batch in start_at(batches, n_batches - taken):
        X = _features(batch)
        if row + len(X) > n_queries:
            raise ValueError(f"There are more than n_queries={n_queries} queries.")
        try:
            files.write(row, X)
        except NotFittedError:
            raise
        except (ValueError, TypeError) as error:
            place = f"Batch {n_batches}, which starts at query {row}"
            raise ValueError(f"{place}: {error}") from error
        n_batches, row = n_batches + 1, row + len(X)
        files.note(n_batches, row, settings)
        if progress is not None:
            progress(len(X))
    if row < n_queries:
        raise ValueError(f"There are {row} queries, not n_queries={n_queries}.")
    files.progress.unlink()
    return files.out


def _check_paths(out: Any, utilities: Any, batches: Any) -> None:
    """Refuse to write over what is read, or two things into one file."""
    paths = [Path(path).resolve() for path in (out, utilities) if path is not None]
    if len(set(paths)) < len(paths):
        raise ValueError(f"out and utilities are both {out}: name two files.")
    for path in getattr(batches, "_files", []):
        if Path(path).resolve() in paths:
            raise ValueError(f"{path} is read by the batches: write to another file.")


def _features(batch: Any) -> Any:
    return batch[0] if isinstance(batch, tuple) else batch


def _as_fitted(X: Any, router: Any) -> Any:
    """Features without the names that a router of numbers alone does not know."""
    numbers = getattr(router, "n_features_in_", None) is not None
    named = getattr(router, "feature_names_in_", None) is not None
    return X if named or not numbers or not hasattr(X, "columns") else np.asarray(X)


class _Files:
    """What a run writes, and how far it is."""

    def __init__(self, out: Path, utilities, n_queries: int, router, keywords: dict):
        self.out = out
        self.utilities = None if utilities is None else Path(utilities)
        self._kinds = {self.out: (np.dtype(np.int32), (n_queries,))}
        if self.utilities is not None:
            shape = (n_queries, len(router.classes_))
            self._kinds[self.utilities] = (np.dtype(np.float32), shape)
        self.router = router
        self.keywords = keywords
        self.progress = out.with_name(out.name + ".progress")

    def resume(self, batches, settings: dict[str, str]) -> tuple[int, int]:
        """Batches and rows that are written already; set the files up if none."""
        done = self._noted() if self.progress.exists() else {"batches": 0}
        if done.get("batches") == 0:
            self.note(0, 0, settings)  # files full of 0 do not look like a result
            for path, (dtype, shape) in self._kinds.items():
                open_memmap(path, "w+", dtype=dtype, shape=shape)
            return 0, 0
        known = done.get("settings") == settings and all(map(self._whole, self._kinds))
        if not known or not self._same(_features(next(start_at(batches, 0)))):
            raise ValueError(
                f"{self.out} is of an interrupted run of another router, policy or "
                "data, had batches of another size, or is damaged: delete "
                f"{self.progress} to start again."
            )
        return done["batches"], done["queries"]

    def _noted(self) -> dict[str, Any]:
        """What `note` has written; nothing if it cannot be read."""
        try:
            done = json.loads(self.progress.read_bytes())
        except ValueError:
            return {}
        whole = isinstance(done, dict) and {"batches", "queries"} <= set(done)
        return done if whole else {}

    def _whole(self, path: Path) -> bool:
        """Whether a file is there in its full length: writing would fill it with 0."""
        try:
            found = open_memmap(path, "r")
        except (OSError, ValueError):
            return False
        return (found.dtype, found.shape) == self._kinds[path]

    def _same(self, X) -> bool:
        """Whether the files hold what would be written for the first batch."""
        choice, utility = self._decide(X)
        same = np.array_equal(self._open(self.out)[: len(X)], choice)
        if self.utilities is None or not same:
            return same
        return np.allclose(self._open(self.utilities)[: len(X)], utility, rtol=1e-3)

    def _open(self, path: Path) -> NDArray:
        return open_memmap(path, "r+")

    def _decide(self, X) -> tuple[NDArray[np.int32], NDArray | None]:
        """Columns of the chosen models, and the utilities if they are written."""
        router, X = last_step_and_features(self.router, _as_fitted(X, self.router))
        if self.utilities is None:
            chosen, utility = router.predict(X, **self.keywords), None
        else:
            chosen, utility, _ = router._decide_once(X, **self.keywords)
        return columns_of(chosen, router.classes_).astype(np.int32), utility

    def write(self, row: int, X) -> None:
        """Route a batch. The files are opened anew: read pages are given back."""
        for path, values in zip(self._kinds, self._decide(X), strict=False):
            table = self._open(path)
            table[row : row + len(X)] = values
            table.flush()  # before it is noted as done: the machine may fail as well

    def note(self, n_batches: int, row: int, settings: dict[str, str]) -> None:
        """Say how far the run is."""
        unfinished = self.progress.with_name(self.progress.name + ".tmp")
        done = {"batches": n_batches, "queries": row, "settings": settings}
        unfinished.write_text(json.dumps(done), encoding="utf-8")
        os.replace(unfinished, self.progress)
