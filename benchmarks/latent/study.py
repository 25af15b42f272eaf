"""What the studies of the latent router share: tables, fits, paired gains.

A fold is predicted by routers that were fitted on three fifths of the queries; the
validation fifth of `sklroute.compare` stays unused here, because no operating point is
chosen. Five seeds share a partition and test every query once; several partitions test
it as often. All intervals are 95 % bootstrap intervals over (groups of) queries, of
differences on the same queries.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import process_time
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils import Bunch
from threadpoolctl import threadpool_limits

from sklroute import Outcomes
from sklroute.compare._jobs import configure, prepare
from sklroute.compare._protocol import tasks_of
from sklroute.compare._splits import make_splits
from sklroute.datasets import (
    load_features,
    load_outcomes,
    load_visual_qa,
    make_routing,
)
from sklroute.features import BlockScaler
from sklroute.metrics import (
    Interval,
    frontier_bootstrap,
    paired_bootstrap,
    realised_quality,
)

RESULTS = Path(__file__).parent / "results"
REAL = ("mllm10", "mmlu_pro", "routerbench")
PARTITIONS = (1, 11, 21, 31, 41, 51, 61, 71)  # nothing was chosen on them


def parse_options(description: str | None) -> argparse.Namespace:
    """Read the options that all studies have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, help="folder of the real tables")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seeds", type=int, default=5)
    return parser.parse_args()


# -- tables --------------------------------------------------------------------------


def load_tables(folder: Path | None) -> Iterator[tuple[str, Bunch]]:
    """Yield the bundled table and every real table at hand."""
    data = load_visual_qa()
    yield (
        "visual_qa",
        Bunch(
            X=data.X,
            y=data.y,
            task=data.task,
            groups=data.groups,
            modalities=data.modalities,
        ),
    )
    for name in REAL:
        path = None if folder is None else folder / f"{name}.parquet"
        if path is None or not path.exists():
            print(f"{name} is left out: no --data, or the file is not there")
            continue
        table = load_outcomes(path, task="group", groups="cv_group")
        features = load_features(path.with_suffix(".features.npz"))
        yield (
            name,
            Bunch(
                X=features.X,
                y=table.y,
                task=table.task,
                groups=table.groups,
                modalities=features.modalities,
            ),
        )


def make_synthetic(n_queries: int, seed: int, *, n_test: int = 5000) -> Bunch:
    """Return 11 models and 1024 features; a tenth of the training cells is missing."""
    data = make_routing(
        n_queries + n_test, n_models=11, n_features=(512, 512), random_state=seed
    )
    lost = np.random.default_rng(seed).random((n_queries, 11)) < 0.1
    quality = data.y.quality[:n_queries].copy()
    quality[lost & (np.arange(11) > 0)] = np.nan  # the first model is always run
    train = Outcomes(quality, data.y.cost[:n_queries], models=data.y.models)
    rows = slice(0, n_queries), slice(n_queries, None)
    return Bunch(
        X_train=data.X[rows[0]],
        y_train=train,
        X_test=data.X[rows[1]],
        y_test=data.y[rows[1]],
        truth=data.quality[rows[1]],
        modalities=data.modalities,
    )


def drop(y: Outcomes, kept: NDArray) -> Outcomes:
    """Outcomes of some of the models."""
    tables = (y.quality[:, kept], y.cost[:, kept], y.available[:, kept])
    return Outcomes(*tables, models=y.models[kept])


# -- fits ----------------------------------------------------------------------------


class Tested(NamedTuple):
    """Predictions of one router for the test queries of all seeds, in turn."""

    quality: NDArray
    cost: NDArray
    rows: NDArray
    cpu_seconds: float  # of one fit


def cross_test(
    table: Bunch,
    routers: Mapping[str, BaseEstimator],
    *,
    n_seeds: int = 5,
    partitions: Sequence[int] = PARTITIONS[:1],
    shuffle: bool = False,
    learn_tasks: bool = False,
    n_jobs: int = 2,
) -> dict[str, Tested]:
    """Fit every router on every seed's training rows and predict its test rows."""
    tasks = tasks_of(table.task, table.groups, learn_tasks)
    splits = [
        split
        for partition in partitions
        for split in make_splits(
            len(table.y), table.task, table.groups, n_seeds, partition
        )
    ]
    jobs = [
        delayed(_fit_one)(table, split, router, seed, shuffle, tasks)
        for router in routers.values()
        for seed, split in enumerate(splits)
    ]
    fits = iter(Parallel(n_jobs=n_jobs)(jobs))
    tested = {}
    for name in routers:
        quality, cost, seconds = zip(*(next(fits) for _ in splits), strict=True)
        rows = np.concatenate([split.test for split in splits])
        tested[name] = Tested(
            np.concatenate(quality), np.concatenate(cost), rows, np.mean(seconds)
        )
    return tested


def _fit_one(table, split, router, seed, shuffle, tasks):
    train, test = split.train, split.test
    train = train[table.y.observed[train].any(axis=1)]
    y = table.y[train]
    if shuffle:
        y = y[np.random.default_rng(seed).permutation(len(y))]
    with threadpool_limits(1):
        scaler, parts = BlockScaler(table.modalities), (train, test)
        X, X_test, blocks = prepare(scaler, table.X, parts, None, tasks)
        router = configure(router, blocks, seed)
        start = process_time()
        router.fit(X, y, groups=table.groups[train])
        seconds = process_time() - start
        return router.predict_quality(X_test), router.predict_cost(X_test), seconds


def choose(y: Outcomes, quality: NDArray) -> NDArray:
    """Index of the best predicted model among those whose outcome is known."""
    return np.where(y.candidates, quality, -np.inf).argmax(axis=1)


def chosen_quality(table: Bunch, tested: Tested) -> NDArray[np.float64]:
    """Realised quality of each test query's choice."""
    y = table.y[tested.rows]
    return realised_quality(y, y.models[choose(y, tested.quality)], reduce=None)


def gain(table: Bunch, rows: NDArray, values: NDArray, reference: NDArray) -> Interval:
    """Mean difference in points, with its interval over groups of queries."""
    return Interval(
        *(
            100 * bound
            for bound in paired_bootstrap(
                values, reference, groups=table.groups[rows], random_state=0
            )
        )
    )


def area_gain(table: Bunch, own: Tested, other: Tested) -> Interval:
    """Gain in points in the area under the frontier on the shared cost range."""
    area = frontier_bootstrap(
        table.y[own.rows],
        own.quality,
        own.cost,
        other=(other.quality, other.cost),
        groups=table.groups[own.rows],
        random_state=0,
    )
    return Interval(*(100 * bound for bound in area))


def gap_closed(data: Bunch, router: BaseEstimator, seed: int) -> tuple[float, float]:
    """Share of the gap between best single and Bayes that is closed; CPU seconds."""
    with threadpool_limits(1):
        router = configure(clone(router), data.modalities, seed)
        scaler = BlockScaler(data.modalities).fit(data.X_train)
        start = process_time()
        router.fit(scaler.transform(data.X_train), data.y_train)
        seconds = process_time() - start
        quality = router.predict_quality(scaler.transform(data.X_test))
    truth = data.truth
    single = truth[:, router.mean_quality_.argmax()].mean()
    reached = truth[np.arange(len(truth)), quality.argmax(axis=1)].mean()
    return (reached - single) / (truth.max(axis=1).mean() - single), seconds


def write(lines: list[dict], name: str) -> None:
    """Write a table of results and show it."""
    frame = pd.DataFrame(lines).round(4)
    frame.to_csv(RESULTS / f"{name}.csv", index=False)
    print(frame.to_string(index=False))
