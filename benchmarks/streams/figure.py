"""Draw the quality of consecutive windows of a stream, from ``curves.csv``.

    python benchmarks/streams/figure.py

writes ``docs/images/streams.png``.
"""

from pathlib import Path

import matplotlib
import pandas as pd
from PIL import Image

matplotlib.use("agg")
import matplotlib.pyplot as plt

HERE = Path(__file__).parent
OUT = HERE.parents[1] / "docs" / "images" / "streams.png"
SHOWN = {  # learner: colour
    "knowing": "black",
    "frozen": "0.6",
    "refits": "tab:brown",
    "alarm and mask": "tab:green",
    "partial_fit": "tab:blue",
    "UCB": "tab:orange",
    "Thompson": "tab:red",
}


def main():
    curves = pd.read_csv(HERE / "curves.csv")
    curves = curves[curves["drift"] == "half"]
    tables = list(curves["table"].unique())
    fig, axes = plt.subplots(
        1, len(tables), figsize=(2.3 * len(tables), 3.2), layout="constrained"
    )
    for ax, name in zip(axes, tables, strict=True):
        for learner, color in SHOWN.items():
            one = curves[(curves["table"] == name) & (curves["learner"] == learner)]
            style = "--" if learner == "knowing" else "-"
            ax.plot(one["query"] + 250, 100 * one["quality"], style, color=color,
                    label=learner, linewidth=1.2)  # fmt: skip
        ax.axvline(10_000, color="0.8", zorder=0)
        ax.set_title(name, fontsize=10)
        ax.set_xlabel("query", fontsize=9)
        ax.tick_params(labelsize=8)
        ax.xaxis.set_major_formatter(lambda x, _: f"{x / 1000:.0f}k")
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("right answers, %, in windows of 500 queries", fontsize=8)
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=len(SHOWN),
        fontsize=8,
        frameon=False,
    )
    OUT.parent.mkdir(exist_ok=True)
    fig.savefig(OUT, dpi=90)
    Image.open(OUT).convert("P", palette=Image.Palette.ADAPTIVE).save(OUT)


if __name__ == "__main__":
    main()
