"""From choices to a verdict: the result of an audit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklroute.audit import _words as words
from sklroute.audit._decisions import Decisions, utility_of
from sklroute.audit._statistics import (
    Draws,
    cluster_error,
    effect_factor,
    holm,
)
from sklroute.compare._contestants import Realised
from sklroute.compare._result import MIN_UNITS, named, saved_share
from sklroute.metrics import Interval
from sklroute.outcomes import Outcomes

UNKNOWN = words.UNKNOWN


class Question(NamedTuple):
    """What an audit asks."""

    baseline: str
    cost_weight: float
    has_costs: bool
    min_gain: float
    alpha: float
    power: float
    draws: Draws
    n_folds: int | None = None  # of cross-fitting; None for a fitted router


@dataclass(frozen=True, eq=False, repr=False)
class Audit:
    """What `audit` or `cross_audit` found.

    Attributes
    ----------
    table : DataFrame
        One row per router, by name. Columns that end in ``_low`` and ``_high`` are
        bounds of bootstrap intervals of level ``1 - alpha``.

        - ``verdict``: "pays", "does not pay" or "not enough data".
        - ``quality``, ``cost``, ``baseline_quality``, ``baseline_cost``: means.
        - ``quality_gain``, ``cost_change``, ``utility_gain``: router less baseline;
          ``cost_change_share``: as a share of the baseline's cost.
        - ``adjusted_low``, ``adjusted_high``: interval of the utility gain at level
          ``1 - alpha / n_routers`` (Bonferroni), which decides.
        - ``p``: paired permutation test of no gain in utility, two-sided;
          ``p_adjusted``: the same by Holm's method over the routers, which decides.
        - ``error``: standard error of the utility gain; ``smallest_effect``: smallest
          true gain that as many queries show with the stated power.
        - ``n_queries``, ``n_units``: audited queries, and independent units of them.
        - ``unseen``: share of the queries on which router or baseline would have called
          a model of unknown outcome, for which the next best stands in; ``hidden``: by
          how much the utility gain may be higher than found, if there the router's
          answers are all right and the baseline's all wrong; ``hidden_loss``: by how
          much it may be lower, the other way round; ``stand_in_gain``: what of the
          utility gain was found on these queries.
        - ``n_more``: queries to add to tell whether the router pays, with the stated
          power, if the true gain is the one found; 0 where it has been told.
        - ``shuffled_gain``: utility gain with shuffled features, mean and central 95 %
          of the permutations; ``p_features``: chance that features without
          information do as well.
    by_task : DataFrame or None
        Columns ``router``, ``task`` and most of the above for each task; p-values
        and intervals that decide are adjusted for the number of tasks.
    verdict : str
        What was found, in plain sentences.
    baseline : str
        What the routers were compared with.
    baseline_models : list
        Models that the baseline of the first router called, most often called first.
    cost_weight, min_gain, alpha, power : float
        What was asked.
    has_costs : bool
        Whether there are costs.
    n_folds : int or None
        Folds of `cross_audit`; None from `audit`.
    decisions : dict of str to Decisions
        Choices, realised and predicted values of every router on every query.
    y : Outcomes
        Outcomes of the audited queries; calls of unknown cost are not available.
    """

    table: pd.DataFrame
    by_task: pd.DataFrame | None
    verdict: str
    baseline: str
    baseline_models: list[Any]
    cost_weight: float
    min_gain: float
    alpha: float
    power: float
    has_costs: bool
    n_folds: int | None
    decisions: Mapping[str, Decisions]
    y: Outcomes

    def __repr__(self) -> str:
        return self.verdict


def judge(
    question: Question,
    decisions: Mapping[str, Decisions],
    y: Outcomes,
    tasks: NDArray | None,
) -> Audit:
    """Turn choices into differences, intervals, tests and a verdict."""
    everything = np.arange(len(y))
    table = _rows(
        question, {name: (each, everything) for name, each in decisions.items()}
    )
    control = {name: _control(question, each) for name, each in decisions.items()}
    table = table.join(pd.DataFrame.from_dict(control, orient="index"))
    first = next(iter(decisions.values()))
    facts = question._asdict()
    del facts["draws"]
    facts["baseline_models"] = words.models_called(first.baseline.choice)
    return Audit(
        table=table.rename_axis("router"),
        by_task=None if tasks is None else _by_task(question, decisions, tasks),
        verdict=" ".join(
            words.verdict(table, facts | {"decisions": decisions, "y": y})
        ),
        decisions=dict(decisions),
        y=y,
        **facts,
    )


# -- tables --------------------------------------------------------------------------


def _by_task(question, decisions, tasks) -> pd.DataFrame:
    rows = {task: np.flatnonzero(tasks == task) for task in np.unique(tasks)}
    parts = []
    for name, each in decisions.items():
        part = _rows(question, {task: (each, rows[task]) for task in rows})
        part = part.rename_axis("task").reset_index()
        part.insert(0, "router", name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _rows(
    question: Question, parts: Mapping[Any, tuple[Decisions, NDArray]]
) -> pd.DataFrame:
    """One row per comparison; what decides is adjusted for their number."""
    strict = question.alpha / len(parts)
    rows = {key: _row(question, *part, strict) for key, part in parts.items()}
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.insert(list(table).index("p") + 1, "p_adjusted", holm(table["p"]))
    told = [_told(question, row) for row in table.itertuples()]
    table.insert(0, "verdict", told)
    table["n_more"] = [_n_more(question, row) for row in table.itertuples()]
    return table


def _row(question: Question, each: Decisions, rows: NDArray, strict: float) -> dict:
    router, baseline = _take(each.router, rows), _take(each.baseline, rows)
    draws, alpha = question.draws.of(rows), question.alpha
    weight = question.cost_weight
    gain = utility_of(router, weight) - utility_of(baseline, weight)
    utility = _interval(draws, gain, alpha)
    quality = utility
    if question.cost_weight > 0:
        quality = _interval(draws, router.quality - baseline.quality, alpha)
    adjusted = utility if strict == alpha else _interval(draws, gain, strict)
    change = _change(router.cost, baseline.cost)
    error = cluster_error(gain, draws.unit)
    n_units = len(rows) if draws.unit is None else len(np.unique(draws.unit))
    return {
        "quality": router.quality.mean(),
        "baseline_quality": baseline.quality.mean(),
        **named("quality_gain", quality),
        "cost": router.cost.mean(),
        "baseline_cost": baseline.cost.mean(),
        **named("cost_change", _interval(draws, router.cost - baseline.cost, alpha)),
        **named("cost_change_share", _interval(draws, change, alpha)),
        **named("utility_gain", utility),
        "adjusted_low": adjusted.low,
        "adjusted_high": adjusted.high,
        "p": draws.p_value(gain),
        "error": error,
        "smallest_effect": effect_factor(strict, question.power) * error,
        "n_queries": len(rows),
        "n_units": n_units,
        "unseen": each.unseen[rows].mean(),
        "hidden": each.hidden[rows].mean(),
        "hidden_loss": each.hidden_loss[rows].mean(),
        "stand_in_gain": np.where(each.unseen[rows], gain, 0.0).mean(),
    }


def _take(realised: Realised, rows: NDArray) -> Realised:
    return Realised(realised.quality[rows], realised.cost[rows], realised.choice[rows])


def _change(cost: NDArray, baseline: NDArray) -> NDArray:
    """Change of the cost as a share of the baseline's, NaN if that is nothing."""
    if not baseline.any():
        return np.full(len(baseline), np.nan)
    return -saved_share(cost, baseline)


