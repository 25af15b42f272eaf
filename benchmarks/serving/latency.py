"""How fast routers answer: estimator, compiled router and ONNX model in the same run.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE \\
        python benchmarks/serving/latency.py

writes ``results.csv`` and ``environment.json`` beside this file. Queries and outcomes
are made by `make_routing`: 11 models, 1024 features in two blocks, 2,000 queries.
The two predictors of a router take turns, so that a busy machine slows both.
"""

import argparse
import csv
import json
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
import sklearn
import torch
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

import sklroute
from sklroute import (
    AverageRouter,
    ClusterRouter,
    KernelRouter,
    KNNRouter,
    LatentRouterClassifier,
    LogisticRouter,
    MLPRouter,
    RidgeRouter,
)
from sklroute.datasets import make_routing
from sklroute.pipeline import RouterPipeline

HERE = Path(__file__).parent
N_SINGLE = 500
BATCH = 10_000


def routers(modalities):
    latent = LatentRouterClassifier(modalities=modalities, random_state=0)
    small = LatentRouterClassifier(
        modalities=modalities,
        hidden_dim=64,
        prior=KernelRouter(64, random_state=0),
        random_state=0,
    )
    pca = [("scale", StandardScaler()), ("pca", PCA(64, random_state=0))]
    return {
        "latent": latent,
        "latent (hidden_dim=64, 64 landmarks)": small,
        "PCA(64) + latent": RouterPipeline(
            [*pca, ("router", LatentRouterClassifier(random_state=0))]
        ),
        "kernel": KernelRouter(random_state=0),
        "ridge": RidgeRouter(alpha=1000.0),
        "PCA(64) + ridge": RouterPipeline([*pca, ("router", RidgeRouter(100.0))]),
        "logistic": LogisticRouter(C=0.003),
        "mlp": MLPRouter(alpha=10.0, max_iter=5, random_state=0),
        "cluster": ClusterRouter(random_state=0),
        "knn": KNNRouter(64),
        "knn + logistic": AverageRouter(
            [("knn", KNNRouter(64)), ("logistic", LogisticRouter(C=0.003))]
        ),
    }


def onnx_predictor(compiled, folder):
    """A function like predict, or None where there is no such form or library."""
    try:
        import onnxruntime

        compiled.to_onnx(folder / "model.onnx")
    except (ImportError, TypeError):
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        folder / "model.onnx", options, providers=["CPUExecutionProvider"]
    )
    weight = np.zeros(1, np.float32)

    def predict(X):
        available = np.ones((len(X), len(compiled.classes_)), dtype=bool)
        given = {"features": X, "available": available, "cost_weight": weight}
        return compiled.classes_[session.run(["choice"], given)[0]]

    return predict


def single(predictors, X):
    """Microseconds of single queries, (n_calls,) for each predictor, taking turns."""
    times = {name: [] for name in predictors}
    for number in range(N_SINGLE):
        row = X[number % len(X)][None]
        for name, predict in predictors.items():
            if name == "estimator" and number % 5:
                continue  # slow, and needs fewer calls for a median
            predict(row)  # once to warm the cache that the others have emptied
            start = time.perf_counter_ns()
            predict(row)
            times[name].append((time.perf_counter_ns() - start) / 1000)
    return {name: np.array(t) for name, t in times.items()}


def batch(predictors, X):
    """Thousand queries per second, the best of three."""
    rate = {}
    for name, predict in predictors.items():
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            predict(X)
            seconds.append(time.perf_counter() - start)
        rate[name] = len(X) / min(seconds) / 1000
    return rate


def measure(router, X, folder):
    compiled = router.compile()
    predictors = {"estimator": router.predict, "compiled": compiled.predict}
    onnx = onnx_predictor(compiled, folder)
    if onnx is not None:
        predictors["onnx"] = onnx
    many = np.tile(X, (BATCH // len(X), 1))
    times, rate = single(predictors, X), batch(predictors, many)
    chosen = {name: predict(X) for name, predict in predictors.items()}
    for name in predictors:
        yield {
            "predictor": name,
            **{
                f"p{q}_us": round(float(np.percentile(times[name], q)), 1)
                for q in (10, 50, 99)
            },
            # Of 10th percentiles: on a busy machine the medians of slow calls hold
            # the time slices of other programs.
            "times_faster": round(
                float(
                    np.percentile(times["estimator"], 10)
                    / np.percentile(times[name], 10)
                ),
                1,
            ),
            "batch_k_per_s": round(rate[name], 1),
            "batch_times_faster": round(rate[name] / rate["estimator"], 2),
            "same_choice": float((chosen[name] == chosen["estimator"]).mean()),
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", help="routers whose name has this text")
    parser.add_argument("--output", type=Path, default=HERE)
    options = parser.parse_args()
    table = make_routing(2000, 11, n_features=(512, 512), missing=0.1, random_state=0)
    X = table.X.astype(np.float32)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, router in routers(table.modalities).items():
            if options.only and options.only not in name:
                continue
            router.fit(X, table.y)
            for row in measure(router, X, Path(folder)):
                rows.append({"router": name, **row})
                print(rows[-1], flush=True)
    with open(options.output / "results.csv", "w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    environment = {
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "sklroute": sklroute.__version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "torch": torch.__version__,
    }
    text = json.dumps(environment, indent=2) + "\n"
    (options.output / "environment.json").write_text(text)


if __name__ == "__main__":
    main()
