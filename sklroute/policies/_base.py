"""The base of all policies."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from sklroute.policies._arrays import (
    check_available,
    check_finite,
    check_not_negative,
    check_shape,
    first_best,
    refuse,
)
from sklroute.policies._labels import by_model


class Policy(BaseEstimator):
    """Base of all policies: checks the arrays, masks models, breaks ties.

    A subclass implements ``_utility(quality, cost, std)``, the score that ranks the
    models of one query, or, where a choice is not a ranking, ``_choose`` with the
    same arguments. These are arrays of shape (n_queries, n_models) in which an
    unavailable model has quality ``-inf`` and cost ``inf``, so that a score that
    rises with quality and falls with cost is ``-inf`` there by itself.
    Ties go to the cheaper model, then to the first.

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute.policies import Policy
    >>> class LogPrice(Policy):
    ...     needs_cost = True
    ...
    ...     def _utility(self, quality, cost, std):
    ...         return quality - 0.2 * np.log1p(cost)
    >>> LogPrice()([[0.9, 0.8, 0.6]], cost=[8.0, 2.0, 1.0], available=[1, 1, 0])
    array([1])
    """

    _parameter_constraints: dict = {}

    needs_cost = False
    """Whether every available model must have a known cost."""

    needs_std = False
    """Whether the policy reads the spread of the predicted quality."""

    needs_error = False
    """Whether the policy reads how uncertain the expected quality is, as ``std``."""

    def __call__(
        self,
        quality: ArrayLike,
        cost: ArrayLike | None = None,
        available: ArrayLike | None = None,
        *,
        std: ArrayLike | None = None,
    ) -> NDArray[np.intp]:
        """Choose one model per query.

        Parameters
        ----------
        quality : array-like of shape (n_queries, n_models)
            Predicted quality. Where it is a DataFrame, what else is labelled is
            matched with its columns.
        cost : array-like of shape (n_queries, n_models) or (n_models,), default=None
            Predicted cost, >= 0; NaN or None = unknown.
        available : array-like of bool, of shape (n_queries, n_models) or \
(n_models,), default=None
            Models that may be chosen. None allows all.
        std : array-like of shape (n_queries, n_models), default=None
            Standard deviation of the predicted quality, or of the expected one, for
            policies that need it.

        Returns
        -------
        choice : ndarray of int, of shape (n_queries,)
            Index of the chosen model.

        Raises
        ------
        ValueError
            If a query has no available model, shapes differ, or a number that the
            policy needs is missing or out of range. The message names the row and
            the model. What is given for unavailable models is not looked at.
        """
        quality, cost, std = self._check(quality, cost, available, std)
        choice = np.asarray(self._choose(quality, cost, std))
        self._check_choice(choice, quality)
        return choice

    def utility(
        self,
        quality: ArrayLike,
        cost: ArrayLike | None = None,
        available: ArrayLike | None = None,
        *,
        std: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """Score of every model; ``-inf`` where unavailable.

        Parameters and errors are those of a call.

        Returns
        -------
        utility : ndarray of shape (n_queries, n_models)
            The predicted quality for policies whose choice is not a ranking, such
            as `CheapestAbove` and `Budget`.
        """
        return self._masked_utility(*self._check(quality, cost, available, std))

    def _utility(self, quality, cost, std):
        return quality

    def _choose(self, quality, cost, std):
        return first_best(self._masked_utility(quality, cost, std), cost)

    def _masked_utility(self, quality, cost, std):
        """Utility, out of reach where a subclass has not looked at availability."""
        name = type(self).__name__
        utility = np.asarray(self._utility(quality, cost, std), dtype=float)
        if utility.shape != quality.shape:
            raise ValueError(
                f"{name}._utility must return an array of the shape "
                f"{quality.shape} (n_queries, n_models); got {utility.shape}."
            )
        available = quality > -np.inf
        refuse(utility, available & np.isnan(utility), f"{name}: utility")
        return np.where(available, utility, -np.inf)

    def _check_choice(self, choice, quality):
        """Refuse what a subclass may return that is no choice of an available model."""
        n_queries, n_models = quality.shape
        name = f"{type(self).__name__}._choose"
        if choice.shape != (n_queries,) or choice.dtype.kind not in "iu":
            raise ValueError(
                f"{name} must return an index of a model for each of {n_queries} "
                f"queries; got {choice.dtype} of shape {choice.shape}."
            )
        possible = (choice >= 0) & (choice < n_models)
        rows = np.flatnonzero(possible)
        possible[rows] = quality[rows, choice[rows]] > -np.inf
        if not possible.all():
            row = possible.argmin()
            raise ValueError(
                f"{name} chose {choice[row]} in row {row}, which is no available model."
            )

    def _check(self, quality, cost, available, std):
        """Return quality, cost and std, with unavailable models out of reach."""
        self._validate_params()
        if isinstance(quality, pd.DataFrame):
            models = quality.columns
            cost = by_model(cost, models, "cost")
            available = by_model(available, models, "available")
            std = by_model(std, models, "std")
        quality = np.asarray(quality, dtype=float)
        if quality.ndim != 2:
            raise ValueError(
                "Predicted quality must have shape (n_queries, n_models); "
                f"got {quality.shape}."
            )
        available = check_available(available, quality.shape)
        check_finite(quality, available, "Predicted quality")
        cost = self._check_cost(cost, available)
        std = self._check_std(std, available)
        quality = np.where(available, quality, -np.inf)
        return quality, np.where(available, cost, np.inf), std

    def _check_cost(self, cost, available):
        cost = np.full(available.shape[1:], np.nan) if cost is None else cost
        cost = check_shape(np.asarray(cost, dtype=float), available.shape, "cost")
        if self.needs_cost:
            check_finite(cost, available, f"{type(self).__name__} needs costs: cost")
        check_not_negative(cost, available, "Cost must be >= 0: cost")
        return cost

    def _check_std(self, std, available):
        if not (self.needs_std or self.needs_error):
            return None
        if std is None and self.needs_error:
            raise ValueError(
                f"{type(self).__name__} needs the error of the expected quality: pass "
                "the `std` of predict_quality(X, return_std=True)."
            )
        if std is None:
            raise ValueError(
                f"{type(self).__name__} needs the spread of the predicted quality: "
                "use a router with predict_distribution, or pass `std`."
            )
        std = check_shape(np.asarray(std, dtype=float), available.shape, "std")
        check_finite(std, available, "std must be finite: that")
        check_not_negative(std, available, "std must be >= 0: that")
        return np.where(available, std, 0.0)
