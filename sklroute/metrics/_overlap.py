"""How a policy and a log meet: weights, utilities, and a warning where they do not."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklroute.metrics._tables import check_table, chosen_columns
from sklroute.outcomes import LoggedOutcomes, check_outcomes
from sklroute.outcomes._values import check_cost_weight, check_known, plain

MIN_EFFECTIVE_SIZE = 30  # queries; below, no normal approximation is any good
MAX_SHARE = 0.1  # of the total weight that one query may have


class OverlapWarning(UserWarning):
    """The log says too little about the policy that is evaluated."""


def read(y: Any, choice: ArrayLike) -> tuple[LoggedOutcomes, NDArray[np.float64]]:
    """The log, and the probability with which the policy chooses each model."""
    outcomes = check_outcomes(y)
    if not isinstance(outcomes, LoggedOutcomes):
        raise ValueError(
            "y has no propensities: off-policy evaluation needs LoggedOutcomes, with "
            "the probability of each logged call."
        )
    if np.ndim(choice) == 2:
        target = check_table(choice, outcomes, "The probability of a choice")
        return outcomes, _check_probabilities(target)
    return outcomes, np.eye(len(outcomes.models))[chosen_columns(outcomes, choice)]


def _check_probabilities(target: NDArray) -> NDArray:
    wrong = ~(target >= 0).all(axis=1) | ~np.isclose(target.sum(axis=1), 1)
    if wrong.any():
        row = np.flatnonzero(wrong)[0]
        raise ValueError(
            f"Probabilities of choice must be >= 0 and sum to 1; row {row} has "
            f"{target[row].tolist()}."
        )
    return target


def weights(outcomes: LoggedOutcomes, target: NDArray) -> NDArray[np.float64]:
    """Importance weight of every cell, 0 where nothing was observed."""
    weight = np.zeros_like(target)
    return np.divide(target, outcomes.propensity, out=weight, where=outcomes.observed)


def logged_utility(outcomes: LoggedOutcomes, cost_weight: float) -> NDArray:
    """Utility of the logged calls, 0 where there was none."""
    check_cost_weight(cost_weight)
    utility = outcomes.quality
    if cost_weight > 0:
        check_known(outcomes.cost, outcomes.observed, outcomes.models, "cost_weight")
        utility = utility - cost_weight * outcomes.cost
    return np.where(outcomes.observed, utility, 0.0)


def predicted_utility(
    outcomes, quality, cost, cost_weight, needed
) -> NDArray[np.float64]:
    """Predicted utility where it is needed, 0 elsewhere."""
    check_cost_weight(cost_weight)
    utility = check_table(quality, outcomes, "Predicted quality")
    if cost_weight > 0:
        if cost is None:
            raise ValueError(f"cost_weight={cost_weight} needs predicted costs.")
        utility = utility - cost_weight * check_table(cost, outcomes, "Predicted cost")
    unknown = needed & ~np.isfinite(utility)
    if unknown.any():
        row, column = np.argwhere(unknown)[0]
        raise ValueError(
            f"The prediction for model {plain(outcomes.models[column])!r} in row {row} "
            "is not known."
        )
    return np.where(needed, utility, 0.0)


def expected(target: NDArray, table: NDArray) -> NDArray[np.float64]:
    return (target * table).sum(axis=1)


def effective_size(weight: NDArray) -> float:
    return float(weight.sum() ** 2 / (weight**2).sum()) if weight.any() else 0.0


def warn_of_overlap(outcomes, target, weight) -> None:
    """Say where the policy goes beyond the log, or leans on too little of it."""
    never = (target > 0) & (outcomes.propensity == 0)
    if never.any():
        row, column = np.argwhere(never)[0]
        _warn(
            f"The policy sends {never.any(axis=1).sum()} of {len(outcomes)} queries "
            f"where the log never went, e.g. row {row} to model "
            f"{plain(outcomes.models[column])!r} (propensity 0): the log cannot say "
            "what that is worth."
        )
    weight = weight.sum(axis=1)
    size = effective_size(weight)
    share = weight.max() / weight.sum() if size else 0.0
    if size < MIN_EFFECTIVE_SIZE or share > MAX_SHARE:
        _warn(
            f"For this policy the log of {len(outcomes)} queries is worth "
            f"{size:.0f} (effective sample size); row {weight.argmax()} has "
            f"{share:.0%} of the weight. The value and its interval are not reliable."
        )


def _warn(message: str) -> None:
    warnings.warn(message, OverlapWarning, stacklevel=4)
