"""Metrics: pure functions of the outcomes and the choices."""

from sklroute.metrics._choice import (
    gap_closed,
    realised_cost,
    realised_quality,
    realised_utility,
    regret,
    traffic_share,
)

__all__ = [
    "gap_closed",
    "realised_cost",
    "realised_quality",
    "realised_utility",
    "regret",
    "traffic_share",
]
