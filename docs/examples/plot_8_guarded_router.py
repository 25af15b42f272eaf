"""
Not worse than the model in place: a router with a promise
==========================================================

A cost weight makes a router bold: it saves 90 % of the cost and, on bad days, loses
several points of quality. ``GuardedRouter`` lets it leave the model in place only where
held-out queries show that this is safe, and promises: *with probability 90 %, at most
epsilon of quality is lost*. Here is what the promise costs, for several epsilon.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklroute import GuardedRouter, RidgeRouter
from sklroute.datasets import make_routing
from sklroute.metrics import realised_cost, realised_quality
from sklroute.policies import MaxUtility

data = make_routing(12000, n_models=6, random_state=0)
train, new = slice(0, 4000), slice(4000, None)
policy = MaxUtility(cost_weight=0.1)


def change(choice, baseline):
    """Points of quality won, and the share of cost saved, on the new queries."""
    base = np.full(len(choice), baseline)
    y = data.y[new]
    quality = realised_quality(y, choice) - realised_quality(y, base)
    return 100 * quality, 100 * (1 - realised_cost(y, choice) / realised_cost(y, base))


# %%
# The router as it is, and guarded, which takes half of the training queries for the
# test of safety.

epsilons = [0.005, 0.01, 0.02, 0.05]
guards = [
    GuardedRouter(RidgeRouter(), epsilon=epsilon, policy=policy, random_state=0)
    for epsilon in epsilons
]
points = [
    change(
        guard.fit(data.X[train], data.y[train]).predict(data.X[new]), guard.baseline_
    )
    for guard in guards
]
bold = RidgeRouter(policy=policy).fit(data.X[train], data.y[train])
bold_point = change(bold.predict(data.X[new]), guards[0].baseline_)

# %%
# Down is worse than the model in place; dotted lines are what was promised.

figure, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
ax.axhline(0, color="0.3", linewidth=1)
for place, (epsilon, (quality, saved)) in enumerate(zip(epsilons, points, strict=True)):
    colour = f"C{place}"
    ax.plot(saved, quality, "o", color=colour, markersize=9)
    ax.axhline(-100 * epsilon, color=colour, linestyle=":", linewidth=1)
    ax.annotate(
        f"$\\varepsilon$ = {epsilon}",
        (saved, quality),
        (10, -4),
        textcoords="offset points",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
    )
ax.plot(bold_point[1], bold_point[0], "kX", markersize=10)
ax.annotate(
    "without a guard",
    (bold_point[1], bold_point[0]),
    (-100, -4),
    textcoords="offset points",
)
ax.margins(y=0.1)
ax.set(xlabel="Cost saved, %", ylabel="Quality against the model in place, points")
ax.spines[["top", "right"]].set_visible(False)

# %%
# Most of the saving is safe. The promise is about the mean quality on traffic like that
# of the held-out queries; its assumptions are in :doc:`/guarantees`.

for guard in guards:
    print(f"epsilon {guard.epsilon}: threshold {guard.threshold_:.3f}")
