"""Pipelines and searches that end in a router, used as the router they are."""

from collections.abc import Iterator
from functools import partial, wraps
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn import config_context, get_config
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklroute.base import RouterMixin
from sklroute.base._arrays import outcomes_of
from sklroute.explain import Explanation, explain_router
from sklroute.policies import Policy
from sklroute.serving import CompiledRouter
from sklroute.serving._steps import Steps, compile_step

__all__ = ["RouterPipeline", "as_router", "fit_router"]


def _router_has(method: str):
    """Whether the last step has the method; its own error says what lacks it."""

    def check(self) -> bool:
        getattr(self._final_estimator, method)
        return True

    return check


def _of_router(name: str):
    """The router's method, on what the steps before it make of ``X``."""
    method = getattr(RouterMixin, name)
    expected = signature(method)

    @available_if(_router_has(name))
    @wraps(method)
    def call(self, *args, **params):
        given = expected.bind(self, *args, **params)
        if "X" in given.arguments:
            given.arguments["X"] = self._features(given.arguments["X"])
        router = self._final_estimator
        result = getattr(router, name)(*given.args[1:], **given.kwargs)
        return self if result is router else result

    return call


class RouterPipeline(Pipeline):
    """A `Pipeline` that ends in a router and has the router's methods.

    Parameters are those of `sklearn.pipeline.Pipeline`, whose ``predict`` and
    ``predict_proba`` pass ``available``, ``costs`` and ``policy`` on to the router.
    ``X`` is what the first step takes. Methods that change the router, such as
    ``partial_fit``, leave the steps before it as they were fitted, and return the
    pipeline.

    See Also
    --------
    as_router : Make one of a fitted pipeline.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklroute.baselines import RidgeRouter
    >>> from sklroute.datasets import make_routing
    >>> from sklroute.pipeline import RouterPipeline
    >>> data = make_routing(n_queries=300, random_state=0)
    >>> steps = [("scale", StandardScaler()), ("router", RidgeRouter())]
    >>> RouterPipeline(steps).fit(data.X, data.y).predict_quality(data.X).shape
    (300, 6)
    """

    @property
    def policy(self) -> Policy | None:
        """The router's policy: the one that it has resolved in ``fit``, if it did."""
        router = self._final_estimator
        return getattr(router, "policy_", router.policy)

    @property
    def n_features_in_(self) -> int:
        """Number of features that the first step takes, if it knows."""
        return self._first_step.n_features_in_

    @property
    def feature_names_in_(self) -> NDArray:
        """Names of the features that the first step takes, if it knows."""
        return self._first_step.feature_names_in_

    @property
    def _first_step(self) -> Any:
        """The first step that does something: a search may pass a step through."""
        return next(s for _, s in self.steps if s is not None and s != "passthrough")

    predict_quality = _of_router("predict_quality")
    predict_cost = _of_router("predict_cost")
    predict_utility = _of_router("predict_utility")
    # That of `Pipeline` drops ``available`` unless metadata routing is on.
    score = _of_router("score")
    add_model = _of_router("add_model")
    suggest_probes = _of_router("suggest_probes")
    value_of = _of_router("value_of")
    remove_model = _of_router("remove_model")
    rename_model = _of_router("rename_model")
    set_costs = _of_router("set_costs")
    partial_fit = _of_router("partial_fit")
    save = RouterMixin.save  # with all steps

    @available_if(_router_has("predict_distribution"))
    def predict_distribution(self, X: ArrayLike, **params: Any) -> Any:
        """Distribution of every model's quality, as the router gives it.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Queries, as the first step takes them.
        **params
            What the router's own method takes beside ``X``, such as ``available``.

        Returns
        -------
        distribution : object
            With ``mean`` and ``std`` of shape (n_queries, n_models).
        """
        return self._final_estimator.predict_distribution(self._features(X), **params)

    def compile(self) -> CompiledRouter:
        """The pipeline as it predicts, in NumPy alone, see `RouterMixin.compile`.

        Returns
        -------
        compiled : CompiledRouter
            With all steps in it, folded into the router where they are linear.

        Raises
        ------
        TypeError
            If a step has no NumPy form; the message names it.
        """
        check_is_fitted(self)
        steps = Steps()
        for name, step in self.steps[:-1]:
            steps = steps.then(compile_step(name, step))
        router = as_router(self._final_estimator).compile()
        if not steps.parts:
            return router
        names = getattr(self, "feature_names_in_", None)
        return router.after(steps, self.n_features_in_, names)

    def explain(
        self,
        X: ArrayLike,
        *,
        available: ArrayLike | None = None,
        costs: ArrayLike | None = None,
        policy: Policy | None = None,
    ) -> Explanation:
        """Say why each model is called, see `RouterMixin.explain`.

        With a `BlockScaler` of several blocks among the steps, the evidence has what
        each block carries. Parameters and returns are those of `RouterMixin.explain`,
        but ``X`` is what the first step takes.
        """
        return explain_router(
            *last_step_and_features(self, X),
            available=available,
            costs=costs,
            policy=policy,
            ablated=partial(self._ablated_moments, X),
        )

    def _ablated_moments(self, X, available, policy) -> Iterator:
        """Predictions without each block, which is 0 where it has been scaled."""
        scaled = [
            place
            for place, (_, step) in enumerate(self.steps[:-1], 1)
            if len(getattr(step, "blocks_", ())) > 1
        ]
        if not scaled:
            inner = self._final_estimator
            yield from inner._ablated_moments(self._features(X), available, policy)
            return
        rest, Z = self[scaled[-1] :], self[: scaled[-1]].transform(X)
        for name, columns in self[scaled[-1] - 1].blocks_.items():
            without: Any = np.array(Z)
            without[:, columns] = 0.0
            if hasattr(Z, "columns"):  # names of pandas or polars
                without = pd.DataFrame(without, columns=Z.columns)
            yield name, *rest._pool_moments(without, available, policy)

    def _pool_moments(self, X, available, policy):
        inner, X = self._final_estimator, self._features(X)
        if isinstance(inner, RouterMixin):
            X = inner._check_X(X, reset=False)
        return inner._pool_moments(X, available, policy)

    def _features(self, X):
        """What the router sees."""
        check_is_fitted(self)
        return self[:-1].transform(X) if len(self) > 1 else X


