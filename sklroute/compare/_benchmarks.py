"""The protocols of public benchmarks, as data: split, operating point, metrics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklroute.compare._published import MMR_BENCH, VL_ROUTERBENCH, Published
from sklroute.compare._splits import Split, make_splits
from sklroute.datasets import load_mmr_bench, load_routerbench, load_vl_routerbench
from sklroute.metrics import (
    Frontier,
    aiq,
    cost_range,
    nauc,
    nauc_own_range,
    peak_score,
    qnc,
    rank_cost_bounds,
    rank_score,
)
from sklroute.outcomes import Outcomes

SPLIT_SEED = 42


class Run(NamedTuple):
    """One line of the table on the test queries of one seed."""

    y: Outcomes
    quality: NDArray  # realised, at the operating point
    cost: NDArray
    curve: Frontier | None  # None where there is nothing to trade
    single: tuple[float, float]  # quality and cost of the best single model
    bounds: tuple[float, float]  # of the rank score


@dataclass(frozen=True)
class Benchmark:
    """What a benchmark prescribes."""

    title: str
    load: Callable[..., Bunch]
    splits: Callable[[Bunch, int], list[Split]]
    """``splits(data, n_seeds)`` returns one `Split` per seed."""
    split_rule: str
    """The same in words."""
    point: Callable[[Frontier, tuple[float, float]], int] | float
    """From the validation frontier and the bounds of the rank score to the place of the
    operating point; a number where the metrics need none."""
    point_rule: str
    """The same in words."""
    columns: Mapping[str, Callable[[Run], float]]
    """Title of each metric of the table to its value; the first ranks the lines."""
    digits: int
    """Decimal places to print."""
    published: tuple[Published, ...] = ()


# -- splits --------------------------------------------------------------------------


def _train_dev_test(data: Bunch, n_seeds: int) -> list[Split]:
    if data.splits is not None:
        return [Split(*(data.splits[name] for name in ("train", "dev", "test")))] * (
            n_seeds
        )
    n_queries = len(data.y)
    order = np.random.default_rng(SPLIT_SEED).permutation(n_queries)
    ends = [int(0.7 * n_queries), int(0.7 * n_queries) + int(0.1 * n_queries)]
    return [Split(*np.split(order, ends))] * n_seeds


def _train_test(data: Bunch, n_seeds: int) -> list[Split]:
    # Nothing is chosen on validation queries, so that none have to be held out.
    train, test = data.splits["train"], data.splits["test"]
    return [Split(train, train, test)] * n_seeds


def _five_folds(data: Bunch, n_seeds: int) -> list[Split]:
    return make_splits(len(data.y), data.task, n_seeds=n_seeds)


# -- operating points and metrics ----------------------------------------------------


def _best_rank(curve: Frontier, bounds: tuple[float, float]) -> int:
    return int(np.argmax(rank_score(curve.quality, curve.cost, *bounds)))


def _rank(run: Run) -> float:
    return 100 * rank_score(run.quality.mean(), run.cost.mean(), *run.bounds)


def _of_curve(metric: Callable[[Frontier, Run], float]) -> Callable[[Run], float]:
    """A metric of the frontier; NaN where there is none."""
    return lambda run: np.nan if run.curve is None else metric(run.curve, run)


def _peak(run: Run) -> float:
    return float(run.quality.mean()) if run.curve is None else peak_score(run.curve)


BENCHMARKS = {
    "vl-routerbench": Benchmark(
        title="VL-RouterBench",
        load=load_vl_routerbench,
        splits=_train_dev_test,
        split_rule="SPLITS/{train,dev,test}.jsonl; without them 70/10/20 at random",
        point=_best_rank,
        point_rule="the cost weight of the highest rank score on dev",
        columns={
            "rank score": _rank,
            "accuracy %": lambda run: 100 * float(run.quality.mean()),
            "USD per 10K": lambda run: 1e4 * float(run.cost.mean()),
        },
        digits=2,
        published=VL_ROUTERBENCH,
    ),
    "mmr-bench": Benchmark(
        title="MMR-Bench",
        load=load_mmr_bench,
        splits=_train_test,
        split_rule="a fifth for training, the rest for testing (random state 42)",
        point=0.0,
        point_rule="none: all metrics are those of the whole frontier",
        columns={
            "nAUC (own range)": _of_curve(lambda curve, run: nauc_own_range(curve)),
            "Ps": _peak,
            "QNC": _of_curve(lambda curve, run: qnc(curve, *run.single)),
            "nAUC (shared range)": _of_curve(
                lambda curve, run: nauc(curve, cost_range(run.y))
            ),
        },
        digits=4,
        published=MMR_BENCH,
    ),
    "routerbench": Benchmark(
        title="RouterBench",
        load=load_routerbench,
        splits=_five_folds,
        split_rule="the benchmark fixes none: five folds, stratified by data set, of "
        "which each seed tests one and validates on another",
        point=0.0,
        point_rule="none: all metrics are those of the whole frontier",
        columns={
            "AIQ": _of_curve(lambda curve, run: aiq(curve, cost_range(run.y))),
            "Ps": _peak,
        },
        digits=4,
    ),
}


def bounds_of(data: Mapping[str, Any], y: Outcomes) -> tuple[float, float]:
    """Bounds of the rank score: those of the benchmark, else those of the outcomes."""
    given = data.get("cost_bounds")
    return rank_cost_bounds(y) if given is None else given
