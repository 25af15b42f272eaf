"""Put the tables of these benchmarks into their page of the documentation.

    python benchmarks/scale/page.py

Each table stands between two comments that name it; a test checks that page and results
agree.
"""

import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # what all pages share
from pages import fill, markdown, write

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


def main() -> None:
    """Write the tables into the page."""
    write(PAGE, rendered())


def filled(text: str) -> str:
    """Return the page with every table as the results have it now."""
    return fill(text, PAGE, rendered())


def rendered() -> dict[str, str]:
    """Return the tables by name."""
    return {
        name: make(pd.read_csv(RESULTS / f"{name}.csv"))
        for name, make in TABLES.items()
    }


def sample(frame: pd.DataFrame) -> str:
    """A row per router, a column per way to fit it."""
    wide = frame.pivot(index="router", columns="how", values="gap_closed")
    wide = wide.reindex(frame["router"].unique())[frame["how"].unique()]
    shown = wide.map(lambda value: "" if pd.isna(value) else f"{value:.3f}")
    return markdown({"": shown.index, **{how: shown[how] for how in shown}})


def neighbors(frame: pd.DataFrame) -> str:
    """Exact beside approximate."""
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


def millions(frame: pd.DataFrame) -> str:
    """Time per million and memory."""
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


TABLES = {make.__name__: make for make in (sample, neighbors, millions)}


def _whole(values: pd.Series) -> pd.Series:
    return values.map("{:.0f}".format)


if __name__ == "__main__":
    main()
