"""Put the tables of these benchmarks into their page of the documentation.

    python benchmarks/scale/page.py

Each table stands between two comments that name it; a test checks that page and results
agree.
"""

from pathlib import Path

import pandas as pd

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


def main() -> None:
    """Write the tables into the page."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def filled(text: str) -> str:
    """Return the page with every table as the results have it now."""
    for name, make in TABLES.items():
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, found, rest = text.partition(start)
        if not found:
            raise ValueError(f"{PAGE.name} has no place for the table {name!r}.")
        frame = pd.read_csv(RESULTS / f"{name}.csv")
        text = before + start + make(frame) + "\n" + end + rest.partition(end)[2]
    return text


def sample(frame: pd.DataFrame) -> str:
    """A row per router, a column per way to fit it."""
    wide = frame.pivot(index="router", columns="how", values="gap_closed")
    wide = wide.reindex(frame["router"].unique())[frame["how"].unique()]
    shown = wide.map(lambda value: "" if pd.isna(value) else f"{value:.3f}")
    return _markdown({"": shown.index, **{how: shown[how] for how in shown}})


def neighbors(frame: pd.DataFrame) -> str:
    """Exact beside approximate."""
    seconds = {
        f"{part}, s": frame[f"{part}_s_brute"].map("{:.2f}".format)
        + " / "
        + frame[f"{part}_s_approximate"].map("{:.2f}".format)
        for part in ("fit", "predict")
    }
    return _markdown(
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
    return _markdown(
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


def _markdown(columns: dict) -> str:
    rows = zip(*columns.values(), strict=True)
    head = [list(columns), ["---"] + ["---:"] * (len(columns) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [*head, *rows])


if __name__ == "__main__":
    main()
