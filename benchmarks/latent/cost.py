"""Time and memory of the latent router, beside scikit-learn's MLPRegressor.

    OMP_NUM_THREADS=1 python benchmarks/latent/cost.py
    OMP_NUM_THREADS=1 python benchmarks/latent/cost.py --large

With 11 models and 1024 features in two blocks; all times are of one run. ``--large``
fits and routes 100,000 queries of 512 features with 200 models and reports the peak of
the resident memory of the process.
"""

import argparse
import resource
import tracemalloc
from time import perf_counter, process_time

import numpy as np
from sklearn.neural_network import MLPRegressor
from study import make_synthetic, write

from sklroute import LatentRouterClassifier
from sklroute.datasets import make_routing

N_TRAIN, N_TEST, N_SINGLE = 10_000, 20_000, 500


def main() -> None:
    """Measure, and write ``results/cost.csv`` or ``results/large.csv``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="200 models, 100,000 rows")
    if parser.parse_args().large:
        write(large(), "large")
    else:
        write(usual(), "cost")


def usual() -> list[dict]:
    """Measure fit, batches and single queries."""
    data = make_synthetic(N_TRAIN, 0, n_test=N_TEST)
    X, y = data.X_train, data.y_train
    router = LatentRouterClassifier(modalities=data.modalities, random_state=0)
    fit = cpu_seconds(lambda: router.fit(X, y))
    known = np.nan_to_num(y.quality, nan=0.5)
    mlp = cpu_seconds(lambda: MLPRegressor(random_state=0).fit(X, known))
    router.predict(data.X_test[:2000])
    start = perf_counter()
    router.predict(data.X_test)
    batch = N_TEST / (perf_counter() - start)
    single = []
    for row in range(N_SINGLE):
        start = perf_counter()
        router.predict(data.X_test[row : row + 1])
        single.append(1000 * (perf_counter() - start))
    many = np.concatenate([data.X_test] * 4)
    return [
        line("fit, 10,000 queries", fit, "CPU s"),
        line("fit of MLPRegressor on the same", mlp, "CPU s"),
        line("latent / MLPRegressor", fit / mlp, "ratio"),
        line("predict in batch", batch, "queries/s"),
        line("one query, median", np.median(single), "ms"),
        line("one query, 99 %", np.percentile(single, 99), "ms"),
        line(
            "memory of predict, 20,000 queries (80 MB)",
            arrays_mb(lambda: router.predict(data.X_test)),
            "MB",
        ),
        line(
            "memory of predict, 80,000 queries (320 MB)",
            arrays_mb(lambda: router.predict(many)),
            "MB",
        ),
    ]


def large() -> list[dict]:
    """Measure a large pool on a large table."""
    data = make_routing(100_000, n_models=200, n_features=(256, 256), random_state=0)
    router = LatentRouterClassifier(modalities=data.modalities, random_state=0)
    table = peak_mb()
    fit = cpu_seconds(lambda: router.fit(data.X, data.y))
    start = perf_counter()
    router.predict(data.X)
    return [
        line("fit, 100,000 queries, 200 models", fit, "CPU s"),
        line("predict in batch", 100_000 / (perf_counter() - start), "queries/s"),
        line("peak memory while the table was made", table, "MB"),
        line("peak memory in all", peak_mb(), "MB"),
    ]


def cpu_seconds(work) -> float:
    """CPU seconds of this process."""
    start = process_time()
    work()
    return process_time() - start


def arrays_mb(work) -> float:
    """Peak of NumPy's allocations; torch works on chunks of a fixed size."""
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def peak_mb() -> float:
    """Highest resident memory of the process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def line(what: str, value: float, unit: str) -> dict:
    """One line of the results."""
    return {"what": what, "value": value, "unit": unit}


if __name__ == "__main__":
    main()
