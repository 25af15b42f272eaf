"""What a router is compared with: references and bounds, which may see ``y``."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_consistent_length

from sklroute.metrics._frontier import Frontier, frontier
from sklroute.metrics._hull import upper_hull
from sklroute.outcomes import Outcomes, check_outcomes
from sklroute.outcomes._values import (
    by_model,
    check_cost_weight,
    group_array,
    observed_mean,
)
from sklroute.policies import check_available, first_best


def model_means(y: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean quality and mean cost of each model: what always calling it is worth.

    Parameters
    ----------
    y : Outcomes or any form that `check_outcomes` accepts
        What the answers were worth.

    Returns
    -------
    quality, cost : ndarray of shape (n_models,)
        Each over the queries where it is known; NaN where it never is.

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> from sklroute.metrics import model_means
    >>> model_means(Outcomes([[0.0, 1.0], [1.0, float("nan")]], cost=[1.0, 5.0]))
    (array([0.5, 1. ]), array([1., 5.]))
    """
    outcomes = check_outcomes(y)
    return observed_mean(outcomes.quality), observed_mean(outcomes.cost)


def best_single(y: Any, cost_weight: float = 0.0):
    """Name of the model with the highest mean utility.

    Parameters
    ----------
    y : Outcomes or any form that `check_outcomes` accepts
        Outcomes of the *training* queries: a reference chosen on test queries has
        seen what it is tested on.
    cost_weight : float, default=0.0
        Quality that one unit of cost must buy.

    Returns
    -------
    model : str or int
        Each model's mean is over the queries where it was observed. Ties go to the
        cheaper model, then to the first.

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> from sklroute.metrics import best_single
    >>> y = Outcomes([[0.8, 1.0], [0.9, 1.0]], cost=[1, 5], models=["base", "large"])
    >>> best_single(y), best_single(y, cost_weight=0.1)
    ('large', 'base')
    """
    outcomes = check_outcomes(y)
    utility, cost = _mean_utility(outcomes, cost_weight)
    if np.isneginf(utility).all():
        raise ValueError("No model has an observed quality and a known cost.")
    return outcomes.models[first_best(utility[None], cost[None])].item()


def cheapest_model(y: Any):
    """Name of the model with the lowest mean cost.

    Parameters
    ----------
    y : Outcomes or any form that `check_outcomes` accepts, with costs
        Outcomes of the training queries.

    Returns
    -------
    model : str or int
        Ties go to the model of higher mean quality, then to the first.
    """
    outcomes = check_outcomes(y)
    quality, cost = model_means(outcomes)
    if np.isnan(cost).all():
        raise ValueError("y has no costs: no model is known to be the cheapest.")
    utility = np.where(np.isnan(cost), -np.inf, -cost)
    return outcomes.models[first_best(utility[None], -quality[None])].item()


def best_model_per_group(
    y_train: Any,
    groups_train: ArrayLike,
    groups_test: ArrayLike,
    *,
    cost_weight: float = 0.0,
    available: ArrayLike | None = None,
) -> NDArray:
    """Send every query to the model that was best on its group's training queries.

    Parameters
    ----------
    y_train : Outcomes or any form that `check_outcomes` accepts
        Outcomes of the training queries.
    groups_train, groups_test : array-like of shape (n_queries,)
        A group for each training and each test query, e.g. its data set or task.
    cost_weight : float, default=0.0
        Quality that one unit of cost must buy.
    available : array-like of bool, of shape (n_test_queries, n_models) or \
(n_models,), default=None
        Models that may be chosen, in the order of ``y_train.models``; what has labels
        is matched by name. None allows all.

    Returns
    -------
    models : ndarray of shape (n_test_queries,)
        Names of the chosen models. Where a group was not seen in training, or none
        of the available models was, the best model over all groups is taken.

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> from sklroute.metrics import best_model_per_group
    >>> y = Outcomes([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], models=["chat", "ocr"])
    >>> best_model_per_group(y, ["maths", "scan", "scan"], ["maths", "scan", "new"])
    array(['chat', 'ocr', 'ocr'], dtype='<U4')
    """
    outcomes = check_outcomes(y_train)
    check_consistent_length(outcomes, groups_train)
    groups_train = group_array(groups_train, "groups_train")
    groups_test = group_array(groups_test, "groups_test")
    available = by_model(available, outcomes.models, "available")
    available = check_available(available, (len(groups_test), len(outcomes.models)))
    overall, cost = _mean_utility(outcomes, cost_weight)
    utility = np.full(available.shape, -np.inf)
    train, test = (
        pd.Series(groups).groupby(groups, sort=False).indices
        for groups in (groups_train, groups_test)
    )
    for group, rows in test.items():
        seen = outcomes[train.get(group, [])]
        utility[rows] = _mean_utility(seen, cost_weight)[0]
    utility = np.where(available, utility, -np.inf)
    unseen = np.isneginf(utility).all(axis=1)
    utility[unseen] = np.where(available[unseen], overall, -np.inf)
    unknown = np.isneginf(utility).all(axis=1)
    if unknown.any():
        raise ValueError(
            f"Row {np.flatnonzero(unknown)[0]}: none of the available models has a "
            "known mean utility in y_train."
        )
    return outcomes.models[first_best(utility, cost)]


