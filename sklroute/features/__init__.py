"""Features of queries: blocks of columns, one per modality."""

from sklroute.features._blocks import BlockScaler

__all__ = ["BlockScaler"]
