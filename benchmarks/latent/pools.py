"""Shrunken pools: models masked at predict time against a router that never knew them.

    python benchmarks/latent/pools.py --data ../shared/data

``gain`` is the difference in points of quality between the router that was trained on
all models, some of them masked now, and one trained on the remaining models alone.
"""

import numpy as np
from sklearn.utils import Bunch
from study import (
    Tested,
    bounds,
    chosen_quality,
    cross_test,
    gain,
    load_tables,
    parse_options,
    write,
)

from sklroute import LatentRouterClassifier, Outcomes

N_DRAWS = 1  # subsets of each size


def main() -> None:
    """Fit on all and on fewer models, and write ``results/pools.csv``."""
    options = parse_options(__doc__)
    protocol = {"n_seeds": options.seeds, "random_state": 1, "n_jobs": options.jobs}
    routers = {"latent": LatentRouterClassifier()}
    lines = []
    for name, table in load_tables(options.data):
        whole = cross_test(table, routers, **protocol)["latent"]
        n_models = len(table.y.models)
        for n_masked in (1, 3, n_models // 2):
            for draw in range(N_DRAWS):
                rng = np.random.default_rng([n_masked, draw])
                kept = np.sort(rng.permutation(n_models)[n_masked:])
                pool = remaining(table, kept)
                fewer = cross_test(pool, routers, **protocol)["latent"]
                masked = whole._replace(quality=whole.quality[:, kept])
                one, other = (known(pool, tested) for tested in (masked, fewer))
                values, reference = (
                    chosen_quality(pool, part) for part in (one, other)
                )
                line = {"table": name, "masked": n_masked, "draw": draw}
                line |= {"quality": 100 * values.mean()}
                line |= bounds("gain", gain(pool, one.rows, values, reference))
                lines.append(line)
    write(lines, "pools")


def known(pool: Bunch, tested: Tested) -> Tested:
    """Leave out the queries on which none of the remaining models was run."""
    rows = pool.y.observed[tested.rows].any(axis=1)
    return tested._replace(quality=tested.quality[rows], rows=tested.rows[rows])


def remaining(table: Bunch, kept) -> Bunch:
    """Return the table as if the other models had never been there."""
    y = table.y
    fewer = Outcomes(
        y.quality[:, kept],
        y.cost[:, kept],
        y.available[:, kept],
        models=y.models[kept],
    )
    return Bunch(**{**table, "y": fewer})


if __name__ == "__main__":
    main()
