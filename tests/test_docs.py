"""The code in the README and in the docs runs and prints what it says."""

import doctest
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from layouts import write_routerbench
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

from sklroute.cli import _parser
from sklroute.datasets import make_routing

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINKING = [*PAGES, *sorted((ROOT / "benchmarks").glob("*/README.md"))]


def write_log(folder):
    """Write the user's own data that the README reads."""
    table = make_routing(120, n_models=3, random_state=0)
    wide = table.y.to_frame()
    calls = wide[["quality", "cost"]].stack(future_stack=True).reset_index()
    calls.columns = ["query", "model", "quality", "cost"]
    calls.to_csv(folder / "calls.csv", index=False)
    np.save(folder / "features.npy", table.X)
    np.save(folder / "scores.npy", np.linspace(0, 1, 32))
    write_routerbench(folder / "routerbench.csv")
    write_texts(folder, table)


def write_texts(folder, table):
    """Write a wide table of texts, and the scores of all calls by the query's id."""
    names = dict(zip(table.models, ["small", "medium", "large"], strict=True))
    quality = table.y.to_frame()["quality"].rename(columns=names)
    cost = table.y.to_frame()["cost"].rename(columns=names)
    wide = quality.add_prefix("q:").join(cost.add_prefix("cost:"))
    wide.insert(0, "id", [f"query-{i}" for i in range(len(wide))])
    wide.insert(
        1, "prompt", [f"task {t} of query {i}" for i, t in enumerate(table.task)]
    )
    wide.to_csv(folder / "table.csv", index=False)
    scores = pd.DataFrame({"quality": quality.stack(), "cost": cost.stack()})
    scores = scores.rename_axis(["query", "model"]).reset_index()
    scores["query"] = wide["id"].to_numpy()[scores["query"]]
    scores.to_csv(folder / "scores.csv", index=False)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_blocks(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_log(tmp_path)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    parsers = [PythonCodeBlockParser(doctest_optionflags=flags), SkipParser()]
    document = Sybil(parsers, path=str(ROOT)).parse(page)
    module = ModuleType("page")  # a class that a page defines can then be pickled
    monkeypatch.setitem(sys.modules, "page", module)
    document.namespace = vars(module)
    for example in document.examples():
        example.evaluate()


def anchors(page):
    """Names of the headings of a page in links, as code hosts and Sphinx make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", LINKING, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_local_link_leads_somewhere(page):
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        found = page.parent / target if target else page
        assert found.exists(), link
        assert not anchor or anchor in anchors(found), link


def test_the_command_line_takes_every_command_of_the_docs():
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", "")
        for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
            for command in re.findall(r"\bsklroute( (?!--)[a-z].*)", block):
                _parser().parse_args(shlex.split(command, comments=True))
