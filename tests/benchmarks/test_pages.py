"""Pages of the documentation say what the benchmarks found."""

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    "name", ["latent/page", "pools/pool_page", "scale/page", "streams/page"]
)
def test_the_tables_of_a_page_are_those_of_the_results(name):
    script = runpy.run_path(str(FOLDER / f"{name}.py"))
    filled = runpy.run_path(str(FOLDER / "pages.py"))["filled"]
    page = script["PAGE"]
    assert filled(page, script["TABLES"]) == page.read_text(encoding="utf-8")
