"""Tables of pandas, wide and long, as the channels of outcomes."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import infer_dtype

from sklroute.outcomes._values import (
    check_models,
    float_array,
    how_to_scale,
    must_be,
    out_of_range,
    plain,
)

CHANNELS = ("quality", "cost", "available")
LOGGED_CHANNELS = (*CHANNELS, "propensity")


def read_wide(
    frame: pd.DataFrame, channels: tuple[str, ...]
) -> dict[str, pd.DataFrame]:
    """One table per channel, all with the columns of the quality."""
    if frame.columns.nlevels == 1:
        if {"model", "quality"} <= set(frame.columns):
            raise ValueError(
                "This is a log, one row per call: make y by Outcomes.from_long."
            )
        _refuse_prefixes(frame)
        return {"quality": frame}
    given = frame.columns.get_level_values(0).unique()
    unknown = given.difference(channels, sort=False).tolist()
    if unknown or "quality" not in given or frame.columns.nlevels > 2:
        raise ValueError(
            f"Two-level columns must have {_listed(channels)}, in the first level "
            f"and models in the second; got {given.tolist()} in the first of "
            f"{frame.columns.nlevels}."
        )
    parts = {name: frame.xs(name, axis=1, level=0) for name in given}
    models = parts["quality"].columns
    check_models(models, len(models))
    tables = {name: _of_models(part, models, name) for name, part in parts.items()}
    if "available" in tables:
        tables["available"] = tables["available"].astype(object).fillna(True)
    return tables


def _refuse_prefixes(frame: pd.DataFrame) -> None:
    """Refuse the columns of a file: a model's cost would be read as its quality."""
    names = [name for name in frame if isinstance(name, str)]
    costs = [name for name in names if name.startswith("cost:")]
    if costs and any(name.startswith("q:") for name in names):
        raise ValueError(
            f"Column {costs[0]!r} would be read as the quality of a model. Columns "
            "named q:<model> and cost:<model> are those of a file, for "
            "sklroute.datasets.load_outcomes; here name one quality column per model, "
            "or two levels, such as ('cost', <model>)."
        )


def _listed(channels: tuple[str, ...]) -> str:
    first, *others, last = (repr(name) for name in channels)
    return f"{first}, and optionally {', '.join(others)} and {last}"


def _of_models(part: pd.DataFrame, models: pd.Index, name: str) -> pd.DataFrame:
    """Columns of the models; empty ones for those that the part leaves out."""
    check_models(part.columns, part.shape[1])
    alone = [model for model in part if model not in models]
    if alone:
        raise ValueError(
            f"There is {name} but no quality for model {plain(alone[0])!r}."
        )
    return part.reindex(columns=models)


def read_long(
    log: pd.DataFrame,
    query: str,
    model: str,
    quality: str,
    cost: str,
    queries: Sequence[Any] | None,
    propensity: str | None = None,
) -> dict[str, pd.DataFrame]:
    """One table per channel, with a row per query and a column per model."""
    if not isinstance(log, pd.DataFrame):
        raise TypeError(
            "from_long takes a DataFrame with a row per call, as pandas.read_csv "
            f"returns it; got {type(log).__name__}."
        )
    values = {"quality": quality}
    if propensity is not None:
        values["propensity"] = propensity
    needed = [query, model, *values.values()]
    if cost in log or cost != "cost":  # a column asked for by name must be there
        needed.append(cost)
        values["cost"] = cost
    _check_log(log, query, model, needed)
    _check_values(log, query, model, quality, upper=1.0)
    if "cost" in values:
        _check_values(log, query, model, cost, upper=np.inf)
    logged = pd.Index(log[query].unique())
    order = logged if queries is None else pd.Index(queries)
    unknown = logged[order.unique().get_indexer(logged) < 0]  # isin is slow
    if len(unknown):
        raise ValueError(
            f"Query {plain(unknown[0])!r} of the log is not in `queries`."
            + _unlike(logged, order)
        )
    absent = order[logged.get_indexer(order) < 0]
    if len(absent):
        raise ValueError(
            f"Query {plain(absent[0])!r} of `queries` is not in the log."
            + _unlike(logged, order)
        )
    return {
        channel: log.pivot(index=query, columns=model, values=name).reindex(order)
        for channel, name in values.items()
    }


def _unlike(logged: pd.Index, order: pd.Index) -> str:
    """What to do about names that are texts in the log alone, or in `queries` alone."""
    in_log, given = (
        infer_dtype(names, skipna=False) == "string" for names in (logged, order)
    )
    if in_log == given:
        return ""
    places = "the log, but not in `queries`" if in_log else "`queries`, but not the log"
    return f" They are texts in {places}: make them alike, as by .astype(str)."


def _check_log(log: pd.DataFrame, query: str, model: str, needed: list[str]) -> None:
    for name in needed:
        if name not in log:
            raise ValueError(
                f"The log has no column {name!r}; it has {log.columns.tolist()}. Name "
                "yours, as by quality='score'."
            )
        if log.columns.tolist().count(name) > 1:
            raise ValueError(f"The log has more than one column {name!r}.")
    if log.empty:
        raise ValueError("The log is empty.")
    for name in (query, model):
        if log[name].isna().any():
            row = log[name].isna().to_numpy().argmax()
            raise ValueError(f"Row {row} of the log has no {name!r}.")
        check_names(log[name])
    models = log[model].unique()
    check_models(models, len(models))
    _check_blanks(models)
    twice = log.duplicated([query, model])
    if twice.any():
        first = log[twice].iloc[0]
        raise ValueError(
            f"Query {plain(first[query])!r} has more than one row for model "
            f"{plain(first[model])!r}: row {twice.to_numpy().argmax()} of the log. "
            f"Keep one, as by .drop_duplicates([{query!r}, {model!r}], keep='last')."
        )


def check_names(names: pd.Series) -> None:
    """Refuse lists and the like, and "7" in one row where another has 7."""
    if names.dtype != object or infer_dtype(names, skipna=False) == "string":
        return
    texts = np.array([isinstance(name, str) for name in names])
    for row, name in enumerate(names):
        if not isinstance(name, Hashable):
            raise ValueError(f"Column {names.name!r}, row {row}: {name!r} is no name.")
    if texts.any():
        row, other = texts.argmax(), texts.argmin()
        raise ValueError(
            f"Column {names.name!r} has texts and other values: {names.iloc[row]!r} in "
            f"row {row}, {plain(names.iloc[other])!r} in row {other}. Make them alike, "
            "as by .astype(str)."
        )


def _check_blanks(models: Sequence[Any]) -> None:
    """Refuse two models whose names look the same."""
    seen = {}
    for model in models:
        name = model.strip() if isinstance(model, str) else model
        if name in seen:
            raise ValueError(
                f"Models {seen[name]!r} and {model!r} differ by blanks alone: strip "
                "them, as by .str.strip()."
            )
        seen[name] = model


def _check_values(
    log: pd.DataFrame, query: str, model: str, name: str, upper: float
) -> None:
    """Refuse what is no number or out of range, by its row in the log."""
    values = float_array(log[[name]], name)[:, 0]
    wrong = out_of_range(values, upper)
    if wrong.any():
        row = int(wrong.argmax())
        call = log.iloc[row]
        raise ValueError(
            f"{name} must be {must_be(upper)}; row {row} of the log, query "
            f"{plain(call[query])!r}, model {plain(call[model])!r} has {call[name]}."
            + (how_to_scale(values[row]) if upper == 1 else "")
        )
