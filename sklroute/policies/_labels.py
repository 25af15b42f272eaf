"""Values that are labelled with the names of models."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd


def by_model(values: Any, models: Iterable[Any], name: str) -> Any:
    """Put what is labelled with the names of the models into their order.

    Parameters
    ----------
    values : DataFrame, Series, dict or anything else
        Columns of a DataFrame or a dict of columns and entries of a Series or dict are
        labelled; all else has the right order by agreement, and so have the default
        labels of pandas, 0 to n - 1.
    models : iterable of length n_models
        Names of the models, in the order wanted.
    name : str
        What the values are, for the message.

    Returns
    -------
    values : as given, reordered

    Raises
    ------
    ValueError
        If the labels are not the names of the models, or are the default ones and the
        names are the same numbers in another order.
    """
    named = isinstance(values, Mapping)
    if named:
        columns = any(np.ndim(value) for value in values.values())
        values = pd.DataFrame(values) if columns else pd.Series(values)
    if not isinstance(values, (pd.DataFrame, pd.Series)):
        return values
    labels, models = values.axes[-1], list(models)
    if not named and has_default_labels(values):
        if set(labels) == set(models) and list(labels) != models:
            raise ValueError(
                f"{name} has the default labels of pandas, {labels.tolist()}; the "
                f"models are {[plain(model) for model in models]}. Give an array in "
                "the order of the models, or a dict by their names."
            )
        return values
    if labels.has_duplicates or set(labels) != set(models):
        raise ValueError(
            f"{name} has the labels {labels.tolist()}; the models are "
            f"{[plain(model) for model in models]}. It needs each of them once."
        )
    place = {label: column for column, label in enumerate(labels)}
    # By place: [True, False] is a mask, and to pandas True is not the label 1.
    return values.take([place[model] for model in models], axis=values.ndim - 1)


def has_default_labels(values: pd.DataFrame | pd.Series) -> bool:
    """Whether pandas may have made up the labels of the models."""
    labels = values.axes[-1]
    return isinstance(labels, pd.RangeIndex) and labels.equals(
        pd.RangeIndex(len(labels))
    )


def plain(value: Any) -> Any:
    """A NumPy scalar as Python shows it."""
    return value.item() if isinstance(value, np.generic) else value
