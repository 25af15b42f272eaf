"""Put the tables of these benchmarks into their page of the documentation.

    python benchmarks/streams/page.py

Each table stands between two comments that name it; a test checks that page and results
agree.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # what all pages share
from pages import interval, markdown, write

FOLDER = Path(__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "streams.md"
LEARNERS = [
    "frozen",
    "refits",
    "alarm and mask",
    "partial_fit",
    "UCB",
    "UCB, width 3",
    "Thompson",
    "full information",
]


def before() -> str:
    """Points lost before the drift, where the frozen router is the yardstick."""
    frame = _half().query("learner != 'frozen'")
    return _by_table(_points(frame, "lost_before"), frame)


def after() -> str:
    """Points lost after the drift."""
    frame = _half()
    return _by_table(_points(frame, "lost_after"), frame)


def recovery() -> str:
    """Queries until the yardstick is reached again."""
    frame = _half()
    counts = frame.filter(like="recovery").map(_count)
    text, low, high = (counts[name] for name in counts)
    bounds = " (" + low + " to " + high + ")"
    return _by_table(text + bounds.where(low != "never", ""), frame)


def regret() -> str:
    """Wrong answers more than the yardstick."""
    frame = _half()
    return _by_table(frame["regret"].map("{:z,.0f}".format), frame)


def still() -> str:
    """Points gained where nothing drifts."""
    frame = pd.read_csv(FOLDER / "still.csv")
    number = pd.to_numeric(frame["half_life"], errors="coerce")
    frame["half-life"] = number.map("{:,.0f}".format).where(number.notna(), "none")
    return _by_table(interval(frame, "gain", "{:z.2f}"), frame, rows="half-life")


def false_alarms() -> str:
    """Share of the streams with an alarm."""
    frame = pd.read_csv(FOLDER / "false_alarms.csv")
    settings = frame["tolerance"].map("{:g}".format) + ", " + frame["warm_up"].map(str)
    frame = frame.assign(table=settings)
    frame = frame.rename(columns={"predictions": "tolerance, warm_up"})
    share = (100 * frame["false_alarms"]).map("{:.1f} %".format)
    return _by_table(share, frame, rows="tolerance, warm_up")


def _half() -> pd.DataFrame:
    """Learners of the kernel router, where half of the right answers are lost."""
    frame = pd.read_csv(FOLDER / "results.csv").set_index("learner", drop=False)
    return frame.query("router == 'kernel' and drift == 'half'").loc[LEARNERS]


def _by_table(texts: pd.Series, frame: pd.DataFrame, rows: str = "learner") -> str:
    """A row per learner, a column per table of outcomes."""
    frame = frame.assign(text=texts).reset_index(drop=True)
    cells = frame.pivot(index=rows, columns="table", values="text")
    cells = cells.loc[frame[rows].unique(), frame["table"].unique()]
    head = "" if rows == "learner" else rows
    return markdown({head: cells.index.to_series(), **dict(cells.items())})


def _points(frame: pd.DataFrame, name: str) -> pd.Series:
    return interval(frame, name, "{:z.1f}")


def _count(queries: float) -> str:
    return f"{queries:,.0f}" if np.isfinite(queries) else "never"


TABLES = before, after, recovery, regret, still, false_alarms

if __name__ == "__main__":
    write(PAGE, TABLES)
