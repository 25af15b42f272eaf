"""Comparing routers under one protocol, and reporting what came out."""

from sklroute.compare._benchmark_run import BenchmarkResult, run_benchmark
from sklroute.compare._protocol import compare
from sklroute.compare._report import write_report
from sklroute.compare._result import Comparison
from sklroute.compare._routers import default_routers

__all__ = [
    "BenchmarkResult",
    "Comparison",
    "compare",
    "default_routers",
    "run_benchmark",
    "write_report",
]
