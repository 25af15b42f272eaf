"""What each model's answer to each query was worth: the target of every router."""

from sklroute.outcomes._container import Outcomes
from sklroute.outcomes._door import check_outcomes

__all__ = ["Outcomes", "check_outcomes"]
