"""Batches of queries from Parquet files."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklroute.outcomes import Outcomes
from sklroute.scale._arrays import SIZE, Batch, Features, check_size, in_order


class ParquetBatches:
    """Batches of a Parquet file, or of a folder of them, as they lie on disk.

    Row groups are read one at a time, and only the columns that are named. A batch
    never spans two of them. Needs pyarrow (the extra ``parquet``).

    Parameters
    ----------
    source : path, list of paths or pyarrow.dataset.Dataset
        What ``pyarrow.dataset.dataset`` takes.
    features : str or list of str
        Column of lists, all of one length, or the columns that each hold a feature.
        The latter make batches that are DataFrames, so that a router which was fitted
        on names refuses others.
    quality : dict or list of str, default=None
        Column of the quality of each model; as a list, columns that are named as the
        models are. Null = not observed. None for queries that are to be routed only.
    cost, available : dict or list of str, default=None
        Columns of costs and of availability, likewise. A list has the order of
        ``quality``; a model without one has unknown costs, or is available.
    size : int, default=4096
        Largest number of queries of a batch.
    random_state : int, default=None
        Seed of a random order of the row groups. None keeps the order on disk.

    Attributes
    ----------
    n_queries : int
        Number of queries.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    ValueError
        If there is no file, one with rows lacks a column, or features are null, text or
        of several lengths; the message names the file and the column.
    """

    def __init__(
        self,
        source: Any,
        features: str | Sequence[str],
        quality: Mapping[Any, str] | Sequence[str] | None = None,
        cost: Mapping[Any, str] | Sequence[str] | None = None,
        available: Mapping[Any, str] | Sequence[str] | None = None,
        *,
        size: int = SIZE,
        random_state: int | None = None,
    ):
        dataset = _open(source)
        self.features = features
        self.size = check_size(size)
        self.random_state = random_state
        self.channels = {}
        if quality is not None:
            models = list(quality)
            for name, columns in [
                ("quality", quality),
                ("cost", cost),
                ("available", available),
            ]:
                self.channels[name] = _by_model(columns, models, name)
        files = list(dataset.get_fragments())
        if not files:
            raise ValueError(f"There is no Parquet file in {source}.")
        self._groups = [group for file in files for group in self._groups_of(file)]
        self._lengths = [_length(group) for group in self._groups]
        self.n_queries = sum(self._lengths)

    @property
    def _columns(self) -> list[str]:
        own = [self.features] if isinstance(self.features, str) else [*self.features]
        own += [name for part in self.channels.values() for name in part.values()]
        return list(dict.fromkeys(own))

    def _groups_of(self, file) -> list:
        """Row groups of a file, which has the columns unless it has no rows."""
        groups = [g for g in file.split_by_row_group() if _length(g)]
        names = file.physical_schema.names
        for name in self._columns if groups else ():
            if name not in names:
                raise ValueError(f"{file.path} has no column {name!r}; it has {names}.")
        return groups

    def __len__(self) -> int:
        return sum(-(-length // self.size) for length in self._lengths)

    def __iter__(self) -> Iterator[Batch]:
        return self.start_at(0)

    def start_at(self, number: int) -> Iterator[Batch]:
        """Batches from a number on; row groups before it are not read.

        Parameters
        ----------
        number : int
            Number of the first batch.

        Yields
        ------
        batch : X or (X, y)
        """
        for index in in_order(range(len(self._groups)), self):
            n_batches = -(-self._lengths[index] // self.size)
            if number >= n_batches:
                number -= n_batches
                continue
            # Threads and read-ahead would hold more than is asked for.
            group = self._groups[index]
            table = group.to_table(columns=self._columns)
            starts = range(number * self.size, len(table), self.size)
            number = 0
            for start in starts:
                try:
                    batch = self._batch(table.slice(start, self.size))
                except ValueError as error:
                    place = f"{group.path}, row group {group.row_groups[0].id}"
                    raise ValueError(
                        f"{place}, from its row {start}: {error}"
                    ) from error
                yield batch

    def _batch(self, table) -> Batch:
        X = _features(table, self.features)
        if not self.channels:
            return X
        models = list(self.channels["quality"])
        values = {
            name: _channel(table, columns, models)
            for name, columns in self.channels.items()
            if columns
        }
        if "available" in values:  # null: nothing is known against it
            values["available"] = np.nan_to_num(values["available"], nan=1.0)
        return X, Outcomes(**values, models=models)


def _open(source: Any) -> Any:
    try:
        from pyarrow import dataset
    except ImportError as error:
        raise ImportError(
            "ParquetBatches needs pyarrow: pip install 'sklroute[parquet]'."
        ) from error
    if isinstance(source, dataset.Dataset):
        return source
    return dataset.dataset(source, format="parquet")


def _length(group) -> int:
    """Rows of a row group; its count_rows() counts those of the whole file."""
    return sum(info.num_rows for info in group.row_groups)


def _by_model(columns: Any, models: list, name: str) -> dict[Any, str]:
    """Column of each model that has one."""
    if columns is None:
        return {}
    if isinstance(columns, Mapping):
        unknown = [model for model in columns if model not in models]
        if unknown:
            raise ValueError(f"There is {name} but no quality for {unknown[0]!r}.")
        return dict(columns)
    if len(columns) != len(models):
        raise ValueError(
            f"{name} names {len(columns)} columns for {len(models)} models."
        )
    return dict(zip(models, columns, strict=True))


def _features(table, columns: str | Sequence[str]) -> Features:
    from pyarrow import compute

    if not isinstance(columns, str):
        values = [_numbers(table, name, null=False) for name in columns]
        return pd.DataFrame(np.column_stack(values), columns=list(columns))
    lists = table.column(columns).combine_chunks()
    if not hasattr(lists, "flatten"):
        raise ValueError(
            f"Column {columns!r} must hold lists, or name every column of features; "
            f"it has the type {lists.type}."
        )
    values = lists.flatten()
    if lists.null_count or values.null_count:
        raise ValueError(f"Column {columns!r} of features has a null.")
    width = len(values) // len(lists)
    if np.ptp(compute.list_value_length(lists)):
        raise ValueError(f"Lists of column {columns!r} differ in length.")
    return _floats(values, columns).reshape(-1, width)


def _channel(table, columns: Mapping[Any, str], models: list) -> NDArray:
    values = np.full((len(table), len(models)), np.nan)
    for number, model in enumerate(models):
        if model in columns:
            values[:, number] = _numbers(table, columns[model], null=True)
    return values


def _numbers(table, name: str, *, null: bool) -> NDArray:
    column = table.column(name)
    if column.null_count and not null:
        raise ValueError(f"Column {name!r} of features has a null.")
    return _floats(column, name)


def _floats(column, name: str) -> NDArray:
    """Values of an Arrow column; null is NaN, and floats keep their precision."""
    from pyarrow import types

    kind = column.type
    if types.is_integer(kind) or types.is_boolean(kind) or types.is_decimal(kind):
        column = column.cast("float64")
    elif not types.is_floating(kind):
        raise ValueError(f"Column {name!r} must hold numbers; it has the type {kind}.")
    return np.asarray(column)
