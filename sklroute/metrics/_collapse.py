"""Routing collapse: traffic that goes to the dearest model without need."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklroute.metrics._choice import Reduce, _chosen, _reduce
from sklroute.metrics._hull import ROUNDING
from sklroute.metrics._references import model_means
from sklroute.outcomes import check_outcomes
from sklroute.outcomes._values import check_candidates


def collapse_index(
    y: Any, choice: ArrayLike, *, reduce: Reduce = "mean"
) -> float | NDArray[np.float64]:
    r"""Routing collapse index: share of queries that were not routed well.

    Let :math:`E` be the model (or models) of the highest mean cost and :math:`B_x`
    the models of the highest quality on query :math:`x`. The query is routed well if
    the chosen model is in :math:`B_x` and either not in :math:`E` or all of
    :math:`B_x` is in :math:`E`: the dearest model is right only where nothing
    cheaper is as good. The index is the share of the other queries, taken at the
    largest budget: pass the choices at cost weight 0.

    Parameters
    ----------
    y : Outcomes or any form that `check_outcomes` accepts, with costs
        What the answers were worth. :math:`B_x` is among the models observed and
        available for the query.
    choice : array-like of shape (n_queries,)
        Names of the chosen models.
    reduce : "mean" or None, default="mean"
        None returns one value per query, 1 where it was not routed well.

    Returns
    -------
    index : float or ndarray of shape (n_queries,)
        In [0, 1], lower is better.

    Raises
    ------
    ValueError
        If ``y`` has no costs, a query has no candidate, or the answer of a chosen
        model was not observed; the message names the row.

    References
    ----------
    The routing collapse index of ORBIT.

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> from sklroute.metrics import collapse_index
    >>> y = Outcomes([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]], cost=[1.0, 5.0])
    >>> collapse_index(y, [1, 1, 1], reduce=None)  # model 1 is needed once
    array([1., 0., 1.])
    """
    outcomes = check_outcomes(y)
    candidates = check_candidates(outcomes.candidates)
    _, cost = model_means(outcomes)
    if np.isnan(cost).all():
        raise ValueError("y has no costs: no model is known to be the dearest.")
    dearest = cost >= (1 - ROUNDING) * np.nanmax(cost)
    _chosen(outcomes, outcomes.quality, choice, "quality")  # refuses unknown answers
    quality = np.where(candidates, outcomes.quality, -np.inf)
    best = quality == quality.max(axis=1, keepdims=True)
    needed = ~(best & ~dearest).any(axis=1)
    column = outcomes.index(choice)
    well = best[np.arange(len(column)), column] & (~dearest[column] | needed)
    return _reduce((~well).astype(float), reduce)
