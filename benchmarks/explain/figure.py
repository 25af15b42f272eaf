"""Draw the decision of the page on explanations.

    python benchmarks/explain/figure.py

writes ``docs/images/explain.png``. The query is the first one of the test part; nothing
was looked at to choose it.
"""

import argparse
from pathlib import Path

import matplotlib
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline

from sklroute import KernelRouter
from sklroute.datasets import load_visual_qa
from sklroute.displays import ExplanationDisplay
from sklroute.features import BlockScaler
from sklroute.policies import MaxUtility

DOCS = Path(__file__).parents[2] / "docs"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", default=DOCS / "images" / "explain.png")
    args = parser.parse_args()
    matplotlib.use("Agg")
    data = load_visual_qa()
    split = GroupShuffleSplit(1, test_size=0.3, random_state=0)
    train, test = next(split.split(data.X, groups=data.groups))
    router = make_pipeline(BlockScaler(data.modalities), KernelRouter(random_state=0))
    router.fit(data.X[train], data.y[train])
    row = test[0]
    display = ExplanationDisplay.from_estimator(
        router,
        data.X[[row]],
        available=data.y.models != "pretrained-cnn",
        policy=MaxUtility(cost_weight=0.001),
        name=f'"{data.question[row]}" (picture: {data.condition[row]})',
        cost_unit="MFLOPs",
    )
    display.figure_.savefig(args.out, dpi=85)
    print(display.explanation)


if __name__ == "__main__":
    main()
