"""What it is worth that routers learn to recognise the tasks of logged queries.

    python benchmarks/latent/tasks.py --data FOLDER

Each router is fitted on the features alone, and with a `TaskEncoder` after them that
has learned the tasks (``task``) of the training queries. ``gain`` is the difference
in points of quality; ``over_average`` and ``nauc_over_average`` compare with
`AverageRouter` with the same encoder, ``over_plain_average`` with that without it.
"""

import numpy as np
from study import (
    PARTITIONS,
    area_gain,
    chosen_quality,
    cross_test,
    gain,
    load_tables,
    parse_options,
    write,
)
from tables import ROUTERS

from sklroute.compare._result import named
from sklroute.metrics import quality_brier


def main() -> None:
    """Fit all routers twice on all tables and write ``results/tasks.csv``."""
    options = parse_options(__doc__)
    lines = []
    for name, table in load_tables(options.data):
        plain, told = (
            cross_test(
                table,
                {key: ROUTERS[key] for key in ("latent", "kernel", "average")},
                n_seeds=options.seeds,
                partitions=PARTITIONS,
                learn_tasks=learned,
                n_jobs=options.jobs,
            )
            for learned in (False, True)
        )
        lines += [compare(name, table, plain, told, router) for router in told]
    write(lines, "tasks")


def compare(name, table, plain, told, router) -> dict:
    """One line: a router that was told the tasks on a table."""
    own, rows = told[router], told[router].rows
    y, values = table.y[rows], chosen_quality(table, own)

    def over(other):
        return gain(table, rows, values, chosen_quality(table, other))

    return {
        "table": name,
        "router": router,
        "queries": len(np.unique(rows)),
        "tasks": len(np.unique(table.task)),
        "quality": 100 * values.mean(),
        **named("gain", over(plain[router])),
        **named("over_average", over(told["average"])),
        **named("over_plain_average", over(plain["average"])),
        **named("nauc_over_average", area_gain(table, own, told["average"])),
        **named("nauc_over_plain_average", area_gain(table, own, plain["average"])),
        "brier": quality_brier(y, own.quality),
        "brier_before": quality_brier(y, plain[router].quality),
    }


if __name__ == "__main__":
    main()