def _interval(draws: Draws, gain: NDArray, alpha: float) -> Interval:
    """Interval of a mean; NaN where costs are not known."""
    if np.isnan(gain).any():
        return Interval(np.nan, np.nan, np.nan)
    return draws.interval(gain, alpha)


def _control(question: Question, each: Decisions) -> dict[str, float]:
    """What the router gains when its features carry no information."""
    weight = question.cost_weight
    utility = utility_of(each.shuffled, weight).mean(axis=1)
    reference = utility_of(each.baseline, weight).mean()
    low, high = np.quantile(utility - reference, [0.025, 0.975])
    as_good = utility >= utility_of(each.router, weight).mean() - 1e-12
    return {
        "shuffled_gain": (utility - reference).mean(),
        "shuffled_gain_low": low,
        "shuffled_gain_high": high,
        "p_features": (1 + as_good.sum()) / (1 + len(utility)),
    }


# -- verdicts ------------------------------------------------------------------------


def _told(question: Question, row) -> str:
    doubt = {"higher": row.hidden, "lower": _doubtful(row)}
    return words.conclude(row, question.min_gain, question.alpha, **doubt)


def _doubtful(row) -> float:
    """What is left out of the gain of a router that is said to pay."""
    return max(row.stand_in_gain, 0.0)


def _n_more(question: Question, row) -> float:
    """Queries to add until an interval around the gain found excludes one side.

    The sides are 0 and ``min_gain``; the farther one is excluded first. What unknown
    outcomes hide, more queries do not show.
    """
    if row.verdict != UNKNOWN:
        return 0.0
    if row.n_units < MIN_UNITS:  # no spread to go by: reach what can be judged at all
        return float(np.ceil(row.n_queries * (MIN_UNITS / row.n_units - 1)))
    above = row.utility_gain - _doubtful(row)
    distance = max(above, question.min_gain - row.hidden - row.utility_gain)
    if distance <= 0:
        return float("inf")
    needed = row.n_queries * (row.smallest_effect / distance) ** 2
    return float(max(1.0, np.ceil(needed - row.n_queries)))
