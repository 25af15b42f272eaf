"""The latent router and the baselines on real tables, and on shuffled outcomes.

    python benchmarks/latent/tables.py --data FOLDER

Gains are in points of quality at cost weight 0, over `AverageRouter` (kNN and logistic)
and over the model that was best on the training queries; ``nauc`` is the gain over
`AverageRouter` in the area under the frontier on the shared cost range, and
``latent_over`` the gain of the latent router over the line's.
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

from sklroute import LatentRouterClassifier
from sklroute.baselines import AverageRouter, FixedRouter, KernelRouter, RidgeRouter
from sklroute.compare._result import named
from sklroute.metrics import (
    quality_brier,
    quality_calibration_error,
    quality_log_loss,
)

ROUTERS = {
    "latent": LatentRouterClassifier(),
    "latent, no clusters": LatentRouterClassifier(n_clusters=0),
    "kernel": KernelRouter(),
    "ridge": RidgeRouter(),
    "average": AverageRouter(),
    "best single": FixedRouter("best"),
}


def main() -> None:
    """Fit all routers on all tables and write ``results/tables.csv``."""
    options = parse_options(__doc__)
    lines, shuffled = [], []
    for name, table in load_tables(options.data):
        protocol = {
            "n_seeds": options.seeds,
            "partitions": PARTITIONS,
            "n_jobs": options.jobs,
        }
        tested = cross_test(table, ROUTERS, **protocol)
        lines += [compare(name, table, tested, router) for router in tested]
        pair = {key: ROUTERS[key] for key in ("latent", "best single")}
        control = cross_test(table, pair, shuffle=True, **protocol)
        shuffled.append(compare(name, table, control | {"average": None}, "latent"))
    write(lines, "tables")
    write(shuffled, "shuffled")


def compare(name, table, tested, router) -> dict:
    """One line: a router on a table against the average router and the best model."""
    own, single, average = (tested[key] for key in (router, "best single", "average"))
    y = table.y[own.rows]
    values = chosen_quality(table, own)
    line = {"table": name, "router": router, "queries": len(np.unique(own.rows))}
    line |= {"quality": 100 * values.mean()}
    reference = chosen_quality(table, single)
    line |= named("over_single", gain(table, own.rows, values, reference))
    if average is None:
        return line
    reference = chosen_quality(table, average)
    line |= named("over_average", gain(table, own.rows, values, reference))
    latent = chosen_quality(table, tested["latent"])
    return line | {
        **named("latent_over", gain(table, own.rows, latent, values)),
        **named("nauc_over_average", area_gain(table, own, average)),
        "brier": quality_brier(y, own.quality),
        "log_loss": quality_log_loss(y, own.quality),
        "ece": quality_calibration_error(y, own.quality),
        "cpu_seconds": own.cpu_seconds,
    }


if __name__ == "__main__":
    main()
