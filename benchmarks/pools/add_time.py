"""Time of the changes of a pool of 200 models.

    python benchmarks/pools/add_time.py

CPU seconds, least of 5 calls each, on made-up tables of 4,000 queries with 512
features.
"""

import pickle
from time import process_time

import numpy as np
from common import write
from threadpoolctl import threadpool_limits

from sklroute import KernelRouter
from sklroute.datasets import make_routing


def main() -> None:
    """Time every change and write ``results/time.csv``."""
    data = make_routing(4000, n_models=200, n_features=(256, 256), random_state=0)
    with threadpool_limits(1):
        router = KernelRouter(alphas=(10.0, 10.0), random_state=0)
        router.fit(data.X[:3000], data.y[:3000])
        rows = slice(3000, 3200)
        X, answers = data.X[rows], data.y.quality[rows, 0]
        calls = {
            "add_model, 32 answers": lambda r: r.add_model("~", X[:32], answers[:32]),
            "add_model, 200 answers": lambda r: r.add_model("~", X, answers),
            "add_model, 32 answers, y": lambda r: r.add_model(
                "~", X[:32], answers[:32], y=data.y[rows][:32]
            ),
            "remove_model": lambda r: r.remove_model(r.classes_[0]),
            "suggest_probes, 32 of 3,000": lambda r: r.suggest_probes(
                data.X[:3000], 32
            ),
            "value_of, 200 answers": lambda r: r.value_of(X, answers, y=data.y[rows]),
        }
        lines = [
            {"what": what, "seconds": np.min([time(call, router) for _ in range(5)])}
            for what, call in calls.items()
        ]
    write(lines, "time")


def time(call, router) -> float:
    """CPU seconds of one call on a copy."""
    router = pickle.loads(pickle.dumps(router))
    start = process_time()
    call(router)
    return process_time() - start


if __name__ == "__main__":
    main()
