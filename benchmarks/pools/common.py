"""What the studies of changing pools share: routers that never knew a model.

Splits, tables and intervals are those of ``benchmarks/latent/study.py``: five seeds
share a partition, fit on three fifths of the queries and test every query once.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Bunch

from sklroute import Outcomes
from sklroute.compare._jobs import configure
from sklroute.compare._splits import make_splits
from sklroute.features import BlockScaler
from sklroute.pool._basis import make_basis
from sklroute.pool._newcomer import newcomer
from sklroute.pool._pool import Pool

# Its tables, splits and intervals.
sys.path.insert(0, str(Path(__file__).parents[1] / "latent"))
from study import drop

RESULTS = Path(__file__).parent / "results"
TABLES = ("visual_qa", "mllm10", "mmlu_pro", "routerbench")
PARTITION = 7  # none of the choices in the package was made on its folds
TUNED = ("alpha", "alphas", "C", "n_neighbors")  # each has a fitted `name_`


class Seed(NamedTuple):
    """Scaled queries and outcomes of one seed."""

    number: int
    X_train: NDArray
    y_train: Outcomes
    groups: NDArray  # of the training queries
    X_test: NDArray
    y_test: Outcomes
    test: NDArray  # rows of the table
    modalities: dict


class LeftOut(NamedTuple):
    """A router that never knew a model, and what it predicts for all others."""

    model: int
    pool: Pool
    predict: Callable[[NDArray], NDArray]
    train: NDArray  # predictions for the training queries
    features: NDArray  # of the test queries, in the pool's basis
    mean: NDArray  # over the models, of the predictions for the test queries
    best: NDArray  # the highest of them among the candidates
    reached: NDArray  # realised quality of that choice

    def predicted(self, *answers: NDArray) -> NDArray[np.float64]:
        """Quality of the model on the test queries, after some answers."""
        belief = newcomer(self.pool.basis, *answers)
        return (self.mean + self.features @ belief.coef).clip(0.0, 1.0)


def seeds_of(table: Bunch, n_seeds: int, random_state: int) -> Iterator[Seed]:
    """Yield every seed; queries on which one model alone was run decide nothing."""
    splits = make_splits(len(table.y), table.task, table.groups, n_seeds, random_state)
    for number, split in enumerate(splits):
        n_observed = table.y.observed.sum(axis=1)
        train = split.train[n_observed[split.train] > 1]
        test = split.test[n_observed[split.test] > 1]
        scaler = BlockScaler(table.modalities).fit(table.X[train])
        X_train, X_test = (
            scaler.transform(table.X[rows]).astype(np.float32) for rows in (train, test)
        )
        yield Seed(
            number,
            X_train,
            table.y[train],
            table.groups[train],
            X_test,
            table.y[test],
            test,
            table.modalities,
        )


def fit_full(router: BaseEstimator, seed: Seed) -> BaseEstimator:
    """Fit on all models, tuned."""
    router = configure(router, seed.modalities, 0)
    return router.fit(seed.X_train, seed.y_train, groups=seed.groups)


def leave_out(
    full: BaseEstimator, seed: Seed, models: NDArray, *, separable: bool
) -> Iterator[LeftOut]:
    """Yield routers that never knew one of the models.

    Penalties are those of the full router: to tune them again would cost more than it
    tells. A separable router learns every model from that model's outcomes alone; to
    leave one out is then to drop its column.
    """
    n_models = len(seed.y_train.models)
    parts = seed.X_train, seed.X_test
    tables = [full._predict_quality(X) for X in parts] if separable else None
    for model in models:
        kept = np.delete(np.arange(n_models), model)
        if separable:
            predict = _columns(full, kept)
            pool = Pool.of_fitted(n_models - 1, make_basis(seed.X_train, predict))
            train, fitted = (table[:, kept] for table in tables)
        else:
            router = refit(full, seed, kept)
            predict, pool = router._predict_quality, router.pool_
            train, fitted = (predict(X) for X in parts)
        others = drop(seed.y_test, kept)
        masked = np.where(others.candidates, fitted, -np.inf)
        choice = masked.argmax(axis=1)
        rows = np.arange(len(choice))
        yield LeftOut(
            model,
            pool,
            predict,
            train,
            pool.basis(seed.X_test, fitted),
            fitted.mean(axis=1),
            masked[rows, choice],
            others.quality[rows, choice],
        )


def _columns(full: BaseEstimator, kept: NDArray) -> Callable[[NDArray], NDArray]:
    return lambda X: full._predict_quality(X)[:, kept]


def refit(full: BaseEstimator, seed: Seed, kept: NDArray) -> BaseEstimator:
    """Fit on some of the models, with the penalties of the full router."""
    router = clone(full)
    for name in TUNED:
        if name in router.get_params(deep=False):
            router.set_params(**{name: getattr(full, f"{name}_")})
    y = drop(seed.y_train, kept)
    rows = y.observed.any(axis=1)
    return router.fit(seed.X_train[rows], y[rows], groups=seed.groups[rows])


def joined(left: LeftOut, y: Outcomes, predicted: NDArray) -> NDArray[np.float64]:
    """Realised quality of each test query, if the model has joined with predictions."""
    chosen = y.candidates[:, left.model] & (predicted > left.best)
    return np.where(chosen, y.quality[:, left.model], left.reached)


def write(lines: list[dict], name: str, *, keep: bool = False) -> None:
    """Write a table of results, keep those of other tables if asked, and show it."""
    frame = pd.DataFrame(lines).round(4)
    path = RESULTS / f"{name}.csv"
    if keep and path.exists():
        old = pd.read_csv(path)
        order = [*TABLES, *frame["table"]].index
        frame = pd.concat([old[~old["table"].isin(frame["table"])], frame])
        frame = frame.sort_values("table", key=lambda t: t.map(order), kind="stable")
    RESULTS.mkdir(exist_ok=True)
    frame.to_csv(path, index=False)
    print(frame.to_string(index=False), flush=True)
