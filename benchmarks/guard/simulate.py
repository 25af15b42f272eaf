"""Count how often a guarded router breaks its promise, and what it saves.

Each setting has one large population of queries whose true expected quality is known.
A draw takes ``--n-queries`` of it with replacement, asks the models, fits a
`GuardedRouter` and the same router without a guard, and evaluates both on the whole
population: the promise is broken if the true mean quality is below the baseline's
less epsilon. Half of each draw is held out for the test (a property of the guard);
the router alone is fitted on all of it.

    python benchmarks/guard/simulate.py

writes ``results.csv`` beside this file.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Bunch

from sklroute import GuardedRouter, Outcomes, RidgeRouter
from sklroute.base import RouterMixin
from sklroute.datasets import make_routing
from sklroute.policies import MaxUtility

POPULATION = 10_000
ALPHA = 0.1
PENALTY = 1000.0  # one strength everywhere: nothing here is about tuning
GROUP_SIZE = 5


class BoastfulRouter(RouterMixin, BaseEstimator):
    """Praises one model above all others, by a random amount, on every query."""

    def __init__(self, model=None, *, policy=None):
        self.model = model
        self.policy = policy

    def _fit(self, X, outcomes, sample_weight, groups):
        pass

    def _predict_quality(self, X):
        quality = np.zeros((len(X), len(self.classes_)))
        boast = np.abs(X[:, 0]) / (1 + np.abs(X[:, 0]))  # as good as random
        quality[:, self.classes_.tolist().index(self.model)] = boast
        return quality


def population(signal=1.0, seed=0):
    """Queries, true quality and costs; which model is the best single one."""
    data = make_routing(POPULATION, 6, signal=signal, random_state=seed)
    best = int(data.quality.mean(axis=0).argmax())
    return Bunch(
        X=data.X, quality=data.quality, cost=data.y.cost, models=data.models, best=best
    )


def boasting(population, shortfall):
    """The baseline, and one other model worse by the same amount on every query."""
    good = population.quality[:, population.best]
    quality = np.column_stack([good, (good - shortfall).clip(0, 1)])
    cost = np.tile([1.0, 0.1], (len(quality), 1))
    return Bunch(
        X=population.X, quality=quality, cost=cost, models=["base", "other"], best=0
    )


def settings(epsilon):
    """Name, population, router and parameters of the guard."""
    real, blind = population(), population(signal=0.0)
    ridge = RidgeRouter(alpha=PENALTY)
    boast = BoastfulRouter("other")
    # The largest loss that is promised not to happen, and one a little above it.
    edge = boasting(real, 1.02 * epsilon)
    yield "signal", real, ridge, {}
    yield "signal, price", real, ridge, {"policy": MaxUtility(0.02)}
    yield "signal, high price", real, ridge, {"policy": MaxUtility(0.1)}
    yield "no signal", blind, ridge, {}
    yield "no signal, price", blind, ridge, {"policy": MaxUtility(0.02)}
    yield "over-confident, 30 points worse", boasting(real, 0.3), boast, {}
    yield "over-confident, just too much worse", edge, boast, {}
    hard = {"policy": MaxUtility(0.1)}
    yield "30 % missing, high price", real, ridge, {**hard, "missing": 0.3}
    yield "groups of 5 copies, high price", real, ridge, {**hard, "grouped": True}


def draw(population, n_queries, rng, missing=0.0, grouped=False):
    """Queries of the population and one scored answer of every model to each."""
    n_copies = GROUP_SIZE if grouped else 1  # that share the query and every answer
    rows = rng.integers(len(population.X), size=n_queries // n_copies)
    quality = population.quality[rows]
    right = (rng.random(quality.shape) < quality) * 1.0
    right[rng.random(right.shape) < missing] = np.nan
    group = np.repeat(np.flatnonzero(~np.isnan(right).all(axis=1)), n_copies)
    y = Outcomes(right[group], population.cost[rows[group]], models=population.models)
    return population.X[rows[group]], y, group if grouped else None


def evaluate(population, router, baseline):
    """True mean quality, less the baseline's, and mean cost."""
    choice = np.searchsorted(router.classes_, router.predict(population.X))
    order = np.argsort(population.models)  # of the columns of `classes_`
    choice, baseline = order[choice], population.models.index(baseline)
    rows = np.arange(len(choice))
    lost = population.quality[rows, choice] - population.quality[:, baseline]
    return (
        lost.mean(),
        population.cost[rows, choice].mean(),
        population.cost[:, baseline].mean(),
    )


def one_draw(population, router, params, epsilon, n_queries, seed):
    rng = np.random.default_rng(seed)
    params = dict(params)
    shape = {
        name: params.pop(name) for name in ("missing", "grouped") if name in params
    }
    X, y, groups = draw(population, n_queries, rng, **shape)
    guard = GuardedRouter(
        router, epsilon=epsilon, alpha=ALPHA, random_state=seed,
        baseline=population.models[population.best], **params,
    )  # fmt: skip
    guard.fit(X, y, groups=groups)
    kept, cost, base_cost = evaluate(population, guard, guard.baseline_)
    alone = clone(router).set_params(policy=guard.policy_).fit(X, y)
    own, own_cost, _ = evaluate(population, alone, guard.baseline_)
    return {
        "broken": kept < -epsilon - 1e-12,
        "always_baseline": np.isposinf(guard.threshold_),
        "let_go": np.isneginf(guard.threshold_),
        "difference": kept,
        "saving": 1 - cost / base_cost,
        "unguarded_broken": own < -epsilon - 1e-12,
        "unguarded_difference": own,
        "unguarded_saving": 1 - own_cost / base_cost,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--n-queries", type=int, default=4000)
    parser.add_argument("--epsilon", type=float, nargs="+", default=[0.02])
    parser.add_argument("--only", default="", help="settings whose name has this")
    parser.add_argument("--out", default=Path(__file__).with_name("results.csv"))
    args = parser.parse_args()
    lines = []
    for epsilon in args.epsilon:
        for name, table, router, params in settings(epsilon):
            if args.only not in name:
                continue
            draws = pd.DataFrame(
                one_draw(table, router, params, epsilon, args.n_queries, seed)
                for seed in range(args.draws)
            )
            about = {"setting": name, "epsilon": epsilon, "alpha": ALPHA,
                     "n_queries": args.n_queries, "draws": args.draws}  # fmt: skip
            lines.append({**about, **draws.mean().round(4).to_dict()})
            print(pd.Series(lines[-1]).to_string(), end="\n\n", flush=True)
    pd.DataFrame(lines).to_csv(args.out, index=False)


if __name__ == "__main__":
    main()
