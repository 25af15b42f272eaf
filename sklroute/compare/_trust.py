"""How far the predictions can be taken at their word: calibration and coverage."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from numpy.typing import NDArray

from sklroute.metrics import (
    quality_calibration_error,
    quality_coverage,
    quality_reliability,
)
from sklroute.outcomes import Outcomes


def calibration(y: Outcomes, quality: Mapping[str, NDArray]) -> pd.DataFrame:
    """Reliability of every router's predicted quality."""
    parts = []
    for name, predicted in quality.items():
        curve = quality_reliability(y, predicted, strategy="quantile")
        error = quality_calibration_error(y, predicted)
        parts.append(pd.DataFrame({"name": name, **vars(curve), "ece": error}))
    return pd.concat(parts, ignore_index=True)


def coverage(
    y: Outcomes, distributions: Mapping[str, Any], random_state: int
) -> pd.DataFrame | None:
    """Coverage of the routers' distributions of quality; None if none predicts any."""
    parts = []
    for name, predicted in distributions.items():
        if predicted is not None:
            curve = quality_coverage(y, predicted, random_state=random_state)
            parts.append(pd.DataFrame({"name": name, **vars(curve)}))
    return pd.concat(parts, ignore_index=True) if parts else None
