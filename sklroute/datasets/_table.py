"""The user's own tables of outcomes and features."""

from collections.abc import Hashable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklroute.datasets._files import (
    block_columns,
    identifiers,
    located,
    need_values,
    numbers,
    read_arrays,
    read_frame,
    rows_of,
)
from sklroute.outcomes import Outcomes, check_outcomes
from sklroute.outcomes._frames import check_names
from sklroute.outcomes._values import plain

QUALITY, COST = "q:", "cost:"  # prefixes of a wide table's columns
LOG = ["query", "model", "quality"]  # columns that make a table a log
# Columns that name the rows of a table of features, the last two in benchmarks.
IDS = ["query_id", "query", "sample_id", "dataset_idx"]


def load_outcomes(
    path: str | PathLike,
    *,
    columns: Mapping[str, str] | None = None,
    task: str | None = None,
    groups: str | None = None,
) -> Bunch:
    r"""Read what the models' answers were worth from a CSV, Parquet or JSONL file.

    The columns tell which of two forms the table has.

    - *Wide*, one row per query: a column ``q:<model>`` per model, perhaps a column
      ``cost:<model>``, and any other columns (texts, tasks, ``query_id``).
    - *Long*, one row per call: the columns ``query``, ``model`` and ``quality``,
      perhaps ``cost``, and any others. The queries are taken in order of first
      appearance.

    An empty cell of quality is an answer that was not run. In a CSV file names (of
    queries, models, tasks, groups) are texts as they stand: 007 is not 7, NA is a name.
    Blanks around a name are no part of it, in any file.

    Parameters
    ----------
    path : path-like
        A ``.csv``, ``.parquet`` or ``.jsonl`` file; the last has one JSON object a
        row, and a key that a row lacks is an empty cell.
    columns : dict of str to str, default=None
        What the columns ``query``, ``model``, ``quality`` and ``cost`` of a long table
        are called in the file, where it is something else: ``{"quality": "score"}``.
        Of a wide table ``query``, which names the rows.
    task : str, default=None
        Column with the task (subject, kind) of each query, for reports by task.
    groups : str, default=None
        Column whose equal values must not be split in cross-validation (variants of
        one question, questions on one image).

    Returns
    -------
    table : Bunch
        y : Outcomes
            Quality and costs.
        frame : DataFrame of n_queries rows
            The other columns. Of a long table those that are constant within each
            query, with ``query`` among them.
        task, groups : ndarray of shape (n_queries,) or None
            The columns asked for.
        varying : dict of str to str
            The columns of a long table that are not in ``frame``, since they vary
            within a query, and the first such query.
        path : Path
            The file.
        query : str or None
            What ``columns`` says of ``query``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be read or is not such a table. The message names the
        file and, where there is one, the row, column or model.

    Examples
    --------
    >>> from tempfile import NamedTemporaryFile
    >>> from sklroute.datasets import load_outcomes
    >>> with NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write("task,q:small,q:large,cost:large\nocr,0,1,3\nchat,1,1,5")
    ...     file.flush()
    ...     table = load_outcomes(file.name, task="task")
    >>> table.y.cost
    array([[ 3., nan],
           [ 5., nan]])
    >>> table.task.tolist()
    ['ocr', 'chat']
    """
    path = Path(path)
    columns = columns or {}
    own = {columns.get("query"), columns.get("model")}
    frame = read_frame(path, {*IDS, "model", *own, task, groups} - {None})
    index = [name for name in frame.index.names if name is not None]
    with located(path):
        frame = frame.reset_index(index) if index else frame
        names = _names(frame, columns)
        if _is_wide(frame, names):
            if set(columns) - {"query"}:
                raise ValueError(
                    f"the table is wide, with {QUALITY}<model>: columns may have "
                    f"'query' alone, not {list(columns)}."
                )
            (y, frame), varying = _read_wide(frame), {}
        else:
            y, frame, varying = _read_long(frame, names)
        check_outcomes(y, for_fit=True)
        named = {
            "task": _column(frame, task, varying),
            "groups": _column(frame, groups, varying),
            "varying": varying,
        }
    return Bunch(y=y, frame=frame, path=path, query=columns.get("query"), **named)


