"""Kernel ridge regression: what is hard, and who is better at what."""

from collections.abc import Iterator
from functools import reduce
from numbers import Integral, Real
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from sklroute.base import RouterMixin
from sklroute.baselines._moments import Moments
from sklroute.baselines._tuning import subsample
from sklroute.explain._evidence import additive, mean_quality
from sklroute.explain._mixin import CLIPPING
from sklroute.outcomes._folds import make_folds
from sklroute.policies import Policy
from sklroute.pool._basis import whitening
from sklroute.serving._parts import Kernel

# From the strongest penalty to the weakest; the first leaves the models' means.
ALPHAS = np.r_[np.inf, 10.0 ** np.arange(3.5, -1.5, -0.5)]
MAX_TUNING_QUERIES = 5000
MAX_TUNING_MODELS = 32  # one matrix each where cells are missing
BATCH = 1024  # queries at a time: bounds the memory of predict


class KernelRouter(RouterMixin, BaseEstimator):
    r"""Predict quality by kernel ridge regression, in two steps.

    .. math:: \hat q_k(x) = \bar q_k + c(x) + r_k(x)

    The first step learns the departure :math:`c` that all models share: how hard the
    query is. The second learns :math:`r_k`, what is left to each model. Most of the
    variance is in the first, and all that decides between models is in the second. So
    each step has a penalty of its own, and that of the second is chosen by its error
    in the *differences* between models. A penalty for both at once would follow the
    first step and let the second overfit; the best of many models would win by luck.

    Both are linear in the Nyström features of a Gaussian kernel: the similarities to a
    sample of the queries, the landmarks, whitened.

    Parameters
    ----------
    n_components : int, default=256
        Number of Nyström features, at most the number of queries.
    alphas : "auto" or tuple of two floats, default="auto"
        Penalties of the two steps, > 0; infinity leaves a step out. "auto" tries
        infinity and 10^3.5 down to 0.1, half a power of ten at a time, on at most
        about 5,000 queries.
    gamma : "scale" or float, default="scale"
        The kernel is ``exp(-gamma * squared distance)``. "scale" takes the inverse
        of the features' total variance.
    cv : int, default=4
        Folds of "auto"; they split no group when ``fit`` gets ``groups``.
    policy : Policy, default=None
        Rule from quality and cost to a choice. None is ``MaxUtility()``.
    random_state : int, RandomState or None, default=None
        Seed of the Nyström sample.

    Attributes
    ----------
    classes_ : ndarray of shape (n_models,)
        Names of the models, sorted.
    alphas_ : tuple of two floats
        Penalties of the shared and of the models' own part; infinite where nothing
        was to be learnt.
    gamma_ : float
        Width of the kernel.
    centre_ : ndarray of shape (n_features,)
        Mean of the features.
    landmarks_ : ndarray of shape (n_components, n_features)
        The sampled queries with which others are compared, less the mean.
    coef_ : ndarray of shape (n_components, n_models)
        Coefficients of the kernel with each landmark, of both parts together.
    intercept_ : ndarray of shape (n_models,)
        Intercepts.
    mean_quality_, mean_cost_ : ndarray of shape (n_models,)
        Mean observed quality and cost of each model.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where ``X`` had names.

    See Also
    --------
    RidgeRouter : A penalty and a line for every model.

    Examples
    --------
    >>> from sklroute.baselines import KernelRouter
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=300, random_state=0)
    >>> router = KernelRouter(random_state=0).fit(data.X[:200], data.y[:200])
    >>> router.predict_quality(data.X[200:]).shape
    (100, 6)
    """

    _parameter_constraints: dict = {
        **RouterMixin._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "alphas": [StrOptions({"auto"}), tuple],
        "gamma": [StrOptions({"scale"}), Interval(Real, 0, None, closed="neither")],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "random_state": ["random_state"],
    }

    # Landmarks and sums of more queries than `fit` gets; see `sklroute.scale`.
    _gathered: tuple[dict, Moments] | None = None

    def __init__(
        self,
        n_components: int = 256,
        *,
        alphas: tuple[float, float] | str = "auto",
        gamma: float | str = "scale",
        cv: int = 4,
        policy: Policy | None = None,
        random_state: Any = None,
    ):
        self.n_components = n_components
        self.alphas = alphas
        self.gamma = gamma
        self.cv = cv
        self.policy = policy
        self.random_state = random_state

    def _fit(self, X, outcomes, sample_weight, groups):
        self._check_alphas()
        placed, moments = self._gathered or ({}, None)
        vars(self).update(placed)
        if moments is None:
            self._set_landmarks(X, sample_weight)
        alphas = self.alphas
        if alphas == "auto":
            alphas = self._tune(X, outcomes.quality, sample_weight, groups)
        if moments is None:
            moments = self._no_moments()
            self._gather(moments, X, outcomes.quality, sample_weight)
        self._solve(moments, alphas)

    def _no_moments(self) -> Moments:
        return Moments(self._basis.shape[1], len(self.classes_))

    def _gather(self, moments: Moments, X, quality, weight) -> None:
        """Add queries to the sums, batch by batch."""
        weight = np.broadcast_to(weight, len(X))
        for rows, F in self._batches(X):
            moments.add(F, quality[rows], weight[rows])

    def _set_landmarks(self, X, weight) -> None:
        """Choose the landmarks and the width of the kernel."""
        self.gamma_ = self.gamma
        centre = np.average(X, axis=0, weights=weight)  # of 64 bits, as the weights
        if self.gamma == "scale":
            square = ((X - centre) ** 2).sum(axis=1)
            variance = float(np.average(square, weights=weight))
            self.gamma_ = 1.0 / variance if variance > 0 else 1.0
        rng = check_random_state(self.random_state)
        sample = rng.permutation(len(X))[: self.n_components]
        self.centre_ = centre.astype(X.dtype)
        self._sample = sample
        self.landmarks_ = X[sample] - self.centre_
        self._length = (self.landmarks_**2).sum(axis=1)
        self._basis = whitening(self._similarity(X[sample]))

    def _solve(self, moments: Moments, alphas: tuple[float, float]) -> None:
        """Fit both steps to the sums."""
        mean = moments.mean
        moments = moments.minus(0.0, mean)
        (first,) = moments.pooled().solve(alphas[:1])
        (own,) = moments.minus(first.coef, first.intercept).solve(alphas[1:])
        self.alphas_ = first.alpha, own.alpha
        self.coef_ = self._basis @ (first.coef + own.coef)
        self.intercept_ = mean + first.intercept + own.intercept
        del self._basis

    def _check_alphas(self) -> None:
        if self.alphas == "auto":
            return
        if len(self.alphas) != 2 or not all(alpha > 0 for alpha in self.alphas):
            raise ValueError(f"alphas must be two numbers > 0; got {self.alphas!r}.")

    def _tune(self, X, quality, weight, groups) -> tuple[float, float]:
        """Penalties of both steps, chosen on some of the queries and models."""
        rows = subsample(len(X), groups, MAX_TUNING_QUERIES)
        models = subsample(quality.shape[1], None, MAX_TUNING_MODELS)
        groups = None if groups is None else groups[rows]
        folds = [test for _, test in make_folds(len(rows), groups, self.cv)]
        F = np.concatenate([part for _, part in self._batches(X[rows])])
        return _tune(F, quality[np.ix_(rows, models)], weight[rows], folds)

    def _batches(self, X) -> Iterator[tuple[slice, NDArray]]:
        """Yield rows and their Nyström features, batch by batch."""
        for rows, similarity in self._similarities(X):
            yield rows, similarity @ self._basis

    def _predict_quality(self, X):
        coef = self.coef_.astype(self.landmarks_.dtype, copy=False)
        quality = np.empty((len(X), len(self.intercept_)))
        for rows, similarity in self._similarities(X):
            quality[rows] = similarity @ coef + self.intercept_
        return quality.clip(0.0, 1.0)

    def _compiled_part(self):
        return Kernel.of(self)

    # -- explanation ---------------------------------------------------------------

    _explained_rest = CLIPPING

    def _explain_evidence(self, X, available, better, worse):
        # Coefficients of landmarks that resemble each other are large and cancel. The
        # same sum in other words: what is predicted at each landmark, weighted as
        # the kernel interpolates between them, and what is predicted far from all.
        between = self._kernel(self.landmarks_).astype(np.float64)
        basis = whitening(between)
        weight = self._similarity(X) @ basis @ basis.T
        far = self.intercept_ - self.fitted_quality_
        there = between @ self.coef_ + far
        left = 1 - weight.sum(axis=1)
        return [
            mean_quality(self.fitted_quality_, better, worse),
            additive("intercept", ["far away"], left * far[better], left * far[worse]),
            additive(
                "landmark",
                self._sample,
                weight * there[:, better].T,
                weight * there[:, worse].T,
                label="training query {}",
            ),
        ]

    def _similarities(self, X) -> Iterator[tuple[slice, NDArray]]:
        """Yield rows and their similarity to the landmarks, batch by batch."""
        for start in range(0, len(X), BATCH):
            rows = slice(start, start + BATCH)
            yield rows, self._similarity(X[rows])

    def _similarity(self, X) -> NDArray:
        centred = X - self.centre_
        return self._kernel(centred.astype(self.landmarks_.dtype, copy=False))

    def _kernel(self, X) -> NDArray:
        """Similarity of centred queries to the landmarks."""
        # In the precision of the training features: scikit-learn's kernels leave
        # float32 for float64, which takes twice as long.
        exponent = X @ self.landmarks_.T
        exponent *= 2
        exponent -= np.einsum("ij,ij->i", X, X)[:, None] + self._length
        exponent *= self.gamma_
        return np.exp(np.minimum(exponent, 0, out=exponent), out=exponent)


