"""Choose the constants of learning on synthetic streams of seeds that are not reported.

    python benchmarks/streams/tune.py

writes ``tune.csv`` beside this file: for each half-life and each prior variance of a
fitted model's departures (`sklroute.pool._belief`: DRIFT of its level, FITTED of the
rest) the points above the frozen router before and after the best model loses half of
its right answers.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
from learners import Frozen, FullInformation, Greedy, realised
from replay import Replay, load_table, make_stream

from sklroute import KernelRouter
from sklroute.policies import Thompson
from sklroute.pool import _belief

N_QUERIES = 8000
LEVELS, RESTS, HALF_LIVES = (1.0, 3.0, 10.0), (0.01, 0.05, 0.2), (500.0, 1000.0, 2000.0)
KEYS = ["level", "rest", "half_life", "learner"]


def points(learner, halves, size):
    """Mean quality in either half."""
    return [100 * realised(learner, half, size).mean() for half in halves]


def one_seed(seed, size):
    """Yield the points gained by every learner with every constant."""
    table = load_table("synthetic", seed, None)
    first = KernelRouter(random_state=0).fit(table.X_train, table.y_train)
    router = Replay.of(first, table.X)
    stream = make_stream(table, seed, N_QUERIES)
    late = stream.drifted(int(router.mean_quality_.argmax()), 0.5)
    middle = N_QUERIES // 2
    halves = stream.cut(slice(middle)), late.cut(slice(middle, None))
    frozen = points(Frozen(router), halves, size)
    for level, rest, half_life in itertools.product(LEVELS, RESTS, HALF_LIVES):
        _belief.DRIFT, _belief.FITTED = level, rest
        draws = Thompson(random_state=np.random.RandomState(seed))
        for name, learner in {
            "partial_fit": Greedy(router, half_life=half_life),
            "Thompson": Greedy(router, draws, half_life),
            "full information": FullInformation(router, half_life=half_life),
        }.items():
            before, after = np.subtract(points(learner, halves, size), frozen)
            yield level, rest, half_life, name, before, after


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--size", type=int, default=200, help="queries of a batch")
    args = parser.parse_args()
    lines = [
        line
        for seed in range(1000, 1000 + args.seeds)
        for line in one_seed(seed, args.size)
    ]
    frame = pd.DataFrame(lines, columns=[*KEYS, "before", "after"])
    mean = frame.groupby(KEYS, sort=False).mean().round(2).reset_index()
    mean.to_csv(Path(__file__).with_name("tune.csv"), index=False)
    print(mean.set_index(KEYS).unstack("learner").to_string())


if __name__ == "__main__":
    main()
