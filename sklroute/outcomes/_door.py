"""The one door through which every router reads its ``y``."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from sklroute.outcomes._container import Outcomes
from sklroute.outcomes._frames import CHANNELS, LOGGED_CHANNELS
from sklroute.outcomes._logged import LoggedOutcomes
from sklroute.outcomes._values import check_seen, columns_of, plain, unmasked


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
        - an array of shape (n_queries, n_models, 3): quality, cost, available; a
          fourth channel, propensity, makes it `LoggedOutcomes`;
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
        `LoggedOutcomes` stay what they are.

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
    if isinstance(y, pd.DataFrame) and _is_table(y, models):
        return Outcomes.from_frame(y)
    if isinstance(y, np.ma.MaskedArray) and y.ndim > 1:
        y = unmasked(y)
    table = np.asarray(y)
    if table.ndim == 3:
        return _from_channels(table)
    if table.ndim == 2 and table.shape[1] > 1:
        return _from_quality(table)
    return _from_labels(y, models)


def _is_table(frame: pd.DataFrame, models) -> bool:
    """Whether a frame has a column per model: one column alone may be of labels."""
    if frame.shape[1] > 1 or frame.columns.nlevels > 1:
        return True
    return models is not None and bool(frame.columns.isin(np.asarray(models)).any())


def _from_channels(table: NDArray) -> Outcomes:
    models = (table.dtype.metadata or {}).get("models")
    channels = np.moveaxis(table, -1, 0)
    if len(channels) == len(CHANNELS):
        return Outcomes(*channels, models=models)
    if len(channels) == len(LOGGED_CHANNELS):
        *channels, propensity = channels
        return LoggedOutcomes(*channels, propensity=propensity, models=models)
    raise ValueError(
        f"A 3-D y must have the channels {CHANNELS} on its last axis, or "
        f"{LOGGED_CHANNELS}; got shape {table.shape}."
    )


def _from_quality(table: NDArray) -> Outcomes:
    if table.dtype.kind in "iub":
        raise ValueError(
            "A 2-D y must be a float table of quality, (n_queries, n_models); got "
            f"dtype {table.dtype}. scikit-learn's cross_val_predict silently encodes "
            "the columns of a 2-D y as integers: pass sklroute.Outcomes instead."
        )
    if table.dtype.kind != "f":
        raise ValueError(
            "A 2-D y must be a float table of quality, (n_queries, n_models); got "
            f"dtype {table.dtype}."
        )
    return Outcomes(table)


def _from_labels(y, models) -> Outcomes:
    if np.ma.is_masked(y):
        row = np.flatnonzero(np.ma.getmaskarray(y))[0]
        raise ValueError(f"The label in row {row} of y is masked.")
    labels = column_or_1d(y, warn=True)
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    models = np.unique(labels if models is None else models)
    return Outcomes(np.eye(len(models))[columns_of(labels, models)], models=models)


def _check_observed(outcomes: Outcomes) -> None:
    observed = outcomes.observed
    check_seen(observed)
    if not observed.any(axis=0).all():
        model = plain(outcomes.models[~observed.any(axis=0)][0])
        raise ValueError(
            f"Model {model!r} has no observed quality in any row of y: leave it out."
        )
