"""Checks of values and names; every message says which one is wrong, and where."""

from collections.abc import Callable, Iterable, Set
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklroute.policies._labels import by_model, plain


def check_models(models: Iterable[Any], n_models: int) -> NDArray:
    """Return the names as an array; refuse repeated, mixed or too few ones."""
    names = list(models)
    if len(names) != n_models:
        raise ValueError(f"Got {len(names)} model names for {n_models} columns.")
    for name in names:
        if not isinstance(name, (str, Real, np.bool_)) or name != name:
            raise ValueError(
                f"A model's name must be a string or a number; got {name!r}."
            )
    texts = [isinstance(name, str) for name in names]
    if any(texts) and not all(texts):
        raise ValueError(
            "Model names must be all strings or all numbers; got "
            f"{names[texts.index(True)]!r} and {plain(names[texts.index(False)])!r}."
        )
    array = np.array(names)
    index = pd.Index(array)
    if index.has_duplicates:
        raise ValueError(
            f"Model name {plain(index[index.duplicated()][0])!r} appears twice."
        )
    return array


def check_named(models: NDArray, known: NDArray) -> None:
    """Refuse models without names, which are numbered, where the known ones have."""
    if known.dtype.kind == "U" and np.array_equal(models, np.arange(len(models))):
        raise ValueError(
            f"y has no names of models, only {len(models)} columns; the router has "
            f"{known.tolist()}. Name the columns: Outcomes(quality, models=[...])."
        )


def row_labels(table: Any) -> pd.Index | None:
    """Index of a DataFrame; None of what has none."""
    return table.index if isinstance(table, pd.DataFrame) else None


def aligned(
    values: Any, models: Iterable[Any], rows: pd.Index | None, name: str
) -> Any:
    """Put labelled values into the order of the models, with `by_model`.

    Parameters
    ----------
    values : DataFrame, Series, dict or anything else
        What is labelled or has the right order by agreement.
    models : iterable of length n_models
        Names of the models, in the order wanted.
    rows : Index or None
        Labels that the rows of a DataFrame must have, in this order.
    name : str
        What the values are, for the message.

    Returns
    -------
    values : as given, reordered

    Raises
    ------
    ValueError
        If the labels are not the names of the models, or the rows have other labels.
    """
    own = row_labels(values)
    if own is not None and rows is not None and len(own) == len(rows):
        _check_rows(own, rows, name)
    return by_model(values, models, name)


def _check_rows(own: pd.Index, rows: pd.Index, name: str) -> None:
    if own.equals(rows):
        return
    row = next(row for row in range(len(rows)) if own[row] != rows[row])
    raise ValueError(
        f"Row {row} of {name} has the label {plain(own[row])!r}, that of quality "
        f"{plain(rows[row])!r}: give both tables one index, or pass an array."
    )


def named_dtype(models: NDArray) -> np.dtype:
    """Floats with the names of the models as metadata.

    They survive slicing, pickling and joblib, so that a bare array of outcomes still
    knows its models.
    """
    return np.dtype(np.float64, metadata={"models": models.tolist()})


def named_mask(available: Any, models: NDArray) -> Any:
    """Make a mask of models given by name, by a function of the name or by labels.

    Parameters
    ----------
    available : array-like of str, callable, DataFrame, Series, dict or anything else
        What is labelled is put into the order of the models; all else, such as a mask,
        is returned as it is. A list of names that are numbers cannot be told from a
        mask: use a set, an Index or a labelled mask for them.
    models : ndarray of shape (n_models,)
        Names of the models.

    Returns
    -------
    available : ndarray of bool of shape (n_models,), or as given

    Raises
    ------
    ValueError
        If a name is not one of the models or stands alone, labels are not the names of
        the models, or a function answers with a text.
    """
    if isinstance(available, str):
        raise ValueError(f"available is {available!r}; expected a list of names.")
    if callable(available):
        return np.array([_answer(available, plain(model)) for model in models])
    names = available if isinstance(available, (list, tuple, np.ndarray)) else ()
    labels = isinstance(available, pd.Index) and available.dtype != bool
    if labels or isinstance(available, Set):  # has no order, and so is no mask
        names = list(available)
    elif isinstance(available, (list, tuple)) and not available:
        names = ()
    elif len(names) == 0 or not all(isinstance(name, str) for name in names):
        return by_model(available, models, "available")
    unknown = sorted(set(names) - set(models.tolist()), key=str)
    if unknown:
        raise ValueError(
            f"available has {unknown[0]!r}, which is not one of the models "
            f"{models.tolist()}."
        )
    return np.isin(models, names)


