"""
A first router: better than the best model, for a third of its cost
===================================================================

Eight models answer questions about pictures. The best of them is right 89 times in a
hundred and costs a hundred times as much as the next. Yet on one query in ten *another*
one is right where it is wrong. A router that looks at the query alone, before any model
is called, finds many of these.
"""

# %%
# The table
# ---------
#
# The bundled table holds what each of eight really trained models answered to 5,817
# questions about 2,000 pictures, and what each call cost, in millions of arithmetic
# operations (MFLOPs). ``X`` holds an embedding of the picture beside one of the
# question; ``y`` holds quality and cost of every answer.

from sklroute.datasets import load_visual_qa

data = load_visual_qa()
data.y

# %%
data.y.to_frame().mean().unstack(level=0)[["quality", "cost"]].round(3)

# %%
# Several questions are about the same picture, so whole pictures go to the training or
# to the test part. Split by question, a router could recognise the picture.

from sklearn.model_selection import GroupShuffleSplit

splitter = GroupShuffleSplit(n_splits=1, test_size=0.4, random_state=0)
train, test = next(splitter.split(data.X, groups=data.groups))

# %%
# The router
# ----------
#
# Every router is a scikit-learn classifier whose classes are the models. ``fit`` learns
# how good *each* candidate would be; ``predict`` names the one to call.

from sklroute import KernelRouter

router = KernelRouter(random_state=0)
router.fit(data.X[train], data.y[train], groups=data.groups[train])
chosen = router.predict(data.X[test])
chosen[:5]

# %%
# Some of the pictures are at hand. Below each question, the model that is called:

import matplotlib.pyplot as plt

shown = [i for i, row in enumerate(test) if data.groups[row] in data.pictures]
figure, axes = plt.subplots(1, 4, figsize=(11, 3.4), layout="constrained")
for ax, i in zip(axes, shown[::3], strict=False):
    ax.imshow(data.pictures[data.groups[test[i]]])
    ax.set_title(f"{data.question[test[i]]}\n{chosen[i]}", fontsize=9)
    ax.set_axis_off()

# %%
# What is it worth on pictures that it has not seen? Against the model that was best on
# the *training* queries, query by query, with an interval over pictures:

import numpy as np

from sklroute.metrics import (
    best_single,
    paired_bootstrap,
    realised_cost,
    realised_quality,
)

y_test = data.y[test]
single = np.full(len(test), best_single(data.y[train]))
gain = paired_bootstrap(
    realised_quality(y_test, chosen, reduce=None),
    realised_quality(y_test, single, reduce=None),
    groups=data.groups[test],
    random_state=0,
)
share = realised_cost(y_test, chosen) / realised_cost(y_test, single)
print(f"best single model: {realised_quality(y_test, single):.1%}, {single[0]}")
print(f"router:            {realised_quality(y_test, chosen):.1%}")
print("gain in points:    {:+.1f} [{:+.1f}, {:+.1f}]".format(*(100 * np.array(gain))))
print(f"its calls cost     {share:.0%} as much")

# %%
# The frontier
# ------------
#
# So far cost did not count. Give it a weight and the router moves to cheaper models;
# the line below is what all weights make of it. Dots are the models one by one, the
# dashed line is what tossing coins between them gives, and the dotted one an oracle
# that knows every answer. (What the encoders of the features cost is not in this
# picture: with a cheap pool like this one it should be, see the benchmark in
# ``benchmarks/end_to_end``.)

from sklroute.displays import FrontierDisplay

FrontierDisplay.from_estimator(
    router, data.X[test], y_test, cost_unit="MFLOPs", cost_scale="log"
)