def load_features(path: str | PathLike, *, table: Bunch | None = None) -> Bunch:
    """Read the features of the queries, in one block or several.

    Parameters
    ----------
    path : path-like
        - ``.npy``: one array of shape (n_queries, n_features).
        - ``.npz``: one such array per block; the names are those of the blocks.
        - ``.parquet``, ``.csv`` or ``.jsonl``: numeric columns make one block; a
          column of lists (an embedding per row) makes a block of its own, missing
          where the cell is empty. The first of the columns ``query_id``, ``query``,
          ``sample_id`` and ``dataset_idx`` that there is names the rows; before them
          the ``query`` of ``table``, and those that ``table`` has too. None of them
          is a feature, unless it holds lists. Another column of whole numbers or
          texts that differ in every row is refused if ``table`` has one of its name
          or with its values, and so is the index of a Parquet file, which is not
          read. So are columns of outcomes.
    table : Bunch, default=None
        What `load_outcomes` or the loader of a benchmark returned for the same
        queries. Rows are matched by name where both files have names, else by
        position.

    Returns
    -------
    features : Bunch
        X : ndarray of float32, of shape (n_queries, n_features)
            The blocks side by side; NaN in all columns of a block that is missing.
        modalities : dict of str to slice
            Columns of each block.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file cannot be read, a value is not a finite number (but for blocks
        that are NaN in a whole row: missing), or the rows do not match those of
        ``table``. The message names the file or both files.

    Examples
    --------
    >>> import numpy as np
    >>> from tempfile import NamedTemporaryFile
    >>> from sklroute.datasets import load_features
    >>> with NamedTemporaryFile(suffix=".npz") as file:
    ...     np.savez(file, image=np.zeros((5, 3)), text=np.ones((5, 2)))
    ...     file.flush()
    ...     features = load_features(file.name)
    >>> features.X.shape
    (5, 5)
    >>> features.modalities
    {'image': slice(0, 3, None), 'text': slice(3, 5, None)}
    """
    path = Path(path)
    keys, others = IDS, {}
    if table is not None:
        own = [] if table.get("query") is None else [table.query]
        keys = [*own, *sorted(IDS, key=lambda name: name not in table.frame)]
        others = _names_of_rows(table.frame)
    blocks, ids = read_blocks(path, keys, others)
    X = np.hstack(list(blocks.values()))
    if table is not None:
        wanted = next((name for name in keys if name in table.frame), None)
        if ids is not None and ids.name in table.frame:
            wanted = ids.name
        if ids is not None and wanted is None:
            _refuse_names(path, [ids], keys, others)
        X = X[_match(path, ids, len(X), table, wanted)]
    return Bunch(X=X, modalities=block_columns(blocks))


# -- outcomes ------------------------------------------------------------------------


def _names(frame: pd.DataFrame, columns: Mapping[str, str]) -> dict[str, str]:
    """What the columns of a log are called in the table."""
    names = {name: name for name in (*LOG, "cost")}
    for name, own in columns.items():
        if name not in names:
            raise ValueError(f"columns has {name!r}, which is none of {list(names)}.")
        if own not in frame:
            raise ValueError(f"no column {own!r}; there are {list(frame.columns)}.")
    names |= columns
    if len(set(names.values())) < len(names):
        raise ValueError(f"columns names a column twice: {names}.")
    return names


def _is_wide(frame: pd.DataFrame, names: dict[str, str]) -> bool:
    if any(str(name).startswith(QUALITY) for name in frame):
        return True
    if all(names[name] in frame for name in LOG):
        return False
    raise ValueError(
        f"no quality column: expected {QUALITY}<model> (one row per query) or the "
        f"columns {[names[name] for name in LOG]} (one row per call); name yours by "
        f"columns (--columns of the command); the table has {list(frame.columns)}."
    )


def _read_wide(frame: pd.DataFrame) -> tuple[Outcomes, pd.DataFrame]:
    quality = _prefixed(frame, QUALITY)
    cost = _prefixed(frame, COST)
    alone = [name for name in cost if name not in quality]
    if alone:
        raise ValueError(
            f"the column '{COST}{alone[0]}' has no '{QUALITY}{alone[0]}' beside it."
        )
    rest = [name for name in frame if not str(name).startswith((QUALITY, COST))]
    if "query_id" in rest:
        identifiers(frame, "query_id")
    y = Outcomes(quality, cost.reindex(columns=quality.columns))
    return y, frame[rest]


