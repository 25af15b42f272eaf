"""What the commands write on the terminal."""

from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

from sklroute.compare._html import NO_PICTURES, has_matplotlib

PIPE_WIDTH = 120  # of the output where there is no terminal


def make_console() -> Console:
    """The terminal, or a wide page where the output is piped."""
    plain = {"markup": False, "highlight": False}  # names may have brackets
    console = Console(**plain)
    return console if console.is_terminal else Console(width=PIPE_WIDTH, **plain)


@contextmanager
def progress_bar():
    """Yield a callback that moves a bar on the terminal's standard error."""
    console = Console(stderr=True)
    columns = "Fitting routers", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def empty_table(title: str, columns: Iterable[str], first: str = "") -> Table:
    """A table without lines; its first column has the names."""
    table = Table(
        title=title,
        box=SIMPLE_HEAD,
        title_justify="left",
        title_style="bold",
        padding=(0, 0, 0, 1),  # narrow: what can be saved shall fit in PIPE_WIDTH
        pad_edge=False,
    )
    table.add_column(first)
    for name in columns:
        table.add_column(name, justify="left" if name == "kind" else "right")
    return table


def tell_report(console: Console, paths: Iterable[Path]) -> None:
    """Say where a report was written, and why it has no pictures if it has none."""
    for path in paths:
        console.print(f"Written: {path}")
    console.print("The report says what the columns mean.")
    if not has_matplotlib():
        console.print(NO_PICTURES, highlight=True)
