"""Routers that do not look at the query: what any other has to beat."""

import numpy as np
from sklearn.base import BaseEstimator

from sklroute.base import RouterMixin
from sklroute.policies import Policy, first_best
from sklroute.serving._parts import Constant
from sklroute.serving._rules import Chance, OneModel


class _Reference(RouterMixin, BaseEstimator):
    """Predicts the same quality for every query: the models' means."""

    _poor_score = True
    _reads_features = False

    def _predict_quality(self, X):
        return np.tile(self.fitted_quality_, (len(X), 1))

    def _compiled_part(self):
        return Constant(self.fitted_quality_)


class FixedRouter(_Reference):
    """Send every query to one model.

    Where that model is not available, the policy chooses among the others by their
    mean quality and cost.

    Parameters
    ----------
    model : "best", "cheapest" or name of a model, default="best"
        "best" is the policy's choice given each model's mean quality and cost: the
        best single model of the training queries. "cheapest" has the lowest mean
        cost.
    policy : Policy, default=None
        Rule that says what is best. None is ``MaxUtility()``. A policy given to
        `predict` does not move the fixed model, which is chosen in ``fit``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_models,)
        Names of the models, sorted.
    model_ : str or int
        The name of the fixed model; None once it was removed from the pool.
    mean_quality_, mean_cost_ : ndarray of shape (n_models,)
        Mean observed quality and cost of each model. The former is the predicted
        quality of every query.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where ``X`` had names.

    See Also
    --------
    RandomRouter : Send every query to any model.

    Notes
    -----
    The oracle and the best model per group see what a router may not, and are
    functions of the outcomes in `sklroute.metrics`.

    Examples
    --------
    >>> from sklroute.baselines import FixedRouter
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=300, random_state=0)
    >>> router = FixedRouter("cheapest").fit(data.X, data.y)
    >>> router.model_ == data.models[0]
    True
    """

    _parameter_constraints: dict = {
        **RouterMixin._parameter_constraints,
        "model": "no_validation",  # a name is checked against the outcomes in fit
    }

    def __init__(self, model="best", *, policy: Policy | None = None):
        self.model = model
        self.policy = policy

    def _fit(self, X, outcomes, sample_weight, groups):
        quality, cost = self.mean_quality_[None], self.mean_cost_[None]
        if self.model == "best":
            (column,) = self._policy(None)(quality, cost)
        elif self.model == "cheapest":
            if np.isnan(cost).all():
                raise ValueError("FixedRouter('cheapest') needs costs: y has none.")
            (column,) = first_best(np.where(np.isnan(cost), -np.inf, -cost), -quality)
        elif self.model in self.classes_.tolist():
            column = self.classes_.tolist().index(self.model)
        else:
            raise ValueError(
                f"model={self.model!r} is not 'best', 'cheapest' or one of the models "
                f"{self.classes_.tolist()}."
            )
        self._column = column

    @property
    def model_(self):
        """The name of the fixed model; None once it was removed from the pool."""
        names = self.classes_[self.pool_.column == self._column]
        return names[0] if len(names) else None

    def _held_back(self):
        return "not the fixed model"

    def _choice_rule(self):
        return OneModel(self.pool_.column == self._column)


class RandomRouter(_Reference):
    """Send every query to any of the available models, all equally likely.

    Parameters
    ----------
    policy : Policy, default=None
        Not used: the choice is random under every policy.
    random_state : int, RandomState instance or None, default=None
        Seed of the choices. With an int, every call draws the same.

    Attributes
    ----------
    classes_ : ndarray of shape (n_models,)
        Names of the models, sorted.
    mean_quality_, mean_cost_ : ndarray of shape (n_models,)
        Mean observed quality and cost of each model. The former is the predicted
        quality of every query; `predict_utility` is random.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where ``X`` had names.

    See Also
    --------
    FixedRouter : Send every query to one model.

    Examples
    --------
    >>> from sklroute.baselines import RandomRouter
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=300, n_models=4, random_state=0)
    >>> router = RandomRouter(random_state=0).fit(data.X, data.y)
    >>> router.predict_proba(data.X[:1], available=[True, True, False, False])
    array([[0.5, 0.5, 0. , 0. ]])
    """

    _parameter_constraints: dict = {
        **RouterMixin._parameter_constraints,
        "random_state": ["random_state"],
    }

    def __init__(self, *, policy: Policy | None = None, random_state=None):
        self.policy = policy
        self.random_state = random_state

    def _fit(self, X, outcomes, sample_weight, groups):
        pass  # the mixin has taken the means

    def _choice_rule(self):
        return Chance(self.random_state)

    # -- explanation: utilities are drawn, whatever the query and the models ---------

    _explained_rest = "drawn at random"
    _draws = True

    def _explain_evidence(self, X, available, better, worse):
        return []

    def _explained_quality(self, X, quality):
        return self.pool_.quality(X, self._predict_quality(X))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True
        return tags
