"""Exact and approximate neighbours: recall, time and what it costs in routing.

    OMP_NUM_THREADS=1 python benchmarks/scale/neighbors.py --data FOLDER

On 100,000 queries of the table of ``millions.py``, and on the real features in
``--data``, if it is given (each ``*.features.npz`` there; else it says that it skips
them). Writes ``results/neighbors.csv``: the share of the 128 exact neighbours of 2,000
other queries that are found, seconds to build and to search, and the mean absolute
difference of predicted quality.
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from millions import World
from sklearn.preprocessing import normalize

from sklroute import KNNRouter, Outcomes

K, N_TRAIN, N_TEST = 128, 100_000, 2000
RESULTS = Path(__file__).parent / "results" / "neighbors.csv"


def tables(data, n_train):
    """Names, features and qualities."""
    X, table, _ = World().block(7, n_train + N_TEST, 0.0)
    yield "millions.py", X, table[..., 0].astype(float)
    if data is None:
        print("no --data: real features are skipped")
        return
    for path in sorted(data.glob("*.features.npz")):
        with np.load(path, allow_pickle=False) as file:
            blocks = [file[name] for name in file.files if file[name].ndim == 2]
        X = np.hstack(blocks).astype(np.float32)
        X = X[np.random.default_rng(0).permutation(len(X))]
        quality = np.random.default_rng(1).random((len(X), 2))
        yield path.name.split(".")[0], X, quality


def measure(name, X, quality):
    X = X - X.mean(axis=0)
    train, test = X[:-N_TEST], X[-N_TEST:]
    found = {}
    for algorithm in ("brute", "approximate"):
        router = KNNRouter(K, algorithm=algorithm)
        start = perf_counter()
        router.fit(train, Outcomes(quality[:-N_TEST]))
        built = perf_counter()
        predicted = router.predict_quality(test)
        searched = perf_counter()
        nearest = router.neighbors_.kneighbors(normalize(test), return_distance=False)
        found[algorithm] = built - start, searched - built, predicted, nearest
    exact, near = found["brute"], found["approximate"]
    pairs = zip(near[3], exact[3], strict=True)
    return {
        "features": name,
        "queries": len(train),
        "width": X.shape[1],
        "recall": np.mean([np.isin(*pair).mean() for pair in pairs]),
        "quality_difference": np.abs(near[2] - exact[2]).mean(),
        "fit_s_brute": exact[0],
        "fit_s_approximate": near[0],
        "predict_s_brute": exact[1],
        "predict_s_approximate": near[1],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--n-train", type=int, default=N_TRAIN)
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    rows = []
    for table in tables(args.data, args.n_train):
        rows.append(measure(*table))
        print(rows[-1], flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(args.out, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
