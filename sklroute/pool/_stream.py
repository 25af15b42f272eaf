"""Routers that learn from outcomes as they come in."""

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import _check_sample_weight

from sklroute.outcomes import check_outcomes
from sklroute.pool._belief import Belief


class StreamMixin:
    """The part of a router that learns how far models depart from what it predicts."""

    def partial_fit(
        self,
        X: ArrayLike,
        y: Any,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        *,
        half_life: float | None = None,
    ):
        """Learn from outcomes as they come in, without a refit.

        What is learnt is how far each model departs from what was predicted for it:
        on all queries, on those on which the models differ in some way, and on those
        like some other query. The first call of an unfitted router is its ``fit``,
        which forgets nothing.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Features of the queries, the oldest first.
        y : Outcomes or any form that `check_outcomes` accepts
            Their outcomes, of all models or only of those that were called: what was
            not observed is NaN, and a model that was never called may be left out.
            Costs are not learnt from, see `set_costs`.
        classes : array-like of shape (n_models,), default=None
            Names of all models; needed in a first call with 1-D labels that do not
            name them all.
        sample_weight : array-like of shape (n_queries,), default=None
            Weights of the queries, >= 0.
        half_life : float, default=None
            Number of queries after which an outcome counts for one half, > 0: for
            models that drift. None never forgets.

        Returns
        -------
        self : object
            The router.
        """
        if not hasattr(self, "pool_"):
            y = check_outcomes(y, models=classes)
            return self.fit(X, y, sample_weight=sample_weight)
        X = self._check_X(X, reset=False)
        quality = self._aligned(y, len(X)).quality
        weight = _check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
        decay = 1.0
        if half_life is not None:
            if not isinstance(half_life, Real) or not half_life > 0:
                raise ValueError(f"half_life must be > 0; got {half_life!r}.")
            decay = 0.5 ** (1 / half_life)
        age = np.arange(len(X))[::-1]
        self._learn(X, quality, weight * decay**age, decay ** len(X))
        return self

    # -- shared parts ------------------------------------------------------------

    def _learn(self, X, quality, weight, decay) -> None:
        """Update the belief of every model that was observed, or has one."""
        fitted = self._predict_quality(X)
        features = self.pool_.basis(X, fitted)
        departure = quality - self.pool_.expected(fitted)
        pool = self.pool_
        for place, prior in enumerate(self._prior_beliefs()):
            belief = pool.beliefs[place]
            seen = ~np.isnan(quality[:, place])
            if seen.any() or (belief and decay < 1):
                belief = (belief or prior).learn(
                    features[seen], departure[seen, place], weight[seen], decay
                )
                pool = pool.replace(place, belief)
        self.pool_ = pool

    def _prior_beliefs(self) -> list[Belief]:
        n_basis = self.pool_.basis.n_features
        noise = self.mean_quality_ * (1 - self.mean_quality_)
        return [Belief.fitted(n_basis, variance) for variance in noise]
