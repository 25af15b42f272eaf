"""Routing of one partition of a table, for the engine that holds the others."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklroute.outcomes._values import columns_of
from sklroute.pipeline import as_router, last_step_and_features
from sklroute.policies import Policy


def route_partition(
    frame: pd.DataFrame,
    router: Any,
    columns: str | Sequence[str],
    *,
    available: Mapping[Any, str] | ArrayLike | None = None,
    costs: ArrayLike | None = None,
    policy: Policy | None = None,
    name: str = "model",
    utility: str | None = None,
) -> pd.DataFrame:
    """Choose a model for every row of a table.

    A pure function of one partition, for ``map_partitions`` of dask, ``map_batches``
    of Ray Data (with ``batch_format="pandas"``) and ``mapInPandas`` of Spark. Nothing
    is kept between partitions, so that the result depends neither on how a table is
    cut nor on a worker that was lost and a partition that was done again.

    Parameters
    ----------
    frame : DataFrame of shape (n_queries, n_columns)
        A partition; it may be empty.
    router : router, Pipeline or search
        Fitted.
    columns : str or list of str
        Column of lists, all of one length, or the columns that each hold a feature.
        The latter reach a router or pipeline that was fitted on a DataFrame as one.
    available : dict or array-like of bool, of shape (n_models,), default=None
        Models that may be called now: for all rows, or the column of true and false
        that says so of each model that is named. Models that are not named, or whose
        cell is null, are available.
    costs : array-like of shape (n_models,), default=None
        A price list known now. None uses `RouterMixin.predict_cost`.
    policy : Policy, default=None
        The rule to apply. None uses the router's own. `Budget` bounds the mean cost of
        each partition.
    name : str, default="model"
        Column to write the choice to.
    utility : str, default=None
        Column to write the utility of the choice to. None leaves it out.

    Returns
    -------
    frame : DataFrame
        The partition with the new columns.

    Raises
    ------
    ValueError
        If a column or a model does not exist, a cell is empty or not what it must
        be (the message names its row and column), or as in `RouterMixin.predict`.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklroute import RidgeRouter
    >>> from sklroute.datasets import make_routing
    >>> from sklroute.scale import route_partition
    >>> data = make_routing(300, n_models=3, random_state=0)
    >>> router = RidgeRouter().fit(data.X, data.y)
    >>> frame = pd.DataFrame({"query": [1, 2], "clip": list(data.X[:2])})
    >>> route_partition(frame, router, "clip").columns.tolist()
    ['query', 'clip', 'model']
    """
    if utility == name:
        raise ValueError(f"name and utility are both {name!r}: name two columns.")
    router = as_router(router)
    named = [columns] if isinstance(columns, str) else list(columns)
    named += list(available.values()) if isinstance(available, Mapping) else []
    for column in named:
        if column not in frame:
            raise ValueError(
                f"The partition has no column {column!r}; it has "
                f"{frame.columns.tolist()}."
            )
    if not len(frame):  # which no router takes
        added = {name: router.classes_[:0], utility: np.empty(0)}
    else:
        mask = _available(frame, available, router.classes_)
        keywords = {"available": mask, "costs": costs, "policy": policy}
        X = _features(frame, columns, router)
        router, X = last_step_and_features(router, X)
        if utility is None:
            added = {name: router.predict(X, **keywords)}
        else:
            chosen, table, _ = router._decide_once(X, **keywords)
            place = columns_of(chosen, router.classes_)
            added = {name: chosen, utility: table[np.arange(len(frame)), place]}
    return frame.assign(**{key: added[key] for key in added if key is not None})


def _features(frame: pd.DataFrame, columns: str | Sequence[str], router: Any) -> Any:
    if isinstance(columns, str):
        empty = np.flatnonzero(frame[columns].isna())
        if len(empty):
            raise ValueError(f"Row {empty[0]} of column {columns!r} is empty.")
        lists = frame[columns].map(lambda cell: np.ndim(cell) == 1).to_numpy(dtype=bool)
        if not lists.all():
            row = lists.argmin()
            raise ValueError(
                f"Row {row} of column {columns!r} has {frame[columns].iloc[row]!r}; it "
                "must have a list of features."
            )
        lengths = frame[columns].map(len)
        if lengths.nunique() > 1:
            row = int((lengths != lengths.iloc[0]).to_numpy().argmax())
            raise ValueError(
                f"Row {row} of column {columns!r} has {lengths.iloc[row]} features, "
                f"row 0 has {lengths.iloc[0]}."
            )
        return np.stack(frame[columns].to_numpy())
    X = frame[list(columns)]
    return X if hasattr(router, "feature_names_in_") else X.to_numpy()


def _available(frame: pd.DataFrame, available: Any, models: NDArray) -> Any:
    """The mask of each row, if there is a column of it for a model."""
    if not isinstance(available, Mapping):
        return available
    unknown = [model for model in available if model not in models.tolist()]
    if unknown:
        raise ValueError(
            f"available names {unknown[0]!r}; the models are {models.tolist()}."
        )
    mask = np.ones((len(frame), len(models)), dtype=bool)
    for place, model in enumerate(models.tolist()):
        if model in available:
            mask[:, place] = _truth(frame, available[model])
    return mask


def _truth(frame: pd.DataFrame, column: str) -> NDArray[np.bool_]:
    """A column of true and false; null says nothing against a model."""
    values = frame[column].astype(object)
    values = values.where(values.notna(), True)
    wrong = np.flatnonzero(~values.isin([True, False]))
    if len(wrong):
        raise ValueError(
            f"Row {wrong[0]} of column {column!r} must be true or false; it has "
            f"{values.iloc[wrong[0]]!r}."
        )
    return values.to_numpy(dtype=bool)
