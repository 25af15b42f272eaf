"""The benchmark of streams runs, and what is tracked is what it writes."""

import subprocess
import sys
from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parents[2] / "benchmarks" / "streams"


def test_the_script_writes_the_columns_of_the_tracked_results(tmp_path):
    options = ["--tables", "visual_qa", "--drifts", "half", "--seeds", "1"]
    size = ["--queries", "1000", "--out", tmp_path]
    command = [sys.executable, FOLDER / "run.py", *options, *size]
    subprocess.run(command, capture_output=True, check=True)
    for name in ("results.csv", "curves.csv"):
        written, tracked = (pd.read_csv(at / name) for at in (tmp_path, FOLDER))
        assert list(written.columns) == list(tracked.columns)
        assert set(written["learner"]) == set(tracked["learner"])


def test_the_alarm_was_false_no_more_often_than_it_may_be():
    table = pd.read_csv(FOLDER / "false_alarms.csv")
    exact = table[table["predictions"] == "exact"]
    assert (exact["streams"] >= 200).all()
    assert (exact["false_alarms"] <= exact["alpha"]).all()
