"""Streams in which the best model fails midway: who notices, and what it costs.

Of each table half of the groups of queries is fitted on, and 20,000 queries are drawn
from the other half, with replacement (of the synthetic table each is drawn once).
After 10,000 of them the model that was best on the training queries loses half or a
third of its right answers, at random. In the drift "repaired" it is the other way
round: the router is fitted, and the stream begins, with half of the answers of the
best model lost, and they come back midway (synthetic table only).

    python benchmarks/streams/run.py --data FOLDER

writes ``results.csv``, ``curves.csv`` (of "half", for ``figure.py``) and
``environment.json`` beside this file. Every contender sees the outcomes of what it
called only, except "full information". The yardstick, "knowing", is a router that was
fitted on training outcomes with the drift in them and takes over at the right moment.
"""

import argparse
import json
import os
import platform
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
import sklearn
from learners import HALF_LIFE, Frozen, make_learners, realised, refitter
from replay import REAL, Replay, load_table, make_stream
from sklearn.base import clone

import sklroute
from sklroute import KernelRouter, LatentRouterClassifier, Outcomes
from sklroute.metrics import paired_bootstrap

HERE = Path(__file__).parent
KEPT = {"half": 1 / 2, "third": 2 / 3, "repaired": 1 / 2}
WINDOW, TOLERATED = 500, 0.01  # of the recovery time
ROUTERS = {
    "kernel": KernelRouter(random_state=0),
    "latent": LatentRouterClassifier(random_state=0),
}


def spoiled(y: Outcomes, model: int, kept: float, seed: int) -> Outcomes:
    """Lose answers of one model at random."""
    quality = y.quality.copy()
    quality[:, model] *= np.random.default_rng([seed, 2]).random(len(quality)) < kept
    return Outcomes(quality, y.cost, models=y.models)


