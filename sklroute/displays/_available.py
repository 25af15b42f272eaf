"""Figures for the models that may be called now."""

import numpy as np
from numpy.typing import ArrayLike

from sklroute.outcomes import Outcomes
from sklroute.outcomes._values import named_mask
from sklroute.policies import check_mask


def restrict(outcomes: Outcomes, available: ArrayLike | None) -> Outcomes:
    """Outcomes as if only models that may be called now had been run.

    Quality and cost of the others are NaN; None allows all.
    """
    if available is None:
        return outcomes
    available = named_mask(available, outcomes.models)
    mask = check_mask(available, outcomes.quality.shape)
    return Outcomes(
        np.where(mask, outcomes.quality, np.nan),
        np.where(mask, outcomes.cost, np.nan),
        outcomes.available & mask,
        models=outcomes.models,
    )
