"""Routers whose pool changes after they were fitted."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from sklroute.outcomes import Outcomes, check_outcomes
from sklroute.outcomes._values import (
    check_candidates,
    check_models,
    check_named,
    check_range,
    columns_of,
    float_array,
    group_array,
    observed_mean,
    plain,
)
from sklroute.policies import Policy
from sklroute.pool._basis import make_basis
from sklroute.pool._newcomer import newcomer
from sklroute.pool._pool import NEW, Pool
from sklroute.pool._probes import choose_probes
from sklroute.pool._stream import StreamMixin
from sklroute.pool._value import ModelValue, value_of_model

ROUNDING = 1e-6  # by which predicted quality may leave [0, 1]


class PoolMixin(StreamMixin):
    """The part of a router that knows which models it chooses from now.

    Nothing here refits: the router goes on predicting for the models that it was
    fitted on, and ``pool_`` maps that to the models of today. All methods change the
    router in place and leave it as it was if they raise.

    Attributes
    ----------
    pool_ : Pool
        The models of today and what was learnt of each since the fit.
    """

    def add_model(
        self,
        name: Any,
        X: ArrayLike,
        quality: ArrayLike,
        cost: ArrayLike | float | None = None,
        *,
        y: Any = None,
    ):
        """Take in a new model, of which a few answers have been scored.

        It is taken to be a model like those that the router was fitted on, and shrunk
        towards those that it resembles; some 32 scored answers are a good start, and
        `partial_fit` learns from more. What is predicted for the other models stays
        the same, to the bit.

        Parameters
        ----------
        name : str or number
            The name of the model.
        X : array-like of shape (n_queries, n_features)
            Queries that it has answered.
        quality : array-like of shape (n_queries,)
            Quality of the answers, in [0, 1]; NaN = not run.
        cost : float or array-like of shape (n_queries,), default=None
            Cost of the calls, >= 0; NaN or None = unknown.
        y : Outcomes or any form that `check_outcomes` accepts, default=None
            Outcomes of the router's models on the same queries, as far as they are
            known. They tell bad answers from hard queries, and which of the models
            the new one is like: worth having.

        Returns
        -------
        self : object
            The router.

        Raises
        ------
        ValueError
            If there is a model of that name, or a value is out of range.

        Examples
        --------
        >>> from sklroute import KernelRouter
        >>> from sklroute.datasets import make_routing
        >>> data = make_routing(n_queries=600, random_state=0)
        >>> router = KernelRouter(random_state=0).fit(data.X[:500], data.y[:500])
        >>> answers = data.y.quality[500:532, 0]  # as if those of another model
        >>> router = router.add_model("newcomer", data.X[500:532], answers, cost=0.5)
        >>> "newcomer" in router.classes_
        True
        """
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        if plain(name) in self.classes_.tolist():
            raise ValueError(
                f"{plain(name)!r} is one of the models already; partial_fit learns "
                "from its new answers."
            )
        names = check_models([*self.classes_.tolist(), name], len(self.classes_) + 1)
        quality = _column(quality, name, "quality", len(X), upper=1)
        cost = _column(cost, name, "cost", len(X), upper=np.inf)
        seen = ~np.isnan(quality)
        if not seen.any():
            raise ValueError(f"Model {name!r} has no observed quality.")
        answers = self._answers(y, len(X))
        belief = newcomer(
            self.pool_.basis,
            X[seen],
            self._predict_quality(X[seen]),
            quality[seen],
            None if answers is None else answers[seen],
        )
        place = int((self.classes_ < names[-1]).sum())
        self.pool_ = self.pool_.insert(place, NEW, belief)
        self.classes_ = np.sort(names)
        mean_cost = observed_mean(cost[:, None])
        self.mean_quality_ = np.insert(self.mean_quality_, place, quality[seen].mean())
        self.mean_cost_ = np.insert(self.mean_cost_, place, mean_cost)
        return self

    def remove_model(self, name: Any):
        """Never choose a model again. To leave it out for now, use ``available``.

        Parameters
        ----------
        name : str or number
            One of ``classes_``.

        Returns
        -------
        self : object
            The router.
        """
        check_is_fitted(self)
        place = self._place(name)
        if len(self.classes_) == 1:
            raise ValueError(
                f"Model {plain(name)!r} is the last one: a router needs one."
            )
        self._keep(np.delete(np.arange(len(self.classes_)), place), self.classes_)
        return self

    def rename_model(self, old: Any, new: Any):
        """Call a model by another name; nothing else changes.

        Parameters
        ----------
        old, new : str or number
            One of ``classes_``, and its name from now on.

        Returns
        -------
        self : object
            The router.
        """
        check_is_fitted(self)
        place = self._place(old)
        names = self.classes_.tolist()
        names[place] = new
        names = check_models(names, len(names))
        self._keep(np.argsort(names, kind="stable"), names)
        return self

    def set_costs(self, costs: Mapping[Any, float] | pd.Series):
        """Take over a new price list: what a call is expected to cost from now on.

        Parameters
        ----------
        costs : mapping or Series
            Cost by name of model, >= 0; NaN = unknown. Models that are left out keep
            theirs. For prices of one call only, use the ``costs`` of ``predict``.

        Returns
        -------
        self : object
            The router.
        """
        check_is_fitted(self)
        if not isinstance(costs, (Mapping, pd.Series)):
            raise TypeError(
                "costs must be a mapping or a Series, {name of model: cost}; got "
                f"{type(costs).__name__}."
            )
        costs = pd.Series(costs, dtype=object)
        if costs.index.has_duplicates:
            name = costs.index[costs.index.duplicated()][0]
            raise ValueError(f"Model {plain(name)!r} has more than one cost.")
        places = [self._place(name) for name in costs.index]
        mean_cost = self.mean_cost_.copy()
        known = costs.where(costs.notna(), np.nan)
        mean_cost[places] = float_array(known.to_frame().T, "costs")[0]
        check_range(mean_cost[None], self.classes_, "Cost", np.inf)
        self.mean_cost_ = mean_cost
        return self

    def suggest_probes(self, X: ArrayLike, n: int) -> NDArray[np.intp]:
        """Queries to score first on a new model, so that it is known soonest.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Queries to choose from; those that the router was fitted on will do.
        n : int
            Number of queries to choose, from 1 to ``n_queries``.

        Returns
        -------
        rows : ndarray of shape (n,)
            Different rows of ``X``, the most telling first: the first of them are
            what would be chosen if fewer were asked for. The same in every call.
            Leave out copies of a query before: of queries with the same features
            more than one may be chosen, since they are seldom the same query.

        See Also
        --------
        add_model : Takes in the model, once its answers are scored.

        Examples
        --------
        >>> from sklroute import KernelRouter
        >>> from sklroute.datasets import make_routing
        >>> data = make_routing(n_queries=600, random_state=0)
        >>> router = KernelRouter(random_state=0).fit(data.X, data.y)
        >>> len(router.suggest_probes(data.X, 32))
        32
        """
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        if not isinstance(n, Integral) or not 1 <= n <= len(X):
            raise ValueError(f"n must be an integer from 1 to {len(X)}; got {n!r}.")
        return choose_probes(X, self._predict_quality, self.pool_.basis, int(n))

    def value_of(
        self,
        X: ArrayLike,
        quality: ArrayLike,
        cost: ArrayLike | float | None = None,
        *,
        y: Any = None,
        policy: Policy | None = None,
        groups: ArrayLike | None = None,
        cv: int = 10,
        confidence_level: float = 0.95,
        random_state: int | np.random.RandomState | None = 0,
    ) -> ModelValue:
        """What a new model would be worth to this router; nothing is changed.

        The model is added to a copy with the scored answers of all folds but one;
        the copy chooses for the queries of that fold, and so does the router as it
        is. Where the new model is chosen, its answer counts as it was scored. The
        present choices count as ``y`` says, or else as the router predicts.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Queries that the new model has answered, drawn at random: not by
            `suggest_probes`, whose queries are not like those to come.
        quality : array-like of shape (n_queries,)
            Quality of the answers, in [0, 1]; NaN = not run.
        cost : float or array-like of shape (n_queries,), default=None
            Cost of the calls, >= 0; NaN or None = unknown.
        y : Outcomes or any form that `check_outcomes` accepts, default=None
            Outcomes of the router's models on the same queries, best of queries that
            it was not fitted on. Only the models observed on a query are candidates
            for it.
        policy : Policy, default=None
            The rule that chooses. None uses the router's own.
        groups : array-like of shape (n_queries,), default=None
            Queries of one group are neither split between folds nor drawn apart.
        cv : int, default=10
            Number of folds, >= 2.
        confidence_level : float, default=0.95
            Of the intervals.
        random_state : int, RandomState or None, default=0
            Seed of the resamples.

        Returns
        -------
        value : ModelValue
            The gain, traffic, saving and a verdict.

        Notes
        -----
        The intervals are those of the mean gain on queries like the scored ones. They
        count the luck of the draw of these queries, and not that of the answers from
        which the model was learnt: with few answers the model that then joins may
        bring another gain. Two made-up queries, on which as much as can be is won and
        lost, keep the intervals of gain, quality and cost from being sure of what few
        queries show. With ``y`` the gain is that of a model learnt from
        ``1 - 1/cv`` of the answers: a little less than all of them give. Without
        ``y`` the router's own predictions are believed for its present choices, which
        are the highest of several and therefore too high: the gain is understated.

        Examples
        --------
        >>> from sklroute import Outcomes, KernelRouter
        >>> from sklroute.datasets import make_routing
        >>> data = make_routing(n_queries=1000, random_state=0)
        >>> old = Outcomes(data.y.quality[:, 1:], models=data.y.models[1:])
        >>> router = KernelRouter(random_state=0).fit(data.X[:600], old[:600])
        >>> scored = data.X[600:800], data.y.quality[600:800, 0]
        >>> router.value_of(*scored, y=old[600:800]).n_queries
        200
        """
        check_is_fitted(self)
        X = self._check_X(X, reset=False)
        quality = _column(quality, "new", "quality", len(X), upper=1)
        cost = _column(cost, "new", "cost", len(X), upper=np.inf)
        groups = group_array(groups)
        if groups is not None and groups.shape != (len(X),):
            raise ValueError(f"groups has shape {groups.shape}; expected ({len(X)},).")
        outcomes = None if y is None else self._aligned(y, len(X))
        seen = ~np.isnan(quality)
        if outcomes is not None:
            check_candidates(outcomes.candidates | ~seen[:, None])
        units = seen.sum() if groups is None else len(np.unique(groups[seen]))
        if not isinstance(cv, Integral) or not 2 <= cv <= units:
            raise ValueError(
                f"cv must be an integer from 2 to {units}, the number of scored "
                f"queries or groups; got {cv!r}."
            )
        return value_of_model(
            self,
            self._as_given(X[seen]),
            (quality[seen], cost[seen]),
            None if outcomes is None else outcomes[seen],
            policy,
            groups=None if groups is None else groups[seen],
            cv=int(cv),
            confidence_level=confidence_level,
            random_state=random_state,
        )

    # -- shared parts ------------------------------------------------------------

    def _answers(self, y: Any, n_queries: int) -> NDArray | None:
        """Quality of the answers of the fitted models, (n_queries, n_fitted)."""
        if y is None:
            return None
        return self.pool_.of_fitted_models(self._aligned(y, n_queries).quality)

    def _set_up_pool(self, X: NDArray) -> None:
        basis = make_basis(X, self._checked_quality)
        self.pool_ = Pool.of_fitted(len(self.classes_), basis)

    def _checked_quality(self, X: NDArray) -> NDArray:
        """What a router predicts, which may be one of a user's own."""
        quality = self._predict_quality(X)
        expected, name = (len(X), len(self.classes_)), type(self).__name__
        if not isinstance(quality, np.ndarray) or quality.shape != expected:
            raise ValueError(
                f"{name}._predict_quality must return an array of shape {expected}, "
                "(n_queries, n_models); got "
                f"{getattr(quality, 'shape', type(quality).__name__)}."
            )
        if not np.isfinite(quality).all():
            raise ValueError(
                f"{name}._predict_quality must return finite numbers; got "
                f"{quality[~np.isfinite(quality)][0]}."
            )
        if quality.min() < -ROUNDING or quality.max() > 1 + ROUNDING:
            raise ValueError(
                f"{name}._predict_quality must return numbers in [0, 1]; got "
                f"{quality.min()} to {quality.max()}."
            )
        return quality

    def _aligned(self, y: Any, n_queries: int) -> Outcomes:
        """Outcomes of the models of today; those that y leaves out are unobserved."""
        outcomes = check_outcomes(y, models=self.classes_)
        if len(outcomes) != n_queries:
            raise ValueError(f"X has {n_queries} queries, y has {len(outcomes)}.")
        if np.array_equal(outcomes.models, self.classes_):
            return outcomes
        unknown = ~np.isin(outcomes.models, self.classes_)
        if unknown.any():
            check_named(outcomes.models, self.classes_)
            raise ValueError(
                f"y has the model {plain(outcomes.models[unknown][0])!r}, which is not "
                f"one of the models {self.classes_.tolist()}; add_model takes in a new "
                "one."
            )
        columns = columns_of(outcomes.models, self.classes_)
        tables = [
            np.full((n_queries, len(self.classes_)), blank)
            for blank in (np.nan, np.nan, False)
        ]
        given = (outcomes.quality, outcomes.cost, outcomes.available)
        for table, values in zip(tables, given, strict=True):
            table[:, columns] = values
        return Outcomes(*tables, models=self.classes_)

    def _place(self, name: Any) -> int:
        names = self.classes_.tolist()
        if plain(name) not in names:
            raise ValueError(f"{plain(name)!r} is not one of the models {names}.")
        return names.index(plain(name))

    def _keep(self, places: NDArray, names: NDArray) -> None:
        """Go on with the models at some places, in that order."""
        self.pool_ = self.pool_.take(places)
        self.classes_ = names[places]
        self.mean_quality_ = self.mean_quality_[places]
        self.mean_cost_ = self.mean_cost_[places]


def _column(values: Any, model: Any, name: str, n_queries: int, upper) -> NDArray:
    """One value per query, in range; a single number is repeated, None is NaN."""
    values = float_array(np.nan if values is None else values, name)
    if values.shape not in ((), (n_queries,)):
        raise ValueError(
            f"{name} has shape {values.shape}; expected one value per query, "
            f"({n_queries},)."
        )
    values = np.broadcast_to(values, n_queries)
    check_range(values[:, None], np.array([model]), name.capitalize(), upper)
    return values
