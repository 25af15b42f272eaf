"""The simulations of promises run, and what they found is what was promised."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALL = {"guard": ["--only", "just too much"], "off_policy": []}


def results(name):
    return pd.read_csv(BENCHMARKS / name / "results.csv", keep_default_na=False)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_the_script_writes_the_columns_of_the_tracked_results(name, tmp_path):
    out = tmp_path / "results.csv"
    command = [sys.executable, BENCHMARKS / name / "simulate.py", "--out", out,
               "--draws", "2", "--n-queries", "400", *SMALL[name]]  # fmt: skip
    subprocess.run(command, capture_output=True, check=True)
    assert list(pd.read_csv(out).columns) == list(results(name).columns)


def test_the_guard_broke_its_promise_no_more_often_than_it_may():
    table = results("guard")
    assert (table["draws"] >= 1000).all()
    assert (table["broken"] <= table["alpha"]).all()


def test_doubly_robust_intervals_covered_the_truth_with_right_propensities():
    # In logs of 1,000 queries they are known to be short: 0.914 with a learned model.
    table = results("off_policy")
    table = table[(table["n_queries"] == 4000) & (table["draws"] >= 500)]
    right = table[(table["estimator"] == "dr") & (table["propensities"] == "right")]
    assert set(right["outcome_model"]) == {"true", "learned", "upside down"}
    assert right["coverage"].between(0.93, 0.97).all()
