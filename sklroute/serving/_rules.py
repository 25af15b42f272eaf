"""What narrows the choice beside the policy: a fixed model, a guard, chance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklroute.policies import MaxUtility, Policy

Arrays = dict[str, Any]


@dataclass(frozen=True)
class OneModel:
    """The one model, where it is available."""

    column: int

    def restrict(self, policy: Policy, arrays: Arrays) -> tuple[Policy, Arrays]:
        """Narrow the availability."""
        available = arrays["available"]
        only = np.arange(available.shape[1]) == self.column
        possible = available[:, [self.column]]
        return policy, {**arrays, "available": np.where(possible, only, available)}


@dataclass(frozen=True)
class Guard:
    """The baseline, unless the policy's choice promises enough more."""

    ranking: NDArray
    """Models by rank; the first that is available is the baseline."""
    threshold: float

    def gain(self, policy, quality, cost, available, std) -> tuple[NDArray, ...]:
        """Baseline, proposed model and its predicted gain for each query."""
        rows = np.arange(len(quality))
        baseline = self.ranking[available[:, self.ranking].argmax(axis=1)]
        choice = policy(quality, cost, available, std=std)
        utility = policy.utility(quality, cost, available, std=std)
        return baseline, choice, utility[rows, choice] - utility[rows, baseline]

    def restrict(self, policy: Policy, arrays: Arrays) -> tuple[Policy, Arrays]:
        """Narrow the availability."""
        baseline, _, gain = self.gain(policy, **arrays)
        available = arrays["available"]
        only = np.arange(available.shape[1]) == baseline[:, None]
        stays = (gain < self.threshold)[:, None]
        return policy, {**arrays, "available": np.where(stays, only, available)}


@dataclass(frozen=True)
class Chance:
    """Any of the available models, all equally likely."""

    random_state: Any

    def restrict(self, policy: Policy, arrays: Arrays) -> tuple[Policy, Arrays]:
        """Draw the quality."""
        rng = check_random_state(self.random_state)
        quality = rng.uniform(size=arrays["quality"].shape)
        return MaxUtility(), {**arrays, "quality": quality}

    def proba(self, available: NDArray) -> NDArray[np.float64]:
        """Probability that each model is chosen."""
        return available / available.sum(axis=1, keepdims=True)
