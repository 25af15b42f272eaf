"""
Three ways to say what you want: a weight, a floor, a budget
============================================================

A router predicts how good every candidate's answer would be. What to do with these
numbers is another question, and it is answered by a policy: *what is a point of quality
worth to me* (``MaxUtility``), *good enough, as cheaply as possible*
(``CheapestAbove``), *no more than so much on average* (``Budget``). All three move
along nearly the same line; they differ in which end of it you hold in your hand.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklroute import RidgeRouter
from sklroute.datasets import make_routing
from sklroute.displays import FrontierDisplay
from sklroute.metrics import realised_cost, realised_quality
from sklroute.policies import Budget, CheapestAbove, MaxUtility

data = make_routing(4000, n_models=6, random_state=0)
train, test = np.arange(2500), np.arange(2500, 4000)
router = RidgeRouter().fit(data.X[train], data.y[train])

# %%
# The router is fitted once. A policy is handed to ``predict``; it could as well be a
# parameter of the router (``RidgeRouter(policy=...)``).

policies = {
    "weight: MaxUtility": [MaxUtility(w) for w in (0.0, 0.01, 0.02, 0.04, 0.1)],
    "floor: CheapestAbove": [CheapestAbove(q) for q in (0.4, 0.5, 0.6, 0.7, 0.8)],
    "budget: Budget": [Budget(mean_cost=c) for c in (2, 4, 6, 8, 10)],
}


def cost_and_quality(policy):
    """What the choices really cost, and how good they really were."""
    chosen = router.predict(data.X[test], policy=policy)
    return realised_cost(data.y[test], chosen), realised_quality(data.y[test], chosen)


points = {
    name: np.array([cost_and_quality(policy) for policy in family])
    for name, family in policies.items()
}

# %%
# One picture for all. The line is the router's frontier, which ``MaxUtility`` traces by
# definition.

figure, ax = plt.subplots(figsize=(9, 4.8), layout="constrained")
FrontierDisplay.from_estimator(
    router,
    data.X[test],
    data.y[test],
    name="ridge router",
    ax=ax,
    curve_kwargs={"color": "0.75"},
)
for (name, values), marker in zip(points.items(), "osD", strict=True):
    ax.plot(*values.T, marker, label=name, markersize=7, zorder=4)
ax.legend(fontsize="small")

# %%
# A floor costs more than a weight for the same quality: it pays for the last query that
# does not reach it, whatever that costs. Its strength is that everybody understands it.
# A budget is kept in *predicted* cost. What was really paid comes close, as the cost of
# a single call cannot be known beforehand:

for policy, (cost, _) in zip(
    policies["budget: Budget"], points["budget: Budget"], strict=True
):
    print(f"{policy}: paid {cost:.2f}")

# %%
# Which weight? If you know what a right answer is worth, that is the answer: with 0.50
# USD for a right answer and costs in USD, ``cost_weight=1 / 0.5``. If you do not, look
# at the picture and take the weight where the curve begins to flatten, on validation
# queries and not on those that you report.