def random_outcome(
    y: Any, share: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Expected quality and cost of drawing each query's model at random.

    Parameters
    ----------
    y : Outcomes or any form that `check_outcomes` accepts
        What the answers were worth.
    share : array-like of shape (n_models,), default=None
        Probability of each model, in the order of ``y.models`` or with its name as
        label, e.g. a router's own `traffic_share`; scaled to sum to 1 over each
        query's candidates. None, and queries whose candidates all have share 0, draw
        uniformly.

    Returns
    -------
    quality, cost : ndarray of shape (n_queries,)
        Exact expectations, one per query. The cost is NaN where that of a candidate
        is unknown.

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> from sklroute.metrics import random_outcome
    >>> y = Outcomes([[0.0, 1.0], [1.0, float("nan")]], cost=[1.0, 5.0])
    >>> random_outcome(y, share=[0.75, 0.25])
    (array([0.25, 1.  ]), array([2., 1.]))
    """
    outcomes = check_outcomes(y)
    mask = check_available(outcomes.candidates, outcomes.quality.shape)
    share = _check_share(by_model(share, outcomes.models, "share"), mask.shape[1])
    weight = np.where(mask, share, 0.0)
    weight = np.where(weight.any(axis=1, keepdims=True), weight, mask)
    weight = weight / weight.sum(axis=1, keepdims=True)
    return tuple(
        np.where(weight > 0, weight * table, 0.0).sum(axis=1)
        for table in (outcomes.quality, outcomes.cost)
    )


def single_model_hull(y: Any) -> Frontier:
    """Frontier of mixing single models at random, without looking at the query.

    The upper concave hull of the models' mean cost and mean quality, from the
    cheapest to the best. A router that does not rise above it has learned nothing.

    Parameters
    ----------
    y : Outcomes or any form that `check_outcomes` accepts, with costs
        What the answers were worth.

    Returns
    -------
    Frontier
        One point per model on the hull; ``cost_weight`` is the lowest weight at
        which it is the best single model.

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> from sklroute.metrics import single_model_hull
    >>> y = Outcomes([[0.5, 0.6, 0.9]], cost=[1.0, 4.0, 5.0])
    >>> hull = single_model_hull(y)
    >>> hull.cost, hull.quality  # half way to the third, the second is below 0.8
    (array([5., 1.]), array([0.9, 0.5]))
    """
    quality, cost = model_means(y)
    known = ~np.isnan(quality) & ~np.isnan(cost)
    if not known.any():
        raise ValueError("y has no costs: a frontier needs what each call cost.")
    quality, cost = quality[known], cost[known]
    models, weight = upper_hull(quality, cost)
    return Frontier(weight, cost[models], quality[models])


def oracle_frontier(y: Any, *, cost_weights: ArrayLike | None = None) -> Frontier:
    """Frontier of the oracle, which knows the quality and cost of every answer.

    No router can have a higher mean utility at any cost weight.

    Parameters
    ----------
    y : Outcomes or any form that `check_outcomes` accepts, with costs
        What the answers were worth.
    cost_weights : array-like of shape (n_points,), default=None
        As in `frontier`.

    Returns
    -------
    Frontier
    """
    outcomes = check_outcomes(y)
    return frontier(
        outcomes, outcomes.quality, outcomes.cost, cost_weights=cost_weights
    )


# -- shared parts ----------------------------------------------------------------


def _mean_utility(outcomes: Outcomes, cost_weight: float) -> tuple[NDArray, NDArray]:
    """Mean utility of each model, -inf if never observed, and its mean cost."""
    check_cost_weight(cost_weight)
    utility = outcomes.quality
    if cost_weight > 0:
        utility = utility - cost_weight * outcomes.cost
    mean = observed_mean(utility)
    return np.where(np.isnan(mean), -np.inf, mean), observed_mean(outcomes.cost)


def _check_share(share: ArrayLike | None, n_models: int) -> NDArray:
    if share is None:
        return np.ones(n_models)
    share = np.asarray(share, dtype=float)
    if share.shape != (n_models,) or not ((share >= 0) & np.isfinite(share)).all():
        raise ValueError(
            f"share must hold one number >= 0 for each of the {n_models} models; "
            f"got {share.tolist()}."
        )
    return share
