"""The files of an audit: results.csv and report.html."""

from html import escape
from os import PathLike
from pathlib import Path

import pandas as pd

from sklroute.audit import _figures as figures
from sklroute.audit import _words as words
from sklroute.audit._result import Audit
from sklroute.compare import _html as html
from sklroute.compare._figures import as_png, calibration_figure
from sklroute.compare._jobs import is_binary
from sklroute.compare._report import calibration_section, thinned
from sklroute.compare._trust import calibration, coverage
from sklroute.metrics import traffic_share


def write_audit_report(
    result: Audit,
    folder: str | PathLike,
    *,
    title: str = "Does the router pay?",
    cost_unit: str | None = None,
) -> list[Path]:
    """Write the result of an audit to a folder.

    Parameters
    ----------
    result : Audit
        What `audit` or `cross_audit` found.
    folder : path-like
        Made if it does not exist; files of the same names are replaced.
    title : str, default="Does the router pay?"
        Title of the report.
    cost_unit : str, default=None
        Unit of the costs, e.g. "USD".

    Returns
    -------
    paths : list of Path
        ``results.csv``, the table with one row per router, and ``report.html``, which
        needs no other file. Its pictures need matplotlib.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    csv, report = folder / "results.csv", folder / "report.html"
    result.table.to_csv(csv)
    report.write_text(_html(result, title, cost_unit), encoding="utf-8")
    return [csv, report]


def _html(result: Audit, title: str, cost_unit: str | None) -> str:
    quality = {name: each.quality for name, each in result.decisions.items()}
    told = quality
    if not is_binary(result.y):
        told = {name: each.distribution for name, each in result.decisions.items()}
    trust = calibration(result.y, quality), coverage(result.y, told, 0)
    pictures = _pictures(result, *trust, cost_unit)
    facts = result.table.T.reset_index(names="")
    return html.page(
        title,
        html.bullets(
            words.verdict(result.table, vars(result) | {"cost_unit": cost_unit})
        ),
        "" if pictures else f"<p>{escape(html.NO_PICTURES)}</p>",
        html.lines(*words.table_cells(result, cost_unit)),
        html.picture(pictures, "gain", "Utility gained on the baseline"),
        html.frame_table("All numbers of the audit", facts),
        f'<div class="small">{html.bullets(_notes(result))}</div>',
        _frontier(result, pictures),
        html.section(
            "Where the queries go",
            html.picture(pictures, "traffic", "Share of the queries by model"),
            html.frame_table("Shares", _traffic(result)),
        ),
        calibration_section(pictures, *trust),
        _tasks(result, pictures),
        html.section("Versions", html.versions()),
    )


def _pictures(result: Audit, calibration, coverage, cost_unit) -> dict[str, bytes]:
    if not html.has_matplotlib():
        return {}
    names = list(result.decisions)
    drawn = {
        "gain": figures.gain_figure(result),
        "traffic": figures.traffic_figure(result, cost_unit),
        "calibration": calibration_figure(calibration, coverage, names, best=names[0]),
    }
    if result.by_task is not None:
        drawn["tasks"] = figures.task_figure(result)
    if figures.has_frontiers(result):
        drawn["frontier"] = figures.frontier_figure(result, cost_unit)
    return {name: as_png(figure) for name, figure in drawn.items()}


# -- parts ---------------------------------------------------------------------------


def _frontier(result: Audit, pictures) -> str:
    if not figures.has_frontiers(result):
        return ""
    points = thinned(figures.frontier_frame(result))
    return html.section(
        "Quality against cost",
        html.picture(pictures, "frontier", "Quality against cost"),
        html.frame_table("Points of the frontiers", points),
    )


def _traffic(result: Audit) -> pd.DataFrame:
    models = result.y.models
    shares = {
        name: traffic_share(choice, models)
        for name, choice in figures.traffic_choices(result).items()
    }
    table = pd.DataFrame(shares)
    table.insert(0, "model", models, allow_duplicates=True)  # as a router may be called
    return table


def _tasks(result: Audit, pictures) -> str:
    if result.by_task is None:
        return ""
    return html.section(
        "By task",
        html.picture(pictures, "tasks", "Utility gained in each task"),
        html.lines(*words.task_cells(result)),
        html.bullets(
            [
                "Every task is audited on its own; p-values are adjusted for their "
                "number by Holm's method, intervals by Bonferroni's."
            ]
        ),
    )


def _notes(result: Audit) -> list[str]:
    seen = "Every query was audited by a router that had not seen it"
    if result.n_folds is not None:
        seen += f": {result.n_folds} folds, fitted on all but one, audited on that one"
    level = f"{100 * (1 - result.alpha):.3g} %"
    return [
        f"Utility is quality less {result.cost_weight:g} times cost. Differences are "
        "in points (hundredths). The candidates of a query are the models whose "
        "outcome is known.",
        f"Pays: the {level} paired bootstrap interval of the utility gained is above 0 "
        "and a paired permutation test agrees. Does not pay: the interval rules out a "
        f"gain of {words.points(result.min_gain)} points. Pays also without what was "
        "gained on queries with a choice of unknown outcome, does not pay also with "
        "the best that these can be. Else the data are not enough; then “more queries” "
        "would tell, if the gain is the one found.",
        f"Smallest effect: the true gain that so many queries show with "
        f"{100 * result.power:.3g} % power.",
        "Shuffled features: the router answers each query by the features of another "
        "one. What it gains then comes from its mix of models, not from the query.",
        f"{seen}. Intervals cover the draw of the queries with the routers as fitted; "
        "not other training sets, new prices or a change of the traffic.",
    ]
