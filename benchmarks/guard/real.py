"""Guard a ridge router on real tables: what is lost and saved on other queries.

Splits each table in half at random, 20 times, whole ``cv_group`` at a time; fits the
guarded and the plain router on one half and compares both with the baseline (the best
single model of the queries they are fitted on) on the other. At ``price`` p a call of
the table's best single model is worth p of quality. A test half is a sample: that the
guarded router is below the bound on it (``below``) is not yet a broken promise.

    python benchmarks/guard/real.py --data FOLDER

writes ``real_results.csv`` beside this file. The tables are not part of the project:
each is ``NAME.parquet`` (columns ``cv_group``, ``q:<model>``, ``cost:<model>``) and
``NAME.features.npz``, blocks of features whose rows are aligned with it.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit

from sklroute import GuardedRouter, Outcomes, RidgeRouter
from sklroute.metrics import best_single, realised_cost, realised_quality
from sklroute.policies import MaxUtility

TABLES = ("mllm10", "routerbench", "mmlu_pro")
PRICES = (0.0, 0.1)
PENALTY = 10_000.0  # strong, the same everywhere, not tuned
EPSILON, ALPHA = 0.02, 0.1


def load(folder, name):
    """Features, outcomes and groups of a table."""
    frame = pd.read_parquet(folder / f"{name}.parquet")
    models = [column[2:] for column in frame if column.startswith("q:")]
    y = Outcomes(
        frame[[f"q:{model}" for model in models]].to_numpy(float),
        frame[[f"cost:{model}" for model in models]].to_numpy(float),
        models=models,
    )
    with np.load(folder / f"{name}.features.npz", allow_pickle=False) as blocks:
        X = np.hstack([blocks[block] for block in blocks.files]).astype(np.float32)
    return X, y, pd.factorize(frame["cv_group"])[0]


def one_split(X, y, groups, cost_weight, train, test, seed):
    """Quality and cost against the baseline, where all three models are known."""
    guard = GuardedRouter(
        RidgeRouter(PENALTY), epsilon=EPSILON, alpha=ALPHA,
        policy=MaxUtility(cost_weight), random_state=seed,
    )  # fmt: skip
    guard.fit(X[train], y[train], groups=groups[train])
    alone = RidgeRouter(PENALTY, policy=guard.policy_).fit(X[train], y[train])
    choices = [router.predict(X[test]) for router in (guard, alone)]
    choices.append(np.full(len(test), guard.baseline_))
    rows = np.arange(len(test))
    held = y[test]
    known = np.all(
        [held.observed[rows, held.index(choice)] for choice in choices], axis=0
    )
    quality = [realised_quality(held[known], choice[known]) for choice in choices]
    cost = [realised_cost(held[known], choice[known]) for choice in choices]
    return {
        "baseline_quality": quality[2],
        "always_baseline": np.isposinf(guard.threshold_),
        "difference": quality[0] - quality[2],
        "saving": 1 - cost[0] / cost[2],
        "below": quality[0] < quality[2] - EPSILON,
        "unguarded_difference": quality[1] - quality[2],
        "unguarded_saving": 1 - cost[1] / cost[2],
        "unguarded_below": quality[1] < quality[2] - EPSILON,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default=os.environ.get("SKLROUTE_DATA"), type=Path)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--out", default=Path(__file__).with_name("real_results.csv"))
    args = parser.parse_args()
    if args.data is None:
        parser.error("give --data FOLDER or set SKLROUTE_DATA")
    lines = []
    for name in TABLES:
        X, y, groups = load(args.data, name)
        best = y.index([best_single(y)])[0]
        unit = np.nanmean(y.cost[:, best])
        halves = GroupShuffleSplit(args.splits, test_size=0.5, random_state=0)
        for price in PRICES:
            splits = pd.DataFrame(
                one_split(X, y, groups, price / unit, train, test, seed)
                for seed, (train, test) in enumerate(halves.split(X, groups=groups))
            )
            about = {"table": name, "price": price, "epsilon": EPSILON, "alpha": ALPHA,
                     "splits": args.splits}  # fmt: skip
            lines.append({**about, **splits.mean().round(4).to_dict()})
            print(pd.Series(lines[-1]).to_string(), end="\n\n", flush=True)
    pd.DataFrame(lines).to_csv(args.out, index=False)


if __name__ == "__main__":
    main()
