"""Routers made of scikit-learn's estimators, and references to beat."""

from sklroute.baselines._average import AverageRouter
from sklroute.baselines._clusters import ClusterRouter
from sklroute.baselines._kernel import KernelRouter
from sklroute.baselines._linear import LogisticRouter, RidgeRouter
from sklroute.baselines._mlp import MLPRouter
from sklroute.baselines._neighbors import KNNRouter
from sklroute.baselines._reference import FixedRouter, RandomRouter

__all__ = [
    "AverageRouter",
    "ClusterRouter",
    "FixedRouter",
    "KNNRouter",
    "KernelRouter",
    "LogisticRouter",
    "MLPRouter",
    "RandomRouter",
    "RidgeRouter",
]
