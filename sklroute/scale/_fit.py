"""Fitting from more queries than fit in memory."""

from collections.abc import Callable, Iterable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import _get_feature_names, _num_samples

from sklroute.baselines import KernelRouter
from sklroute.outcomes import Outcomes, check_outcomes
from sklroute.outcomes._values import check_seen
from sklroute.pipeline import fit_router
from sklroute.scale._arrays import settings_of, start_at
from sklroute.scale._checkpoint import load_checkpoint, save_checkpoint
from sklroute.scale._kernel import KernelSums
from sklroute.scale._sample import Sample


def fit_batches(
    router: Any,
    batches: Iterable[tuple[Any, Any]],
    *,
    n_sample: int = 200_000,
    progress: Callable[[int], Any] | None = None,
    checkpoint: str | PathLike | None = None,
    checkpoint_every: int = 100,
    random_state: int = 0,
) -> Any:
    """Fit a router from a stream of batches, in one pass and in bounded memory.

    A uniform random sample of the queries is kept, and the router is fitted on it in
    the usual way. A `KernelRouter` that is not part of a pipeline or a search learns
    from **every** query: its normal equations are summed up on the way, with landmarks
    among the first ``n_sample`` queries, and the sample only serves to choose its
    penalties. Data that fit into the sample give what ``router.fit`` gives, for every
    router.

    Parameters
    ----------
    router : router, Pipeline or search
        What to fit, in place.
    batches : iterable of (X, y)
        `ArrayBatches`, `ParquetBatches` or anything else that yields features and
        outcomes in a form of `check_outcomes`, of the same models in each batch.
        Features with names must have the same names in each, in the same order.
    n_sample : int, default=200_000
        Queries of the sample, >= 1. Memory grows with it alone.
    progress : callable, default=None
        Called with the number of queries of each batch once it is done, e.g. the
        ``update`` of a tqdm bar.
    checkpoint : path, default=None
        File in which to note where the pass stands. If it exists, the pass goes on
        from there, with the result of an uninterrupted one; it is deleted once the
        router is fitted. ``batches`` must yield the same queries as before, in batches
        of the same size.
    checkpoint_every : int, default=100
        Batches after which the file is written, >= 1.
    random_state : int, default=0
        Seed of the sample.

    Returns
    -------
    router : object
        The fitted router. Its ``mean_quality_`` and ``mean_cost_`` are those of the
        sample.

    Raises
    ------
    ValueError
        If there are no batches, or a batch is not like the first one or holds an
        invalid value; the message has its number, counted from 0. If the checkpoint
        is of other settings.

    Examples
    --------
    >>> from sklroute import KernelRouter
    >>> from sklroute.datasets import make_routing
    >>> from sklroute.scale import ArrayBatches, fit_batches
    >>> data = make_routing(2000, n_models=3, random_state=0)
    >>> batches = ArrayBatches(data.X, data.y, size=256)
    >>> router = fit_batches(KernelRouter(random_state=0), batches, n_sample=500)
    >>> router.predict_quality(data.X[:2]).shape
    (2, 3)
    """
    if n_sample < 1 or checkpoint_every < 1:
        raise ValueError(
            "n_sample and checkpoint_every must be >= 1; got "
            f"{n_sample} and {checkpoint_every}."
        )
    path = None if checkpoint is None else Path(checkpoint)
    settings = {
        "router": repr(router),
        "n_sample": n_sample,
        "random_state": random_state,
        **settings_of(batches),
    }
    task = _Pass(router, Sample(n_sample, random_state))
    if path is not None and path.exists():
        task.restore(load_checkpoint(path, settings))
    for X, y in start_at(batches, task.n_batches):
        n_queries = task.add(X, y)
        if path is not None and task.n_batches % checkpoint_every == 0:
            save_checkpoint(path, task.state(), settings)
        if progress is not None:
            progress(n_queries)
    if not task.sample.n_seen:
        raise ValueError("There are no batches to fit on.")
    if path is not None:
        save_checkpoint(path, task.state(), settings)
    task.fit(router)
    if path is not None:
        path.unlink()
    return router


