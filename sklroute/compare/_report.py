"""The files of a comparison: results.csv, frontier.png, report.html."""

from html import escape
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd

from sklroute.compare import _figures as figures
from sklroute.compare import _html as html
from sklroute.compare import _words as words
from sklroute.compare._result import Comparison
from sklroute.compare._shown import queries_section
from sklroute.metrics import model_means

MANY_TASKS = 60
MAX_POINTS = 20  # of a frontier, in the table behind the picture
BAND = (
    "Band: 95 % interval of what the best router gains on the best single model, put "
    "around its line."
)
CALIBRATION_NOTES = [
    "Calibration: answers of all models in ten bins with about as many answers each, "
    "by predicted quality, against their mean observed quality. ECE: mean distance, "
    "in ten bins of equal width.",
    "Coverage: share of the observed qualities inside central intervals of the "
    "predicted distributions. For right and wrong answers an interval has no level of "
    "its own: a randomised transform (PIT) spreads each answer over the probability "
    "that was predicted for it. Below the line: too sure.",
]


def write_report(
    result: Comparison,
    folder: str | PathLike,
    *,
    title: str = "Comparison of routers",
    cost_unit: str | None = None,
    queries: pd.DataFrame | None = None,
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
    queries : DataFrame, default=None
        Queries of which some are shown with the model that was called: their
        ``text`` and, if there is one, their ``picture``, an array (height, width, 3)
        of uint8. The index says which rows of ``X`` and ``y`` they are.

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
    page = _html(result, pictures, title, cost_unit, queries)
    report.write_text(page, encoding="utf-8")
    return [path for path in (csv, picture, report) if path.exists()]


def _pictures(result: Comparison, cost_unit) -> dict[str, bytes]:
    if not html.has_matplotlib():
        return {}
    table = words.ordered(result)
    routers = table.index[table["kind"] == "router"]
    drawn = {
        "gain": figures.gain_figure(result),
        "traffic": figures.traffic_figure(result),
        "calibration": figures.calibration_figure(
            result.calibration, result.coverage, routers, best=result.best
        ),
    }
    if result.has_costs:
        drawn["frontier"] = figures.frontier_figure(result, cost_unit)
    return {name: figures.as_png(figure) for name, figure in drawn.items()}


# -- HTML ----------------------------------------------------------------------------


def _html(result: Comparison, pictures, title: str, cost_unit, queries=None) -> str:
    return html.page(
        title,
        html.bullets(words.sentences(result, cost_unit)),
        "" if pictures else f"<p>{escape(html.NO_PICTURES)}</p>",
        html.picture(pictures, "frontier", "Quality against cost"),
        f'<p class="small">{escape(BAND)}</p>' if "frontier" in pictures else "",
        html.frame_table("Points of the frontiers", thinned(result.frontiers)),
        queries_section(result, queries, cost_unit),
        html.section(
            "Quality first",
            _lines_table(result, words.quality_columns(result, cost_unit)),
            html.picture(pictures, "gain", "Quality gained on the best single model"),
        ),
        _cost_table(result),
        f'<div class="small">{html.bullets(_notes(result))}</div>',
        html.section(
            "Where the best router sends the queries",
            _traffic_table(result, cost_unit),
            html.picture(pictures, "traffic", "Share of the queries by model"),
            html.frame_table("Shares of all routers", _wide_traffic(result)),
        ),
        calibration_section(pictures, result.calibration, result.coverage),
        _task_table(result),
        html.section("Protocol", html.bullets(_protocol(result))),
        html.section("Versions", html.versions()),
    )


def calibration_section(pictures, calibration: pd.DataFrame, coverage) -> str:
    """Whether predicted qualities and their distributions hold."""
    return html.section(
        "Can the predictions be taken at their word?",
        html.picture(pictures, "calibration", "Calibration and coverage"),
        html.bullets(CALIBRATION_NOTES),
        html.frame_table("Calibration", calibration),
        html.frame_table("Coverage", coverage),
    )


def thinned(frontiers: pd.DataFrame | None) -> pd.DataFrame | None:
    """Some points of each curve, its ends among them."""
    if frontiers is None:
        return None
    parts = [
        part.iloc[
            np.unique(np.linspace(0, len(part) - 1, MAX_POINTS).round().astype(int))
        ]
        for _, part in frontiers.groupby("name", sort=False)
    ]
    return pd.concat(parts)


def _wide_traffic(result: Comparison) -> pd.DataFrame:
    table = result.traffic.pivot_table(
        "share", ["name", "setting"], "model", sort=False
    )
    return table.reset_index(allow_duplicates=True)  # a model may be called 'name'


def _lines_table(result: Comparison, columns: dict[str, list[str]]) -> str:
    """A table with a line per router and reference; those without a value left out."""
    table = words.ordered(result)
    cells = zip(*columns.values(), strict=True)
    rows = [
        (name, kind, *texts)
        for name, kind, texts in zip(table.index, table["kind"], cells, strict=True)
        if any(texts)
    ]
    return html.lines(["", "", *columns], rows, bold=result.best)


def _cost_table(result: Comparison) -> str:
    if not result.has_costs:
        return ""
    table = _lines_table(result, words.cost_columns(result))
    return html.section("What can be saved", table)


def _traffic_table(result: Comparison, cost_unit: str | None) -> str:
    own = result.traffic.query("name == @result.best")
    quality, cost = model_means(result.y_test)
    columns = {
        "model": result.y_test.models,
        "quality": [words.percent(value) for value in quality],
        words.with_unit("cost", cost_unit): list(map(words.significant, cost)),
    }
    shares = {
        setting: part["share"].to_numpy()
        for setting, part in own.groupby("setting", sort=False)
    }
    for setting, share in shares.items():
        columns[setting] = [words.percent(value) for value in share]
    most_first = np.argsort(-next(iter(shares.values())), kind="stable")
    rows = pd.DataFrame(columns).iloc[most_first]
    return html.table(list(rows.columns), rows.itertuples(index=False))


def _task_table(result: Comparison) -> str:
    if result.by_task is None:
        return ""
    table = result.by_task.sort_values("queries", ascending=False).head(MANY_TASKS)
    rows = (
        [task, queries, *(words.percent(value) for value in values)]
        for task, queries, *values in table.itertuples(index=False)
    )
    return html.section("Quality by task", html.table(list(table.columns), rows))


def _notes(result: Comparison) -> list[str]:
    notes = [
        "Quality: cost weight 0, every query goes to the model expected to be best. "
        "Differences are in points (hundredths of quality). In brackets: 95 % "
        "intervals.",
        "Gap closed: gain as a share of what the oracle, which knows every outcome, "
        "gains on the best single model.",
    ]
    worth = "nAUC" if result.has_costs else "quality"
    notes.append(f"Lines: routers, control, references, oracle; each kind by {worth}.")
    if result.has_costs:
        notes += [
            "Cost: mean of a query, in the unit of the table.",
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
    if facts["groups"] is not None:
        whole = f"whole groups ({facts['groups']:,}), never split"
    return [
        f"{facts['queries']:,} queries, {facts['models']} models, "
        f"{words.percent(facts['observed'])} of the answers observed. Choices are "
        "judged among the models observed for the query.",
        f"{facts['seeds']} splits: about {facts['train']:,} queries to train, "
        f"{facts['validation']:,} to validate, {facts['test']:,} to test; {whole}. "
        "Five splits test every query once.",
        "Preprocessing and routers see training queries only. The operating point and "
        "the best router are chosen on validation queries, the best single model, the "
        "cheapest and the best per task on training queries. The validation queries "
        "of one split are test queries of another.",
        "Choices are made on predicted quality and cost and judged by realised ones.",
        "Intervals: paired bootstrap over test queries (whole groups). They cover the "
        "draw of the queries, with the routers as fitted; not other training sets, new "
        "prices or a change of the traffic.",
        f"Control: {result.control}.",
    ]
