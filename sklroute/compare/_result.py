"""The result of a comparison: tidy tables of what was gained, with intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklroute.compare._contestants import (
    CHOSEN,
    MIX,
    ORACLE,
    PER_TASK,
    SINGLE,
    Arena,
    Contestant,
    Realised,
    enter,
    same_traffic,
)
from sklroute.compare._jobs import Fit, is_binary
from sklroute.compare._trust import calibration, coverage
from sklroute.metrics import (
    Interval,
    cost_range,
    frontier,
    nauc,
    paired_bootstrap,
    qnc,
    traffic_share,
)
from sklroute.metrics._bootstrap import areas_under, interval, resampled_means
from sklroute.metrics._frontier import sweep
from sklroute.metrics._tables import cost_bounds
from sklroute.outcomes import Outcomes

LEVEL = 0.95  # of all intervals
MIN_UNITS = 20  # fewer make a bootstrap interval too short to be believed


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """What `compare` found.

    Attributes
    ----------
    table : DataFrame
        One row per router and reference, by name. ``kind`` is "router", "control"
        (learned from shuffled outcomes), "reference" or "bound" (has seen the test
        outcomes). Columns that end in ``_low`` and ``_high`` are the bounds of 95 %
        intervals.

        - ``quality``, ``cost``: means at cost weight 0, quality first;
          ``quality_sd`` is the standard deviation over seeds.
        - ``gain``: ``quality`` less that of the best single model;
          ``gap_closed``: as a share of the oracle's gain.
        - ``par_quality``, ``par_cost``: means at the operating point;
          ``par_gain`` and ``par_saving``: quality gained and share of the cost saved
          there against the best single model; ``par_saving_with_features``: the
          same with the cost of the features on the router's bill.
        - ``nauc``: area under the frontier over the shared range of costs;
          ``nauc_gain``: that less the area of mixing single models.
        - ``qnc``: share of the best single model's cost at which the frontier
          reaches its quality.
        - ``validation``: what the best router is chosen by, nAUC or quality on the
          validation queries.
        - ``fit_seconds``, ``queries_per_second``: mean time of a fit, and speed of
          prediction.
    frontiers : DataFrame
        Columns ``name``, ``cost_weight``, ``cost``, ``quality``; ``quality_low`` and
        ``quality_high``: the quality of the best single model and the bounds of the
        interval of what is gained on it.
    choices : DataFrame
        Which model every router and reference calls for each test query, at cost
        weight 0, and what that was worth: ``name``, ``query`` (row of ``X`` and
        ``y``), ``model``, ``quality``, ``cost``.
    traffic : DataFrame
        Share of the queries each model gets: ``name``, ``setting`` ("quality first"
        or "at par"), ``model``, ``share``.
    calibration : DataFrame
        Predicted against observed quality of every router in ten bins with as many
        answers each: ``name``, ``predicted``, ``observed``, ``count``, and ``ece``,
        the expected calibration error.
    coverage : DataFrame or None
        Nominal and observed coverage of the predicted distributions of quality:
        ``name``, ``nominal``, ``observed``. With graded quality for routers that
        predict distributions; None if there is none.
    seeds : DataFrame
        Every router on every seed: ``name``, ``seed``, ``quality``, ``cost_weight``,
        ``par_quality``, ``par_cost``, ``fit_seconds``.
    by_task : DataFrame or None
        Columns ``task``, ``queries`` (how many were tested), and the mean quality of
        the best router and references, at cost weight 0.
    best : str
        The best router, chosen on the validation queries of all seeds. As other seeds
        test these, its row of ``table`` is flattered where there are many routers;
        ``chosen`` is not.
    chosen : Series
        What choosing a router is worth, as a row of ``table``: each seed chooses anew,
        on its own validation queries, and its test queries judge the one it chose. It
        is the row of the best router where all of them choose that; where not,
        ``validation`` is NaN.
    over_tasks : Interval or None
        Gain in quality of the routers so chosen over the best model per task.
    over_random : Interval
        Their gain in quality, at the operating point if there is one, over random
        choices with the same traffic: what the features are worth.
    control : str
        The router that learned from shuffled outcomes.
    has_costs : bool
        Whether there are costs.
    feature_cost : float or None
        Mean cost of computing a query's features.
    protocol : dict
        Facts of the protocol, for the report.
    y_test : Outcomes
        Outcomes of the test queries of all seeds, one after the other.
    """

    table: pd.DataFrame
    frontiers: pd.DataFrame | None
    choices: pd.DataFrame
    traffic: pd.DataFrame
    calibration: pd.DataFrame
    coverage: pd.DataFrame | None
    seeds: pd.DataFrame
    by_task: pd.DataFrame | None
    best: str
    chosen: pd.Series
    over_tasks: Interval | None
    over_random: Interval
    control: str
    has_costs: bool
    feature_cost: float | None
    protocol: dict[str, Any]
    y_test: Outcomes

    def __repr__(self) -> str:
        names = self.table.index[self.table["kind"] == "router"].tolist()
        return f"Comparison(routers={names}, best={self.best!r})"


def chosen_by_seed(
    arena: Arena, routers: Sequence[Contestant], best: Contestant
) -> Contestant:
    """The router that did best on each seed's own validation queries.

    Other seeds test the queries that the best of all was chosen on.
    """
    chosen = []
    for number, split in enumerate(arena.splits):
        y = arena.y[split.validation]
        fits = [router.fits[number] for router in routers]
        parts = [fit.predictions[:2] for fit in fits]
        scores = [_score(y, *part, arena.has_costs) for part in parts]
        chosen.append(fits[int(np.argmax(scores))])
    if {fit.name for fit in chosen} == {best.name}:
        return best
    return enter(arena, CHOSEN, best.kind, [fit.predictions for fit in chosen], chosen)


def validation_score(arena: Arena, entry: Contestant) -> float:
    """What a router is worth on the validation queries of all seeds."""
    return _score(arena.y[arena.validation], *entry.validated, arena.has_costs)


def _score(y: Outcomes, quality: NDArray, cost: NDArray, has_costs: bool) -> float:
    """Area under the frontier, or quality without costs."""
    if has_costs:
        return nauc(frontier(y, quality, cost), cost_range(y))
    best = np.where(y.candidates, quality, -np.inf).argmax(axis=1)
    return float(y.quality[np.arange(len(y)), best].mean())


def summarise(
    arena: Arena, entries: list[Contestant], feature_cost: NDArray | None
) -> Comparison:
    """Turn choices into means, differences and intervals."""
    scores = {e.name: validation_score(arena, e) for e in entries if e.fits}
    routers = [entry for entry in entries if entry.kind == "router"]
    best = max(routers, key=lambda router: scores[router.name])
    chosen = chosen_by_seed(arena, routers, best)
    contestants = [*entries, same_traffic(arena, best)]
    judge = _Judge(arena, [*contestants, chosen], feature_cost, scores)
    rows = {entry.name: judge.row(entry) for entry in contestants}
    return Comparison(
        table=pd.DataFrame.from_dict(rows, orient="index").rename_axis("name"),
        frontiers=judge.frontiers(),
        choices=_choices(arena, contestants),
        traffic=_traffic(contestants, arena.y.models),
        calibration=calibration(judge.y, _predicted_quality(contestants)),
        coverage=coverage(
            judge.y, _distributions(judge.y, contestants), arena.random_state
        ),
        seeds=_seeds(arena, contestants),
        by_task=_by_task(arena, contestants, best),
        best=best.name,
        chosen=pd.Series(judge.row(chosen), name=chosen.name),
        over_tasks=judge.gain(chosen.first, judge.named.get(PER_TASK)),
        over_random=judge.gain(chosen.par or chosen.first, same_traffic(arena, chosen)),
        control=next(entry.name for entry in contestants if entry.kind == "control"),
        has_costs=arena.has_costs,
        feature_cost=None if feature_cost is None else float(np.mean(feature_cost)),
        protocol=_protocol(arena) | {"units": judge.n_units()},
        y_test=judge.y,
    )


def _predicted_quality(contestants) -> dict[str, NDArray]:
    """Of the routers, by name."""
    return {e.name: e.predicted[0] for e in contestants if e.kind == "router"}


def _distributions(y: Outcomes, contestants) -> dict[str, Any]:
    """The same with distributions, or None, where a mean does not say all."""
    if is_binary(y):
        return _predicted_quality(contestants)
    return {e.name: _joined(e.fits) for e in contestants if e.kind == "router"}


def _joined(fits: Sequence[Fit]) -> Bunch | None:
    """Distributions of all seeds, one after the other."""
    parts = [fit.distribution for fit in fits]
    if any(part is None for part in parts):
        return None
    prob = np.concatenate([part.prob for part in parts])
    return Bunch(support=parts[0].support, prob=prob)


class _Judge:
    """What all lines are measured against, on the test queries of all seeds."""

    def __init__(self, arena: Arena, contestants, feature_cost, scores):
        self.arena = arena
        self.y = arena.y[arena.test]
        # A query that several seeds tested counts as one when queries are drawn.
        unit = np.arange(len(arena.y)) if arena.groups is None else arena.groups
        self.unit = unit[arena.test]
        self.feature_cost, self.scores = feature_cost, scores
        self.named = {entry.name: entry for entry in contestants}
        self.single, self.oracle = self.named[SINGLE].first, self.named[ORACLE].first
        self.areas, self.curves = {}, []
        if arena.has_costs:
            self._draw_frontiers(e for e in self.named.values() if e.predicted)

    def n_units(self) -> int:
        """Independent units of queries on which there is a choice."""
        return len(np.unique(self.unit[self.y.candidates.sum(axis=1) > 1]))

    def row(self, entry: Contestant) -> dict[str, Any]:
        row = {"kind": entry.kind, **self._quality_first(entry)}
        if entry.par is not None:
            row |= self._at_par(entry) | self.areas[entry.name]
        if entry.kind in ("router", "control"):
            row["validation"] = self.scores.get(entry.name, np.nan)
            row["fit_seconds"] = np.mean([fit.fit_seconds for fit in entry.fits])
            speed = [1 / fit.queries_per_second for fit in entry.fits]
            row["queries_per_second"] = 1 / np.mean(speed)
        return row

    def gain(self, realised: Realised, over: Contestant | None) -> Interval | None:
        return over and self._mean(realised.quality, over.first.quality)

    def frontiers(self) -> pd.DataFrame | None:
        return pd.concat(self.curves, ignore_index=True) if self.curves else None

    def _quality_first(self, entry: Contestant) -> dict[str, float]:
        quality, single = entry.first.quality, self.single.quality
        gap = (self.oracle.quality - single).mean()
        gain = self._mean(quality, single)
        return {
            "quality": quality.mean(),
            "quality_sd": _sd_over_seeds(quality, self.arena),
            "cost": entry.first.cost.mean(),
            **named("gain", gain),
            "gap_closed": gain.estimate / gap if gap > 0 else np.nan,
        }

    def _at_par(self, entry: Contestant) -> dict[str, float]:
        par, single = entry.par, self.single
        row = {
            "par_quality": par.quality.mean(),
            "par_cost": par.cost.mean(),
            **named("par_gain", self._mean(par.quality, single.quality)),
            **named("par_saving", self._saving(par.cost)),
        }
        if self.feature_cost is not None and entry.kind in ("router", "control"):
            bill = par.cost + self.feature_cost[self.arena.test]
            row |= named("par_saving_with_features", self._saving(bill))
        return row

    def _draw_frontiers(self, entries: Iterable[Contestant]) -> None:
        """Curves, and the columns of the table that say what is under them."""
        single, drawn = self.single, {}
        bounds = np.stack(cost_bounds(self.y), axis=1)
        ranges, reference = self._resampled(bounds, single.quality)
        for entry in entries:
            points = sweep(self.y, *entry.predicted)
            cost, quality = self._resampled(points.cost, points.quality)
            curve = points.frontier()
            drawn[entry.name] = curve, areas_under(points, cost, quality, ranges)
            if entry.name != CHOSEN:  # which is no router that could be used
                gained = [interval(gains, LEVEL)[1:] for gains in quality.T - reference]
                low, high = single.quality.mean() + np.transpose(gained)
                around = {"quality_low": low, "quality_high": high}
                columns = {"name": entry.name, **vars(curve), **around}
                self.curves.append(pd.DataFrame(columns))
        _, under_mix = drawn[MIX]
        for name, (curve, area) in drawn.items():
            self.areas[name] = {
                **named("nauc", interval(area, LEVEL)),
                **named("nauc_gain", interval(area - under_mix, LEVEL)),
                "qnc": qnc(curve, single.quality.mean(), single.cost.mean()),
            }

    def _resampled(self, *tables: NDArray) -> list[NDArray]:
        """Their means over the same resamples in every call."""
        arena = self.arena
        return resampled_means(tables, self.unit, arena.n_resamples, arena.random_state)

    def _saving(self, cost: NDArray) -> Interval:
        if not self.single.cost.any():
            return Interval(np.nan, np.nan, np.nan)
        return self._mean(saved_share(cost, self.single.cost))

    def _mean(self, values: NDArray, reference: NDArray | None = None) -> Interval:
        return paired_bootstrap(
            values,
            reference,
            groups=self.unit,
            n_resamples=self.arena.n_resamples,
            random_state=self.arena.random_state,
        )


def saved_share(cost: NDArray, reference: NDArray) -> NDArray[np.float64]:
    """Share of a reference's cost that is saved, as one value per query.

    Their mean is one less the ratio of the mean costs, and their spread that of the
    ratio (linearised): what the reference costs varies with the queries, too.
    """
    ratio = cost.mean() / reference.mean()
    return 1 - ratio - (cost - ratio * reference) / reference.mean()


def with_bounds(name: str) -> list[str]:
    """Columns of an estimate and of the bounds of its interval."""
    return [name, f"{name}_low", f"{name}_high"]


def named(name: str, interval: Interval) -> dict[str, float]:
    """An interval in these columns."""
    return dict(zip(with_bounds(name), interval, strict=True))


def by_seed(values: NDArray, arena: Arena) -> list[NDArray]:
    ends = np.cumsum([len(split.test) for split in arena.splits])
    return np.split(values, ends[:-1])


def _sd_over_seeds(values: NDArray, arena: Arena) -> float:
    if len(arena.splits) < 2:
        return float("nan")
    return float(np.std([part.mean() for part in by_seed(values, arena)], ddof=1))


def _traffic(contestants, models) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "name": entry.name,
                "setting": setting,
                "model": models,
                "share": traffic_share(realised.choice, models),
            }
        )
        for entry in contestants
        for setting, realised in _settings(entry).items()
        if realised.choice is not None
    ]
    return pd.concat(parts, ignore_index=True)


def _choices(arena: Arena, contestants) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "name": entry.name,
                "query": arena.test,
                "model": entry.first.choice,
                "quality": entry.first.quality,
                "cost": entry.first.cost,
            }
        )
        for entry in contestants
        if entry.first.choice is not None
    ]
    return pd.concat(parts, ignore_index=True)


def _settings(entry: Contestant) -> dict[str, Realised]:
    settings = {"quality first": entry.first}
    return settings if entry.par is None else {**settings, "at par": entry.par}


def _seeds(arena: Arena, contestants) -> pd.DataFrame:
    parts = []
    for entry in contestants:
        if not entry.fits:
            continue
        part = {
            "name": entry.name,
            "seed": [fit.seed for fit in entry.fits],
            "quality": [part.mean() for part in by_seed(entry.first.quality, arena)],
        }
        if entry.par is not None:
            part["cost_weight"] = entry.cost_weights
            for name in ("quality", "cost"):
                values = by_seed(getattr(entry.par, name), arena)
                part[f"par_{name}"] = [value.mean() for value in values]
        part["fit_seconds"] = [fit.fit_seconds for fit in entry.fits]
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def _by_task(arena: Arena, contestants, best: Contestant) -> pd.DataFrame | None:
    if arena.tasks is None:
        return None
    named = {entry.name: entry for entry in contestants}
    shown = [best.name, SINGLE, PER_TASK, ORACLE]
    quality = {name: named[name].first.quality for name in shown}
    grouped = pd.DataFrame(quality).groupby(arena.tasks[arena.test])
    table = grouped.mean().rename_axis("task")
    # Fewer than five seeds test some of the queries, more than five some repeatedly.
    tested = pd.Series(arena.tasks[np.unique(arena.test)])
    table.insert(0, "queries", tested.value_counts())
    return table.reset_index()


def _protocol(arena: Arena) -> dict[str, Any]:
    split = arena.splits[0]
    return {
        "queries": len(arena.y),
        "models": len(arena.y.models),
        "observed": float(arena.y.observed.mean()),
        "alone": float((arena.y.candidates.sum(axis=1) == 1).mean()),
        "seeds": len(arena.splits),
        "train": len(split.train),
        "validation": len(split.validation),
        "test": len(split.test),
        "groups": _n_different(arena.groups),
        "tasks": _n_different(arena.tasks),
        "cost_weight": arena.cost_weight,
    }


def _n_different(values: NDArray | None) -> int | None:
    return None if values is None else len(np.unique(values))
