"""Bias and coverage of the estimators of a policy's value, from logs.

A population of queries with known true quality is logged by a stochastic policy that
depends on the query, on more than its features tell: each query is sent to one of four
models, whose answer alone is scored. The value of another, fixed policy is estimated
from 1,000 and from 4,000 logged queries, 500 times each, with a bootstrap interval of
95 %, and compared with its true value.

Propensities are right, or wrong: every call recorded as if all models were equally
likely. Predictions are those of an outcome model that is true (it knows the expected
quality), learned (a ridge regression fitted on other folds of the same log), or upside
down (one less the learned quality).

    python benchmarks/off_policy/simulate.py

writes ``results.csv`` beside this file.
"""

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn.utils import Bunch

from sklroute import LoggedOutcomes, RidgeRouter
from sklroute.datasets import make_routing
from sklroute.metrics import (
    direct_value,
    doubly_robust_value,
    effective_sample_size,
    ips_value,
    snips_value,
)
from sklroute.metrics._bootstrap import resampled_means
from sklroute.model_selection import cross_val_quality
from sklroute.policies import MaxUtility

N_FITTED = 2_000  # queries that the two policies were made on
POPULATION = 20_000
N_MODELS = 4
COST_WEIGHT = 0.02
N_RESAMPLES = 1000
KEYS = ["n_queries", "estimator", "propensities", "outcome_model"]
PENALTY = 300.0
TEMPERATURE, UNIFORM = 0.5, 0.2  # of the logging policy


def population():
    """Queries, the probabilities of the log, and the policy to be valued."""
    data = make_routing(N_FITTED + POPULATION, N_MODELS, random_state=0)
    fitted, rest = slice(0, N_FITTED), slice(N_FITTED, None)
    router = RidgeRouter(PENALTY).fit(data.X[fitted], data.y[fitted])
    X, quality, cost = data.X[rest], data.quality[rest], data.y.cost[rest]
    # Whoever wrote the log saw more of the query than its features tell.
    liked = softmax(quality / TEMPERATURE, axis=1)
    choice = router.predict(X, policy=MaxUtility(COST_WEIGHT))
    rows, column = np.arange(len(X)), data.y.index(choice)
    return Bunch(
        X=X,
        quality=quality,
        cost=cost,
        models=data.y.models,
        propensity=(1 - UNIFORM) * liked + UNIFORM / N_MODELS,
        choice=choice,
        truth=(quality - COST_WEIGHT * cost)[rows, column].mean(),
    )


def draw(table, n_queries, rng):
    """A log: the rows of the population, and outcomes for each kind of propensity."""
    rows = rng.integers(len(table.X), size=n_queries)
    propensity = table.propensity[rows]
    called = (rng.random(n_queries)[:, None] < propensity.cumsum(axis=1)).argmax(axis=1)
    seen = np.eye(N_MODELS)[called] > 0
    right = rng.random(seen.shape) < table.quality[rows]
    quality = np.where(seen, right * 1.0, np.nan)
    cost = np.where(seen, table.cost[rows], np.nan)
    kinds = {"right": propensity, "uniform (wrong)": np.full(N_MODELS, 1 / N_MODELS)}
    return rows, {
        name: LoggedOutcomes(quality, cost, propensity=value, models=table.models)
        for name, value in kinds.items()
    }


def predictions(table, rows, log):
    """Predicted quality of each kind, and predicted cost."""
    learned = cross_val_quality(RidgeRouter(PENALTY), table.X[rows], log)
    quality = {"true": table.quality[rows], "learned": learned,
               "upside down": 1 - learned}  # fmt: skip
    return quality, np.nanmean(log.cost, axis=0)


def one_draw(table, n_queries, seed):
    """Estimate and interval of every estimator in every situation."""
    rng = np.random.default_rng(seed)
    rows, logs = draw(table, n_queries, rng)
    choice = table.choice[rows]
    quality, cost = predictions(table, rows, logs["right"])
    per_query = {"cost_weight": COST_WEIGHT, "reduce": None}
    values = {}
    for kind, log in logs.items():
        values["ips", kind, ""] = ips_value(log, choice, **per_query)
        values["snips", kind, ""] = snips_value(log, choice, **per_query)
    for kind, model in product(logs, quality):
        values["dr", kind, model] = doubly_robust_value(
            logs[kind], choice, quality[model], cost, **per_query
        )
    for model in quality:
        values["dm", "", model] = direct_value(
            logs["right"], choice, quality[model], cost, **per_query
        )
    size = effective_sample_size(logs["right"], choice)
    low, high = intervals(np.column_stack(list(values.values())), seed)
    for place, (key, value) in enumerate(values.items()):
        yield dict(
            zip(KEYS, (n_queries, *key), strict=True),
            estimate=value.mean(),
            covered=low[place] <= table.truth <= high[place],
            width=high[place] - low[place],
            effective_size=size,
        )


def intervals(values, seed):
    """Bounds as `paired_bootstrap` gives them: the same seed draws the same queries."""
    (means,) = resampled_means([values], None, N_RESAMPLES, seed)
    return np.quantile(means[1:], [0.025, 0.975], axis=0)


def summary(draws, truth):
    """One line a situation."""
    groups = draws.groupby(KEYS, sort=False)
    lines = groups.agg(
        bias=("estimate", lambda values: values.mean() - truth),
        sd=("estimate", "std"),
        coverage=("covered", "mean"),
        width=("width", "mean"),
        effective_size=("effective_size", "mean"),
    )
    lines.insert(0, "draws", groups.size())
    lines.insert(1, "truth", truth)
    lines.insert(3, "bias_error", lines["sd"] / np.sqrt(groups.size()))
    return lines.round(4).reset_index()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--n-queries", type=int, nargs="+", default=[1000, 4000])
    parser.add_argument("--out", default=Path(__file__).with_name("results.csv"))
    args = parser.parse_args()
    table = population()
    draws = pd.DataFrame(
        line
        for n_queries in args.n_queries
        for seed in range(args.draws)
        for line in one_draw(table, n_queries, seed)
    )
    lines = summary(draws, table.truth)
    lines.to_csv(args.out, index=False)
    print(lines.to_string())


if __name__ == "__main__":
    main()
