"""What an audit says, in plain sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklroute.compare._result import MIN_UNITS, with_bounds
from sklroute.compare._words import (
    each,
    percent,
    points,
    significant,
    thousands,
    unpriced,
    with_unit,
)

BEST_SINGLE_NAME = "best single model"
PAYS, PAYS_NOT, UNKNOWN = "pays", "does not pay", "not enough data"


def conclude(
    row: Any,
    min_gain: float,
    alpha: float,
    *,
    higher: float = 0.0,
    lower: float = 0.0,
) -> str:
    """The verdict on a row, if its gain may be that much higher or lower than found."""
    if row.n_units < MIN_UNITS:
        return UNKNOWN
    if row.adjusted_high + higher < min_gain:
        return PAYS_NOT
    if row.p_adjusted <= alpha and row.adjusted_low > lower:
        return PAYS
    return UNKNOWN


def verdict(table: pd.DataFrame, facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the sentences on each router in turn."""
    for name, row in table.iterrows():
        yield from _sentences(str(name), row, facts)
    if len(table) > 1:
        yield (
            f"With {len(table)} routers tested, the chance of calling any of them "
            f"paying that is no better than the baseline is at most "
            f"{_percent(facts['alpha'])} (Holm)."
        )
    yield from unpriced(facts["y"])


def _sentences(name: str, row: pd.Series, facts: Mapping[str, Any]) -> Iterator[str]:
    claim = {
        PAYS: f"{name} pays",
        PAYS_NOT: f"{name} does not pay",
        UNKNOWN: f"There are not enough data to tell whether {name} pays",
    }[row.verdict]
    what = "utility" if facts["cost_weight"] > 0 else "quality"
    gain = points(row.utility_gain, row.adjusted_low, row.adjusted_high)
    yield (
        f"{claim}: against the {_baseline(name, facts)} it gains {gain} points of "
        f"{what} on {_count(row)} ({_percent(1 - facts['alpha'])} interval"
        f"{', adjusted' if len(facts['decisions']) > 1 else ''}; "
        f"p = {row.p_adjusted:.2g})."
    )
    if facts["cost_weight"] > 0:
        quality = points(*row[with_bounds("quality_gain")])
        yield f"Quality changes by {quality} points."
    if facts["has_costs"]:
        yield _cost(row, facts)
    if row.unseen > 0:
        yield _unseen(name, row)
    if row.error == 0 and row.utility_gain == 0:
        yield "Its choices are worth the same on every query."
        return
    yield from _outlook(row, facts)
    if row.n_units >= MIN_UNITS:
        yield _features(name, row, facts)


def _baseline(name: str, facts: Mapping[str, Any]) -> str:
    if facts["baseline"] != BEST_SINGLE_NAME:
        return f"baseline {facts['baseline']}"
    # Of the router's own training queries, so that routers may differ in it.
    model, *others = models_called(facts["decisions"][name].baseline.choice)
    return f"{BEST_SINGLE_NAME} ({'mostly ' if others else ''}{model})"


def models_called(choice: NDArray) -> list[Any]:
    """Models that were chosen, most often chosen first."""
    return pd.Series(choice).value_counts().index.tolist()


def _count(row: pd.Series) -> str:
    text = f"{row.n_queries:,} queries"
    if row.n_units != row.n_queries:
        text += f" in {row.n_units:,} independent groups"
    return text


def _cost(row: pd.Series, facts: Mapping[str, Any]) -> str:
    own, other = significant(row.cost), significant(row.baseline_cost)
    unit = "" if facts.get("cost_unit") is None else f" {facts['cost_unit']}"
    text = f"Its calls cost {own}{unit} a query, the baseline's {other}"
    if row.baseline_cost > 0:
        share = row[with_bounds("cost_change_share")]
        number, _, bounds = points(*share).partition(" ")
        text += f" ({number} % {bounds})"
    saves = row.cost_change_high < 0 and row.n_units >= MIN_UNITS
    if facts["cost_weight"] == 0 and saves:
        text += "; a cost weight of 0 counts no cost: set it to have the saving judged"
    return f"{text}."


def _unseen(name: str, row: pd.Series) -> str:
    calls = (
        f"On {percent(row.unseen)} of the queries {name} or the baseline would have "
        "called a model whose outcome is not known, and the next best that is known "
        "stands in"
    )
    if row.hidden == row.hidden_loss == 0:
        return (
            f"{calls}. Both call the same one there: nothing is gained or lost by it."
        )
    return (
        f"{calls}: the gain may be up to {100 * row.hidden:.1f} points higher or "
        f"{100 * row.hidden_loss:.1f} lower than found. Run these models to know."
    )


