"""Displays: figures of routers, and the numbers behind them."""

from sklroute.displays._calibration import CalibrationDisplay
from sklroute.displays._coverage import CoverageDisplay
from sklroute.displays._explanation import ExplanationDisplay
from sklroute.displays._frontier import FrontierDisplay
from sklroute.displays._traffic import TrafficDisplay

__all__ = [
    "CalibrationDisplay",
    "CoverageDisplay",
    "ExplanationDisplay",
    "FrontierDisplay",
    "TrafficDisplay",
]
