"""Put the tables of the latent router's studies into its page of the documentation.

    python benchmarks/latent/page.py

Each table stands between two comments that name it; a test checks that page and results
agree.
"""

import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # what all pages share
from pages import interval, markdown, write

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[2] / "docs" / "latent_router.md"


def tables() -> str:
    """Routers on real tables."""
    frame = _read("tables")
    return markdown(
        {
            "table": frame["table"],
            "router": frame["router"],
            "quality, %": frame["quality"].map("{:.1f}".format),
            "over best single": interval(frame, "over_single"),
            "over average": interval(frame, "over_average"),
            "nAUC over average": interval(frame, "nauc_over_average"),
            "Brier": frame["brier"].map("{:.4f}".format),
            "ECE": frame["ece"].map("{:.3f}".format),
            "CPU s": frame["cpu_seconds"].map("{:.1f}".format),
        }
    )


def tasks() -> str:
    """Routers that have learned to tell the tasks of logged queries."""
    frame = _read("tasks")
    return markdown(
        {
            "table": frame["table"],
            "router": frame["router"],
            "quality, %": frame["quality"].map("{:.1f}".format),
            "over itself without tasks": interval(frame, "gain"),
            "over average with tasks": interval(frame, "over_average"),
            "nAUC over average with tasks": interval(frame, "nauc_over_average"),
            "over average without": interval(frame, "over_plain_average"),
        }
    )


def shuffled() -> str:
    """The latent router on shuffled outcomes."""
    frame = _read("shuffled")
    return markdown(
        {"table": frame["table"], "over best single": interval(frame, "over_single")}
    )


def synthetic() -> str:
    """Gap closed on `make_routing`, a row per router."""
    frame = _read("synthetic")
    columns = {}
    for n_queries, part in frame.groupby("queries"):
        part = part.set_index("router")
        columns["router"] = part.index.to_series()
        columns[f"{n_queries:,} queries"] = interval(part, "gap_closed", "{:.2f}")
        columns[f"CPU s ({n_queries:,})"] = part["cpu_seconds"].map("{:.1f}".format)
    return markdown(columns)


def ablation() -> str:
    """What each part adds on each table."""
    frame = _read("ablation")
    frame["gain"] = interval(frame, "gain")
    gains = frame.pivot(index="part", columns="table", values="gain")
    order = frame["part"].drop_duplicates()
    ratio = frame.groupby("part")["cpu_ratio"].mean().map("{:.1f}".format)
    gains = gains.loc[order, frame["table"].drop_duplicates()]
    return markdown(
        {"part": order.set_axis(order)}
        | {name: gains[name] for name in gains}
        | {"CPU": ratio.loc[order]}
    )


def brier() -> str:
    """What each part takes off the squared error."""
    frame = _read("ablation").dropna(subset="brier")
    frame["fall"] = interval(frame, "brier")
    falls = frame.pivot(index="part", columns="table", values="fall")
    order = frame["part"].drop_duplicates()
    falls = falls.loc[order, frame["table"].drop_duplicates()]
    return markdown(
        {"part": order.set_axis(order)} | {name: falls[name] for name in falls}
    )


def pools() -> str:
    """Masked models against a router that never knew them."""
    frame = _read("pools")
    return markdown(
        {
            "table": frame["table"],
            "masked": frame["masked"].astype(str),
            "quality, %": frame["quality"].map("{:.1f}".format),
            "masked less never known": interval(frame, "gain"),
        }
    )


def cost() -> str:
    """Time and memory."""
    frame = pd.concat([_read("cost"), _read("large")])
    value = frame["value"].map(_number)
    return markdown({"": frame["what"], "value": value, "unit": frame["unit"]})


def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(RESULTS / f"{name}.csv")


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


TABLES = tables, tasks, shuffled, synthetic, ablation, brier, pools, cost

if __name__ == "__main__":
    write(PAGE, TABLES)
