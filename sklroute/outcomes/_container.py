"""The container of outcomes, an array-like that scikit-learn slices as ``y``."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklroute.outcomes._frames import CHANNELS, read_long, read_wide
from sklroute.outcomes._values import (
    aligned,
    check_candidates,
    check_known,
    check_models,
    check_range,
    columns_of,
    float_array,
    named_dtype,
    row_labels,
)
from sklroute.policies import MaxUtility, check_mask
from sklroute.policies._arrays import check_shape


class Outcomes:
    """Quality and cost of the answers that were run, one row per query.

    An immutable array-like of shape (n_queries, n_models, 3) with the channels
    quality, cost and available. It goes wherever scikit-learn takes ``y``: it is
    sliced with ``X`` in cross-validation and reaches every scorer, costs and
    availability included.

    "Not run" (quality is NaN) and "could not be called" (available is False) are
    different facts and are kept apart. Missing quality is never filled in.

    Parameters
    ----------
    quality : array-like of shape (n_queries, n_models)
        Score of each answer in [0, 1], higher is better; NaN = not observed.
    cost : array-like of shape (n_queries, n_models) or (n_models,), default=None
        Price of each call, >= 0, in the user's unit; NaN = unknown. None means
        that all costs are unknown.
    available : array-like of bool, of shape (n_queries, n_models) or (n_models,), \
