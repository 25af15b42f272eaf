"""What the commands read: options and the user's own tables."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import cpu_count
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from sklroute.compare._routers import ROUTERS
from sklroute.datasets import load_features, load_outcomes
from sklroute.datasets._files import located
from sklroute.datasets._table import need_one_per_query
from sklroute.features import BlockScaler, TextEmbedder
from sklroute.outcomes._values import check_choice

EPILOG = """\
A table is a CSV, Parquet or JSONL file. Wide, one row per query: columns q:<model> with
the quality of its answers in [0, 1], and cost:<model> if known. Or long, one row per
call: columns query, model, quality and perhaps cost, or whatever --columns names.
"""
MAX_JOBS = 8  # each process loads its own libraries
# Options that say what is in a table of the user's own, and nowhere else.
TABLE_OPTIONS = ("columns", "text", "task", "groups", "feature_cost")


def router_names(text: str) -> list[str]:
    """Names of routers, separated by commas."""
    names = text.split(",")
    unknown = [name for name in names if name not in ROUTERS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"no router {unknown[0]!r}; there are {', '.join(ROUTERS)}"
        )
    return names


def pairs(*names: str) -> Callable[[str], dict[str, str]]:
    """Reader of what is given for some of these names: NAME=VALUE,NAME=VALUE."""

    def read(text: str) -> dict[str, str]:
        given = dict(part.partition("=")[::2] for part in text.split(","))
        if not all(given.values()) or set(given) - set(names):
            raise argparse.ArgumentTypeError(
                f"{text!r} is not NAME=VALUE,NAME=VALUE with names among "
                f"{', '.join(names)}"
            )
        return given

    return read


def positive(text: str) -> int:
    """A positive whole number."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def number(text: str) -> float:
    """A number >= 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number >= 0")
    return value


def cost_weight(text: str) -> float | str:
    """A number >= 0, or "auto"."""
    return text if text == "auto" else number(text)


# -- tables --------------------------------------------------------------------------


def add_table_options(add: Callable[..., object]) -> None:
    """Options that say what is in the user's own table."""
    add(
        "--columns",
        type=pairs("query", "model", "quality", "cost"),
        metavar="NAME=YOURS,...",
        help="your names of query, model, quality or cost: query=request_id,cost=usd",
    )
    add("--features", type=Path, help=".npy, .npz (blocks), .parquet, .csv or .jsonl")
    add("--text", metavar="COLUMN", help="text of the query, as TF-IDF and SVD")
    add("--groups", metavar="COLUMN", help="queries of the same value are never split")


def add_cost_weight(add: Callable[..., object]) -> None:
    """The price on cost."""
    add(
        "--cost-weight",
        type=number,
        default=0.0,
        help="quality that a unit of cost must buy; default: 0, quality alone",
    )


def add_run_options(add: Callable[..., object], folder: str) -> None:
    """Options of a report: tasks, where it goes, in how many processes it is made."""
    add("--task", metavar="COLUMN", help="task of the query, for results by task")
    text = "let the routers learn to recognise these tasks"
    add("--learn-tasks", action="store_true", default=None, help=text)
    text = f"folder of the report; default: {folder}"
    add("--out", type=Path, default=folder, help=text)
    jobs = min(MAX_JOBS, cpu_count())
    add("--jobs", type=positive, default=jobs, help="processes; default: %(default)s")


def learned(options: argparse.Namespace) -> str:
    """What a title says of tasks that were learned."""
    return ", tasks learned" if options.learn_tasks else ""


def given_flag(options: argparse.Namespace, *names: str) -> str | None:
    """The first of these options that was given, as it is written."""
    given = (name for name in names if getattr(options, name) is not None)
    return next((f"--{name.replace('_', '-')}" for name in given), None)


def read_table(options: argparse.Namespace) -> Bunch:
    """The table that those options describe, on which routers can be compared."""
    table = load_outcomes(
        options.table,
        columns=options.columns,
        task=options.task,
        groups=options.groups,
    )
    with located(table.path):
        check_choice(table.y.candidates)
    return table


def inputs(options: argparse.Namespace, table) -> dict[str, Any]:
    """What a router may look at, and the preprocessing that it needs."""
    if options.features is None and options.text is None:
        raise ValueError(
            "a router needs to know something about the query: give --features FILE "
            "or --text COLUMN."
        )
    if options.text is None:
        features = load_features(options.features, table=table)
        nothing = np.flatnonzero(np.isnan(features.X).all(axis=1))
        if len(nothing):
            raise ValueError(
                f"{options.features}: query {nothing[0]} of {table.path} is NaN in all "
                "blocks: nothing is known of it."
            )
        return {"X": features.X, "modalities": features.modalities}
    return _with_text(options, table)


def _with_text(options: argparse.Namespace, table) -> dict[str, Any]:
    """Blocks of features, if any, and the text beside them, encoded in training.

    A `ColumnTransformer` does not take every name: blocks are called by their number.
    """
    parts, blocks = [], []
    if options.features is not None:
        features = load_features(options.features, table=table)
        parts = [pd.DataFrame(features.X).rename(columns=str)]
        blocks = [
            (str(number), BlockScaler(allow_missing=True), columns)
            for number, columns in enumerate(features.modalities.values())
        ]
    parts.append(_texts(table, options.text))
    X = pd.concat(parts, axis=1)
    encoder = make_pipeline(TextEmbedder(), BlockScaler())
    blocks.append((str(len(blocks)), encoder, X.shape[1] - 1))
    return {"X": X, "preprocessor": ColumnTransformer(blocks)}


def _texts(table, name: str) -> pd.Series:
    with located(table.path):
        need_one_per_query(table.frame, name, table.varying)
    texts = table.frame[name].astype(object)
    wrong = [row for row, text in enumerate(texts) if not isinstance(text, str)]
    if wrong:
        cell = texts.iloc[wrong[0]]
        missing = "is empty, or reads as missing in a CSV file, such as NA"
        none = np.ndim(cell) == 0 and pd.isna(cell)
        found = missing if none else f"is not a text but {cell!r}"
        raise ValueError(f"{table.path}: column {name!r}, row {wrong[0]} {found}.")
    return texts.rename("text")
