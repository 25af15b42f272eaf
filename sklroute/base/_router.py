"""What every router has in common: checks, utilities, choices, probabilities."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples, check_is_fitted, validate_data

from sklroute.base._arrays import (
    all_finite,
    as_floats,
    check_lengths,
    check_weight,
    joined,
    outcomes_of,
    priced,
    weighted_rows,
)
from sklroute.explain import ExplainMixin
from sklroute.metrics import realised_utility
from sklroute.outcomes import Outcomes, check_outcomes
from sklroute.outcomes._logged import check_not_logged
from sklroute.outcomes._values import (
    check_candidates,
    group_array,
    locate_text,
    observed_mean,
    plain,
)
from sklroute.policies import MaxUtility, Policy
from sklroute.pool import PoolMixin
from sklroute.serving._choosing import (
    check_policy,
    read_available,
    read_costs,
)
from sklroute.serving._deciding import DecidingMixin
from sklroute.serving._mixin import ServingMixin


class RouterMixin(
    DecidingMixin, ExplainMixin, PoolMixin, ServingMixin, ClassifierMixin
):
    """Mixin of all routers: the subclass computes, the mixin does the rest.

    A router is a class ``(RouterMixin, BaseEstimator)`` with a constructor parameter
    ``policy`` and two methods on checked arrays:

    - ``_fit(X, outcomes, sample_weight, groups)`` learns;
    - ``_predict_quality(X)`` returns the expected quality of every model that the
      router was fitted on, of shape (n_queries, n_fitted), in [0, 1].

    From then on ``fitted_quality_`` has the means of those models; ``classes_``,
    ``mean_quality_`` and ``mean_cost_`` follow the pool as it changes, see `PoolMixin`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_models,)
        Names of the models, sorted.
    mean_quality_ : ndarray of shape (n_models,)
        Mean observed quality of each model.
    mean_cost_ : ndarray of shape (n_models,)
        Mean observed cost of each model; NaN = unknown.
    fitted_quality_ : ndarray of shape (n_fitted,)
        Mean observed quality of the models that the router was fitted on.
    pool_ : Pool
        What has changed since the fit.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where ``X`` had names.
    """

    # Metadata routing works without any set_*_request call.
    __metadata_request__fit = {"sample_weight": True, "groups": True}
    __metadata_request__predict = {"available": True, "costs": True, "policy": True}
    __metadata_request__predict_proba = __metadata_request__predict
    __metadata_request__partial_fit = {
        "classes": True,
        "sample_weight": True,
        "half_life": True,
    }
    __metadata_request__score = {"sample_weight": True, "available": True}

    _parameter_constraints: dict = {"policy": [Policy, None]}
    _poor_score = False  # whether it may be no better than one model for all queries

    def fit(
        self,
        X: ArrayLike,
        y: Any,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ):
        """Learn how good each model is on which queries.

        If it fails, or is interrupted, the router stays what it was.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Features of the queries.
        y : Outcomes or any form that `check_outcomes` accepts
            What the models' answers were worth.
        sample_weight : array-like of shape (n_queries,), default=None
            Weights of the queries, >= 0. At 0 a query is as good as absent, at 2 it
            counts twice. Their size matters beside a penalty or a shrinkage: those
            that sum to 1 weigh no more than a single query.
        groups : array-like of shape (n_queries,), default=None
            Queries of one group are never split between the parts that a router
            learns from and those on which it tunes itself (variants of one question,
            questions on one image).

        Returns
        -------
        self : object
            The fitted router.
        """
        before = dict(vars(self))
        try:
            return self._fit_checked(X, y, sample_weight, groups)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    def predict_quality(
        self, X: ArrayLike, *, return_std: bool = False
    ) -> NDArray[np.float64] | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Expected quality of every model's answer, if it were called.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Features of the queries.
        return_std : bool, default=False
            Whether to return how uncertain the expectation is, too.

        Returns
        -------
        quality : ndarray of shape (n_queries, n_models)
            Values in [0, 1]; columns in the order of ``classes_``.
        std : ndarray of shape (n_queries, n_models)
            Standard deviation of the expected quality, not of a single answer's: it
            shrinks as answers come in. It counts what ``partial_fit`` can still learn,
            not all that the fit may have missed. Only with ``return_std=True``.
        """
        check_is_fitted(self)
        X = self._check_X(X, reset=False, keep_half=True)
        parts = [self._pool_quality(part, return_std) for _, part in as_floats(X)]
        quality, std = map(joined, zip(*parts, strict=True))
        return (quality, std) if return_std else quality

    def predict_cost(self, X: ArrayLike) -> NDArray[np.float64]:
        """Expected cost of every model's answer: its mean observed cost.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Features of the queries.

        Returns
        -------
        cost : ndarray of shape (n_queries, n_models)
            NaN where no cost was ever observed.
        """
        check_is_fitted(self)
        return self._predict_cost(self._check_X(X, reset=False))

    def score(
        self,
        X: ArrayLike,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        available: ArrayLike | None = None,
    ) -> float:
        """Mean realised utility of the choices.

        The candidates of each query are the models observed and available for it, and
        whose cost is known if it has a price. Decisions use predicted cost; what they
        are worth uses realised cost, at the ``cost_weight`` of the policy, or 0 where
        it has none.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Features of the queries.
        y : Outcomes or any form that `check_outcomes` accepts
            With 1-D labels the score is the accuracy.
        sample_weight : array-like of shape (n_queries,), default=None
            Weights of the queries; as in ``fit``, one of 0 is as good as absent.
        available : as in ``predict``, default=None
            Models that may be called now, besides what ``y`` says.

        Returns
        -------
        score : float
            Higher is better.
        """
        check_is_fitted(self)
        check_lengths(X, y=y)
        rows, weight = weighted_rows(sample_weight, X)
        available = self._available(available, _num_samples(X))[rows]
        X = _safe_indexing(X, rows)
        if np.ndim(y) == 1:
            choice = self.predict(X, available=available)
            return accuracy_score(np.asarray(y)[rows], choice, sample_weight=weight)
        outcomes = outcomes_of(self, y)[rows]
        check_not_logged(outcomes)
        candidates = check_candidates(available & outcomes.candidates)
        if self._cost_weight > 0:
            candidates = priced(outcomes, candidates, self._policy(None))
        utility = realised_utility(
            outcomes,
            self.predict(X, available=candidates),
            cost_weight=self._cost_weight,
            reduce=None,
        )
        return float(np.average(utility, weights=weight))

    # -- shared parts ------------------------------------------------------------

    def _fit_checked(self, X, y, sample_weight, groups):
        self._validate_params()
        X = self._check_X(X, reset=True)
        outcomes = check_outcomes(y, for_fit=True)
        groups = group_array(groups)
        check_lengths(X, y=outcomes, groups=groups)
        weight = check_weight(sample_weight, X)
        self._check_spread(getattr(self, "policy", None))
        kept = weight > 0
        if not kept.all():
            X, outcomes, weight = X[kept], outcomes[kept], weight[kept]
            groups = None if groups is None else groups[kept]
        self._set_pool(outcomes, weight)
        if np.isnan(self.mean_quality_).any():
            model = plain(self.classes_[np.isnan(self.mean_quality_)][0])
            raise ValueError(
                f"Model {model!r} is observed only where sample_weight is 0."
            )
        self._fit(X, outcomes, weight, groups)
        self._set_up_pool(X)
        return self

    def _predict_cost(self, X) -> NDArray[np.float64]:
        return np.tile(self.mean_cost_, (len(X), 1))

    def _check_X(self, X, *, reset: bool, keep_half: bool = False) -> NDArray:
        """Features as floats; half precision stays what it is only if asked for."""
        try:
            checked = validate_data(
                self,
                X,
                reset=reset,
                dtype=(np.float64, np.float32, np.float16),
                ensure_all_finite=False,
            )
        except ValueError as error:
            if "could not convert" not in str(error):
                raise
            where = locate_text(X)
            raise ValueError(
                f"{error}{'' if where is None else f': {where} in X'}. Encode texts "
                "first, e.g. with sklroute.features.TextEmbedder."
            ) from error
        self._check_finite(checked, reset=reset)
        if checked.dtype == np.float16 and not keep_half:
            return checked.astype(np.float32)
        return checked

    def _as_given(self, X: NDArray) -> NDArray | pd.DataFrame:
        """Checked features, with the names that they came with."""
        names = getattr(self, "feature_names_in_", None)
        return X if names is None else pd.DataFrame(X, columns=names)

    def _check_finite(self, X: NDArray, *, reset: bool) -> None:
        """Refuse NaN and infinity; a router that takes missing blocks overrides it."""
        if all_finite(X):
            return
        row, column = np.argwhere(~np.isfinite(X))[0]
        name = getattr(self, "feature_names_in_", range(X.shape[1]))[column]
        neighbours = X[row, column : column + 2]
        hint = ""
        if len(neighbours) > 1 and np.isnan(neighbours).all():
            hint = (
                " For queries that lack a whole block, put BlockScaler(modalities, "
                "allow_missing=True) before the router."
            )
        raise ValueError(
            f"Input X contains NaN or infinity: row {row}, column {name} is "
            f"{X[row, column]}.{hint}"
        )

    def _set_pool(self, outcomes: Outcomes, weight: NDArray) -> None:
        self.classes_ = outcomes.models
        self.mean_quality_ = observed_mean(outcomes.quality, weight)
        self.mean_cost_ = observed_mean(outcomes.cost, weight)
        self.fitted_quality_ = self.mean_quality_
        vars(self).pop("pool_", None)  # that of an earlier fit

    def _policy(self, policy: Policy | None) -> Policy:
        policy = getattr(self, "policy", None) if policy is None else policy
        policy = check_policy(MaxUtility() if policy is None else policy)
        policy._validate_params()
        return policy

    @property
    def _cost_weight(self) -> float:
        """Price of cost in the router's own policy."""
        return getattr(self._policy(None), "cost_weight", 0.0)

    def _policy_arrays(self, X, available, costs, policy):
        check_is_fitted(self)
        policy = self._policy(policy)
        X = self._check_X(X, reset=False, keep_half=True)
        available = self._available(available, len(X))
        cost = read_costs(
            costs, lambda: self._predict_cost(X), self.classes_, available, policy
        )
        parts = [
            self._pool_moments(part, available[rows], policy)
            for rows, part in as_floats(X)
        ]
        quality, std = map(joined, zip(*parts, strict=True))
        arrays = {"quality": quality, "cost": cost, "available": available, "std": std}
        rule = self._choice_rule()
        return (policy, arrays) if rule is None else rule.restrict(policy, arrays)

    def _available(self, available, n_queries: int) -> NDArray[np.bool_]:
        return read_available(available, self.classes_, n_queries)

    def _pool_quality(self, X, with_std: bool) -> tuple[NDArray, NDArray | None]:
        """Expected quality of every model of the pool, and how uncertain it is."""
        fitted = self._predict_quality(X)
        quality = self.pool_.quality(X, fitted)
        std = self.pool_.std(X, fitted, self._prior_beliefs()) if with_std else None
        return quality, std

    def _pool_moments(self, X, available, policy):
        """Mean and spread of the quality of every model of the pool."""
        pool = self.pool_
        fitted, std = self._predict_moments(X, pool.fitted_mask(available), policy)
        quality = pool.quality(X, fitted)
        if policy.needs_error:
            return quality, pool.std(X, fitted, self._prior_beliefs())
        return quality, None if std is None else pool.expected(std)

    def _predict_moments(self, X, available, policy):
        """Mean, and spread if the policy needs it, for the fitted models."""
        self._check_spread(policy)
        return self._predict_quality(X), None

    def _check_spread(self, policy: Policy | None) -> None:
        """Refuse a policy that needs the spread of quality, where there is none."""
        own, hooks = type(self), ("_predict_moments", "_pool_moments")
        none = all(getattr(own, hook) is getattr(RouterMixin, hook) for hook in hooks)
        if getattr(policy, "needs_std", False) and none:
            raise ValueError(
                f"{type(policy).__name__} needs a router with predict_distribution; "
                f"{own.__name__} predicts the expected quality only."
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.classifier_tags.poor_score = self._poor_score
        return tags
