"""Streams without drift: what learning costs where there is nothing to follow.

    python benchmarks/streams/still.py --data FOLDER

writes ``still.csv`` beside this file: points of quality of `partial_fit` (greedy, only
the called model's answer is seen) above the frozen router, over 20,000 queries drawn
as in ``run.py``, with 95 % bootstrap intervals over groups of queries.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from learners import Frozen, Greedy, realised
from replay import N_QUERIES, REAL, Replay, load_table, make_stream

from sklroute import KernelRouter
from sklroute.metrics import paired_bootstrap

HALF_LIVES = (None, 4000.0, 1000.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default=os.environ.get("SKLROUTE_DATA"), type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--queries", type=int, default=N_QUERIES)
    args = parser.parse_args()
    lines = []
    for name in ("synthetic", "visual_qa", *(REAL if args.data else ())):
        values = {half_life: [] for half_life in ("frozen", *HALF_LIVES)}
        groups = []
        for seed in range(args.seeds):
            table = load_table(name, seed, args.data)
            first = KernelRouter(random_state=0).fit(
                table.X_train, table.y_train, groups=table.groups_train
            )
            router = Replay.of(first, table.X)
            stream = make_stream(table, seed, args.queries)
            groups.append(table.groups[stream.rows].astype(int) + 1_000_000 * seed)
            for half_life, found in values.items():
                learner = (
                    Frozen(router)
                    if half_life == "frozen"
                    else Greedy(router, half_life=half_life)
                )
                found.append(realised(learner, stream, 100))
        for half_life in HALF_LIVES:
            interval = paired_bootstrap(
                np.concatenate(values[half_life]),
                np.concatenate(values["frozen"]),
                groups=np.concatenate(groups),
                random_state=0,
                n_resamples=200,
            )
            gain, low, high = (round(100 * bound, 2) for bound in interval)
            lines.append(
                {"table": name, "half_life": half_life or "none", "seeds": args.seeds,
                 "gain": gain, "gain_low": low, "gain_high": high}
            )  # fmt: skip
        print(pd.DataFrame(lines[-3:]).to_string(), flush=True)
        pd.DataFrame(lines).to_csv(Path(__file__).with_name("still.csv"), index=False)


if __name__ == "__main__":
    main()
