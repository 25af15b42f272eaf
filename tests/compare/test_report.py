"""The report says what was found, in files that stand on their own."""

import re
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from figures import legend

from sklroute import LatentRouterClassifier, Outcomes
from sklroute.baselines import ClusterRouter, RidgeRouter
from sklroute.compare import _figures as figures
from sklroute.compare import compare, write_report
from sklroute.compare._report import _html
from sklroute.compare._words import sentences
from sklroute.datasets import make_routing

SETTINGS = {"n_seeds": 5, "n_resamples": 50}


@pytest.fixture(scope="module")
def data():
    return make_routing(300, 4, n_features=(8, 8), random_state=0)


@pytest.fixture(scope="module")
def result(data):
    routers = {"ridge": RidgeRouter(), "<clusters>": ClusterRouter(8)}
    return compare(data.X, data.y, tasks=data.task, routers=routers, **SETTINGS)


@pytest.fixture(scope="module")
def paths(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "new" / "folder"
    return write_report(result, folder, title="A & B", cost_unit="USD")


@pytest.fixture(scope="module")
def html(paths):
    return paths[2].read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def without_costs(data):
    y = Outcomes(data.y.quality, models=data.models)
    return compare(data.X, y, routers={"ridge": RidgeRouter()}, **SETTINGS)


def test_three_files_are_written(paths):
    names = [path.name for path in paths]
    assert names == ["results.csv", "frontier.png", "report.html"]
    assert paths[1].read_bytes().startswith(b"\x89PNG")


def test_the_csv_is_the_table(result, paths):
    read = pd.read_csv(paths[0], index_col="name").loc[result.table.index]
    pd.testing.assert_frame_equal(read, result.table, check_dtype=False)


def test_the_html_needs_nothing_from_elsewhere(html):
    links = re.findall(r"""(?:src|href)=["']?([^"'> ]{0,22})""", html)
    assert links == ["data:image/png;base64,"] * 4
    assert "<script" not in html
    assert "@import" not in html
    assert "url(" not in html


def test_names_are_escaped(html):
    assert "&lt;clusters&gt;" in html
    assert "<clusters>" not in html
    assert "<h1>A &amp; B</h1>" in html


def test_the_html_shows_every_line_of_the_table(html):
    for name in ("ridge", "ridge, shuffled", "best per task", "cheapest", "oracle"):
        assert f"<td>{name}</td>" in html


def test_costs_have_their_unit_if_it_is_known(result, html):
    assert "<th>Cost (USD)</th>" in html
    assert "<th>cost (USD)</th>" in html
    assert "<th>Cost</th>" in _html(result, {}, "", None)


def cards(result, queries):
    page = _html(result, {}, "", "USD", queries)
    return re.findall(r'<div class="card .*?</div></div></div>', page)


def test_queries_are_shown_with_the_model_called_and_the_best_single_one(result):
    calls = result.choices.set_index(["name", "query"])
    texts = [f"<{row}> " + "x" * 300 for row in range(300)]
    shown = cards(result, pd.DataFrame({"text": texts}))
    assert len(shown) == 24
    for card in shown:
        row = int(re.search(r"&lt;(\d+)&gt; x{100,240} \.\.\.", card)[1])
        own, single = (calls.loc[name, row] for name in (result.best, "best single"))
        answers = [
            f"{call['model']}: {'✓ right' if call['quality'] else '✗ wrong'}"
            for call in (own, single)
        ]
        assert re.findall(r"<div>([^<]*?), [\d.]+ USD</div>", card) == answers
        state = {1: "better", 0: "same", -1: "worse"}[
            own["quality"] - single["quality"]
        ]
        assert f'"card {state}"' in card


def test_cards_say_what_is_known_of_the_cost(result, without_costs):
    queries = pd.DataFrame({"text": ["hard?"]}, index=[7])
    known = _html(result, {}, "", None, queries)
    assert re.search(r": . (right|wrong), cost [\d.]+</div>", known)
    page = _html(without_costs, {}, "", "USD", queries)
    assert re.search(r'<div class="card \w+"><div><strong>hard\?</strong>', page)
    assert re.findall(r"<div>[^<]*: . (?:right|wrong)([^<]*)</div>", page) == ["", ""]


def test_a_picture_stands_beside_its_query(result):
    picture = np.zeros((4, 4, 3), np.uint8)
    queries = pd.DataFrame({"text": ["dark?"], "picture": [picture]}, index=[7])
    (card,) = cards(result, queries)
    assert '<img alt="dark?" src="data:image/png;base64,' in card


@pytest.mark.parametrize(
    ("queries", "message"),
    [
        (pd.DataFrame({"prompt": ["a"]}), r"no column 'text'; it has \['prompt'\]"),
        (pd.DataFrame({"text": ["a"]}, index=["0"]), "index of queries has '0'; exp"),
        (pd.DataFrame({"text": ["a"]}, index=[300]), "numbers from 0 to 299"),
        (pd.DataFrame({"text": ["a", np.nan]}), "Row 1 of queries has no text but nan"),
    ],
)
def test_queries_that_cannot_be_shown_are_refused(result, queries, message):
    with pytest.raises(ValueError, match=message):
        _html(result, {}, "", None, queries)


def test_queries_are_a_frame_and_those_that_were_not_tested_are_left_out(result):
    with pytest.raises(TypeError, match="queries must be a DataFrame; got list"):
        _html(result, {}, "", None, ["a"])
    none = pd.DataFrame({"text": []}, index=np.zeros(0, int))
    assert "where they went" not in _html(result, {}, "", None, none)


def test_every_placeholder_is_filled(html):
    assert "$" not in html


def test_the_summary_gives_gains_with_intervals_and_the_control(result):
    first, par, area, task, random, control = sentences(result)
    row = result.table.loc[result.best]
    assert f"Best router: {result.best}" in first
    assert f"{100 * row['gain']:+.1f} [{100 * row['gain_low']:+.1f}" in first
    assert "of the best single model's cost" in par
    assert "nAUC" in area
    assert "each task" in task
    drawn = result.table.loc[f"random, traffic of {result.best}", "quality"]
    assert f"at that cost weight, gives {100 * drawn:.1f} % quality" in random
    assert "ridge, shuffled" in control


def test_the_summary_names_the_feature_bill_in_its_unit(data):
    result = compare(
        data.X,
        data.y,
        routers={"ridge": RidgeRouter()},
        feature_cost=2.5,
        cost_weight=0.01,
        n_seeds=1,
        n_resamples=20,
    )
    text = " ".join(sentences(result, "ms"))
    assert "costs 2.5 ms a query" in text
    assert "At the cost weight 0.01" in text


def test_answers_of_unknown_cost_are_counted(data, result):
    cost = data.y.cost.copy()
    cost[::2, 0] = np.nan
    y = Outcomes(data.y.quality, cost, models=data.models)
    few = {"routers": {"ridge": RidgeRouter()}, **SETTINGS}
    share = f"{100 * np.isnan(cost).mean():.1f} %"
    found = f"The cost of {share} of the scored answers is not known: they count as not"
    assert found in " ".join(sentences(compare(data.X, y, **few)))
    assert "they count as not run" not in " ".join(sentences(result))


def test_few_independent_queries_get_no_verdict(data):
    groups = np.arange(300) % 6
    few = compare(
        data.X, data.y, groups=groups, routers={"ridge": RidgeRouter()}, **SETTINGS
    )
    warning, *others = sentences(few)
    assert warning.startswith("6 independent queries, or groups of them, with a choice")
    assert "luck" not in " ".join(others)


def test_queries_without_a_choice_are_counted(data):
    quality = data.y.quality.copy()
    quality[:75, 1:] = np.nan
    y = Outcomes(quality, data.y.cost, models=data.models)
    result = compare(data.X, y, routers={"r": RidgeRouter()}, **SETTINGS)
    assert next(sentences(result)).startswith("On 25.0 % of the queries the outcome of")
    quality[:290, 1:] = np.nan
    y = Outcomes(quality, data.y.cost, models=data.models)
    few = compare(data.X, y, routers={"r": RidgeRouter()}, **SETTINGS)
    assert next(sentences(few)).startswith("10 independent queries")


def test_a_router_that_knows_nothing_is_on_a_par_with_random(data):
    wrong = np.random.default_rng(0).permutation(300)
    result = compare(data.X[wrong], data.y, routers={"r": RidgeRouter()}, **SETTINGS)
    gain = result.table.loc["r", "par_quality"]
    gain -= result.table.loc["random, traffic of r", "quality"]
    assert result.over_random.estimate == pytest.approx(gain)
    *_, random, _ = sentences(result)
    assert random.endswith("no difference that can be told from the luck of the draw.")


def test_rounding_is_no_gain(data):
    y = Outcomes(np.ones_like(data.y.quality), data.y.cost, models=data.models)
    result = compare(data.X, y, routers={"r": RidgeRouter()}, **SETTINGS)
    noise = result.over_random._replace(estimate=1e-16, low=1e-16, high=1e-16)
    text = " ".join(sentences(replace(result, over_random=noise)))
    assert ": a gain beyond the luck of the draw" not in text


def test_where_the_best_single_model_is_free_nothing_can_be_saved(data):
    cost = np.ones(4)
    cost[np.argmax(data.y.quality.mean(axis=0))] = 0.0
    y = Outcomes(data.y.quality, cost, models=data.models)
    result = compare(data.X, y, routers={"r": RidgeRouter()}, n_seeds=1, n_resamples=20)
    assert "there is nothing to save" in " ".join(sentences(result))


def test_a_control_that_gains_is_a_warning(result):
    leaking = result.table.copy()
    leaking.loc[result.control, ["gain", "gain_low", "gain_high"]] = 0.3, 0.2, 0.4
    fields = {**vars(result), "table": leaking}
    *_, control = sentences(type(result)(**fields))
    assert control.startswith("Warning")
    assert "Something leaks" in control


def test_without_costs_the_report_says_so_and_has_no_frontier(without_costs, tmp_path):
    (tmp_path / "frontier.png").write_bytes(b"of an earlier run")
    paths = write_report(without_costs, tmp_path)
    assert [path.name for path in paths] == ["results.csv", "report.html"]
    assert not (tmp_path / "frontier.png").exists()
    html = paths[1].read_text("utf-8")
    assert "no costs" in html
    assert "What can be saved" not in html


def test_without_matplotlib_all_but_the_pictures_is_written(
    result, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    paths = write_report(result, tmp_path)
    assert [path.name for path in paths] == ["results.csv", "report.html"]
    html = paths[1].read_text("utf-8")
    assert "<img" not in html
    assert "pip install &#x27;sklroute[plot]&#x27;" in html


def test_the_picture_has_every_router_and_reference(result):
    from sklroute.compare._figures import frontier_figure

    (axes,) = frontier_figure(result, "USD").axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    for name in ("ridge", "<clusters>", "best per task", "random", "oracle"):
        assert any(label.startswith(name) for label in labels)
    assert any("single models" in label for label in labels)
    assert axes.get_xlabel() == "Mean cost per query (USD)"


def test_a_routers_name_does_not_make_it_a_reference(data):
    from sklroute.compare._figures import frontier_figure

    routers = {"random forest": RidgeRouter()}
    result = compare(data.X, data.y, routers=routers, n_seeds=1, n_resamples=20)
    points = [
        line.get_label()
        for line in frontier_figure(result).axes[0].lines
        if line.get_linestyle() == "None"
    ]
    assert points == ["random", "random, traffic of random forest"]


def test_models_may_be_called_like_a_column(data):
    models = ["kind", "model", "name", "setting"]
    y = Outcomes(data.y.quality, data.y.cost, models=models)
    result = compare(data.X, y, routers={"r": RidgeRouter()}, n_seeds=1, n_resamples=20)
    assert "<th>setting</th>" in _html(result, {}, "", None)


def test_free_models_are_drawn_on_a_linear_axis(data, tmp_path):
    cost = data.y.cost.copy()
    cost[:, 0] = 0.0
    y = Outcomes(data.y.quality, cost, models=data.models)
    result = compare(data.X, y, routers={"r": RidgeRouter()}, n_seeds=1, n_resamples=20)
    assert np.isfinite(result.table.loc["r", "nauc"])
    assert len(write_report(result, tmp_path)) == 3


def test_calibration_and_coverage_are_those_of_the_routers(result, without_costs):
    assert set(result.calibration["name"]) == {"ridge", "<clusters>"}
    count = result.calibration.groupby("name")["count"].sum()
    assert (count == result.y_test.observed.sum()).all()
    ends = result.coverage.query("nominal in [0, 1]")["observed"]
    assert ends.tolist() == [0, 1] * 2
    assert without_costs.coverage is not None


def test_graded_quality_has_coverage_where_distributions_are_predicted(data, tmp_path):
    rng = np.random.default_rng(0)
    y = Outcomes(rng.integers(0, 5, data.y.quality.shape) / 4, models=data.models)
    ridge = RidgeRouter(alpha=100.0)
    latent = LatentRouterClassifier(max_epochs=1, hidden_dim=8)
    settings = {"n_seeds": 1, "n_resamples": 20}
    both = compare(data.X, y, routers={"ridge": ridge, "latent": latent}, **settings)
    assert set(both.coverage["name"]) == {"latent"}
    alone = compare(data.X, y, routers={"ridge": ridge}, **settings)
    assert alone.coverage is None
    assert len(write_report(alone, tmp_path)) == 2


def test_the_tables_behind_the_pictures_are_in_the_report(html):
    captions = re.findall(r"<summary>([^<]*)</summary>", html)
    assert captions == [
        "Points of the frontiers",
        "Shares of all routers",
        "Calibration",
        "Coverage",
    ]


def test_names_of_routers_are_shown_as_they_are(result):
    names = {"ridge": "_ridge", "<clusters>": r"$\x$"}
    calibration = result.calibration.replace({"name": names})
    figure = figures.calibration_figure(calibration, None, names.values(), "_ridge")
    assert [name.split(" (")[0] for name in legend(figure.axes[0])][:2] == [
        " _ridge",
        r"\$\x\$",
    ]


def test_models_of_unknown_cost_do_not_change_the_scale_of_the_axis():
    assert figures.cost_axes(np.array([1e-3, np.nan, 10.0])).get_xscale() == "log"
    assert figures.cost_axes(np.array([2.0, np.nan, 10.0])).get_xscale() == "linear"
    assert figures.cost_axes(np.array([0.0, 1e-3, 10.0])).get_xscale() == "symlog"
    assert figures.cost_axes(np.array([0.0, np.nan, 0.0])).get_xscale() == "linear"
