"""Tables of benchmarks in pages of the documentation.

Each table stands between two comments that name it; tests check that pages and results
agree.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pandas as pd


def write(page: Path, tables: Iterable[Callable[[], str]]) -> None:
    """Put tables into a page, in place."""
    page.write_text(filled(page, tables), encoding="utf-8")


def filled(page: Path, tables: Iterable[Callable[[], str]]) -> str:
    """Return the text of a page with every table, by name, as the results have it."""
    text = page.read_text(encoding="utf-8")
    for make in tables:
        start, end = f"<!-- {make.__name__} -->\n", f"<!-- end of {make.__name__} -->"
        before, found, rest = text.partition(start)
        if not found:
            raise ValueError(f"{page.name} has no place for {make.__name__!r}.")
        text = before + start + make() + "\n" + end + rest.partition(end)[2]
    return text


def markdown(columns: Mapping[str, pd.Series]) -> str:
    """Return a table of cells that are texts, the first column to the left."""
    rows = zip(*columns.values(), strict=True)
    head = [list(columns), ["---"] + ["---:"] * (len(columns) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [*head, *rows])


def interval(frame: pd.DataFrame, name: str, form: str = "{:+.2f}") -> pd.Series:
    """Return estimates with the intervals in brackets."""
    columns = [name, f"{name}_low", f"{name}_high"]
    return frame[columns].apply(
        lambda row: "{} [{}, {}]".format(*map(form.format, row)), axis=1
    )
