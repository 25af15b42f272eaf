"""Hypothesis strategies of the words of routing.

Numbers are floats of width 16: ties are frequent, sums and products of a few of them
are exact, and overflow is not the subject. Qualities lie in [0, 1], costs and cost
weights in [2**-8, 8].
"""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from sklroute import Outcomes
from sklroute.metrics import Frontier
from sklroute.policies import (
    UCB,
    Budget,
    CheapestAbove,
    MaxUtility,
    Policy,
    RiskAverse,
    Thompson,
)

Shape = tuple[int, int]

LOWEST_COST, HIGHEST_COST = 2.0**-8, 8.0
TIED = (0.0, 0.5, 1.0)


def shapes(*, min_models: int = 1) -> st.SearchStrategy[Shape]:
    """Shapes (n_queries, n_models) of small tables."""
    return st.tuples(st.integers(1, 6), st.integers(min_models, 5))


def qualities(*, shape: Shape, ties: bool = False) -> st.SearchStrategy[NDArray]:
    """Tables of quality in [0, 1]; with ties, of three values only."""
    values = st.sampled_from(TIED) if ties else st.floats(0, 1, width=16)
    return hnp.arrays(float, shape, elements=values)


def costs(*, shape: Shape, ties: bool = False) -> st.SearchStrategy[NDArray]:
    """Tables of cost in [2**-8, 8]; with ties, of three values only."""
    values = st.floats(LOWEST_COST, HIGHEST_COST, width=16)
    if ties:
        values = st.sampled_from((1.0, 2.0, 4.0))
    return hnp.arrays(float, shape, elements=values)


def stds(*, shape: Shape) -> st.SearchStrategy[NDArray]:
    """Tables of the spread of predicted quality, in [0, 1]."""
    return hnp.arrays(float, shape, elements=st.floats(0, 1, width=16))


@st.composite
def availability(draw: st.DrawFn, *, shape: Shape) -> NDArray[np.bool_]:
    """Masks in which every query keeps a model."""
    mask = draw(hnp.arrays(bool, shape))
    kept = draw(hnp.arrays(int, shape[0], elements=st.integers(0, shape[1] - 1)))
    mask[np.arange(shape[0]), kept] = True
    return mask


def cost_weights(*, min_value: float = LOWEST_COST) -> st.SearchStrategy[float]:
    """Prices on cost, up to 8."""
    return st.floats(min_value, HIGHEST_COST, width=16)


class Predictions(NamedTuple):
    """What a policy reads."""

    quality: NDArray
    cost: NDArray
    available: NDArray
    std: NDArray


@st.composite
def predictions(draw: st.DrawFn, *, ties: bool = False) -> Predictions:
    """All the arrays that a policy reads, of one shape."""
    shape = draw(shapes())
    return Predictions(
        draw(qualities(shape=shape, ties=ties)),
        draw(costs(shape=shape, ties=ties)),
        draw(availability(shape=shape)),
        draw(stds(shape=shape)),
    )


def budgets(*, predictions: Predictions) -> st.SearchStrategy[Budget]:
    """Budgets that the cheapest choices keep and the best ones may not."""
    cost = np.where(predictions.available, predictions.cost, np.nan)
    low, high = np.nanmin(cost, axis=1).mean(), np.nanmax(cost, axis=1).mean()
    share = st.floats(0, 1, width=16)
    return st.builds(Budget, mean_cost=share.map(lambda s: low + s * (high - low)))


def rankings(*, needs_std: bool | None = None) -> st.SearchStrategy[Policy]:
    """Policies that look at one query at a time.

    ``needs_std`` keeps those that read the spread, or those that do not.
    """
    weight = cost_weights(min_value=0.0)
    careful = st.builds(RiskAverse, risk_weight=weight, cost_weight=weight)
    careful |= st.builds(UCB, width=weight, cost_weight=weight)
    floor = st.floats(0, 1, width=16)
    plain = st.builds(MaxUtility, weight) | st.builds(CheapestAbove, floor)
    return {None: plain | careful, False: plain, True: careful}[needs_std]


