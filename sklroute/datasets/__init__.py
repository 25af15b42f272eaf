"""Routing tables: synthetic, bundled, and the user's own."""

from sklroute.datasets._routing import make_routing
from sklroute.datasets._table import read_features, read_outcomes
from sklroute.datasets._visual_qa import load_visual_qa

__all__ = ["load_visual_qa", "make_routing", "read_features", "read_outcomes"]
