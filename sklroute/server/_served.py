"""A router as it is served: what it is fed with, what its models are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from sklroute.features._base import BlockFeaturizer, reads
from sklroute.outcomes._values import plain
from sklroute.persistence._store import zero_query
from sklroute.pipeline import as_router, last_step
from sklroute.policies import MaxUtility, Policy

AT_ONCE = 0.002  # seconds for one query


@dataclass(frozen=True)
class Served:
    """A loaded router with what the server asks of it, never changed after loading."""

    router: Any
    names: Mapping[str, int]
    """Column of each model, by its name as it is in JSON."""
    columns: Mapping[str, str | None] | None
    """Columns that the first step reads, and as what; None if it takes features."""
    texts_only: bool
    """Whether the first step takes a list of texts, not a table with columns."""
    quick: bool
    """Whether a few queries are decided in less time than all clients may wait."""
    checksum: str
    """Of the file, to tell which router has answered."""
    loaded_at: str
    """ISO 8601, UTC."""

    @property
    def feature_names(self) -> NDArray | None:
        """Names of the features, if the router was fitted on a table with names."""
        return None if self.columns else getattr(self.router, "feature_names_in_", None)

    def describe(self) -> dict[str, Any]:
        """What ``GET /models`` says, ready for JSON but for NaN."""
        router, last = self.router, last_step(self.router)
        known = zip(self.names, last.mean_quality_, last.mean_cost_, strict=True)
        models = [
            {"name": name, "mean_quality": plain(quality), "mean_cost": plain(cost)}
            for name, quality, cost in known
        ]
        names = self.feature_names
        return {
            "models": models,
            "input": "features" if self.columns is None else list(self.columns),
            "n_features": None if self.columns else int(router.n_features_in_),
            "feature_names": None if names is None else [str(name) for name in names],
            "policy": repr(self._policy()),
            "router": self.identity(),
        }

    def identity(self) -> dict[str, str]:
        """Which router this is."""
        return {
            "class": type(last_step(self.router)).__name__,
            "checksum": self.checksum,
            "loaded_at": self.loaded_at,
        }

    def _policy(self) -> Policy:
        """The policy in use: what the fit has made of the parameters, if it did."""
        last = last_step(self.router)
        own = getattr(last, "policy_", None) or getattr(last, "policy", None)
        return own or MaxUtility()


def make_served(loaded: Any, checksum: str) -> Served:
    """Look at a loaded router; it is a TypeError if it does not end in one."""
    router = as_router(loaded) if isinstance(loaded, Pipeline) else loaded
    first = loaded.steps[0][1] if isinstance(loaded, Pipeline) else router
    columns = _columns(first)
    texts_only = columns is None and getattr(first, "n_features_in_", None) is None
    return Served(
        router=router,
        names={str(plain(name)): i for i, name in enumerate(router.classes_)},
        columns={"text": "text"} if texts_only else columns,
        texts_only=texts_only,
        quick=columns is None and not texts_only and _is_quick(router),
        checksum=checksum,
        loaded_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _is_quick(router: Any) -> bool:
    """Whether the second of two single queries is decided at once."""
    try:
        query = zero_query(router)
        router.predict(query)
    except ValueError:  # a price is needed, or a budget cannot be kept
        return False
    start = perf_counter()
    router.predict(query)
    return perf_counter() - start < AT_ONCE


def _columns(first: Any) -> dict[str, str | None] | None:
    """Columns that a featurizer of tables reads; None for all other first steps."""
    if not isinstance(first, BlockFeaturizer):
        return None
    return {name: reads(name, encoder) for name, encoder in first.encoders_.items()}
