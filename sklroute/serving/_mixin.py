"""Fitted routers as files, and in NumPy alone."""

import os
from copy import deepcopy

from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from sklroute.persistence import save
from sklroute.serving._choosing import DEFAULT_TEMPERATURE
from sklroute.serving._parts import Part, Pooled
from sklroute.serving._router import CompiledRouter

HOOKS = {
    "_compiled_part": (
        "_predict_quality",
        "predict_quality",
        "_predict_moments",
        "_pool_moments",
        "predict_distribution",
    ),
    "_compiled_cost": ("_predict_cost", "predict_cost"),
    "_choice_rule": ("_policy_arrays", "predict_utility", "predict_proba", "predict"),
}
"""The methods that each hook stands for: who overrides one overrides its hook, too."""


class ServingMixin:
    """Save and compile a fitted router.

    A router that can be compiled overrides ``_compiled_part``, and ``_compiled_cost``
    if its costs are not those of all routers.
    """

    _compiled_steps: tuple[str, ...] = ()
    """Steps of its own on the way to what ``_compiled_part`` stands for."""

    def save(self, path: str | os.PathLike) -> None:
        """Write the fitted router into one file, see `sklroute.persistence.save`.

        Parameters
        ----------
        path : path-like
            Where to write; by custom ``router.sklroute``.
        """
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
        _check_hooks(type(self))
        part = self._compiled_part()
        if not self.pool_.is_as_fitted:
            part = Pooled(part, self.pool_)
        return CompiledRouter(
            part,
            classes=self.classes_,
            n_features=self.n_features_in_,
            names=getattr(self, "feature_names_in_", None),
            policy=deepcopy(self._policy(None)),
            quality=self.mean_quality_,
            cost=self._compiled_cost(),
            temperature=getattr(self, "temperature_", DEFAULT_TEMPERATURE),
            rule=self._choice_rule(),
        )

    # -- hooks ---------------------------------------------------------------------

    def _compiled_part(self) -> Part:
        """The quality of the fitted models as a function of checked features."""
        raise TypeError(f"{type(self).__name__} cannot be compiled.")

    def _compiled_cost(self) -> NDArray:
        return self.mean_cost_


def _check_hooks(kind: type) -> None:
    """Refuse a class that overrides a method and not the hook that stands for it."""
    classes = kind.__mro__
    base = next(i for i, c in enumerate(classes) if ServingMixin in c.__bases__)
    for hook, methods in HOOKS.items():
        own = kind._compiled_steps if hook == "_compiled_part" else ()
        for owner in classes[:base]:
            if hook in vars(owner):
                break
            for method in (*methods, *own):
                if method in vars(owner):
                    raise TypeError(
                        f"{kind.__name__} cannot be compiled: {owner.__name__} "
                        f"overrides {method} and not {hook}."
                    )
