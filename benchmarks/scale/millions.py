"""Fit and route five million queries of 512 features, and count the memory.

    OMP_NUM_THREADS=1 python benchmarks/scale/millions.py

writes a float16 table of 5.1 GB block by block into a temporary folder, fits and
routes it with each router in a process of its own, deletes it, and writes
``results/millions.csv`` beside this file: time per million queries, peak of the
resident memory of the process (pages of mapped files included), and the share of the
gap from the best single model to the Bayes router that is closed on 20,000 fresh
queries. The same with ``--n-queries 100000`` takes a minute.

A query has one of 25 tasks and 16 latent numbers, of which the features are a random
projection with noise; eleven models have abilities, affinities to tasks and tastes for
the latent. Outcomes are right or wrong; ``--missing`` of them were never run.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from scipy.special import expit

from sklroute import KernelRouter, RidgeRouter
from sklroute.scale import ArrayBatches, fit_batches, route_batches

N_FEATURES, N_MODELS, N_TASKS, N_LATENT = 512, 11, 25, 16
BLOCK, N_TEST, N_SAMPLE = 50_000, 20_000, 200_000
RESULTS = Path(__file__).parent / "results" / "millions.csv"
MODELS = [f"model-{number:02d}" for number in range(N_MODELS)]


def make_router(name):
    """A router by its name here."""
    if name == "latent":
        from sklroute import LatentRouterClassifier

        return LatentRouterClassifier(random_state=0)
    return {
        "kernel": KernelRouter(random_state=0),
        "kernel, 1024 landmarks": KernelRouter(1024, random_state=0),
        "ridge": RidgeRouter(),
    }[name]


ROUTERS = ["kernel", "ridge", "latent", "kernel, 1024 landmarks"]


class World:
    """Where queries and outcomes come from."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.centres = 2.0 * rng.normal(size=(N_TASKS, N_LATENT))
        self.axes = rng.normal(size=(N_LATENT, N_FEATURES)) / N_LATENT**0.5
        self.affinity = 1.2 * rng.normal(size=(N_TASKS, N_MODELS))
        self.affinity += np.linspace(-0.6, 1.0, N_MODELS)
        self.taste = rng.normal(size=(N_LATENT, N_MODELS)) / N_LATENT**0.5
        self.mixing = rng.normal(size=(N_MODELS, N_LATENT, N_LATENT)) / N_LATENT
        self.price = np.geomspace(1.0, 30.0, N_MODELS)

    def block(self, seed, n_queries, missing):
        """Features, outcomes with three channels, and the true quality."""
        rng = np.random.default_rng([1, seed])
        task = rng.integers(N_TASKS, size=n_queries)
        latent = rng.normal(size=(n_queries, N_LATENT))
        X = rng.standard_normal((n_queries, N_FEATURES), dtype=np.float32)
        X *= 0.3
        X += ((latent + self.centres[task]) @ self.axes).astype(np.float32)
        bilinear = np.einsum(
            "nd,kde,ne->nk", latent, self.mixing, latent, optimize=True
        )
        truth = expit(self.affinity[task] + latent @ self.taste + bilinear)
        table = np.ones((*truth.shape, 3), dtype=np.float16)
        table[..., 0] = rng.random(truth.shape) < truth
        table[..., 1] = self.price
        hidden = rng.random(truth.shape) < missing
        hidden[np.arange(n_queries), rng.integers(N_MODELS, size=n_queries)] = False
        table[hidden, :2] = np.nan
        return X, table, truth


def write_table(folder, n_queries, missing):
    """Write the two files, block by block."""
    world = World()
    for start in range(0, n_queries, BLOCK):
        size = min(BLOCK, n_queries - start)
        X, table, _ = world.block(start, size, missing)
        for name, part in (("X.npy", X), ("y.npy", table)):
            path, shape = folder / name, (n_queries, *part.shape[1:])
            mode = {"mode": "r+"} if start else {"mode": "w+", "shape": shape}
            file = np.lib.format.open_memmap(path, dtype=np.float16, **mode)
            file[start : start + size] = part
            del file  # its pages are given back


def measure(folder, name):
    """Fit and route with one router; a row of the results."""
    batches = ArrayBatches(
        folder / "X.npy", folder / "y.npy", models=MODELS, random_state=0
    )
    router = make_router(name)
    start, cpu = perf_counter(), process_time()
    fit_batches(
        router,
        batches,
        n_sample=N_SAMPLE,
        checkpoint=folder / "pass.npz",
        checkpoint_every=500,
    )
    fitted, fit_cpu = perf_counter() - start, process_time() - cpu
    start, cpu = perf_counter(), process_time()
    queries = ArrayBatches(folder / "X.npy")
    out = route_batches(router, queries, folder / "choices.npy")
    routed, route_cpu = perf_counter() - start, process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    millions = batches.n_queries / 1e6
    share = np.bincount(np.load(out), minlength=N_MODELS) / batches.n_queries
    return {
        "router": name,
        "queries": batches.n_queries,
        "fit_s_per_million": fitted / millions,
        "fit_cpu_s_per_million": fit_cpu / millions,
        "route_s_per_million": routed / millions,
        "route_cpu_s_per_million": route_cpu / millions,
        "peak_gb": peak,
        "gap_closed": gap_closed(router),
        "models_in_use": int((share > 0.01).sum()),
    }


def gap_closed(router):
    """Share of the way from the best single model to the Bayes router."""
    X, _, truth = World().block(10**9, N_TEST, 0.0)
    choice = np.searchsorted(router.classes_, router.predict(X.astype(np.float16)))
    reached = truth[np.arange(N_TEST), choice].mean()
    single = truth.mean(axis=0).max()
    return (reached - single) / (truth.max(axis=1).mean() - single)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-queries", type=int, default=5_000_000)
    parser.add_argument("--missing", type=float, default=0.0)
    parser.add_argument("--routers", nargs="+", default=ROUTERS, choices=ROUTERS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        folder, name = args.measure
        print(json.dumps(measure(Path(folder), name)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        start = perf_counter()
        write_table(Path(folder), args.n_queries, args.missing)
        print(f"table written in {perf_counter() - start:.0f} s", flush=True)
        for name in args.routers:
            command = [sys.executable, __file__, "--measure", folder, name]
            found = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            rows.append({"missing": args.missing, **json.loads(found.stdout)})
            print(rows[-1], flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(args.out, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
