"""Draw pictures of the bundled table, and which model is called for each.

    python benchmarks/visual_qa/figure.py

writes ``docs/images/queries.png``: of the pictures that are stored to be shown, the
first eight of the test part, each with the first question about it; nothing was looked
at to choose them.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.model_selection import GroupShuffleSplit

from sklroute import LatentRouterClassifier
from sklroute.datasets import load_visual_qa

DOCS = Path(__file__).parents[2] / "docs"
N_SHOWN = 8
GREEN, RED, GREY = "#2a7d4f", "#b3372b", "0.45"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", default=DOCS / "images" / "queries.png")
    options = parser.parse_args()
    data = load_visual_qa()
    split = GroupShuffleSplit(1, test_size=0.4, random_state=0)
    train, test = next(split.split(data.X, groups=data.groups))
    router = LatentRouterClassifier(modalities=data.modalities, random_state=0)
    router.fit(data.X[train], data.y[train], groups=data.groups[train])
    _, first = np.unique(data.groups[test], return_index=True)
    rows = [row for row in test[first] if data.groups[row] in data.pictures][:N_SHOWN]
    chosen = router.predict(data.X[rows])
    single = router.classes_[router.mean_quality_.argmax()]
    figure = Figure(figsize=(11, 5.8), layout="constrained")
    figure.get_layout_engine().set(hspace=0.12)
    axes = figure.subplots(2, N_SHOWN // 2).ravel()
    for ax, row, model in zip(axes, rows, chosen, strict=True):
        draw(ax, data, row, {model: "bold", single: "normal"})
    figure.savefig(options.out, dpi=85)


def draw(ax, data, row, models):
    """The picture, the question above, and below it each model's call."""
    ax.imshow(data.pictures[data.groups[row]], interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(data.question[row], fontsize=10.5)
    for line, (model, weight) in enumerate(models.items()):
        column = data.y.models.tolist().index(model)
        right = data.y.quality[row, column] == 1
        ax.text(
            0.5,
            -0.04 - 0.1 * line,
            f"{'✓' if right else '✗'} {model}, {data.y.cost[row, column]:.3g} MFLOPs",
            color=GREY if weight == "normal" else GREEN if right else RED,
            weight=weight,
            fontsize=9,
            ha="center",
            va="top",
            transform=ax.transAxes,
        )


if __name__ == "__main__":
    main()
