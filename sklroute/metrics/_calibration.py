"""How far the predicted quality can be taken at its word."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

from sklroute.metrics._choice import Reduce, _reduce
from sklroute.metrics._tables import check_table
from sklroute.outcomes import Outcomes, check_outcomes
from sklroute.outcomes._values import check_seen, plain


def quality_brier(
    y: Any, quality: ArrayLike, *, reduce: Reduce = "mean"
) -> float | NDArray[np.float64]:
    """Mean squared difference of predicted and observed quality.

    Parameters
    ----------
    y : Outcomes or any form that `check_outcomes` accepts
        What the answers were worth.
    quality : array-like of shape (n_queries, n_models)
        Predicted quality, in the order of ``y.models``; columns of a DataFrame are
        matched by name.
    reduce : "mean" or None, default="mean"
        None returns each query's mean over its observed models; "mean" averages
        these over the queries.

    Returns
    -------
    loss : float or ndarray of shape (n_queries,)
        Lower is better.

    Raises
    ------
    ValueError
        If shapes differ, a query has no observed model, or a prediction for an
        observed answer is not in [0, 1].

    Examples
    --------
    >>> from sklroute.metrics import quality_brier
    >>> quality_brier([[1.0, 0.0], [0.5, float("nan")]], [[0.5, 0.5], [0.5, 0.9]])
    0.125
    """
    outcomes, quality = _check(y, quality)
    return _reduce(_query_mean(outcomes, (outcomes.quality - quality) ** 2), reduce)


def quality_log_loss(
    y: Any, quality: ArrayLike, *, reduce: Reduce = "mean"
) -> float | NDArray[np.float64]:
    """Cross-entropy of the observed quality under the predicted one, in nats.

    Observed quality between 0 and 1 is a soft target. Predictions are kept away from
    0 and 1 by the precision of a float, as in `sklearn.metrics.log_loss`.
    Parameters, returns and errors are those of `quality_brier`.

    Examples
    --------
    >>> from sklroute.metrics import quality_log_loss
    >>> round(quality_log_loss([[1.0, 0.0]], [[0.5, 0.5]]), 4)  # log 2
    0.6931
    """
    outcomes, quality = _check(y, quality)
    tiny = np.finfo(float).eps
    quality = np.clip(quality, tiny, 1 - tiny)
    target = outcomes.quality
    loss = -xlogy(target, quality) - xlogy(1 - target, 1 - quality)
    return _reduce(_query_mean(outcomes, loss), reduce)


def quality_calibration_error(y: Any, quality: ArrayLike, n_bins: int = 10) -> float:
    """Expected calibration error of the predicted quality.

    Observed answers are put in ``n_bins`` bins of equal width by their predicted
    quality; the error is the mean over answers of the distance between their bin's
    mean prediction and mean observed quality.

    Parameters
    ----------
    y : Outcomes or any form that `check_outcomes` accepts
        What the answers were worth.
    quality : array-like of shape (n_queries, n_models)
        Predicted quality, in the order of ``y.models``; columns of a DataFrame are
        matched by name.
    n_bins : int, default=10
        Number of bins.

    Returns
    -------
    error : float
        In [0, 1], lower is better.

    References
    ----------
    C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.

    Examples
    --------
    >>> from sklroute.metrics import quality_calibration_error
    >>> round(quality_calibration_error([[1.0, 0.0]], [[0.7, 0.7]]), 3)
    0.2
    """
    predicted, target = observed_pairs(y, quality, n_bins)
    place = np.minimum((predicted * n_bins).astype(int), n_bins - 1)
    excess = np.bincount(place, weights=predicted - target)
    return float(np.abs(excess).sum() / len(predicted))


def observed_pairs(y: Any, quality: ArrayLike, n_bins: int) -> tuple[NDArray, NDArray]:
    """Predicted and observed quality of every answer that was observed."""
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1; got {n_bins}.")
    outcomes, quality = _check(y, quality)
    return quality[outcomes.observed], outcomes.quality[outcomes.observed]


def _check(y: Any, quality: ArrayLike) -> tuple[Outcomes, NDArray]:
    outcomes = check_outcomes(y)
    check_seen(outcomes.observed)
    return outcomes, check_predicted(quality, outcomes, "Predicted quality")


def check_predicted(values: ArrayLike, outcomes: Outcomes, what: str) -> NDArray:
    """Return predictions as a table; refuse those of observed answers not in [0, 1]."""
    table = check_table(values, outcomes, what)
    wrong = outcomes.observed & ~((table >= 0) & (table <= 1))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"{what} must be in [0, 1]; row {row}, model "
            f"{plain(outcomes.models[column])!r} has {table[row, column]}."
        )
    return table


def _query_mean(outcomes: Outcomes, loss: NDArray) -> NDArray[np.float64]:
    observed = outcomes.observed
    return np.where(observed, loss, 0.0).sum(axis=1) / observed.sum(axis=1)
