"""The files of a comparison: results.csv, frontier.png, report.html."""

import platform
from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from string import Template

import numpy as np
import pandas as pd

from sklroute.compare import _figures as figures
from sklroute.compare import _words as words
from sklroute.compare._result import Comparison
from sklroute.metrics import model_means

__all__ = ["write_report"]

PACKAGES = ["sklroute", "scikit-learn", "numpy", "pandas", "scipy", "torch", "skorch"]
NO_PICTURES = "Pictures need matplotlib: pip install 'sklroute[plot]'"
MANY_GROUPS = 60


def write_report(
    result: Comparison,
    folder: str | PathLike,
    *,
    title: str = "Comparison of routers",
    cost_unit: str | None = None,
) -> list[Path]:
    """Write the result of a comparison to a folder.

    Parameters
    ----------
    result : Comparison
        What `compare` found.
    folder : path-like
        Made if it does not exist; files of the same names are replaced.
    title : str, default="Comparison of routers"
        Title of the report.
    cost_unit : str, default=None
        Unit of the costs, e.g. "USD".

    Returns
    -------
    paths : list of Path
        ``results.csv``, the table with one row per router; ``frontier.png``, where
        there are costs and matplotlib; ``report.html``, which needs no other file.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    csv, picture, report = (
        folder / name for name in ("results.csv", "frontier.png", "report.html")
    )
    words.ordered(result).to_csv(csv)
    pictures = _pictures(result, cost_unit)
    # A picture of an earlier run must not pass for one of this.
    picture.unlink(missing_ok=True)
    if "frontier" in pictures:
        picture.write_bytes(pictures["frontier"])
    html = _html(result, pictures, title, cost_unit)
    report.write_text(html, encoding="utf-8")
    return [path for path in (csv, picture, report) if path.exists()]


def has_matplotlib() -> bool:
    """Whether pictures can be drawn."""
    return find_spec("matplotlib") is not None


def _pictures(result: Comparison, cost_unit) -> dict[str, bytes]:
    if not has_matplotlib():
        return {}
    pictures = {"gain": figures.as_png(figures.gain_figure(result))}
    if result.has_costs:
        frontier = figures.frontier_figure(result, cost_unit)
        pictures["frontier"] = figures.as_png(frontier)
    return pictures


# -- HTML ----------------------------------------------------------------------------


def _html(result: Comparison, pictures, title: str, cost_unit) -> str:
    page = files("sklroute.compare").joinpath("report.html").read_text("utf-8")
    parts = {
        "title": escape(title),
        "summary": _list(words.sentences(result, cost_unit)),
        "frontier": _picture(pictures, "frontier", "Quality against cost"),
        "gain": _picture(pictures, "gain", "Quality gained on the best single model"),
        "quality": _lines_table(result, words.quality_columns(result)),
        "costs": _cost_table(result),
        "notes": _list(_notes(result)),
        "traffic": _traffic_table(result),
        "groups": _group_table(result),
        "protocol": _list(_protocol(result)),
        "versions": _table(["", "version"], _versions()),
    }
    return Template(page).substitute(parts)


def _lines_table(result: Comparison, columns: dict[str, list[str]]) -> str:
    """A table with a line per router and reference; those without a value left out."""
    table = words.ordered(result)
    cells = zip(*columns.values(), strict=True)
    rows = [
        (name, kind, *texts)
        for name, kind, texts in zip(table.index, table["kind"], cells, strict=True)
        if any(texts)
    ]
    table = _table(["", "", *columns], rows, bold=result.best)
    return f'<div class="lines">{table}</div>'


def _cost_table(result: Comparison) -> str:
    if not result.has_costs:
        return ""
    table = _lines_table(result, words.cost_columns(result))
    return f"<h2>What can be saved</h2>{table}"


def _table(heads: Sequence[str], rows: Iterable[Sequence], bold: str = "") -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join(
        f"<tr{' class=best' if row[0] == bold else ''}>"
        + "".join(f"<td>{escape(str(cell))}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _list(texts: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def _picture(pictures: dict[str, bytes], name: str, title: str) -> str:
    if name not in pictures:
        return f"<p>{escape(NO_PICTURES)}</p>" if not pictures else ""
    data = b64encode(pictures[name]).decode("ascii")
    return f'<img alt="{escape(title)}" src="data:image/png;base64,{data}">'


def _traffic_table(result: Comparison) -> str:
    own = result.traffic.query("name == @result.best")
    quality, cost = model_means(result.y_test)
    columns = {
        "model": result.y_test.models,
        "quality": [words.percent(value) for value in quality],
        "cost": [words.significant(value) for value in cost],
    }
    shares = {
        setting: part["share"].to_numpy()
        for setting, part in own.groupby("setting", sort=False)
    }
    for setting, share in shares.items():
        columns[setting] = [words.percent(value) for value in share]
    most_first = np.argsort(-next(iter(shares.values())), kind="stable")
    rows = pd.DataFrame(columns).iloc[most_first]
    return _table(list(rows.columns), rows.itertuples(index=False))


def _group_table(result: Comparison) -> str:
    if result.by_group is None:
        return ""
    table = result.by_group.sort_values("queries", ascending=False).head(MANY_GROUPS)
    rows = (
        [group, queries, *(words.percent(value) for value in values)]
        for group, queries, *values in table.itertuples(index=False)
    )
    return "<h2>Quality by group</h2>" + _table(list(table.columns), rows)


def _notes(result: Comparison) -> list[str]:
    notes = [
        "Quality: cost weight 0, every query goes to the model expected to be best. "
        "Differences are in points (hundredths of quality). In brackets: 95 % "
        "intervals.",
        "Gap closed: gain as a share of what the oracle, which knows every outcome, "
        "gains on the best single model.",
    ]
    if result.has_costs:
        notes += [
            "At par: at the cost weight that keeps the best single model's quality on "
            "validation queries at the lowest cost; what that gives on test queries.",
            "nAUC: mean quality over budgets spread evenly from the cheapest to the "
            "dearest model. QNC: share of the best single model's cost at which the "
            "frontier reaches its quality on test queries (inf: never).",
        ]
    notes.append(
        "Fit s: seconds to fit on one core. Queries/s: predictions on one core, "
        "features given."
    )
    return notes


def _protocol(result: Comparison) -> list[str]:
    facts = result.protocol
    whole = "each query on its own"
    if facts["cv_groups"] is not None:
        whole = f"whole groups ({facts['cv_groups']:,}), never split"
    return [
        f"{facts['queries']:,} queries, {facts['models']} models, "
        f"{words.percent(facts['observed'])} of the answers observed. Choices are "
        "judged among the models observed for the query.",
        f"{facts['seeds']} splits: about {facts['train']:,} queries to train, "
        f"{facts['validation']:,} to validate, {facts['test']:,} to test; {whole}. "
        "Five splits test every query once.",
        "Preprocessing and routers see training queries only. The operating point and "
        "the best router are chosen on validation queries, the best single model, the "
        "cheapest and the best per group on training queries. Test queries are used "
        "once, to judge.",
        "Choices are made on predicted quality and cost and judged by realised ones.",
        "Intervals: paired bootstrap over test queries (whole groups). They cover the "
        "draw of the queries, with the routers as fitted; not other training sets, new "
        "prices or a change of the traffic. With many routers, the best of them is a "
        "little flattered.",
        f"Control: {result.control}.",
    ]


def _versions() -> list[tuple[str, str]]:
    found = [("Python", platform.python_version())]
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            found.append((package, "not installed"))
    return found
