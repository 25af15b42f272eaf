import sys

import numpy as np
import pandas as pd
import pytest
from figures import legend
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklroute import LatentRouterClassifier, Outcomes
from sklroute.baselines import RidgeRouter
from sklroute.datasets import make_routing
from sklroute.displays import CalibrationDisplay, CoverageDisplay
from sklroute.metrics import (
    quality_calibration_error,
    quality_coverage,
    quality_reliability,
)


@pytest.fixture(scope="module")
def data():
    return make_routing(300, 4, random_state=0)


@pytest.fixture(scope="module")
def router(data):
    return RidgeRouter(alpha=100.0).fit(data.X, data.y)


@pytest.mark.parametrize("display", [CalibrationDisplay, CoverageDisplay])
def test_estimator_gives_the_metric_of_its_predictions(data, router, display):
    pipeline = make_pipeline(StandardScaler(), RidgeRouter(alpha=100.0))
    nested = make_pipeline(FunctionTransformer(), clone(pipeline)).fit(data.X, data.y)
    pipeline.fit(data.X, data.y)
    quality = router.predict_quality(data.X)
    for estimator in (router, pipeline, nested):
        shown = display.from_estimator(estimator, data.X, data.y)
        assert shown.name == "RidgeRouter"
        assert shown.figure_ is shown.ax_.figure
        if display is CoverageDisplay:
            curve = quality_coverage(data.y, quality, random_state=0)
            expected = np.column_stack([curve.nominal, curve.observed])
        else:
            curve = quality_reliability(data.y, quality, strategy="quantile")
            expected = np.column_stack([curve.predicted, curve.observed])
        assert_allclose(shown.line_.get_xydata(), expected, atol=1e-6)
        columns = [name for name in shown.frame() if name not in ("name", "count")]
        assert_allclose(shown.frame()[columns], expected, atol=1e-6)


def test_answers_of_models_that_may_not_be_called_do_not_count(data, router):
    display = CalibrationDisplay
    mask = np.array([True, False, True, True])
    part = Outcomes(data.y.quality[:, mask], models=data.y.models[mask])
    expected = display.from_predictions(part, router.predict_quality(data.X)[:, mask])
    for available in (mask, pd.Series(mask, index=router.classes_)[::-1]):
        shown = display.from_estimator(router, data.X, data.y, available=available)
        columns = [name for name in expected.frame() if name != "name"]
        assert_allclose(shown.frame()[columns], expected.frame()[columns])
    with pytest.raises(ValueError, match=r"`available` has shape \(2,\)"):
        display.from_estimator(router, data.X, data.y, available=[True, False])


def test_coverage_counts_available_models_only(data, router):
    # One model alone: its right and wrong answers decide, whatever the others did.
    y = data.y.quality.copy()
    mask = np.array([False, True, False, False])
    first = CoverageDisplay.from_estimator(
        router, data.X, Outcomes(y, models=data.models), available=mask
    )
    y[:, ~mask] = 1 - y[:, ~mask]
    second = CoverageDisplay.from_estimator(
        router, data.X, Outcomes(y, models=data.models), available=mask
    )
    assert_allclose(first.frame()["observed"], second.frame()["observed"])


def test_the_legend_has_the_calibration_error(data, router):
    quality = router.predict_quality(data.X)
    display = CalibrationDisplay.from_predictions(data.y, quality, name="mine")
    error = quality_calibration_error(data.y, quality)
    assert legend(display.ax_) == [f"mine (ECE = {error:.3f})", "as predicted"]


def test_the_calibration_error_is_that_of_the_bins_asked_for(data, router):
    quality = router.predict_quality(data.X)
    display = CalibrationDisplay.from_predictions(
        data.y, quality, n_bins=3, strategy="uniform"
    )
    points = display.reliability
    gap = np.abs(points.predicted - points.observed)
    expected = np.average(gap, weights=points.count)
    assert_allclose(display.calibration_error, expected)


def test_the_legend_has_the_largest_gap_of_coverage():
    y = [[1.0, 0.0]] * 100
    display = CoverageDisplay.from_predictions(
        y, [[0.02, 0.98]] * 100, levels=[0.0, 0.5], name="sure"
    )
    assert legend(display.ax_)[0] == "sure (off by at most 50.0 points)"


@pytest.mark.parametrize("display", [CalibrationDisplay, CoverageDisplay])
@pytest.mark.parametrize("name", ["RidgeRouter", "LatentRouterClassifier, own blocks"])
def test_the_legend_fits_the_figure(data, router, display, name):
    figure = display.from_estimator(router, data.X, data.y, name=name).figure_
    figure.draw_without_rendering()
    assert figure.axes[0].get_legend().get_window_extent().x1 <= figure.bbox.x1


@pytest.mark.parametrize("display", [CalibrationDisplay, CoverageDisplay])
def test_several_routers_share_axes_and_one_diagonal(data, router, display):
    quality = router.predict_quality(data.X)
    first = display.from_predictions(data.y, quality, name="one")
    second = display.from_predictions(data.y, quality, name="two", ax=first.ax_)
    names = [name.split(" (")[0] for name in legend(second.ax_)]
    assert names == ["one", "two", "as predicted"]
    again = second.plot(name="three", curve_kwargs={"color": "red"})
    assert again.line_.get_color() == "red"
    assert legend(again.ax_)[0].startswith("three (")


def test_a_distribution_is_used_where_there_is_one(data):
    rng = np.random.default_rng(0)
    graded = Outcomes(rng.integers(0, 5, data.y.quality.shape) / 4, models=data.models)
    latent = LatentRouterClassifier(max_epochs=1, hidden_dim=8, random_state=0)
    latent.fit(data.X, graded)
    display = CoverageDisplay.from_estimator(latent, data.X, graded)
    assert 0 <= display.frame()["observed"].min() <= 1
    ridge = RidgeRouter(alpha=100.0).fit(data.X, graded)
    with pytest.raises(ValueError, match="Give a distribution"):
        CoverageDisplay.from_estimator(ridge, data.X, graded)


@pytest.mark.parametrize("display", [CalibrationDisplay, CoverageDisplay])
def test_other_models_than_those_of_the_router_are_refused(data, router, display):
    other = Outcomes(data.y.quality, models=list("abcd"))
    with pytest.raises(ValueError, match="y has the models"):
        display.from_estimator(router, data.X, other)


@pytest.mark.parametrize("display", [CalibrationDisplay, CoverageDisplay])
def test_missing_matplotlib_is_explained(monkeypatch, data, router, display):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install sklroute\[plot\]"):
        display.from_estimator(router, data.X, data.y)
