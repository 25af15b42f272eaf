"""Put the tables of these benchmarks into their page of the documentation.

    python benchmarks/scale/page.py

Each table stands between two comments that name it; a test checks that page and results
agree.
"""

import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # what all pages share
from pages import markdown, write

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


def sample() -> str:
    """A row per router, a column per way to fit it."""
    frame = _read("sample")
    wide = frame.pivot(index="router", columns="how", values="gap_closed")
    wide = wide.reindex(frame["router"].unique())[frame["how"].unique()]
    shown = wide.map(lambda value: "" if pd.isna(value) else f"{value:.3f}")
    return markdown({"": shown.index, **{how: shown[how] for how in shown}})


def neighbors() -> str:
    """Exact beside approximate."""
    frame = _read("neighbors")
    seconds = {
        f"{part}, s": frame[f"{part}_s_brute"].map("{:.2f}".format)
        + " / "
        + frame[f"{part}_s_approximate"].map("{:.2f}".format)
        for part in ("fit", "predict")
    }
    return markdown(
        {
            "features": frame["features"],
            "training queries": frame["queries"].map("{:,}".format),
            "width": frame["width"].astype(str),
            "found": frame["recall"].map("{:.1%}".format),
            "fit, s, exact / approximate": seconds["fit, s"],
            "predict, s": seconds["predict, s"],
        }
    )


def millions() -> str:
    """Time per million and memory."""
    frame = _read("millions")
    return markdown(
        {
            "router": frame["router"],
            "queries": frame["queries"].map("{:,}".format),
            "fit, CPU s per million": _whole(frame["fit_cpu_s_per_million"]),
            "elapsed": _whole(frame["fit_s_per_million"]),
            "route, CPU s per million": _whole(frame["route_cpu_s_per_million"]),
            "elapsed ": _whole(frame["route_s_per_million"]),
            "peak, GiB": frame["peak_gb"].map("{:.2f}".format),
            "gap closed": frame["gap_closed"].map("{:.3f}".format),
        }
    )


def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(RESULTS / f"{name}.csv")


def _whole(values: pd.Series) -> pd.Series:
    return values.map("{:.0f}".format)


TABLES = sample, neighbors, millions

if __name__ == "__main__":
    write(PAGE, TABLES)
