"""
Last month's log, one answer a query: what would the router have been worth?
============================================================================

A production log knows one model's answer to each query: that of the model that was
called. If the calls were made with known probabilities, the value of *other* choices
can still be estimated, with an interval. Here all answers are known as well, so that
the estimates can be held against the truth.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from sklroute import FixedRouter, LoggedOutcomes, RidgeRouter
from sklroute.datasets import make_routing
from sklroute.metrics import (
    doubly_robust_value,
    ips_value,
    paired_bootstrap,
    realised_quality,
)
from sklroute.policies import MaxUtility

data = make_routing(6000, n_models=4, random_state=0)

# %%
# The log: the old system tossed a loaded coin for each query, and wrote down how it was
# loaded, the *propensity*.

share = np.array([0.4, 0.3, 0.2, 0.1])
called = np.random.default_rng(0).choice(4, p=share, size=6000)
query = np.arange(6000)
calls = pd.DataFrame(
    {
        "query": query,
        "model": data.y.models[called],
        "quality": data.y.quality[query, called],
        "cost": data.y.cost[query, called],
        "propensity": share[called],
    }
)
log = LoggedOutcomes.from_long(calls)
log

# %%
# Half of the log is there to learn from, half to value what was learned.

old, new = slice(0, 3000), slice(3000, None)
router = RidgeRouter().fit(data.X[old], log[old])
single = FixedRouter().fit(data.X[old], log[old])
predicted = router.predict_quality(data.X[new])

candidates = {
    "router, quality first": router.predict(data.X[new]),
    "router, cost counts": router.predict(data.X[new], policy=MaxUtility(0.02)),
    "always the best model": single.predict(data.X[new]),
    "the old coin": np.random.default_rng(1).choice(data.y.models, 3000, p=share),
}

# %%
# Two estimators: inverse propensity (no model of the outcomes, wide) and doubly robust
# (leans on the router's predictions, and stays right where they are wrong). Crosses are
# the truth, which no log can tell.

figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for place, choice in enumerate(candidates.values()):
    values = {
        "inverse propensity": ips_value(log[new], choice, reduce=None),
        "doubly robust": doubly_robust_value(log[new], choice, predicted, reduce=None),
    }
    for offset, (method, value) in zip((0.12, -0.12), values.items(), strict=True):
        estimate, low, high = paired_bootstrap(value, random_state=0)
        ax.errorbar(
            estimate,
            place + offset,
            xerr=[[estimate - low], [high - estimate]],
            fmt="o",
            color="0.6" if offset > 0 else "tab:blue",
            label=None if place else method,
        )
    truth = realised_quality(data.y[new], choice)
    ax.plot(truth, place, "kx", markersize=9, label=None if place else "truth")
ax.set_yticks(range(len(candidates)), candidates)
ax.invert_yaxis()
ax.set_xlabel("Mean quality")
ax.legend(loc="lower right")
ax.spines[["top", "right"]].set_visible(False)

# %%
# All intervals hold the truth, and the doubly robust ones are narrower. What can go
# wrong (propensities that are not those of the call, models that the log never tried)
# is in :doc:`/guarantees`.
