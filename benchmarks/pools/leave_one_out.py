"""A model joins from a few scored answers: every model of every table, left out.

    python benchmarks/pools/leave_one_out.py --data FOLDER
    python benchmarks/pools/leave_one_out.py --data FOLDER --latent
    python benchmarks/pools/leave_one_out.py --data FOLDER --probes

For each seed and each model, a router is fitted without the model; the model then joins
with `add_model` from random training queries that it was scored on, four draws.
``answered``: with the answers of the other models to the same queries (``y``).
``refit`` is the realised quality less that of a router fitted with all the data of the
model; ``ignored`` less that of the router without the model; ``mean_only`` less that of
the router in which the model has its mean over the same answers as a constant quality.
With ``--probes`` queries chosen by `suggest_probes` are compared with random ones, for
the kernel router and with ``y``: in realised quality, and (``error``) in the squared
error of what is predicted for the model. All are in points, means over models, draws
and queries, with 95 % bootstrap intervals over (groups of) queries. The models of
mmlu_pro take turns: a fifth of them is left out on each seed.
Of a table that is not in ``--tables`` the results are kept.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from common import (
    PARTITION,
    Seed,
    fit_full,
    joined,
    leave_out,
    seeds_of,
    write,
)
from study import choose, gain, load_tables

from sklroute import (
    AverageRouter,
    ClusterRouter,
    KernelRouter,
    KNNRouter,
    LogisticRouter,
    RidgeRouter,
)
from sklroute.compare._result import named
from sklroute.pool._probes import choose_probes

N_ANSWERS = (8, 16, 32, 64, 128)
N_DRAWS = 4
IN_TURNS = ("mmlu_pro",)  # has 29 models
WAYS = ("random", "answered", "mean")  # to learn of a model, see above
JOINT = ("kernel", "latent")  # learn from all models at once: fitted again


def main() -> None:
    """Leave out every model of every table and write what joining is worth."""
    options = parse_options()
    name_of_study = "latent" if options.latent else "newcomers"
    study = joining
    if options.probes:
        name_of_study, study = "probes", probing
    lines = []
    for name, table in load_tables(options.data):
        if options.tables and name not in options.tables:
            continue
        sums = leave_each_out(name, table, options)
        rows = np.flatnonzero(table.y.observed.sum(axis=1) > 1)
        lines += study(name, Comparison(table, rows, sums))
        write(lines, name_of_study, keep=True)


def joining(table: str, compare: "Comparison") -> list[dict]:
    """Compare a model that joins with one that is ignored, or known by its mean."""
    return [
        {"table": table, "router": router, "answers": n}
        | {"y": way == "answered", "quality": 100 * compare.mean(router, way, n)}
        | compare.bounds("refit", (router, way, n), (router, "full", 0))
        | compare.bounds("ignored", (router, way, n), (router, "without", 0))
        | compare.bounds("mean_only", (router, way, n), (router, "mean", n))
        for router in dict.fromkeys(router for router, *_ in compare.sums)
        for way in ("random", "answered")
        for n in N_ANSWERS
    ]


def probing(table: str, compare: "Comparison") -> list[dict]:
    """Compare suggested queries with as many, and twice as many, random ones."""
    lines = []
    for n in N_ANSWERS[:-1]:
        line = {"table": table, "answers": n}
        for suffix in ("", " error"):
            suggested = ("kernel", "suggested" + suffix, n)
            for name, count in {"same": n, "twice": 2 * n}.items():
                random = ("kernel", "answered" + suffix, count)
                line |= compare.bounds(name + suffix, suggested, random)
        lines.append(line)
    return lines


def leave_each_out(name: str, table, options) -> dict:
    """Sum the realised quality of each query over the models, for each way."""
    sums = defaultdict(lambda: np.zeros(len(table.y)))
    for seed in seeds_of(table, options.seeds, PARTITION):
        for router, full in fitted_routers(seed, options):
            one_seed(sums, router, full, seed, options, name)
    return sums


def parse_options() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the real tables")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tables", nargs="*", help="names; default: all")
    parser.add_argument("--probes", action="store_true", help="suggested queries")
    parser.add_argument("--latent", action="store_true", help="the latent router")
    return parser.parse_args()


class Comparison:
    """Differences between ways to route, with their intervals."""

    def __init__(self, table, rows, sums):
        self.table, self.rows, self.sums = table, rows, sums

    def values(self, way: tuple) -> np.ndarray:
        """Realised quality of each query, mean over models and draws."""
        router, *_ = way
        total = self.sums[way][self.rows]
        return total / self.sums[router, "count", 0][self.rows]

    def mean(self, *way) -> float:
        return float(self.values(way).mean())

    def bounds(self, name: str, way: tuple, other: tuple) -> dict:
        values = self.values(way), self.values(other)
        return named(name, gain(self.table, self.rows, *values))


def fitted_routers(seed: Seed, options):
    """Yield the full routers of a seed; the average reuses its members."""
    if options.latent:
        from sklroute import LatentRouterClassifier

        yield "latent", fit_full(LatentRouterClassifier(), seed)
        return
    yield "kernel", fit_full(KernelRouter(), seed)
    if options.probes:
        return
    yield "ridge", fit_full(RidgeRouter(), seed)
    yield "clusters", fit_full(ClusterRouter(), seed)
    average = fit_full(
        AverageRouter([("knn", KNNRouter()), ("logistic", LogisticRouter())]), seed
    )
    yield "knn", average.named_routers_.knn
    yield "logistic", average.named_routers_.logistic
    yield "average", average


def one_seed(sums, router: str, full, seed: Seed, options, table: str) -> None:
    """Add the realised quality of each test query, for each way to route it."""
    y, test = seed.y_test, seed.test
    known = full._predict_quality(seed.X_test)
    rows = np.arange(len(y))
    reference = y.quality[rows, choose(y, known)]
    models = np.arange(len(y.models))
    if table in IN_TURNS:
        models = models[seed.number % 5 :: 5]
    for left in leave_out(full, seed, models, separable=router not in JOINT):
        add = {("without", 0): left.reached, ("full", 0): reference, ("count", 0): 1.0}
        if options.probes:
            add |= mean_of_draws(left, seed, ("answered",)) | suggested(left, seed)
        else:
            add |= mean_of_draws(left, seed, WAYS)
        for (way, n), values in add.items():
            sums[router, way, n][test] += values


def mean_of_draws(left, seed: Seed, ways: tuple[str, ...]) -> dict:
    """Mean over the draws of random answers, for each number of them."""
    total = defaultdict(float)
    seen = np.flatnonzero(seed.y_train.observed[:, left.model])
    for draw in range(N_DRAWS):
        rng = np.random.default_rng([seed.number, left.model, draw])
        rows = rng.choice(seen, N_ANSWERS[-1], replace=False)
        for way, values in learnt(left, seed, rows, ways).items():
            total[way] += values / N_DRAWS
    return total


def learnt(left, seed: Seed, rows, ways: tuple[str, ...]) -> dict:
    """Realised quality after the first answers of a sequence, for each number."""
    quality = seed.y_train.quality[rows]
    answers = np.delete(quality, left.model, axis=1)
    given = seed.X_train[rows], left.train[rows], quality[:, left.model]
    truth = seed.y_test.quality[:, left.model]
    reached = {}
    for n in N_ANSWERS:
        first = [table[:n] for table in given]
        for way in ways:
            if way == "mean":
                values = np.full(len(truth), first[-1].mean())
            else:
                known = (answers[:n],) if way == "answered" else ()
                values = left.predicted(*first, *known)
            reached[way, n] = joined(left, seed.y_test, values)
            reached[f"{way} error", n] = np.nan_to_num((values - truth) ** 2)
    return reached


def suggested(left, seed: Seed) -> dict:
    """Ask for the queries that `suggest_probes` puts first."""
    seen = np.flatnonzero(seed.y_train.observed[:, left.model])
    X = seed.X_train[seen]
    rows = choose_probes(X, left.predict, left.pool.basis, N_ANSWERS[-1])
    reached = learnt(left, seed, seen[rows], ("answered",))
    return {
        (way.replace("answered", "suggested"), n): values
        for (way, n), values in reached.items()
    }


if __name__ == "__main__":
    main()
