"""What carries a decision, as arrays over many queries and as a tidy table."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

ADDITIVE = ("exact", "path")  # kinds whose values add up to the margin
ROUNDING = 1e-4  # what sums in single precision leave unexplained
MAX_ROWS = 8  # of one source and query; of additive ones the others are summed up
COLUMNS = ["query", "source", "name", "kind", "value", "chosen", "runner_up"]


class Evidence(NamedTuple):
    """One source of evidence: m pieces for each of n queries. NaN = no piece."""

    source: str
    """Where the pieces come from, e.g. "neighbour"."""
    kind: str
    """How to read the values, see `Explanation`."""
    name: NDArray
    """(m,) or (n, m) names or numbers of the pieces."""
    value: NDArray
    """(n, m) values, positive where they speak for the chosen model."""
    chosen: NDArray
    """(n, m) what the piece says of the chosen model."""
    runner_up: NDArray
    """(n, m) what it says of the runner-up."""
    label: str = "{}"
    """Format of a name."""

    @property
    def total(self) -> tuple[NDArray, NDArray]:
        """Sums over the pieces, for the chosen model and the runner-up, (n,) each."""
        return self.chosen.sum(axis=1), self.runner_up.sum(axis=1)

    def scaled(self, weight: float, prefix: str) -> "Evidence":
        """The same as a part of something else, with a weight in it."""
        return self._replace(
            source=f"{prefix}{self.source}",
            value=weight * self.value,
            chosen=weight * self.chosen,
            runner_up=weight * self.runner_up,
        )


def additive(
    source: str,
    name: ArrayLike,
    chosen: NDArray,
    runner_up: NDArray,
    *,
    kind: str = "exact",
    label: str = "{}",
) -> Evidence:
    """Contributions to the quality of two models, whose difference is the value.

    Names have the shape (m,) or (n_queries, m), contributions (n_queries, m) or, if
    there is but one piece, (n_queries,). The rest is as in `Evidence`.
    """
    chosen, runner_up = (np.asarray(part, dtype=float) for part in (chosen, runner_up))
    if chosen.ndim == 1:
        chosen, runner_up = chosen[:, None], runner_up[:, None]
    value = chosen - runner_up
    return Evidence(source, kind, np.asarray(name), value, chosen, runner_up, label)


def mean_quality(mean: NDArray, better: NDArray, worse: NDArray) -> Evidence:
    """The models' mean quality: what is known before the query is looked at."""
    return additive("mean quality", ["all queries"], mean[better], mean[worse])


def remainder(
    name: str, values: tuple[NDArray, NDArray], told: Iterable[Evidence]
) -> Evidence:
    """What additive evidence leaves of the two models' values; NaN within rounding.

    ``values`` are what the evidence should add up to, for the chosen model and the
    runner-up, (n_queries,) each. Other kinds than additive ones do not count.
    """
    chosen, runner_up = values
    for part in told:
        if part.kind in ADDITIVE:
            first, second = part.total
            chosen, runner_up = chosen - first, runner_up - second
    rest = additive("rest", [name], chosen, runner_up)
    return rest._replace(
        value=np.where(np.abs(rest.value) > ROUNDING, rest.value, np.nan)
    )


def tidy(evidence: Iterable[Evidence], queries: NDArray) -> pd.DataFrame:
    """One row per query and piece, with `COLUMNS`; the largest of each source first.

    Sources keep their order; ``queries`` are the numbers of the queries.
    """
    frames = [_frame(_shorten(part), part, queries) for part in evidence]
    frames = [frame for frame in frames if len(frame)]
    if not frames:
        return pd.DataFrame(
            {
                name: pd.Series(dtype=float if i > 3 else object)
                for i, name in enumerate(COLUMNS)
            }
        ).astype({"query": int})
    frame = pd.concat(frames, ignore_index=True)
    return frame.sort_values("query", kind="stable", ignore_index=True)


def _shorten(part: Evidence) -> list[NDArray]:
    """Labels, value, chosen and runner-up of the pieces to show, (n, rows) each."""
    n_queries, n_pieces = part.value.shape
    size = np.where(np.isnan(part.value), -1.0, np.abs(part.value))
    # Of equal pieces the first come first: nearest neighbours, say.
    order = np.argsort(-size, axis=1, kind="stable")
    shown, left = order[:, :MAX_ROWS], order[:, MAX_ROWS:]
    names = np.broadcast_to(part.name, part.value.shape)
    label = np.frompyfunc(part.label.format, 1, 1)
    tables = [label(np.take_along_axis(names, shown, axis=1))]
    tables += [np.take_along_axis(table, shown, axis=1) for table in part[3:6]]
    if n_pieces <= MAX_ROWS or part.kind not in ADDITIVE:
        return tables
    rest = [np.take_along_axis(table, left, axis=1).sum(axis=1) for table in part[3:6]]
    rest.insert(0, np.full(n_queries, f"{left.shape[1]} others", dtype=object))
    return [np.column_stack(pair) for pair in zip(tables, rest, strict=True)]


def _frame(tables: list[NDArray], part: Evidence, queries: NDArray) -> pd.DataFrame:
    label, value, chosen, runner_up = (table.ravel() for table in tables)
    query = np.repeat(queries, tables[0].shape[1])
    columns = query, part.source, label, part.kind, value, chosen, runner_up
    frame = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
    return frame[~np.isnan(value.astype(float))]
