"""The figure of coverage: how often predicted intervals hold what is observed."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklroute.base._arrays import outcomes_of
from sklroute.displays._available import restrict
from sklroute.displays._diagonal import DiagonalDisplay
from sklroute.displays._pyplot import import_pyplot, name_of
from sklroute.metrics import Coverage, quality_coverage
from sklroute.pipeline import as_router


class CoverageDisplay(DiagonalDisplay):
    """Observed against nominal coverage of the predicted distributions of quality.

    Below the diagonal a router is too sure of itself, above it not sure enough. For
    right and wrong answers intervals are read from the randomised probability
    integral transform, see `sklroute.metrics.randomised_pit`: an interval of a
    Bernoulli distribution has no level of its own.

    Use `from_estimator` or `from_predictions` to make one. All parameters are stored
    as attributes.

    Parameters
    ----------
    coverage : Coverage
        Nominal and observed coverage.
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
    sklroute.metrics.quality_coverage : Computes the coverage.
    CalibrationDisplay : Whether the expected quality can be taken at its word.

    Examples
    --------
    >>> from sklroute.displays import CoverageDisplay
    >>> display = CoverageDisplay.from_predictions(
    ...     [[1.0, 0.0]] * 50, [[0.02, 0.98]] * 50, levels=[0.5, 0.9], name="mine",
    ...     random_state=0)
    >>> display.frame()
       name  nominal  observed
    0  mine      0.5       0.0
    1  mine      0.9       0.0
    """

    _axis_labels = "Nominal coverage", "Observed coverage"

    def __init__(self, *, coverage: Coverage, name: str | None = None):
        self.coverage = coverage
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: Any,
        *,
        available: ArrayLike | None = None,
        levels: ArrayLike | None = None,
        random_state: int = 0,
        name: str | None = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> "CoverageDisplay":
        """Plot the coverage of a fitted router on test queries.

        Parameters
        ----------
        estimator : router, Pipeline or fitted search
            A fitted router, or what ends in one. One without
            ``predict_distribution`` predicts the chance of a right answer, which
            says all where quality is 0 or 1.
        X : array-like of shape (n_queries, n_features)
            Features of the queries.
        y : Outcomes or any form that `check_outcomes` accepts
            What the answers were worth.
        available : as in `RouterMixin.predict`, default=None
            Models that may be called now: answers of others do not count.
        levels, random_state, ax, **plot_params
            As in `from_predictions`.
        name : str, default=None
            Name for the legend. None takes the router's class name.

        Returns
        -------
        display : CoverageDisplay
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        router = as_router(estimator)
        outcomes = restrict(outcomes_of(router, y), available)
        predict = getattr(router, "predict_distribution", router.predict_quality)
        return cls.from_predictions(
            outcomes,
            predict(X),
            levels=levels,
            random_state=random_state,
            name=name_of(router) if name is None else name,
            ax=ax,
            **plot_params,
        )

    @classmethod
    def from_predictions(
        cls,
        y: Any,
        distribution: Any,
        *,
        levels: ArrayLike | None = None,
        random_state: int = 0,
        name: str | None = None,
        ax: Any = None,
        **plot_params: Any,
    ) -> "CoverageDisplay":
        """Plot the coverage of predicted distributions.

        Parameters
        ----------
        y : Outcomes or any form that `check_outcomes` accepts
            What the answers were worth.
        distribution : QualityDistribution or array-like of shape \
(n_queries, n_models)
            As in `sklroute.metrics.randomised_pit`.
        levels : array-like of shape (n_levels,), default=None
            Nominal levels. None is 0, 0.05, ..., 1.
        random_state : int, default=0
            Seed of the randomised transform.
        name : str, default=None
            Name for the legend.
        ax : matplotlib Axes, default=None
            Axes to draw on. None makes a figure.
        **plot_params
            ``curve_kwargs`` of `plot`.

        Returns
        -------
        display : CoverageDisplay
        """
        import_pyplot(f"{cls.__name__}.from_predictions")
        coverage = quality_coverage(
            y, distribution, levels=levels, random_state=random_state
        )
        return cls(coverage=coverage, name=name).plot(ax=ax, **plot_params)

    def _points(self) -> dict[str, Any]:
        return vars(self.coverage)

    def _finding(self) -> str:
        gap = np.abs(self.coverage.observed - self.coverage.nominal).max()
        return f"off by at most {100 * gap:.1f} points"
