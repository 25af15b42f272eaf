"""What the figures of observations against predictions share: the diagonal."""

from abc import abstractmethod
from typing import Any, ClassVar, Self

import pandas as pd
from numpy.typing import NDArray

from sklroute.displays._pyplot import labelled, take_axes

DIAGONAL = "as predicted"
LARGEST_DOT = 60.0  # of the point with most answers, in square points


class DiagonalDisplay:
    """Curve beside the line on which predictions and observations agree."""

    name: str | None
    _axis_labels: ClassVar[tuple[str, str]]

    @abstractmethod
    def _points(self) -> dict[str, NDArray]:
        """What was predicted, what was observed and, if known, the ``count``."""

    @abstractmethod
    def _finding(self) -> str | None:
        """What the legend says beside the name."""

    def plot(
        self,
        ax: Any = None,
        *,
        name: str | None = None,
        curve_kwargs: dict | None = None,
    ) -> Self:
        """Draw the curve beside the diagonal.

        Where its points are means of bins, each is a dot whose area is the number of
        answers in the bin.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.
        name : str, default=None
            Name for the legend. None takes the one given when the display was made.
        curve_kwargs : dict, default=None
            Keywords of matplotlib's ``plot`` for the line.

        Returns
        -------
        display : object
            The same display, with the attributes ``line_``, ``ax_`` and ``figure_``.
        """
        ax = take_axes(self, ax, (7.5, 4.5))
        from sklroute.displays._labels import write_legend

        _plot_diagonal(ax)
        points = self._points()
        predicted, observed = list(points.values())[:2]
        label = labelled(self.name if name is None else name, self._finding())
        style = {"linewidth": 1.5, "label": label, "zorder": 3, **(curve_kwargs or {})}
        (self.line_,) = ax.plot(predicted, observed, **style)
        if "count" in points:
            size = (LARGEST_DOT * points["count"] / points["count"].max()).clip(6)
            colour = self.line_.get_color()
            ax.scatter(predicted, observed, s=size, color=colour, zorder=3)
        xlabel, ylabel = self._axis_labels
        ax.set(xlabel=xlabel, ylabel=ylabel)
        write_legend(ax, last=(DIAGONAL,))
        return self

    def frame(self) -> pd.DataFrame:
        """Return the points of the figure, one row each.

        Returns
        -------
        DataFrame
            Columns ``name``, then the fields of the `Reliability` or `Coverage` shown.
        """
        return pd.DataFrame({"name": self.name, **self._points()})


def _plot_diagonal(ax: Any) -> None:
    """Draw, once, the line on which predictions and observations agree."""
    if DIAGONAL not in ax.get_legend_handles_labels()[1]:
        style = {"linestyle": "--", "color": "0.6", "linewidth": 1, "zorder": 1}
        ax.plot([0, 1], [0, 1], **style, label=DIAGONAL)
    ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    ax.spines[["top", "right"]].set_visible(False)