def _answer(available: Callable[[Any], Any], model: Any) -> bool:
    """What a function says of a model; a text such as "down" would count as true."""
    answer = available(model)
    if isinstance(answer, str):
        raise ValueError(
            f"available says {answer!r} of {model!r}; it must return true or false."
        )
    return bool(answer)


def columns_of(names: ArrayLike, models: NDArray) -> NDArray[np.intp]:
    """Place of each name among the models; refuse a name that is not there."""
    names, models = np.asarray(names), np.asarray(models)
    columns = _index(models).get_indexer(_index(names))
    if (columns < 0).any():
        row = int((columns < 0).argmax())
        raise ValueError(
            f"Row {row}: {plain(names[row])!r} is not one of the models "
            f"{models.tolist()}."
        )
    return columns


def _index(names: NDArray) -> pd.Index:
    """Names to look up: to pandas True is not the label 1."""
    return pd.Index(names.astype(int) if names.dtype == bool else names)


def float_array(values: Any, name: str) -> NDArray[np.float64]:
    """Return the values as floats; a missing one of pandas or a masked one is NaN."""
    try:
        values = unmasked(values)
        dtypes = getattr(values, "dtypes", getattr(values, "dtype", ()))
        kinds = {getattr(dtype, "kind", "O") for dtype in np.ravel(dtypes)}
        if kinds & {"m", "M"}:
            raise TypeError("it holds times")  # which NumPy would count in nanoseconds
        if "c" in kinds:
            raise TypeError("it is complex")
        if isinstance(values, (pd.DataFrame, pd.Series)):
            return values.to_numpy(dtype=float, na_value=np.nan)
        array = np.asarray(values)
        if array.dtype == object:
            array = np.where(pd.isna(array), np.nan, array)
        return np.asarray(array, dtype=float)
    except (TypeError, ValueError) as error:
        place = locate_text(values)
        raise ValueError(f"{name} must be numeric: {place or error}.") from error


def unmasked(values: Any) -> Any:
    """A masked array as floats with NaN where it is masked; all else as it is."""
    if isinstance(values, np.ma.MaskedArray):
        return values.astype(float).filled(np.nan)
    return values


def locate_text(values: ArrayLike) -> str | None:
    """Say where a table has its first value that is not a number, if it has one."""
    table = np.asarray(values, None if hasattr(values, "__array__") else object)
    if table.ndim not in (1, 2):
        return None
    frame = pd.DataFrame(table)
    names = getattr(values, "columns", frame.columns)
    for column in frame:
        numbers = pd.to_numeric(frame[column], errors="coerce")
        wrong = numbers.isna() & frame[column].notna()
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            value = plain(frame.at[row, column])
            return f"row {row}, column {plain(names[column])!r} has {value!r}"
    return None


def out_of_range(values: NDArray, upper: float) -> NDArray[np.bool_]:
    """Where values are infinite or not between 0 and the upper bound; NaN is not."""
    return (values < 0) | (values > upper) | np.isinf(values)


def must_be(upper: float) -> str:
    """What values up to a bound must be, for a message."""
    return "in [0, 1]" if upper == 1 else "finite and >= 0"