def one_stream(args, name, drifts, seed):
    """Yield each drift, contender, its realised qualities, seconds of learning, groups.

    What is learnt before the drift is learnt once for all drifts that begin alike.
    """
    table = load_table(name, seed, args.data)
    stream = make_stream(table, seed, args.queries)
    keys = table.groups[stream.rows]
    best = int(np.nanmean(table.y_train.quality, axis=0).argmax())
    half = slice(args.queries // 2), slice(args.queries // 2, None)
    for repaired in (False, True):
        todo = [drift for drift in drifts if (drift == "repaired") == repaired]
        if not todo:
            continue
        part, early = table, stream
        if repaired:
            part = table._replace(y_train=spoiled(table.y_train, best, 0.5, seed))
            early = stream.drifted(best, 0.5)
        first = fit_first(args.router, part)
        refit = refitter(first) if args.router == "kernel" else None
        learners = make_learners(Replay.of(first, table.X), part, seed, refit)
        begun = {
            who: realised(learner, early.cut(half[0]), args.size)
            for who, learner in learners.items()
        }
        for drift in todo:
            late, y_late = stream, table.y_train
            if not repaired:
                late = stream.drifted(best, KEPT[drift])
                y_late = spoiled(y_late, best, KEPT[drift], seed)
            late = late.cut(half[1])
            knowing = Frozen(Replay.of(fit_again(first, refit, part, y_late), table.X))
            values = realised(knowing, late, args.size)
            yield drift, "knowing", np.append(begun["frozen"], values), 0.0, keys
            for who, learner in learners.items():
                other = learner.fork()
                values = realised(other, late, args.size)
                yield drift, who, np.append(begun[who], values), other.seconds, keys


def fit_first(name, table):
    """Fit a router as it is at the start of a stream."""
    router = clone(ROUTERS[name])
    if name == "latent":
        router.set_params(modalities=table.modalities)
    return router.fit(table.X_train, table.y_train, groups=table.groups_train)


def fit_again(first, refit, table, y):
    """Fit on other outcomes, with what the first fit has tuned if that is known."""
    if refit is not None:
        return refit(table.X_train, y)
    return clone(first).fit(table.X_train, y, groups=table.groups_train)


def recovery(lost):
    """Queries after the drift until a window loses no more than what is tolerated."""
    total = np.append(0.0, lost.cumsum())
    window = (total[WINDOW:] - total[:-WINDOW]) / WINDOW
    good = window <= TOLERATED
    return float(good.argmax()) if good.any() else np.inf


def bounds(values):
    low, high = np.quantile(values, [0.025, 0.975], method="inverted_cdf")
    return low, high


def summary(values, reference, seconds, groups):
    """Compare one contender with the knowing one; arrays are (n_seeds, n_queries)."""
    n_seeds, n_queries = values.shape
    middle = n_queries // 2
    line = {
        "before": 100 * values[:, :middle].mean(),
        "after": 100 * values[:, middle:].mean(),
    }
    for part, rows in (("before", slice(middle)), ("after", slice(middle, None))):
        one, other = reference[:, rows].ravel(), values[:, rows].ravel()
        interval = paired_bootstrap(
            one, other, groups=groups[:, rows].ravel(), random_state=0, n_resamples=200
        )
        for key, value in zip(("", "_low", "_high"), interval, strict=True):
            line[f"lost_{part}{key}"] = 100 * value
    lost = reference[:, middle:] - values[:, middle:]
    line["regret"] = (reference - values).sum(axis=1).mean()
    line["recovery"] = recovery(lost.mean(axis=0))
    draws = np.random.default_rng(0).integers(n_seeds, size=(200, n_seeds))
    low, high = bounds([recovery(lost[draw].mean(axis=0)) for draw in draws])
    line |= {"recovery_low": low, "recovery_high": high}
    line["learn_us"] = 1e6 * np.mean(seconds) / n_queries
    return line


def curve(values, width=WINDOW):
    """Mean quality of consecutive windows."""
    mean = values.mean(axis=0)
    return mean[: len(mean) // width * width].reshape(-1, width).mean(axis=1)


def main():
    args = parse_args()
    lines, curves = [], []
    for name in args.tables:
        if name in REAL and args.data is None:
            print(f"{name} is left out: no --data")
            continue
        found, points = study(args, name)
        lines += found
        curves += points
        write(lines, curves, args)
        print(pd.DataFrame(found).round(2).to_string(), flush=True)


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default=os.environ.get("SKLROUTE_DATA"), type=Path)
    parser.add_argument("--router", choices=list(ROUTERS), default="kernel")
    parser.add_argument(
        "--tables", nargs="+", default=["synthetic", "visual_qa", *REAL]
    )
    parser.add_argument("--drifts", nargs="+", choices=list(KEPT), default=list(KEPT))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--queries", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=100, help="queries of a batch")
    parser.add_argument("--out", type=Path, default=HERE)
    return parser.parse_args()


def study(args, name):
    """Compare all contenders on a table: lines of results, and points of curves."""
    values, seconds, groups = {}, {}, {}
    drifts = [d for d in args.drifts if d != "repaired" or name == "synthetic"]
    for seed in range(args.seeds):
        for drift, who, quality, spent, keys in one_stream(args, name, drifts, seed):
            values.setdefault((drift, who), []).append(quality)
            groups[seed] = keys.astype(np.int64) + 1_000_000 * seed
            seconds.setdefault((drift, who), []).append(spent)
    groups = np.array([*groups.values()])
    lines, curves = [], []
    for (drift, who), quality in values.items():
        about = {"router": args.router, "table": name, "drift": drift, "learner": who}
        quality, reference = np.array(quality), np.array(values[drift, "knowing"])
        line = summary(quality, reference, seconds[drift, who], groups)
        lines.append({**about, "seeds": args.seeds, **line})
        if drift == "half":
            curves += [
                {**about, "query": WINDOW * i, "quality": point}
                for i, point in enumerate(curve(quality))
            ]
    return lines, curves


def write(lines, curves, args):
    ending = "" if args.router == "kernel" else f"_{args.router}"
    pd.DataFrame(lines).round(3).to_csv(args.out / f"results{ending}.csv", index=False)
    if not ending:
        pd.DataFrame(curves).round(4).to_csv(args.out / "curves.csv", index=False)
    versions = {m.__name__: m.__version__ for m in (sklroute, sklearn, np, scipy)}
    about = {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
        **versions,
        "half_life": HALF_LIFE,
    }
    (args.out / "environment.json").write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
