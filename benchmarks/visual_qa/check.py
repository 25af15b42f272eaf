"""Ask whether the bundled table is worth routing, and whether pictures matter.

A ridge regression of quality, fitted on five random splits by picture (70 % train),
sees the picture, the question, both, or both and products of their principal
components. kNN and a small network see both. Each has one setting, near the best of
the few tried. Intervals are of a bootstrap over pictures and hold the five fits
fixed.

    python benchmarks/visual_qa/check.py
"""

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupShuffleSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor

from sklroute.datasets import load_visual_qa

N_SPLITS = 5
N_COMPONENTS = {"image": 48, "text": 12}
COST_WEIGHTS = (0.0, 1e-4, 1e-3, 1e-2)
N_BOOTSTRAPS = 1000
MLP_SCALE = 10.0


def unit_blocks(data, train):
    """Centre each block and give its rows unit length on average."""
    blocks = {}
    for name, columns in data.modalities.items():
        block = data.X[:, columns] - data.X[train, columns].mean(axis=0)
        blocks[name] = block / np.linalg.norm(block[train], axis=1).mean()
    return blocks


def products(blocks, train):
    """Return products of the two blocks' principal components."""
    parts = []
    for name, block in blocks.items():
        pca = PCA(N_COMPONENTS[name], whiten=True, random_state=0)
        parts.append(pca.fit(block[train]).transform(block))
    product = np.einsum("qi,qt->qit", *parts).reshape(len(parts[0]), -1)
    return product / np.linalg.norm(product[train], axis=1).mean()


def word_block(data):
    """Return TF-IDF of the question's words: a text encoder of next to no cost."""
    return TfidfVectorizer(ngram_range=(1, 2)).fit_transform(data.question).toarray()


def routers(data, train):
    """Yield name, regressor, features and encoding cost of every router."""
    blocks = unit_blocks(data, train)
    image, text = blocks["image"], blocks["text"]
    both = np.hstack([image, text])
    network = MLPRegressor(
        hidden_layer_sizes=128, alpha=0.01, early_stopping=True, random_state=0
    )
    bill = data.encoder_cost_by_modality
    total = data.encoder_cost
    all_products = np.hstack([both, products(blocks, train)])
    words = np.hstack([image, word_block(data)])
    yield "ridge, text", Ridge(10.0), text, bill["text"]
    yield "ridge, image", Ridge(10.0), image, bill["image"]
    yield "ridge, image + TF-IDF", Ridge(10.0), words, bill["image"]
    yield "ridge, both", Ridge(10.0), both, total
    yield "ridge, products", Ridge(10.0), all_products, total
    yield "kNN, both", KNeighborsRegressor(30), both, total
    yield "MLP, both", network, both * MLP_SCALE, total


def realised(data, rows, choice, bill=0.0):
    """Return quality and cost of the chosen answers, one row a query."""
    cost = data.y.cost[rows, choice]
    return pd.DataFrame(
        {
            "image": data.groups[rows],
            "quality": data.y.quality[rows, choice],
            "cost": cost,
            "with encoders": cost + bill,
        }
    )


def references(data, train, test):
    """Yield the choices of the best single model and of the oracle."""
    best = data.y.quality[train].mean(axis=0).argmax()
    yield "best single", np.full(len(test), best)
    cheap_first = data.y.quality[test] - 1e-6 * data.y.cost[test]
    yield "oracle", cheap_first.argmax(axis=1)
    shuffled = np.random.default_rng(0).permutation(train)
    features = np.hstack(list(unit_blocks(data, train).values()))
    ridge = Ridge(10.0).fit(features[train], data.y.quality[shuffled])
    yield "ridge, shuffled outcomes", ridge.predict(features[test]).argmax(axis=1)


def run(data):
    """Return the realised quality and cost of every router, query by query."""
    price = data.y.cost.mean(axis=0)
    parts = {}
    splits = GroupShuffleSplit(N_SPLITS, test_size=0.3, random_state=0)
    for split, (train, test) in enumerate(splits.split(data.X, groups=data.groups)):
        for name, choice in references(data, train, test):
            parts[name, 0.0, split] = realised(data, test, choice)
        for name, regressor, features, bill in routers(data, train):
            regressor.fit(features[train], data.y.quality[train])
            quality = regressor.predict(features[test])
            for weight in COST_WEIGHTS:
                choice = (quality - weight * price).argmax(axis=1)
                parts[name, weight, split] = realised(data, test, choice, bill[test])
    calls = pd.concat(parts, names=["router", "cost_weight", "split", "row"])
    return calls.sort_index()


def interval(values, image, rng):
    """Return the mean and its 95 % bounds; pictures are drawn, not queries."""
    group = np.unique(image, return_inverse=True)[1]
    total, size = np.bincount(group, values), np.bincount(group)
    drawn = rng.integers(len(total), size=(N_BOOTSTRAPS, len(total)))
    means = total[drawn].sum(axis=1) / size[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{np.mean(values):.3f} [{low:.3f}, {high:.3f}]"


def summary(calls, rng):
    """Return mean quality with its interval and mean cost of every router."""
    rows = {}
    for key, part in calls.groupby(["router", "cost_weight"]):
        rows[key] = {
            "quality": interval(part["quality"], part["image"], rng),
            "cost": part["cost"].mean(),
            "with encoders": part["with encoders"].mean(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(
        ["router", "cost_weight"]
    )


def gains(calls, rng):
    """Return paired differences of quality at every cost weight."""
    rows = {}
    for better, worse in (
        ("ridge, both", "ridge, text"),
        ("ridge, both", "ridge, image"),
        ("ridge, products", "ridge, text"),
        ("ridge, products", "ridge, both"),
    ):
        for weight in (0.0, 1e-3):
            first, second = calls.loc[better, weight], calls.loc[worse, weight]
            difference = first["quality"] - second["quality"]
            rows[f"{better} - {worse}", weight] = interval(
                difference, first["image"], rng
            )
    return pd.Series(rows, name="gain in quality")


def main():
    rng = np.random.default_rng(0)
    data = load_visual_qa()
    quality, cost = data.y.quality, data.y.cost.mean(axis=0)
    models = pd.DataFrame(
        {
            "quality": [interval(q, data.groups, rng) for q in quality.T],
            "MFLOPs": cost,
            "ms": load_visual_qa(cost="ms").y.cost.mean(axis=0),
        },
        index=data.y.models,
    )
    calls = run(data)
    print(models.sort_values("MFLOPs").round(3).to_string())
    print(f"random choice: quality {quality.mean():.3f}, {cost.mean():.1f} MFLOPs")
    bill = {k: v.mean() for k, v in data.encoder_cost_by_modality.items()}
    for name, mflops in bill.items():
        print(f"{name} encoder: {mflops:.1f} MFLOPs a query")
    print(summary(calls, rng).round(2).to_string())
    print(gains(calls, rng).to_string())


if __name__ == "__main__":
    main()
