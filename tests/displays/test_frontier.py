import sys

import numpy as np
import pandas as pd
import pytest
from figures import legend
from matplotlib import pyplot as plt
from matplotlib.colors import same_color
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklroute import Outcomes
from sklroute.baselines import RidgeRouter
from sklroute.datasets import make_routing
from sklroute.displays import FrontierDisplay
from sklroute.metrics import Frontier, cost_range, frontier, nauc, oracle_frontier

REFERENCES = ["oracle", "random mixing of single models", "single models"]


@pytest.fixture(scope="module")
def data():
    return make_routing(n_queries=200, random_state=0)


@pytest.fixture(scope="module")
def router(data):
    return RidgeRouter().fit(data.X, data.y)


@pytest.fixture
def y():
    return Outcomes([[0.0, 1.0], [1.0, 1.0]], [1.0, 5.0], models=["base", "large"])


PREDICTED = {"quality": [[0.2, 0.9], [0.7, 0.8]], "cost": [1.0, 5.0]}


def test_line_is_the_envelope_and_the_legend_has_the_area(y):
    display = FrontierDisplay.from_predictions(y, **PREDICTED, name="mine")
    assert_allclose(display.line_.get_xydata(), [[1, 0.5], [3, 1]])
    # (0.75 * 2 + 1 * 2) / 4
    assert legend(display.ax_) == ["mine (nAUC = 0.875)", *REFERENCES]
    assert display.figure_ is display.ax_.figure


def test_a_frontier_of_one_point_is_a_dot(y):
    display = FrontierDisplay.from_predictions(y[1:], [[0.9, 0.1]], [1.0, 5.0])
    assert len(display.line_.get_xydata()) == 1
    assert display.line_.get_marker() == "."
    assert FrontierDisplay.from_predictions(y, **PREDICTED).line_.get_marker() == "None"


def test_estimator_gives_the_metric_of_its_predictions(data, router):
    display = FrontierDisplay.from_estimator(router, data.X, data.y)
    curve = frontier(
        data.y, router.predict_quality(data.X), router.predict_cost(data.X)
    )
    assert_array_equal(display.frontier.quality, curve.quality)
    assert display.nauc == nauc(curve, cost_range(data.y))
    assert display.name == "RidgeRouter"
    assert_array_equal(display.oracle.cost, oracle_frontier(data.y).cost)


def test_pipelines_and_searches_are_taken_by_the_router_they_end_in(data, router):
    pipeline = make_pipeline(StandardScaler(), clone(router))
    search = GridSearchCV(pipeline, {"standardscaler__with_std": [False]}, cv=2)
    for estimator in (pipeline, search):
        estimator.fit(data.X, data.y)
        display = FrontierDisplay.from_estimator(estimator, data.X, data.y)
        assert display.name == "RidgeRouter"


def test_models_that_may_not_be_called_are_nowhere_in_the_figure(data, router):
    mask = np.array([True, True, False, True, True, False])
    labelled = pd.Series(mask, index=data.y.models)
    names = data.y.models[mask]
    rest = Outcomes(
        data.y.quality[:, mask], data.y.cost[:, mask], models=data.y.models[mask]
    )
    quality, cost = router.predict_quality(data.X), router.predict_cost(data.X)
    expected = FrontierDisplay.from_predictions(rest, quality[:, mask], cost[:, mask])
    for available in (mask, labelled[::-1]):
        display = FrontierDisplay.from_estimator(
            router, data.X, data.y, available=available
        )
        assert_allclose(display.frontier.quality, expected.frontier.quality)
        assert_allclose(display.hull.quality, expected.hull.quality)
        assert_allclose(display.oracle.cost, expected.oracle.cost)
        assert display.nauc == pytest.approx(expected.nauc)
        drawn = display.models[~np.isnan(display.model_quality)]
        assert_array_equal(drawn, names)


def test_a_query_without_a_model_that_may_be_called_is_named(data, router):
    nobody = np.ones((200, 6), dtype=bool)
    nobody[7] = False
    with pytest.raises(ValueError, match="Row 7"):
        FrontierDisplay.from_estimator(router, data.X, data.y, available=nobody)


def test_other_models_than_those_of_the_router_are_refused(data, router):
    other = Outcomes(data.y.quality, data.y.cost, models=list("abcdef"))
    with pytest.raises(ValueError, match="y has the models"):
        FrontierDisplay.from_estimator(router, data.X, other)


def test_several_routers_share_axes_and_one_set_of_references(y):
    first = FrontierDisplay.from_predictions(y, **PREDICTED, name="one", cost_unit="ms")
    second = FrontierDisplay.from_predictions(
        y, quality=y.quality, cost=[1, 5], name="two", ax=first.ax_, references=False
    )
    assert second.ax_ is first.ax_
    assert [name.split(" (")[0] for name in legend(first.ax_)][:2] == ["one", "two"]
    assert legend(first.ax_)[2:] == REFERENCES
    assert first.line_.get_color() != second.line_.get_color()
    assert first.ax_.get_xlabel() == "Mean cost per query (ms)"
    assert set(second.frame()["curve"]) == {"two"}


