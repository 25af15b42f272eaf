"""Outcomes of a log: which calls were scored was somebody's decision."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklroute.outcomes._container import Outcomes, read_channels
from sklroute.outcomes._frames import LOGGED_CHANNELS, read_long, read_wide
from sklroute.outcomes._values import (
    aligned,
    check_range,
    float_array,
    plain,
    row_labels,
)
from sklroute.policies._arrays import check_shape


class LoggedOutcomes(Outcomes):
    """Outcomes of a log in which only the called models were scored.

    An `Outcomes` with a fourth channel, of shape (n_queries, n_models, 4): the
    propensity of each call, i.e. the probability with which the system that wrote the
    log called (and scored) that model for that query. It is sliced with the rest, so
    that cross-validation works as for any outcomes, and lets
    `sklroute.metrics.doubly_robust_value` and its like say what another policy would
    have been worth.

    Parameters
    ----------
    quality : array-like of shape (n_queries, n_models)
        Score of each answer in [0, 1]; NaN = not observed, usually all but one a row.
    cost, available, models
        As in `Outcomes`.
    propensity : array-like of shape (n_queries, n_models) or (n_models,)
        Probability in [0, 1] that the call was made and scored, known at the time of
        the call. NaN = unknown, allowed where nothing was observed. A row need not
        sum to 1: where several calls a query may be scored, each has its own.

    Attributes
    ----------
    models : ndarray of shape (n_models,)
        Names of the models, sorted.

    Raises
    ------
    ValueError
        As `Outcomes`, or if an observed answer has a propensity that is 0 or unknown.
        The message names the row and the model.

    See Also
    --------
    sklroute.metrics.doubly_robust_value : What a policy would have been worth.
    sklroute.model_selection.off_policy_scorer : The same in a search.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklroute.outcomes import LoggedOutcomes
    >>> log = pd.DataFrame({"query": ["q1", "q2", "q3"],
    ...                     "model": ["large", "base", "base"],
    ...                     "quality": [1.0, 0.0, 0.5],
    ...                     "propensity": [0.2, 0.8, 0.8]})
    >>> y = LoggedOutcomes.from_long(log)
    >>> y
    LoggedOutcomes(n_queries=3, models=['base', 'large'], observed=50%)
    >>> y[1:].propensity
    array([[0.8, nan],
           [0.8, nan]])
    >>> y.inverse_propensity()
    array([5.  , 1.25, 1.25])
    """

    _channels = LOGGED_CHANNELS

    def __init__(
        self,
        quality: ArrayLike,
        cost: ArrayLike | None = None,
        available: ArrayLike | None = None,
        *,
        propensity: ArrayLike,
        models: Sequence[Any] | NDArray | None = None,
    ):
        channels, names = read_channels(quality, cost, available, models)
        propensity = aligned(propensity, names, row_labels(quality), "propensity")
        propensity = float_array(propensity, "propensity")
        propensity = check_shape(propensity, channels[0].shape, "propensity")
        check_range(propensity, names, "propensity", upper=1.0)
        _check_positive(propensity, ~np.isnan(channels[0]), names)
        self._set_sorted([*channels, propensity], names)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> "LoggedOutcomes":
        """Read a wide table: one row per query.

        Parameters
        ----------
        frame : DataFrame of shape (n_queries, n_columns)
            As for `Outcomes.from_frame`, with "propensity" in the first level too.

        Returns
        -------
        LoggedOutcomes
        """
        channels = read_wide(frame, cls._channels)
        if "propensity" not in channels:
            raise ValueError(
                "LoggedOutcomes needs two-level columns with 'propensity' in the "
                "first level."
            )
        return cls(**channels)

    @classmethod
    def from_long(
        cls,
        frame: pd.DataFrame,
        *,
        query: str = "query",
        model: str = "model",
        quality: str = "quality",
        cost: str = "cost",
        propensity: str = "propensity",
        queries: Sequence[Any] | None = None,
    ) -> "LoggedOutcomes":
        """Read a tidy log: one row per call.

        Parameters
        ----------
        frame : DataFrame of shape (n_calls, n_columns)
            The log. Other columns are not read.
        query, model, quality, cost, propensity : str
            Names of the columns. The cost column may be absent.
        queries : sequence of length n_queries, default=None
            As in `Outcomes.from_long`.

        Returns
        -------
        LoggedOutcomes
            A model that only some other query was sent to has NaN propensity. One
            that no query was sent to is not in the pool.
        """
        return cls(**read_long(frame, query, model, quality, cost, queries, propensity))

    @property
    def propensity(self) -> NDArray[np.float64]:
        """Probability of each call, (n_queries, n_models); NaN = unknown."""
        return self._table[..., 3]

    def inverse_propensity(self) -> NDArray[np.float64]:
        """One over the propensity of each query's only call.

        As ``sample_weight`` of a router it makes the queries that a model was called
        for look like all queries: means per model are then those of all traffic, and
        so is a best single model. A regression that is right without weights gains
        nothing by them and loses precision.

        Returns
        -------
        weight : ndarray of shape (n_queries,)
            At least 1.

        Raises
        ------
        ValueError
            If a query has no observed answer or more than one.
        """
        several = self.observed.sum(axis=1) != 1
        if several.any():
            row = np.flatnonzero(several)[0]
            raise ValueError(
                f"Row {row} has {self.observed[row].sum()} observed answers: one "
                "weight per query needs exactly one."
            )
        return 1 / self.propensity[self.observed]


def _check_positive(propensity: NDArray, observed: NDArray, models: NDArray) -> None:
    """Refuse a call that was made although it could not, or with unknown chance."""
    wrong = observed & ~(propensity > 0)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"The answer of model {plain(models[column])!r} in row {row} is observed, "
            f"but its propensity is {propensity[row, column]}; it must be in (0, 1]."
        )


def check_not_logged(outcomes: Outcomes) -> None:
    """Refuse a log where a choice is scored among the models that were observed."""
    if isinstance(outcomes, LoggedOutcomes):
        raise ValueError(
            "y is a log with propensities: among the models that were called every "
            "router makes the log's choices, and all score the same. Use "
            "sklroute.model_selection.off_policy_scorer."
        )
