"""The report of an audit stands on its own, with the numbers behind each picture."""

import re
import sys

import numpy as np
import pandas as pd
import pytest
from figures import legend

from sklroute import FixedRouter, GuardedRouter, LatentRouterClassifier, Outcomes
from sklroute.audit import _figures as figures
from sklroute.audit import audit, cross_audit, write_audit_report
from sklroute.audit._report import _traffic
from sklroute.baselines import ClusterRouter, KNNRouter, RidgeRouter
from sklroute.datasets import make_routing
from sklroute.metrics import traffic_share

QUICK = {"n_resamples": 100, "n_permutations": 5}


@pytest.fixture(scope="module")
def data():
    return make_routing(300, 4, n_features=(8, 8), random_state=0)


@pytest.fixture(scope="module")
def result(data):
    routers = {"ridge": RidgeRouter(alpha=100.0), "<clusters>": ClusterRouter(8)}
    return cross_audit(
        routers, data.X, data.y, tasks=data.task, cost_weight=0.003, **QUICK
    )


def read(result, folder, **options):
    return write_audit_report(result, folder, **options)[1].read_text("utf-8")


@pytest.fixture(scope="module")
def paths(result, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "new" / "folder"
    return write_audit_report(result, folder, title="A & B", cost_unit="USD")


@pytest.fixture(scope="module")
def html(paths):
    return paths[1].read_text("utf-8")


def test_the_csv_is_the_table(result, paths):
    table = pd.read_csv(paths[0], index_col="router")
    pd.testing.assert_frame_equal(table, result.table, check_dtype=False)


def test_the_html_needs_nothing_from_elsewhere_and_has_every_picture(html):
    links = re.findall(r"""(?:src|href)=["']?([^"'> ]{0,22})""", html)
    assert links == ["data:image/png;base64,"] * 5
    titles = re.findall(r'<img alt="([^"]*)"', html)
    assert titles == [
        "Utility gained on the baseline",
        "Quality against cost",
        "Share of the queries by model",
        "Calibration and coverage",
        "Utility gained in each task",
    ]
    assert "<script" not in html
    assert "$" not in html


def test_the_tables_behind_the_pictures_are_there(html):
    captions = re.findall(r"<summary>([^<]*)</summary>", html)
    assert captions == [
        "All numbers of the audit",
        "Points of the frontiers",
        "Shares",
        "Calibration",
        "Coverage",
    ]


def test_names_are_escaped_and_the_verdict_comes_first(html):
    assert "<h1>A &amp; B</h1>" in html
    assert "<clusters>" not in html
    assert html.index("ridge pays") < html.index("<img")


@pytest.mark.parametrize("name", ["KNNRouter", "model"])
def test_routers_and_baseline_keep_their_shares_whatever_they_are_called(data, name):
    routers = {name: RidgeRouter(alpha=100.0)}
    baseline = KNNRouter(n_neighbors=30)
    found = cross_audit(routers, data.X, data.y, baseline=baseline, **QUICK)
    decided = found.decisions[name]
    shares = _traffic(found)
    assert list(shares) == ["model", name, "KNNRouter (baseline)"]
    for column, choice in (
        (0, data.models),
        (1, traffic_share(decided.router.choice, data.models)),
        (2, traffic_share(decided.baseline.choice, data.models)),
    ):
        assert shares.iloc[:, column].tolist() == list(choice)


def test_costs_have_their_unit_if_it_is_known(html):
    assert "<th>Baseline&#x27;s cost (USD)</th>" in html
    assert " USD a query, the baseline&#x27;s " in html


def test_without_costs_and_groups_there_is_no_such_section(data, tmp_path):
    y = Outcomes(data.y.quality, models=data.models)
    found = cross_audit(RidgeRouter(alpha=100.0), data.X, y, **QUICK)
    html = read(found, tmp_path)
    assert "Quality against cost" not in html
    assert "By task" not in html
    assert html.count("<img") == 3


def test_a_router_that_predicts_no_costs_has_no_frontier(data, tmp_path):
    free = Outcomes(data.y.quality[:200], models=data.models)
    router = RidgeRouter(alpha=100.0).fit(data.X[:200], free)
    found = audit(router, data.X[200:], data.y[200:], **QUICK)
    assert found.has_costs
    html = read(found, tmp_path)
    assert "Quality against cost" not in html
    assert html.count("<img") == 3


@pytest.mark.parametrize("router", [GuardedRouter(RidgeRouter()), FixedRouter()])
def test_a_router_that_does_not_choose_by_its_predictions_has_no_frontier(
    router, data, tmp_path
):
    fitted = router.fit(data.X[:200], data.y[:200])
    judged = [
        audit(fitted, data.X[200:], data.y[200:], **QUICK),
        cross_audit(router, data.X, data.y, **QUICK),
    ]
    for found in judged:
        assert "Quality against cost" not in read(found, tmp_path)


def test_graded_quality_has_coverage_where_distributions_are_predicted(data, tmp_path):
    rng = np.random.default_rng(0)
    y = Outcomes(rng.integers(0, 5, data.y.quality.shape) / 4, models=data.models)
    latent = LatentRouterClassifier(max_epochs=1, hidden_dim=8)
    found = cross_audit(latent, data.X, y, **QUICK)
    prob = found.decisions["LatentRouterClassifier"].distribution.prob
    assert prob.shape[:2] == y.quality.shape
    assert "<summary>Coverage" in read(found, tmp_path)
    ridge = cross_audit(RidgeRouter(alpha=100.0), data.X, y, **QUICK)
    assert "<summary>Coverage" not in read(ridge, tmp_path)


def test_without_matplotlib_all_but_the_pictures_is_written(
    result, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    html = read(result, tmp_path)
    assert "<img" not in html
    assert "pip install &#x27;sklroute[plot]&#x27;" in html
    assert "<summary>Calibration" in html


def test_names_out_of_the_data_are_shown_as_they_are(data):
    routers = {"_ridge": RidgeRouter(), r"$\x$": RidgeRouter(), "n" * 50: RidgeRouter()}
    tasks = np.where(np.arange(300) % 2, r"$\y$", "t" * 50)
    result = cross_audit(routers, data.X, data.y, tasks=tasks, **QUICK)
    short = f"{15 * 'n'}…{20 * 'n'}"
    gain = figures.gain_figure(result).axes[0].get_yticklabels()
    assert [text.get_text() for text in gain][::2] == [" _ridge", r"\$\x\$", short]
    tasks = figures.task_figure(result).axes[0].get_yticklabels()
    expected = {r"\$\y\$ (150)", f"{15 * 't'}…{20 * 't'} (150)"}
    assert {text.get_text() for text in tasks} == expected
    drawn = legend(figures.frontier_figure(result).axes[0])
    assert [name.split(" (nAUC")[0] for name in drawn][2:5] == [
        " _ridge",
        r"\$\x\$",
        short,
    ]
