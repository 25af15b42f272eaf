"""How often the interval of an expected quality holds the true one.

    OMP_NUM_THREADS=1 python benchmarks/explain/intervals.py

Of `make_routing` (4,000 queries, eight models, five seeds) 3,000 queries are fitted on
and 1,000 judged: the share of cells, in %, whose true expected quality lies in the
interval of 80 % that `predict_quality(return_std=True)` gives; for models that the
router was fitted on, and for one that joined from 32 scored answers.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from sklroute import (
    KernelRouter,
    KNNRouter,
    LatentRouterClassifier,
    Outcomes,
    RidgeRouter,
)
from sklroute.datasets import make_routing

WIDTH = 1.2816  # standard deviations from the mean to the outer tenths
SEEDS = range(5)
ROUTERS = KernelRouter(), KNNRouter(), RidgeRouter(), LatentRouterClassifier()


def main() -> None:
    """Print the table and write it to ``intervals.csv``."""
    lines = []
    for router in ROUTERS:
        shares = [covered(router, seed) for seed in SEEDS]
        fitted, joined = 100 * np.mean(shares, axis=0)
        line = {"router": type(router).__name__, "fitted": fitted, "joined": joined}
        lines.append(line)
        print(line, flush=True)
    table = pd.DataFrame(lines)
    table.to_csv(
        Path(__file__).with_name("intervals.csv"), index=False, float_format="%.1f"
    )


def covered(router, seed: int) -> tuple[float, float]:
    """Share of covered cells, of fitted models and of the one that joins."""
    data = make_routing(n_queries=4000, n_models=8, random_state=seed)
    if "random_state" in router.get_params():
        router.set_params(random_state=seed)
    old = Outcomes(data.y.quality[:, 1:], models=data.y.models[1:])
    router.fit(data.X[:3000], old[:3000])
    answers = slice(0, 32)
    router.add_model("joined", data.X[answers], data.y.quality[answers, 0])
    quality, std = router.predict_quality(data.X[3000:], return_std=True)
    new = router.classes_ == "joined"
    truth = data.quality[3000:]
    inside = np.abs(quality[:, ~new] - truth[:, 1:]) <= WIDTH * std[:, ~new]
    inside_new = np.abs(quality[:, new] - truth[:, :1]) <= WIDTH * std[:, new]
    return inside.mean(), inside_new.mean()


if __name__ == "__main__":
    main()
