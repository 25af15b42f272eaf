"""
Three in the morning, the best model is down: the router knows who takes over
=============================================================================

Providers fail, quotas run out, a model cannot see pictures. Which models may be called
now is an argument of ``predict``, not a reason to fit again. The router has predicted
the quality of *every* candidate anyway, so each query goes to the model that is next
best for it. A fixed fallback sends all queries to one model.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from sklroute import KernelRouter
from sklroute.datasets import load_visual_qa
from sklroute.metrics import best_single, realised_quality, traffic_share

data = load_visual_qa()
split = GroupShuffleSplit(n_splits=1, test_size=0.4, random_state=0)
train, test = next(split.split(data.X, groups=data.groups))
router = KernelRouter(random_state=0).fit(data.X[train], data.y[train])
X_test, y_test, models = data.X[test], data.y[test], data.y.models

# %%
# ``available`` is a mask in the order of ``classes_`` (or a Series with their names),
# for all queries or row by row. A masked model has probability 0 and is never chosen.

up = router.classes_ != "pretrained-cnn"
usual = router.predict(X_test)
without = router.predict(X_test, available=up)
float(router.predict_proba(X_test, available=up)[:, ~up].max())

# %%
# Who takes over? Not one model: the queries spread over the others by what each is good
# at.

shares = [traffic_share(usual, models), traffic_share(without, models)]
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
place = np.arange(len(models))
ax.barh(place + 0.2, shares[0], 0.38, label="all models up", color="0.75")
ax.barh(place - 0.2, shares[1], 0.38, label="pretrained-cnn down", color="tab:orange")
ax.set_yticks(place, models)
ax.set_xlabel("Share of the queries")
ax.legend()
ax.spines[["top", "right"]].set_visible(False)

# %%
# What it costs, beside the usual plan B, which is the second best model for all:

rest = data.y[train].quality[:, up].mean(axis=0).argmax()
plan_b = np.full(len(test), models[up][rest])
plan_a = np.full(len(test), best_single(data.y[train]))
for name, choice in {
    f"always {plan_a[0]}": plan_a,
    "router, all up": usual,
    f"fallback to {plan_b[0]}": plan_b,
    "router, best model down": without,
}.items():
    print(f"{name:<25} {realised_quality(y_test, choice):.1%}")