def test_a_band_has_the_colour_of_its_line_and_leaves_out_dominated_points():
    curve = Frontier(np.arange(3), np.array([3.0, 2.0, 1.0]), np.array([0.9, 0.5, 0.6]))
    band = curve.quality - 0.1, curve.quality + 0.05
    display = FrontierDisplay(frontier=curve, band=band).plot()
    (filled,) = display.ax_.collections
    (path,) = filled.get_paths()
    corners = {(1, 0.5), (3, 0.8), (3, 0.95), (1, 0.65)}
    assert {tuple(point) for point in path.vertices.round(9)} == corners
    assert same_color(filled.get_facecolor()[0, :3], display.line_.get_color())


def test_frame_holds_every_number_of_the_figure(y):
    frame = FrontierDisplay.from_predictions(y, **PREDICTED, name="mine").frame()
    columns = ["curve", "model", "cost_weight", "cost", "quality"]
    assert frame.columns.tolist() == columns
    single = frame[frame["curve"] == "single model"].set_index("model")
    assert single.loc["large", ["cost", "quality"]].tolist() == [5.0, 1.0]
    assert single.loc["base", ["cost", "quality"]].tolist() == [1.0, 0.5]
    assert_allclose(frame.query("curve == 'mine'")["cost"], [5, 3, 1])
    assert {"oracle", "random mixing"} < set(frame["curve"])


def test_styles_scale_and_name_can_be_set_when_drawing(y):
    display = FrontierDisplay.from_predictions(y, **PREDICTED, cost_scale="log")
    assert display.ax_.get_xscale() == "log"
    _, ax = plt.subplots()
    display.plot(ax, name="again", curve_kwargs={"color": "red", "linewidth": 3})
    assert display.ax_ is ax
    assert display.line_.get_color() == "red"
    assert legend(ax)[0] == "again (nAUC = 0.875)"
    assert ax.get_xscale() == "linear"


def test_a_free_model_has_a_place_on_a_logarithmic_axis(y):
    free = Outcomes(y.quality, [0.0, 0.0095], models=y.models)
    display = FrontierDisplay.from_predictions(
        free, PREDICTED["quality"], [0.0, 0.0095], cost_scale="log"
    )
    display.figure_.canvas.draw()
    low, high = display.ax_.get_xlim()
    assert low < 0 < 0.0095 < high
    texts = [tick.label1.get_text() for tick in display.ax_.xaxis.majorTicks]
    assert texts[:2] == ["0", "0.01"]  # what is below 0.0095 would run into the 0
    names = {text.get_text() for text in display.ax_.texts}
    assert names == {"base", "large"}


@pytest.mark.parametrize(
    ("high", "written"),
    [(0.008, ["0.001", "0.002", "0.005"]), (100, ["0.001", "0.01", "0.1", "1", "10"])],
)
def test_costs_on_a_logarithmic_axis_are_plain_numbers(high, written):
    curve = Frontier(np.arange(2), np.array([high, 0.0006]), np.array([0.9, 0.5]))
    display = FrontierDisplay(frontier=curve).plot(cost_scale="log")
    display.figure_.canvas.draw()
    axis = display.ax_.xaxis
    texts = [tick.label1.get_text() for tick in [*axis.majorTicks, *axis.minorTicks]]
    low, high = display.ax_.get_xlim()
    shown = [text for text in texts if text and low <= float(text) < high]
    assert shown[: len(written)] == written


def test_a_display_of_a_frontier_alone_needs_no_legend(y):
    curve = frontier(y, **PREDICTED)
    display = FrontierDisplay(frontier=curve).plot()
    assert display.ax_.get_legend() is None
    assert len(display.frame()) == len(curve.cost)


def test_models_without_cost_are_left_out_of_the_figure():
    y = Outcomes([[0.5, 0.9, 0.7]], [1.0, 2.0, float("nan")], models=["a", "b", "c"])
    display = FrontierDisplay.from_predictions(
        y, quality=[[0.5, 0.9, 0.7]], cost=[1, 2, 3]
    )
    assert {text.get_text() for text in display.ax_.texts} == {"a", "b"}


def test_names_of_models_do_not_overlap():
    rng = np.random.default_rng(0)
    cost = 1 + rng.random(30)
    y = Outcomes(rng.random((50, 30)), cost, models=[f"model-{i}" for i in range(30)])
    display = FrontierDisplay.from_predictions(y, y.quality, cost)
    texts = display.ax_.texts
    boxes = [text.get_window_extent() for text in texts]
    assert 3 < len(boxes) <= 30
    for i, box in enumerate(boxes):
        assert box.count_overlaps([b.padded(-1) for b in boxes[:i]]) == 0


def test_missing_matplotlib_is_explained(monkeypatch, y):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install sklroute\[plot\]"):
        FrontierDisplay.from_predictions(y, **PREDICTED)


def test_models_called_like_formulas_are_shown_as_they_are(y):
    named = Outcomes(y.quality, y.cost, models=["a$b$c", r"$\x$"])
    display = FrontierDisplay.from_predictions(named, **PREDICTED)
    texts = [text.get_text() for text in display.ax_.texts]
    assert set(texts) == {r"a\$b\$c", r"\$\x\$"}
