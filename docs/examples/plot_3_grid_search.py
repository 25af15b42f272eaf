"""
Tuning a whole pipeline: reduction, router and all, by what it earns
====================================================================

``Outcomes`` goes wherever scikit-learn takes a ``y``, so a search over a pipeline needs
nothing new but the right score: what the choices were *worth*, not how often they hit
the best model. Here a search finds out how many principal components a
nearest-neighbour router wants, and how many neighbours.
"""

import matplotlib.pyplot as plt
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, GroupKFold, GroupShuffleSplit
from sklearn.pipeline import Pipeline

from sklroute import KNNRouter
from sklroute.datasets import load_visual_qa
from sklroute.features import BlockScaler
from sklroute.model_selection import utility_scorer

data = load_visual_qa()
split = GroupShuffleSplit(n_splits=1, test_size=0.4, random_state=0)
train, test = next(split.split(data.X, groups=data.groups))

# %%
# ``BlockScaler`` brings the block of the picture and that of the question to the same
# scale. Groups (pictures) keep questions about one picture in one fold.

pipeline = Pipeline(
    [
        ("scale", BlockScaler(data.modalities)),
        ("pca", PCA(random_state=0)),
        ("router", KNNRouter()),
    ]
)
search = GridSearchCV(
    pipeline,
    {
        "pca__n_components": [8, 32, 128],
        "router__n_neighbors": [3, 10, 30, 100, 300],
    },
    scoring=utility_scorer(),
    cv=GroupKFold(3),
)
search.fit(data.X[train], data.y[train], groups=data.groups[train])
search.best_params_

# %%
# What matters is how many neighbours are asked: three are noise, three hundred are no
# neighbours any more, and a *k* of about five, as in many programs, costs two points or
# more. A longer description of the query helps by another point.

scores = search.cv_results_["mean_test_score"].reshape(3, 5)
figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for n_components, row in zip([8, 32, 128], scores, strict=True):
    ax.plot([3, 10, 30, 100, 300], row, "o-", label=f"{n_components} components")
ax.set_xscale("log")
ax.set_xticks([3, 10, 30, 100, 300], [3, 10, 30, 100, 300])
ax.minorticks_off()
ax.set(
    xlabel="Neighbours",
    ylabel="Mean quality of the choices\n(three folds of pictures)",
)
ax.legend()
ax.spines[["top", "right"]].set_visible(False)

# %%
# The test queries are touched once, by the winner. A fitted search is a router to
# everything in sklroute; ``score`` is the mean quality of its choices.

print(f"{utility_scorer()(search, data.X[test], data.y[test]):.1%}")