def _prefixed(frame: pd.DataFrame, prefix: str) -> pd.DataFrame:
    columns = [name for name in frame if str(name).startswith(prefix)]
    parts = {}
    for name in columns:
        model = name.removeprefix(prefix).strip()
        if not model or model in parts:
            what = "the same model as another" if model else "no model"
            raise ValueError(f"the column {name!r} names {what}.")
        parts[model] = numbers(frame, name)
    return pd.DataFrame(parts, index=frame.index)


def _read_long(
    log: pd.DataFrame, names: dict[str, str]
) -> tuple[Outcomes, pd.DataFrame, dict[Hashable, Any]]:
    query, model = names["query"], names["model"]
    need_values(log, [query, model])
    values = [names[name] for name in ("quality", "cost") if names[name] in log]
    log = log.assign(**{name: numbers(log, name) for name in values})
    y = Outcomes.from_long(log, **names)
    unscored = ~y.observed.any(axis=1)
    if unscored.any():
        raise ValueError(
            f"query {plain(log[query].unique()[unscored][0])!r} has no quality in any "
            f"row ({unscored.sum()} of {len(y)} queries): leave such queries out."
        )
    rest = log.drop(columns=[model, *values])
    comparable = rest.apply(_comparable)
    varies = comparable.groupby(query, sort=False).nunique(dropna=False).gt(1)
    varying = {
        name: plain(varies[name].idxmax()) for name in varies if varies[name].any()
    }
    kept = [query, *(name for name in varies if name not in varying)]
    return y, rest[kept].drop_duplicates(query).reset_index(drop=True), varying


def _comparable(column: pd.Series) -> pd.Series:
    """A column with digests in place of cells, such as lists, that have no hash."""
    if column.dtype != object:
        return column
    try:
        return column.map(
            lambda cell: cell if isinstance(cell, Hashable) else joblib.hash(cell)
        )
    except RecursionError as error:
        raise ValueError(
            f"column {column.name!r} has lists in lists that are too deep."
        ) from error


def need_one_per_query(
    frame: pd.DataFrame, name: str, varying: Mapping[Hashable, Any]
) -> None:
    """Refuse a column that is not there, or was left out since it varies."""
    if name not in frame:
        why = f": query {varying[name]!r} has several" if name in varying else ""
        raise ValueError(
            f"no column {name!r} with one value per query (the same in all its rows)"
            f"{why}; there are {list(frame.columns)}."
        )


def _column(
    frame: pd.DataFrame, name: str | None, varying: Mapping[Hashable, Any]
) -> NDArray | None:
    if name is None:
        return None
    need_one_per_query(frame, name, varying)
    need_values(frame, [name])
    check_names(frame[name])
    return frame[name].to_numpy()


# -- features ------------------------------------------------------------------------


def read_blocks(
    path: Path,
    keys: Sequence[str] = IDS,
    others: Mapping[Hashable, set[str]] | None = None,
) -> tuple[dict[str, NDArray], pd.Series | None]:
    """Blocks of features, all of the same rows, and the names of these, if any.

    ``keys`` may name the rows. What has the name or all values of one of the ``others``
    looks as if it did, and is refused.
    """
    if path.suffix.lower() in (".npy", ".npz"):
        blocks, ids = read_arrays(path), None
    else:
        blocks, ids = _read_columns(path, keys, others or {})
    blocks = {name: _check_block(path, name, block) for name, block in blocks.items()}
    lengths = {name: len(block) for name, block in blocks.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"{path}: the blocks differ in their rows: {lengths}.")
    return blocks, ids


def _read_columns(
    path: Path, keys: Sequence[str], others: Mapping[Hashable, set[str]]
) -> tuple[dict[str, NDArray], pd.Series | None]:
    frame = read_frame(path, keys)
    if path.suffix.lower() == ".csv" and any(
        name.startswith("Unnamed: ") for name in frame
    ):
        raise ValueError(
            f"{path}: a column has no name. If it is the index that pandas wrote, "
            "leave it out: DataFrame.to_csv(path, index=False)."
        )
    key = next((name for name in keys if name in frame), None)
    ids = None if key is None else frame.pop(key)
    _check_outcomes_absent(path, frame)
    if key is None:
        columns = [frame[name] for name in frame]
        if not frame.index.equals(pd.RangeIndex(len(frame))):
            columns.append(frame.index.to_series())
        _refuse_names(path, columns, keys, others)
    lists = [
        name for name in frame if isinstance(_first(frame[name]), (list, np.ndarray))
    ]
    plain = frame[[name for name in frame if name not in (*lists, *keys)]]
    with located(path):
        blocks = {name: _stack(frame[name]) for name in lists}
        if plain.shape[1]:
            parts = [numbers(plain, name) for name in plain]
            blocks["features"] = np.column_stack(parts)
    if not blocks:
        raise ValueError(f"{path}: there is no column of features.")
    return blocks, ids


