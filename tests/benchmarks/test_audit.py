"""The benchmarks of the audit run, and their results say what the docs say."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from layouts import wide_table

from sklroute.datasets import make_routing

FOLDER = Path(__file__).parents[2] / "benchmarks" / "audit"


def test_error_rates_are_counted():
    script = runpy.run_path(str(FOLDER / "errors.py"))
    rows = pd.DataFrame(script["equal_models"](2))
    assert len(rows) == 3
    assert (rows["tables"] == 2).all()
    assert rows["pays"].between(0, 1).all()


def test_absent_tables_are_skipped_and_named(tmp_path, capsys, monkeypatch):
    command = ["verdicts.py", "--data", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    runpy.run_path(str(FOLDER / "verdicts.py"), run_name="__main__")
    assert capsys.readouterr().out.count("Skipped") == 6


def test_a_verdict_has_its_command(tmp_path):
    data = make_routing(120, 3, random_state=0)
    frame = wide_table(data).assign(group="a", cv_group=range(120))
    frame.to_parquet(tmp_path / "small.parquet")
    script = runpy.run_path(str(FOLDER / "verdicts.py"))
    np.savez(tmp_path / "small.features.npz", text=data.X)
    row = script["run"](tmp_path, "small", 0.01, "ridge")
    assert row["n_queries"] == 120
    assert "--cost-weight 0.01" in row["command"]
    assert str(tmp_path) not in row["command"]


def test_recorded_false_alarms_are_within_the_level():
    found = pd.read_csv(FOLDER / "results.csv")
    null = found[found["signal"] == 0]
    assert len(null) == 6
    assert (null["tables"] == 500).all()
    assert (null["pays"] <= 0.05).all()
    power = found[found["signal"] > 0]
    assert power["pays"].to_numpy() == pytest.approx(
        power["expected_power"].to_numpy(), abs=0.15
    )
