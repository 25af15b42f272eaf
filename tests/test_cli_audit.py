"""``sklroute audit`` end to end, on small tables of the user's own."""

import sys

import pandas as pd
import pytest
from layouts import write_own_table

from sklroute.cli import main
from sklroute.datasets import make_routing


@pytest.fixture(scope="module")
def data():
    return make_routing(300, 3, n_features=(5, 4), random_state=0)


@pytest.fixture
def folder(tmp_path, monkeypatch, data):
    monkeypatch.chdir(tmp_path)
    write_own_table(data)
    return tmp_path


def run(*arguments, router="ridge"):
    chosen = [] if router is None else ["--router", router]
    return main(["audit", *map(str, arguments), *chosen, "--jobs", "1"])


def read(capsys):
    return " ".join(capsys.readouterr().out.split())


def test_one_command_gives_a_verdict_and_a_report(folder, capsys):
    assert run("wide.csv", "--features", "x.npy") == 0
    out = read(capsys)
    assert "Does a router pay on wide.csv?" in out
    assert "ridge pays: against the best single model" in out
    assert "Written: sklroute-audit/report.html" in out
    table = pd.read_csv("sklroute-audit/results.csv", index_col="router")
    assert table.loc["ridge", "verdict"] == "pays"
    assert table.loc["ridge", "n_queries"] == 300


def test_the_default_router_is_the_average(folder, capsys):
    assert run("wide.csv", "--features", "x.npy", router=None) == 0
    assert "average pays" in read(capsys)


def test_groups_prices_and_several_routers(folder, capsys):
    options = ["--task", "task", "--groups", "pair", "--cost-weight", "0.01"]
    out = ["--out", folder / "deep/out", "--min-gain", "0.02"]
    assert run("wide.csv", "--text", "prompt", *options, *out, router="ridge,knn") == 0
    said = read(capsys)
    assert "By task" in said
    assert "300 queries in 150 independent groups" in said
    assert "points of utility" in said
    assert "2 routers tested" in said
    table = pd.read_csv("deep/out/results.csv", index_col="router")
    assert table.index.tolist() == ["ridge", "knn"]


def test_groups_may_be_learned(folder, capsys):
    qualities = []
    for learned in ([], ["--learn-tasks"]):
        assert run("wide.csv", "--features", "x.npy", "--task", "task", *learned) == 0
        qualities.append(pd.read_csv("sklroute-audit/results.csv").loc[0, "quality"])
    assert qualities[0] != qualities[1]
    assert read(capsys).count("pay on wide.csv, tasks learned?") == 1


def test_without_a_price_groups_gain_quality(folder, capsys):
    assert run("wide.csv", "--features", "x.npy", "--task", "task") == 0
    assert "Utility gained" not in read(capsys)


@pytest.mark.parametrize("baseline", ["model-0", "clusters"])
def test_the_baseline_is_a_model_or_a_router(folder, capsys, baseline):
    assert run("wide.csv", "--features", "x.npy", "--baseline", baseline) == 0
    name = {"clusters": "ClusterRouter"}.get(baseline, baseline)
    assert f"against the baseline {name}" in read(capsys)


def test_without_matplotlib_it_says_how_to_get_pictures(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run("wide.csv", "--features", "x.npy") == 0
    assert "pip install 'sklroute[plot]'" in capsys.readouterr().out
    assert "<img" not in (folder / "sklroute-audit/report.html").read_text("utf-8")


BAD_INPUT = {
    "missing table": (["none.csv", "--text", "prompt"], "No such file: none.csv"),
    "nothing to learn from": (["wide.csv"], "--features FILE or --text COLUMN"),
    "unknown baseline": (
        ["wide.csv", "--text", "prompt", "--baseline", "gpt"],
        "--baseline 'gpt' is neither best_single, a model (model-0, model-1, model-2)",
    ),
    "a price on unknown costs": (
        ["free.csv", "--text", "prompt", "--cost-weight", "0.1"],
        "cost_weight=0.1 needs costs",
    ),
    "too few groups": (
        ["wide.csv", "--text", "prompt", "--groups", "half"],
        "no column 'half'",
    ),
    "a file for a folder": (
        ["wide.csv", "--text", "prompt", "--out", "wide.csv"],
        "wide.csv",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_one_line_and_status_2(folder, capsys, arguments, message):
    table = pd.read_csv("wide.csv")
    free = [name for name in table if not name.startswith("cost:")]
    table[free].to_csv("free.csv", index=False)
    assert run(*arguments) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("sklroute audit: error: ")
    assert message in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--router", "forest"], "no router 'forest'"),
        (["--cost-weight", "auto"], "'auto' is not a number >= 0"),
        (["--min-gain", "-1"], "'-1' is not a number >= 0"),
        ([], "required: table"),
    ],
)
def test_bad_options_are_explained_with_status_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        main(["audit", *(["wide.csv"] if arguments else []), *arguments])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
