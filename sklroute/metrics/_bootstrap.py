"""Intervals over queries: how much of a difference may be the luck of the draw."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_consistent_length

from sklroute.metrics._frontier import Frontier, Sweep, nauc, sweep
from sklroute.metrics._tables import cost_bounds
from sklroute.outcomes import check_outcomes
from sklroute.outcomes._values import group_array

CHUNK_CELLS = 4_000_000  # resamples x units held at once: 32 MB


class Interval(NamedTuple):
    """An estimate with the bounds of its interval."""

    estimate: float
    low: float
    high: float


def paired_bootstrap(
    values: ArrayLike,
    reference: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    n_resamples: int = 2000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> Interval:
    """Mean of per-query values, or of a difference, with a percentile interval.

    Parameters
    ----------
    values : array-like of shape (n_queries,)
        Values of a metric with ``reduce=None``.
    reference : array-like of shape (n_queries,), default=None
        Values of what is compared with, on the same queries; the interval is then
        that of the mean of ``values - reference``.
    groups : array-like of shape (n_queries,), default=None
        Whole groups are drawn: variants of one question are not independent.
    n_resamples : int, default=2000
        Number of bootstrap samples.
    confidence_level : float, default=0.95
        Share of the bootstrap distribution inside the interval.
    random_state : int, RandomState or None, default=None
        Seed of the draws; the same seed draws the same queries.

    Returns
    -------
    Interval
        ``(estimate, low, high)``.

    References
    ----------
    B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993.

    Examples
    --------
    >>> from sklroute.metrics import paired_bootstrap
    >>> interval = paired_bootstrap([1, 1, 0, 1] * 50, [1, 0, 0, 1] * 50,
    ...                             random_state=0)
    >>> interval.estimate, interval.low > 0
    (0.25, True)
    """
    gain = _check_values(values, "values")
    if reference is not None:
        check_consistent_length(values, reference)
        gain = gain - _check_values(reference, "reference")
    (means,) = resampled_means([gain], groups, n_resamples, random_state)
    return interval(means, confidence_level)


def frontier_bootstrap(
    y: Any,
    quality: ArrayLike,
    cost: ArrayLike,
    *,
    other: tuple[ArrayLike, ArrayLike] | None = None,
    cost_weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    n_resamples: int = 500,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> Interval:
    """`nauc` of a router, or its gain over another one, with a percentile interval.

    Every resample of the queries has its own frontiers and its own cost range.

    Parameters
    ----------
    y, quality, cost, cost_weights
        As in `frontier`.
    other : (quality, cost), default=None
        Predictions of another router for the same queries. The interval is then that
        of the difference of the two areas on the same resamples.
    groups, n_resamples, confidence_level, random_state
        As in `paired_bootstrap`.

    Returns
    -------
    Interval
        ``(estimate, low, high)``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute import Outcomes
    >>> from sklroute.metrics import frontier_bootstrap
    >>> y = Outcomes([[0.0, 1.0], [1.0, 1.0]] * 50, cost=[1.0, 5.0])
    >>> blind = (np.tile(y.quality.mean(axis=0), (100, 1)), [1.0, 5.0])
    >>> gain = frontier_bootstrap(y, y.quality, [1.0, 5.0], other=blind,
    ...                           random_state=0)
    >>> round(gain.estimate, 3), gain.low > 0
    (0.125, True)
    """
    outcomes = check_outcomes(y)
    routers = [(quality, cost)] if other is None else [(quality, cost), other]
    sweeps = [sweep(outcomes, *router, cost_weights) for router in routers]
    tables = [np.stack(cost_bounds(outcomes), axis=1)]
    tables += [table for points in sweeps for table in (points.cost, points.quality)]
    ranges, *means = resampled_means(tables, groups, n_resamples, random_state)
    areas = [
        areas_under(points, *pair, ranges)
        for points, *pair in zip(sweeps, means[::2], means[1::2], strict=True)
    ]
    return interval(
        areas[0] if other is None else areas[0] - areas[1], confidence_level
    )


def areas_under(
    points: Sweep, cost: NDArray, quality: NDArray, ranges: NDArray
) -> NDArray[np.float64]:
    """`nauc` for each row of mean costs and qualities and of cost ranges."""
    curves = (
        Frontier(points.cost_weight, *row) for row in zip(cost, quality, strict=True)
    )
    return np.array([nauc(*pair) for pair in zip(curves, ranges, strict=True)])


def resampled_means(
    tables: Sequence[NDArray],
    groups: ArrayLike | None,
    n_resamples: int,
    random_state: Any,
) -> list[NDArray[np.float64]]:
    """Means over all queries, then over the queries of each resample.

    Parameters
    ----------
    tables : sequence of ndarray of shape (n_queries,) or (n_queries, n_columns)
        What is averaged.
    groups, n_resamples, random_state
        As in `paired_bootstrap`.

    Returns
    -------
    means : list of ndarray of shape (1 + n_resamples,) or \
(1 + n_resamples, n_columns)
        For each table. The resamples are the same for all of them.
    """
    if n_resamples < 1:
        raise ValueError(f"n_resamples must be at least 1; got {n_resamples}.")
    size = np.ones(len(tables[0]))
    means = [[table.mean(axis=0)[None]] for table in tables]
    if groups is not None:
        check_consistent_length(size, groups)
        _, unit = np.unique(group_array(groups), return_inverse=True)
        members = csr_array((size, (unit, np.arange(len(unit)))))
        size, *tables = (members @ table for table in (size, *tables))
    for count in _counts(len(size), n_resamples, check_random_state(random_state)):
        total = count @ size
        for part, table in zip(means, tables, strict=True):
            # Sums first: those of right and wrong answers are exact, so that curves
            # on which nothing changed are level.
            part.append(((count @ table).T / total).T)
    return list(map(np.concatenate, means))


def _counts(
    n_units: int, n_resamples: int, rng: np.random.RandomState
) -> Iterator[NDArray[np.float64]]:
    """Yield how often each unit is drawn, (n_chunk, n_units) at a time."""
    chunk = max(1, CHUNK_CELLS // n_units)
    for start in range(0, n_resamples, chunk):
        size = min(chunk, n_resamples - start)
        drawn = rng.randint(n_units, size=(size, n_units))
        drawn += n_units * np.arange(size)[:, None]
        count = np.bincount(drawn.ravel(), minlength=size * n_units)
        yield count.reshape(size, n_units).astype(float)


def interval(values: NDArray, confidence_level: float) -> Interval:
    """Percentile interval of a figure: its value, then those of the resamples."""
    if not 0 < confidence_level < 1:
        raise ValueError(f"confidence_level must be in (0, 1); got {confidence_level}.")
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(values[1:], [tail, 1 - tail])
    return Interval(float(values[0]), float(low), float(high))


def _check_values(values: ArrayLike, name: str) -> NDArray[np.float64]:
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or not values.size:
        raise ValueError(
            f"{name} must hold one number per query; got shape {values.shape}."
        )
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(f"{name} of row {row} is {values[row]}.")
    return values
