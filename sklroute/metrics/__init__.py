"""Metrics: pure functions of the outcomes and the choices or predictions."""

from sklroute.metrics._bootstrap import (
    Interval,
    frontier_bootstrap,
    paired_bootstrap,
)
from sklroute.metrics._calibration import (
    quality_brier,
    quality_calibration_error,
    quality_log_loss,
)
from sklroute.metrics._choice import (
    gap_closed,
    realised_cost,
    realised_quality,
    realised_utility,
    regret,
    traffic_share,
)
from sklroute.metrics._collapse import collapse_index
from sklroute.metrics._frontier import (
    Frontier,
    cost_range,
    frontier,
    nauc,
    nauc_own_range,
    peak_score,
    qnc,
)
from sklroute.metrics._groups import by_group
from sklroute.metrics._off_policy import (
    direct_value,
    doubly_robust_value,
    effective_sample_size,
    ips_value,
    snips_value,
)
from sklroute.metrics._overlap import OverlapWarning
from sklroute.metrics._references import (
    best_model_per_group,
    best_single,
    cheapest_model,
    model_means,
    oracle_frontier,
    random_outcome,
    single_model_hull,
)
from sklroute.metrics._reliability import (
    Coverage,
    Reliability,
    quality_coverage,
    quality_reliability,
    randomised_pit,
)
from sklroute.metrics._scores import (
    aiq,
    rank_cost_bounds,
    rank_score,
    throughput,
)
from sklroute.metrics._traffic import Traffic, traffic_curve

__all__ = [
    "Coverage",
    "Frontier",
    "Interval",
    "OverlapWarning",
    "Reliability",
    "Traffic",
    "aiq",
    "best_model_per_group",
    "best_single",
    "by_group",
    "cheapest_model",
    "collapse_index",
    "cost_range",
    "direct_value",
    "doubly_robust_value",
    "effective_sample_size",
    "frontier",
    "frontier_bootstrap",
    "gap_closed",
    "ips_value",
    "model_means",
    "nauc",
    "nauc_own_range",
    "oracle_frontier",
    "paired_bootstrap",
    "peak_score",
    "qnc",
    "quality_brier",
    "quality_calibration_error",
    "quality_coverage",
    "quality_log_loss",
    "quality_reliability",
    "random_outcome",
    "randomised_pit",
    "rank_cost_bounds",
    "rank_score",
    "realised_cost",
    "realised_quality",
    "realised_utility",
    "regret",
    "single_model_hull",
    "snips_value",
    "throughput",
    "traffic_curve",
    "traffic_share",
]
