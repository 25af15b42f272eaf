"""A uniform random sample of a stream of queries."""

import numpy as np
from numpy.typing import NDArray

from sklroute.outcomes import Outcomes, check_outcomes
from sklroute.outcomes._values import named_dtype


class Sample:
    """A reservoir: every query that has passed is in it with the same probability.

    Vitter's Algorithm R [1]_, a batch at a time: query :math:`t`, counted from 0, takes
    the place of a random one with probability :math:`n / (t + 1)`, where :math:`n` is
    the largest number of queries. The lots of a batch depend on the seed and on the
    number of queries before it alone, so that an interrupted pass goes on with the same
    ones.

    References
    ----------
    .. [1] Vitter, "Random sampling with a reservoir", ACM TOMS 11(1), 1985.
    """

    def __init__(self, size: int, seed: int):
        self.size = size
        self.seed = seed
        self.n_seen = 0
        self.models = None
        self._X = self._table = None

    @property
    def full(self) -> bool:
        """Whether it holds as many queries as it can."""
        return self.n_seen >= self.size

    @property
    def X(self) -> NDArray:
        """Features of the sampled queries."""
        return self._X[: self.n_seen]

    @property
    def table(self) -> NDArray:
        """Their outcomes, of shape (n_queries, n_models, n_channels)."""
        return self._table[: self.n_seen]

    @property
    def outcomes(self) -> Outcomes:
        """Their outcomes."""
        return check_outcomes(self.table.view(named_dtype(self.models)))

    def add(self, X: NDArray, outcomes: Outcomes) -> None:
        """Let a batch pass."""
        table = np.asarray(outcomes)
        if self._X is None:
            self.models = outcomes.models
            self._make_room(X, table)
        number = self.n_seen + np.arange(len(X))
        place = np.random.default_rng([self.seed, self.n_seen]).integers(number + 1)
        place = np.where(number < self.size, number, place)
        rows = np.flatnonzero(place < self.size)
        # Of two queries that draw the same place the later one has it.
        self._X[place[rows]] = X[rows]
        self._table[place[rows]] = table[rows]
        self.n_seen += len(X)

    def _make_room(self, X: NDArray, table: NDArray) -> None:
        self._X = np.empty((self.size, X.shape[1]), dtype=X.dtype)
        self._table = np.empty((self.size, *table.shape[1:]))

    def state(self) -> dict[str, NDArray]:
        """Arrays that `restore` takes."""
        return {
            "sample_X": self.X,
            "sample_table": self.table,
            "models": self.models,
            "n_seen": np.array(self.n_seen),
        }

    def restore(self, state: dict[str, NDArray]) -> None:
        """Go on from where another sample of the same size and seed stood."""
        X, table = state["sample_X"], state["sample_table"]
        self._make_room(X, table)
        self._X[: len(X)], self._table[: len(X)] = X, table
        self.models, self.n_seen = state["models"], int(state["n_seen"])
