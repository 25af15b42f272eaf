"""What each model's answer to each query was worth: the target of every router."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from sklroute.policies import MaxUtility, check_mask

__all__ = ["Outcomes", "check_outcomes"]

CHANNELS = ("quality", "cost", "available")


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
        DataFrame, else 0 to n_models - 1.

    Attributes
    ----------
    models : ndarray of shape (n_models,)
        Names of the models, **sorted**, as ``classes_`` always are. The columns of
        all channels follow this order, whatever the order of the input.

    Raises
    ------
    ValueError
        If a value is out of range, a name is repeated or lengths differ. The
        message names the row and the model.

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

    def __init__(
        self,
        quality: ArrayLike,
        cost: ArrayLike | None = None,
        available: ArrayLike | None = None,
        *,
        models: Sequence[Any] | NDArray | None = None,
    ):
        if models is None and isinstance(quality, pd.DataFrame):
            models = list(quality.columns)
        quality = _float_table(quality, "quality")
        n_models = quality.shape[1]
        names = _check_models(range(n_models) if models is None else models, n_models)
        cost = _broadcast(np.nan if cost is None else cost, quality.shape, "cost")
        available = check_mask(available, quality.shape)
        _check_range(quality, names, "quality", upper=1.0)
        _check_range(cost, names, "cost", upper=np.inf)
        order = np.argsort(names, kind="stable")
        table = np.stack([quality, cost, available], axis=-1)[:, order]
        self._set(table, names[order])

    def _set(self, table: NDArray, models: NDArray) -> "Outcomes":
        table.flags.writeable = False
        models.flags.writeable = False
        self._table = table
        self.models = models
        return self

    @classmethod
    def _wrap(cls, table: NDArray, models: NDArray) -> "Outcomes":
        """Make an object of checked channels, without checking them again."""
        return cls.__new__(cls)._set(table, models)

    # -- constructors ------------------------------------------------------------

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
        """
        if frame.columns.nlevels == 1:
            return cls(frame)
        unknown = set(frame.columns.get_level_values(0)) - set(CHANNELS)
        if unknown or "quality" not in frame.columns.get_level_values(0):
            raise ValueError(
                "The first column level must be 'quality', and optionally 'cost' and "
                f"'available'; got {sorted(set(frame.columns.get_level_values(0)))}."
            )
        quality = frame["quality"]
        parts = {
            name: frame[name].reindex(columns=quality.columns)
            for name in CHANNELS[1:]
            if name in frame.columns.get_level_values(0)
        }
        if "available" in parts:
            parts["available"] = parts["available"].astype(object).fillna(True)
        return cls(quality, **parts)

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
            The log.
        query, model, quality, cost : str
            Names of the columns. The cost column may be absent.
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
            If a column is missing, a call is logged twice, or the log and
            ``queries`` do not hold the same queries.
        """
        absent = [name for name in (query, model, quality) if name not in frame]
        if absent:
            raise ValueError(
                f"The log has no column {absent[0]!r}; it has {list(frame.columns)}."
            )
        twice = frame.duplicated([query, model])
        if twice.any():
            row = frame.loc[twice, [query, model]].iloc[0]
            raise ValueError(
                f"Query {row[query]!r} has more than one row for model {row[model]!r}."
            )
        order = pd.unique(frame[query]) if queries is None else list(queries)
        unknown = pd.Index(frame[query]).difference(pd.Index(order))
        if len(unknown):
            raise ValueError(f"Query {unknown[0]!r} of the log is not in `queries`.")
        wide = frame.set_index([query, model]).unstack(model).reindex(order)
        if wide[quality].isna().all(axis=1).any():
            row = wide.index[wide[quality].isna().all(axis=1)][0]
            raise ValueError(f"Query {row!r} has no quality in the log.")
        return cls(wide[quality], wide[cost] if cost in frame else None)

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame with two-level columns (channel, model)."""
        columns = pd.MultiIndex.from_product([CHANNELS, self.models])
        table = np.concatenate([self.quality, self.cost], axis=1)
        frame = pd.DataFrame(table, columns=columns[: table.shape[1]])
        available = pd.DataFrame(self.available, columns=columns[table.shape[1] :])
        return pd.concat([frame, available], axis=1)

    # -- channels ----------------------------------------------------------------

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
        """
        choice = MaxUtility(cost_weight)(self.quality, self.cost, self.candidates)
        return self.models[choice]

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
        return _columns(self.models, np.asarray(models))

    # -- array protocol ----------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_queries, n_models, 3)."""
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
        if isinstance(key, (int, np.integer)):
            if not -len(self) <= key < len(self):
                raise IndexError(f"Row {key} is out of range for {len(self)} queries.")
            key = [key]
        return Outcomes._wrap(np.asarray(self._table[key]), self.models)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        # The names ride along as dtype metadata: they survive slicing, pickling and
        # joblib, so that a bare array of outcomes still knows its models.
        named = np.dtype(np.float64, metadata={"models": self.models.tolist()})
        if dtype is not None and np.dtype(dtype) != self.dtype:
            if copy is False:
                raise ValueError("Outcomes cannot be cast without a copy.")
            return self._table.astype(dtype)
        return np.array(self._table.view(named)) if copy else self._table.view(named)

    def __repr__(self) -> str:
        seen = self.observed.mean() if self.observed.size else 0.0
        return (
            f"Outcomes(n_queries={len(self)}, models={self.models.tolist()}, "
            f"observed={seen:.0%})"
        )


