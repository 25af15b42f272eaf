"""Curves of calibration: predicted against observed quality, and coverage."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from sklroute.metrics._calibration import check_predicted, observed_pairs
from sklroute.outcomes import check_outcomes
from sklroute.outcomes._values import plain


@dataclass(frozen=True, eq=False)
class Reliability:
    """Mean predicted and mean observed quality in bins of the predicted quality.

    Parameters
    ----------
    predicted, observed : ndarray of shape (n_bins,)
        Means of the answers in each bin that is not empty, in ascending order.
    count : ndarray of int, of shape (n_bins,)
        Number of answers in the bin.
    """

    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    count: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Coverage:
    """How often central intervals of the predicted quality hold the observed one.

    Parameters
    ----------
    nominal : ndarray of shape (n_levels,)
        Probability that the intervals should have.
    observed : ndarray of shape (n_levels,)
        Share of the answers inside.
    """

    nominal: NDArray[np.float64]
    observed: NDArray[np.float64]


def quality_reliability(
    y: Any,
    quality: ArrayLike,
    n_bins: int = 10,
    *,
    strategy: Literal["uniform", "quantile"] = "uniform",
) -> Reliability:
    """Predicted against observed quality, in bins of the predicted quality.

    Parameters
    ----------
    y : Outcomes or any form that `check_outcomes` accepts
        What the answers were worth.
    quality : array-like of shape (n_queries, n_models)
        Predicted quality, in the order of ``y.models``; columns of a DataFrame are
        matched by name.
    n_bins : int, default=10
        Number of bins.
    strategy : "uniform" or "quantile", default="uniform"
        Bins of equal width, or of about equal numbers of answers.

    Returns
    -------
    Reliability
        With bins of equal width the mean of ``abs(predicted - observed)`` weighted by
        ``count`` is `quality_calibration_error`.

    Raises
    ------
    ValueError
        As `quality_brier`, or if ``n_bins`` is below 1 or the strategy unknown.

    Examples
    --------
    >>> from sklroute.metrics import quality_reliability
    >>> curve = quality_reliability([[1.0, 0.0], [1.0, 1.0]], [[0.7, 0.1], [0.7, 0.7]])
    >>> curve.predicted, curve.observed, curve.count
    (array([0.1, 0.7]), array([0., 1.]), array([1, 3]))
    """
    predicted, target = observed_pairs(y, quality, n_bins)
    place = _bin(predicted, n_bins, strategy)
    count = np.bincount(place, minlength=n_bins)
    kept = count > 0
    means = [
        np.bincount(place, weights=values, minlength=n_bins)[kept] / count[kept]
        for values in (predicted, target)
    ]
    return Reliability(*means, count[kept])


def randomised_pit(
    y: Any,
    distribution: Any,
    random_state: int | np.random.RandomState | None = None,
) -> NDArray[np.float64]:
    r"""Place of each observed quality in its predicted distribution.

    .. math:: u = F(q^-) + v \,\{F(q) - F(q^-)\}, \qquad v \sim U(0, 1)

    With a distribution that is right, :math:`u` is uniform on [0, 1], also where
    quality takes few values: the random :math:`v` spreads each jump of :math:`F`. For
    right and wrong answers and a chance :math:`p` of a right one, :math:`u` is drawn
    from [0, 1 - p] after a wrong answer and from [1 - p, 1] after a right one.

    Parameters
    ----------
    y : Outcomes or any form that `check_outcomes` accepts
        What the answers were worth.
    distribution : QualityDistribution or array-like of shape (n_queries, n_models)
        What ``predict_distribution`` returns: an object with ``support`` and
        ``prob``; an observed quality counts as the nearest value of the support. An
        array is the chance of a right answer; the observed quality must then be 0 or
        1.
    random_state : int, RandomState or None, default=None
        Seed of :math:`v`.

    Returns
    -------
    u : ndarray of shape (n_queries, n_models)
        NaN where the answer was not observed.

    Raises
    ------
    ValueError
        If shapes differ, a chance is not in [0, 1], or an array meets a quality that is
        neither 0 nor 1.

    References
    ----------
    C. Czado, T. Gneiting and L. Held, "Predictive model assessment for count data",
    Biometrics 2009, section 2.1 (nonrandomised and randomised PIT).

    Examples
    --------
    >>> from sklroute.metrics import randomised_pit
    >>> u = randomised_pit([[1.0, 0.0]], [[0.9, 0.9]], random_state=0)
    >>> bool(u[0, 0] > 0.1), bool(u[0, 1] < 0.1)
    (True, True)
    """
    outcomes = check_outcomes(y)
    support, prob = _support(distribution, outcomes)
    edges = (support[1:] + support[:-1]) / 2
    place = np.searchsorted(edges, np.where(outcomes.observed, outcomes.quality, 0.0))
    up_to = np.take_along_axis(prob.cumsum(axis=-1), place[..., None], axis=-1)
    jump = np.take_along_axis(prob, place[..., None], axis=-1)
    spread = check_random_state(random_state).uniform(size=place.shape)
    u = (up_to - jump)[..., 0] + spread * jump[..., 0]
    return np.where(outcomes.observed, u.clip(0.0, 1.0), np.nan)


def quality_coverage(
    y: Any,
    distribution: Any,
    *,
    levels: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Coverage:
    r"""Share of the observed qualities inside central intervals of the predicted ones.

    An interval of level :math:`a` holds the qualities between the quantiles
    :math:`(1 - a) / 2` and :math:`(1 + a) / 2`. Where quality takes few values no
    interval has exactly that probability; a value that an end of the interval cuts
    through is then inside with the probability that makes it so: what is counted is
    :math:`|u - 1/2| \le a / 2` with `randomised_pit`.

    Parameters
    ----------
    y, distribution, random_state
        As in `randomised_pit`.
    levels : array-like of shape (n_levels,), default=None
        Nominal levels in [0, 1]. None is 0, 0.05, ..., 1.

    Returns
    -------
    Coverage
        Observed below nominal: the predictions are too sure of themselves.

    Examples
    --------
    >>> from sklroute.metrics import quality_coverage
    >>> sure_and_wrong = quality_coverage([[1.0, 0.0]] * 500, [[0.02, 0.98]] * 500,
    ...                                   levels=[0.5, 0.9], random_state=0)
    >>> sure_and_wrong.observed
    array([0., 0.])
    """
    levels = np.linspace(0, 1, 21) if levels is None else np.asarray(levels, float)
    if not ((levels >= 0) & (levels <= 1)).all():
        raise ValueError(f"levels must be in [0, 1]; got {levels.tolist()}.")
    u = randomised_pit(y, distribution, random_state)
    distance = 2 * np.abs(u[~np.isnan(u)] - 0.5)
    if not len(distance):
        raise ValueError("y has no observed quality.")
    return Coverage(levels, np.mean(distance[:, None] <= levels, axis=0))


def _bin(predicted: NDArray, n_bins: int, strategy: str) -> NDArray[np.intp]:
    if strategy == "uniform":
        return np.minimum((predicted * n_bins).astype(int), n_bins - 1)
    if strategy != "quantile":
        raise ValueError(f"strategy must be 'uniform' or 'quantile'; got {strategy!r}.")
    edges = np.quantile(predicted, np.arange(1, n_bins) / n_bins)
    return np.searchsorted(edges, predicted, side="right")


def _support(distribution: Any, outcomes) -> tuple[NDArray, NDArray]:
    """Values of the quality, and their probabilities on the last axis."""
    shape = outcomes.quality.shape
    if hasattr(distribution, "prob"):
        support, prob = np.asarray(distribution.support), np.asarray(distribution.prob)
        if prob.shape != (*shape, len(support)):
            raise ValueError(
                f"The distribution has shape {prob.shape}; y needs "
                f"{(*shape, len(support))} (n_queries, n_models, n_support)."
            )
        return support, prob
    chance = check_predicted(distribution, outcomes, "The chance of a right answer")
    graded = outcomes.observed & ~np.isin(outcomes.quality, (0.0, 1.0))
    if graded.any():
        row, column = np.argwhere(graded)[0]
        raise ValueError(
            f"Row {row}, model {plain(outcomes.models[column])!r} has quality "
            f"{outcomes.quality[row, column]}: an expected quality says how qualities "
            "are distributed only if all are 0 or 1. Give a distribution."
        )
    return np.array([0.0, 1.0]), np.stack([1 - chance, chance], axis=-1)
