"""Put the tables and the figure of the pool's studies into their page.

    python benchmarks/pools/pool_page.py

Each table stands between two comments that name it; a test checks that page and results
agree.
"""

import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # what all pages share
from pages import interval, markdown, write

RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "changing_pools.md"
FIGURE = DOCS / "images" / "newcomers.png"


def newcomers() -> str:
    """A model that joins with 32 answers, for every router."""
    frame = newcomers_of_all()
    frame = frame[frame["answers"] == 32]
    with_y, without = (frame[frame["y"] == given] for given in (True, False))
    return markdown(
        {
            "table": with_y["table"],
            "router": with_y["router"],
            "less refitted": interval(with_y, "refit"),
            "less ignored": interval(with_y, "ignored"),
            "less mean only": interval(with_y, "mean_only"),
            "less ignored, without y": interval(without, "ignored"),
        }
    )


def newcomers_of_all() -> pd.DataFrame:
    """Results of the baselines and, where they were made, of the latent router."""
    found = [RESULTS / f"{name}.csv" for name in ("newcomers", "latent")]
    frame = pd.concat([pd.read_csv(path) for path in found if path.exists()])
    order = frame["table"].drop_duplicates().tolist()
    return frame.sort_values("table", key=lambda t: t.map(order.index), kind="stable")


def curves() -> str:
    """The kernel router's curve, less the router that ignores the model."""
    frame = newcomers_of_all()
    frame = frame[(frame["router"] == "kernel") & frame["y"]]
    columns = {}
    for name, part in frame.groupby("table", sort=False):
        columns["answers"] = part["answers"].astype(str)
        columns[name] = interval(part, "ignored")
    return markdown(columns)


def probes() -> str:
    """Suggested queries against as many, and twice as many, random ones."""
    frame = pd.read_csv(RESULTS / "probes.csv")
    return markdown(
        {
            "table": frame["table"],
            "suggested": frame["answers"].astype(str),
            "less as many random": interval(frame, "same"),
            "less twice as many random": interval(frame, "twice"),
            "squared error": interval(frame, "same error"),
            "against twice as many": interval(frame, "twice error"),
        }
    )


def masked() -> str:
    """Masked models against a router that never knew them."""
    frame = pd.read_csv(RESULTS / "masked.csv")
    return markdown(
        {
            "table": frame["table"],
            "router": frame["router"],
            "masked": frame["masked"].astype(str),
            "quality, %": frame["quality"].map("{:.1f}".format),
            "masked less never known": interval(frame, "gain"),
        }
    )


def coverage() -> str:
    """Intervals of `value_of` that hold the gain."""
    frame = pd.read_csv(RESULTS / "coverage.csv")
    percent = "{:.1f}".format
    return markdown(
        {
            "scored queries": frame["scored"].astype(str),
            "intervals that hold the gain, %": frame["held"].map(percent),
            'verdict "a gain", %': frame["a gain"].map(percent),
            "of these with a gain, %": frame["gain is real"].map(percent),
        }
    )


def time() -> str:
    """Time of each change."""
    frame = pd.read_csv(RESULTS / "time.csv")
    return markdown(
        {"call": frame["what"], "CPU ms": (1e3 * frame["seconds"]).map("{:.1f}".format)}
    )


def draw() -> None:
    """Draw the curves of the kernel router, with the others' answers and without."""
    import matplotlib.pyplot as plt

    frame = newcomers_of_all()
    frame = frame[frame["router"] == "kernel"]
    parts = list(frame.groupby("table", sort=False))
    figure, axes = plt.subplots(1, len(parts), figsize=(10, 2.8), layout="constrained")
    for ax, (name, part) in zip(axes, parts, strict=True):
        alone, part = (part[part["y"] == given] for given in (False, True))
        n = part["answers"]
        ax.axhline(0, color="0.6", linewidth=0.8)
        ax.plot(n, part["refit"], color="C0", marker="o", ms=3, label="add_model, y")
        ax.fill_between(n, part["refit_low"], part["refit_high"], color="C0", alpha=0.2)
        ax.plot(n, alone["refit"], color="C0", linestyle=":", label="add_model")
        ignored, mean = (
            part["refit"] - part["ignored"],
            part["refit"] - part["mean_only"],
        )
        ax.plot(n, ignored, color="0.35", linestyle="--", label="model ignored")
        ax.plot(n, mean, color="C1", marker="s", ms=3, label="its mean only")
        ax.set(title=name, xscale="log", xlabel="scored answers")
        ax.set_xticks(n, n.astype(str))
        ax.minorticks_off()
    axes[0].set_ylabel("quality less refitted, points")
    axes[-1].legend(frameon=False, fontsize=8)
    figure.savefig(FIGURE, dpi=90)


TABLES = newcomers, curves, probes, masked, coverage, time

if __name__ == "__main__":
    write(PAGE, TABLES)
    draw()
