"""Linear routers: one ridge or logistic regression of quality per model."""

from abc import abstractmethod
from numbers import Real

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import Interval, StrOptions

from sklroute.base import RouterMixin
from sklroute.baselines._patterns import observed_patterns
from sklroute.baselines._tuning import first_minimum, squared_error, subsample
from sklroute.explain._evidence import additive
from sklroute.explain._mixin import CLIPPING
from sklroute.outcomes._folds import make_folds
from sklroute.policies import Policy
from sklroute.serving._parts import Linear, standardised

N_TUNING_FOLDS = 3
MAX_TUNING_QUERIES = 3000
# From the strongest penalty to the weakest.
ALPHAS = tuple(10.0 ** np.arange(5, 0.5, -0.5))
CS = tuple(10.0 ** np.arange(-4.5, 0.5, 0.5))


class _LinearRouter(RouterMixin, BaseEstimator):
    """Standardise the features, choose one penalty for all models, fit them."""

    _penalties: tuple[float, ...]
    _link: str

    @abstractmethod
    def _regress(self, X, quality, weight, penalty) -> tuple[NDArray, NDArray]:
        """Coefficients (n_models, n_features) and intercepts; NaN = not observed."""

    def _fit_linear(self, X, outcomes, weight, groups, penalty):
        # Arrays, whatever scikit-learn's own transform_output is set to.
        scaler = StandardScaler().set_output(transform="default")
        self.scaler_ = scaler.fit(X, sample_weight=weight)
        X = self.scaler_.transform(X)
        if penalty == "auto":
            penalty = self._tune(X, outcomes.quality, weight, groups)
        self.coef_, self.intercept_ = self._regress(
            X, outcomes.quality, weight, penalty
        )
        return penalty

    def _tune(self, X, quality, weight, groups) -> float:
        # The best penalty is a property of the coefficients (their prior variance
        # against the noise), not of the number of rows: no rescaling afterwards.
        rows = subsample(len(X), groups, MAX_TUNING_QUERIES)
        X, quality, weight = X[rows], quality[rows], weight[rows]
        groups = None if groups is None else groups[rows]
        folds = make_folds(len(X), groups, N_TUNING_FOLDS)

        def held_out_error(penalty):
            error = 0.0
            for train, test in folds:
                line = self._regress(X[train], quality[train], weight[train], penalty)
                predicted = self._apply(X[test], *line)
                error += squared_error(quality[test], predicted, weight[test])
            return error

        return first_minimum(self._penalties, held_out_error)

    def _apply(self, X, coef, intercept):
        linear = X @ coef.T + intercept
        return expit(linear) if self._link == "expit" else linear.clip(0.0, 1.0)

    def _predict_quality(self, X):
        return self._apply(self.scaler_.transform(X), self.coef_, self.intercept_)

    def _compiled_part(self):
        part = Linear(self.coef_.T, self.intercept_, self._link)
        return standardised(part, self.scaler_)

    # -- explanation ---------------------------------------------------------------

    _explained_rest = CLIPPING
    _explained_kind = "exact"

    def _shares(self, X, models) -> tuple[NDArray, NDArray]:
        """Quality of the average query, and what each feature adds to it."""
        return self.intercept_[models], X * self.coef_[models]

    def _explain_evidence(self, X, available, better, worse):
        X = self.scaler_.transform(X)
        (start, shares), (other, others) = (
            self._shares(X, models) for models in (better, worse)
        )
        names = getattr(self, "feature_names_in_", np.arange(X.shape[1]))
        kind = self._explained_kind
        return [
            additive("intercept", ["average query"], start, other, kind=kind),
            additive("feature", names, shares, others, kind=kind),
        ]


class RidgeRouter(_LinearRouter):
    """Predict quality by a ridge regression per model.

    Features are standardised, each model is fitted on the queries on which it was
    observed (models observed on the same ones by a single solve), and predictions are
    clipped to [0, 1].

    Parameters
    ----------
    alpha : "auto" or float, default="auto"
        L2 penalty on the coefficients, > 0. "auto" tries 10^5 and weaker ones, half
        a power of ten at a time down to 10, until the squared error over held-out
        observed cells rises: one penalty for all models, three folds that split no
        group, at most about 3,000 queries, drawn with a fixed seed.
    policy : Policy, default=None
        Rule from quality and cost to a choice. None is ``MaxUtility()``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_models,)
        Names of the models, sorted.
    alpha_ : float
        The penalty in use.
    coef_ : ndarray of shape (n_models, n_features)
        Coefficients of the standardised features.
    intercept_ : ndarray of shape (n_models,)
        Intercepts.
    scaler_ : StandardScaler
        The standardisation of the features.
    mean_quality_, mean_cost_ : ndarray of shape (n_models,)
        Mean observed quality and cost of each model.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where ``X`` had names.

    See Also
    --------
    LogisticRouter : Fits right and wrong answers instead.

    Examples
    --------
    >>> from sklroute.baselines import RidgeRouter
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=300, random_state=0)
    >>> router = RidgeRouter().fit(data.X[:200], data.y[:200])
    >>> router.predict_quality(data.X[200:]).shape
    (100, 6)
    """

    _penalties = ALPHAS
    _link = "clip"
    _parameter_constraints: dict = {
        **RouterMixin._parameter_constraints,
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, alpha: float | str = "auto", *, policy: Policy | None = None):
        self.alpha = alpha
        self.policy = policy

    def _fit(self, X, outcomes, sample_weight, groups):
        self.alpha_ = self._fit_linear(X, outcomes, sample_weight, groups, self.alpha)

    def _regress(self, X, quality, weight, penalty):
        coef = np.full((quality.shape[1], X.shape[1]), np.nan)
        intercept = np.full(quality.shape[1], np.nan)
        for rows, models in observed_patterns(quality):
            ridge = Ridge(alpha=penalty)
            ridge.fit(X[rows], quality[np.ix_(rows, models)], weight[rows])
            coef[models], intercept[models] = ridge.coef_, ridge.intercept_
        return coef, intercept