def how_to_scale(value: float) -> str:
    """What to do about a quality on another scale, for a message."""
    if not 1 < value < np.inf:
        return ""
    return " Scale all of them alike: divide them by the highest possible score."


def check_range(table: NDArray, models: NDArray, name: str, upper: float) -> None:
    """Refuse infinity and what is not between 0 and the upper bound; NaN passes."""
    wrong = out_of_range(table, upper)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        value = table[row, column]
        raise ValueError(
            f"{name} must be {must_be(upper)}; row {row}, model "
            f"{plain(models[column])!r} has {value}."
            + (how_to_scale(value) if name.lower() == "quality" else "")
        )


def check_known(cost: NDArray, needed: NDArray, models: NDArray, reason: Any) -> None:
    """Refuse unknown costs where they are needed, and say for what."""
    unknown = needed & np.isnan(cost)
    if unknown.any():
        row, column = np.argwhere(unknown)[0]
        raise ValueError(
            f"{reason} needs costs: that of model {plain(models[column])!r} is not "
            f"known (row {row})."
        )


def label_array(labels: ArrayLike) -> NDArray:
    """Labels as an array, in which None and NaN stay missing.

    NumPy makes the text "nan" of a NaN in a list of texts.
    """
    array = np.asarray(labels)
    if array.dtype.kind == "U":
        objects = np.asarray(labels, dtype=object)
        if pd.isna(objects).any():
            return objects
    return array


def group_array(groups: ArrayLike | None, name: str = "groups") -> NDArray | None:
    """Group of each query as an array, or None; refuse one that is missing."""
    if groups is None:
        return None
    groups = label_array(groups)
    if groups.ndim != 1:
        raise ValueError(f"{name} has shape {groups.shape}; expected one per query.")
    missing = np.flatnonzero(pd.isna(groups))
    if len(missing):
        raise ValueError(f"{name} has no value in row {missing[0]}.")
    return groups


def check_cost_weight(cost_weight: float) -> None:
    """Refuse a price on cost that is not a number >= 0."""
    if not (isinstance(cost_weight, Real) and 0 <= cost_weight < np.inf):
        raise ValueError(f"cost_weight must be a number >= 0; got {cost_weight!r}.")


def check_seen(observed: NDArray) -> None:
    """Refuse queries of which no answer was scored."""
    none = ~observed.any(axis=1)
    if none.any():
        row = np.flatnonzero(none)[0]
        raise ValueError(f"Row {row} of y has no observed quality for any model.")


def check_candidates(candidates: NDArray) -> NDArray:
    """Refuse queries for which no model was both observed and available."""
    none = ~candidates.any(axis=1)
    if none.any():
        raise ValueError(
            f"Row {np.flatnonzero(none)[0]} of y has no model that is both observed "
            f"and available ({none.sum()} of {len(none)} queries)."
        )
    return candidates


def check_choice(candidates: NDArray) -> None:
    """Refuse outcomes among which every router makes the same choices."""
    if (candidates.sum(axis=1) < 2).all():
        raise ValueError(
            "No query has known outcomes of more than one model: every router makes "
            "the same choices, and nothing can be compared. Run several models on some "
            "queries; a log with propensities (LoggedOutcomes) is judged by "
            "sklroute.model_selection.off_policy_scorer."
        )


def observed_mean(table: NDArray, weight: NDArray | None = None) -> NDArray:
    """Weighted mean of the observed cells of each column; NaN if there are none.

    That of equal cells is theirs to the bit, however many there are: rounding must not
    make one of two equally dear models the cheaper one.
    """
    seen = ~np.isnan(table)
    weight = np.ones(len(table)) if weight is None else weight
    total = weight @ seen
    mean = np.full(table.shape[1], np.nan)
    np.divide(weight @ np.where(seen, table, 0.0), total, out=mean, where=total > 0)
    low, high = (part.reduce(table, initial=np.nan) for part in (np.fmin, np.fmax))
    return np.clip(mean, low, high)
