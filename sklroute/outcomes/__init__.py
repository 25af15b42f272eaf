"""What each model's answer to each query was worth: the target of every router."""

from sklroute.outcomes._container import Outcomes
from sklroute.outcomes._door import check_outcomes
from sklroute.outcomes._logged import LoggedOutcomes

__all__ = ["LoggedOutcomes", "Outcomes", "check_outcomes"]
