"""Pictures of a comparison, as matplotlib figures."""

from collections.abc import Sequence
from io import BytesIO

import pandas as pd
from numpy.typing import NDArray

from sklroute.compare._contestants import PER_TASK, RANDOM, SINGLE, traffic_name
from sklroute.compare._result import Comparison
from sklroute.compare._words import ordered
from sklroute.displays._pyplot import log_costs, shown
from sklroute.metrics import (
    Coverage,
    Frontier,
    Reliability,
    model_means,
)

LOG_RATIO = 10  # costs that differ more than this are drawn on a logarithmic axis


def frontier_figure(result: Comparison, cost_unit: str | None = None):
    """Quality against cost of every router and reference."""
    from sklroute.displays._frontier import FrontierDisplay, references_of

    axes = cost_axes(model_means(result.y_test)[1])
    _draw_points(axes, result)
    table = ordered(result)
    drawn = table.index[table["kind"].isin(["router", "control"])]
    drawn = [*drawn, *(name for name in table.index if name == PER_TASK)]
    for name in drawn:
        rows = result.frontiers.query("name == @name")
        last = name == drawn[-1]  # the references go on top, once
        FrontierDisplay(
            frontier=Frontier(*rows[["cost_weight", "cost", "quality"]].to_numpy().T),
            nauc=table.loc[name, "nauc"],
            band=_band(rows) if name == result.best else None,
            name=shown(name),
            cost_unit=cost_unit,
            **(references_of(result.y_test) if last else {}),
        ).plot(ax=axes, curve_kwargs=_style(table.loc[name, "kind"], name, result))
    axes.legend(
        loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize="small"
    )
    return axes.figure


def gain_figure(result: Comparison):
    """Quality gained on the best single model, with intervals."""
    table = ordered(result).drop(index=SINGLE)
    table = table[table["kind"] != "bound"][::-1]
    axes = new_axes(8, 0.6 + 0.3 * len(table))
    for height, (name, row) in enumerate(table.iterrows()):
        colour = "C0" if row["kind"] == "router" else "0.5"
        bounds = [100 * row["gain_low"], 100 * row["gain_high"]]
        axes.plot(bounds, [height, height], color=colour, linewidth=2)
        marker = "D" if name == result.best else "o"
        axes.plot(100 * row["gain"], height, marker, color=colour)
    axes.set_yticks(range(len(table)), map(shown, table.index))
    axes.set_xlabel("Quality gained on the best single model (points, 95 % interval)")
    style_intervals(axes)
    return axes.figure


def traffic_figure(result: Comparison):
    """Share of the queries that each router sends to each model."""
    from sklroute.displays import TrafficDisplay

    table = ordered(result)
    names = table.index[table["kind"] == "router"]
    wide = result.traffic.pivot_table(
        "share", ["name", "setting"], "model", sort=False, observed=True
    )
    wide = wide.loc[[key for name in names for key in wide.index if key[0] == name]]
    rows = [
        name if setting == "quality first" else f"{name}, {setting}"
        for name, setting in wide.index
    ]
    display = TrafficDisplay(
        share=wide.to_numpy(),
        models=wide.columns.to_numpy(),
        names=rows,
        model_cost=model_means(result.y_test)[1] if result.has_costs else None,
    )
    return display.plot(new_axes(9.5, 1.6 + 0.28 * len(rows))).figure_


def calibration_figure(
    calibration: pd.DataFrame, coverage: pd.DataFrame | None, names: Sequence, best: str
):
    """Reliability and, if known, coverage of every router, side by side.

    The tables are those of `Comparison`; the routers take colours in the order of
    ``names``, and the line of ``best`` stands out.
    """
    from matplotlib.figure import Figure

    from sklroute.displays import CalibrationDisplay, CoverageDisplay

    n_panels = 1 if coverage is None else 2
    figure = Figure(figsize=(6.3 * n_panels, 3.9), layout="compressed")
    axes = figure.subplots(1, n_panels, squeeze=False)[0]
    for i, name in enumerate(names):
        style = {"linewidth": 2.5 if name == best else 1.2, "color": f"C{i}"}
        part = calibration[calibration["name"] == name]
        curve = Reliability(*part[["predicted", "observed", "count"]].to_numpy().T)
        CalibrationDisplay(
            reliability=curve, calibration_error=part["ece"].iloc[0], name=shown(name)
        ).plot(ax=axes[0], curve_kwargs=style)
        if coverage is None or name not in set(coverage["name"]):
            continue
        part = coverage[coverage["name"] == name]
        curve = Coverage(*part[["nominal", "observed"]].to_numpy().T)
        CoverageDisplay(coverage=curve, name=shown(name)).plot(
            ax=axes[1], curve_kwargs=style
        )
    return figure


def new_axes(width: float, height: float):
    """Axes of a figure of its own, in no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained").subplots()


def cost_axes(cost: NDArray):
    """The same for quality against cost, logarithmic where models differ much."""
    axes = new_axes(9.5, 5)
    paid = cost[cost > 0]
    if len(paid) and paid.max() > LOG_RATIO * paid.min():
        log_costs(axes, cost)
    return axes


def style_intervals(axes) -> None:
    """Axes of differences, one a line, with 0 marked."""
    axes.axvline(0, color="0.3", linewidth=1)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.9")


def as_png(figure) -> bytes:
    """Bytes of the picture as a PNG file."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()


def _style(kind: str, name: str, result: Comparison) -> dict:
    """The best router stands out; what is no router is grey."""
    if kind == "router":
        return {"linewidth": 3 if name == result.best else 1.3}
    if kind == "control":
        return {"linewidth": 1, "color": "0.6", "linestyle": "-."}
    return {"linewidth": 1.3, "color": "black", "linestyle": (0, (6, 2))}


def _band(curve: pd.DataFrame) -> tuple[NDArray, NDArray]:
    return curve["quality_low"].to_numpy(), curve["quality_high"].to_numpy()


def _draw_points(axes, result: Comparison) -> None:
    """References that have but one point."""
    for name, marker in ((RANDOM, "x"), (traffic_name(result.best), "P")):
        row = result.table.loc[name]
        style = {"color": "0.3", "linestyle": "", "label": shown(name)}
        axes.plot(row["cost"], row["quality"], marker, **style)
