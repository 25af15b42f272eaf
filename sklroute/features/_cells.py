"""Cells of the user's table: rows, what is missing, pictures and texts."""

import hashlib
import struct
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

# Eight bits a channel. Others (I;16, I, F) lose their content in a conversion to RGB.
MODES = {"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX"}
MODES |= {"CMYK", "YCbCr", "LAB", "HSV"}
# What pillow's plugins raise when they stumble over bytes that are no good picture.
BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    ArithmeticError,
    AttributeError,
    TypeError,
    RuntimeError,
    struct.error,
)


class CellError(ValueError):
    """A cell cannot be read; the message does not yet say in which row."""


def as_columns(X: Any, names: Sequence[str]) -> dict[str, list]:
    """Take the user's table apart, one list a column.

    A row is a mapping, a Series or named tuple with the names, or a tuple, list or
    array in their order. With one name only, a row may also be the cell itself. An
    error names the column that is not there, or is none, or the row of another length.
    """
    _check_lasting(X, "X")
    if isinstance(X, Mapping) or hasattr(X, "columns"):  # of pandas, polars or pyarrow
        columns = {name: _column(X, name) for name in names}
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"The columns of X differ in length: {lengths}.")
        return columns
    if isinstance(X, (str, bytes)):
        raise ValueError("Expected a table or a sequence of queries, got one text.")
    rows = [_row(row, number, names) for number, row in enumerate(X)]
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def _check_lasting(values: Any, name: str) -> None:
    """Refuse what is empty when it is read again, as fit_transform does."""
    if isinstance(values, Iterator):
        raise ValueError(
            f"{name} is a {type(values).__name__}, which can be read only once: pass "
            "a list of it."
        )


def _column(X: Any, name: str) -> list:
    titles = list(X if isinstance(X, Mapping) else _titles(X))
    if name not in titles:
        raise ValueError(f"X has no column {name!r}; it has {titles}.")
    if titles.count(name) > 1:
        raise ValueError(f"X has the column {name!r} {titles.count(name)} times.")
    column = X[name]
    _check_lasting(column, f"Column {name!r}")
    if isinstance(column, (str, bytes, bytearray)) or not np.iterable(column):
        raise ValueError(
            f"Column {name!r} is one cell, not a list of them: one query is a row, [X]."
        )
    return column.to_pylist() if hasattr(column, "to_pylist") else list(column)


def _titles(table: Any) -> Sequence:
    """Names of a table's columns: pyarrow calls the columns themselves by that name."""
    return getattr(table, "column_names", table.columns)


def _row(row: Any, number: int, names: Sequence[str]) -> Sequence:
    if isinstance(row, Mapping):
        if not any(name in row for name in names):
            raise ValueError(
                f"Row {number} has none of {list(names)}; it has {list(row)}."
            )
        return [row.get(name) for name in names]
    labels = _labels(row)
    if set(names) <= set(labels):
        values = dict(zip(labels, row, strict=True))
        return [values[name] for name in names]
    if len(names) == 1:
        return [row]
    if any(isinstance(label, str) for label in labels):
        raise ValueError(f"Row {number} has {list(labels)}, expected {list(names)}.")
    if isinstance(row, (str, bytes)) or not hasattr(row, "__len__"):
        raise ValueError(
            f"Row {number} is not a row of {list(names)} but {short(row)}."
        )
    if len(row) != len(names):
        raise ValueError(
            f"Row {number} has {len(row)} cells, expected {len(names)}: {list(names)}."
        )
    return list(row)


def _labels(row: Any) -> Sequence:
    """Names of the cells of a Series, a named tuple or a row of a structured array."""
    if isinstance(row, pd.Series):
        return list(row.index)
    if isinstance(row, np.void):
        return row.dtype.names or ()
    return getattr(row, "_fields", ())


def is_missing(cell: Any) -> bool:
    """Whether a cell is None, NaN, pandas' NA or a time that is none (NaT)."""
    if isinstance(cell, (float, np.floating)):
        return bool(np.isnan(cell))
    if isinstance(cell, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(cell))
    return cell is None or cell is pd.NA or cell is pd.NaT


def digest(cell: Any, reads: str | None) -> bytes:
    """Digest of what a cell holds: of a file's bytes, not of its name.

    ``reads`` is what the encoder reads: "image", "text" or None. A `CellError` says why
    the cell cannot be read.
    """
    if reads is None:
        return joblib.hash(cell).encode()
    if reads == "text":
        content = _check_text(cell).encode("utf-8", "surrogatepass")
    elif hasattr(cell, "tobytes") and hasattr(cell, "mode"):
        pixels = _load(cell).tobytes()
        content = f"{cell.mode} {cell.size} {cell.getpalette()} ".encode() + pixels
    else:
        content = _encoded(cell)
    return hashlib.sha256(content).digest()


def open_cell(cell: Any, reads: str | None) -> Any:
    """What the encoder gets: an RGB picture, a text, or the cell as it is.

    Parameters and errors are those of `digest`.
    """
    if reads == "image":
        return _open_image(cell)
    return _check_text(cell) if reads == "text" else cell


def _open_image(cell):
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Pictures need pillow: pip install 'sklroute[clip]'."
        ) from error
    if not isinstance(cell, Image.Image):
        try:
            cell = Image.open(BytesIO(_encoded(cell)))
        except (*BROKEN, Image.DecompressionBombError) as error:
            raise CellError(f"{short(cell)} is not a picture: {error}") from error
    if cell.mode not in MODES:
        raise CellError(
            f"{short(cell)} has the mode {cell.mode!r}, more than 8 bits a channel: "
            "scale it to 8 bits first"
        )
    if 0 in cell.size:
        raise CellError(f"{short(cell)} has no pixels")
    picture = _load(cell)
    try:
        return picture.convert("RGB")
    except ValueError as error:
        raise CellError(f"{short(cell)} cannot be made RGB: {error}") from error


def _load(image):
    """Decode a picture, which is when a truncated file shows."""
    try:
        image.load()
    except BROKEN as error:
        raise CellError(f"the picture cannot be decoded: {error}") from error
    return image


def _encoded(cell) -> bytes:
    """Bytes of a picture's file."""
    if isinstance(cell, (bytes, bytearray, memoryview)):
        return bytes(cell)
    if not isinstance(cell, (str, PathLike)):
        raise CellError(
            f"expected a path, bytes or a PIL image, got {type(cell).__name__}"
        )
    try:
        return Path(cell).read_bytes()
    except (OSError, ValueError) as error:  # a path with a zero is a ValueError
        reason = getattr(error, "strerror", None) or error
        name = short(str(cell), 300)  # all of a path, little of a picture as text
        raise CellError(f"cannot read the file {name}: {reason}") from error


def _check_text(cell) -> str:
    if not isinstance(cell, str):
        raise CellError(f"expected a text, got {short(cell)}")
    if not cell.strip():
        raise CellError("the text is empty")
    return cell


def short(cell, length: int = 80) -> str:
    if isinstance(cell, (bytes, bytearray, memoryview)):
        return f"{len(cell)} bytes"
    text = repr(str(cell) if isinstance(cell, PathLike) else cell)
    text = " ".join(text.split())  # an array has several lines
    return text if len(text) <= length else text[: length - 3] + "..."
