"""Any metric, group by group."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_consistent_length

from sklroute.outcomes._values import group_array


def by_group(
    metric: Callable[..., Any], y: Any, *arrays: Any, groups: ArrayLike, **keywords: Any
) -> pd.Series:
    """Evaluate a metric on the queries of each group.

    Parameters
    ----------
    metric : callable
        Called as ``metric(y, *arrays, **keywords)`` with the rows of one group: any
        metric that takes ``y`` first, or a function of several of them.
    y : Outcomes or any other array-like of n_queries rows
        What the answers were worth.
    *arrays : array-like of n_queries rows
        Choices or predictions, one row per query.
    groups : array-like of shape (n_queries,)
        Group (task, data set) of each query.
    **keywords
        Passed on unchanged.

    Returns
    -------
    values : Series
        One value per group, in sorted order.

    Raises
    ------
    ValueError
        If lengths differ or a group is missing.

    Examples
    --------
    >>> from sklroute import Outcomes
    >>> from sklroute.metrics import by_group, realised_quality
    >>> y = Outcomes([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], models=["a", "b"])
    >>> task = ["chat", "ocr", "ocr"]
    >>> by_group(realised_quality, y, ["a", "a", "b"], groups=task).to_dict()
    {'chat': 1.0, 'ocr': 0.5}
    """
    check_consistent_length(y, groups, *arrays)
    groups = group_array(groups)
    names = np.unique(groups)
    values = []
    for name in names:
        rows = np.flatnonzero(groups == name)
        parts = (_safe_indexing(part, rows) for part in (y, *arrays))
        values.append(metric(*parts, **keywords))
    return pd.Series(values, index=pd.Index(names, name="group"))
