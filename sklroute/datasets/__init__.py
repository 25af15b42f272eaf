"""Routing tables: synthetic, bundled, and the user's own."""

from sklroute.datasets._routing import make_routing
from sklroute.datasets._table import read_features, read_outcomes

__all__ = ["make_routing", "read_features", "read_outcomes"]