def check_outcomes(
    y: Any, *, for_fit: bool = False, models: ArrayLike | None = None
) -> Outcomes:
    """Turn any accepted form of ``y`` into `Outcomes`.

    This is the only code that knows the forms. Every ``fit`` starts with it.

    Parameters
    ----------
    y : Outcomes, array-like or DataFrame
        One of

        - `Outcomes`;
        - an array of shape (n_queries, n_models, 3): quality, cost, available;
        - a **float** array of shape (n_queries, n_models), quality, or a DataFrame,
          see `Outcomes.from_frame`;
        - labels of shape (n_queries,): the best model of each query, whose quality
          is 1 where all others' is 0. This is plain classification.
    for_fit : bool, default=False
        Whether every query and every model must have an observed quality.
    models : array-like of shape (n_models,), default=None
        Names of all models, for labels that do not name each of them.

    Returns
    -------
    Outcomes

    Raises
    ------
    ValueError
        If ``y`` has none of these forms or holds an invalid value; the message names
        the row and the model.

    Examples
    --------
    >>> from sklroute.outcomes import check_outcomes
    >>> check_outcomes(["ocr", "chat", "ocr"]).quality
    array([[0., 1.],
           [1., 0.],
           [0., 1.]])
    """
    outcomes = _read(y, models)
    if for_fit:
        _check_observed(outcomes)
    return outcomes


def _read(y, models) -> Outcomes:
    if isinstance(y, Outcomes):
        return y
    if isinstance(y, pd.DataFrame) and y.shape[1] > 1:
        return Outcomes.from_frame(y)
    table = np.asarray(y)
    if table.ndim == 3:
        return _from_channels(table)
    if table.ndim == 2 and table.shape[1] > 1:
        return _from_quality(table)
    return _from_labels(y, models)


def _from_channels(table: NDArray) -> Outcomes:
    if table.shape[2] != len(CHANNELS):
        raise ValueError(
            f"A 3-D y must have the channels {CHANNELS} on its last axis; "
            f"got shape {table.shape}."
        )
    models = (table.dtype.metadata or {}).get("models")
    return Outcomes(*np.moveaxis(table, -1, 0), models=models)


def _from_quality(table: NDArray) -> Outcomes:
    if table.dtype.kind != "f":
        raise ValueError(
            "A 2-D y must be a float table of quality, (n_queries, n_models); got "
            f"dtype {table.dtype}. scikit-learn's cross_val_predict silently encodes "
            "the columns of a 2-D y as integers: pass sklroute.Outcomes instead."
        )
    return Outcomes(table)


def _from_labels(y, models) -> Outcomes:
    labels = column_or_1d(y, warn=True)
    check_classification_targets(labels)
    models = np.unique(labels if models is None else models)
    code = _columns(models, labels)
    return Outcomes(np.eye(len(models))[code], models=models)


def _columns(models: NDArray, names: NDArray) -> NDArray[np.intp]:
    """Place of each name among sorted models."""
    column = np.searchsorted(models, names).clip(max=len(models) - 1)
    wrong = models[column] != names
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"Row {row}: {names.tolist()[row]!r} is not one of the models "
            f"{models.tolist()}."
        )
    return column


def _check_observed(outcomes: Outcomes) -> None:
    observed = outcomes.observed
    if not observed.any(axis=1).all():
        row = np.flatnonzero(~observed.any(axis=1))[0]
        raise ValueError(f"Row {row} of y has no observed quality for any model.")
    if not observed.any(axis=0).all():
        model = outcomes.models[~observed.any(axis=0)][0]
        raise ValueError(
            f"Model {model.item() if hasattr(model, 'item') else model!r} has no "
            "observed quality in any row of y."
        )


def _float_table(values: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        table = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numeric: {error}") from error
    if table.ndim != 2 or table.size == 0:
        raise ValueError(
            f"{name} must be a non-empty table of shape (n_queries, n_models); "
            f"got shape {table.shape}."
        )
    return table


def _check_models(models, n_models: int) -> NDArray:
    names = np.array(list(models))
    if len(names) != n_models:
        raise ValueError(f"Got {len(names)} model names for {n_models} columns.")
    kinds = {isinstance(name, str) for name in models}
    if len(kinds) > 1:
        raise ValueError("Model names must be all strings or all numbers, not mixed.")
    unique, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        raise ValueError(f"Model name {unique[counts > 1][0]!r} appears twice.")
    return names


def _check_range(table: NDArray, models: NDArray, name: str, upper: float) -> None:
    wrong = (table < 0) | (table > upper) | np.isinf(table)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        bounds = "in [0, 1]" if upper == 1 else "finite and >= 0"
        raise ValueError(
            f"{name} must be {bounds}; row {row}, model {str(models[column])!r} "
            f"has {table[row, column]}."
        )


def _broadcast(values: ArrayLike, shape: tuple[int, int], name: str) -> NDArray:
    values = np.asarray(values, dtype=float)
    if values.ndim and values.shape not in (shape, shape[1:]):
        raise ValueError(
            f"{name} has shape {values.shape}; expected {shape} (n_queries, n_models) "
            f"or {shape[1:]} (n_models,)."
        )
    return np.broadcast_to(values, shape)
