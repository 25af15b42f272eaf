"""Policies: the rule from predicted quality, cost and availability to a choice.

A policy is a small value object without state: calling it maps arrays of shape
(n_queries, n_models) to the index of one model per query.
"""

from sklroute.policies._arrays import check_available, check_mask, first_best
from sklroute.policies._base import Policy
from sklroute.policies._bounds import Budget, CheapestAbove
from sklroute.policies._exploring import UCB, Thompson
from sklroute.policies._prices import MaxUtility, RiskAverse

__all__ = [
    "UCB",
    "Budget",
    "CheapestAbove",
    "MaxUtility",
    "Policy",
    "RiskAverse",
    "Thompson",
    "check_available",
    "check_mask",
    "first_best",
]
