"""``sklroute compare --protocol``: a public benchmark, by its own rules."""

import argparse

from rich.table import Table

from sklroute.cli._inputs import TABLE_OPTIONS, given_flag
from sklroute.cli._screen import empty_table, make_console, progress_bar
from sklroute.compare import BenchmarkResult, default_routers, run_benchmark


def run_protocol(options: argparse.Namespace) -> int:
    """Run a benchmark's protocol on its files; print and write its table."""
    if options.table is None:
        raise ValueError("--protocol needs the path of the benchmark's files.")
    flag = given_flag(options, *TABLE_OPTIONS, "learn_tasks")
    if flag is None and options.cost_weight != "auto":
        flag = "--cost-weight"
    if flag is not None:
        raise ValueError(f"--protocol fixes what {flag} says.")
    options.out.mkdir(parents=True, exist_ok=True)
    with progress_bar() as progress:
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
    console = make_console()
    console.print(_table(result))
    for note in result.notes:
        console.print(f"- {note}")
    path = options.out / f"{options.protocol}.csv"
    result.ordered().to_csv(path, index=False)
    console.print(f"Written: {path}")
    return 0


def _table(result: BenchmarkResult) -> Table:
    """A line per router, reference and published result; these say where from."""
    columns, kinds = result.texts(), result.ordered()["kind"].tolist()
    table = empty_table(f"Routers on {result.title}", columns)
    names = result.ordered()["name"]
    for name, kind, after, *cells in zip(
        names, kinds, [*kinds[1:], None], *columns.values(), strict=True
    ):
        table.add_row(name, *cells, end_section=after != kind)
    return table
