"""Batches of queries from data that do not fit in memory."""

from collections.abc import Iterator, Sequence
from numbers import Integral
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from sklroute.outcomes import Outcomes, check_outcomes
from sklroute.outcomes._values import named_dtype

SIZE = 4096  # queries of a batch, unless told otherwise

Features = NDArray | pd.DataFrame
Batch = Features | tuple[Features, Outcomes]


class ArrayBatches:
    """Batches of an array in memory or in a file, one slice after the other.

    Of a memory-mapped array only the slice at hand is read.

    Parameters
    ----------
    X : array or DataFrame of shape (n_queries, n_features)
        Features, e.g. ``np.load("features.npy", mmap_mode="r")``. A path to such a
        file does better for very large ones: it is mapped anew for every batch, so
        that pages which were read do not add up to resident memory. Batches of a
        DataFrame keep its names.
    y : Outcomes or array-like, default=None
        Outcomes of the same queries, in any form of `check_outcomes` that can be
        sliced by row, or a path like that of ``X``. None for queries that are to be
        routed only.
    models : sequence of length n_models, default=None
        Names of the models, where ``y`` is an array; a DataFrame or Outcomes have names
        of their own.
    size : int, default=4096
        Queries of a batch.
    random_state : int, default=None
        Seed of a random order of the batches. None keeps the order of the rows.
        Worth it where they are sorted, e.g. by time, and the data are to be fitted.

    Attributes
    ----------
    n_queries : int
        Number of queries.

    Examples
    --------
    >>> from sklroute.datasets import make_routing
    >>> from sklroute.scale import ArrayBatches
    >>> data = make_routing(10, n_models=3, random_state=0)
    >>> batches = ArrayBatches(data.X, data.y, size=4)
    >>> [len(X) for X, y in batches]
    [4, 4, 2]
    """

    def __init__(
        self,
        X: Any,
        y: Any = None,
        *,
        models: Sequence[Any] | None = None,
        size: int = SIZE,
        random_state: int | None = None,
    ):
        self._X = X
        self._y = y
        self.models = models
        self.size = check_size(size)
        self.random_state = random_state
        if models is not None and isinstance(y, (Outcomes, pd.DataFrame)):
            raise ValueError(
                f"models names the columns of an array; y is a {type(y).__name__}, "
                "which has names of its own: leave models out."
            )
        shape = np.shape(_mapped(X))
        self.n_queries = shape[0]
        if len(shape) != 2:
            raise ValueError(
                f"X must have shape (n_queries, n_features); got shape {shape}."
            )
        if y is not None and len(_mapped(y)) != self.n_queries:
            raise ValueError(
                f"X has {self.n_queries} queries, y has {len(_mapped(y))}."
            )

    @property
    def _files(self) -> list[str | PathLike]:
        """Files that are read."""
        sources = [getattr(source, "filename", source) for source in (self._X, self._y)]
        return [name for name in sources if isinstance(name, (str, PathLike))]

    def __len__(self) -> int:
        return -(-self.n_queries // self.size)

    def __iter__(self) -> Iterator[Batch]:
        return self.start_at(0)

    def start_at(self, number: int) -> Iterator[Batch]:
        """Batches from a number on, without reading those before.

        Parameters
        ----------
        number : int
            Number of the first batch.

        Yields
        ------
        batch : X or (X, y)
        """
        # As scikit-learn's gen_batches, which refuses 0 queries.
        starts = range(0, self.n_queries, self.size)
        parts = [slice(start, start + self.size) for start in starts]
        for rows in in_order(parts, self)[number:]:
            X = _safe_indexing(_mapped(self._X), rows)
            X = X if isinstance(X, pd.DataFrame) else np.array(X)
            yield X if self._y is None else (X, self._outcomes(rows))

    def _outcomes(self, rows: slice) -> Outcomes:
        y = _safe_indexing(_mapped(self._y), rows)
        if self.models is None or np.ndim(y) == 1:
            return check_outcomes(y, models=self.models)
        y = np.asarray(y, dtype=float)
        if y.ndim == 2:
            return Outcomes(y, models=self.models)
        return check_outcomes(y.view(named_dtype(np.asarray(self.models))))


def _mapped(source: Any) -> Any:
    """The array of a file, without reading it; anything else as it is."""
    if isinstance(source, (str, PathLike)):
        return np.load(source, mmap_mode="r")
    return source


def check_size(size: int) -> int:
    """Refuse a size of batches that is not a number of queries."""
    if not isinstance(size, Integral) or size < 1:
        raise ValueError(f"size must be an integer >= 1; got {size!r}.")
    return int(size)


def settings_of(batches: Any) -> dict[str, str]:
    """What must not change if a pass is to go on at the right query."""
    names = ("n_queries", "size", "random_state")
    return {f"batches.{name}": str(getattr(batches, name, None)) for name in names}


def in_order(parts: Any, source: Any) -> list:
    """The parts of a source, shuffled if it has a seed."""
    parts = list(parts)
    if source.random_state is not None:
        np.random.default_rng(source.random_state).shuffle(parts)
    return parts


def start_at(batches: Any, number: int) -> Iterator[Batch]:
    """Batches from a number on; those before are read and dropped if need be."""
    if hasattr(batches, "start_at"):
        yield from batches.start_at(number)
        return
    for position, batch in enumerate(batches):
        if position >= number:
            yield batch
