"""Which features are worth having? Image, text, both, and products of the two.

Five seeds take turns on five folds (four to learn from, one to test), whole groups of
queries kept together, so that every query is tested once. Both routers tune themselves
on parts of what they learn from; nothing is chosen on the test fold. Every gain is a
paired difference on the same queries, with a bootstrap interval over groups.

    python benchmarks/features/compare_blocks.py --data FOLDER

Without ``--data`` only the bundled table is used.
"""

import argparse
import os
from pathlib import Path
from time import process_time

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from sklroute import LatentRouterClassifier, RidgeRouter
from sklroute.compare._result import named
from sklroute.compare._splits import make_splits
from sklroute.datasets import load_features, load_outcomes, load_visual_qa
from sklroute.features import BlockScaler
from sklroute.metrics import paired_bootstrap, realised_quality

RESULTS = Path(__file__).parent / "results" / "results.csv"
N_COMPONENTS = {"image": 48, "text": 12}
N_SEEDS = 5


class BlockProducts(TransformerMixin, BaseEstimator):
    """Append products of the blocks' principal components as one more block."""

    def __init__(self, modalities):
        self.modalities = modalities

    def fit(self, X, y=None):
        """Learn the components of each block and the mean norm of the products."""
        self.pcas_ = {
            name: PCA(N_COMPONENTS[name], whiten=True, random_state=0).fit(
                X[:, columns]
            )
            for name, columns in self.modalities.items()
        }
        self.norm_ = np.linalg.norm(self._products(X), axis=1).mean()
        return self

    def transform(self, X):
        """Return X and, to its right, the products."""
        return np.hstack([X, self._products(X) / self.norm_])

    def _products(self, X):
        parts = [
            pca.transform(X[:, self.modalities[name]])
            for name, pca in self.pcas_.items()
        ]
        return np.einsum("qi,qt->qit", *parts).reshape(len(X), -1)


def load_tables(folder):
    """Yield the name and the arrays of every table at hand."""
    data = load_visual_qa()
    yield (
        "visual_qa",
        Bunch(X=data.X, y=data.y, groups=data.groups, modalities=data.modalities),
    )
    if folder is None or not (folder / "mllm10.parquet").exists():
        print("mllm10 is left out: no --data, or the file is not there")
        return
    table = load_outcomes(folder / "mllm10.parquet", groups="cv_group")
    features = load_features(folder / "mllm10.features.npz")
    groups = pd.factorize(table.groups)[0]
    yield (
        "mllm10",
        Bunch(X=features.X, y=table.y, groups=groups, modalities=features.modalities),
    )


def variants(table):
    """Yield router, features, the router itself and the columns it sees."""
    image, text = (table.X[:, table.modalities[name]] for name in ("image", "text"))
    width = image.shape[1]
    both = {"image": slice(0, width), "text": slice(width, width + text.shape[1])}
    beside = np.hstack([image, text])
    alone = {"image": image, "text": text}

    def ridge(modalities, *steps):
        return make_pipeline(BlockScaler(modalities), *steps, RidgeRouter())

    for name, X in alone.items():
        yield "ridge", name, ridge(None), X
    yield "ridge", "both", ridge(both), beside
    yield "ridge", "both + products", ridge(both, BlockProducts(both)), beside
    for name, X in alone.items():
        yield "latent", name, LatentRouterClassifier(random_state=0), X
    for name, interactions in (("both", False), ("both + products", True)):
        router = LatentRouterClassifier(
            modalities=both, interactions=interactions, random_state=0
        )
        yield "latent", name, router, beside


def fit(router, X, y, groups):
    """Fit a router or a pipeline that ends in one, never splitting groups."""
    last = router.steps[-1][0] if hasattr(router, "steps") else None
    name = "groups" if last is None else f"{last}__groups"
    return router.fit(X, y, **{name: groups})


def answers(table, only):
    """Return the realised quality of every query, a column per router and features."""
    columns, seconds = {}, {}
    splits = [
        (np.concatenate([split.train, split.validation]), split.test)
        for split in make_splits(len(table.X), groups=table.groups, n_seeds=N_SEEDS)
    ]
    columns["best single", ""] = np.full(len(table.X), np.nan)
    for train, test in splits:
        best = np.nanmean(table.y.quality[train], axis=0).argmax()
        columns["best single", ""][test] = table.y.quality[test, best]
    for router_name, features, router, X in variants(table):
        if only and router_name != only:
            continue
        quality, start = np.full(len(X), np.nan), process_time()
        for train, test in splits:
            fit(router, X[train], table.y[train], table.groups[train])
            choice = router.predict(X[test])
            quality[test] = realised_quality(table.y[test], choice, reduce=None)
        columns[router_name, features] = quality
        seconds[router_name, features] = (process_time() - start) / N_SEEDS
        print(f"{router_name:8} {features:16} {np.nanmean(quality):.4f}", flush=True)
    return columns, seconds


def summary(name, table, columns, seconds):
    """Yield a line per router and features, with gains over text and over both."""
    for (router, features), quality in columns.items():
        line = {"table": name, "router": router, "features": features}
        line |= dict(
            zip(("quality", "low", "high"), interval(table, quality), strict=True)
        )
        for other in ("text", "both"):
            reference = columns.get((router, other))
            if reference is not None and other != features:
                line |= named(f"over_{other}", interval(table, quality, reference))
        gain = interval(table, quality, columns["best single", ""])
        line |= named("over_single", gain)
        yield line | {"cpu_seconds": seconds.get((router, features))}


def interval(table, quality, reference=None):
    """Return the mean, or the mean difference, with its 95 % interval."""
    return paired_bootstrap(quality, reference, groups=table.groups, random_state=0)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    folder = os.environ.get("SKLROUTE_DATA")
    parser.add_argument("--data", type=Path, default=folder and Path(folder))
    parser.add_argument("--router", choices=["ridge", "latent"], help="only this one")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    lines = []
    for name, table in load_tables(options.data):
        print(f"{name}: {len(table.X)} queries")
        columns, seconds = answers(table, options.router)
        lines += summary(name, table, columns, seconds)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    results = pd.DataFrame(lines)
    results.to_csv(options.out, index=False, float_format="%.4f")
    print(results.round(4).to_string())


if __name__ == "__main__":
    main()