def _tune(F, quality, weight, folds) -> tuple[float, float]:
    """Penalties of the two steps, each with the least error on held-out queries."""
    if not folds:
        return np.inf, np.inf
    parts = [_sums(F[test], quality[test], weight[test]) for test in folds]
    mean = reduce(add, parts).mean
    parts = [part.minus(0.0, mean) for part in parts]
    departure = quality - mean
    errors, paths = [], []
    for number, test in enumerate(folds):
        paths.append(_without(parts, number).pooled().solve(ALPHAS))
        shared, count = _row_mean(departure[test])
        residuals = [shared - ridge.predict(F[test]) for ridge in paths[-1]]
        errors.append([_squared(part, weight[test] * count) for part in residuals])
    chosen = np.sum(errors, axis=0).argmin()
    errors = []
    for number, test in enumerate(folds):
        first = paths[number][chosen]
        rest = departure[test] - first.predict(F[test])
        others = _without(parts, number).minus(first.coef, first.intercept)
        residuals = [rest - ridge.predict(F[test]) for ridge in others.solve(ALPHAS)]
        relative = [residual - shared_part(residual) for residual in residuals]
        errors.append([_squared(part, weight[test]) for part in relative])
    return float(ALPHAS[chosen]), float(ALPHAS[np.sum(errors, axis=0).argmin()])


def _sums(F, target, weight) -> Moments:
    moments = Moments(F.shape[1], target.shape[1])
    moments.add(F, target, weight)
    return moments


def _without(parts: list[Moments], number: int) -> Moments:
    """Sums of all parts but one."""
    return reduce(add, parts[:number] + parts[number + 1 :])


def _squared(residual, weight) -> float:
    return np.nansum(weight[:, None] * residual**2)


def _row_mean(table: NDArray) -> tuple[NDArray, NDArray]:
    """Mean of the observed cells of each row, (n_rows, 1), and their number."""
    count = (~np.isnan(table)).sum(axis=1)
    return np.nansum(table, axis=1, keepdims=True) / count[:, None].clip(1), count


def shared_part(table: NDArray) -> NDArray:
    """What the observed cells of a row have in common, (n_rows, 1).

    Their mean, shrunk as if one more cell were 0: of a row with a single observed
    cell, one half is its own.
    """
    count = (~np.isnan(table)).sum(axis=1, keepdims=True)
    return np.nansum(table, axis=1, keepdims=True) / (count + 1)
