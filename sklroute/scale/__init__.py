"""Fit and route more queries than fit in memory, here or on an engine of tables."""

from sklroute.scale._arrays import ArrayBatches
from sklroute.scale._fit import fit_batches
from sklroute.scale._parquet import ParquetBatches
from sklroute.scale._partition import route_partition
from sklroute.scale._route import route_batches

__all__ = [
    "ArrayBatches",
    "ParquetBatches",
    "fit_batches",
    "route_batches",
    "route_partition",
]
