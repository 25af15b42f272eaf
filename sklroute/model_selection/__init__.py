"""Cross-validation of routers: scorers, a stratified splitter, held-out quality."""

from sklroute.model_selection._held_out import StratifiedByBestModel, cross_val_quality
from sklroute.model_selection._scorers import (
    frontier_scorer,
    off_policy_scorer,
    utility_scorer,
)

__all__ = [
    "StratifiedByBestModel",
    "cross_val_quality",
    "frontier_scorer",
    "off_policy_scorer",
    "utility_scorer",
]
