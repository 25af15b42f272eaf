"""Choose which model answers a query, before any model is called."""

from sklroute.outcomes import Outcomes

__version__ = "0.1.0"

__all__ = ["Outcomes"]
