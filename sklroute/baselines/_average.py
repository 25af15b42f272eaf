"""The mean of several routers' predictions."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import Bunch
from sklearn.utils.metaestimators import _BaseComposition

from sklroute.base import RouterMixin
from sklroute.baselines._linear import LogisticRouter
from sklroute.baselines._members import MembersMixin
from sklroute.baselines._neighbors import KNNRouter
from sklroute.explain._evidence import additive
from sklroute.explain._mixin import CLIPPING
from sklroute.pipeline import as_router, fit_router
from sklroute.policies import Policy
from sklroute.serving._parts import Average


class AverageRouter(MembersMixin, RouterMixin, _BaseComposition):
    """Predict quality by the mean of several routers' predictions.

    Routers that err in different ways, such as neighbours and a linear model, are
    often better together than the best of them.

    Parameters
    ----------
    routers : list of (str, router) tuples, default=None
        The members by name; pipelines and searches that end in a router will do.
        None takes ``KNNRouter()`` and ``LogisticRouter()``. Their parameters are
        those of the average under their names, e.g. ``knn__n_neighbors``. Their
        policies are not used.
    weights : array-like of shape (n_routers,), default=None
        Weights of the members, >= 0. None weights them equally.
    policy : Policy, default=None
        Rule from quality and cost to a choice. None is ``MaxUtility()``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_models,)
        Names of the models, sorted.
    routers_ : list of routers
        The fitted members.
    named_routers_ : Bunch
        The same by name.
    mean_quality_, mean_cost_ : ndarray of shape (n_models,)
        Mean observed quality and cost of each model.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where ``X`` had names.

    Examples
    --------
    >>> from sklroute.baselines import AverageRouter, ClusterRouter, RidgeRouter
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=300, random_state=0)
    >>> members = [("clusters", ClusterRouter(8)), ("ridge", RidgeRouter())]
    >>> router = AverageRouter(members).set_params(ridge__alpha=100.0)
    >>> router.fit(data.X, data.y).predict_quality(data.X).shape
    (300, 6)
    """

    _parameter_constraints: dict = {
        **RouterMixin._parameter_constraints,
        "routers": [list, None],
        "weights": ["array-like", None],
    }

    def __init__(
        self,
        routers: list | None = None,
        *,
        weights: ArrayLike | None = None,
        policy: Policy | None = None,
    ):
        self.routers = routers
        self.weights = weights
        self.policy = policy

    def get_params(self, deep: bool = True) -> dict:
        """Parameters, those of the members included.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the members and their parameters.

        Returns
        -------
        params : dict
        """
        return self._get_params("routers", deep=deep)

    def set_params(self, **params):
        """Set parameters, members (by name) and their parameters.

        Parameters
        ----------
        **params : dict
            As `get_params` names them.

        Returns
        -------
        self : object
        """
        return self._set_params("routers", **params)

    def _fit(self, X, outcomes, sample_weight, groups):
        members = self._members()
        self._weights = self._checked_weights(len(members))
        X = self._as_given(X)
        self.routers_ = [
            as_router(fit_router(clone(router), X, outcomes, sample_weight, groups))
            for _, router in members
        ]
        self._names = [name for name, _ in members]

    @property
    def named_routers_(self) -> Bunch:
        """The fitted members by name."""
        return Bunch(**dict(zip(self._names, self.routers_, strict=True)))

    def _predict_quality(self, X):
        X = self._as_given(X)
        quality = [router.predict_quality(X) for router in self.routers_]
        return np.average(quality, axis=0, weights=self._weights)

    def _compiled_part(self):
        parts = [router.compile()._part for router in self.routers_]
        return Average(parts, self._shares())

    def _shares(self) -> NDArray[np.float64]:
        """Weights of the members that sum to 1."""
        weights = self._weights
        weights = np.ones(len(self.routers_)) if weights is None else weights
        return weights / weights.sum()

    # -- explanation ---------------------------------------------------------------

    _explained_rest = CLIPPING

    def _explain_evidence(self, X, available, better, worse):
        rows, X = np.arange(len(X)), self._as_given(X)
        votes = np.stack([router.predict_quality(X) for router in self.routers_], -1)
        votes *= self._shares()
        names = list(self.named_routers_)
        return [additive("member", names, votes[rows, better], votes[rows, worse])]

    def _own_members(self):
        return [router for _, router in self._members()]

    def _members(self) -> list:
        if self.routers is None:
            return [("knn", KNNRouter()), ("logistic", LogisticRouter())]
        if not self.routers:
            raise ValueError("AverageRouter needs at least one router.")
        for item in self.routers:
            if not isinstance(item, tuple) or len(item) != 2:
                raise ValueError(f"routers must hold pairs (name, router); got {item}.")
        names, routers = zip(*self.routers, strict=True)
        self._validate_names(names)
        self._check_estimators_are_instances(routers)
        return self.routers

    def _checked_weights(self, n_routers: int) -> NDArray[np.float64] | None:
        if self.weights is None:
            return None
        weights = np.array(self.weights, dtype=float)
        fits = weights.shape == (n_routers,) and (weights >= 0).all()
        if not fits or not 0 < weights.sum() < np.inf:
            raise ValueError(
                f"weights must be {n_routers} numbers >= 0, one per router, finite and "
                f"not all zero; got {self.weights!r}."
            )
        return weights