class _Pass:
    """What is gathered on the way through the batches."""

    def __init__(self, router: Any, sample: Sample):
        self.sample = sample
        self.sums = KernelSums(router) if type(router) is KernelRouter else None
        self.n_batches = 0
        self.names = None

    def add(self, X: Any, y: Any) -> int:
        """Take a batch in and return its number of queries."""
        try:
            X, outcomes = self._check(X, y)
        except (ValueError, TypeError) as error:
            raise ValueError(f"Batch {self.n_batches}: {error}") from error
        room = max(self.sample.size - self.sample.n_seen, 0)
        for rows in (slice(room), slice(room, None)):
            if len(X[rows]):
                self._take(X[rows], outcomes[rows])
        self.n_batches += 1
        return len(X)

    def _take(self, X: NDArray, outcomes: Outcomes) -> None:
        self.sample.add(X, outcomes)
        if self.sums is None:
            return
        if self.sums.started:
            self.sums.add(X, outcomes)
        elif self.sample.full:  # with the first queries, in order
            self.sums.start(self.sample.X, self.sample.outcomes)

    def _check(self, X: Any, y: Any) -> tuple[NDArray, Outcomes]:
        self._check_names(_get_feature_names(X))
        X = np.asarray(X)
        X = X if X.dtype.kind == "f" else X.astype(np.float64)
        outcomes = check_outcomes(y, models=self.sample.models)
        if X.ndim != 2 or _num_samples(outcomes) != len(X):
            raise ValueError(
                f"X has shape {X.shape} and y has {len(outcomes)} queries; expected "
                "(n_queries, n_features) and n_queries."
            )
        check_seen(outcomes.observed)
        self._compare(X, outcomes)
        if self.sums is not None:
            self.sums.check(X)
        return X, outcomes

    def _check_names(self, names: NDArray | None) -> None:
        if self.sample.models is None:
            self.names = names
        elif not np.array_equal(names, self.names):
            raise ValueError(
                f"The features have {_listed(names)}, those of the first batch "
                f"{_listed(self.names)}."
            )

    def _compare(self, X: NDArray, outcomes: Outcomes) -> None:
        sample = self.sample
        if sample.models is None:
            return
        if not np.array_equal(outcomes.models, sample.models):
            raise ValueError(
                f"y has the models {outcomes.models.tolist()}, the first batch had "
                f"{sample.models.tolist()}."
            )
        if X.shape[1] != sample.X.shape[1]:
            raise ValueError(
                f"X has {X.shape[1]} features, the first batch had {sample.X.shape[1]}."
            )

    def fit(self, router: Any) -> None:
        """Fit to what was gathered."""
        X, outcomes = self.sample.X, self.sample.outcomes
        X = X if self.names is None else pd.DataFrame(X, columns=self.names)
        unseen = ~outcomes.observed.any(axis=0)
        if unseen.any():
            raise ValueError(
                f"Model {outcomes.models[unseen][0].item()!r} has no observed quality "
                f"among the {len(X)} sampled queries: raise n_sample, or leave it out."
            )
        if self.sums is not None and self.sums.started:
            self.sums.fit(router, X, outcomes)
        else:
            fit_router(router, X, outcomes)

    def state(self) -> dict[str, NDArray]:
        """Arrays that `restore` takes."""
        sums = {} if self.sums is None else self.sums.state()
        names = {} if self.names is None else {"names": self.names.astype(str)}
        return {
            "n_batches": np.array(self.n_batches),
            **names,
            **self.sample.state(),
            **sums,
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Go on from where another pass stood."""
        self.n_batches = int(state["n_batches"])
        self.names = state.get("names")
        self.sample.restore(state)
        if self.sums is not None:
            self.sums.restore(state)


def _listed(names: NDArray | None) -> str:
    return "no names" if names is None else f"the names {names.tolist()}"
