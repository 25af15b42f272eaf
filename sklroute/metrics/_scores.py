"""Scores of public benchmarks: one number for quality and cost together."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklroute.metrics._frontier import Frontier, nauc
from sklroute.metrics._hull import upper_hull
from sklroute.metrics._references import model_means


def rank_score(
    accuracy: ArrayLike,
    cost: ArrayLike,
    cost_min: float,
    cost_max: float,
    beta: float = 0.1,
) -> float | NDArray[np.float64]:
    r"""Rank score of VL-RouterBench: accuracy and log-cost in one number.

    The weighted harmonic mean :math:`S = (1 + \beta) A C / (\beta A + C)` of the
    accuracy :math:`A` and of

    .. math::
        C = \frac{\log_2 c_{max} - \log_2 c}{\log_2 c_{max} - \log_2 c_{min}},

    which is clipped to [0, 1]. It is a function of means, so no mean over queries:
    there are no per-query values.

    Parameters
    ----------
    accuracy, cost : float or array-like
        Mean quality, in [0, 1], and mean cost, >= 0, of one router or of several;
        they are broadcast against each other.
    cost_min, cost_max : float
        Costs at which :math:`C` is 1 and 0, ``0 < cost_min < cost_max``, in the unit
        of ``cost``. The benchmark takes them from `rank_cost_bounds`.
    beta : float, default=0.1
        Weight of cost, > 0; the smaller, the more accuracy counts.

    Returns
    -------
    score : float or ndarray
        In [0, 1], higher is better; 0 where accuracy or :math:`C` is 0. The unit of
        the costs does not matter.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    Z. Huang et al., "VL-RouterBench: A Benchmark for Vision-Language Model Routing",
    arXiv:2512.23562, section on evaluation metrics.

    Examples
    --------
    >>> from sklroute.metrics import rank_score
    >>> rank_score(0.5, 2.0, cost_min=1.0, cost_max=4.0, beta=1.0)  # A = C = 1/2
    0.5
    >>> rank_score([0.9, 0.9], [1.0, 4.0], cost_min=1.0, cost_max=4.0).round(3)
    array([0.908, 0.   ])
    """
    accuracy, cost = np.asarray(accuracy, float), np.asarray(cost, float)
    if not 0 < cost_min < cost_max < np.inf:
        raise ValueError(
            f"Costs must satisfy 0 < cost_min < cost_max; got cost_min={cost_min}, "
            f"cost_max={cost_max}."
        )
    if not 0 < beta < np.inf:
        raise ValueError(f"beta must be > 0; got {beta}.")
    if not ((accuracy >= 0) & (accuracy <= 1)).all():
        raise ValueError(f"accuracy must be in [0, 1]; got {accuracy.tolist()}.")
    if not (cost >= 0).all():
        raise ValueError(f"cost must be >= 0; got {cost.tolist()}.")
    spent = np.clip(cost, cost_min, cost_max)
    saved = np.log2(cost_max / spent) / np.log2(cost_max / cost_min)
    accuracy, saved = np.broadcast_arrays(accuracy, saved)
    weight = beta * accuracy + saved
    score = np.zeros(weight.shape)
    product = (1 + beta) * accuracy * saved
    np.divide(product, weight, out=score, where=weight > 0)
    return score if score.ndim else float(score)


def rank_cost_bounds(y) -> tuple[float, float]:
    """Lowest and highest mean cost of a model: the bounds of `rank_score`.

    Parameters
    ----------
    y : Outcomes or any form that `check_outcomes` accepts, with costs
        Outcomes of all queries of the benchmark, not of a split.

    Returns
    -------
    cost_min, cost_max : float
        Over the models whose mean cost is known and above 0.

    Raises
    ------
    ValueError
        If there is no such model.

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> from sklroute.metrics import rank_cost_bounds
    >>> rank_cost_bounds(Outcomes([[0.0, 1.0], [1.0, 1.0]], cost=[[1, 5], [2, 9]]))
    (1.5, 7.0)
    """
    _, cost = model_means(y)
    cost = cost[cost > 0]  # NaN is not above 0 either
    if not len(cost):
        raise ValueError("y has no costs above 0: the rank score needs bounds.")
    return float(cost.min()), float(cost.max())


def aiq(frontier: Frontier, cost_range: tuple[float, float]) -> float:
    """Average improvement in quality of RouterBench.

    The area under the non-decreasing concave hull of the points over a range of
    costs shared by all routers, divided by its width. What lies on the hull between
    two points is reached by choosing one of the two policies at random. Outside the
    points, their ends hold, as in `nauc`, which differs only in that its envelope
    need not be concave.

    Parameters
    ----------
    frontier : Frontier
        Points that reach the cheapest policy, as those of `frontier` do.
    cost_range : (float, float)
        Lowest and highest mean cost, from `cost_range`.

    Returns
    -------
    area : float
        In [0, 1], higher is better; never below `nauc`.

    References
    ----------
    Q. J. Hu et al., "RouterBench: A Benchmark for Multi-LLM Routing System",
    arXiv:2403.12031, section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute.metrics import Frontier, aiq
    >>> curve = Frontier(np.arange(3), np.array([1, 2, 3]), np.array([0.2, 0.3, 0.8]))
    >>> round(aiq(curve, (1, 3)), 3)  # the second lies below the line
    0.5
    """
    points, weight = upper_hull(frontier.quality, frontier.cost)
    hull = Frontier(weight, frontier.cost[points], frontier.quality[points])
    return nauc(hull, cost_range)


def throughput(n_tokens: ArrayLike, seconds: float) -> float:
    """Thousand input tokens routed per second, as VL-RouterBench counts speed.

    Parameters
    ----------
    n_tokens : array-like of shape (n_queries,)
        Input tokens of each query that was routed, >= 0.
    seconds : float
        Time that routing all of them took, > 0, with the features computed before.

    Returns
    -------
    speed : float
        Higher is better.

    Raises
    ------
    ValueError
        If a number is out of range; the message names the row.

    Examples
    --------
    >>> from sklroute.metrics import throughput
    >>> throughput([1500, 500], seconds=0.5)
    4.0
    """
    n_tokens = np.asarray(n_tokens, dtype=float)
    wrong = np.flatnonzero(~(np.isfinite(n_tokens) & (n_tokens >= 0)))
    if len(wrong):
        raise ValueError(f"n_tokens of row {wrong[0]} is {n_tokens.flat[wrong[0]]}.")
    if not 0 < seconds < np.inf:
        raise ValueError(f"seconds must be > 0; got {seconds}.")
    return float(n_tokens.sum() / seconds / 1000)
