"""From the models that a router was fitted on to those it chooses from now."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sklroute.pool._basis import Basis
from sklroute.pool._belief import Belief

NEW = -1


class Pool(NamedTuple):
    """The models to choose from, each with what is known of it.

    A model that the router was fitted on is expected to be as good as the router
    predicts, a new one as good as the mean of the fitted ones. Where answers have come
    in since, the belief of a model says how far it departs from that. The pool never
    changes in place: every change gives a new one.
    """

    column: NDArray
    """(n_models,) column of each model among the fitted ones; -1 for a new one."""
    beliefs: tuple[Belief | None, ...]
    """Of each model; None where no answer has come in since the fit."""
    basis: Basis
    """The features in which departures are linear."""
    n_fitted: int
    """Number of models that the router was fitted on."""

    @classmethod
    def of_fitted(cls, n_fitted: int, basis: Basis) -> "Pool":
        """The pool right after a fit."""
        return cls(np.arange(n_fitted), (None,) * n_fitted, basis, n_fitted)

    # -- changes -----------------------------------------------------------------

    def insert(self, place: int, column: int, belief: Belief | None) -> "Pool":
        """Return the pool with one more model, at a place."""
        before, after = self.beliefs[:place], self.beliefs[place:]
        return self._replace(
            column=np.insert(self.column, place, column),
            beliefs=(*before, belief, *after),
        )

    def take(self, places: Sequence[int]) -> "Pool":
        """Return the pool of the models at some places, in that order."""
        beliefs = tuple(self.beliefs[place] for place in places)
        return self._replace(column=self.column[list(places)], beliefs=beliefs)

    def replace(self, place: int, belief: Belief) -> "Pool":
        """Return the pool with another belief of one model."""
        beliefs = list(self.beliefs)
        beliefs[place] = belief
        return self._replace(beliefs=tuple(beliefs))

    def of_fitted_models(self, table: NDArray) -> NDArray[np.float64]:
        """From columns of today's models to (n_queries, n_fitted); NaN = removed."""
        fitted = np.full((len(table), self.n_fitted), np.nan)
        old = self.column != NEW
        fitted[:, self.column[old]] = table[:, old]
        return fitted

    # -- predictions -------------------------------------------------------------

    @property
    def is_as_fitted(self) -> bool:
        """Whether nothing has changed since the fit."""
        return not any(self.beliefs) and np.array_equal(
            self.column, np.arange(self.n_fitted)
        )

    def expected(self, fitted: NDArray) -> NDArray:
        """Expect of each model what is known without its beliefs.

        From (n_queries, n_fitted, ...), something predicted for the models that the
        router was fitted on, to (n_queries, n_models, ...): a new model gets their
        mean.
        """
        table = fitted[:, self.column]
        new = self.column == NEW
        if new.any():
            table[:, new] = fitted.mean(axis=1, keepdims=True)
        return table

    def quality(self, X: NDArray, fitted: NDArray) -> NDArray:
        """Quality of every model, from that of the fitted ones for the same queries."""
        if self.is_as_fitted:
            return fitted
        quality = self.expected(fitted)
        known = [place for place, belief in enumerate(self.beliefs) if belief]
        if known:
            features = self.basis(X, fitted)
        for place in known:
            # Each by itself: in one product the number of models changes the rounding.
            departed = quality[:, place] + features @ self.beliefs[place].coef
            quality[:, place] = departed.clip(0.0, 1.0)
        return quality

    def std(
        self, X: NDArray, fitted: NDArray, prior: Sequence[Belief]
    ) -> NDArray[np.float64]:
        """Standard deviation of the expected quality, (n_queries, n_models).

        ``prior`` is what to believe of each model of which no answer has come in.
        """
        features = self.basis(X, fitted)
        beliefs = [old or first for old, first in zip(self.beliefs, prior, strict=True)]
        variance = [belief.variance_of(features) for belief in beliefs]
        return np.sqrt(np.column_stack(variance))

    def fitted_mask(self, available: NDArray) -> NDArray[np.bool_]:
        """Availability of the fitted models, (n_queries, n_fitted)."""
        mask = np.zeros((len(available), self.n_fitted), dtype=bool)
        old = self.column != NEW
        mask[:, self.column[old]] = available[:, old]
        return mask
