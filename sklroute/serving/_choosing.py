"""From what a router's methods are given to a choice, fitted or compiled."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from sklroute.outcomes._values import (
    by_model,
    check_known,
    check_range,
    float_array,
    named_mask,
)
from sklroute.policies import Policy, check_available
from sklroute.policies._arrays import check_shape
from sklroute.policies._labels import has_default_labels

DEFAULT_TEMPERATURE = 0.05  # of predict_proba, in units of utility


def check_policy(policy: Any) -> Policy:
    """Refuse what is not a policy."""
    if not isinstance(policy, Policy):
        raise TypeError(
            "policy must be a sklroute.policies.Policy such as MaxUtility(), "
            f"got {policy!r}."
        )
    return policy


def read_available(available: Any, models: NDArray, n_queries: int) -> NDArray:
    """Mask (n_queries, n_models) of the models that may be called, a model at least."""
    return check_available(named_mask(available, models), (n_queries, len(models)))


def read_costs(
    costs: Any,
    predict: Callable[[], NDArray],
    models: NDArray,
    available: NDArray,
    policy: Policy,
) -> NDArray:
    """Costs (n_queries, n_models), given or else predicted.

    They are known, if the policy needs them.
    """
    if isinstance(costs, (Mapping, pd.Series)):
        costs = _completed(costs, predict, models)
    costs = predict() if costs is None else costs
    table = float_array(by_model(costs, models, "costs"), "costs")
    table = check_shape(table, available.shape, "costs")
    check_range(np.where(available, table, np.nan), models, "costs", np.inf)
    if policy.needs_cost:
        check_known(table, available, models, policy)
    return table


def _completed(costs: Any, predict: Callable[[], NDArray], models: NDArray) -> Any:
    """Labelled costs of some models, with the predicted ones of the others."""
    labels, names = list(costs.keys()), models.tolist()
    unnamed = isinstance(costs, pd.Series) and has_default_labels(costs)
    if unnamed or len(set(labels)) < len(labels) or not set(labels) < set(names):
        return costs  # of all models, by position, or wrong, as `by_model` will say
    predicted = predict()
    rest = {name: predicted[..., j] for j, name in enumerate(names)}
    return {**rest, **dict(costs.items())}


def choice_probability(router: Any, utility: NDArray) -> NDArray:
    """Softmax over the router's own temperature, or the one by default."""
    temperature = getattr(router, "temperature_", DEFAULT_TEMPERATURE)
    return softmax(utility / temperature, axis=1)
