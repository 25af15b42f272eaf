"""The command line end to end, on small tables of the user's own."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from layouts import wide_table

from sklroute import RidgeRouter
from sklroute.cli import _compare, main
from sklroute.cli._screen import make_console
from sklroute.compare import compare
from sklroute.datasets import make_routing

QUICK = ["--routers", "ridge", "--seeds", "1", "--jobs", "1"]


@pytest.fixture(scope="module")
def data():
    return make_routing(150, 3, n_features=(5, 4), random_state=0)


@pytest.fixture(scope="module")
def wide(data):
    return wide_table(data)


@pytest.fixture
def folder(tmp_path, monkeypatch, wide, data):
    monkeypatch.chdir(tmp_path)
    wide.to_csv("wide.csv", index=False)
    np.save("x.npy", data.X)
    return tmp_path


def run(*arguments, quick=True):
    return main(["compare", *map(str, arguments), *(QUICK if quick else [])])


def written(folder):
    return sorted(path.name for path in (folder / "sklroute-compare").iterdir())


def test_a_wide_csv_with_features(folder, capsys):
    assert run("wide.csv", "--features", "x.npy", "--task", "task") == 0
    out = capsys.readouterr().out
    assert "ridge" in out
    assert "best per task" in out
    assert "What can be saved" in out
    assert "Written: sklroute-compare/report.html" in out
    assert "The report says what the columns mean." in out
    assert written(folder) == ["frontier.png", "report.html", "results.csv"]


def test_groups_may_be_learned(folder, capsys):
    options = ["wide.csv", "--features", "x.npy", "--task", "task"]
    qualities = []
    for learned in ([], ["--learn-tasks"]):
        assert run(*options, *learned) == 0
        table = pd.read_csv("sklroute-compare/results.csv", index_col="name")
        qualities.append(table.loc["ridge", "quality"])
    assert qualities[0] != qualities[1]
    said = capsys.readouterr().out
    assert said.count("Routers on wide.csv") == 2
    assert said.count("Routers on wide.csv, tasks learned") == 1


def as_log(wide):
    log = pd.wide_to_long(
        wide, ["q", "cost"], i="query_id", j="model", sep=":", suffix=".+"
    )
    return log.reset_index().rename(columns={"query_id": "query", "q": "quality"})


def test_no_line_of_the_tables_is_broken(folder, wide, data, capsys):
    """Two decimals at par and the longest name of a control fit in a pipe."""
    X, y = data.X, data.y
    routers = {"logistic": RidgeRouter()}
    result = compare(X, y, routers=routers, n_seeds=1, n_resamples=10)
    table = result.table.copy()
    priced = table["nauc"].notna()
    for name, value in (("par_saving", 0.9993), ("par_gain", -0.2), ("nauc_gain", 0.1)):
        table.loc[priced, [name, f"{name}_low", f"{name}_high"]] = value
    table.loc[priced, "qnc"] = 0.000862
    _compare._show(make_console(), replace(result, table=table), "Routers", None)
    lines = capsys.readouterr().out.splitlines()
    begin = next(i for i, line in enumerate(lines) if "At par" in line)
    end = next(i for i, line in enumerate(lines) if line.startswith("- Best router"))
    shown = [line for line in lines[begin + 2 : end] if line.strip()]
    names = ["logistic", "logistic, shuffled", "mix of singles", "oracle"]
    assert len(shown) == len(names)
    for line, name in zip(shown, names, strict=True):
        assert line.startswith(f" {name}  ")


def test_a_long_csv_with_features_in_another_order(folder, wide, data):
    as_log(wide).sample(frac=1, random_state=0).to_csv("log.csv", index=False)
    features = pd.DataFrame(data.X).rename(columns=str)
    features.insert(0, "query", wide["query_id"])
    features.to_csv("x.csv", index=False)
    assert run("log.csv", "--features", "x.csv", "--groups", "query") == 0
    table = pd.read_csv("sklroute-compare/results.csv", index_col="name")
    assert table.loc["cheapest", "cost"] == pytest.approx(1.0, abs=0.2)


def test_columns_may_have_names_of_their_own(folder, wide, data):
    own = {"query": "call", "model": "llm", "quality": "score", "cost": "usd"}
    log = as_log(wide).rename(columns={**own, "prompt": "query"})
    log.to_csv("log.csv", index=False)
    features = pd.DataFrame(data.X).rename(columns=str)
    features.insert(0, "call", wide["query_id"])
    features[::-1].to_csv("x.csv", index=False)
    columns = ",".join(f"{name}={column}" for name, column in own.items())
    results = []
    for arguments in (
        ["wide.csv", "--features", "x.npy"],
        ["log.csv", "--features", "x.csv", "--columns", columns],
    ):
        assert run(*arguments) == 0
        table = pd.read_csv("sklroute-compare/results.csv", index_col="name")
        results.append(table[["quality", "cost"]])
    pd.testing.assert_frame_equal(*results)


def test_parquet_with_blocks(folder, wide, data):
    wide.to_parquet("wide.parquet")
    image, text = (data.X[:, block] for block in data.modalities.values())
    np.savez("x.npz", image=image, text=text)
    assert run("wide.parquet", "--features", "x.npz", "--out", folder / "deep/out") == 0
    assert (folder / "deep" / "out" / "report.html").exists()


def test_a_text_column_is_enough(folder, capsys):
    assert run("wide.csv", "--text", "prompt", "--cost-weight", "0.01") == 0
    assert "At the cost weight 0.01" in capsys.readouterr().out


def test_queries_may_lack_a_block(folder, data, capsys):
    image, text = (data.X[:, block].copy() for block in data.modalities.values())
    image[:40], text[40:70] = np.nan, np.nan
    np.savez("x.npz", image=image, text=text)
    assert run("wide.csv", "--features", "x.npz") == 0
    np.savez("image.npz", image=image)
    assert run("wide.csv", "--features", "image.npz", "--text", "prompt") == 0
    capsys.readouterr()
    assert run("wide.csv", "--features", "image.npz") != 0
    assert "query 0 of wide.csv is NaN in all blocks" in capsys.readouterr().err


def test_a_text_column_beside_features(folder):
    assert run("wide.csv", "--features", "x.npy", "--text", "prompt") == 0


def test_blocks_and_texts_may_have_any_name(folder, wide, data):
    wide.rename(columns={"prompt": "user__prompt"}).to_csv("own.csv", index=False)
    np.savez("x.npz", **{"n_jobs": data.X[:, :5], "column user__prompt": data.X[:, 5:]})
    assert run("own.csv", "--features", "x.npz", "--text", "user__prompt") == 0


def test_without_costs_it_compares_quality(folder, wide, capsys):
    wide[[name for name in wide if not name.startswith("cost:")]].to_csv(
        "free.csv", index=False
    )
    assert run("free.csv", "--features", "x.npy") == 0
    assert "The table has no costs" in capsys.readouterr().out.replace("\n", " ")
    assert written(folder) == ["report.html", "results.csv"]


def test_without_a_table_it_runs_on_the_bundled_one(folder, capsys):
    assert run() == 0
    out = capsys.readouterr().out
    assert "bundled visual QA table" in out
    assert "MFLOPs a query" in out.replace("\n", " ")


def test_without_matplotlib_it_says_how_to_get_pictures(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run("wide.csv", "--features", "x.npy") == 0
    assert "pip install 'sklroute[plot]'" in capsys.readouterr().out
    assert written(folder) == ["report.html", "results.csv"]


def test_the_module_is_a_program():
    command = [sys.executable, "-m", "sklroute", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("0.")


BAD_INPUT = {
    "missing table": (["none.csv", "--text", "prompt"], "No such file: none.csv"),
    "missing features": (["wide.csv", "--features", "n.npy"], "No such file: n.npy"),
    "nothing to learn from": (["wide.csv"], "--features FILE or --text COLUMN"),
    "an unknown column": (
        ["wide.csv", "--text", "prompt", "--columns", "query=id"],
        "wide.csv: no column 'id'; there are ['query_id', 'task'",
    ),
    "columns of a log in a wide table": (
        ["wide.csv", "--text", "prompt", "--columns", "quality=task"],
        "the table is wide",
    ),
    "a column of two names": (
        ["wide.csv", "--text", "prompt", "--columns", "query=task,quality=task"],
        "columns names a column twice",
    ),
    "features without a table": (["--features", "x.npy"], "--features needs a table"),
    "groups without a table": (["--groups", "task"], "--groups needs a table"),
    "tasks to learn that are not named": (
        ["wide.csv", "--text", "prompt", "--learn-tasks"],
        "learn_tasks needs tasks",
    ),
    "unknown text": (["wide.csv", "--text", "words"], "no column 'words'"),
    "a text that one call lacks": (
        ["log.csv", "--text", "prompt"],
        "no column 'prompt' with one value per query (the same in all its rows)",
    ),
    "text that is none": (
        ["wide.csv", "--text", "task"],
        "'task', row 0 is not a text",
    ),
    "a missing text": (
        ["mute.csv", "--text", "prompt"],
        "mute.csv: column 'prompt', row 3 is empty, or reads as missing",
    ),
    "unknown task": (
        ["wide.csv", "--text", "prompt", "--task", "topic"],
        "no column 'topic'",
    ),
    "too few groups": (
        ["two.csv", "--text", "prompt", "--groups", "half"],
        "At least 5 groups",
    ),
    "empty table": (["empty.csv", "--text", "prompt"], "the table is empty"),
    "no quality": (["bare.csv", "--text", "prompt"], "no quality column"),
    "one answer per query": (
        ["called.csv", "--text", "prompt"],
        "called.csv: No query has known outcomes of more than one model",
    ),
    "quality above one": (["high.csv", "--text", "prompt"], "model 'm' has 1.2"),
    "rows that do not match": (
        ["wide.csv", "--features", "short.npy"],
        "short.npy has 3 rows, wide.csv has 150 queries",
    ),
    "infinite features": (["wide.csv", "--features", "inf.npy"], "row 2, column 1"),
    "a negative bill": (
        ["wide.csv", "--text", "prompt", "--feature-cost", "-1"],
        "feature_cost must be finite",
    ),
    "a file for a folder": (
        ["wide.csv", "--text", "prompt", "--out", "wide.csv"],
        "wide.csv",
    ),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_one_line_and_status_2(
    folder, wide, data, capsys, arguments, message
):
    wide.assign(half=np.arange(150) % 2).to_csv("two.csv", index=False)
    wide.assign(prompt=wide["prompt"].where(wide.index != 3, "NA")).to_csv("mute.csv")
    log = as_log(wide)
    log.assign(prompt=log["prompt"].where(log.index > 0)).to_csv("log.csv", index=False)
    (folder / "empty.csv").write_text("")
    (folder / "bare.csv").write_text("prompt\nhello\n")
    called = as_log(wide).drop_duplicates("query").reset_index(drop=True)
    called["model"] = [f"model-{row % 2}" for row in called.index]
    called.to_csv("called.csv", index=False)
    (folder / "high.csv").write_text("prompt,q:m\nhello,1.2\n")
    np.save("short.npy", data.X[:3])
    infinite = data.X.copy()
    infinite[2, 1] = np.inf
    np.save("inf.npy", infinite)
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    line = captured.err.strip().splitlines()[-1]
    assert line.startswith("sklroute compare: error: ")
    assert message in line
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--routers", "ridge,forest"], "no router 'forest'"),
        (["--columns", "id=task"], "with names among query, model, quality, cost"),
        (["--columns", "query"], "'query' is not NAME=VALUE"),
        (["--seeds", "0"], "'0' is not a positive whole number"),
        (["--seeds", "many"], "'many' is not a positive whole number"),
        (["--cost-weight", "-1"], "'-1' is not a number >= 0"),
        (["--cost-weight", "inf"], "'inf' is not a number"),
        (["--cost-weight", "cheap"], "'cheap' is not a number"),
        (["--nonsense"], "unrecognized arguments"),
    ],
)
def test_bad_options_are_explained_with_status_2(capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        run("wide.csv", *arguments, quick=False)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
