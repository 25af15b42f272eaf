"""Put the tables of the latent router's studies into its page of the documentation.

    python benchmarks/latent/page.py

Each table stands between two comments that name it; a test checks that page and results
agree.
"""

from pathlib import Path

import pandas as pd

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[2] / "docs" / "latent_router.md"


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
        text = before + start + make() + "\n" + end + rest.partition(end)[2]
    return text


def tables() -> str:
    """Routers on real tables."""
    frame = _read("tables")
    return _markdown(
        {
            "table": frame["table"],
            "router": frame["router"],
            "quality, %": frame["quality"].map("{:.1f}".format),
            "over best single": _interval(frame, "over_single"),
            "over average": _interval(frame, "over_average"),
            "nAUC over average": _interval(frame, "nauc_over_average"),
            "Brier": frame["brier"].map("{:.4f}".format),
            "ECE": frame["ece"].map("{:.3f}".format),
            "CPU s": frame["cpu_seconds"].map("{:.1f}".format),
        }
    )


def shuffled() -> str:
    """The latent router on shuffled outcomes."""
    frame = _read("shuffled")
    return _markdown(
        {"table": frame["table"], "over best single": _interval(frame, "over_single")}
    )


def synthetic() -> str:
    """Gap closed on `make_routing`, a row per router."""
    frame = _read("synthetic")
    columns = {}
    for n_queries, part in frame.groupby("queries"):
        part = part.set_index("router")
        columns["router"] = part.index.to_series()
        columns[f"{n_queries:,} queries"] = _interval(part, "gap_closed", "{:.2f}")
        columns[f"CPU s ({n_queries:,})"] = part["cpu_seconds"].map("{:.1f}".format)
    return _markdown(columns)


def ablation() -> str:
    """What each part adds on each table."""
    frame = _read("ablation")
    frame["gain"] = _interval(frame, "gain")
    gains = frame.pivot(index="part", columns="table", values="gain")
    order = frame["part"].drop_duplicates()
    ratio = frame.groupby("part")["cpu_ratio"].mean().map("{:.1f}".format)
    gains = gains.loc[order, frame["table"].drop_duplicates()]
    return _markdown(
        {"part": order.set_axis(order)}
        | {name: gains[name] for name in gains}
        | {"CPU": ratio.loc[order]}
    )


def brier() -> str:
    """What each part takes off the squared error."""
    frame = _read("ablation").dropna(subset="brier")
    frame["fall"] = _interval(frame, "brier")
    falls = frame.pivot(index="part", columns="table", values="fall")
    order = frame["part"].drop_duplicates()
    falls = falls.loc[order, frame["table"].drop_duplicates()]
    return _markdown(
        {"part": order.set_axis(order)} | {name: falls[name] for name in falls}
    )


def pools() -> str:
    """Masked models against a router that never knew them."""
    frame = _read("pools")
    return _markdown(
        {
            "table": frame["table"],
            "masked": frame["masked"].astype(str),
            "quality, %": frame["quality"].map("{:.1f}".format),
            "masked less never known": _interval(frame, "gain"),
        }
    )


def cost() -> str:
    """Time and memory."""
    frame = pd.concat([_read("cost"), _read("large")])
    value = frame["value"].map(_number)
    return _markdown({"": frame["what"], "value": value, "unit": frame["unit"]})


TABLES = {
    make.__name__: make
    for make in (tables, shuffled, synthetic, ablation, brier, pools, cost)
}


def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(RESULTS / f"{name}.csv")


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _interval(frame: pd.DataFrame, name: str, form: str = "{:+.2f}") -> pd.Series:
    columns = [name, f"{name}_low", f"{name}_high"]
    return frame[columns].apply(
        lambda row: "{} [{}, {}]".format(*map(form.format, row)), axis=1
    )


def _markdown(columns: dict[str, pd.Series]) -> str:
    rows = zip(*columns.values(), strict=True)
    head = [list(columns), ["---"] + ["---:"] * (len(columns) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [*head, *rows])


if __name__ == "__main__":
    main()
