"""Models that are masked against a router that never knew them.

    python benchmarks/pools/masked.py --data FOLDER

``gain`` is the realised quality, in points, of a router that was fitted on all models,
of which one or half are masked now, less that of a router that was fitted, and tuned,
on the remaining models alone: 95 % bootstrap intervals over (groups of) queries. The
latent router is compared likewise by ``benchmarks/latent/pools.py``. Neighbours and
clusters are left out: they learn every model alone, as a ridge does.
"""

import numpy as np
from common import PARTITION, drop, fit_full, seeds_of, write
from study import choose, gain, load_tables, parse_options

from sklroute import KernelRouter, RidgeRouter
from sklroute.compare._result import named

ROUTERS = {"kernel": KernelRouter(), "ridge": RidgeRouter()}


def main() -> None:
    """Mask some models of every table and write ``results/masked.csv``."""
    options = parse_options(__doc__)
    lines = []
    for name, table in load_tables(options.data):
        n_models = len(table.y.models)
        kept = {
            n_masked: np.sort(
                np.random.default_rng(n_masked).permutation(n_models)[n_masked:]
            )
            for n_masked in (1, n_models // 2)
        }
        values = {}
        for seed in seeds_of(table, options.seeds, PARTITION):
            for router, estimator in ROUTERS.items():
                full = fit_full(estimator, seed)
                known = full.predict_quality(seed.X_test)
                for n_masked, columns in kept.items():
                    pair = masked_and_fewer(known[:, columns], estimator, seed, columns)
                    values.setdefault((router, n_masked), []).append(pair)
        for (router, n_masked), parts in values.items():
            rows, masked, fewer = (
                np.concatenate(part) for part in zip(*parts, strict=True)
            )
            line = {"table": name, "router": router, "masked": n_masked}
            line |= {"quality": 100 * masked.mean()}
            lines.append(line | named("gain", gain(table, rows, masked, fewer)))
        write(lines, "masked")


def masked_and_fewer(known, estimator, seed, columns):
    """Rows of the table, and what is realised on them by the two routers."""
    y = drop(seed.y_train, columns)
    seen = y.observed.any(axis=1)
    part = seed._replace(
        X_train=seed.X_train[seen], y_train=y[seen], groups=seed.groups[seen]
    )
    fewer = fit_full(estimator, part).predict_quality(seed.X_test)
    y = drop(seed.y_test, columns)
    rows = np.flatnonzero(y.observed.any(axis=1))
    chosen = (choose(y, quality) for quality in (known, fewer))
    return seed.test[rows], *(y.quality[rows, choice[rows]] for choice in chosen)


if __name__ == "__main__":
    main()
