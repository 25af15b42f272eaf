"""The load benchmark runs, and what it recorded is what the docs say."""

import json
import runpy
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "server"
DOCS = FOLDER.parents[1] / "docs" / "serving.md"


def test_a_short_run_finds_no_wrong_answer(tmp_path):
    script = runpy.run_path(str(FOLDER / "load.py"))
    rows = pd.DataFrame(script["measure"]("ridge", 2.0, 20.0, tmp_path, 100, (6, 4)))
    assert rows["wrong"].sum() == 0
    kinds = set(rows["what"])
    assert {"single query", "batch", "mixed: all", "mixed: single query"} <= kinds
    assert rows.iloc[-1]["tracebacks"] == 0


@pytest.fixture
def found():
    return pd.read_csv(FOLDER / "results" / "results.csv")


def test_recorded_load_had_no_wrong_answer_and_no_leak(found):
    assert found["wrong"].sum() == 0
    total = found[found["what"] == "mixed: all"]
    assert (total["requests"] > 4000).all()
    assert (total["tracebacks"] == 0).all()
    assert (total["files_after"] <= total["files_before"] + 2).all()
    assert (total["rss_after_mb"] <= total["rss_before_mb"] + 10).all()
    environment = json.loads((FOLDER / "results" / "environment.json").read_text())
    assert {"python", "numpy", "uvicorn"} <= set(environment)


def test_the_docs_say_what_was_recorded(found):
    page = DOCS.read_text(encoding="utf-8")
    speeds = found[found["what"].isin(["single query", "batch"])]
    for _, row in speeds.iterrows():
        cells = (
            f"{row['requests_per_s']:.0f} | {row['p50_ms']:.1f} | {row['p99_ms']:.1f}"
        )
        assert cells in page