def _names_of_rows(frame: pd.DataFrame) -> dict[Hashable, set[str]]:
    """Columns that may name the rows, and the names there."""
    return {
        name: set(column.astype(str))
        for name, column in frame.items()
        if _is_name(column)
    }


def _is_name(column: pd.Series) -> bool:
    """Whether whole numbers or texts, all of them different, may name the rows."""
    kind = pd.api.types.infer_dtype(column, skipna=False)
    return kind in ("integer", "string") and len(column) > 1 and column.is_unique


def _check_outcomes_absent(path: Path, frame: pd.DataFrame) -> None:
    """Refuse what a router would learn from, but is no feature."""
    for name in frame:
        if str(name).startswith((QUALITY, COST)):
            raise ValueError(
                f"{path}: column {name!r} holds outcomes, which no router may see: "
                "write the features into a file of their own."
            )


def _refuse_names(
    path: Path,
    columns: list[pd.Series],
    keys: Sequence[str],
    others: Mapping[Hashable, set[str]],
) -> None:
    """Refuse names of the queries where the rows would be matched by position."""
    for column in filter(_is_name, columns if others else ()):
        values, own = set(column.astype(str)), column.name
        for name, names in others.items():
            if own != name and not names <= values:
                continue
            what = "the index" if own is None else f"column {own!r}"
            steps = [] if own == name else [f"call it {name!r}"]
            if name not in keys:
                steps.append(
                    f"say so, by columns={{'query': {name!r}}} or "
                    f"--columns query={name}"
                )
            raise ValueError(
                f"{path}: {what} has another value in every row, as column {name!r} "
                f"of the table. If it names the queries, {' and '.join(steps)}; else "
                "leave it out here."
            )


def _stack(column: pd.Series) -> NDArray:
    """A column of lists as an array, a list a row; NaN where a cell is empty."""
    width = len(_first(column))
    rows = list(column)
    for row, values in enumerate(rows):
        if isinstance(values, (list, np.ndarray)):
            rows[row] = _array(values) if len(values) == width else None
            fits = np.shape(rows[row]) == (width,) and rows[row].dtype.kind in "fiub"
        else:
            fits, rows[row] = pd.isna(values), np.full(width, np.nan)
        if not fits:
            raise ValueError(
                f"column {column.name!r}, row {row} is not a list of {width} numbers."
            )
    return np.stack(rows)


def _array(values: list | NDArray) -> NDArray | None:
    """A list as an array; None if it has lists of several lengths."""
    try:
        return np.asarray(values)
    except ValueError:
        return None


def _first(column: pd.Series) -> Any:
    """The first cell that is not empty."""
    lists = (list, np.ndarray)
    return next((c for c in column if isinstance(c, lists) or pd.notna(c)), None)


def _check_block(path: Path, name: str, block: NDArray) -> NDArray[np.float32]:
    if block.ndim != 2 or block.size == 0 or block.dtype.kind not in "fiub":
        raise ValueError(
            f"{path}: block {name!r} must hold numbers in the shape (n_queries, "
            f"n_features); got {block.dtype} in the shape {block.shape}."
        )
    with np.errstate(over="ignore"):  # told below
        block = block.astype(np.float32)
    wrong = ~np.isfinite(block)
    wrong[np.isnan(block).all(axis=1)] = False
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"{path}: block {name!r}, row {row}, column {column} is "
            f"{block[row, column]}; features must be finite, or NaN in the whole row "
            "where a query lacks the block."
        )
    return block


def _match(
    path: Path, ids, n_rows: int, table: Bunch, wanted: str | None
) -> NDArray[np.intp]:
    """Row of the features that belongs to each row of the table, whose names it has."""
    if ids is None or wanted is None:
        if n_rows != len(table.y):
            raise ValueError(
                f"{path} has {n_rows} rows, {table.path} has {len(table.y)} queries."
            )
        return np.arange(n_rows)
    return rows_of(path, ids, table.frame[wanted], table.path)
