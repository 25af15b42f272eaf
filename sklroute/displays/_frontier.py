"""The figure of routing: quality against cost."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklroute.base._arrays import outcomes_of
from sklroute.displays._available import restrict
from sklroute.displays._pyplot import (
    import_pyplot,
    labelled,
    log_costs,
    name_of,
    take_axes,
)
from sklroute.metrics import (
    Frontier,
    cost_range,
    frontier,
    model_means,
    nauc,
    oracle_frontier,
    single_model_hull,
)
from sklroute.outcomes import check_outcomes
from sklroute.pipeline import as_predictor

DARK, LIGHT = "0.35", "0.6"  # of the references: the routers have the colours
ORACLE, MIXING, SINGLE = "oracle", "random mixing of single models", "single models"


class FrontierDisplay:
    """Quality of a router against its cost, beside what it is compared with.

    Use `from_estimator` or `from_predictions` to make one. All parameters are stored
    as attributes.

    Parameters
    ----------
    frontier : Frontier
        Points of the router.
    nauc : float, default=None
        Area under the frontier, shown in the legend. None shows none.
    band : tuple of two ndarray of shape (n_points,), default=None
        Lower and upper bound of the quality at each point of the frontier. None draws
        none.
    models : ndarray of shape (n_models,), default=None
        Names of the single models. None draws none.
    model_cost, model_quality : ndarray of shape (n_models,), default=None
        Mean cost and quality of always calling each model.
    hull : Frontier, default=None
        Frontier of mixing single models at random. None draws none.
    oracle : Frontier, default=None
        Frontier of the oracle. None draws none.
    name : str, default=None
        Name of the router, for the legend.
    cost_unit : str, default=None
        Unit of the costs, for the label of the axis, e.g. "USD" or "ms".

    Attributes
    ----------
    line_ : matplotlib Artist
        The router's envelope.
    ax_ : matplotlib Axes
        Axes with the frontier.
    figure_ : matplotlib Figure
        Figure containing the frontier.

    See Also
    --------
    sklroute.metrics.frontier : Computes the points.
    sklroute.metrics.nauc : The area in the legend.

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> from sklroute.displays import FrontierDisplay
    >>> y = Outcomes([[0.0, 1.0], [1.0, 1.0]], cost=[1.0, 5.0],
    ...              models=["base", "large"])
    >>> display = FrontierDisplay.from_predictions(
    ...     y, quality=[[0.2, 0.9], [0.7, 0.8]], cost=[1.0, 5.0], name="mine")
    >>> display.frame().query("curve == 'mine'")[["cost", "quality"]]
       cost  quality
    0   5.0      1.0
    1   3.0      1.0
    2   1.0      0.5
    """

    def __init__(
        self,
        *,
        frontier: Frontier,
        nauc: float | None = None,
        band: tuple[NDArray, NDArray] | None = None,
        models: NDArray | None = None,
        model_cost: NDArray | None = None,
        model_quality: NDArray | None = None,
        hull: Frontier | None = None,
        oracle: Frontier | None = None,
        name: str | None = None,
        cost_unit: str | None = None,
    ):
        self.frontier = frontier
        self.nauc = nauc
        self.band = band
        self.models = models
        self.model_cost = model_cost
        self.model_quality = model_quality
        self.hull = hull
        self.oracle = oracle
        self.name = name
        self.cost_unit = cost_unit

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: Any,
        *,
        cost_weights: ArrayLike | None = None,
        available: ArrayLike | None = None,
        references: bool = True,
        name: str | None = None,
        cost_unit: str | None = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> "FrontierDisplay":
        """Plot the frontier of a fitted router on test queries.

        Parameters
        ----------
        estimator : router, Pipeline or fitted search
            A fitted router, or what ends in one.
        X : array-like of shape (n_queries, n_features)
            Features of the queries.
        y : Outcomes or any form that `check_outcomes` accepts, with costs
            What the answers were worth.
        cost_weights, available, references, cost_unit, ax, **plot_params
            As in `from_predictions`.
        name : str, default=None
            Name for the legend. None takes the router's class name.

        Returns
        -------
        display : FrontierDisplay
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        router = as_predictor(estimator)
        outcomes = outcomes_of(router, y)
        return cls.from_predictions(
            outcomes,
            router.predict_quality(X),
            router.predict_cost(X),
            cost_weights=cost_weights,
            available=available,
            references=references,
            name=name_of(router) if name is None else name,
            cost_unit=cost_unit,
            ax=ax,
            **plot_params,
        )

    @classmethod
    def from_predictions(
        cls,
        y: Any,
        quality: ArrayLike,
        cost: ArrayLike,
        *,
        cost_weights: ArrayLike | None = None,
        available: ArrayLike | None = None,
        references: bool = True,
        name: str | None = None,
        cost_unit: str | None = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> "FrontierDisplay":
        """Plot the frontier of predicted quality and cost.

        Parameters
        ----------
        y : Outcomes or any form that `check_outcomes` accepts, with costs
            What the answers were worth.
        quality : array-like of shape (n_queries, n_models)
            Predicted quality.
        cost : array-like of shape (n_queries, n_models) or (n_models,)
            Predicted cost.
        cost_weights
            As in `sklroute.metrics.frontier`.
        available : as in `RouterMixin.predict`, default=None
            Models that may be called now, besides those that ``y`` says. References
            and the cost range of the area are those of these models. None allows all.
        references : bool, default=True
            Whether to draw the single models, the line of mixing them at random and
            the oracle. True for one of several routers on the same axes, best the
            last: the names of the models keep clear of what is already drawn.
        name : str, default=None
            Name for the legend.
        cost_unit : str, default=None
            Unit of the costs, for the label of the axis.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.
        **plot_params
            ``curve_kwargs`` and ``cost_scale`` of `plot`.

        Returns
        -------
        display : FrontierDisplay
        """
        import_pyplot(f"{cls.__name__}.from_predictions")
        outcomes = restrict(check_outcomes(y), available)
        curve = frontier(outcomes, quality, cost, cost_weights=cost_weights)
        display = cls(
            frontier=curve,
            nauc=nauc(curve, cost_range(outcomes)),
            name=name,
            cost_unit=cost_unit,
            **(references_of(outcomes) if references else {}),
        )
        return display.plot(ax=ax, **plot_params)

    def plot(
        self,
        ax: Any = None,
        *,
        name: str | None = None,
        curve_kwargs: dict | None = None,
        cost_scale: str | None = None,
    ) -> "FrontierDisplay":
        """Draw the frontier, and the references that the display holds.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.
        name : str, default=None
            Name for the legend. None takes the one given when the display was made.
        curve_kwargs : dict, default=None
            Keywords of matplotlib's ``plot`` for the router's line.
        cost_scale : {"linear", "log"}, default=None
            Scale of the cost axis. None leaves the axes as they are. Where a model is
            free, a logarithmic axis has a place for 0, and is linear from there to
            the lowest other cost of a model.

        Returns
        -------
        display : FrontierDisplay
            This object, with the attributes ``line_``, ``ax_`` and ``figure_``.
        """
        ax = take_axes(self, ax, (9, 4.5))
        if cost_scale == "log":
            given = self.frontier.cost if self.models is None else self.model_cost
            log_costs(ax, given)
        elif cost_scale is not None:
            ax.set_xscale(cost_scale)
        area = None if self.nauc is None else f"nAUC = {self.nauc:.3f}"
        label = labelled(self.name if name is None else name, area)
        style = {"linewidth": 2, "label": label, "zorder": 3, **(curve_kwargs or {})}
        self.line_ = self._draw(self.frontier, style)
        if self.band is not None:
            kept = self.frontier.undominated
            cost, low, high = (part[kept] for part in (self.frontier.cost, *self.band))
            ax.fill_between(
                cost, low, high, color=self.line_.get_color(), alpha=0.2, linewidth=0
            )
        self._plot_references()
        if self.cost_unit is not None or not ax.get_xlabel():
            unit = "" if self.cost_unit is None else f" ({self.cost_unit})"
            ax.set_xlabel(f"Mean cost per query{unit}")
        ax.set_ylabel("Mean quality")
        ax.spines[["top", "right"]].set_visible(False)
        self._write_names()
        return self

    def frame(self) -> pd.DataFrame:
        """Return the points of the figure, one row per point.

        Returns
        -------
        DataFrame
            Columns ``curve``, ``model``, ``cost_weight``, ``cost``, ``quality``.
            ``model`` names the single models and is missing elsewhere;
            ``cost_weight`` is missing for single models.
        """
        name = "router" if self.name is None else self.name
        curves = {name: self.frontier, "random mixing": self.hull}
        curves["oracle"] = self.oracle
        parts = [
            pd.DataFrame({"curve": label, "model": None, **vars(curve)})
            for label, curve in curves.items()
            if curve is not None
        ]
        if self.models is not None:
            single = {"cost": self.model_cost, "quality": self.model_quality}
            models = {"curve": "single model", "model": self.models}
            parts.append(pd.DataFrame({**models, "cost_weight": np.nan, **single}))
        frame = pd.concat([part.astype({"model": object}) for part in parts])
        return frame.reset_index(drop=True)

    def _draw(self, frontier: Frontier, style: dict) -> Any:
        """Draw a line, or a dot where the frontier has but one point."""
        cost, quality = frontier.envelope
        if len(cost) == 1:
            style = {"marker": ".", **style}
        return self.ax_.plot(cost, quality, **style)[0]

    def _plot_references(self) -> None:
        if self.oracle is not None:
            style = {"linestyle": ":", "color": DARK, "label": ORACLE}
            self._draw(self.oracle, {**style, "zorder": 1})
        if self.hull is not None:
            style = {"linestyle": "--", "color": LIGHT, "label": MIXING}
            self.ax_.plot(*_straight(*self.hull.envelope), **style, zorder=1)
        if self.models is not None:
            style = {"s": 24, "color": DARK, "label": SINGLE}
            self.ax_.scatter(self.model_cost, self.model_quality, **style, zorder=2)

    def _write_names(self) -> None:
        """Write the legend, and the models' names: first those on the hull."""
        from sklroute.displays._labels import label_points, write_legend

        write_legend(self.ax_, last=(ORACLE, MIXING, SINGLE))
        if self.models is None:
            return
        cost, quality = self.model_cost, self.model_quality
        known = ~np.isnan(cost) & ~np.isnan(quality)
        first = np.isin(cost, [] if self.hull is None else self.hull.cost)
        for group, max_covered in ((known & first, np.inf), (known & ~first, 0)):
            label_points(
                self.ax_,
                cost[group],
                quality[group],
                np.asarray(self.models)[group],
                max_covered=max_covered,
                fontsize="x-small",
                color=DARK,
            )


def references_of(outcomes) -> dict[str, Any]:
    """What a router is compared with, as parameters of the display."""
    quality, cost = model_means(outcomes)
    return {
        "models": outcomes.models,
        "model_cost": cost,
        "model_quality": quality,
        "hull": single_model_hull(outcomes),
        "oracle": oracle_frontier(outcomes),
    }


def _straight(cost: NDArray, quality: NDArray) -> tuple[NDArray, NDArray]:
    """Points along straight lines, which are curves where the axis is logarithmic."""
    index = np.arange(len(cost))
    grid = np.linspace(0, len(cost) - 1, 50 * (len(cost) - 1) + 1)
    return np.interp(grid, index, cost), np.interp(grid, index, quality)
