"""The figure of one decision: the models, and what carries the choice."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklroute.displays._pyplot import import_pyplot, shown
from sklroute.explain import Explanation
from sklroute.explain._evidence import ADDITIVE
from sklroute.explain._explanation import headline
from sklroute.pipeline import as_router
from sklroute.policies import Policy

FOR, AGAINST, DARK, LIGHT = "C0", "C1", "0.35", "0.7"
COST, UTILITY, VALUE = 44, 88, 34  # where columns end, in points from the axes
MAX_BARS = 7  # of what adds up to the margin; the others are one bar
MAX_TITLE = 100  # letters of a query's text


class ExplanationDisplay:
    """One query's models beside what carries the choice among them.

    Use `from_estimator` or `from_explanation` to make one. All parameters are stored
    as attributes.

    Parameters
    ----------
    explanation : Explanation
        Of one query.
    name : str, default=None
        What the query is called in the title. None takes its number.
    cost_unit : str, default=None
        Unit of the costs, e.g. "USD" or "ms".

    Attributes
    ----------
    axes_ : ndarray of two matplotlib Axes
        With the models, and with the evidence.
    figure_ : matplotlib Figure
        Figure containing them.

    See Also
    --------
    sklroute.explain.Explanation : The tables behind the figure.

    Examples
    --------
    >>> from sklroute.baselines import ClusterRouter
    >>> from sklroute.datasets import make_routing
    >>> from sklroute.displays import ExplanationDisplay
    >>> data = make_routing(n_queries=300, n_models=3, random_state=0)
    >>> router = ClusterRouter(8, random_state=0).fit(data.X, data.y)
    >>> display = ExplanationDisplay.from_estimator(router, data.X[:5], query=4)
    >>> bars = display.frame().query("kind == 'exact'")["value"].sum()
    >>> float(abs(bars - display.explanation.decisions["margin"][0]).round(6))
    0.0
    """

    def __init__(
        self,
        *,
        explanation: Explanation,
        name: str | None = None,
        cost_unit: str | None = None,
    ):
        self.explanation = explanation
        self.name = name
        self.cost_unit = cost_unit

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        query: int = 0,
        available: ArrayLike | None = None,
        costs: ArrayLike | None = None,
        policy: Policy | None = None,
        name: str | None = None,
        cost_unit: str | None = None,
        axes: Any = None,
    ) -> "ExplanationDisplay":
        """Plot why a fitted router chooses a model for a query.

        Parameters
        ----------
        estimator : router, Pipeline or fitted search
            A fitted router, or what ends in one.
        X : array-like of shape (n_queries, n_features)
            Features of queries; outcomes are not needed.
        query : int, default=0
            Row of ``X`` to explain.
        available, costs, policy
            As in `RouterMixin.predict`, for all of ``X``.
        name, cost_unit, axes
            As in `from_explanation`.

        Returns
        -------
        display : ExplanationDisplay
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        explanation = as_router(estimator).explain(
            X, available=available, costs=costs, policy=policy
        )
        return cls.from_explanation(
            explanation, query=query, name=name, cost_unit=cost_unit, axes=axes
        )

    @classmethod
    def from_explanation(
        cls,
        explanation: Explanation,
        *,
        query: int = 0,
        name: str | None = None,
        cost_unit: str | None = None,
        axes: Any = None,
    ) -> "ExplanationDisplay":
        """Plot one query of an explanation.

        Parameters
        ----------
        explanation : Explanation
            What ``explain`` of a router returned.
        query : int, default=0
            Place of the query among those explained.
        name : str, default=None
            What the query is called in the title, such as its text.
        cost_unit : str, default=None
            Unit of the costs.
        axes : sequence of two matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : ExplanationDisplay
        """
        import_pyplot(f"{cls.__name__}.from_explanation")
        display = cls(explanation=explanation[query], name=name, cost_unit=cost_unit)
        return display.plot(axes)

    def plot(self, axes: Any = None) -> "ExplanationDisplay":
        """Draw the models, the best at the top, and beside them the evidence.

        Parameters
        ----------
        axes : sequence of two matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : ExplanationDisplay
            This object, with the attributes ``axes_`` and ``figure_``.
        """
        pyplot = import_pyplot(f"{type(self).__name__}.plot")
        bars = self.frame()
        if axes is None:
            rows = max(len(self.explanation.models), len(bars) + 1)
            figsize = self._width(bars), 1.4 + 0.27 * rows
            figure, axes = pyplot.subplots(
                ncols=2, figsize=figsize, layout="constrained"
            )
            figure.get_layout_engine().set(wspace=0.08)
        self.axes_ = np.asarray(axes, dtype=object)
        self.figure_ = self.axes_[0].figure
        self._plot_models(self.axes_[0])
        self._plot_evidence(self.axes_[1], bars)
        for ax in self.axes_:
            ax.spines[["top", "right", "left"]].set_visible(False)
            ax.tick_params(axis="y", length=0)
        return self

    def frame(self) -> pd.DataFrame:
        """Return the bars of the figure, one row each.

        Returns
        -------
        DataFrame
            Columns ``label``, ``kind``, ``value``: what adds up to the margin, the
            largest first and the smallest as one, then the ablations.
        """
        evidence = self.explanation.evidence
        text = evidence["source"] + ": " + evidence["name"].astype(str)
        table = evidence.assign(label=text)[["label", "kind", "value"]]
        parts = table[table["kind"].isin(ADDITIVE)]
        parts = parts.sort_values("value", key=abs, ascending=False, kind="stable")
        left = parts[MAX_BARS:]
        bars = [parts[:MAX_BARS], table[table["kind"] == "ablation"]]
        if len(left):
            label, kind = f"all other evidence ({len(left)})", left["kind"].iloc[0]
            rest = {"label": [label], "kind": [kind], "value": [left["value"].sum()]}
            bars.insert(1, pd.DataFrame(rest))
        return pd.concat(bars, ignore_index=True)

    def _width(self, bars: pd.DataFrame) -> float:
        """In inches: the longer the names, the wider, as axes keep their width."""
        labels = self.explanation.models["model"], bars["label"]
        longest = [max(map(len, map(shown, part)), default=0) for part in labels]
        return 9 + 0.09 * sum(longest)

    def _title(self) -> str:
        text = headline(self.explanation, shown)
        if self.name is None:
            return text
        name = shown(" ".join(str(self.name).split()), MAX_TITLE)
        return f"{name}\n{text.partition(': ')[2]}"

    def _plot_models(self, ax) -> None:
        models = self.explanation.models
        models = models.iloc[np.lexsort((-models["utility"], ~models["considered"]))]
        height = np.arange(len(models))[::-1]
        cost_at, utility_at = _beside(ax, COST), _beside(ax, UTILITY)
        ax.set_yticks(height, [_model_label(row) for _, row in models.iterrows()])
        ticks = ax.get_yticklabels()
        for y, tick, (_, row) in zip(height, ticks, models.iterrows(), strict=True):
            colour = _colour_of(row)
            tick.set(color=colour, weight="bold" if row["chosen"] else "normal")
            ax.hlines(y, row["low"], row["high"], colour, linewidth=4, alpha=0.35)
            face = colour if row["considered"] else "none"
            size = 70 if row["chosen"] else 35
            ax.scatter(row["quality"], y, size, face, edgecolors=colour, zorder=3)
            style = {"va": "center", "ha": "right", "color": colour, "fontsize": 9}
            cost = "?" if np.isnan(row["cost"]) else f"{row['cost']:.4g}"
            ax.text(1, y, cost, transform=cost_at, **style)
            if np.isfinite(row["utility"]):
                text = f"{row['utility']:z.3f}"
                ax.text(1, y, text, transform=utility_at, **style)
        style = {"va": "bottom", "ha": "right", "fontsize": 9}
        top = len(models) - 0.4
        unit = "" if self.cost_unit is None else f" ({self.cost_unit})"
        ax.text(1, top, f"Cost{unit}", transform=cost_at, **style)
        ax.text(1, top, "Utility", transform=utility_at, **style)
        ax.set(xlabel="Predicted quality", xlim=(-0.02, 1.02))
        ax.set_ylim(-0.6, top)
        ax.grid(axis="x", color="0.9", zorder=0)
        ax.set_axisbelow(True)
        ax.set_title(self._title(), loc="left", fontsize=10, pad=24)

    def _plot_evidence(self, ax, bars: pd.DataFrame) -> None:
        ax.set_title("What carries the choice", loc="left", fontsize=10)
        ax.set_xlabel("Utility for (+) and against (-) the choice")
        margin = self.explanation.decisions["margin"].iloc[0]
        if np.isnan(margin):
            ax.set(xticks=[], yticks=[], xlabel="")
            ax.text(0, 0.9, "There is nothing to choose from.", fontsize=9)
            return
        apart = bars["kind"] == "ablation"
        additive, blocks = bars[~apart], bars[apart]
        height = -np.arange(len(additive) + 1.0)
        _draw_bars(ax, height[:-1], additive["value"])
        ax.barh(height[-1], margin, 0.7, color="0.2")
        _write_numbers(ax, height, [*additive["value"], margin])
        labels, ticks = [*map(shown, additive["label"]), "margin"], height
        if len(blocks):
            below = height[-1] - 2.4 - np.arange(len(blocks))
            _draw_bars(ax, below, blocks["value"], alpha=0.55)
            _write_numbers(ax, below, blocks["value"])
            text = "Margin lost without the block"
            behind = {"facecolor": ax.get_facecolor(), "edgecolor": "none", "pad": 1}
            style = {"fontsize": 9, "style": "italic", "bbox": behind}
            place = ax.get_yaxis_transform()
            ax.text(0, below[0] + 0.75, text, transform=place, **style)
            labels += map(shown, blocks["label"])
            ticks = np.append(ticks, below)
        ax.set_yticks(ticks, labels, fontsize=9)
        ax.set_ylim(ticks[-1] - 0.6, 0.6)
        ax.axvline(0, color=DARK, linewidth=0.8)


def _beside(ax, points: float):
    """Transform to the heights of the data, that far to the right."""
    from matplotlib.transforms import offset_copy

    return offset_copy(ax.get_yaxis_transform(), ax.figure, points, units="points")


def _draw_bars(ax, height, values, *, alpha: float = 1.0) -> None:
    """Bars in the colour of the model that they speak for."""
    values = np.asarray(values, dtype=float)
    colours = [FOR if value >= 0 else AGAINST for value in values]
    ax.barh(height, values, 0.7, color=colours, alpha=alpha)


def _write_numbers(ax, height, values) -> None:
    style = {"va": "center", "ha": "right", "fontsize": 8, "color": DARK}
    for y, value in zip(height, values, strict=True):
        ax.text(1, y, f"{value:+.3f}", transform=_beside(ax, VALUE), **style)


def _colour_of(row: pd.Series) -> str:
    if row["chosen"]:
        return FOR
    if row["runner_up"]:
        return AGAINST
    return DARK if row["considered"] else LIGHT


def _model_label(row: pd.Series) -> str:
    name = shown(row["model"])
    return f"{name}\n{row['reason']}" if row["reason"] else name
