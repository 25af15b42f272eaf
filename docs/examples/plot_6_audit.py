"""
Does a router pay? A hundred queries cannot tell
================================================

A router that looks better on a sample may be lucky. ``audit`` gives a verdict with the
interval behind it: *pays*, *does not pay* or *not enough data*, and in the last case
how many queries would tell. Here the truth is known, and the sample grows.
"""

import textwrap

import matplotlib.pyplot as plt
import numpy as np

from sklroute import RidgeRouter
from sklroute.audit import audit
from sklroute.datasets import make_routing

data = make_routing(9000, n_models=6, signal=0.6, random_state=0)
router = RidgeRouter(alpha=1000.0).fit(data.X[:1000], data.y[:1000])

# %%
# Audited on queries that the router has not seen; a sample of each size comes after the
# one before, so that none shares a query with another.

sizes = [50, 100, 200, 400, 800, 1600, 3200]
ends = 1000 + np.cumsum(sizes)
results = [
    audit(router, data.X[end - n : end], data.y[end - n : end], n_permutations=20)
    for n, end in zip(sizes, ends, strict=True)
]
print(textwrap.fill(str(results[1]), 80))

# %%
# The small samples get no more of a verdict than they can support. From 200 queries on
# the verdict stands, and the interval closes in on the truth.

chosen = data.y.index(router.predict(data.X[1000:]))
single = router.mean_quality_.argmax()  # the best model of the training queries
expected = data.quality[1000:]
truth = 100 * (expected[np.arange(8000), chosen] - expected[:, single]).mean()

colours = {"pays": "tab:green", "not enough data": "0.6", "does not pay": "tab:red"}
figure, ax = plt.subplots(figsize=(8, 4), layout="constrained")
for n, result in zip(sizes, results, strict=True):
    row = 100 * result.table[["utility_gain", "utility_gain_low", "utility_gain_high"]]
    gain, low, high = row.iloc[0]
    verdict = result.table["verdict"].item()
    ax.errorbar(n, gain, [[gain - low], [high - gain]], fmt="o", color=colours[verdict])
    ax.annotate(verdict, (n, high), (0, 5), textcoords="offset points", ha="center")
ax.axhline(0, color="0.3", linewidth=1)
ax.axhline(truth, color="tab:blue", linestyle="--", label=f"true gain: {truth:.1f}")
ax.legend(loc="lower right")
ax.set(xscale="log", xlabel="Audited queries", ylabel="Gain over best single, points")
ax.set(xlim=(32, 4500), ylim=(-6, 24))
ax.set_xticks(sizes, sizes)
ax.minorticks_off()
ax.spines[["top", "right"]].set_visible(False)

# %%
# The same from a shell, on a table of your own:
#
# .. code-block:: bash
#
#    sklroute audit calls.csv --features features.npy
#
# :doc:`/evidence` has the rules behind the words, and how often they err.
