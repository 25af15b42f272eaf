"""How often an audit says "pays": without signal (wrongly) and with (power).

    python benchmarks/audit/errors.py                 # all, about 15 minutes
    python benchmarks/audit/errors.py --tables 50     # quicker, coarser
    python benchmarks/audit/errors.py --parts power   # that part of the results alone

Writes results.csv beside this file; parts that are not run keep their rows.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm
from sklearn.utils import Bunch

from sklroute import Outcomes
from sklroute.audit import audit, cross_audit
from sklroute.baselines import KNNRouter, RidgeRouter
from sklroute.datasets import make_routing

ROUTERS = {"ridge": RidgeRouter(alpha=300.0), "knn": KNNRouter(n_neighbors=50)}
N_TRAIN, N_TEST = 400, 400  # of a table without signal
# Sizes of the audited samples, for two strengths of the signal.
SIZES = {0.4: (100, 200, 400, 800, 1600), 0.6: (100, 200, 400)}
N_POOL = 60_000
FEW = {"n_permutations": 2, "n_resamples": 1000}  # the control is not looked at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=500)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--parts", default=",".join(PARTS))
    options = parser.parse_args()
    path = options.out / "results.csv"
    tables = {}
    if path.exists():
        tables = dict(iter(pd.read_csv(path).groupby("part")))
    for part in options.parts.split(","):
        tables[part] = pd.DataFrame(PARTS[part](options.tables)).assign(part=part)
    table = pd.concat([tables[part] for part in PARTS if part in tables])
    table.to_csv(path, index=False, float_format="%.4g")
    print(table.to_string(index=False))


def no_signal(n_tables: int):
    """Tables of `make_routing` on which no router can beat the best single model."""
    return _false_alarms(
        make_routing(N_TRAIN + N_TEST, signal=0, random_state=seed)
        for seed in range(n_tables)
    )


def equal_models(n_tables: int):
    """All models equally good on all queries: the true gain of any router is 0."""
    return _false_alarms(_equal(seed) for seed in range(n_tables))


def _equal(seed: int) -> Bunch:
    rng = np.random.default_rng(seed)
    right = rng.random((N_TRAIN + N_TEST, 6)) < 0.6
    return Bunch(X=rng.normal(size=(len(right), 16)), y=Outcomes(right.astype(float)))


def _false_alarms(tables):
    """Share of tables without signal on which a router is said to pay."""
    ways = [("ridge", "audit"), ("knn", "audit"), ("ridge", "cross_audit")]
    said = {way: [] for way in ways}
    for data in tables:
        train, test = np.split(np.arange(N_TRAIN + N_TEST), [N_TRAIN])
        for name, how in ways:
            router = ROUTERS[name]
            if how == "audit":
                fitted = router.fit(data.X[train], data.y[train])
                result = audit(fitted, data.X[test], data.y[test], **FEW)
            else:
                result = cross_audit(router, data.X[test], data.y[test], **FEW)
            said[name, how].append(result.table["verdict"].item())
    for (name, how), verdicts in said.items():
        yield {"router": name, "how": how, "signal": 0.0, **_shares(verdicts)}


def power(n_tables: int):
    """Share of samples on which a router that gains is said to pay, by their size."""
    for signal, sizes in SIZES.items():
        data = make_routing(N_POOL, signal=signal, random_state=0)
        router = RidgeRouter(alpha=300.0).fit(data.X[:1000], data.y[:1000])
        X, y = data.X[1000:], data.y[1000:]
        whole = audit(router, X, y, n_permutations=1, n_resamples=100).table.iloc[0]
        rng = np.random.default_rng(0)
        for size in sizes:
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
                "expected_power": norm.cdf(
                    whole.utility_gain / error - norm.ppf(0.975)
                ),
                **_shares(verdicts),
            }


def _shares(verdicts: list[str]) -> dict:
    pays, n_tables = verdicts.count("pays"), len(verdicts)
    bounds = binomtest(pays, n_tables).proportion_ci(method="wilson")
    return {
        "tables": n_tables,
        "pays": pays / n_tables,
        "pays_low": bounds.low,
        "pays_high": bounds.high,
        "does_not_pay": verdicts.count("does not pay") / n_tables,
    }


PARTS = {"no_signal": no_signal, "equal_models": equal_models, "power": power}


if __name__ == "__main__":
    main()
