"""Fitted routers of every kind, small."""

import pickle
from functools import cache

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)

from sklroute import (
    AverageRouter,
    ClusterRouter,
    FixedRouter,
    GuardedRouter,
    KernelRouter,
    KNNRouter,
    LatentRouterClassifier,
    LogisticRouter,
    MLPRouter,
    RandomRouter,
    RidgeRouter,
)
from sklroute.datasets import make_routing
from sklroute.features import BlockScaler, TaskEncoder
from sklroute.pipeline import RouterPipeline
from sklroute.policies import CheapestAbove, MaxUtility, RiskAverse

TABLE = make_routing(120, 4, n_features=(6, 4), missing=0.2, random_state=0)
SMALL = {
    "hidden_dim": 8,
    "max_epochs": 6,
    "n_regions": 4,
    "early_stopping": False,  # with so few queries the network would get no weight
    "random_state": 0,
}


def latent(**params):
    return LatentRouterClassifier(**SMALL, **params)


def pipeline(*steps, router=None):
    steps = [(f"step{i}", step) for i, step in enumerate(steps)]
    return RouterPipeline([*steps, ("router", router or RidgeRouter(alpha=1.0))])


ROUTERS = {
    "knn": KNNRouter(),
    "knn_tuned": KNNRouter(shrinkage="auto"),
    "ridge": RidgeRouter(policy=MaxUtility(0.01)),
    "logistic": LogisticRouter(C=0.1, policy=CheapestAbove(0.5)),
    "mlp": MLPRouter(
        (8,), alpha=1.0, max_iter=3, random_state=np.random.RandomState(1)
    ),
    "cluster": ClusterRouter([3, 5], random_state=np.random.RandomState(1)),
    "kernel": KernelRouter(20, random_state=0),
    "average": AverageRouter([("a", KNNRouter(9)), ("b", RidgeRouter(alpha=1.0))]),
    "fixed": FixedRouter("cheapest"),
    "random": RandomRouter(random_state=7),
    "guarded": GuardedRouter(RidgeRouter(alpha=1.0), random_state=0),
    "latent": latent(modalities=TABLE.modalities, policy=RiskAverse(0.1)),
    "latent_all": latent(communication=True, correction_bound=0.05, n_layers=2),
    "latent_knn": latent(prior=KNNRouter(9), distribution="binned"),
    "latent_alone": latent(prior=None),
    "latent_clusters": latent(n_clusters=4),
    "guarded_latent": GuardedRouter(latent(), random_state=0),
    "scaled": pipeline(StandardScaler(), PCA(5, random_state=0)),
    "blocks": pipeline(BlockScaler(TABLE.modalities), Normalizer(), router=latent()),
    "tasks": pipeline(TaskEncoder(), router=KernelRouter(20, random_state=0)),
    "two_tasks": pipeline(BlockScaler(), TaskEncoder(cv=2)),
    "chained": pipeline(
        SimpleImputer(),
        RobustScaler(),
        MinMaxScaler(),
        MaxAbsScaler(),
        TruncatedSVD(4, random_state=0),
        router=KernelRouter(20, random_state=0),
    ),
    "columns": pipeline(
        ColumnTransformer(
            [("image", PCA(2, random_state=0), slice(0, 6)), ("text", "drop", [9])],
            remainder="passthrough",
        ),
        FeatureUnion([("as_is", FunctionTransformer()), ("unit", Normalizer())]),
    ),
}


FIT_PARAMS = {
    "tasks": {"step0__tasks": np.digitize(TABLE.X[:, 0], [-0.5, 0.5])},
    "two_tasks": {"step1__tasks": np.where(TABLE.X[:, 9] > 0, "new", "old")},
}


@cache
def _pickled(name):
    router = ROUTERS[name].fit(TABLE.X, TABLE.y, **FIT_PARAMS.get(name, {}))
    return pickle.dumps(router)


def fitted(name):
    """A router of its own for every call, fitted once."""
    return pickle.loads(_pickled(name))
