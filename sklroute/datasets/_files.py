"""Reading files; every message names the file and, where there is one, the place."""

import csv
import json
import pickle
import reprlib
import sys
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklroute.outcomes._values import plain

BROKEN_ARRAYS = (ValueError, OSError, EOFError, KeyError, BadZipFile, zlib.error)
TRUTH = {"True": 1, "true": 1, "TRUE": 1, "False": 0, "false": 0, "FALSE": 0}


@contextmanager
def located(path: Path) -> Iterator[None]:
    """Say of what is wrong in a file which file it is."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_frame(path: Path, names: Collection[str] = ()) -> pd.DataFrame:
    """Read a CSV, Parquet or JSON Lines file with at least one row.

    The cells of columns that name things stay what they are in a CSV file: "007" is
    not "7", and "NA" is a name. In a Parquet file such a column may be the index; an
    index of the same name as a column is not read. Blanks around a name are no part
    of it.
    """
    readers = {".csv": _read_csv, ".parquet": _read_parquet, ".jsonl": _read_lines}
    kind = path.suffix.lower()
    if kind not in readers:
        raise ValueError(
            f"{path}: unknown kind of file {path.suffix!r}; expected one of "
            f"{list(readers)}."
        )
    check_file(path)
    frame = readers[kind](path, names)
    if frame.empty:
        raise ValueError(f"{path}: the table is empty.")
    return frame.assign(
        **{name: _trimmed(frame[name]) for name in frame if name in names}
    )


def _trimmed(column: pd.Series) -> pd.Series:
    """A column without the blanks around its texts; a blank text is missing."""
    if pd.api.types.is_numeric_dtype(column):
        return column
    return column.map(lambda v: (v.strip() or None) if isinstance(v, str) else v)


def check_file(path: Path) -> Path:
    """Return the path of a file that is there."""
    if not path.is_file():
        raise FileNotFoundError(f"No such file: {path}")
    return path


def _read_csv(path: Path, names: Collection[str]) -> pd.DataFrame:
    try:
        header = _read_header(path)
        frame = pd.read_csv(path, encoding="utf-8-sig").rename(columns=str.strip)
        named = [place for place, name in enumerate(header) if name in names]
        if named:
            texts = pd.read_csv(
                path, encoding="utf-8-sig", usecols=named, dtype=str, na_filter=False
            )
            frame[[header[i] for i in named]] = texts.to_numpy()
        return frame
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{path}: the table is empty.") from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: not a readable CSV file, save it in UTF-8: {error}"
        ) from error
    except (csv.Error, pd.errors.ParserError) as error:
        raise ValueError(f"{path}: not a readable CSV file: {error}") from error


def _read_header(path: Path) -> list[str]:
    """Names in a CSV file, none of which pandas would change without a word."""
    limit = csv.field_size_limit(2**31 - 1)  # a prompt may be longer than csv allows
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            # pandas, too, passes over blank lines.
            rows = (row for row in csv.reader(file) if "".join(row).strip() or row[1:])
            header = [name.strip() for name in next(rows, [])]
            first = next(rows, [])
    finally:
        csv.field_size_limit(limit)
    for mark in ";\t|":
        if len(header) == 1 and mark in header[0]:
            how = f"sep={mark!r}" + (", decimal=','" if mark == ";" else "")
            raise ValueError(
                f"{path}: the cells are separated by {mark!r}; a CSV file has commas "
                "between cells, and points in numbers. Make it one, as by "
                f"pandas.read_csv(PATH, {how}).to_csv(NEW, index=False)."
            )
    _check_unique(path, pd.Index(header))
    if len(first) > len(header):  # pandas: the first column is an index
        raise ValueError(
            f"{path}: the rows have more cells than the header, {reprlib.repr(header)}."
        )
    return header


def _read_parquet(path: Path, names: Collection[str]) -> pd.DataFrame:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ValueError(
            f"{path}: reading Parquet needs pyarrow: pip install 'sklroute[parquet]'."
        ) from error
    try:
        columns = pq.read_schema(path).names
        _check_unique(path, pd.Index(columns))
        frame = pd.read_parquet(path)
        twice = [name for name in frame.index.names if name in frame]
        frame = frame.reset_index(twice, drop=True)  # set_index(..., drop=False)
        kept = [name for name in frame.index.names if name in names]
        return frame.reset_index(kept) if kept else frame
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path}: not a readable Parquet file: {error}") from error


def _read_lines(path: Path, _names: Collection[str]) -> pd.DataFrame:
    records = read_records(path)
    with located(path):  # half of an emoji is no text
        return pd.DataFrame(records)


def _check_unique(path: Path, columns: pd.Index) -> None:
    twice = columns[columns.duplicated()]
    if len(twice):
        raise ValueError(f"{path}: the column {twice[0]!r} appears twice.")


def read_records(path: Path) -> list[dict[str, Any]]:
    """Objects of a JSON Lines file, one a line; empty lines are skipped."""
    records = []
    try:
        lines = check_file(path).read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a readable text file: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{path}: line {number} is not readable JSON: {error}"
            ) from error
        if not isinstance(record, dict):
            raise ValueError(
                f"{path}: line {number} is not an object but {reprlib.repr(record)}."
            )
        records.append(record)
    return records


def read_names(path: Path) -> list[str]:
    """Names in a pickled list of str, without running anything the file asks for."""
    broken = (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        LookupError,
        AttributeError,
        TypeError,
        OverflowError,
        MemoryError,
    )
    with check_file(path).open("rb") as file:
        try:
            names = _PlainUnpickler(file).load()
        except broken as error:
            raise ValueError(f"{path}: not a readable pickle: {error}") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{path}: expected a pickled list of str.")
    return names


class _PlainUnpickler(pickle.Unpickler):
    """Reads containers, texts and numbers; refuses to import anything."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(
            f"it asks for {module}.{name}; only lists of str are read."
        )


