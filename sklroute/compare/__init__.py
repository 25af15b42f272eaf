"""Comparing routers under one protocol, and reporting what came out."""

from sklroute.compare._protocol import compare
from sklroute.compare._report import write_report
from sklroute.compare._result import Comparison
from sklroute.compare._routers import default_routers

__all__ = ["Comparison", "compare", "default_routers", "write_report"]
