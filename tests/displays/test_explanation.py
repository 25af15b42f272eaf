"""The figure of one decision."""

import sys

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.text import Text
from numpy.testing import assert_allclose
from sklearn.pipeline import make_pipeline

from sklroute import (
    FixedRouter,
    KernelRouter,
    KNNRouter,
    LatentRouterClassifier,
    Outcomes,
    RandomRouter,
    RidgeRouter,
)
from sklroute.datasets import make_routing
from sklroute.displays import ExplanationDisplay
from sklroute.features import BlockScaler
from sklroute.policies import MaxUtility

BLOCKS = {"image": slice(0, 6), "text": slice(6, 10)}


@pytest.fixture(scope="module")
def data():
    return make_routing(200, 4, n_features=(6, 4), random_state=0)


@pytest.fixture(scope="module")
def router(data):
    pipeline = make_pipeline(BlockScaler(BLOCKS), RidgeRouter(1.0))
    return pipeline.fit(data.X, data.y)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_models_stand_by_their_predicted_quality_the_chosen_one_first(data, router):
    mask = [True, True, False, True]
    display = ExplanationDisplay.from_estimator(
        router, data.X, query=7, available=mask, policy=MaxUtility(0.1), cost_unit="USD"
    )
    left, _ = display.axes_
    labels = [text.get_text() for text in left.get_yticklabels()]
    models = display.explanation.models
    assert labels[0] == display.explanation.decisions["choice"][0]
    assert labels[-1] == f"{data.models[2]}\nnot available"
    dots = {
        dot.get_offsets()[0][1]: dot.get_offsets()[0][0] for dot in left.collections
    }
    by_name = models.set_index("model")["quality"]
    for height, label in zip(left.get_yticks(), labels, strict=True):
        assert dots[height] == pytest.approx(by_name[label.split("\n")[0]])
    assert "Cost (USD)" in texts(left)
    assert display.figure_ is left.figure


def test_a_utility_that_rounds_to_zero_has_no_sign(data):
    y = Outcomes(np.tile([0.0, 1.0], (200, 1)), cost=[1.0, 2.0])
    router = FixedRouter("best").fit(data.X, y)
    display = ExplanationDisplay.from_estimator(
        router, data.X, policy=MaxUtility(1e-4), query=0
    )
    assert (display.explanation.models["utility"] < 0).any()
    assert "0.000" in texts(display.axes_[0])
    assert "-0.000" not in texts(display.axes_[0])


def test_bars_add_up_and_blocks_stand_apart(data, router):
    display = ExplanationDisplay.from_estimator(router, data.X, query=3)
    bars = display.frame()
    margin = display.explanation.decisions["margin"][0]
    assert bars.query("kind == 'exact'")["value"].sum() == pytest.approx(margin)
    assert len(bars.query("kind == 'exact'")) == 8
    blocks = bars[bars["kind"] == "ablation"]["label"]
    assert sorted(blocks) == ["block: image", "block: text"]
    _, right = display.axes_
    widths = [bar.get_width() for bar in right.patches]
    expected = [*bars["value"][:8], margin, *bars["value"][8:]]
    assert_allclose(widths, expected)


def test_the_title_names_query_choice_and_runner_up(data, router):
    explanation = make_pipeline_explanation(router, data)
    choice = explanation.decisions["choice"][2]
    display = ExplanationDisplay.from_explanation(explanation, query=2)
    assert display.axes_[0].get_title(loc="left").startswith(f"Query 2: {choice}, ")
    named = ExplanationDisplay.from_explanation(explanation, query=2, name="which?")
    assert named.axes_[0].get_title(loc="left").startswith(f"which?\n{choice}, ")


def make_pipeline_explanation(router, data):
    from sklroute.pipeline import as_router

    return as_router(router).explain(data.X[:5])


def test_axes_of_ones_own_are_used(data, router):
    _, axes = plt.subplots(2, 1)
    display = ExplanationDisplay.from_estimator(router, data.X, axes=axes)
    assert display.axes_[0] is axes[0]
    assert texts(axes[1])


@pytest.mark.parametrize(
    "router",
    [
        KNNRouter(10),
        KernelRouter(16, alphas=(1.0, 1.0), random_state=0),
        FixedRouter(),
        RandomRouter(random_state=0),
    ],
    ids=lambda router: type(router).__name__,
)
@pytest.mark.parametrize("available", [None, [True, False, False, False]])
def test_every_kind_of_evidence_is_drawn(data, router, available):
    router.fit(data.X, data.y)
    display = ExplanationDisplay.from_estimator(
        router, data.X[:2], query=1, available=available
    )
    display.figure_.draw_without_rendering()


def test_intervals_and_unknown_costs_are_drawn(data):
    rng = np.random.default_rng(0)
    graded = Outcomes(rng.integers(0, 5, (200, 4)) / 4, models=data.models)
    latent = LatentRouterClassifier(
        modalities=BLOCKS, hidden_dim=8, max_epochs=3, random_state=0
    ).fit(data.X, graded)
    display = ExplanationDisplay.from_estimator(latent, data.X[:1])
    segments = [
        line.get_segments()[0][:, 0]
        for line in display.axes_[0].collections
        if hasattr(line, "get_segments")
    ]
    models = display.explanation.models.sort_values(
        "utility", ascending=False, kind="stable"
    )
    assert_allclose(segments, models[["low", "high"]])
    assert "?" in texts(display.axes_[0])
    display.figure_.draw_without_rendering()


def test_a_query_that_is_not_there_is_refused(data, router):
    with pytest.raises(IndexError, match="Query 9 is not one of the 3"):
        ExplanationDisplay.from_estimator(router, data.X[:3], query=9)


def test_missing_matplotlib_is_explained(monkeypatch, data, router):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install sklroute\[plot\]"):
        ExplanationDisplay.from_estimator(router, data.X)


def test_long_names_leave_room_for_what_is_drawn(data):
    models = [f"vendor/models/{i} of a name of fifty letters or more" for i in range(4)]
    y = Outcomes(data.y.quality, data.y.cost, models=models)
    router = RidgeRouter(1.0).fit(data.X, y)
    display = ExplanationDisplay.from_estimator(router, data.X, name=60 * "ab c\n")
    figure = display.figure_
    figure.draw_without_rendering()
    whole = figure.bbox.padded(1)
    titles = [ax.get_title(loc="left") for ax in display.axes_]
    written = [
        text
        for text in figure.findobj(Text)
        if text.get_text() in (*titles, *texts(display.axes_[1]))
    ]
    boxes = [text.get_window_extent() for text in written]
    assert len(boxes) > 8
    assert all(whole.x0 <= box.x0 and box.x1 <= whole.x1 for box in boxes)
    assert boxes[0].count_overlaps(boxes[1:]) == 0
    for ax in display.axes_:
        assert ax.bbox.width > 2 * figure.dpi


def test_names_and_texts_like_formulas_are_shown_as_they_are(data):
    models = [rf"$\x{i}$" for i in range(4)]
    y = Outcomes(data.y.quality, data.y.cost, models=models)
    router = RidgeRouter(1.0).fit(data.X, y)
    display = ExplanationDisplay.from_estimator(router, data.X, name=r"Is $\why$ $5?")
    display.figure_.draw_without_rendering()
    title = display.axes_[0].get_title(loc="left")
    assert title.startswith("Is \\$\\why\\$ \\$5?\n\\$\\x")
