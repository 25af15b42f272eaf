"""What does it cost that some queries lack a picture, and others a text?

Of each table 30 % of the queries, drawn at random, lose their picture (they are text
only) and another 20 % lose their text, in training, validation and test alike. The
quality of the answers is compared with that of complete queries, and with dropping a
block from everything: no pictures for anyone, no texts for anyone, or neither, which
leaves the best single model. "Switch" needs complete training queries: three routers,
trained on pictures, on texts and on both, of which each query gets the one that fits.

Five seeds take turns on five folds, whole groups of queries kept together; on each of
four partitions, every one with a draw of its own, every query is tested once, and its
mean over them counts. Differences are paired, with bootstrap intervals over groups.

    python benchmarks/features/missing_blocks.py --choose --data FOLDER
    python benchmarks/features/missing_blocks.py --data FOLDER

The first compares rates of ``block_dropout`` on the validation queries, by routers that
see training queries only; the second is judged on the test queries. Without ``--data``
only the bundled table is used.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from compare_blocks import fit, interval, load_tables
from sklearn.pipeline import make_pipeline

from sklroute import (
    AverageRouter,
    ClusterRouter,
    FixedRouter,
    KernelRouter,
    KNNRouter,
    LatentRouterClassifier,
    LogisticRouter,
    MLPRouter,
    RidgeRouter,
)
from sklroute.compare._result import named
from sklroute.compare._splits import make_splits
from sklroute.features import BlockScaler
from sklroute.metrics import realised_quality

RESULTS = Path(__file__).parent / "results"
TEXT_ONLY, IMAGE_ONLY = 0.3, 0.2
RATES = [0.0, 0.15, 0.4]
N_SEEDS = 5
PARTITIONS = (1, 11, 21, 31)  # of the test; rates are compared on another one
DROPPED = {"no image": "image", "no text": "text", "neither": "both blocks"}


def side_by_side(table, draw=0):
    """Return the features of picture and text, their blocks, and who lacks what."""
    parts = [table.X[:, table.modalities[name]] for name in ("image", "text")]
    width = parts[0].shape[1]
    blocks = {"image": slice(0, width), "text": slice(width, None)}
    lot = np.random.default_rng(draw).random(len(table.X))
    lacks = {
        "image": lot < TEXT_ONLY,
        "text": (lot >= TEXT_ONLY) & (lot < TEXT_ONLY + IMAGE_ONLY),
    }
    return np.hstack(parts), blocks, lacks


def with_missing(X, blocks, lacks):
    """Return a copy of X without the blocks that queries lack."""
    X = X.copy()
    for name, rows in lacks.items():
        X[rows, blocks[name]] = np.nan
    return X


def judge(router, X_fit, X_judge, table, splits):
    """Return the realised quality of every query in the second part of some split."""
    quality = np.full(len(X_fit), np.nan)
    for known, judged in splits:
        fit(router, X_fit[known], table.y[known], table.groups[known])
        choice = router.predict(X_judge[judged])
        quality[judged] = realised_quality(table.y[judged], choice, reduce=None)
    return quality


def table_splits(table, partition=0):
    return make_splits(
        len(table.X), groups=table.groups, n_seeds=N_SEEDS, random_state=partition
    )


# -- test queries --------------------------------------------------------------------


def routers(modalities):
    """Yield a name and a router for features with the given blocks."""
    tuned = KNNRouter(shrinkage="auto")
    baselines = {
        "ridge": RidgeRouter(),
        "logistic": LogisticRouter(),
        "cluster": ClusterRouter(random_state=0),
        "mlp": MLPRouter(random_state=0),
        "kernel": KernelRouter(random_state=0),
        "knn": KNNRouter(),
        "knn, tuned shrinkage": tuned,
        "average": AverageRouter(),
        "average, tuned shrinkage": AverageRouter(
            [("knn", tuned), ("logistic", LogisticRouter())]
        ),
    }
    for name, router in baselines.items():
        yield name, make_pipeline(BlockScaler(modalities, allow_missing=True), router)
    yield "latent", LatentRouterClassifier(modalities=modalities, random_state=0)


def answers(table):
    """Return the mean quality of every query, by router and condition."""
    total = {}
    for partition in PARTITIONS:
        for router, own in answers_once(table, partition).items():
            sums = total.setdefault(router, {})
            for condition, quality in own.items():
                sums[condition] = sums.get(condition, 0) + quality / len(PARTITIONS)
    return total


def answers_once(table, partition):
    """Return the realised quality of every query, by router and condition."""
    X, blocks, lacks = side_by_side(table, partition)
    holes = with_missing(X, blocks, lacks)
    splits = [
        (np.concatenate([split.train, split.validation]), split.test)
        for split in table_splits(table, partition)
    ]
    columns = {}
    conditions = {
        "complete": (blocks, X),
        "missing": (blocks, holes),
        "no image": (None, X[:, blocks["text"]]),
        "no text": (None, X[:, blocks["image"]]),
    }
    for condition, (modalities, features) in conditions.items():
        for name, router in routers(modalities):
            quality = judge(router, features, features, table, splits)
            columns.setdefault(name, {})[condition] = quality
            print(f"{name:8} {condition:9} {np.mean(quality):.4f}", flush=True)
    latent = LatentRouterClassifier(modalities=blocks, random_state=0)
    behind = make_pipeline(BlockScaler(blocks, allow_missing=True), latent)
    columns["latent behind BlockScaler"] = columns["latent"] | {
        "missing": judge(behind, holes, holes, table, splits)
    }
    single = judge(FixedRouter("best"), X, X, table, splits)
    for own in columns.values():
        own["neither"] = single
        own["switch"] = np.select(
            [lacks["image"], lacks["text"]],
            [own["no image"], own["no text"]],
            own["complete"],
        )
    return columns


def summary(name, table, columns):
    """Yield a line per router and condition.

    ``share`` is what missing blocks lose, over what the condition loses. They lose
    less than a third of it where ``under_third``, a third of the condition's loss
    less that of missing blocks, is above 0.
    """
    for router, own in columns.items():
        complete, missing = own["complete"], own["missing"]
        for condition, quality in own.items():
            line = {"table": name, "router": router, "condition": condition}
            line |= named("quality", interval(table, quality))
            line |= named("loss", interval(table, complete, quality))
            if condition in DROPPED:
                line["share"] = np.mean(complete - missing) / line["loss"]
                spare = (complete - quality) / 3 - (complete - missing)
                line |= named("under_third", interval(table, spare))
            yield line


# -- validation queries --------------------------------------------------------------


def choose(name, table):
    """Yield the validation quality of each rate of block dropout."""
    X, blocks, lacks = side_by_side(table)
    holes = with_missing(X, blocks, lacks)
    splits = [(split.train, split.validation) for split in table_splits(table)]
    parts = {
        "missing, fitted on missing": (holes, holes),
        "missing, fitted on complete": (X, holes),
        "complete": (X, X),
    }
    for condition, (X_fit, X_judge) in parts.items():
        reference = None
        for rate in RATES:
            router = LatentRouterClassifier(
                modalities=blocks, block_dropout=rate, random_state=0
            )
            quality = judge(router, X_fit, X_judge, table, splits)
            reference = quality if reference is None else reference
            line = {"table": name, "condition": condition, "block_dropout": rate}
            line |= named("quality", interval(table, quality))
            line |= named("gain", interval(table, quality, reference))
            print(line, flush=True)
            yield line


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    folder = os.environ.get("SKLROUTE_DATA")
    parser.add_argument("--data", type=Path, default=folder and Path(folder))
    parser.add_argument("--choose", action="store_true", help="compare dropout rates")
    parser.add_argument("--out", type=Path, help="default: a file in results/")
    options = parser.parse_args(arguments)
    lines = []
    for name, table in load_tables(options.data):
        print(f"{name}: {len(table.X)} queries")
        if options.choose:
            lines += choose(name, table)
        else:
            lines += summary(name, table, answers(table))
    file = "block_dropout.csv" if options.choose else "missing_blocks.csv"
    results = pd.DataFrame(lines)
    results.to_csv(options.out or RESULTS / file, index=False, float_format="%.4f")
    print(results.round(4).to_string())


if __name__ == "__main__":
    main()
