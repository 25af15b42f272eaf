"""Arrays of a row per query: checks, conversions, means."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import gen_batches
from sklearn.utils.validation import _check_sample_weight, _num_samples

from sklroute.outcomes import Outcomes, check_outcomes
from sklroute.outcomes._values import check_known, check_named

HALF_CHUNK = 8192  # queries of half precision converted at once


def outcomes_of(router: Any, y: Any) -> Outcomes:
    """Read the outcomes of a fitted router's models; refuse those of others."""
    outcomes = check_outcomes(y, models=router.classes_)
    if not np.array_equal(outcomes.models, router.classes_):
        check_named(outcomes.models, router.classes_)
        raise ValueError(
            f"y has the models {outcomes.models.tolist()}, the router has "
            f"{router.classes_.tolist()}."
        )
    return outcomes


def all_finite(X: NDArray) -> bool:
    """Whether all values are finite, without a mask of the size of X if they are."""
    dtype = np.float32 if X.dtype == np.float16 else None  # whose sums soon overflow
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(X.sum(dtype=dtype)) or np.isfinite(X).all())


def as_floats(X: NDArray) -> Iterator[tuple[slice, NDArray]]:
    """Yield rows and their features; those of half precision as float32, in parts.

    Routers compute in float32 or more. A large array of half precision, such as a
    memory-mapped file, is not copied as a whole for that.
    """
    if X.dtype != np.float16:
        yield slice(None), X
        return
    for rows in gen_batches(len(X), HALF_CHUNK):
        yield rows, X[rows].astype(np.float32)


def joined(parts: Sequence[NDArray | None]) -> NDArray | None:
    """One array of the parts; None if there are none."""
    return parts[0] if len(parts) == 1 or parts[0] is None else np.concatenate(parts)


def check_lengths(X: Any, **others: Any) -> None:
    """Refuse whatever has not one entry per query, by its name."""
    for name, values in others.items():
        if values is not None and _num_samples(values) != _num_samples(X):
            raise ValueError(
                f"X has {_num_samples(X)} queries, {name} has {_num_samples(values)}."
            )


def check_weight(sample_weight: ArrayLike | None, X: NDArray) -> NDArray[np.float64]:
    """Return weights of the queries, >= 0 and not all 0; None weighs them equally."""
    weight = _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    if not weight.any():  # scikit-learn < 1.9 lets this pass
        raise ValueError("All sample_weight are zero.")
    return weight


def priced(outcomes: Outcomes, candidates: NDArray, who: Any) -> NDArray[np.bool_]:
    """Candidates whose cost is known; refuse a query that has none."""
    known = candidates & ~np.isnan(outcomes.cost)
    none = ~known.any(axis=1, keepdims=True)
    check_known(outcomes.cost, candidates & none, outcomes.models, who)
    return known


def weighted_rows(
    sample_weight: ArrayLike | None, X: Any
) -> tuple[slice | NDArray[np.intp], NDArray[np.float64] | None]:
    """Rows that count, and their weights; without weights all rows and None."""
    if sample_weight is None:
        return slice(None), None
    weight = check_weight(sample_weight, X)
    rows = np.flatnonzero(weight)
    return rows, weight[rows]
