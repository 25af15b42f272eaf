"""Time ``explain`` and ``predict`` of every router on the bundled table.

    OMP_NUM_THREADS=1 python benchmarks/explain/speed.py

writes ``results.csv`` beside this file: seconds per 1,000 queries, the median of the
repeats, on one thread. Routers are fitted on 4,000 queries of 640 features and eight
models; settings that take long to tune are fixed, which changes neither time.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from sklroute import (
    AverageRouter,
    ClusterRouter,
    FixedRouter,
    GuardedRouter,
    KernelRouter,
    KNNRouter,
    LatentRouterClassifier,
    LogisticRouter,
    MLPRouter,
    RandomRouter,
    RidgeRouter,
)
from sklroute.datasets import load_visual_qa
from sklroute.features import BlockScaler
from sklroute.pipeline import as_router
from sklroute.policies import MaxUtility

POLICY = MaxUtility(cost_weight=0.001)
N_TRAIN, N_QUERIES = 4000, 1000


def routers(modalities):
    """One of every kind; all but the latent router behind a scaling of the blocks."""
    plain = [
        AverageRouter(),
        ClusterRouter(random_state=0),
        FixedRouter(),
        GuardedRouter(KernelRouter(random_state=0), epsilon=0.05, random_state=0),
        KNNRouter(),
        KernelRouter(random_state=0),
        LogisticRouter(C=0.001),
        MLPRouter(alpha=1.0, max_iter=5, random_state=0),
        RandomRouter(random_state=0),
        RidgeRouter(),
    ]
    for router in plain:
        pipeline = make_pipeline(BlockScaler(modalities), router)
        yield type(router).__name__, pipeline
    latent = LatentRouterClassifier(modalities=modalities, random_state=0)
    yield type(latent).__name__, latent


def seconds(call, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", default=Path(__file__).with_name("results.csv"))
    args = parser.parse_args()
    data = load_visual_qa()
    X = data.X[N_TRAIN : N_TRAIN + N_QUERIES]
    lines = []
    for name, estimator in routers(data.modalities):
        estimator.fit(data.X[:N_TRAIN], data.y[:N_TRAIN])
        router = as_router(estimator)
        calls = {
            "predict": lambda router=router: router.predict(X, policy=POLICY),
            "explain": lambda router=router: router.explain(X, policy=POLICY),
        }
        line = {what: round(seconds(call, args.repeats), 3)
                for what, call in calls.items()}  # fmt: skip
        lines.append({"router": name, **line})
        print(lines[-1], flush=True)
    pd.DataFrame(lines).to_csv(args.out, index=False)


if __name__ == "__main__":
    main()
