"""A router that only predicts."""

import math
import os
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from sklroute.outcomes._values import float_array
from sklroute.policies import MaxUtility, Policy
from sklroute.serving._choosing import check_policy, read_available, read_costs
from sklroute.serving._deciding import DecidingMixin
from sklroute.serving._distribution import QualityDistribution
from sklroute.serving._onnx import export_onnx
from sklroute.serving._parts import Part, in_chunks
from sklroute.serving._steps import Steps

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class CompiledRouter(DecidingMixin):
    """The predictions of a fitted router, in NumPy alone.

    `RouterMixin.compile` makes it, and ``sklroute.load(path, compiled=True)`` without
    importing torch. For a single query scikit-learn's checks of parameters and inputs
    take longer than the router itself; here they are left out or cheap. It is
    immutable: several threads may use one.

    Parameters
    ----------
    part : Part
        From checked features to the quality of every model.
    classes : ndarray of shape (n_models,)
        Names of the models, sorted.
    n_features : int
        Number of features.
    names : ndarray of shape (n_features,) or None
        Names of the features.
    policy : Policy
        The policy to use where none is given.
    quality, cost : ndarray of shape (n_models,)
        Mean observed quality of each model, and its predicted cost; NaN = unknown.
    temperature : float
        Of `predict_proba`.
    rule : object, default=None
        What narrows the choice beside the policy.

    Attributes
    ----------
    classes_ : ndarray of shape (n_models,)
        Names of the models, sorted.
    policy : Policy
        A copy of the router's own policy.
    mean_quality_, mean_cost_ : ndarray of shape (n_models,)
        Mean observed quality of each model, and its predicted cost; NaN = unknown.
    temperature_ : float
        Of `predict_proba`.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,) or None
        Names of the features, where the router has them. They are compared with those
        of a DataFrame.

    Examples
    --------
    >>> from sklroute import RidgeRouter
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=300, random_state=0)
    >>> router = RidgeRouter().fit(data.X, data.y)
    >>> fast = router.compile()
    >>> bool((fast.predict(data.X) == router.predict(data.X)).all())
    True
    """

    def __init__(
        self,
        part: Part,
        *,
        classes: NDArray,
        n_features: int,
        names: NDArray | None,
        policy: Policy,
        quality: NDArray,
        cost: NDArray,
        temperature: float,
        rule: Any = None,
    ):
        self.classes_ = classes
        self.n_features_in_ = n_features
        self.feature_names_in_ = names
        self._own_policy = policy
        self.mean_quality_ = quality
        self.mean_cost_ = cost
        self.temperature_ = temperature
        self._part = part
        self._rule = rule
        self._prepare()

    def _prepare(self) -> None:
        """Rank the models for the choices of `MaxUtility`, whose ties go by cost."""
        policy, cost = self._own_policy, self.mean_cost_
        weight = getattr(policy, "cost_weight", 0.0)
        known = weight == 0 or bool(np.isfinite(cost).all())
        plain = type(policy) is MaxUtility and known and self._rule is None
        self._ranking = None
        if plain and not (cost < 0).any():
            policy._validate_params()
            self._ranking = np.argsort(np.nan_to_num(cost, nan=np.inf), kind="stable")
            self._ranked = self.classes_[self._ranking]
            self._price = weight * cost[self._ranking] if weight else None

    def __repr__(self) -> str:
        shape = f"{len(self.classes_)} models, {self.n_features_in_} features"
        return f"<CompiledRouter: {shape}, {self._own_policy!r}>"

    @property
    def policy(self) -> Policy:
        """A copy of the router's own policy."""
        return deepcopy(self._own_policy)

    def after(self, steps: Steps, n_features: int, names: NDArray | None):
        """Put steps of a pipeline before it.

        Parameters
        ----------
        steps : Steps
            Compiled transformers.
        n_features : int
            Number of features that the first step takes.
        names : ndarray of shape (n_features,) or None
            Their names.

        Returns
        -------
        router : CompiledRouter
        """
        return CompiledRouter(
            self._part.after(steps),
            classes=self.classes_,
            n_features=n_features,
            names=names,
            policy=self._own_policy,
            quality=self.mean_quality_,
            cost=self.mean_cost_,
            temperature=self.temperature_,
            rule=self._rule,
        )

    def predict_quality(self, X: ArrayLike) -> NDArray[np.float64]:
        """Expected quality of every model.

        Parameters and returns are those of `RouterMixin.predict_quality`, without
        ``std``.
        """
        return self._quality(self._check_X(X))

    def predict_cost(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predicted cost of every model.

        Parameters and returns are those of `RouterMixin.predict_cost`.
        """
        return np.tile(self.mean_cost_, (len(self._check_X(X)), 1))

    def predict_distribution(self, X: ArrayLike) -> QualityDistribution:
        """Distribution of the quality; a latent router has it.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Features of the queries.

        Returns
        -------
        distribution : QualityDistribution
        """
        return self._part.distribution(self._check_X(X))

    def predict(
        self,
        X: ArrayLike,
        *,
        available: ArrayLike | None = None,
        costs: ArrayLike | None = None,
        policy: Policy | None = None,
    ) -> NDArray:
        """Name of the model to call for each query.

        Parameters are those of `predict_utility`.

        Returns
        -------
        models : ndarray of shape (n_queries,)
            Entries of ``classes_``.
        """
        if costs is None and policy is None and self._ranking is not None:
            return self._predict_ranked(X, available)
        return super().predict(X, available=available, costs=costs, policy=policy)

    def _predict_ranked(self, X, available):
        """What `MaxUtility` chooses, in few steps."""
        X = self._check_X(X)
        utility = self._quality(X)[:, self._ranking]
        if self._price is not None:
            utility -= self._price
        if available is not None:
            mask = read_available(available, self.classes_, len(X))
            utility = np.where(mask[:, self._ranking], utility, -np.inf)
        return self._ranked[utility.argmax(axis=1)]

    def to_onnx(self, path: str | os.PathLike) -> None:
        """Write an ONNX model, see `sklroute.serving.export_onnx`.

        Parameters
        ----------
        path : path-like
            Where to write.
        """
        export_onnx(self, path)

    # -- shared parts ----------------------------------------------------------------

    def _quality(self, X) -> NDArray[np.float64]:
        return in_chunks(self._part, X)

    def _check_X(self, X) -> NDArray:
        if type(X) is not np.ndarray:
            X = self._named(X)
        if X.dtype not in FLOATS:
            if X.dtype.kind == "c":
                raise ValueError("X is complex.")
            X = float_array(X, "X") if X.dtype == object else X.astype(np.float64)
        if X.ndim != 2 or X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has shape {X.shape}; expected (n_queries, {self.n_features_in_})."
            )
        if not len(X):
            raise ValueError("X has no query.")
        if not self._part.takes_missing and not _all_finite(X):
            row, column = np.argwhere(~np.isfinite(X))[0]
            raise ValueError(
                f"Input X contains NaN or infinity: row {row}, column {column} is "
                f"{X[row, column]}."
            )
        return X

    def _named(self, X) -> NDArray:
        """An array of what is not one; names of columns must be those of the fit."""
        if issparse(X):
            raise TypeError("X is sparse; use X.toarray().")
        columns = getattr(X, "columns", None)
        if columns is not None and self.feature_names_in_ is not None:
            given, fitted = np.asarray(columns), self.feature_names_in_
            if not np.array_equal(given, fitted):
                raise ValueError(_other_names(given.tolist(), fitted.tolist()))
        return np.asarray(X)

    def _policy_arrays(self, X, available, costs, policy):
        policy = self._policy(policy)
        X = self._check_X(X)
        available = read_available(available, self.classes_, len(X))
        cost = read_costs(
            costs, lambda: self.mean_cost_, self.classes_, available, policy
        )
        if policy.needs_std:
            distribution = self._part.distribution(X)
            quality, std = distribution.mean, distribution.std
        else:
            quality, std = self._quality(X), None
        arrays = {"quality": quality, "cost": cost, "available": available, "std": std}
        if self._rule is None:
            return policy, arrays
        return self._rule.restrict(policy, arrays)

    def _choice_rule(self) -> Any:
        return self._rule

    def _policy(self, policy) -> Policy:
        policy = check_policy(self._own_policy if policy is None else policy)
        if policy.needs_error:
            raise ValueError(
                f"{type(policy).__name__} needs the error of the expected quality, "
                "which a compiled router does not compute: use the router itself."
            )
        return policy


def _other_names(given: list, fitted: list) -> str:
    """Say what is wrong with columns that are not those of the fit, in their order."""
    lacking = [name for name in fitted if name not in given]
    other = [name for name in given if name not in fitted]
    if lacking:
        what = f"there is no {lacking[0]!r}"
    elif other:
        what = f"{other[0]!r} was not there"
    else:
        what = "take X[router.feature_names_in_]"
    return (
        "The columns of X are not those that the router was fitted on, or in another "
        f"order: {what}."
    )


def _all_finite(X: NDArray) -> bool:
    """Whether all values are finite; one product tells, unless it overflows."""
    flat = X.reshape(-1)
    with np.errstate(over="ignore"):
        return math.isfinite(np.dot(flat, flat)) or bool(np.isfinite(X).all())
