"""Fitting the routers: every seed prepares its features, every router is one job."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed, parallel_config
from joblib.parallel import BACKENDS, get_active_backend
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing
from threadpoolctl import threadpool_limits

from sklroute.features import BlockScaler, TaskEncoder
from sklroute.outcomes import Outcomes
from sklroute.outcomes._values import locate_text
from sklroute.pipeline import as_predictor, core_of, fit_router

TASK = "task"  # the block of the tasks that are learned


class Predictions(NamedTuple):
    """Predicted quality and cost, (n_rows, n_models) each, of two sets of queries."""

    quality_validation: NDArray
    cost_validation: NDArray
    quality_test: NDArray
    cost_test: NDArray


class Fit(NamedTuple):
    """What one router, fitted on one seed's training rows, predicts elsewhere."""

    name: str
    seed: int
    predictions: Predictions
    fit_seconds: float
    queries_per_second: float
    distribution: Any = None  # of the test queries' quality, where it is graded


class Features(NamedTuple):
    """Prepared features of one seed, and the columns of each modality."""

    train: NDArray
    validation: NDArray
    test: NDArray
    modalities: Mapping[str, Any] | None


class Job(NamedTuple):
    """One router to fit on one seed."""

    name: str
    seed: int
    router: BaseEstimator
    features: Features
    y: Outcomes  # of the training rows
    groups: NDArray | None  # of the training rows
    random_state: int


def run_jobs(seeds: Iterable[Sequence[Job]], n_jobs: int | None) -> Iterator[Fit]:
    """Yield one `Fit` per job, in order; results do not depend on ``n_jobs``.

    The next seed's features are prepared when this one's jobs are done, so that only
    one seed's are held in memory.
    """
    with workers(n_jobs) as parallel:
        for jobs in seeds:
            yield from parallel(delayed(_fit)(job) for job in jobs)


@contextmanager
def workers(n_jobs: int | None) -> Iterator[Parallel]:
    """Processes of one thread each; or what the caller has chosen for joblib.

    A backend other than joblib's own, e.g. of ``joblib.parallel_config("dask")``, knows
    itself how many workers and threads it has.
    """
    backend, _ = get_active_backend()
    if isinstance(backend, BACKENDS["loky"]):
        chosen = parallel_config("loky", inner_max_num_threads=1)
        n_jobs = n_jobs or 1
    else:
        chosen = nullcontext()
    with (
        warnings.catch_warnings(),
        chosen,
        Parallel(n_jobs=n_jobs, return_as="generator") as parallel,
    ):
        # joblib replaces a worker that has grown, as libraries that a router loads
        # make it; no job is lost.
        warnings.filterwarnings("ignore", "A worker stopped", UserWarning)
        yield parallel


def collect(
    results: Iterable, n_total: int, progress: Callable[[int, int], None] | None
) -> list:
    """All results; ``progress`` hears of each as it comes."""
    found = []
    for result in results:
        found.append(result)
        if progress is not None:
            progress(len(found), n_total)
    return found


class Tasks(NamedTuple):
    """Tasks of all queries, to be recognised, and which queries belong together."""

    labels: NDArray
    groups: NDArray | None


def prepare(
    preprocessor: BaseEstimator, X: Any, parts, modalities, tasks: Tasks | None = None
) -> tuple:
    """Preprocessed parts of X, given by rows, fitted on the first; then the blocks."""
    preprocessor = clone(preprocessor)
    first, *rest = parts
    try:
        parts = [
            preprocessor.fit_transform(_safe_indexing(X, first)),
            *(preprocessor.transform(_safe_indexing(X, rows)) for rows in rest),
        ]
    except (TypeError, ValueError) as error:  # pictures are a TypeError
        if not isinstance(preprocessor, BlockScaler):
            error.add_note("The preprocessor got a part of X: rows are counted in it.")
            raise
        place = locate_text(X)
        if place is None:
            clone(preprocessor).fit(X)  # the error with its row in X, not in a part
            raise
        raise ValueError(
            f"X must be numeric: {place}. Texts and pictures need a preprocessor that "
            "encodes them, which is then no step of the router: "
            "preprocessor=make_pipeline(TextEmbedder(), BlockScaler())."
        ) from error
    parts = [np.asarray(part, dtype=np.float32) for part in parts]
    blocks = block_columns(preprocessor, modalities)
    if tasks is None:
        return *parts, blocks
    groups = None if tasks.groups is None else tasks.groups[first]
    return _with_tasks(parts, blocks, tasks.labels[first], groups)


def _with_tasks(parts, blocks, tasks, groups) -> tuple:
    """The same, with a block for the tasks as learned from the first part's."""
    n_features = parts[0].shape[1]
    blocks = {"features": slice(n_features)} if blocks is None else blocks
    encoder = TaskEncoder()
    train = encoder.fit_transform(parts[0], tasks, groups=groups)
    parts = [train, *map(encoder.transform, parts[1:])]
    return *parts, with_task_block(blocks, n_features)


def with_task_block(blocks: Mapping[str, Any], n_features: int) -> dict[str, Any]:
    """The blocks of some features, and one of all columns after them."""
    if TASK in blocks:
        raise ValueError(f"A block is called {TASK!r}, as that of the tasks would be.")
    return {**blocks, TASK: slice(n_features, None)}


def shuffled(y: Outcomes, random_state: int) -> Outcomes:
    """Outcomes dealt to the wrong queries: nothing is left to learn."""
    return y[np.random.default_rng(random_state).permutation(len(y))]


def configure(router: BaseEstimator, modalities, random_state: int) -> BaseEstimator:
    """Copy of a router with the blocks and the seed that it asks for."""
    if isinstance(core_of(router), FrozenEstimator):
        raise TypeError(
            "A FrozenEstimator is not fitted on the training queries, and may know the "
            "others: judge a fitted router with sklroute.audit.audit."
        )
    router = clone(router)
    for name, value in router.get_params().items():
        step = name.rpartition("__")[2]
        if step == "random_state":
            router.set_params(**{name: random_state})
        if step == "modalities" and value is None:
            router.set_params(**{name: modalities})
    return router


def is_binary(y: Outcomes) -> bool:
    """Whether answers are right or wrong, so that a mean says all."""
    return bool(np.isin(y.quality[y.observed], (0.0, 1.0)).all())


def block_columns(preprocessor, modalities):
    """Columns of each block after preprocessing."""
    outputs = getattr(preprocessor, "output_indices_", None)
    if outputs is None:
        # What a BlockScaler has made of the names of columns, which are gone by then.
        return getattr(preprocessor, "blocks_", modalities)
    return {name: block for name, block in outputs.items() if block.stop > block.start}


def _fit(job: Job) -> Fit:
    features = job.features
    # One thread each, also without workers: sums of floats depend on the threads.
    with threadpool_limits(1):
        router = configure(job.router, features.modalities, job.random_state)
        start = perf_counter()
        fit_router(router, features.train, job.y, groups=job.groups)
        fitted = perf_counter()
        router = as_predictor(router)
        quality_test = router.predict_quality(features.test)
        predicted = perf_counter()
        predictions = Predictions(
            router.predict_quality(features.validation),
            router.predict_cost(features.validation),
            quality_test,
            router.predict_cost(features.test),
        )
        distribution = None
        if hasattr(router, "predict_distribution") and not is_binary(job.y):
            distribution = router.predict_distribution(features.test)
    speed = len(features.test) / (predicted - fitted)
    times = fitted - start, speed
    return Fit(job.name, job.seed, predictions, *times, distribution)
