"""Displays: figures of routers, and the numbers behind them."""

from sklroute.displays._frontier import FrontierDisplay

__all__ = ["FrontierDisplay"]
