"""Pictures of an audit, as matplotlib figures."""

import numpy as np
import pandas as pd

from sklroute.audit._result import Audit
from sklroute.compare._figures import cost_axes, new_axes, style_intervals
from sklroute.displays._pyplot import shown
from sklroute.metrics import (
    cost_range,
    frontier,
    model_means,
    nauc,
    traffic_curve,
    traffic_share,
)

MAX_TASKS = 40


def gain_figure(result: Audit):
    """Utility gained by each router, beside what shuffled features gain."""
    rows = []
    for name, row in result.table.iterrows():
        adjusted = row.adjusted_low, row.adjusted_high
        shuffled = row.shuffled_gain_low, row.shuffled_gain_high
        name = shown(name)
        rows.append((name, row.utility_gain, *adjusted, "C0"))
        rows.append(
            (f"{name}, shuffled features", row.shuffled_gain, *shuffled, "0.55")
        )
    return _intervals(result, rows)


def task_figure(result: Audit):
    """Utility gained by the first router in each task, the largest gain first."""
    first = result.table.index[0]
    table = result.by_task[result.by_task["router"] == first]
    table = table.nlargest(MAX_TASKS, "n_queries")
    table = table.sort_values("utility_gain", ascending=False)
    rows = [
        (
            f"{shown(row.task)} ({row.n_queries:,})",
            row.utility_gain,
            row.adjusted_low,
            row.adjusted_high,
            "C0",
        )
        for row in table.itertuples()
    ]
    figure = _intervals(result, rows)
    if len(result.table) > 1:
        figure.suptitle(shown(first), fontsize="medium")
    return figure


def has_frontiers(result: Audit) -> bool:
    """Whether costs are known, and all routers choose by predictions of them alone."""
    return result.has_costs and all(
        each.by_predictions and np.isfinite(each.cost).all()
        for each in result.decisions.values()
    )


def frontier_figure(result: Audit, cost_unit: str | None = None):
    """Quality against cost of every router as the cost weight moves."""
    from sklroute.displays import FrontierDisplay

    axes = cost_axes(model_means(result.y)[1])
    _draw_points(axes, result)
    for name, each in result.decisions.items():
        FrontierDisplay.from_predictions(
            result.y,
            each.quality,
            each.cost,
            references=name == list(result.decisions)[-1],
            name=shown(name),
            cost_unit=cost_unit,
            ax=axes,
        )
    return axes.figure


def frontier_frame(result: Audit):
    """Points of the routers' frontiers."""
    parts = []
    for name, each in result.decisions.items():
        curve = frontier(result.y, each.quality, each.cost)
        area = nauc(curve, cost_range(result.y))
        parts.append(pd.DataFrame({"name": name, **vars(curve), "nauc": area}))
    return pd.concat(parts, ignore_index=True)


def traffic_figure(result: Audit, cost_unit: str | None = None):
    """Share of the queries by model: as audited, and as the cost weight moves."""
    from matplotlib.figure import Figure

    bars = traffic_choices(result)
    n_panels = 2 if has_frontiers(result) else 1
    high = max(1.2 + 0.3 * len(bars), 0.8 + 0.2 * min(10, len(result.y.models)))
    figure = Figure(figsize=(9.5, high + 3.5 * (n_panels - 1)), layout="constrained")
    panels = figure.subplots(
        n_panels, 1, squeeze=False, height_ratios=[high, 3.5][:n_panels]
    )[:, 0]
    parts = [_traffic_bars(result, bars)]
    if n_panels > 1:
        parts.append(_traffic_areas(result, cost_unit))
    colours = parts[0].colours(*parts[1:])
    for part, axes in zip(parts, panels, strict=True):
        part.plot(axes, colours=colours)
    if n_panels > 1:
        title = f"{shown(result.table.index[0])}, as the cost weight moves"
        panels[1].set_title(title, fontsize="medium")
    return figure


def _traffic_bars(result: Audit, choices: dict):
    from sklroute.displays import TrafficDisplay

    models = result.y.models
    return TrafficDisplay(
        share=np.stack([traffic_share(each, models) for each in choices.values()]),
        models=models,
        names=list(choices),
        model_cost=model_means(result.y)[1] if result.has_costs else None,
    )


def _traffic_areas(result: Audit, cost_unit: str | None):
    from sklroute.displays import TrafficDisplay

    first = next(iter(result.decisions.values()))
    curve = traffic_curve(first.quality, first.cost, available=result.y.candidates)
    return TrafficDisplay(
        share=curve.share,
        models=result.y.models,
        cost_weight=curve.cost_weight,
        model_cost=model_means(result.y)[1],
        cost_unit=cost_unit,
    )


def traffic_choices(result: Audit) -> dict:
    """Choices of every router, and of the first one's baseline."""
    choices = {name: each.router.choice for name, each in result.decisions.items()}
    first = next(iter(result.decisions.values()))
    return choices | {f"{result.baseline} (baseline)": first.baseline.choice}


def _draw_points(axes, result: Audit) -> None:
    """Where the audited choices and the baseline lie."""
    first = next(iter(result.table.itertuples()))
    style = {"linestyle": "", "color": "0.2", "markersize": 8, "zorder": 4}
    axes.plot(
        first.baseline_cost,
        first.baseline_quality,
        "X",
        label=f"{shown(result.baseline)} (baseline)",
        **style,
    )
    style["color"] = "black"
    axes.plot(
        result.table["cost"], result.table["quality"], "D", label="as audited", **style
    )


def _intervals(result: Audit, rows):
    axes = new_axes(8.5, 1.0 + 0.3 * len(rows))
    height = np.arange(len(rows))[::-1]
    for y, (_, gain, low, high, colour) in zip(height, rows, strict=True):
        axes.plot([100 * low, 100 * high], [y, y], color=colour, linewidth=2)
        axes.plot(100 * gain, y, "o", color=colour)
    style_intervals(axes)
    least = 100 * result.min_gain
    axes.axvline(least, color="C3", linewidth=1, linestyle="--")
    axes.annotate(
        f"least gain worth having: {least:g}",
        (least, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, 2),
        textcoords="offset points",
        fontsize="x-small",
        color="C3",
    )
    axes.set_yticks(height, [row[0] for row in rows])
    what = "Utility" if result.cost_weight > 0 else "Quality"
    axes.set_xlabel(f"{what} gained on the {shown(result.baseline)} (points)")
    axes.set_ylim(-0.7, len(rows) - 0.3)
    return axes.figure
