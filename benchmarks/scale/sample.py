"""What a pass over all queries adds to a fit on a sample of them.

    OMP_NUM_THREADS=1 python benchmarks/scale/sample.py

`make_routing` with 600,000 queries, eleven models and 90 % of the cells missing, as in
logs of one or two calls a query. Routers are fitted on the first 50,000 and 200,000
and on all queries at once; `fit_batches` sees all of them with a sample of 200,000.
Writes ``results/sample.csv``: the share of the gap from the best single model to the
Bayes router that is closed on 20,000 others, and CPU seconds.
"""

import argparse
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd

from sklroute import (
    ClusterRouter,
    KernelRouter,
    LatentRouterClassifier,
    RidgeRouter,
)
from sklroute.datasets import make_routing
from sklroute.scale import ArrayBatches, fit_batches

N_TEST = 20_000
RESULTS = Path(__file__).parent / "results" / "sample.csv"

ROUTERS = ["kernel", "kernel, 1024 landmarks", "ridge", "clusters", "latent"]


def make_routers(data):
    return {
        "kernel": KernelRouter(random_state=0),
        "kernel, 1024 landmarks": KernelRouter(1024, random_state=0),
        "ridge": RidgeRouter(),
        "clusters": ClusterRouter(random_state=0),
        "latent": LatentRouterClassifier(modalities=data.modalities, random_state=0),
    }


def gap_closed(router, X, truth):
    """Share of the way from the best single model to the Bayes router."""
    choice = router.predict_quality(X).argmax(axis=1)
    reached = truth[np.arange(len(X)), choice].mean()
    single = truth.mean(axis=0).max()
    return (reached - single) / (truth.max(axis=1).mean() - single)


def measure(data, names, n_train, sizes, n_sample):
    """Rows of the results."""
    X, y = data.X[:n_train], data.y[:n_train]
    test = data.X[n_train:], data.quality[n_train:]
    for name in names:
        router = make_routers(data)[name]
        for size in sizes:
            start = process_time()
            router.fit(X[:size], y[:size])
            seconds = process_time() - start
            yield name, f"fit on {size:,}", gap_closed(router, *test), seconds
        if isinstance(router, KernelRouter):
            start = process_time()
            fit_batches(router, ArrayBatches(X, y), n_sample=n_sample)
            seconds = process_time() - start
            yield name, "fit_batches", gap_closed(router, *test), seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-queries", type=int, default=600_000)
    parser.add_argument("--missing", type=float, default=0.9)
    parser.add_argument("--routers", nargs="+", default=ROUTERS, choices=ROUTERS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    n, n_sample = args.n_queries, args.n_queries // 3
    data = make_routing(
        n + N_TEST,
        11,
        n_features=(64, 64),
        n_tasks=25,
        missing=args.missing,
        random_state=0,
    )
    rows = []
    for row in measure(data, args.routers, n, (n // 12, n_sample, n), n_sample):
        rows.append(row)
        print(*row, flush=True)
    columns = ["router", "how", "gap_closed", "cpu_s"]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows, columns=columns).to_csv(
        args.out, index=False, float_format="%.4g"
    )


if __name__ == "__main__":
    main()