class LogisticRouter(_LinearRouter):
    r"""Predict quality by a logistic regression per model.

    Quality :math:`q` in [0, 1] is the share of a right answer: a query counts as
    right with weight :math:`q` and as wrong with weight :math:`1 - q`, so that the
    loss is the cross-entropy. Features are standardised, and each model is fitted on
    the queries on which it was observed.

    Parameters
    ----------
    C : "auto" or float, default="auto"
        Inverse of the L2 penalty on the coefficients, > 0. "auto" tries 3e-5 and
        larger ones, half a power of ten at a time up to 1, until the squared error
        over held-out observed cells rises: one strength for all models, three folds
        that split no group, at most about 3,000 queries, drawn with a fixed seed.
    policy : Policy, default=None
        Rule from quality and cost to a choice. None is ``MaxUtility()``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_models,)
        Names of the models, sorted.
    C_ : float
        The strength in use.
    coef_ : ndarray of shape (n_models, n_features)
        Coefficients of the standardised features; zero for a model whose quality is
        always 0 or always 1.
    intercept_ : ndarray of shape (n_models,)
        Intercepts; infinite for such a model.
    scaler_ : StandardScaler
        The standardisation of the features.
    mean_quality_, mean_cost_ : ndarray of shape (n_models,)
        Mean observed quality and cost of each model.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where ``X`` had names.

    See Also
    --------
    RidgeRouter : Fits the expected quality by least squares.

    Examples
    --------
    >>> from sklroute.baselines import LogisticRouter
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=300, random_state=0)
    >>> router = LogisticRouter().fit(data.X[:200], data.y[:200])
    >>> router.predict_quality(data.X[200:]).shape
    (100, 6)
    """

    _penalties = CS
    _link = "expit"
    _parameter_constraints: dict = {
        **RouterMixin._parameter_constraints,
        "C": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, C: float | str = "auto", *, policy: Policy | None = None):
        self.C = C
        self.policy = policy

    def _fit(self, X, outcomes, sample_weight, groups):
        self.C_ = self._fit_linear(X, outcomes, sample_weight, groups, self.C)

    def _regress(self, X, quality, weight, penalty):
        lines = [_logistic(X, column, weight, penalty) for column in quality.T]
        coef, intercept = zip(*lines, strict=True)
        return np.array(coef, dtype=float), np.array(intercept, dtype=float)

    _explained_kind = "path"

    def _shares(self, X, models):
        """Integrated gradients along the line from the average query.

        M. Sundararajan, A. Taly and Q. Yan, "Axiomatic Attribution for Deep Networks",
        ICML 2017, equation 1. Along a line a logistic function of a sum has the secant
        as its mean slope, the same for all features.
        """
        intercept = self.intercept_[models]
        shares = X * self.coef_[models]
        change = shares.sum(axis=1)
        start, end = expit(intercept), expit(intercept + change)
        slope = start * (1 - start)  # in the limit of no change
        np.divide(end - start, change, out=slope, where=np.abs(change) > 1e-6)
        return start, shares * slope[:, None]


def _logistic(X, quality, weight, C) -> tuple[NDArray, float]:
    """Coefficients and intercept of one model; NaN if it was never observed."""
    # A quality of 0.7 is a right answer of weight 0.7 and a wrong one of 0.3.
    rows = np.flatnonzero(~np.isnan(quality))
    right, wrong = rows[quality[rows] > 0], rows[quality[rows] < 1]
    if len(right) == 0 or len(wrong) == 0:
        constant = np.nan if len(rows) == 0 else np.inf if len(right) else -np.inf
        return np.zeros(X.shape[1]), constant
    both = np.concatenate([right, wrong])
    label = np.repeat([1, 0], [len(right), len(wrong)])
    share = np.concatenate([quality[right], 1 - quality[wrong]])
    model = LogisticRegression(C=C, max_iter=1000)
    model.fit(X[both], label, weight[both] * share)
    return model.coef_[0], model.intercept_[0]