def read_arrays(path: Path) -> dict[str, NDArray]:
    """Arrays of a .npz file by name, or that of a .npy file as "features"."""
    with check_file(path).open("rb") as file:  # NumPy leaves a broken one open
        try:
            content = np.load(file, allow_pickle=False)
            if path.suffix.lower() == ".npy":
                return {"features": content}
            with content:
                blocks = {name: content[name] for name in content.files}
        except BROKEN_ARRAYS as error:
            raise ValueError(f"{path}: not a readable NumPy file: {error}") from error
    if not blocks:
        raise ValueError(f"{path}: the file holds no array.")
    return blocks


# -- values --------------------------------------------------------------------------


def numbers(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column as floats, missing cells NaN; texts True and False are 1 and 0."""
    column = frame[name]
    if not pd.api.types.is_numeric_dtype(column):
        column = column.map(_for_pandas)
    if column.dtype.kind in "mM":  # pandas would count nanoseconds
        column = column.astype(str)
    values = pd.to_numeric(column, errors="coerce").astype(float)
    wrong = np.flatnonzero(values.isna() & frame[name].notna())
    if len(wrong):
        value = reprlib.repr(frame[name].iloc[wrong[0]])
        raise ValueError(
            f"column {name!r}, row {wrong[0]}: {value} is not a number such as "
            "0.5, with a point and no unit."
        )
    return values


def _for_pandas(cell: Any) -> Any:
    """A cell that pandas makes a float of without overflow."""
    if isinstance(cell, str):
        return TRUTH.get(cell, cell)
    huge = isinstance(cell, int) and abs(cell) > sys.float_info.max
    return str(cell) if huge else cell  # of digits that are text it makes infinity


def priced(cost: pd.DataFrame | pd.Series) -> pd.DataFrame | pd.Series:
    """Costs with those of 0 unknown: a benchmark's placeholder, not a gift."""
    return cost.mask(cost == 0)


def need_columns(frame: pd.DataFrame, names: Iterable[str]) -> None:
    """Refuse a table that lacks a column."""
    for name in names:
        if name not in frame:
            raise ValueError(f"no column {name!r}; there are {list(frame.columns)}.")


def need_values(frame: pd.DataFrame, names: Collection[str]) -> None:
    """Refuse a table that lacks a column, or a cell of it."""
    need_columns(frame, names)
    for name in names:
        empty = np.flatnonzero(frame[name].isna())
        if len(empty):
            raise ValueError(f"column {name!r}, row {empty[0]} is empty.")


def need_distinct(values: pd.Series) -> None:
    """Refuse a column that holds a value twice."""
    twice = np.flatnonzero(values.duplicated())
    if len(twice):
        raise ValueError(
            f"column {values.name!r}, row {twice[0]}: {values.iloc[twice[0]]!r} "
            "appears twice."
        )


def identifiers(frame: pd.DataFrame, name: str) -> NDArray:
    """A column of distinct texts that name the rows, as ``query_id``."""
    if name != "query_id" and "query_id" in frame:
        raise ValueError(
            f"there is a column 'query_id' beside {name!r}, which names the queries: "
            "leave it out, or rename it."
        )
    need_values(frame, [name])
    ids = frame[name].astype(str)
    need_distinct(ids)
    return ids.to_numpy(dtype=object)


def block_columns(blocks: Mapping[str, NDArray]) -> dict[str, slice]:
    """Columns of each block when they stand side by side."""
    ends = np.cumsum([block.shape[1] for block in blocks.values()]).tolist()
    return dict(zip(blocks, map(slice, [0, *ends], ends), strict=True))


def rows_of(path: Path, ids: ArrayLike, wanted: ArrayLike, other: Path) -> NDArray:
    """Row of a file, whose rows have these names, of each name that another has."""
    index, wanted = pd.Index(ids), pd.Index(wanted)
    numeric = index.dtype.kind in "iuf" and wanted.dtype.kind in "iuf"
    if index.dtype != wanted.dtype and not numeric:  # 7 and "7" name the same query
        index, wanted = index.astype(str), wanted.astype(str)
    if index.has_duplicates:
        raise ValueError(
            f"{path}: the query {plain(index[index.duplicated()][0])!r} appears twice."
        )
    rows = index.get_indexer(wanted)
    if (rows < 0).any():
        absent = wanted[np.flatnonzero(rows < 0)[0]]
        raise ValueError(
            f"{path} has no row for the query {plain(absent)!r} of {other}."
        )
    return rows
