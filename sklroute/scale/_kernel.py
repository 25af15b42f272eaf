"""Sums of a kernel router over a stream of queries."""

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from sklroute.baselines import KernelRouter
from sklroute.outcomes import Outcomes

PLACED = ("gamma_", "centre_", "landmarks_", "_sample", "_length", "_basis")
SUMS = ("label", "gram", "cross", "n_rows", "n_cells")


class KernelSums:
    """The normal equations of a `KernelRouter`, in a pass over all queries.

    Landmarks come from the queries that it is started with, penalties and their like
    from the parameters of the router.
    """

    def __init__(self, router: KernelRouter):
        self._router = clone(router)
        self._moments = None

    @property
    def started(self) -> bool:
        """Whether there are landmarks."""
        return self._moments is not None

    def check(self, X: NDArray) -> None:
        """Refuse NaN and infinity, which would spoil every sum."""
        self._router._check_finite(X, reset=False)

    def start(self, X: NDArray, outcomes: Outcomes) -> None:
        """Place the landmarks among some queries and add these."""
        self._router.classes_ = outcomes.models
        self._router._set_landmarks(
            X.astype(np.float32) if X.dtype == np.float16 else X, np.ones(len(X))
        )
        self._moments = self._router._no_moments()
        self.add(X, outcomes)

    def add(self, X: NDArray, outcomes: Outcomes) -> None:
        """Add queries."""
        self._router._gather(self._moments, X, outcomes.quality, 1.0)

    def fit(self, router: KernelRouter, X: NDArray, outcomes: Outcomes) -> None:
        """Fit a router to the sums; its penalties are chosen on the sample."""
        placed = {name: getattr(self._router, name) for name in PLACED}
        router._gathered = placed, self._moments
        try:
            router.fit(X, outcomes)
        finally:
            del router._gathered

    def state(self) -> dict[str, NDArray]:
        """Arrays that `restore` takes."""
        if not self.started:
            return {}
        placed = {f"kernel{name}": getattr(self._router, name) for name in PLACED}
        sums = {f"sums_{name}": getattr(self._moments, name) for name in SUMS}
        return {name: np.asarray(part) for name, part in (placed | sums).items()}

    def restore(self, state: dict[str, NDArray]) -> None:
        """Go on from where the sums of an equal router stood."""
        if "sums_gram" not in state:
            return
        self._router.classes_ = state["models"]
        for name in PLACED:
            value = state[f"kernel{name}"]
            setattr(self._router, name, value if value.ndim else value.item())
        self._moments = self._router._no_moments()
        for name in SUMS:
            value = state[f"sums_{name}"]
            setattr(self._moments, name, value if value.ndim else value.item())
