"""What a policy would have been worth, from the log of another one."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklroute.metrics._choice import Reduce, _reduce
from sklroute.metrics._overlap import (
    effective_size,
    expected,
    logged_utility,
    predicted_utility,
    read,
    warn_of_overlap,
    weights,
)


def ips_value(
    y: Any,
    choice: ArrayLike,
    *,
    cost_weight: float = 0.0,
    reduce: Reduce = "mean",
) -> float | NDArray[np.float64]:
    r"""Value of a policy by inverse propensity scoring.

    The mean of :math:`w_i u_i`, where :math:`u_i` is the logged utility and
    :math:`w_i = \pi(a_i | x_i) / p_i` the probability with which the policy makes the
    logged call, over that with which the log made it. Unbiased if the propensities
    are right and positive wherever the policy goes; its variance is large, and it
    changes if a constant is added to every utility.

    Parameters
    ----------
    y : LoggedOutcomes or an array of their shape, (n_queries, n_models, 4)
        The log.
    choice : array-like of shape (n_queries,) or (n_queries, n_models)
        Names of the models that the policy chooses, as ``predict`` returns them, or
        the probabilities with which it chooses each: in the order of ``y.models``, or
        by name as columns of a DataFrame.
    cost_weight : float, default=0.0
        Price of cost in the utility, quality - cost_weight * cost.
    reduce : "mean" or None, default="mean"
        None returns one value per query. Give those to `paired_bootstrap` for an
        interval, or for that of the difference between two policies.

    Returns
    -------
    value : float or ndarray of shape (n_queries,)

    Raises
    ------
    ValueError
        If ``y`` has no propensities, shapes differ, a model is not in the pool, or
        the cost of a logged call is needed but not known.

    Warns
    -----
    OverlapWarning
        If the policy goes where the log had propensity 0, if the log is worth less
        than 30 queries (`effective_sample_size`), or if one query has more than a
        tenth of the weight.

    References
    ----------
    D. G. Horvitz and D. J. Thompson, "A Generalization of Sampling Without
    Replacement From a Finite Universe", J. Am. Stat. Assoc. 47, 1952.

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute.metrics import ips_value
    >>> from sklroute.outcomes import LoggedOutcomes
    >>> nan = float("nan")
    >>> y = LoggedOutcomes(np.array([[0.0, nan], [nan, 1.0]] * 50),
    ...                    propensity=[0.75, 0.25], models=["base", "large"])
    >>> ips_value(y, ["large"] * 100), ips_value(y, ["base"] * 100)
    (2.0, 0.0)
    """
    outcomes, target = read(y, choice)
    weight = weights(outcomes, target)
    warn_of_overlap(outcomes, target, weight)
    utility = logged_utility(outcomes, cost_weight)
    return _reduce((weight * utility).sum(axis=1), reduce)


def snips_value(
    y: Any,
    choice: ArrayLike,
    *,
    cost_weight: float = 0.0,
    reduce: Reduce = "mean",
) -> float | NDArray[np.float64]:
    r"""Value of a policy by self-normalised inverse propensity scoring.

    :math:`\hat v = \sum_i w_i u_i / \sum_i w_i` with the weights of `ips_value`. It
    stays within the range of the utilities, is exact for constant ones, and usually
    has a far smaller variance, at a bias that vanishes with the number of queries.

    Parameters, errors and warnings are those of `ips_value`; it is an error if no
    logged call agrees with the policy.

    Returns
    -------
    value : float or ndarray of shape (n_queries,)
        The per-query values are linearised,
        :math:`\hat v + w_i (u_i - \hat v) / \bar w`: their mean is
        :math:`\hat v`, and their spread over queries is that of the estimate, so that
        `paired_bootstrap` gives its interval.

    References
    ----------
    A. Swaminathan and T. Joachims, "The Self-Normalized Estimator for Counterfactual
    Learning", NeurIPS 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute.metrics import snips_value
    >>> from sklroute.outcomes import LoggedOutcomes
    >>> nan = float("nan")
    >>> y = LoggedOutcomes(np.array([[0.0, nan], [nan, 1.0]] * 50),
    ...                    propensity=[0.75, 0.25], models=["base", "large"])
    >>> snips_value(y, ["large"] * 100)
    1.0
    """
    outcomes, target = read(y, choice)
    weight = weights(outcomes, target)
    if not weight.any():
        raise ValueError("No logged call agrees with the policy: it has no value here.")
    warn_of_overlap(outcomes, target, weight)
    utility = logged_utility(outcomes, cost_weight)
    value = (weight * utility).sum() / weight.sum()
    residual = (weight * (utility - value)).sum(axis=1)
    per_query = value + residual / weight.sum(axis=1).mean()
    return float(value) if reduce == "mean" else _reduce(per_query, reduce)


def direct_value(
    y: Any,
    choice: ArrayLike,
    quality: ArrayLike,
    cost: ArrayLike | None = None,
    *,
    cost_weight: float = 0.0,
    reduce: Reduce = "mean",
) -> float | NDArray[np.float64]:
    """Value of a policy as an outcome model predicts it (the direct method).

    The mean predicted utility of the chosen models. The log's outcomes and
    propensities play no part: the value is as wrong as the predictions are on the
    models chosen, and an interval does not show it. A policy that is the argmax of
    these very predictions is always overrated.

    Parameters
    ----------
    y, choice, cost_weight, reduce
        As in `ips_value`; ``y`` says which models there are.
    quality : array-like of shape (n_queries, n_models)
        Predicted quality, from queries other than these (`cross_val_quality`); in the
        order of ``y.models``, or by name as columns of a DataFrame.
    cost : array-like of shape (n_queries, n_models) or (n_models,), default=None
        Predicted cost; needed if ``cost_weight`` is above 0.

    Returns
    -------
    value : float or ndarray of shape (n_queries,)

    Examples
    --------
    >>> from sklroute.metrics import direct_value
    >>> from sklroute.outcomes import LoggedOutcomes
    >>> y = LoggedOutcomes([[0.0, float("nan")]], propensity=[0.75, 0.25])
    >>> direct_value(y, [1], quality=[[0.1, 0.9]])
    0.9
    """
    outcomes, target = read(y, choice)
    needed = target > 0
    predicted = predicted_utility(outcomes, quality, cost, cost_weight, needed)
    return _reduce(expected(target, predicted), reduce)


def doubly_robust_value(
    y: Any,
    choice: ArrayLike,
    quality: ArrayLike,
    cost: ArrayLike | None = None,
    *,
    cost_weight: float = 0.0,
    reduce: Reduce = "mean",
) -> float | NDArray[np.float64]:
    r"""Value of a policy by predictions, corrected where the log has the answer.

    The mean of :math:`\sum_a \pi(a | x_i) \hat u_i(a) + w_i (u_i - \hat u_i(a_i))`
    with the weights of `ips_value`. Consistent if the propensities *or* the
    predictions are right; unbiased with right propensities, if predictions come from
    other queries. The better they are, the smaller the variance.

    Parameters
    ----------
    y, choice, quality, cost, cost_weight, reduce
        As in `direct_value`.

    Returns
    -------
    value : float or ndarray of shape (n_queries,)
        Give the per-query values to `paired_bootstrap` for an interval.

    Raises
    ------
    ValueError
        As `ips_value`, or if a prediction that is needed is missing.

    Warns
    -----
    OverlapWarning
        As `ips_value`.

    References
    ----------
    M. Dudík, J. Langford and L. Li, "Doubly Robust Policy Evaluation and Learning",
    ICML 2011.

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute.metrics import doubly_robust_value
    >>> from sklroute.outcomes import LoggedOutcomes
    >>> nan = float("nan")
    >>> y = LoggedOutcomes(np.array([[0.0, nan], [nan, 1.0]] * 50),
    ...                    propensity=[0.5, 0.5], models=["base", "large"])
    >>> doubly_robust_value(y, ["large"] * 100, quality=np.full((100, 2), 0.75))
    1.0
    """
    outcomes, target = read(y, choice)
    weight = weights(outcomes, target)
    warn_of_overlap(outcomes, target, weight)
    needed = target > 0  # where it is 0, so is the weight
    predicted = predicted_utility(outcomes, quality, cost, cost_weight, needed)
    residual = logged_utility(outcomes, cost_weight) - predicted
    return _reduce(expected(target, predicted) + expected(weight, residual), reduce)


def effective_sample_size(y: Any, choice: ArrayLike) -> float:
    r"""Number of queries, drawn from the policy itself, that the log is worth.

    :math:`(\sum_i w_i)^2 / \sum_i w_i^2` with the weights of `ips_value`; 0 if no
    logged call agrees with the policy.

    Parameters
    ----------
    y, choice
        As in `ips_value`.

    Returns
    -------
    size : float
        At most n_queries.

    References
    ----------
    A. Kong, "A note on importance sampling using standardized weights", University of
    Chicago, Technical Report 348, 1992.

    Examples
    --------
    >>> from sklroute.metrics import effective_sample_size
    >>> from sklroute.outcomes import LoggedOutcomes
    >>> nan = float("nan")
    >>> y = LoggedOutcomes([[0.0, nan], [nan, 1.0]], propensity=[0.75, 0.25])
    >>> effective_sample_size(y, [1, 1])
    1.0
    """
    outcomes, target = read(y, choice)
    return effective_size(weights(outcomes, target).sum(axis=1))
