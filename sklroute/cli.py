"""The command line: ``sklroute compare``."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from joblib import cpu_count
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline

from sklroute import __version__
from sklroute.compare import (
    BenchmarkResult,
    Comparison,
    compare,
    default_routers,
    run_benchmark,
    write_report,
)
from sklroute.compare import _words as words
from sklroute.compare._benchmarks import BENCHMARKS
from sklroute.compare._report import NO_PICTURES, has_matplotlib
from sklroute.compare._routers import ROUTERS
from sklroute.datasets import load_features, load_outcomes, load_visual_qa
from sklroute.features import BlockScaler, TextEmbedder

EPILOG = """\
A table is a CSV, Parquet or JSONL file. Wide, one row per query: columns q:<model> with
the quality of its answers in [0, 1], and cost:<model> if known. Or long, one row per
call: columns query, model, quality and perhaps cost. Without a table the bundled one is
used.
With --protocol the table is where the files of a public benchmark are.
"""
MAX_JOBS = 8  # each process loads its own libraries
PIPE_WIDTH = 120  # of the output where there is no terminal


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, default=None
        Arguments after the program's name. None takes those of the process.

    Returns
    -------
    status : int
        0, or 2 after bad input, which is explained in one line.
    """
    options = _parser().parse_args(arguments)
    try:
        return _compare(options) if options.protocol is None else _protocol(options)
    except (ValueError, TypeError, OSError, ImportError) as error:
        message = " ".join(str(error).split())
        print(f"sklroute compare: error: {message}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sklroute",
        description="Choose which model answers a query, before any model is called.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="command")
    command = commands.add_parser(
        "compare",
        help="compare routers on a table of outcomes",
        description="Compare routers on a table of outcomes under one protocol.",
        epilog=EPILOG,
    )
    add = command.add_argument
    add("table", nargs="?", type=Path, help="file of outcomes; default: bundled")
    add("--protocol", choices=BENCHMARKS, help="split and metrics of a benchmark")
    add("--embeddings", type=_pairs, help="text=NAME,vision=NAME, with --protocol")
    add("--features", type=Path, help=".npy, .npz (blocks), .parquet or .csv")
    add("--text", metavar="COLUMN", help="text of the query, as TF-IDF and SVD")
    add("--groups", metavar="COLUMN", help="task of the query, for results by group")
    add("--cv-groups", metavar="COLUMN", help="queries that must not be split")
    add("--routers", type=_names, help=f"of {','.join(ROUTERS)}; default: all")
    add("--cost-weight", type=_cost_weight, default="auto", help="default: auto")
    add("--feature-cost", type=float, help="cost of a query's features")
    add("--seeds", type=_positive, default=5, help="splits; default: 5")
    add("--out", type=Path, default="sklroute-compare", help="folder of the report")
    add("--jobs", type=_positive, default=min(MAX_JOBS, cpu_count()), help="processes")
    return parser


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in ROUTERS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"no router {unknown[0]!r}; there are {', '.join(ROUTERS)}"
        )
    return names


def _pairs(text: str) -> dict[str, str]:
    pairs = dict(part.partition("=")[::2] for part in text.split(","))
    if not all(pairs.values()) or set(pairs) - {"text", "vision"}:
        raise argparse.ArgumentTypeError(f"{text!r} is not text=NAME,vision=NAME")
    return pairs


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def _cost_weight(text: str) -> float | str:
    if text == "auto":
        return text
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither 'auto' nor >= 0")
    return value


# -- compare -------------------------------------------------------------------------


def _compare(options: argparse.Namespace) -> int:
    if options.embeddings is not None:
        raise ValueError("--embeddings needs --protocol.")
    data = _bundled(options) if options.table is None else _own(options)
    title, unit = data.pop("title"), data.pop("cost_unit")
    options.out.mkdir(parents=True, exist_ok=True)  # fails before the work, not after
    console = _console()
    with _progress_bar() as progress:
        result = compare(
            **data,
            routers=default_routers(options.routers),
            cost_weight=options.cost_weight,
            n_seeds=options.seeds,
            n_jobs=options.jobs,
            progress=progress,
        )
    _show(console, result, title, unit)
    for path in write_report(result, options.out, title=title, cost_unit=unit):
        console.print(f"Written: {path}", markup=False, highlight=False)
    if not has_matplotlib():
        console.print(NO_PICTURES, markup=False)
    return 0


def _bundled(options: argparse.Namespace) -> dict[str, Any]:
    given = [
        name
        for name in ("features", "text", "groups", "cv_groups", "feature_cost")
        if getattr(options, name) is not None
    ]
    if given:
        flag = given[0].replace("_", "-")
        raise ValueError(f"--{flag} needs a table of your own; none was given.")
    data = load_visual_qa()
    return {
        "X": data.X,
        "y": data.y,
        "groups": data.task,
        "cv_groups": data.groups,
        "modalities": data.modalities,
        "feature_cost": data.encoder_cost,
        "title": "Routers on the bundled visual QA table",
        "cost_unit": "MFLOPs",
    }


