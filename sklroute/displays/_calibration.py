"""The figure of calibration: observed quality against predicted quality."""

from typing import Any, Literal

from numpy.typing import ArrayLike

from sklroute.base._arrays import outcomes_of
from sklroute.displays._available import restrict
from sklroute.displays._diagonal import DiagonalDisplay
from sklroute.displays._pyplot import import_pyplot, name_of
from sklroute.metrics import Reliability, quality_calibration_error, quality_reliability
from sklroute.pipeline import as_router


class CalibrationDisplay(DiagonalDisplay):
    """Reliability of the predicted quality: what was observed where it was predicted.

    Use `from_estimator` or `from_predictions` to make one. All parameters are stored
    as attributes.

    Parameters
    ----------
    reliability : Reliability
        Means and counts of the bins.
    calibration_error : float, default=None
        Expected calibration error, shown in the legend. None shows none. The class
        methods take `sklroute.metrics.quality_calibration_error`, whose bins have equal
        width whatever those of the curve are.
    name : str, default=None
        Name of the router, for the legend.

    Attributes
    ----------
    line_ : matplotlib Artist
        The curve.
    ax_ : matplotlib Axes
        Axes with the curve.
    figure_ : matplotlib Figure
        Figure containing the curve.

    See Also
    --------
    sklroute.metrics.quality_reliability : Computes the bins.
    CoverageDisplay : Whether whole distributions can be taken at their word.

    Examples
    --------
    >>> from sklroute.displays import CalibrationDisplay
    >>> display = CalibrationDisplay.from_predictions(
    ...     [[1.0, 0.0], [1.0, 1.0]], [[0.7, 0.1], [0.7, 0.7]], name="mine",
    ...     strategy="uniform")
    >>> display.frame()
       name  predicted  observed  count
    0  mine        0.1       0.0      1
    1  mine        0.7       1.0      3
    """

    _axis_labels = "Predicted quality", "Mean observed quality"

    def __init__(
        self,
        *,
        reliability: Reliability,
        calibration_error: float | None = None,
        name: str | None = None,
    ):
        self.reliability = reliability
        self.calibration_error = calibration_error
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: Any,
        *,
        available: ArrayLike | None = None,
        n_bins: int = 10,
        strategy: Literal["quantile", "uniform"] = "quantile",
        name: str | None = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> "CalibrationDisplay":
        """Plot the reliability of a fitted router on test queries.

        Parameters
        ----------
        estimator : router, Pipeline or fitted search
            A fitted router, or what ends in one.
        X : array-like of shape (n_queries, n_features)
            Features of the queries.
        y : Outcomes or any form that `check_outcomes` accepts
            What the answers were worth.
        available : as in `RouterMixin.predict`, default=None
            Models that may be called now: answers of others do not count.
        n_bins, strategy, ax, **plot_params
            As in `from_predictions`.
        name : str, default=None
            Name for the legend. None takes the router's class name.

        Returns
        -------
        display : CalibrationDisplay
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        router = as_router(estimator)
        outcomes = restrict(outcomes_of(router, y), available)
        return cls.from_predictions(
            outcomes,
            router.predict_quality(X),
            n_bins=n_bins,
            strategy=strategy,
            name=name_of(router) if name is None else name,
            ax=ax,
            **plot_params,
        )

    @classmethod
    def from_predictions(
        cls,
        y: Any,
        quality: ArrayLike,
        *,
        n_bins: int = 10,
        strategy: Literal["quantile", "uniform"] = "quantile",
        name: str | None = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> "CalibrationDisplay":
        """Plot the reliability of predicted quality.

        Parameters
        ----------
        y : Outcomes or any form that `check_outcomes` accepts
            What the answers were worth.
        quality : array-like of shape (n_queries, n_models)
            Predicted quality.
        n_bins : int, default=10
            Number of bins, over all models together.
        strategy : "quantile" or "uniform", default="quantile"
            Bins with about equal numbers of answers, or of equal width.
        name : str, default=None
            Name for the legend.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.
        **plot_params
            ``curve_kwargs`` of `plot`.

        Returns
        -------
        display : CalibrationDisplay
        """
        import_pyplot(f"{cls.__name__}.from_predictions")
        display = cls(
            reliability=quality_reliability(y, quality, n_bins, strategy=strategy),
            calibration_error=quality_calibration_error(y, quality, n_bins),
            name=name,
        )
        return display.plot(ax=ax, **plot_params)

    def _points(self) -> dict[str, Any]:
        return vars(self.reliability)

    def _finding(self) -> str | None:
        if self.calibration_error is None:
            return None
        return f"ECE = {self.calibration_error:.3f}"
