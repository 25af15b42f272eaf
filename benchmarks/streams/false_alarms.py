"""How often the drift alarm is wrong: streams of 20,000 queries without drift.

    python benchmarks/streams/false_alarms.py --data FOLDER

writes ``false_alarms.csv`` beside this file: the share of streams in which an alarm was
ever raised, with alpha = 0.05. "exact": every model's expected quality is known, and
what was called is what is best. "router": the predictions of a KernelRouter for the
queries that it sends to each model, on queries that it was not fitted on; 8 routers
(splits of a real table, or synthetic tables), 5 streams each, drawn with replacement:
streams of one router share its errors.
``error`` is the largest mean error, of the models that a router sends at least one
query in 200 to, averaged over routers: what the tolerance is up against.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from learners import called
from replay import REAL, load_table

from sklroute import DriftAlarm, KernelRouter
from sklroute.datasets import make_routing

N_QUERIES, N_STREAMS, PER_ROUTER = 20_000, 200, 5
SETTINGS = ((0.05, 0), (0.1, 0), (0.05, 300), (0.1, 300))  # tolerance, warm_up


def exact(seed):
    """Predictions that are right, and answers of the models that are best."""
    truth = make_routing(N_QUERIES, 8, random_state=seed).quality
    rng = np.random.default_rng([seed, 3])
    realised = (rng.random(truth.shape) < truth).astype(float)
    return truth, called(truth.argmax(axis=1), realised)


def of_router(name, seed, folder):
    """Yield streams from the queries that a router was not fitted on."""
    table = load_table(name, seed, folder)
    router = KernelRouter(random_state=0).fit(table.X_train, table.y_train)
    predicted = router.predict_quality(table.X)
    choice = predicted.argmax(axis=1)
    realised = called(choice, table.y.quality)
    error = realised - predicted
    enough = (~np.isnan(error)).sum(axis=0) >= 0.005 * len(error)
    worst = np.abs(np.nanmean(error[:, enough], axis=0)).max()
    for draw in range(PER_ROUTER):
        rng = np.random.default_rng([seed, draw])
        rows = rng.integers(len(predicted), size=N_QUERIES)
        yield predicted[rows], realised[rows], worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default=os.environ.get("SKLROUTE_DATA"), type=Path)
    parser.add_argument("--streams", type=int, default=N_STREAMS)
    parser.add_argument("--out", default=Path(__file__).with_name("false_alarms.csv"))
    args = parser.parse_args()
    lines = []
    for name, streams in sources(args):
        found, errors = [], []
        for predicted, realised, error in streams:
            alarms = [DriftAlarm(tolerance=t, warm_up=w) for t, w in SETTINGS]
            raised = [bool(alarm.update(predicted, realised)) for alarm in alarms]
            found.append(raised)
            errors.append(error)
        for (tolerance, warm_up), share in zip(
            SETTINGS, np.mean(found, axis=0), strict=True
        ):
            lines.append(
                {"predictions": name,
                 "tolerance": tolerance, "warm_up": warm_up, "alpha": 0.05,
                 "streams": len(found), "queries": N_QUERIES,
                 "false_alarms": share, "error": np.mean(errors)}
            )  # fmt: skip
        pd.DataFrame(lines).round(4).to_csv(args.out, index=False)
        print(pd.DataFrame(lines[-4:]).to_string(), flush=True)


def sources(args):
    """Yield names and streams of every kind of prediction."""
    n = args.streams
    yield "exact", ((*exact(seed), 0.0) for seed in range(n))
    routers = range(max(1, n // 5 // PER_ROUTER))
    for name in ("synthetic", "visual_qa", *REAL):
        if name not in REAL or args.data is not None:
            yield (
                f"router, {name}",
                (part for seed in routers for part in of_router(name, seed, args.data)),
            )


if __name__ == "__main__":
    main()