def as_router(estimator: Any) -> RouterMixin | RouterPipeline:
    """The router that an estimator is or ends in.

    Parameters
    ----------
    estimator : router, Pipeline, search or FrozenEstimator
        A router is returned as it is. A `Pipeline` gives a `RouterPipeline` of the
        same steps, a fitted search that of its best estimator, a ``FrozenEstimator``
        that of what it holds.

    Returns
    -------
    router : router or RouterPipeline
        With ``predict_quality`` and its like.

    Raises
    ------
    TypeError
        If the estimator does not end in a router.
    NotFittedError
        If a search is not fitted.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklroute.baselines import RidgeRouter
    >>> from sklroute.pipeline import as_router
    >>> type(as_router(make_pipeline(StandardScaler(), RidgeRouter())))
    <class 'sklroute.pipeline.RouterPipeline'>
    """
    if isinstance(estimator, RouterMixin):
        return estimator
    if isinstance(estimator, BaseSearchCV):
        check_is_fitted(estimator)
        return as_router(estimator.best_estimator_)
    if isinstance(estimator, FrozenEstimator):
        return as_router(estimator.estimator)
    if isinstance(estimator, Pipeline) and len(estimator):
        *steps, (name, last) = estimator.steps
        return RouterPipeline(
            [*steps, (name, as_router(last))], memory=estimator.memory
        )
    raise TypeError(
        "Expected a router, or a Pipeline or search that ends in one; got "
        f"{estimator!r}."
    )


def core_of(estimator: Any) -> Any:
    """What an estimator, fitted or not, ends in: a router, or one that is frozen."""
    while isinstance(estimator, (BaseSearchCV, Pipeline)):
        inner = isinstance(estimator, BaseSearchCV)
        estimator = estimator.estimator if inner else estimator.steps[-1][1]
    return estimator


def last_step(router: Any) -> Any:
    """The router at the end of a `RouterPipeline`, of any depth; others as they are."""
    while isinstance(router, RouterPipeline):
        router = router._final_estimator
    return router


def chooses_by_predictions(router: Any) -> bool:
    """Whether a fitted router's predictions and policy tell what it calls.

    A guard, one fixed model and chance have a say beside them.
    """
    return last_step(router)._choice_rule() is None


def as_predictor(estimator: Any) -> Any:
    """A fitted router whose predictions tell what it calls at any price on cost.

    Raises
    ------
    TypeError
        If it narrows the choice beside them, as a guard does.
    """
    router = as_router(estimator)
    if not chooses_by_predictions(router):
        name = type(last_step(router)).__name__
        raise TypeError(
            f"{name} does not choose by its predictions alone: at "
            "another price on cost they do not tell what it calls. Judge its choices "
            "with utility_scorer or sklroute.audit.audit."
        )
    return router


def last_step_and_features(router: Any, X: Any) -> tuple[Any, Any]:
    """The same, with what that router sees of some queries."""
    while isinstance(router, RouterPipeline):
        router, X = router._final_estimator, router._features(X)
    return router, X


def fit_router(
    estimator: Any,
    X: Any,
    y: Any,
    sample_weight: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> Any:
    """Fit a router, a pipeline or a search; weights and groups reach the router.

    A plain pipeline wants ``router__groups`` where a router wants ``groups``, unless
    metadata routing is on: this is where the difference is known.

    Parameters
    ----------
    estimator : router, Pipeline, search or FrozenEstimator
        What to fit, in place.
    X : array-like of shape (n_queries, n_features)
        Queries, as the estimator takes them.
    y : Outcomes or any form that `check_outcomes` accepts
        What the models' answers were worth.
    sample_weight, groups : array-like of shape (n_queries,), default=None
        See `RouterMixin.fit`. None is not passed, and nor are weights that are all 1:
        with metadata routing every step would have to say what it does with them.

    Returns
    -------
    estimator : object
        The fitted estimator.

    Raises
    ------
    ValueError
        If a frozen estimator was fitted on other models than those of ``y``.
    """
    if sample_weight is not None and (np.asarray(sample_weight) == 1).all():
        sample_weight = None
    given = {"sample_weight": sample_weight, "groups": groups}
    given = {name: value for name, value in given.items() if value is not None}
    prefix = _prefix(estimator)
    split = isinstance(estimator, BaseSearchCV) and groups is not None
    # Only by routing a splitter and a router of no other name both get the groups.
    routed = get_config()["enable_metadata_routing"] or (split and not prefix)
    params = given if routed else {prefix + name: v for name, v in given.items()}
    if split and not routed:
        params["groups"] = groups  # for the splitter
    with config_context(enable_metadata_routing=routed):
        estimator.fit(X, y, **params)
    outcomes_of(as_router(estimator), y)  # one that is frozen may be of other models
    return estimator


def _prefix(estimator: Any) -> str:
    """What the router's fit parameters are called in a pipeline, e.g. ``router__``."""
    if isinstance(estimator, BaseSearchCV):
        return _prefix(estimator.estimator)
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return f"{name}__{_prefix(last)}"
    return ""
