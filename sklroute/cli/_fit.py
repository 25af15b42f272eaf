"""``sklroute fit``: from a table to a router in a file."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from sklroute.cli._inputs import (
    EPILOG,
    add_cost_weight,
    add_table_options,
    inputs,
    read_table,
)
from sklroute.cli._screen import make_console
from sklroute.compare import default_routers
from sklroute.compare._jobs import TASK, configure, with_task_block
from sklroute.compare._protocol import check_weight
from sklroute.compare._routers import ROUTERS
from sklroute.features import BlockScaler, TaskEncoder, TextEmbedder
from sklroute.outcomes._values import plain
from sklroute.pipeline import RouterPipeline
from sklroute.policies import MaxUtility


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add ``sklroute fit``."""
    command = commands.add_parser(
        "fit",
        help="fit a router and save it",
        description=(
            "Fit a router on all queries of a table and write it to a file, for "
            "sklroute serve or sklroute.load. What it is worth is for audit and "
            "compare to say."
        ),
        epilog=EPILOG,
    )
    command.set_defaults(run=_fit)
    add = command.add_argument
    add("table", type=Path, help="file of outcomes")
    add_table_options(add)
    text = "task of the query, which the router learns to recognise"
    add("--task", metavar="COLUMN", help=text)
    add("--router", choices=ROUTERS, default="latent", help="default: latent")
    add_cost_weight(add)
    add("--seed", type=int, default=0, help="default: 0")
    text = "file to write; default: router.sklroute"
    add("--out", type=Path, default=Path("router.sklroute"), help=text)


def _fit(options: argparse.Namespace) -> int:
    if options.features is not None and options.text is not None:
        raise ValueError(
            "--features and --text: a router in a file takes one of them. In Python a "
            "MultimodalFeaturizer takes several."
        )
    if options.out.is_dir():
        raise IsADirectoryError(f"--out {options.out} is a folder: name a file.")
    table = read_table(options)
    data = inputs(options, table)
    _check_costs(options.cost_weight, table)
    options.out.parent.mkdir(parents=True, exist_ok=True)  # before the work
    router = _pipeline(options, data, table.task)
    X = data["X"] if options.text is None else data["X"]["text"].tolist()
    params = {"router__groups": table.groups}
    if table.task is not None:
        params |= {"task__tasks": table.task, "task__groups": table.groups}
    router.fit(X, table.y, **params)
    router.save(options.out)
    console = make_console()
    console.print(
        f"{type(router[-1]).__name__}, fitted on {len(table.y):,} queries and "
        f"{len(router.classes_)} models."
    )
    console.print(f"Written: {options.out}")
    return 0


def _check_costs(cost_weight: float, table: Bunch) -> None:
    """Refuse a price on cost with which the router could not choose."""
    unknown = np.isnan(table.y.cost).all(axis=0)
    check_weight(cost_weight, not unknown.all())
    if cost_weight > 0 and unknown.any():
        raise ValueError(
            f"{table.path}: --cost-weight needs the cost of every model, and "
            f"{plain(table.y.models[unknown][0])!r} has none in any row."
        )


def _pipeline(options, data: dict[str, Any], tasks: Any) -> RouterPipeline:
    """The router after what it needs, as in a comparison."""
    blocks = data.get("modalities")
    steps: list[tuple[str, Any]] = []
    if options.text is not None:
        steps.append(("text", TextEmbedder()))
    steps.append(("scale", BlockScaler(blocks, allow_missing=True)))
    if tasks is not None:
        steps.append((TASK, TaskEncoder()))
        blocks = blocks and with_task_block(blocks, data["X"].shape[1])
    (router,) = default_routers([options.router]).values()
    router = configure(router, blocks, options.seed)
    router.set_params(policy=MaxUtility(options.cost_weight))
    return RouterPipeline([*steps, ("router", router)])