def _outlook(row: pd.Series, facts: Mapping[str, Any]) -> Iterator[str]:
    """What so many queries can show, and how many more would tell."""
    least = points(facts["min_gain"])
    if row.verdict == PAYS_NOT:
        yield f"A gain of {least} points, the least worth having, is ruled out."
    if row.n_units < MIN_UNITS:
        yield (
            f"{row.n_units} independent queries are too few for any judgement: add at "
            f"least {thousands(row.n_more)}."
        )
        return
    if row.verdict == UNKNOWN:
        known = conclude(row, facts["min_gain"], facts["alpha"])
        if known != UNKNOWN:
            yield (
                "It is the unknown outcomes that leave this open: by the known ones "
                f"alone it {known}."
            )
        more = f"about {thousands(row.n_more)} more queries would"
        unless = ""
        if np.isinf(row.n_more):
            more = "no number of queries will"
            unless = " while so many outcomes are unknown" if row.unseen else ""
        yield (
            f"If the true gain is the {points(row.utility_gain)} points found, {more} "
            f"tell it from 0 or from {least} points{unless}."
        )
    yield (
        f"The smallest gain that as many queries show with {_percent(facts['power'])} "
        f"power is {points(row.smallest_effect)} points."
    )


def _features(name: str, row: pd.Series, facts: Mapping[str, Any]) -> str:
    shuffled = points(*row[with_bounds("shuffled_gain")])
    n_permutations = len(facts["decisions"][name].shuffled.quality)
    if 1 / (1 + n_permutations) > facts["alpha"]:  # the least that p_features can be
        told = f"{n_permutations} permutations are too few to say what features tell it"
    else:
        seen = row.p_features <= facts["alpha"]
        worth = "something" if seen else "nothing to be seen"
        told = f"the features tell it {worth}"
    return f"With shuffled features it gains {shuffled} points: {told}."


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


# -- tables --------------------------------------------------------------------------


def table_cells(
    result, cost_unit: str | None = None
) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the table of routers, for people."""
    table = result.table
    gained = each(table, points, "utility_gain", "adjusted_low", "adjusted_high")
    columns = {
        "": list(map(str, table.index)),
        "Verdict": table["verdict"].tolist(),
        "Quality": list(map(percent, table["quality"])),
        "Baseline": list(map(percent, table["baseline_quality"])),
        _gained(result): gained,
        "p": [f"{p:.2g}" for p in table["p_adjusted"]],
        "Smallest effect": each(table, points, "smallest_effect"),
        "More queries": list(map(more_queries, table["n_more"])),
    }
    if result.cost_weight > 0:
        names = with_bounds("quality_gain")
        columns["Quality gained"] = each(table, points, *names)
    if result.has_costs:
        for title, name in (("Cost", "cost"), ("Baseline's cost", "baseline_cost")):
            cells = list(map(significant, table[name]))
            columns[with_unit(title, cost_unit)] = cells
    return list(columns), [list(cells) for cells in zip(*columns.values(), strict=True)]


def _gained(result) -> str:
    return "Utility gained" if result.cost_weight > 0 else "Quality gained"


def task_cells(result) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the table of tasks, the largest first."""
    by_task = result.by_task
    heads = ["", "Task", "Queries", "Verdict", "Quality", "Baseline"]
    heads += [_gained(result), "p", "More queries"]
    rows = []
    order = by_task.sort_values("n_queries", ascending=False, kind="stable")
    for row in order.itertuples():
        cells = [row.router, str(row.task), f"{row.n_queries:,}", row.verdict]
        cells += [percent(row.quality), percent(row.baseline_quality)]
        cells += [points(row.utility_gain, row.adjusted_low, row.adjusted_high)]
        cells += [f"{row.p_adjusted:.2g}", more_queries(row.n_more)]
        rows.append(cells)
    if by_task["router"].nunique() == 1:
        return heads[1:], [cells[1:] for cells in rows]
    return heads, rows


def more_queries(n_more: float) -> str:
    """Queries to add, in words where there are none or never enough."""
    if n_more == 0:
        return ""
    return "never" if np.isinf(n_more) else thousands(n_more)
