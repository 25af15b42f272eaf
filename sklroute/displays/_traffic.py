"""The figure of traffic: which models the queries go to."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklroute.displays._pyplot import import_pyplot, legend_style, shown, take_axes
from sklroute.metrics import traffic_curve, traffic_share
from sklroute.outcomes._values import aligned, float_array, named_mask
from sklroute.pipeline import as_predictor

# Models beyond these, by share, are drawn as one, in the grey that is left out here.
COLOURS = [f"C{i}" for i in range(10) if i != 7]
OTHERS, GREY = "other models", "0.8"


class TrafficDisplay:
    """Share of the queries by model, against the cost weight or for several routers.

    Use `from_estimator`, `from_predictions` or `from_choices` to make one. All
    parameters are stored as attributes.

    Parameters
    ----------
    share : ndarray of shape (n_rows, n_models)
        Shares; rows sum to 1.
    models : ndarray of shape (n_models,)
        Names of the models.
    cost_weight : ndarray of shape (n_rows,), default=None
        Cost weight of each row, ascending: the figure is drawn along them.
    names : sequence of str of length n_rows, default=None
        Name of the router of each row, where there are no cost weights.
    model_cost : ndarray of shape (n_models,), default=None
        Cost of each model: the cheapest is drawn first. None draws the most frequent
        first.
    cost_unit : str, default=None
        Unit of the costs, for the label of the axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the shares.
    figure_ : matplotlib Figure
        Figure containing the shares.

    See Also
    --------
    sklroute.metrics.traffic_curve, sklroute.metrics.traffic_share : Compute them.

    Examples
    --------
    >>> from sklroute.displays import TrafficDisplay
    >>> choices = {"mine": ["a", "b", "b", "b"], "yours": ["a", "a", "a", "b"]}
    >>> TrafficDisplay.from_choices(choices, ["a", "b"]).frame()
        name model  share
    0   mine     a   0.25
    1   mine     b   0.75
    2  yours     a   0.75
    3  yours     b   0.25
    """

    def __init__(
        self,
        *,
        share: NDArray,
        models: NDArray,
        cost_weight: NDArray | None = None,
        names: list[str] | None = None,
        model_cost: NDArray | None = None,
        cost_unit: str | None = None,
    ):
        self.share = share
        self.models = models
        self.cost_weight = cost_weight
        self.names = names
        self.model_cost = model_cost
        self.cost_unit = cost_unit

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        *,
        cost_weights: ArrayLike | None = None,
        available: ArrayLike | None = None,
        cost_unit: str | None = None,
        ax: Any = None,
    ) -> "TrafficDisplay":
        """Plot where a fitted router sends queries as cost gets a price.

        Parameters
        ----------
        estimator : router, Pipeline or fitted search
            A fitted router, or what ends in one.
        X : array-like of shape (n_queries, n_features)
            Features of the queries; outcomes are not needed.
        cost_weights, available, cost_unit, ax
            As in `from_predictions`.

        Returns
        -------
        display : TrafficDisplay
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        router = as_predictor(estimator)
        return cls.from_predictions(
            router.classes_,
            router.predict_quality(X),
            router.predict_cost(X),
            cost_weights=cost_weights,
            available=available,
            cost_unit=cost_unit,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        models: ArrayLike,
        quality: ArrayLike,
        cost: ArrayLike,
        *,
        cost_weights: ArrayLike | None = None,
        available: ArrayLike | None = None,
        cost_unit: str | None = None,
        ax: Any = None,
    ) -> "TrafficDisplay":
        """Plot where predictions send queries as cost gets a price.

        Parameters
        ----------
        models : array-like of shape (n_models,)
            Names of the models.
        quality : array-like of shape (n_queries, n_models)
            Predicted quality.
        cost : array-like of shape (n_queries, n_models) or (n_models,)
            Predicted cost.
        cost_weights
            As in `sklroute.metrics.traffic_curve`.
        available : as in `RouterMixin.predict`, default=None
            Models that may be called now. None allows all.
        cost_unit : str, default=None
            Unit of the costs, for the label of the axis.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : TrafficDisplay
        """
        import_pyplot(f"{cls.__name__}.from_predictions")
        models = np.asarray(models)
        available = named_mask(available, models)
        quality = float_array(aligned(quality, models, None, "quality"), "quality")
        if quality.shape[1:] != models.shape:
            raise ValueError(
                f"quality has shape {quality.shape}; expected (n_queries, "
                f"{len(models)}), a column per model."
            )
        cost = float_array(aligned(cost, models, None, "cost"), "cost")
        named = pd.DataFrame(quality, columns=models)  # for what is refused
        curve = traffic_curve(
            named, cost, cost_weights=cost_weights, available=available
        )
        display = cls(
            share=curve.share,
            models=models,
            cost_weight=curve.cost_weight,
            model_cost=np.atleast_2d(cost).mean(axis=0),
            cost_unit=cost_unit,
        )
        return display.plot(ax)

    @classmethod
    def from_choices(
        cls,
        choices: Mapping[str, ArrayLike],
        models: ArrayLike,
        *,
        model_cost: ArrayLike | None = None,
        ax: Any = None,
    ) -> "TrafficDisplay":
        """Plot the traffic of several routers below each other.

        Parameters
        ----------
        choices : dict of str to array-like of shape (n_queries,)
            Names of the chosen models, as ``predict`` returns them, by router.
        models : array-like of shape (n_models,)
            Names of all models.
        model_cost : array-like of shape (n_models,), default=None
            Cost of each model, by which they are put in order.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.

        Returns
        -------
        display : TrafficDisplay
        """
        import_pyplot(f"{cls.__name__}.from_choices")
        if not choices:
            raise ValueError("There are no choices to draw.")
        share = [traffic_share(choice, models) for choice in choices.values()]
        display = cls(
            share=np.stack(share),
            models=np.asarray(models),
            names=list(choices),
            model_cost=None if model_cost is None else np.asarray(model_cost),
        )
        return display.plot(ax)

    def plot(
        self, ax: Any = None, *, colours: Mapping[Any, Any] | None = None
    ) -> "TrafficDisplay":
        """Draw the shares one on the other, the cheapest model first if that is known.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.
        colours : dict of model to colour, default=None
            The models to draw, the first at the bottom; all others are drawn as one.
            None draws those with the largest shares. Several figures with the same
            colours can be read side by side.

        Returns
        -------
        display : TrafficDisplay
            This object, with the attributes ``ax_`` and ``figure_``.
        """
        colours = self.colours() if colours is None else colours
        labels, shades, layers = self._layers(colours)
        high = 4.0
        if self.names is not None:  # room for the bars, and for the legend
            high = max(1.2 + 0.35 * len(self.names), 0.8 + 0.22 * len(labels))
        ax = take_axes(self, ax, (9, high))
        if self.cost_weight is None:
            self._plot_bars(labels, shades, layers)
        else:
            self._plot_areas(labels, shades, layers)
        ax.spines[["top", "right"]].set_visible(False)
        handles, labels = ax.get_legend_handles_labels()
        # Areas are listed as they lie, the top one first.
        order = slice(None, None, 1 if self.cost_weight is None else -1)
        ax.legend(handles[order], labels[order], **legend_style(ax))
        return self

    def frame(self) -> pd.DataFrame:
        """Return the shares, one row per model and router or cost weight.

        Returns
        -------
        DataFrame
            Columns ``cost_weight`` or ``name``, then ``model`` and ``share``.
        """
        by_weight = self.cost_weight is not None
        rows = self.cost_weight if by_weight else self.names
        n_models = len(self.models)
        return pd.DataFrame(
            {
                "cost_weight" if by_weight else "name": np.repeat(rows, n_models),
                "model": np.tile(self.models, len(self.share)),
                "share": self.share.ravel(),
            }
        )

    def colours(self, *others: "TrafficDisplay") -> dict[Any, str]:
        """Colours of the models with the largest shares, here and in other displays.

        Parameters
        ----------
        *others : TrafficDisplay
            Displays of the same models that are to have the same colours.

        Returns
        -------
        colours : dict of model to colour
            The cheapest model first, if costs are known.
        """
        share = sum(each.share.mean(axis=0) for each in (self, *others))
        order = np.argsort(-share, kind="stable")
        drawn = order[share[order] > 0][: len(COLOURS)]
        if self.model_cost is not None:
            drawn = drawn[np.argsort(self.model_cost[drawn], kind="stable")]
        return dict(zip(self.models[drawn].tolist(), COLOURS, strict=False))

    def _layers(self, colours) -> tuple[list[str], list, NDArray]:
        """Labels, colours and shares in percent of what is drawn."""
        column = {model: i for i, model in enumerate(self.models.tolist())}
        used = [model for model in colours if self.share[:, column[model]].any()]
        drawn = [column[model] for model in used]
        labels, shades = [shown(model) for model in used], [colours[m] for m in used]
        others = 1 - self.share[:, drawn].sum(axis=1, keepdims=True)
        layers = self.share[:, drawn]
        if (others > 1e-9).any():  # what is left of 1 by rounding is no model
            labels, shades = [*labels, OTHERS], [*shades, GREY]
            layers = np.hstack([layers, others])
        return labels, shades, 100 * layers

    def _plot_areas(self, labels, colours, layers) -> None:
        weight = self.cost_weight
        along = weight
        if len(weight) == 1:  # an area needs a width
            along, layers = weight + np.array([-0.5, 0.5]), layers.repeat(2, axis=0)
            self.ax_.set_xticks(weight)
        self.ax_.stackplot(
            along, layers.T, labels=labels, colors=colours, alpha=0.85, linewidth=0
        )
        if len(weight) > 1:
            # 0 has its place on the axis: it is where quality comes first.
            first = weight[weight > 0][0]
            self.ax_.set_xscale("symlog", linthresh=first, linscale=0.8)
            powers = 10.0 ** np.arange(*np.ceil(np.log10([first, 1.001 * weight[-1]])))
            if len(powers):  # others would run into the 0
                self.ax_.set_xticks([0, *powers[:: 1 + len(powers) // 10]])
            self.ax_.set_xlim(weight[0], weight[-1])
        self.ax_.set_ylim(0, 100)
        unit = "" if self.cost_unit is None else f" (quality per {self.cost_unit})"
        self.ax_.set(xlabel=f"Cost weight{unit}", ylabel="Share of the queries (%)")

    def _plot_bars(self, labels, colours, layers) -> None:
        height = np.arange(len(self.names))[::-1]
        left = np.zeros(len(height))
        for label, colour, layer in zip(labels, colours, layers.T, strict=True):
            self.ax_.barh(
                height, layer, 0.7, left, label=label, color=colour, alpha=0.85
            )
            left += layer
        self.ax_.set_yticks(height, [shown(name) for name in self.names])
        self.ax_.set(xlim=(0, 100), xlabel="Share of the queries (%)")
        self.ax_.tick_params(axis="y", length=0)
