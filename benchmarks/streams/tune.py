"""Choose the constants of learning on synthetic streams of seeds that are not reported.

    python benchmarks/streams/tune.py

prints, for each half-life and each prior variance of a fitted model's departures (of
its level, of the rest), points above the frozen router before and after the drift.
"""

import argparse
import itertools

import numpy as np
import pandas as pd
from learners import FullInformation, Greedy, run
from replay import Replay, load_table, make_stream

from sklroute import KernelRouter
from sklroute.policies import Thompson
from sklroute.pool import Belief

N_QUERIES = 8000


def prior(level, rest):
    """Return a constructor of beliefs that replaces `Belief.fitted`."""

    def fitted(cls, n_basis, noise):
        variance = np.full(n_basis, rest)
        variance[0] = level
        return cls._before(variance, noise)

    return classmethod(fitted)


def points(learner, halves, size):
    """Mean quality in either half."""
    return [
        100 * half.quality[np.arange(len(half.rows)), run(learner, half, size)].mean()
        for half in halves
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument(
        "--half-lives", type=float, nargs="+", default=[500, 1000, 2000]
    )
    parser.add_argument("--levels", type=float, nargs="+", default=[1, 10, 30])
    parser.add_argument("--rests", type=float, nargs="+", default=[0.05, 0.2, 1])
    parser.add_argument("--tables", nargs="+", default=["synthetic"])
    parser.add_argument("--size", type=int, default=200)
    args = parser.parse_args()
    lines = []
    for seed in range(1000, 1000 + args.seeds):
        table = load_table("synthetic", seed, None)
        first = KernelRouter(random_state=0).fit(table.X_train, table.y_train)
        router = Replay.of(first, table.X)
        stream = make_stream(table, seed, N_QUERIES)
        best = int(router.mean_quality_.argmax())
        late = stream.drifted(best, 0.5)
        middle = N_QUERIES // 2
        halves = [
            type(s)(*(part[rows] for part in s))
            for s, rows in ((stream, slice(middle)), (late, slice(middle, None)))
        ]
        frozen = points(Greedy(router, half_life=None), [halves[0]], args.size)
        from learners import Frozen

        frozen = points(Frozen(router), halves, args.size)
        for level, rest, half in itertools.product(
            args.levels, args.rests, args.half_lives
        ):
            Belief.fitted = prior(level, rest)
            for name, learner in {
                "greedy": Greedy(router, half_life=half),
                "thompson": Greedy(
                    router, Thompson(random_state=np.random.RandomState(seed)), half
                ),
                "full": FullInformation(router, half_life=half),
            }.items():
                before, after = np.subtract(points(learner, halves, args.size), frozen)
                lines.append((level, rest, half, name, before, after))
    frame = pd.DataFrame(
        lines, columns=["level", "rest", "half_life", "learner", "before", "after"]
    )
    mean = frame.groupby(["learner", "level", "rest", "half_life"], sort=False).mean()
    print(mean.unstack("learner").round(2).to_string())


if __name__ == "__main__":
    main()
