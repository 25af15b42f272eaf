"""Tasks of queries as features: what logs tell, recognised in queries to come."""

from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context, clone
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import LabelEncoder
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_is_fitted,
    validate_data,
)

from sklroute.features._blocks import BlockScaler
from sklroute.outcomes import Outcomes
from sklroute.outcomes._folds import make_folds
from sklroute.outcomes._values import group_array, label_array


class TaskEncoder(TransformerMixin, BaseEstimator):
    r"""Append to the features how probable each task is, learned from labelled logs.

    Logged queries often have a label that a new query lacks: the benchmark or subject
    that it is from, the intent, the product area. Models differ by task more than by
    wording, so that a router gains from recognising it. A classifier learns the labels;
    its probabilities, centred and scaled, become further columns:

    .. math:: \frac{w \, \overline{\lVert x - \bar x \rVert}}
              {\sum_t \pi_t \lVert e_t - \pi \rVert} \, (p(x) - \pi)

    with :math:`\pi` the shares of the tasks, :math:`e_t` the certainty of task
    :math:`t` and :math:`w` the weight. The less sure the classifier, the shorter they
    are.

    ``fit(X, tasks).transform(X)`` does not equal ``fit_transform(X, tasks)``: there, as
    in a pipeline, the probabilities of a query come from a classifier that was fitted
    without it (and without its group), so that a router trained on them does not take
    the task for more certain than it will be.

    Parameters
    ----------
    classifier : classifier, default=None
        Has ``predict_proba``, and sees the features centred and divided by their mean
        row norm. None is ``LogisticRegression(C=10, max_iter=1000)``.
    weight : float, default=0.5
        Mean norm of the new columns, were all tasks certain, in mean norms of ``X``.
    cv : int, default=5
        Folds in which the probabilities of training queries are made, the same ones in
        every fit.

    Attributes
    ----------
    tasks_ : ndarray of shape (n_tasks,)
        The labels, sorted.
    prior_ : ndarray of shape (n_tasks,)
        Share of each task in the labelled queries.
    classifier_ : classifier
        The fitted classifier; its classes are positions in ``tasks_``.
    scaler_ : BlockScaler
        Of all features as one block: what the classifier sees them through.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where ``X`` had names.

    See Also
    --------
    BlockScaler : Put it before this one, and after it nothing that scales columns.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklroute import KernelRouter
    >>> from sklroute.datasets import load_visual_qa
    >>> from sklroute.features import BlockScaler, TaskEncoder
    >>> data = load_visual_qa()
    >>> X, y, tasks = data.X[:500], data.y[:500], data.task[:500]
    >>> router = make_pipeline(BlockScaler(), TaskEncoder(), KernelRouter())
    >>> router = router.fit(X, y, taskencoder__tasks=tasks)
    >>> router[:-1].get_feature_names_out()[-4:].tolist()
    ['task_color', 'task_has-color', 'task_has-shape', 'task_shape']
    """

    _parameter_constraints = {
        "classifier": [HasMethods(["fit", "predict_proba"]), None],
        "weight": [Interval(Real, 0, None, closed="neither")],
        "cv": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(
        self,
        classifier: BaseEstimator | None = None,
        *,
        weight: float = 0.5,
        cv: int = 5,
    ):
        self.classifier = classifier
        self.weight = weight
        self.cv = cv

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        tasks: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> "TaskEncoder":
        """Learn to tell the tasks.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Features of the queries.
        y : array-like of shape (n_queries,), default=None
            The tasks, if ``tasks`` is None. In a pipeline before a router ``y`` are
            outcomes, and the tasks are passed as ``taskencoder__tasks``.
        tasks : array-like of shape (n_queries,), default=None
            Label of each query; None and NaN = not known.
        groups : object, default=None
            Used by `fit_transform` only.

        Returns
        -------
        self : TaskEncoder

        Raises
        ------
        ValueError
            If there are no labels, or fewer than two different ones.
        TypeError
            If some labels are texts and others numbers.
        """
        self._fit(X, y, tasks)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def fit_transform(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        tasks: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> NDArray:
        """Fit, and encode each query by a classifier that has not seen it.

        Parameters
        ----------
        X, y, tasks
            As in `fit`.
        groups : array-like of shape (n_queries,), default=None
            Queries of one group, such as variants of a question, are held out together.

        Returns
        -------
        X : ndarray of shape (n_queries, n_features + n_tasks)
            The features, then the tasks.

        Raises
        ------
        ValueError
            As `fit`, and if all queries that are not held out have the same label.
        """
        X, code = self._fit(X, y, tasks)
        groups = group_array(groups)
        if groups is not None and len(groups) != len(X):
            raise ValueError(
                f"groups has {len(groups)} entries; expected one for each of the "
                f"{len(X)} queries."
            )
        Z, known = self.scaler_.transform(X), code >= 0
        # Queries without a label have taught the classifier nothing.
        prob = np.empty((len(X), len(self.tasks_)))
        prob[~known] = self._probabilities(self.classifier_, Z[~known])
        Z, code = Z[known], code[known]
        groups = None if groups is None else groups[known]
        held_out = np.empty((len(Z), len(self.tasks_)))
        for train, test in make_folds(len(Z), groups, self.cv):
            classifier = _fitted(self.classifier_, Z[train], code[train])
            held_out[test] = self._probabilities(classifier, Z[test])
        prob[known] = held_out
        return self._appended(X, prob)

    def transform(self, X: ArrayLike) -> NDArray:
        """Append the tasks' probabilities.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features)
            Features of the queries.

        Returns
        -------
        X : ndarray of shape (n_queries, n_features + n_tasks)
            The features, then the tasks. float32 stays float32.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=(np.float64, np.float32))
        Z = self.scaler_.transform(X)
        return self._appended(X, self._probabilities(self.classifier_, Z))

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Names of the columns: those of the features, then ``task_<label>``.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features, where ``X`` had none.

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        return np.array([*names, *(f"task_{t}" for t in self.tasks_)], dtype=object)

    def _fit(self, X, y, tasks) -> tuple[NDArray, NDArray[np.intp]]:
        """Fit on all queries; return them and the code of each one's task, or -1."""
        X = validate_data(self, X, dtype=(np.float64, np.float32))
        code, self.tasks_ = _coded(y if tasks is None else tasks, len(X))
        known = code >= 0
        self.prior_ = np.bincount(code[known]) / known.sum()
        self.scaler_ = BlockScaler().fit(X)
        unfitted = self.classifier
        if unfitted is None:
            unfitted = LogisticRegression(C=10.0, max_iter=1000)
        Z = self.scaler_.transform(X[known])
        self.classifier_ = _fitted(unfitted, Z, code[known])
        return X, code

    def _probabilities(self, classifier: Any, Z: NDArray) -> NDArray[np.float64]:
        """Probability of every task, 0 of one that the classifier has not seen."""
        prob = np.zeros((len(Z), len(self.tasks_)))
        if len(Z):
            prob[:, classifier.classes_] = classifier.predict_proba(Z)
        return prob

    @property
    def _scale(self) -> float:
        """What the centred probabilities are multiplied by."""
        square = (self.prior_**2).sum()
        certain = self.prior_ @ np.sqrt(1 - 2 * self.prior_ + square)
        return self.weight * float(self.scaler_.scale_[0]) / certain

    def _appended(self, X: NDArray, prob: NDArray) -> NDArray:
        encoded = self._scale * (prob - self.prior_)
        return np.hstack([X, encoded.astype(X.dtype, copy=False)])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _coded(tasks: Any, n_queries: int) -> tuple[NDArray[np.intp], NDArray]:
    """Position of each query's label among the sorted labels, -1 = not known."""
    if tasks is None or isinstance(tasks, Outcomes):
        raise ValueError(
            "TaskEncoder requires y to be passed, but the target y is "
            f"{'None' if tasks is None else 'outcomes'}: a label for each query, as y "
            "or as tasks; in a pipeline before a router as taskencoder__tasks."
        )
    tasks = label_array(tasks)
    if tasks.shape != (n_queries,):
        raise ValueError(
            f"tasks has shape {tasks.shape}; expected one label for each of the "
            f"{n_queries} queries."
        )
    known = ~pd.isna(tasks)
    encoder = LabelEncoder()
    try:
        found = encoder.fit_transform(tasks[known])
    except TypeError as error:
        raise TypeError(f"tasks are not all of one kind: {error}.") from error
    labels = encoder.classes_
    if len(labels) < 2:
        raise ValueError(
            f"tasks has {len(labels)} class{'es' * (len(labels) != 1)}, "
            f"{labels.tolist()}: there is nothing to tell apart."
        )
    code = np.full(n_queries, -1)
    code[known] = found
    return code, labels


def _fitted(classifier: Any, Z: NDArray, code: NDArray) -> Any:
    """Copy of a classifier, fitted."""
    if (code == code[0]).all():
        raise ValueError(
            "All queries of a training fold have the same task: label more queries, "
            "or pass groups that hold more than one task each."
        )
    return clone(classifier).fit(Z, code)
