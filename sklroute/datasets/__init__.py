"""Routing tables: synthetic, bundled, public benchmarks, and the user's own."""

from sklroute.datasets._mmr_bench import load_mmr_bench
from sklroute.datasets._routerbench import load_routerbench
from sklroute.datasets._routing import make_routing
from sklroute.datasets._table import load_features, load_outcomes
from sklroute.datasets._visual_qa import load_visual_qa
from sklroute.datasets._vl_raw import load_vl_routerbench_images
from sklroute.datasets._vl_routerbench import load_vl_routerbench

__all__ = [
    "load_features",
    "load_mmr_bench",
    "load_outcomes",
    "load_routerbench",
    "load_visual_qa",
    "load_vl_routerbench",
    "load_vl_routerbench_images",
    "make_routing",
]
