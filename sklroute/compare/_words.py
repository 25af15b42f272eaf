"""What a comparison says, in numbers for people and in plain sentences."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from sklroute.compare._contestants import MIX, SINGLE
from sklroute.compare._result import MIN_UNITS, Comparison, with_bounds
from sklroute.outcomes import Outcomes

KINDS = ["router", "control", "reference", "bound"]
ROUNDING = 1e-9


def ordered(result: Comparison) -> pd.DataFrame:
    """The table with routers first, each kind by what it is worth."""
    worth = "nauc" if result.has_costs else "quality"
    table = result.table.sort_values([worth, "quality"], ascending=False)
    return table.iloc[np.argsort(table["kind"].map(KINDS.index), kind="stable")]


def quality_columns(
    result: Comparison, cost_unit: str | None = None
) -> dict[str, list[str]]:
    """Quality first: title to one text per row of `ordered`."""
    table = ordered(result)
    shown = {
        "Quality": each(table, percent, "quality"),
        "vs best single": each(table, points, *with_bounds("gain")),
        "Gap closed": each(table, percent, "gap_closed"),
    }
    if result.has_costs:
        shown[with_unit("Cost", cost_unit)] = each(table, significant, "cost")
    return shown | {
        "Fit s": each(table, significant, "fit_seconds"),
        "Queries/s": each(table, thousands, "queries_per_second"),
    }


def cost_columns(result: Comparison) -> dict[str, list[str]]:
    """What can be saved: title to one text per row of `ordered`."""
    table = ordered(result)
    return {
        "At par: quality": each(table, points, *with_bounds("par_gain")),
        "At par: cost saved": each(table, share, *with_bounds("par_saving")),
        "nAUC": each(table, area, *with_bounds("nauc")),
        "nAUC vs mix": each(table, points, *with_bounds("nauc_gain")),
        "QNC": each(table, significant, "qnc"),
    }


def sentences(result: Comparison, cost_unit: str | None = None) -> Iterator[str]:
    """Yield what was gained, and with what certainty.

    Where the best router is not what each split chooses by itself, it gets no verdict.
    """
    best, chosen = result.table.loc[result.best], result.chosen
    single = result.table.loc[SINGLE]
    if not _enough(result):
        yield (
            f"{result.protocol['units']} independent queries, or groups of them, with "
            "a choice of models are too few for any judgement: with fewer than "
            f"{MIN_UNITS}, intervals are too short to be believed."
        )
    if result.protocol["alone"] > 0:
        yield (
            f"On {percent(result.protocol['alone'])} of the queries the outcome of "
            "only one model is known: every choice is the same there, so that all "
            "differences are smaller than where models can be chosen."
        )
    yield from unpriced(result.y_test)
    gain = best[with_bounds("gain")]
    yield (
        f"Best router: {result.best}, chosen on validation queries. Sending every "
        f"query to the model it expects to be best gives {percent(best.quality)} "
        f"quality; the best single model gives {percent(single.quality)}. That is "
        f"{points(*gain)} points (95 % interval)"
        + (f": {_verdict(result, *gain)}." if chosen.name == result.best else ".")
    )
    if chosen.name != result.best:
        yield _chosen_sentence(result)
    if result.has_costs:
        yield from _cost_sentences(result, cost_unit)
    else:
        yield (
            "The table has no costs: this is a comparison of quality alone, and there "
            "is no frontier. Add costs to see what can be saved."
        )
    if result.over_tasks is not None:
        gain = result.over_tasks
        yield (
            "Against sending each task to the model that was best on it in training, "
            f"which needs no features, {chosen.name} gains {points(*gain)} points: "
            f"{_verdict(result, *gain)}."
        )
    where, own = "", chosen.quality
    if result.has_costs:
        where, own = " at that cost weight", chosen.par_quality
    yield (
        f"Drawing models at random, with as many queries to each as {chosen.name} "
        f"sends{where}, gives {percent(own - result.over_random.estimate)} quality. "
        f"What {chosen.name} knows of the query gains {points(*result.over_random)} "
        f"points on that: {_verdict(result, *result.over_random)}."
    )
    yield _control_sentence(result)


def unpriced(y: Outcomes) -> Iterator[str]:
    """Yield what becomes of answers without a cost where others have one."""
    share = np.isnan(y.cost)[y.observed].mean()
    if 0 < share < 1:
        yield (
            f"The cost of {percent(share)} of the scored answers is not known: they "
            "count as not run. Tell their costs, or leave out all costs to compare "
            "quality alone."
        )


def _chosen_sentence(result: Comparison) -> str:
    gain = result.chosen[with_bounds("gain")]
    return (
        "Other splits test the queries that it was chosen on, which flatters the best "
        "of many routers. With the router of each split chosen on the split's own "
        f"validation queries, as in what follows, the gain is {points(*gain)} points: "
        f"{_verdict(result, *gain)}."
    )


def _cost_sentences(result: Comparison, cost_unit) -> Iterator[str]:
    chosen, weight = result.chosen, result.protocol["cost_weight"]
    point = (
        "At the cost weight that kept the best single model's quality on validation "
        "queries"
        if weight == "auto"
        else f"At the cost weight {weight:g}"
    )
    saving, gain = (chosen[with_bounds(name)] for name in ("par_saving", "par_gain"))
    bill = "while the best single model costs nothing: there is nothing to save"
    if saving.notna().all():
        bill = (
            f"and saves {share(*saving)} of the best single model's cost: "
            f"{_verdict(result, *saving, 'a saving', 'an extra cost')}"
        )
    yield (
        f"{point}, {chosen.name} gains {points(*gain)} points of quality, "
        f"{_verdict(result, *gain)}, {bill}."
    )
    if result.feature_cost is not None and saving.notna().all():
        unit = "" if cost_unit is None else f" {cost_unit}"
        bounds = with_bounds("par_saving_with_features")
        yield (
            f"Computing the features costs {significant(result.feature_cost)}{unit} a "
            "query, which a router needs and a single model does not. With that on the "
            f"bill it saves {share(*chosen[bounds])}."
        )
    mix, gain = result.table.loc[MIX], chosen[with_bounds("nauc_gain")]
    yield (
        f"Averaged over all budgets (nAUC) its quality is {area(chosen.nauc)}; mixing "
        f"single models at random gives {area(mix.nauc)}: a difference of "
        f"{points(*gain)} points, {_verdict(result, *gain)}."
    )


def _control_sentence(result: Comparison) -> str:
    control = result.table.loc[result.control]
    gain = points(control.gain, control.gain_low, control.gain_high)
    if not _enough(result):
        return (
            f"The control ({result.control}) gains {gain} points; the queries are too "
            "few to tell whether something leaks."
        )
    if control.gain_low > ROUNDING:
        return (
            f"Warning: the control ({result.control}) gains {gain} points although it "
            "has nothing to learn from. Something leaks; do not trust these results."
        )
    return (
        f"The control ({result.control}) gains {gain} points: no gain beyond the luck "
        "of the draw, as it must be where there is nothing to learn."
    )


def _enough(result: Comparison) -> bool:
    return result.protocol["units"] >= MIN_UNITS


def _verdict(
    result: Comparison,
    _: float,
    low: float,
    high: float,
    gain: str = "a gain",
    loss: str = "a loss",
) -> str:
    if not _enough(result):
        return "too few queries to tell"
    if low > ROUNDING:
        return f"{gain} beyond the luck of the draw"
    if high < -ROUNDING:
        return f"{loss} beyond the luck of the draw"
    return "no difference that can be told from the luck of the draw"


# -- numbers -------------------------------------------------------------------------


def percent(value: float) -> str:
    """Share as a percentage, e.g. "88.7 %"."""
    return _unless_missing(value, lambda x: f"{100 * x:.1f} %")


def points(value: float, low: float | None = None, high: float | None = None) -> str:
    """Difference in percentage points, e.g. "+1.2 [+0.3, +2.1]".

    With as many digits as it takes to see on which side of 0 the bounds are.
    """
    digits = _digits(*([value] if low is None else [low, high]))
    return _interval(lambda x: f"{100 * x:+z.{digits}f}", value, low, high)


def share(value: float, low: float | None = None, high: float | None = None) -> str:
    """Share with as many digits as its distance from 100 % needs, e.g. "99.97 %"."""
    if pd.isna(value):
        return ""
    rest = 1 - value
    digits = max(1, int(np.ceil(-np.log10(rest))) - 2) if 0 < rest < 0.01 else 1
    digits = digits if low is None else max(digits, _digits(low, high))
    text = _interval(lambda x: f"{100 * x:.{digits}f}", value, low, high)
    number, _, bounds = text.partition(" ")
    return f"{number} % {bounds}".rstrip()


def area(value: float, low: float | None = None, high: float | None = None) -> str:
    """Area under a frontier, e.g. "0.912 [0.905, 0.920]"."""
    return _interval(lambda x: f"{x:.3f}", value, low, high)


def significant(value: float) -> str:
    """Three significant digits without an exponent where that is readable."""
    if not np.isinf(value) and abs(value) >= 999.5:
        return thousands(value)
    return _unless_missing(value, lambda x: f"{x:.3g}")


def thousands(value: float) -> str:
    """Whole number with separators."""
    return _unless_missing(value, lambda x: f"{x:,.0f}")


def with_unit(title: str, unit: str | None) -> str:
    """Title of a column, with the unit of its numbers if that is known."""
    return title if unit is None else f"{title} ({unit})"


def _digits(*shares: float) -> int:
    """Decimal places of percentages at which none that is not 0 reads as 0."""
    needed = [np.ceil(-np.log10(200 * abs(x))) for x in shares if abs(x) > ROUNDING]
    return int(np.clip(max(needed, default=1), 1, 4))


def _interval(write, value, low, high) -> str:
    if pd.isna(value):
        return ""
    bounds = "" if low is None else f" [{write(low)}, {write(high)}]"
    return write(value) + bounds


def _unless_missing(value, write) -> str:
    return "" if pd.isna(value) else write(value)


def each(table: pd.DataFrame, write, *names: str) -> list[str]:
    """Texts of the values of one or more columns, row by row."""
    return [write(*values) for values in table[list(names)].to_numpy()]
