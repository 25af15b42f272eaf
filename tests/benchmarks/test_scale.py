"""The benchmarks of scale run on small tables."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "scale"
SMALL = {
    "millions": ["--n-queries", "3000", "--routers", "kernel", "ridge"],
    "sample": ["--n-queries", "1200", "--missing", "0.5"],
    "neighbors": ["--n-train", "1000"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SMALL))
def test_the_script_writes_the_columns_of_the_tracked_results(name, tmp_path):
    if name == "neighbors":
        pytest.importorskip("faiss")
    out = tmp_path / "results.csv"
    command = [sys.executable, FOLDER / f"{name}.py", "--out", out, *SMALL[name]]
    subprocess.run(command, capture_output=True, check=True)
    tracked = pd.read_csv(FOLDER / "results" / f"{name}.csv")
    assert list(pd.read_csv(out).columns) == list(tracked.columns)


def test_millions_of_queries_stay_within_four_gigabytes():
    table = pd.read_csv(FOLDER / "results" / "millions.csv")
    assert (table["peak_gb"] < 4).all()
    assert table["queries"].max() == 5_000_000
    assert (table["gap_closed"] > 0.2).all()
