"""``sklroute compare``: routers on a table, under one protocol."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from sklroute.cli._inputs import (
    EPILOG,
    TABLE_OPTIONS,
    add_run_options,
    add_table_options,
    cost_weight,
    given_flag,
    inputs,
    learned,
    pairs,
    positive,
    read_table,
    router_names,
)
from sklroute.cli._protocol import run_protocol
from sklroute.cli._screen import empty_table, make_console, progress_bar, tell_report
from sklroute.compare import Comparison, compare, default_routers, write_report
from sklroute.compare import _words as words
from sklroute.compare._benchmarks import BENCHMARKS
from sklroute.compare._routers import ROUTERS
from sklroute.datasets import load_visual_qa

PROTOCOL = "With --protocol the table is where the files of a public benchmark are.\n"


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``sklroute compare``."""
    command = commands.add_parser(
        "compare",
        help="compare routers on a table of outcomes",
        description="Compare routers on a table of outcomes under one protocol.",
        epilog=EPILOG + PROTOCOL,
    )
    add = command.add_argument
    add("table", nargs="?", type=Path, help="file of outcomes; default: bundled")
    add_table_options(add)
    add("--protocol", choices=BENCHMARKS, help="split and metrics of a benchmark")
    add(
        "--embeddings",
        type=pairs("text", "vision"),
        help="text=NAME,vision=NAME, with --protocol",
    )
    add("--routers", type=router_names, help=f"of {','.join(ROUTERS)}; default: all")
    add(
        "--cost-weight",
        type=cost_weight,
        default="auto",
        help="quality that a unit of cost must buy; default: auto, the one that keeps "
        "the best single model's quality at the lowest cost",
    )
    add("--feature-cost", type=float, help="cost of a query's features")
    add("--seeds", type=positive, default=5, help="splits; default: 5")
    add_run_options(add, folder="sklroute-compare")
    command.set_defaults(run=_compare)


def _compare(options: argparse.Namespace) -> int:
    if options.protocol is not None:
        return run_protocol(options)
    if options.embeddings is not None:
        raise ValueError("--embeddings needs --protocol.")
    data = _bundled(options) if options.table is None else _own(options)
    about = {name: data.pop(name) for name in ("title", "cost_unit", "queries")}
    about["title"] += learned(options)
    title, unit = about["title"], about["cost_unit"]
    options.out.mkdir(parents=True, exist_ok=True)  # fails before the work, not after
    console = make_console()
    with progress_bar() as progress:
        result = compare(
            **data,
            routers=default_routers(options.routers),
            learn_tasks=bool(options.learn_tasks),
            cost_weight=options.cost_weight,
            n_seeds=options.seeds,
            n_jobs=options.jobs,
            progress=progress,
        )
    _show(console, result, title, unit)
    paths = write_report(result, options.out, **about)
    tell_report(console, paths)
    return 0


def _bundled(options: argparse.Namespace) -> dict[str, Any]:
    if flag := given_flag(options, "features", *TABLE_OPTIONS):
        raise ValueError(f"{flag} needs a table of your own; none was given.")
    data = load_visual_qa()
    return {
        "X": data.X,
        "y": data.y,
        "tasks": data.task,
        "groups": data.groups,
        "modalities": data.modalities,
        "feature_cost": data.encoder_cost,
        "title": "Routers on the bundled visual QA table",
        "cost_unit": "MFLOPs",
        "queries": _first_questions(data),
    }


def _first_questions(data) -> pd.DataFrame:
    """The first question about each picture that is at hand."""
    _, first = np.unique(data.groups, return_index=True)
    rows = [row for row in first if data.groups[row] in data.pictures]
    pictures = [data.pictures[data.groups[row]] for row in rows]
    return pd.DataFrame({"text": data.question[rows], "picture": pictures}, index=rows)


def _own(options: argparse.Namespace) -> dict[str, Any]:
    table = read_table(options)
    data = inputs(options, table)
    return {
        **data,
        "y": table.y,
        "tasks": table.task,
        "groups": table.groups,
        "feature_cost": options.feature_cost,
        "title": f"Routers on {options.table.name}",
        "cost_unit": None,
        "queries": None if options.text is None else data["X"][["text"]],
    }


# -- output --------------------------------------------------------------------------


def _show(console: Console, result: Comparison, title: str, unit: str | None) -> None:
    console.print(_table(result, words.quality_columns(result, unit), title))
    if result.has_costs:
        console.print(_table(result, words.cost_columns(result), "What can be saved"))
    for sentence in words.sentences(result, unit):
        console.print(f"- {sentence}")


def _table(result: Comparison, columns: dict[str, list[str]], title: str) -> Table:
    """A line per router and reference; those without a value are left out."""
    lines = words.ordered(result).index
    table = empty_table(title, columns)
    for name, *cells in zip(lines, *columns.values(), strict=True):
        if any(cells):
            style = "bold" if name == result.best else ""
            table.add_row(name, *cells, style=style)
    return table
