"""From predictions to utilities, probabilities and choices, fitted or compiled."""

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklroute.explain._router import drawn_once
from sklroute.policies import Policy
from sklroute.serving._choosing import choice_probability
from sklroute.serving._rules import Chance


class DecidingMixin:
    """Methods of whatever predicts the quality and the cost of its ``classes_``."""

    @abstractmethod
    def _policy_arrays(
        self, X, available, costs, policy
    ) -> tuple[Policy, dict[str, Any]]:
        """The policy that counts, and what it chooses by."""

    def _choice_rule(self) -> Any:
        """What narrows the choice beside the policy, if anything does."""
        return None

    def predict_utility(
        self,
        X: ArrayLike,
        *,
        available: ArrayLike | None = None,
        costs: ArrayLike | None = None,
        policy: Policy | None = None,
    ) -> NDArray[np.float64]:
        """Utility of every model under a policy.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Features of the queries.
        available : array-like of bool, of shape (n_models,) or \
(n_queries, n_models), names or callable, default=None
            Models that may be called now: a mask in the order of ``classes_``, a
            DataFrame, Series or dict of bool whose labels are matched by name, a list
            of names, or a function that says of a name whether it may be called. None
            allows all.
        costs : array-like of shape (n_models,) or (n_queries, n_models), default=None
            A price list known now, >= 0 or NaN, ordered or matched likewise. None uses
            `predict_cost`, and so do the models that a dict or Series leaves out.
        policy : Policy, default=None
            The rule to apply. None uses the router's own.

        Returns
        -------
        utility : ndarray of shape (n_queries, n_models)
            ``-inf`` where unavailable.
        """
        policy, arrays = self._policy_arrays(X, available, costs, policy)
        return policy.utility(**arrays)

    def predict_proba(
        self,
        X: ArrayLike,
        *,
        available: ArrayLike | None = None,
        costs: ArrayLike | None = None,
        policy: Policy | None = None,
    ) -> NDArray[np.float64]:
        """Probability that each model is the best choice.

        A softmax of `predict_utility`, whose parameters it takes, over the router's
        ``temperature_`` if it has learned one, else over 0.05. The likeliest model is
        the one that `predict` calls where the policy calls the model of the highest
        utility; `CheapestAbove` and `Budget` do not, and here have the probability
        that each model is the one of the best quality.

        Returns
        -------
        proba : ndarray of shape (n_queries, n_models)
            Rows sum to 1; exactly 0 where unavailable.
        """
        policy, arrays = self._policy_arrays(X, available, costs, policy)
        rule = self._choice_rule()
        if isinstance(rule, Chance):
            return rule.proba(arrays["available"])
        return choice_probability(self, policy.utility(**arrays))

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
        policy, arrays = self._policy_arrays(X, available, costs, policy)
        return self.classes_[policy(**arrays)]

    def _decide_once(
        self, X, *, available=None, costs=None, policy=None
    ) -> tuple[NDArray, NDArray[np.float64], dict[str, Any]]:
        """Names of the models to call, the utilities that decided it, and by what."""
        rule, arrays = self._policy_arrays(X, available, costs, policy)
        rule = drawn_once(rule)
        if type(self).predict is DecidingMixin.predict:
            chosen = self.classes_[rule(**arrays)]
        else:  # a subclass that chooses otherwise
            chosen = self.predict(X, available=available, costs=costs, policy=policy)
        return chosen, rule.utility(**arrays), arrays
