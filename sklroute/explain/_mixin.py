"""`explain` for every router, and the hooks by which a router says more."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklroute.explain._evidence import Evidence, mean_quality
from sklroute.explain._explanation import Explanation
from sklroute.explain._router import Moments, explain_router
from sklroute.policies import Policy

NORMAL_80 = 1.2816  # standard deviations to either side that hold 80 %
CLIPPING = "clipping to [0, 1], rounding"


class ExplainMixin:
    """Explanations of a router's choices.

    A router overrides hooks to say more than how good the models are on average:

    - ``_explain_evidence(X, available, better, worse)`` returns ``Evidence`` on the two
      models of each query, of those that the router was fitted on; what its additive
      parts do not explain of the difference in predicted quality is called
      ``_explained_rest``;
    - ``_ablated_moments(X, available, policy)`` yields the predictions for the pool
      without each block of the features;
    - ``_draws`` is True where the choice is drawn at random;
    - ``_reads_features`` is False where there is nothing to ablate;
    - ``_quality_interval(X, available)`` returns bounds of the predicted quality;
    - ``_explained_quality(X, quality)`` returns the quality to report, where the
      policy was shown something else;
    - ``_held_back()`` says why the router does not consider a model that it may call.
    """

    _explained_rest = "what the features add"
    _reads_features = True
    _draws = False

    def explain(
        self,
        X: ArrayLike,
        *,
        available: ArrayLike | None = None,
        costs: ArrayLike | None = None,
        policy: Policy | None = None,
    ) -> Explanation:
        """Say which model is called for each query, by how much, and why.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Features of the queries.
        available, costs, policy
            As in `RouterMixin.predict`.

        Returns
        -------
        explanation : Explanation
            With the tables ``models``, ``evidence`` and ``decisions``.

        Examples
        --------
        >>> from sklroute.baselines import ClusterRouter
        >>> from sklroute.datasets import make_routing
        >>> data = make_routing(n_queries=300, random_state=0)
        >>> router = ClusterRouter(8, random_state=0).fit(data.X, data.y)
        >>> explanation = router.explain(data.X[:2])
        >>> bool((explanation.decisions["choice"] == router.predict(data.X[:2])).all())
        True
        >>> list(explanation[0].evidence["source"])
        ['mean quality', 'cluster', 'block']
        """
        return explain_router(self, X, available=available, costs=costs, policy=policy)

    # -- hooks ---------------------------------------------------------------------

    def _explain_evidence(
        self, X: NDArray, available: NDArray, better: NDArray, worse: NDArray
    ) -> list[Evidence]:
        return [mean_quality(self.fitted_quality_, better, worse)]

    def _ablated_moments(
        self, X: Any, available: NDArray, policy: Policy
    ) -> Iterator[Moments]:
        # Without any feature the models' mean quality is all there is to go by.
        yield "all features", np.tile(self.mean_quality_, (len(X), 1)), None

    def _quality_interval(self, X: NDArray, available: NDArray) -> tuple:
        fitted = self._predict_quality(X)
        quality = self.pool_.quality(X, fitted)
        margin = NORMAL_80 * self.pool_.std(X, fitted, self._prior_beliefs())
        return (quality - margin).clip(0.0, 1.0), (quality + margin).clip(0.0, 1.0)

    def _explained_quality(self, X: NDArray, quality: NDArray) -> NDArray:
        return quality

    def _held_back(self) -> str:
        return f"not considered by {type(self).__name__}"
