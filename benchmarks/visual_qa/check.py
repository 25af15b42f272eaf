"""Ask whether the bundled table is worth routing, and whether pictures matter.

Plain scikit-learn regressors of quality, fitted on five random splits by picture
(70 % train), see the picture, the question, both, or both and products of their
principal components. Intervals are of a bootstrap over pictures.

    python benchmarks/visual_qa/check.py
"""

import argparse

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupShuffleSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

from sklroute.datasets._visual_qa import load_visual_qa

ROUTERS = {
    "ridge": lambda: Ridge(300.0),
    "kNN": lambda: KNeighborsRegressor(30),
    "MLP": lambda: MLPRegressor(
        128, alpha=1.0, early_stopping=True, batch_size=128, random_state=0
    ),
}
N_PRODUCT_COMPONENTS = {"image": 48, "text": 12}
COST_WEIGHTS = np.geomspace(1e-5, 1e-1, 41)
N_BOOTSTRAPS = 1000


def unit_blocks(data, train):
    """Standardise each block as a whole, by what is seen in training."""
    blocks = {}
    for name, columns in data.modalities.items():
        block = data.X[:, columns] - data.X[train, columns].mean(axis=0)
        blocks[name] = block / np.linalg.norm(block[train], axis=1).mean()
    return blocks


def products(blocks, train):
    """Return products of the blocks' principal components."""
    parts = []
    for name, block in blocks.items():
        pca = PCA(N_PRODUCT_COMPONENTS[name], whiten=True, random_state=0)
        parts.append(pca.fit(block[train]).transform(block))
    product = np.einsum("qi,qt->qit", *parts).reshape(len(parts[0]), -1)
    return product / np.linalg.norm(product[train], axis=1).mean()


def feature_sets(data, train):
    """Return what the routers may see, by name."""
    blocks = unit_blocks(data, train)
    both = np.hstack(list(blocks.values()))
    return {
        **blocks,
        "both": both,
        "both + products": np.hstack([both, products(blocks, train)]),
    }


def interval(values, groups, rng):
    """Return mean and 95 % bootstrap bounds; pictures are drawn, not queries."""
    group = np.unique(groups, return_inverse=True)[1]
    total, size = np.bincount(group, values), np.bincount(group)
    drawn = rng.integers(len(total), size=(N_BOOTSTRAPS, len(total)))
    means = total[drawn].sum(axis=1) / size[drawn].sum(axis=1)
    return values.mean(), *np.quantile(means, [0.025, 0.975])


def realised(table, choice):
    return np.take_along_axis(table, choice[:, None], axis=1)[:, 0]
