"""
Can its numbers be taken at their word? The latent router's can
===============================================================

A policy does arithmetic with predicted quality. "Call the cheapest model that is at
least 70 % sure to be right" means something only if 70 % is 70 %. The latent router
predicts a distribution for every candidate, trained by its likelihood and stopped on
held-out queries; here it stands beside the average of two simple routers.
"""

import matplotlib.pyplot as plt
from sklearn.model_selection import GroupShuffleSplit

from sklroute import AverageRouter, LatentRouterClassifier
from sklroute.datasets import load_visual_qa
from sklroute.displays import CalibrationDisplay, CoverageDisplay
from sklroute.metrics import quality_brier, quality_calibration_error

data = load_visual_qa()
split = GroupShuffleSplit(n_splits=1, test_size=0.4, random_state=0)
train, test = next(split.split(data.X, groups=data.groups))
X_test, y_test = data.X[test], data.y[test]

routers = {
    "latent": LatentRouterClassifier(modalities=data.modalities, random_state=0),
    "average": AverageRouter(),
}
for router in routers.values():
    router.fit(data.X[train], data.y[train], groups=data.groups[train])

# %%
# Calibration
# -----------
#
# All predictions are sorted into ten bins. In each, the mean prediction should be the
# share of right answers. The average of neighbours and logistic regression leans
# towards the middle: where it says 35 %, 15 % are right, and where it says 85 %, 90 %.
# It ranks the models well; a floor in its numbers means something else than it says.

figure, ax = plt.subplots(figsize=(8, 4.8), layout="constrained")
for name, router in routers.items():
    CalibrationDisplay.from_estimator(router, X_test, y_test, name=name, ax=ax)

for name, router in routers.items():
    quality = router.predict_quality(X_test)
    error = quality_calibration_error(y_test, quality)
    print(f"{name}: ECE {error:.3f}, Brier {quality_brier(y_test, quality):.3f}")

# %%
# Coverage
# --------
#
# The same question to the whole distribution: do intervals that should hold 80 % of the
# answers hold 80 %?

CoverageDisplay.from_estimator(routers["latent"], X_test, y_test, name="latent")

# %%
# What it is good for
# -------------------
#
# ``predict_distribution`` gives the chance that an answer reaches a standard. For the
# first three queries, the chance that each candidate is right:

import pandas as pd

answers = routers["latent"].predict_distribution(X_test[:3])
pd.DataFrame(answers.prob_at_least(0.5), columns=y_test.models).T.round(2)
