"""What a choice of models was worth, query by query or on average."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklroute.metrics._tables import chosen_columns
from sklroute.outcomes import Outcomes, check_outcomes
from sklroute.outcomes._values import check_cost_weight, columns_of, plain

ROUNDING = 1e-12  # of a mean utility

Reduce = Literal["mean"] | None


def realised_quality(
    y: Any, choice: ArrayLike, *, reduce: Reduce = "mean"
) -> float | NDArray[np.float64]:
    """Quality of the answers of the chosen models.

    Parameters
    ----------
    y : Outcomes or any form that `check_outcomes` accepts
        What the answers were worth.
    choice : array-like of shape (n_queries,)
        Names of the chosen models, as ``predict`` returns them.
    reduce : "mean" or None, default="mean"
        None returns one value per query.

    Returns
    -------
    quality : float or ndarray of shape (n_queries,)
        In [0, 1].

    Raises
    ------
    ValueError
        If the answer of a chosen model was not observed; the message names the row.

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> from sklroute.metrics import realised_quality
    >>> y = Outcomes([[1.0, 0.0], [0.0, 1.0]], models=["a", "b"])
    >>> realised_quality(y, ["a", "a"])
    0.5
    """
    outcomes = check_outcomes(y)
    return _reduce(_chosen(outcomes, outcomes.quality, choice, "quality"), reduce)


def realised_cost(
    y: Any, choice: ArrayLike, *, reduce: Reduce = "mean"
) -> float | NDArray[np.float64]:
    """Cost of the calls of the chosen models, in the unit of ``y``.

    Parameters, returns and errors are those of `realised_quality`.

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> from sklroute.metrics import realised_cost
    >>> y = Outcomes([[1.0, 0.0], [0.0, 1.0]], cost=[3.0, 1.0], models=["a", "b"])
    >>> realised_cost(y, ["a", "b"])
    2.0
    """
    outcomes = check_outcomes(y)
    return _reduce(_chosen(outcomes, outcomes.cost, choice, "cost"), reduce)


def realised_utility(
    y: Any, choice: ArrayLike, *, cost_weight: float = 0.0, reduce: Reduce = "mean"
) -> float | NDArray[np.float64]:
    """Realised quality less ``cost_weight`` times realised cost.

    Other parameters, returns and errors are those of `realised_quality`. At
    ``cost_weight=0`` costs may be unknown.

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> from sklroute.metrics import realised_utility
    >>> y = Outcomes([[1.0, 0.0], [0.0, 1.0]], cost=[3.0, 1.0], models=["a", "b"])
    >>> realised_utility(y, ["a", "b"], cost_weight=0.25, reduce=None)
    array([0.25, 0.75])
    """
    check_cost_weight(cost_weight)
    quality = realised_quality(y, choice, reduce=None)
    if cost_weight == 0:
        return _reduce(quality, reduce)
    cost = realised_cost(y, choice, reduce=None)
    return _reduce(quality - cost_weight * cost, reduce)


def regret(
    y: Any, choice: ArrayLike, *, cost_weight: float = 0.0, reduce: Reduce = "mean"
) -> float | NDArray[np.float64]:
    """Utility lost against the oracle, which knows every outcome.

    Parameters, returns and errors are those of `realised_utility`; values are >= 0
    for choices among the models observed and available.

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> from sklroute.metrics import regret
    >>> y = Outcomes([[1.0, 0.0], [0.0, 1.0]], models=["a", "b"])
    >>> regret(y, ["a", "a"], reduce=None)
    array([0., 1.])
    """
    outcomes = check_outcomes(y)
    oracle = outcomes.best_model(cost_weight)
    best = realised_utility(outcomes, oracle, cost_weight=cost_weight, reduce=None)
    own = realised_utility(outcomes, choice, cost_weight=cost_weight, reduce=None)
    return _reduce(best - own, reduce)


def gap_closed(
    y: Any, choice: ArrayLike, reference: ArrayLike, *, cost_weight: float = 0.0
) -> float:
    """Share of the gap between a reference and the oracle that is closed.

    Parameters
    ----------
    y : Outcomes or any form that `check_outcomes` accepts
        What the answers were worth.
    choice, reference : array-like of shape (n_queries,)
        Names of the models chosen by the router and by the reference, usually the
        best single model, itself found on training rows.
    cost_weight : float, default=0.0
        Quality that one unit of cost must buy.

    Returns
    -------
    share : float
        1 for the oracle, 0 for the reference, negative below it; NaN where the
        reference is the oracle.

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> from sklroute.metrics import gap_closed
    >>> y = Outcomes([[1.0, 0.0], [0.0, 1.0], [0.0, 0.5]], models=["a", "b"])
    >>> round(gap_closed(y, ["b", "b", "a"], reference=["a", "a", "a"]), 3)
    0.0
    >>> round(gap_closed(y, ["a", "b", "a"], reference=["a", "a", "a"]), 3)
    0.667
    """
    reference_regret = regret(y, reference, cost_weight=cost_weight)
    if reference_regret <= ROUNDING:
        return float("nan")
    return 1.0 - regret(y, choice, cost_weight=cost_weight) / reference_regret


def traffic_share(choice: ArrayLike, models: ArrayLike) -> NDArray[np.float64]:
    """Share of the queries that goes to each model.

    Parameters
    ----------
    choice : array-like of shape (n_queries,)
        Names of the chosen models.
    models : array-like of shape (n_models,)
        Names of all models, e.g. ``router.classes_``.

    Returns
    -------
    share : ndarray of shape (n_models,)
        Sums to 1.

    Raises
    ------
    ValueError
        If a chosen model is not one of ``models``; the message names the row.

    Examples
    --------
    >>> from sklroute.metrics import traffic_share
    >>> traffic_share(["a", "b", "a", "a"], ["a", "b", "c"])
    array([0.75, 0.25, 0.  ])
    """
    models = np.asarray(models)
    column = columns_of(choice, models)
    return np.bincount(column, minlength=len(models)) / len(column)


def _chosen(outcomes: Outcomes, table: NDArray, choice, what: str) -> NDArray:
    column = chosen_columns(outcomes, choice)
    values = table[np.arange(len(column)), column]
    if np.isnan(values).any():
        row = int(np.flatnonzero(np.isnan(values))[0])
        hint = ""
        if what == "quality":
            hint = " Choose among known ones, by predict(X, available=y.candidates)."
        raise ValueError(
            f"Row {row}: the {what} of the chosen model "
            f"{plain(outcomes.models[column[row]])!r} is not known.{hint}"
        )
    return values


def _reduce(values: NDArray, reduce: Reduce):
    if reduce not in ("mean", None):
        raise ValueError(f"reduce must be 'mean' or None; got {reduce!r}.")
    return values if reduce is None else float(values.mean())
