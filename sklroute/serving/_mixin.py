"""Fitted routers as files, and in NumPy alone."""

import os
from typing import Any

from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from sklroute.persistence import save
from sklroute.serving._parts import Part, Pooled
from sklroute.serving._router import CompiledRouter

DEFAULT_TEMPERATURE = 0.05  # of predict_proba, in units of utility


class ServingMixin:
    """Save and compile a fitted router.

    A router that can be compiled overrides ``_compiled_part``, and the other two hooks
    if its costs or its choices are not those of all routers.
    """

    def save(self, path: str | os.PathLike) -> None:
        """Write the fitted router into one file, see `sklroute.persistence.save`.

        Parameters
        ----------
        path : path-like
            Where to write; by custom ``router.sklroute``.
        """
        check_is_fitted(self)
        save(self, path)

    def compile(self) -> CompiledRouter:
        """The router as it predicts, in NumPy alone: fast for single queries.

        It makes the same choices, up to rounding: scalings and projections are folded
        into the first layer.

        Returns
        -------
        compiled : CompiledRouter
            With ``predict`` and its like, ``policy`` and ``classes_`` as they are now.

        Raises
        ------
        TypeError
            If a part of the router has no NumPy form; the message names it.
        """
        check_is_fitted(self)
        part = self._compiled_part()
        if not self.pool_.is_as_fitted:
            part = Pooled(part, self.pool_)
        return CompiledRouter(
            part,
            classes=self.classes_,
            n_features=self.n_features_in_,
            names=getattr(self, "feature_names_in_", None),
            policy=self._policy(None),
            cost=self._compiled_cost(),
            temperature=getattr(self, "temperature_", DEFAULT_TEMPERATURE),
            rule=self._compiled_rule(),
        )

    # -- hooks ---------------------------------------------------------------------

    def _compiled_part(self) -> Part:
        """The quality of the fitted models as a function of checked features."""
        raise TypeError(f"{type(self).__name__} cannot be compiled.")

    def _compiled_cost(self) -> NDArray:
        return self.mean_cost_

    def _compiled_rule(self) -> Any:
        """What narrows the choice beside the policy, if anything does."""
        return None