def _own(options: argparse.Namespace) -> dict[str, Any]:
    table = load_outcomes(
        options.table, groups=options.groups, cv_groups=options.cv_groups
    )
    return {
        **_inputs(options, table),
        "y": table.y,
        "groups": table.groups,
        "cv_groups": table.cv_groups,
        "feature_cost": options.feature_cost,
        "title": f"Routers on {options.table.name}",
        "cost_unit": None,
    }


def _inputs(options: argparse.Namespace, table) -> dict[str, Any]:
    """What a router may look at, and the preprocessing that it needs."""
    if options.features is None and options.text is None:
        raise ValueError(
            "a router needs to know something about the query: give --features FILE "
            "or --text COLUMN."
        )
    if options.text is None:
        features = load_features(options.features, table=table)
        return {"X": features.X, "modalities": features.modalities}
    return _with_text(options, table)


def _with_text(options: argparse.Namespace, table) -> dict[str, Any]:
    """Blocks of features, if any, and the text beside them, encoded in training."""
    parts, blocks = [], []
    if options.features is not None:
        features = load_features(options.features, table=table)
        parts = [pd.DataFrame(features.X).rename(columns=str)]
        blocks = [
            (name, BlockScaler(), columns)
            for name, columns in features.modalities.items()
        ]
    parts.append(_texts(table, options.text))
    X = pd.concat(parts, axis=1)
    encoder = make_pipeline(TextEmbedder(), BlockScaler())
    blocks.append((f"column {options.text}", encoder, X.shape[1] - 1))
    return {"X": X, "preprocessor": ColumnTransformer(blocks)}


def _texts(table, name: str) -> pd.Series:
    if name not in table.frame:
        raise ValueError(
            f"{table.path}: no column {name!r}; there are {list(table.frame)}."
        )
    texts = table.frame[name].astype(object)
    wrong = [row for row, text in enumerate(texts) if not isinstance(text, str)]
    if wrong:
        raise ValueError(
            f"{table.path}: column {name!r}, row {wrong[0]} is not a text but "
            f"{texts.iloc[wrong[0]]!r}."
        )
    return texts.rename("text")


# -- compare --protocol --------------------------------------------------------------


def _protocol(options: argparse.Namespace) -> int:
    if options.table is None:
        raise ValueError("--protocol needs the path of the benchmark's files.")
    given = [
        name
        for name in ("text", "groups", "cv_groups", "feature_cost")
        if getattr(options, name) is not None
    ]
    if given or options.cost_weight != "auto":
        flag = [*given, "cost_weight"][0].replace("_", "-")
        raise ValueError(f"--protocol fixes what --{flag} says.")
    options.out.mkdir(parents=True, exist_ok=True)
    with _progress_bar() as progress:
        result = run_benchmark(
            options.protocol,
            options.table,
            features=options.features,
            embeddings=options.embeddings,
            routers=default_routers(options.routers),
            n_seeds=options.seeds,
            n_jobs=options.jobs,
            progress=progress,
        )
    console = _console()
    console.print(_benchmark_table(result))
    for note in result.notes:
        console.print(f"- {note}", markup=False, highlight=False)
    path = options.out / f"{options.protocol}.csv"
    result.ordered().to_csv(path, index=False)
    console.print(f"Written: {path}", markup=False, highlight=False)
    return 0


def _benchmark_table(result: BenchmarkResult) -> Table:
    """A line per router, reference and published result; these say where from."""
    columns, kinds = result.texts(), result.ordered()["kind"].tolist()
    table = _empty_table(f"Routers on {result.title}", columns)
    names = result.ordered()["name"]
    for name, kind, after, *cells in zip(
        names, kinds, [*kinds[1:], None], *columns.values(), strict=True
    ):
        table.add_row(escape(name), *map(escape, cells), end_section=after != kind)
    return table


# -- output --------------------------------------------------------------------------


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PIPE_WIDTH)


@contextmanager
def _progress_bar():
    """Yield a callback that moves a bar on the terminal's standard error."""
    console = Console(stderr=True)
    columns = "Fitting routers", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _show(console: Console, result: Comparison, title: str, unit: str | None) -> None:
    console.print(_table(result, words.quality_columns(result), title))
    if result.has_costs:
        console.print(_table(result, words.cost_columns(result), "What can be saved"))
    for sentence in words.sentences(result, unit):
        console.print(f"- {sentence}", markup=False, highlight=False)


def _table(result: Comparison, columns: dict[str, list[str]], title: str) -> Table:
    """A line per router and reference; those without a value are left out."""
    lines = words.ordered(result).index
    table = _empty_table(title, columns)
    for name, *cells in zip(lines, *columns.values(), strict=True):
        if any(cells):
            style = "bold" if name == result.best else ""
            table.add_row(escape(name), *map(escape, cells), style=style)
    return table


def _empty_table(title: str, columns: Iterable[str]) -> Table:
    table = Table(
        title=title, box=SIMPLE_HEAD, title_justify="left", title_style="bold"
    )
    table.add_column("")
    for name in columns:
        table.add_column(name, justify="left" if name == "kind" else "right")
    return table


if __name__ == "__main__":
    sys.exit(main())
