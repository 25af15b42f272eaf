"""Choose which model answers a query, before any model is called."""

from typing import Any

from sklroute.baselines import (
    AverageRouter,
    ClusterRouter,
    FixedRouter,
    KernelRouter,
    KNNRouter,
    LogisticRouter,
    MLPRouter,
    RandomRouter,
    RidgeRouter,
)
from sklroute.guard import GuardedRouter
from sklroute.outcomes import LoggedOutcomes, Outcomes
from sklroute.persistence import load
from sklroute.pool import DriftAlarm

__version__ = "0.1.0"

_LAZY = {"LatentRouterClassifier": "sklroute.latent"}  # torch is loaded on first use

__all__ = [
    "AverageRouter",
    "ClusterRouter",
    "DriftAlarm",
    "FixedRouter",
    "GuardedRouter",
    "KNNRouter",
    "KernelRouter",
    "LatentRouterClassifier",
    "LoggedOutcomes",
    "LogisticRouter",
    "MLPRouter",
    "Outcomes",
    "RandomRouter",
    "RidgeRouter",
    "load",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'sklroute' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
