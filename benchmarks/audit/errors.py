"""How often an audit says "pays": without signal (wrongly) and with (power).

    python benchmarks/audit/errors.py                 # all, about ten minutes
    python benchmarks/audit/errors.py --tables 50     # quicker, coarser

Writes results.csv beside this file.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from sklroute.audit import audit, cross_audit
from sklroute.audit._statistics import expected_power
from sklroute.baselines import KNNRouter, RidgeRouter
from sklroute.datasets import make_routing

ROUTERS = {"ridge": RidgeRouter(alpha=300.0), "knn": KNNRouter(n_neighbors=50)}
N_TRAIN, N_TEST = 400, 400  # of a table without signal
SIZES = (100, 200, 400, 800, 1600)  # of the audited samples with signal
SIGNALS = (0.4, 0.6)
N_POOL = 60_000
FEW = {"n_permutations": 2, "n_resamples": 1000}  # the control is not looked at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    rows = [*false_alarms(options.tables), *power(options.tables)]
    table = pd.DataFrame(rows)
    table.to_csv(options.out / "results.csv", index=False, float_format="%.4g")
    print(table.to_string(index=False))


def false_alarms(n_tables: int):
    """Share of tables without signal on which a router is said to pay."""
    said = {(name, how): [] for name in ROUTERS for how in ("audit", "cross_audit")}
    for seed in range(n_tables):
        data = make_routing(N_TRAIN + N_TEST, signal=0, random_state=seed)
        train, test = np.split(np.arange(N_TRAIN + N_TEST), [N_TRAIN])
        for name, router in ROUTERS.items():
            fitted = router.fit(data.X[train], data.y[train])
            once = audit(fitted, data.X[test], data.y[test], **FEW)
            cross = cross_audit(router, data.X, data.y, **FEW)
            for how, result in (("audit", once), ("cross_audit", cross)):
                said[name, how].append(result.table["verdict"].item())
    for (name, how), verdicts in said.items():
        yield {"router": name, "how": how, "signal": 0.0, **_shares(verdicts, n_tables)}


def power(n_tables: int):
    """Share of samples on which a router that gains is said to pay, by their size."""
    for signal in SIGNALS:
        data = make_routing(N_POOL, signal=signal, random_state=0)
        router = RidgeRouter(alpha=300.0).fit(data.X[:1000], data.y[:1000])
        X, y = data.X[1000:], data.y[1000:]
        whole = audit(router, X, y, n_permutations=1, n_resamples=100).table.iloc[0]
        rng = np.random.default_rng(0)
        for size in SIZES:
            verdicts = []
            for _ in range(n_tables):
                rows = rng.choice(len(y), size, replace=False)
                found = audit(router, X[rows], y[rows], min_gain=0.0, **FEW)
                verdicts.append(found.table["verdict"].item())
            error = whole.error * np.sqrt(len(y) / size)
            yield {
                "router": "ridge",
                "how": "audit",
                "signal": signal,
                "n_queries": size,
                "true_gain": whole.utility_gain,
                "expected_power": expected_power(whole.utility_gain, error),
                **_shares(verdicts, n_tables),
            }


def _shares(verdicts: list[str], n_tables: int) -> dict:
    pays = verdicts.count("pays")
    bounds = binomtest(pays, n_tables).proportion_ci(method="wilson")
    return {
        "tables": n_tables,
        "pays": pays / n_tables,
        "pays_low": bounds.low,
        "pays_high": bounds.high,
        "does_not_pay": verdicts.count("does not pay") / n_tables,
    }


if __name__ == "__main__":
    main()
