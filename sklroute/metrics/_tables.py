"""Tables that metrics read: predictions, and what of the outcomes can be scored."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklroute.outcomes import Outcomes
from sklroute.outcomes._values import aligned, float_array
from sklroute.policies import check_available


def chosen_columns(outcomes: Outcomes, choice: ArrayLike) -> NDArray[np.intp]:
    """Place of the model chosen for each query; refuse a choice of another length."""
    column = outcomes.index(choice)
    if len(column) != len(outcomes):
        raise ValueError(
            f"choice has {len(column)} entries for {len(outcomes)} queries."
        )
    return column


def scorable(outcomes: Outcomes) -> NDArray[np.bool_]:
    """Models whose choice has a known quality and cost, (n_queries, n_models)."""
    known = ~np.isnan(outcomes.cost)
    if not known.any():
        raise ValueError("y has no costs: a frontier needs what each call cost.")
    return outcomes.candidates & known


def cost_bounds(outcomes: Outcomes) -> tuple[NDArray, NDArray]:
    """Lowest and highest cost among each query's candidates."""
    mask = check_available(scorable(outcomes), outcomes.quality.shape)
    low = np.where(mask, outcomes.cost, np.inf).min(axis=1)
    return low, np.where(mask, outcomes.cost, -np.inf).max(axis=1)


def check_table(values: ArrayLike, outcomes: Outcomes, what: str) -> NDArray:
    """Return predictions as a float table of the shape of the outcomes.

    Labelled ones, as of a DataFrame, are matched by the names of the models.
    """
    values = aligned(values, outcomes.models, None, what)
    table, shape = float_array(values, what), outcomes.quality.shape
    if table.shape not in (shape, shape[1:]):
        raise ValueError(
            f"{what} has shape {table.shape}; y has {shape} (n_queries, n_models)."
        )
    return np.broadcast_to(table, shape)
