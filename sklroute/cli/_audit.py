"""``sklroute audit``: whether a router pays on the user's own table."""

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sklroute.audit import Audit, cross_audit, write_audit_report
from sklroute.audit import _words as words
from sklroute.cli._inputs import (
    EPILOG,
    add_cost_weight,
    add_run_options,
    add_table_options,
    inputs,
    learned,
    number,
    read_table,
    router_names,
)
from sklroute.cli._screen import empty_table, make_console, progress_bar, tell_report
from sklroute.compare import default_routers
from sklroute.compare._routers import ROUTERS

DEFAULT_ROUTER = "average"  # of kNN and logistic: strong everywhere, fitted in minutes


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``sklroute audit``."""
    command = commands.add_parser(
        "audit",
        help="say whether a router pays on a table of outcomes",
        description=(
            "Fit a router on folds of a table of outcomes, and say whether it pays on "
            "the queries that it has not seen."
        ),
        epilog=EPILOG,
    )
    command.set_defaults(run=_audit)
    add = command.add_argument
    add("table", type=Path, help="file of outcomes")
    add_table_options(add)
    add(
        "--router",
        type=router_names,
        default=[DEFAULT_ROUTER],
        metavar="NAME[,NAME]",
        help=f"of {','.join(ROUTERS)}; default: {DEFAULT_ROUTER}",
    )
    add(
        "--baseline",
        default="best_single",
        help="best_single (default), or the name of a model or a router",
    )
    add_cost_weight(add)
    add(
        "--min-gain",
        type=number,
        default=0.01,
        help="least gain worth having; default: 0.01, a point",
    )
    add_run_options(add, folder="sklroute-audit")


def _audit(options: argparse.Namespace) -> int:
    table = read_table(options)
    data = inputs(options, table)
    baseline = _baseline(options.baseline, table.y.models.tolist())
    options.out.mkdir(parents=True, exist_ok=True)  # fails before the work, not after
    console = make_console()
    with progress_bar() as progress:
        result = cross_audit(
            default_routers(options.router),
            y=table.y,
            tasks=table.task,
            groups=table.groups,
            learn_tasks=bool(options.learn_tasks),
            baseline=baseline,
            cost_weight=options.cost_weight,
            min_gain=options.min_gain,
            n_jobs=options.jobs,
            progress=progress,
            **data,
        )
    title = f"Does a router pay on {options.table.name}{learned(options)}?"
    _show(console, result, title)
    tell_report(console, write_audit_report(result, options.out, title=title))
    return 0


def _baseline(name: str, models: list[str]) -> Any:
    """A model before a router of the same name."""
    if name == "best_single" or name in models:
        return name
    if name not in ROUTERS:
        raise ValueError(
            f"--baseline {name!r} is neither best_single, a model "
            f"({', '.join(models)}) nor a router ({', '.join(ROUTERS)})."
        )
    return default_routers([name])[name]


def _show(console: Console, result: Audit, title: str) -> None:
    console.print(_table(title, *words.table_cells(result)))
    if result.by_task is not None:
        console.print(_table("By task", *words.task_cells(result)))
    console.print(result.verdict)


def _table(title: str, heads: list[str], rows: list[list[str]]) -> Table:
    table = empty_table(title, heads[1:], first=heads[0])
    for cells in rows:
        table.add_row(*cells)
    return table
