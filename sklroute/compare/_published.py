"""Results published elsewhere, for orientation: nothing here was measured by us."""

from collections.abc import Mapping
from typing import NamedTuple


class Published(NamedTuple):
    """One line of somebody else's table."""

    name: str
    values: Mapping[str, float]  # by the title of a column of the benchmark
    source: str


VL_PAPER = "VL-RouterBench, arXiv:2512.23562"
MMR_PAPER = "MMR-Bench, arXiv:2601.17814"
OTHER_SPLIT = "with a 40/60 split: not comparable"
DERIVED = "from the per-data-set results of the benchmark"


def _vl(name: str, accuracy: float, cost: float, rank: float, source: str) -> Published:
    values = {"rank score": rank, "accuracy %": accuracy, "USD per 10K": cost}
    return Published(name, values, source)


# Test split of 6,108 queries, 17 models, bounds of 0.143 and 10.7 USD per 10K.
VL_ROUTERBENCH = (
    _vl("Oracle", 95.60, 0.37, 93.68, VL_PAPER),
    _vl("SCOPE-Router", 79.11, 0.98, 76.18, "SCOPE-Router, August 2026 (+- 1.44)"),
    _vl("RouterDC", 77.52, 1.04, 74.59, f"{VL_PAPER} (+- 1.05)"),
    _vl("VLC", 78.09, 1.23, 74.33, VL_PAPER),
    _vl("MLP", 77.49, 1.13, 74.23, VL_PAPER),
    _vl("UniRoute, k-means", 75.88, 0.82, 74.04, "UniRoute on VL-RouterBench"),
    _vl("UniRoute, learned map", 75.14, 0.68, 73.86, "UniRoute on VL-RouterBench"),
    _vl("ZOOTER", 74.65, 0.93, 72.58, VL_PAPER),
    _vl("PRkNN", 70.68, 0.41, 71.09, VL_PAPER),
    _vl("CosineCls", 70.24, 0.61, 69.90, VL_PAPER),
    _vl("OVR", 75.49, 2.18, 68.92, VL_PAPER),
    _vl("Strongest single", 78.01, 2.72, 68.88, VL_PAPER),
    _vl("KNN (5, hard labels)", 66.26, 0.38, 67.13, VL_PAPER),
    _vl("Cheapest single", 62.43, 0.14, 64.63, VL_PAPER),
)


def _mmr(name: str, area: float | None, peak: float, source: str) -> Published:
    values = {} if area is None else {"nAUC (own range)": area}
    return Published(name, {**values, "Ps": peak}, source)


# Full mixture of 10,370 queries, 10 models, a fifth for training.
MMR_BENCH = (
    _mmr("Oracle", 0.8897, 0.9188, MMR_PAPER),
    _mmr("LinearMF", 0.7042, 0.7533, MMR_PAPER),
    _mmr("KNN", 0.6950, 0.7457, MMR_PAPER),
    _mmr("MLPMF", 0.6913, 0.7494, MMR_PAPER),
    _mmr("KMeans", 0.6885, 0.7496, MMR_PAPER),
    _mmr("Best model per data set", None, 0.7576, DERIVED),
    _mmr("SAVERouter", None, 0.7541, "SAVERouter on MMR-Bench"),
    _mmr("Best single", None, 0.7412, MMR_PAPER),
    _mmr("Random", None, 0.6135, MMR_PAPER),
    _mmr("RouteFM", None, 0.7614, OTHER_SPLIT),
    _mmr("UniRoute", None, 0.7607, OTHER_SPLIT),
    _mmr("EmbedLLM", None, 0.7604, OTHER_SPLIT),
    _mmr("MLP", None, 0.7523, OTHER_SPLIT),
    _mmr("Ridge", None, 0.7517, OTHER_SPLIT),
    _mmr("kNN (10)", None, 0.7282, OTHER_SPLIT),
)
