"""Routing tables: synthetic, bundled, and the user's own."""

from sklroute.datasets._routing import make_routing

__all__ = ["make_routing"]
