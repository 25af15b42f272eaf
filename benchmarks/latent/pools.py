"""Shrunken pools: models masked at predict time against a router that never knew them.

    python benchmarks/latent/pools.py --data FOLDER

``gain`` is the difference in points of quality between the router that was trained on
all models, some of them masked now, and one trained on the remaining models alone. It
is a mean over four draws of the masked models, each with a partition and networks of
its own: two networks of different seeds differ by some tenths of a point.
"""

from collections import defaultdict
from functools import partial

import numpy as np
from sklearn.utils import Bunch
from study import (
    PARTITIONS,
    Tested,
    chosen_quality,
    cross_test,
    drop,
    gain,
    load_tables,
    parse_options,
    write,
)

from sklroute import LatentRouterClassifier
from sklroute.compare._result import named

ROUTERS = {"latent": LatentRouterClassifier()}
N_DRAWS = 4  # of the masked models


def main() -> None:
    """Fit on all and on fewer models, and write ``results/pools.csv``."""
    options = parse_options(__doc__)
    lines = []
    for name, table in load_tables(options.data):
        n_models = len(table.y.models)
        draws = defaultdict(list)
        for number, partition in enumerate(PARTITIONS[:N_DRAWS]):
            protocol = {"n_seeds": options.seeds, "n_jobs": options.jobs}
            fit = partial(cross_test, partitions=[partition], **protocol)
            whole = fit(table, ROUTERS)["latent"]
            for n_masked in (1, 3, n_models // 2):
                rng = np.random.default_rng([n_masked, number])
                kept = np.sort(rng.permutation(n_models)[n_masked:])
                pool = remaining(table, kept)
                fewer = fit(pool, ROUTERS)["latent"]
                masked = whole._replace(quality=whole.quality[:, kept])
                draws[n_masked].append([reached(pool, masked), reached(pool, fewer)])
        for n_masked, values in draws.items():
            line = {"table": name, "masked": n_masked, "draws": len(values)}
            lines.append(line | compare(table, np.array(values)))
    write(lines, "pools")


def reached(pool: Bunch, tested: Tested) -> np.ndarray:
    """Realised quality of every query of the table; NaN if no model left was run."""
    seen = pool.y.observed[tested.rows].any(axis=1)
    rows = tested.rows[seen]
    values = np.full(len(pool.y), np.nan)
    values[rows] = chosen_quality(
        pool, tested._replace(quality=tested.quality[seen], rows=rows)
    )
    return values


def compare(table: Bunch, values: np.ndarray) -> dict:
    """Quality and gain of (n_draws, 2, n_queries) realised qualities."""
    rows = np.flatnonzero(~np.isnan(values).any(axis=(0, 1)))
    masked, fewer = values[:, :, rows].mean(axis=0)
    return {"quality": 100 * masked.mean()} | named(
        "gain", gain(table, rows, masked, fewer)
    )


def remaining(table: Bunch, kept) -> Bunch:
    """Return the table as if the other models had never been there."""
    return Bunch(**{**table, "y": drop(table.y, kept)})


if __name__ == "__main__":
    main()