default=None
        Whether the model could be called. None means that all could.
    models : sequence of str or int of length n_models, default=None
        Names of the models. None takes the columns of ``quality`` if it is a
        DataFrame, else 0 to n_models - 1. DataFrames, Series and dicts are matched by
        these names, arrays and what has pandas' default labels by position. Rows are
        matched by position; DataFrames must have the same index.

    Attributes
    ----------
    models : ndarray of shape (n_models,)
        Names of the models, **sorted**, as ``classes_`` always are. The columns of
        all channels follow this order, whatever the order of the input.

    Raises
    ------
    ValueError
        If a value is out of range, a name is repeated, or lengths or labels differ.
        The message names the row and the model.

    See Also
    --------
    check_outcomes : The door through which every ``fit`` reads its ``y``.

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> y = Outcomes([[1.0, 0.0], [0.5, float("nan")]], cost=[3.0, 0.1],
    ...              models=["large", "base"])
    >>> y
    Outcomes(n_queries=2, models=['base', 'large'], observed=75%)
    >>> y.best_model()
    array(['large', 'large'], dtype='<U5')
    >>> y.best_model(cost_weight=1.0)
    array(['base', 'large'], dtype='<U5')
    >>> y[:1].quality
    array([[0., 1.]])
    """

    ndim = 3
    _channels = CHANNELS

    def __init__(
        self,
        quality: ArrayLike,
        cost: ArrayLike | None = None,
        available: ArrayLike | None = None,
        *,
        models: Sequence[Any] | NDArray | None = None,
    ):
        self._set_sorted(*read_channels(quality, cost, available, models))

    def _set_sorted(self, channels: list[NDArray], names: NDArray) -> None:
        order = np.argsort(names, kind="stable")
        self._set(np.stack(channels, axis=-1)[:, order], names[order])

    def _set(self, table: NDArray, models: NDArray) -> "Outcomes":
        table.flags.writeable = False
        models.flags.writeable = False
        self._table = table
        self._models = models
        return self

    @classmethod
    def _wrap(cls, table: NDArray, models: NDArray) -> "Outcomes":
        """Make an object of checked channels, without checking them again."""
        return cls.__new__(cls)._set(table, models)

    def __setstate__(self, state: dict) -> None:
        # Copies and pickles forget that the arrays are read-only.
        self._set(state["_table"], state["_models"])

    # -- tables ------------------------------------------------------------------

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> "Outcomes":
        """Read a wide table: one row per query.

        Parameters
        ----------
        frame : DataFrame of shape (n_queries, n_columns)
            Either one quality column per model, or two-level columns whose first
            level is "quality", "cost" or "available" and whose second level is the
            model. Cost and availability may be left out, for some models or all.

        Returns
        -------
        Outcomes

        Raises
        ------
        ValueError
            If the first level holds anything else, a model has a cost or an
            availability but no quality, or as for `Outcomes`.

        Examples
        --------
        >>> import pandas as pd
        >>> from sklroute import Outcomes
        >>> columns = pd.MultiIndex.from_tuples(
        ...     [("quality", "large"), ("quality", "base"), ("cost", "large")]
        ... )
        >>> frame = pd.DataFrame([[1.0, 0.0, 3.0], [0.5, None, 3.0]], columns=columns)
        >>> Outcomes.from_frame(frame).cost
        array([[nan,  3.],
               [nan,  3.]])
        """
        return cls(**read_wide(frame, cls._channels))

    @classmethod
    def from_long(
        cls,
        frame: pd.DataFrame,
        *,
        query: str = "query",
        model: str = "model",
        quality: str = "quality",
        cost: str = "cost",
        queries: Sequence[Any] | None = None,
    ) -> "Outcomes":
        """Read a tidy log: one row per call.

        Parameters
        ----------
        frame : DataFrame of shape (n_calls, n_columns)
            The log. Other columns are not read.
        query, model, quality, cost : str
            Names of the columns. There need be no column ``cost``; one of another
            name must be there.
        queries : sequence of length n_queries, default=None
            Query identifiers in the order of the rows wanted, e.g. that of the rows
            of ``X``. None takes them in order of first appearance.

        Returns
        -------
        Outcomes
            Calls that are not in the log have NaN quality and NaN cost.

        Raises
        ------
        ValueError
            If the log is empty, a column or a name is missing, a value is out of range,
            a call is logged twice, or the log and ``queries`` do not hold the same
            queries. The message names the row of the log or the query.

        Examples
        --------
        >>> import pandas as pd
        >>> from sklroute import Outcomes
        >>> log = pd.DataFrame({"query": ["q1", "q1", "q2"],
        ...                     "model": ["large", "base", "base"],
        ...                     "quality": [1.0, 0.0, 0.5]})
        >>> Outcomes.from_long(log).quality
        array([[0. , 1. ],
               [0.5, nan]])
        """
        return cls(**read_long(frame, query, model, quality, cost, queries))

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame with two-level columns (channel, model).

        Returns
        -------
        DataFrame of n_queries rows
            What `from_frame` reads.
        """
        parts = {
            name: pd.DataFrame(getattr(self, name), columns=self.models)
            for name in self._channels
        }
        return pd.concat(parts, axis=1)

    # -- channels ----------------------------------------------------------------

    @property
    def models(self) -> NDArray:
        """Names of the models, sorted."""
        return self._models

    @property
    def quality(self) -> NDArray[np.float64]:
        """Quality of each answer, (n_queries, n_models); NaN = not observed."""
        return self._table[..., 0]

    @property
    def cost(self) -> NDArray[np.float64]:
        """Cost of each call, (n_queries, n_models); NaN = unknown."""
        return self._table[..., 1]

    @property
    def available(self) -> NDArray[np.bool_]:
        """Whether each model could be called, (n_queries, n_models)."""
        return self._table[..., 2] > 0

    @property
    def observed(self) -> NDArray[np.bool_]:
        """Whether each answer was scored, (n_queries, n_models)."""
        return ~np.isnan(self.quality)

    @property
    def candidates(self) -> NDArray[np.bool_]:
        """Models that were available and observed: those a choice can be scored on."""
        return self.available & self.observed

    # -- questions ---------------------------------------------------------------

    def best_model(self, cost_weight: float = 0.0) -> NDArray:
        """Name of the model of highest utility for each query.

        Parameters
        ----------
        cost_weight : float, default=0.0
            Quality that one unit of cost must buy.

        Returns
        -------
        ndarray of shape (n_queries,)
            Chosen among the models observed and available for the query; ties go to
            the cheaper model, then to the first.

        Raises
        ------
        ValueError
            If a query has no such model, or its cost is needed but not known.
        """
        candidates = check_candidates(self.candidates)
        policy = MaxUtility(cost_weight)
        if cost_weight > 0:
            check_known(self.cost, candidates, self.models, "best_model")
        return self.models[policy(self.quality, self.cost, candidates)]

    def index(self, models: ArrayLike) -> NDArray[np.intp]:
        """Column of each named model.

        Parameters
        ----------
        models : array-like of shape (n,)
            Names of models, as ``predict`` returns them.

        Returns
        -------
        ndarray of int, of shape (n,)

        Raises
        ------
        ValueError
            If a name is not in the pool; the message gives its row.
        """
        return columns_of(models, self.models)

    # -- array protocol ----------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_queries, n_models, 3): queries, models, channels."""
        return self._table.shape

    @property
    def dtype(self) -> np.dtype:
        """Data type of the channels."""
        return self._table.dtype

    def __len__(self) -> int:
        return len(self._table)

    def __getitem__(self, key: Any) -> "Outcomes":
        if isinstance(key, tuple):  # scikit-learn slices rows as y[key, ...]
            if any(part is not Ellipsis for part in key[1:]):
                raise IndexError("Outcomes are indexed by row only.")
            key = key[0]
        if isinstance(key, (int, np.integer)):  # without an end, list(y) has none
            if not -len(self) <= key < len(self):
                raise IndexError(f"Row {key} is out of range for {len(self)} queries.")
            key = [key]
        table = np.asarray(self._table[key])
        if table.ndim != self.ndim:
            raise IndexError("Outcomes are indexed by row only.")
        return self._wrap(table, self.models)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        named = named_dtype(self.models)
        if dtype is not None and np.dtype(dtype) != self.dtype:
            if copy is False:
                raise ValueError("Outcomes cannot be cast without a copy.")
            return self._table.astype(dtype)
        return np.array(self._table.view(named)) if copy else self._table.view(named)

    def __repr__(self) -> str:
        seen = self.observed.mean() if self.observed.size else 0.0
        seen = min(seen, 0.99) if seen < 1 else seen  # 99.9 % is not all
        return (
            f"{type(self).__name__}(n_queries={len(self)}, "
            f"models={self.models.tolist()}, observed={seen:.0%})"
        )


def read_channels(
    quality: ArrayLike,
    cost: ArrayLike | None,
    available: ArrayLike | None,
    models: Sequence[Any] | NDArray | None,
) -> tuple[list[NDArray], NDArray]:
    """Check what `Outcomes` takes; channels and names, in the order given."""
    quality = pd.DataFrame(quality) if isinstance(quality, Mapping) else quality
    rows = row_labels(quality)
    if models is None:
        models = quality.columns if isinstance(quality, pd.DataFrame) else None
    else:
        models = list(models)
        quality = aligned(quality, models, rows, "quality")
    quality = float_array(quality, "quality")
    if quality.ndim != 2 or quality.size == 0:
        raise ValueError(
            "quality must be a non-empty table of shape (n_queries, n_models); "
            f"got shape {quality.shape}."
        )
    n_models = quality.shape[1]
    names = check_models(range(n_models) if models is None else models, n_models)
    check_range(quality, names, "quality", upper=1.0)
    cost = aligned(cost, names, rows, "cost")
    cost = np.full(n_models, np.nan) if cost is None else float_array(cost, "cost")
    cost = check_shape(cost, quality.shape, "cost")
    check_range(cost, names, "cost", upper=np.inf)
    available = aligned(available, names, rows, "available")
    return [quality, cost, check_mask(available, quality.shape)], names
