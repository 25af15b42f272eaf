import sys

import numpy as np
import pandas as pd
import pytest
from figures import legend
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose

from sklroute.baselines import RidgeRouter
from sklroute.datasets import make_routing
from sklroute.displays import TrafficDisplay
from sklroute.metrics import traffic_curve, traffic_share


@pytest.fixture(scope="module")
def data():
    return make_routing(200, 12, random_state=0)


@pytest.fixture(scope="module")
def router(data):
    return RidgeRouter(alpha=100.0).fit(data.X, data.y)


def test_estimator_gives_the_metric_of_its_predictions(data, router):
    display = TrafficDisplay.from_estimator(router, data.X, cost_unit="USD")
    curve = traffic_curve(router.predict_quality(data.X), router.predict_cost(data.X))
    assert_allclose(display.share, curve.share)
    assert display.ax_.get_xlabel() == "Cost weight (quality per USD)"
    assert display.figure_ is display.ax_.figure
    frame = display.frame()
    assert frame.columns.tolist() == ["cost_weight", "model", "share"]
    assert_allclose(frame.groupby("cost_weight")["share"].sum(), 1)
    last = frame[frame["cost_weight"] == frame["cost_weight"].max()]
    assert last.loc[last["share"].idxmax(), "model"] == "model-00"


def test_the_cheapest_model_lies_at_the_bottom_and_rare_ones_are_one(data, router):
    display = TrafficDisplay.from_estimator(router, data.X)
    names = legend(display.ax_)
    assert names[-1] == "model-00"
    assert len(names) <= 10
    assert names[1:] == sorted(names[1:], reverse=True)
    heights = display.ax_.collections[-1].get_paths()[0].vertices[:, 1]
    assert heights.max() == pytest.approx(100)


def test_models_that_may_not_be_called_get_no_traffic(data, router):
    mask = pd.Series(True, index=router.classes_[::-1])
    mask[["model-00", "model-03"]] = False
    display = TrafficDisplay.from_estimator(router, data.X, available=mask)
    share = display.frame().groupby("model")["share"].max()
    assert (share[["model-00", "model-03"]] == 0).all()
    with pytest.raises(ValueError, match="available has the labels"):
        TrafficDisplay.from_estimator(
            router, data.X, available=pd.Series([True], index=["other"])
        )


def test_bars_are_the_shares_of_each_router(data, router):
    choices = {"mine": router.predict(data.X), "first": ["model-00"] * 200}
    display = TrafficDisplay.from_choices(choices, router.classes_)
    shares = dict(iter(display.frame().groupby("name")["share"]))
    for name, choice in choices.items():
        assert_allclose(shares[name], traffic_share(choice, router.classes_))
    ends = [bar.get_x() + bar.get_width() for bar in display.ax_.patches]
    assert max(ends) == pytest.approx(100)
    ticks = [text.get_text() for text in display.ax_.get_yticklabels()]
    assert ticks == ["mine", "first"]


def test_figures_of_the_same_models_can_share_their_colours():
    one = TrafficDisplay(
        share=np.array([[0.5, 0.5, 0.0]]),
        models=np.array(["a", "b", "c"]),
        names=["one"],
        model_cost=np.array([3.0, 2.0, 1.0]),
    )
    two = TrafficDisplay(
        share=np.array([[0.0, 0.1, 0.9], [0.0, 1.0, 0.0]]),
        models=one.models,
        cost_weight=np.array([0.0, 1.0]),
    )
    colours = one.colours(two)
    assert list(colours) == ["c", "b", "a"]
    assert legend(one.plot(colours=colours).ax_) == ["b", "a"]
    assert legend(two.plot(colours=colours).ax_) == ["b", "c"]
    assert legend(one.plot(colours={"b": "red"}).ax_) == ["b", "other models"]


def test_without_costs_to_tell_apart_there_is_one_point():
    display = TrafficDisplay.from_predictions(
        ["a", "b"], np.array([[0.2, 0.9]]), np.array([1.0, 1.0])
    )
    assert display.frame()["share"].tolist() == [0, 1]


def test_labelled_predictions_are_matched_by_name():
    quality = pd.DataFrame({"b": [0.9, 0.7], "a": [0.6, 0.6]})
    cost = pd.Series({"b": 3.0, "a": 1.0})
    display = TrafficDisplay.from_predictions(
        ["a", "b"], quality, cost, cost_weights=[0.0, 0.1, 1.0]
    )
    assert_allclose(display.share, [[0, 1], [0.5, 0.5], [1, 0]])
    assert_allclose(display.model_cost, [1, 3])


def test_no_choices_are_refused():
    with pytest.raises(ValueError, match="no choices"):
        TrafficDisplay.from_choices({}, ["a"])


def test_missing_matplotlib_is_explained(monkeypatch, data, router):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install sklroute\[plot\]"):
        TrafficDisplay.from_estimator(router, data.X)
    with pytest.raises(ImportError, match=r"pip install sklroute\[plot\]"):
        TrafficDisplay.from_choices({"a": ["a"]}, ["a"])


def test_names_out_of_the_data_are_shown_as_they_are():
    long = "vendor/a-model-with-a-very-long-name-instruct-v0.3"
    models = [r"$\x$", "_hidden", long]
    display = TrafficDisplay.from_choices({r"$\y$": models, long: models}, models)
    display.figure_.draw_without_rendering()
    assert legend(display.ax_) == [
        r"\$\x\$",
        " _hidden",
        "vendor/a-model-…g-name-instruct-v0.3",
    ]
    assert display.frame()["model"].tolist() == 2 * models


def test_one_cost_weight_is_drawn_too():
    display = TrafficDisplay.from_predictions(
        ["a", "b"], [[0.2, 0.9], [0.9, 0.2]], [1.0, 1.0]
    )
    areas = display.ax_.collections
    low, high = (area.get_paths()[0].get_extents() for area in areas)
    assert (low.width, low.height, high.height) == (1, 50, 50)
    assert display.ax_.get_xticks().tolist() == [0]


def test_the_legend_stays_inside_a_figure_without_a_layout(data, router):
    figure, ax = plt.subplots()
    TrafficDisplay.from_estimator(router, data.X, ax=ax)
    box = ax.get_legend().get_window_extent()
    assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1


def test_ticks_of_the_cost_weight_do_not_run_into_the_zero():
    share, weight = np.ones((3, 1)), np.array([0, 2e-4, 0.03])
    display = TrafficDisplay(share=share, models=np.array(["a"]), cost_weight=weight)
    ax = display.plot().ax_
    assert_allclose(ax.get_xticks(), [0, 1e-3, 1e-2])
    assert ax.get_xlim() == (0, 0.03)


def test_what_is_wrong_with_a_prediction_is_told_by_the_name_of_its_model():
    nan = float("nan")
    draw = TrafficDisplay.from_predictions
    with pytest.raises(ValueError, match=r"cost of model 'large' is nan \(row 0\)"):
        draw(["base", "large"], [[0.6, 0.9]], [1.0, nan])
    with pytest.raises(ValueError, match=r"quality of model 'base' is nan \(row 1\)"):
        draw(["base", "large"], [[0.6, 0.9], [nan, 0.9]], [1.0, 3.0])
    with pytest.raises(
        ValueError, match=r"quality has shape \(1, 2\); .* a column per"
    ):
        draw(["base", "large", "new"], [[0.6, 0.9]], [1.0, 3.0, 4.0])
