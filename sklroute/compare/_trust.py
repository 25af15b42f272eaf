"""How far the predictions can be taken at their word: calibration and coverage."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklroute.compare._contestants import Contestant
from sklroute.compare._jobs import is_binary
from sklroute.metrics import (
    quality_calibration_error,
    quality_coverage,
    quality_reliability,
)
from sklroute.outcomes import Outcomes

__all__ = ["calibration", "calibration_frame", "coverage", "coverage_frame"]


def calibration(y: Outcomes, contestants: Sequence[Contestant]) -> pd.DataFrame:
    """Reliability of every router's predicted quality."""
    parts = [
        calibration_frame(y, entry.predicted[0], entry.name)
        for entry in contestants
        if entry.kind == "router"
    ]
    return pd.concat(parts, ignore_index=True)


def calibration_frame(y: Outcomes, quality: NDArray, name: str) -> pd.DataFrame:
    """Reliability of one router's predicted quality."""
    curve = quality_reliability(y, quality, strategy="quantile")
    error = quality_calibration_error(y, quality)
    return pd.DataFrame({"name": name, **vars(curve), "ece": error})


def coverage(
    y: Outcomes, contestants: Sequence[Contestant], random_state: int
) -> pd.DataFrame | None:
    """Coverage of every router's distributions of quality; None if there are none."""
    parts = []
    for entry in contestants:
        if entry.kind != "router":
            continue
        distribution = entry.predicted[0]
        if not is_binary(y):
            distribution = _join([fit.distribution for fit in entry.fits])
        parts.append(coverage_frame(y, distribution, entry.name, random_state))
    known = [part for part in parts if part is not None]
    return pd.concat(known, ignore_index=True) if known else None


def coverage_frame(
    y: Outcomes, distribution: Any, name: str, random_state: int
) -> pd.DataFrame | None:
    """Coverage of one router's distributions; None if it predicts none."""
    if distribution is None:
        return None
    curve = quality_coverage(y, distribution, random_state=random_state)
    return pd.DataFrame({"name": name, **vars(curve)})


def _join(distributions) -> Bunch | None:
    """Distributions of all seeds, one after the other."""
    if any(each is None for each in distributions):
        return None
    prob = np.concatenate([each.prob for each in distributions])
    return Bunch(support=distributions[0].support, prob=prob)
