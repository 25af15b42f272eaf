"""Why a router chose as it did: models, margins, and what carries the decision."""

from sklroute.explain._explanation import Explanation
from sklroute.explain._mixin import ExplainMixin
from sklroute.explain._router import explain_router

__all__ = ["ExplainMixin", "Explanation", "explain_router"]