def gambles() -> st.SearchStrategy[Policy]:
    """Policies of one query at a time that draw: the same in each of their calls."""
    weight, seed = cost_weights(min_value=0.0), st.integers(0, 9)
    return st.builds(Thompson, cost_weight=weight, random_state=seed)


def explorers(*, predictions: Predictions) -> st.SearchStrategy[Policy]:
    """Policies that explore within a bound on the mean cost that can be kept."""
    bound = budgets(predictions=predictions).map(lambda budget: budget.mean_cost)
    weight, seed = cost_weights(min_value=0.0), st.integers(0, 9)
    return st.builds(UCB, weight, weight, bound) | st.builds(
        Thompson, weight, bound, seed
    )


def policies(*, predictions: Predictions) -> st.SearchStrategy[Policy]:
    """Policies of every kind, with bounds that fit the predictions."""
    bounded = budgets(predictions=predictions) | explorers(predictions=predictions)
    return rankings() | gambles() | bounded


def model_names(*, size: int) -> st.SearchStrategy[list[Any]]:
    """Distinct names of models in any order: all strings or all numbers."""
    texts = st.text("abcXYZ-_ 123", max_size=8)
    kinds = st.lists(texts, min_size=size, max_size=size, unique=True)
    numbers = st.lists(st.integers(-9, 99), min_size=size, max_size=size, unique=True)
    return st.one_of(kinds, numbers)


@st.composite
def outcomes(draw: st.DrawFn, *, missing: bool = False, ties: bool = False) -> Outcomes:
    """Outcomes with named models, costs and availability.

    With ``missing``, cells of quality and of cost may be NaN, but every query and
    every model keeps an observed quality.
    """
    shape = draw(shapes())
    quality = draw(qualities(shape=shape, ties=ties))
    cost = draw(costs(shape=shape, ties=ties))
    if missing:
        hidden = ~draw(hnp.arrays(bool, shape))
        rows = np.arange(max(shape))
        hidden[rows % shape[0], rows % shape[1]] = False
        quality[hidden] = np.nan
        cost[draw(hnp.arrays(bool, shape))] = np.nan
    return Outcomes(
        quality,
        cost,
        draw(availability(shape=shape)),
        models=draw(model_names(size=shape[1])),
    )


@st.composite
def routed_tables(draw: st.DrawFn) -> tuple[Outcomes, NDArray, NDArray]:
    """Outcomes with missing cells, predicted quality, and a price list, all distinct.

    Two models of equal predicted quality and cost would be told apart by their place
    alone; distinct prices keep that out.
    """
    shape = draw(st.integers(1, 6)), draw(st.integers(2, 5))
    unit = st.floats(0, 1, width=16)
    price = st.floats(2**-8, 8, width=16)
    quality = draw(hnp.arrays(float, shape, elements=unit))
    cost = draw(hnp.arrays(float, shape, elements=price))
    missing = draw(hnp.arrays(bool, shape))
    missing[:, draw(st.integers(0, shape[1] - 1))] = False
    quality[missing] = np.nan
    predicted = draw(hnp.arrays(float, shape, elements=unit))
    prices = draw(hnp.arrays(float, shape[1], elements=price, unique=True))
    return Outcomes(quality, cost), predicted, prices


@st.composite
def frontiers(draw: st.DrawFn) -> Frontier:
    """Points anywhere, ties and dominated ones included."""
    n_points = draw(st.integers(1, 8))
    cost = draw(hnp.arrays(float, n_points, elements=st.floats(0, 8, width=16)))
    quality = draw(hnp.arrays(float, n_points, elements=st.floats(0, 1, width=16)))
    return Frontier(np.arange(n_points, dtype=float), cost, quality)
