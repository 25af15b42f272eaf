"""Streams of queries, and routers that answer them from stored predictions.

What a fitted router predicts for a query never changes, only what its pool has learnt
since; so both the predictions and the features of the pool's basis are computed once
for all queries that may come. Everything else is the router's own code: `Replay` is a
router whose only feature is the number of the query.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import GroupShuffleSplit
from sklearn.utils import Bunch

from sklroute import Outcomes
from sklroute.base import RouterMixin
from sklroute.datasets import (
    load_features,
    load_outcomes,
    load_visual_qa,
    make_routing,
)
from sklroute.features import BlockScaler

N_QUERIES = 20_000  # of a stream; the drift comes in the middle
REAL = ("mllm10", "mmlu_pro", "routerbench")
N_TRAIN = 2000  # of a synthetic table


class Table(NamedTuple):
    """Queries to fit on, and those that a stream is drawn from."""

    X_train: NDArray
    y_train: Outcomes
    groups_train: NDArray
    X: NDArray
    y: Outcomes
    groups: NDArray
    modalities: dict


class Stream(NamedTuple):
    """Queries in their order, and what every model's answer would be worth."""

    rows: NDArray
    """(n_queries,) numbers of the queries in the table."""
    quality: NDArray
    """(n_queries, n_models) before the drift."""
    luck: NDArray
    """(n_queries,) uniform numbers that say which answers a drift spoils."""

    def drifted(self, model: int, kept: float) -> "Stream":
        """One model loses each of its answers with probability ``1 - kept``."""
        quality = self.quality.copy()
        quality[:, model] *= self.luck < kept
        return self._replace(quality=quality)

    def cut(self, rows: slice) -> "Stream":
        """A part of the queries."""
        return Stream(*(part[rows] for part in self))

    def batches(self, size: int):
        """Yield the queries in parts."""
        for start in range(0, len(self.rows), size):
            part = slice(start, start + size)
            yield self.rows[part], self.quality[part]


def load_table(name: str, seed: int, folder: Path | None) -> Table:
    """Load a table: half of its groups to fit on, the complete rest for the stream."""
    if name == "synthetic":
        n = N_TRAIN + N_QUERIES
        data = make_routing(n, 8, random_state=seed)
        data.groups = np.arange(n)
        train, test = np.arange(N_TRAIN), np.arange(N_TRAIN, n)
    else:
        data = load_visual_qa() if name == "visual_qa" else _load(name, folder)
        halves = GroupShuffleSplit(1, test_size=0.5, random_state=seed)
        train, test = next(halves.split(data.X, groups=data.groups))
        train = train[data.y.observed[train].any(axis=1)]
        test = test[data.y.observed[test].all(axis=1)]
    scaler = BlockScaler(data.modalities).fit(data.X[train])
    return Table(
        scaler.transform(data.X[train]),
        data.y[train],
        data.groups[train],
        scaler.transform(data.X[test]),
        data.y[test],
        data.groups[test],
        data.modalities,
    )


def _load(name: str, folder: Path) -> Bunch:
    path = folder / f"{name}.parquet"
    table = load_outcomes(path, groups="cv_group")
    features = load_features(path.with_suffix(".features.npz"))
    return Bunch(
        X=features.X,
        y=table.y,
        groups=np.unique(table.groups, return_inverse=True)[1],
        modalities=features.modalities,
    )


def make_stream(table: Table, seed: int, n_queries: int = N_QUERIES) -> Stream:
    """Draw a stream: with replacement, unless there are queries enough."""
    rng = np.random.default_rng([seed, 1])
    again = len(table.X) < n_queries
    rows = rng.choice(len(table.X), n_queries, replace=again)
    return Stream(rows, table.y.quality[rows], rng.random(n_queries))


class Stored(NamedTuple):
    """A basis whose features have been computed."""

    table: NDArray

    @property
    def n_features(self) -> int:
        """Number of features."""
        return self.table.shape[1]

    def __call__(self, X: NDArray, fitted: NDArray) -> NDArray:
        """Features of the queries with these numbers."""
        return self.table[X[:, 0].astype(int)]


class Replay(RouterMixin, BaseEstimator):
    """A fitted router, for the queries of a table only: X has their numbers."""

    def __init__(self, *, policy=None):
        self.policy = policy

    @classmethod
    def of(cls, router, X: NDArray) -> "Replay":
        """Store what a router predicts for the queries of a table."""
        replay = cls()
        replay.stored_ = router.predict_quality(X)
        basis = Stored(router.pool_.basis(X, replay.stored_))
        replay.pool_ = router.pool_._replace(basis=basis)
        for name in ("classes_", "mean_quality_", "mean_cost_", "fitted_quality_"):
            setattr(replay, name, getattr(router, name))
        replay.n_features_in_ = 1
        return replay

    def _predict_quality(self, X):
        return self.stored_[X[:, 0].astype(int)]
