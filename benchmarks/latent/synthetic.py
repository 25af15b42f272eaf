"""Share of the gap from best single model to Bayes router that routers close.

    python benchmarks/latent/synthetic.py

On `make_routing` with 11 models, 1024 features in two blocks, interaction signal and a
tenth of the cells missing, at 2,000 and 10,000 queries.
"""

import numpy as np
from joblib import Parallel, delayed
from study import gap_closed, make_synthetic, parse_options, write

from sklroute import LatentRouterClassifier
from sklroute.baselines import (
    AverageRouter,
    KernelRouter,
    KNNRouter,
    LogisticRouter,
    MLPRouter,
    RidgeRouter,
)
from sklroute.compare._result import named
from sklroute.metrics import paired_bootstrap

ROUTERS = {
    "latent": LatentRouterClassifier(),
    "kernel": KernelRouter(),
    "knn": KNNRouter(),
    "ridge": RidgeRouter(),
    "logistic": LogisticRouter(),
    "mlp": MLPRouter(),
    "average": AverageRouter(),
}


def main() -> None:
    """Fit all routers and write ``results/synthetic.csv``."""
    options = parse_options(__doc__)
    lines = []
    for n_queries in (2000, 10000):
        results = Parallel(n_jobs=options.jobs)(
            delayed(_one)(n_queries, seed, router)
            for router in ROUTERS.values()
            for seed in range(options.seeds)
        )
        shape = len(ROUTERS), options.seeds, 2
        for name, (closed, seconds) in zip(
            ROUTERS, np.moveaxis(np.reshape(results, shape), -1, 1), strict=True
        ):
            lines.append(
                {"queries": n_queries, "router": name, "seeds": options.seeds}
                | named("gap_closed", paired_bootstrap(closed, random_state=0))
                | {"lowest": closed.min(), "cpu_seconds": seconds.mean()}
            )
    write(lines, "synthetic")


def _one(n_queries, seed, router):
    return gap_closed(make_synthetic(n_queries, seed), router, seed)


if __name__ == "__main__":
    main()
