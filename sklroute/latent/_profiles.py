"""Capability profiles: what calibration outcomes say of a model."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.utils import check_random_state

from sklroute.baselines._clusters import fit_means
from sklroute.outcomes._values import observed_mean

N_BINS = 11  # of a binned distribution: quality in steps of 0.1


class ProfileEncoder(BaseEstimator):
    """Describe each model by its calibration outcomes.

    A profile holds the model's accuracy overall and per region of feature space
    (k-means on the features), each shrunk by counts and measured against the pool,
    its relative cost and its agreement with the pool. Its length does not depend on
    how many models there are, so that a model that comes later gets a profile from
    its own outcomes alone.

    Parameters
    ----------
    n_regions : int, default=16
        Number of regions of feature space.
    shrinkage : float, default=24.0
        Pseudo-counts that pull an accuracy towards what is expected without it.
    random_state : int, default=None
        Seed of the regions.

    Attributes
    ----------
    pool_quality_ : ndarray of shape (n_regions,)
        Mean quality of the pool in each region.
    """

    def __init__(self, n_regions=16, shrinkage=24.0, random_state=None):
        self.n_regions = n_regions
        self.shrinkage = shrinkage
        self.random_state = random_state

    def fit(
        self,
        X: NDArray,
        quality: NDArray,
        cost: NDArray,
        weight: NDArray | None = None,
    ) -> "ProfileEncoder":
        """Learn the regions, what the pool achieves in them, and the scales.

        Parameters
        ----------
        X : ndarray of shape (n_queries, n_features)
            Scaled features.
        quality, cost : ndarray of shape (n_queries, n_models)
            Calibration outcomes of the pool; NaN = missing.
        weight : ndarray of shape (n_queries,), default=None
            Weights of the queries. None weighs them equally.
        """
        weight = np.ones(len(X)) if weight is None else weight
        n_regions = min(self.n_regions, len(X))
        self.regions_ = KMeans(n_regions, n_init=1, random_state=self.random_state)
        rng = check_random_state(self.random_state)
        region = fit_means(self.regions_, X, weight, rng)
        self.pool_mean_ = _mean_of_all(quality, weight)
        self.pool_quality_ = self._shrunk(
            observed_mean(quality.T)[:, None],
            region,
            np.array([self.pool_mean_]),
            weight,
        )[:, 0]
        self.cost_ = _mean_of_all(cost, weight) if np.isfinite(cost).any() else 1.0
        raw = self._describe(region, quality, cost, weight)
        self.center_ = raw.mean(axis=0)
        # A pool of one model, or of equal models, has no spread to divide by.
        self.scale_ = np.where(raw.std(axis=0) > 1e-6, raw.std(axis=0), 1.0)
        return self

    def transform(
        self,
        X: NDArray,
        quality: NDArray,
        cost: NDArray,
        weight: NDArray | None = None,
    ) -> NDArray:
        """Profiles of models, each from its own column of outcomes; see `fit`.

        Returns
        -------
        profile : ndarray of shape (n_models, n_regions + 3)
            Standardised over the pool seen in fit.
        """
        weight = np.ones(len(X)) if weight is None else weight
        raw = self._describe(self.regions_.predict(X), quality, cost, weight)
        return (raw - self.center_) / self.scale_

    def _describe(self, region, quality, cost, weight):
        overall = self._shrunk(
            quality,
            np.zeros(len(region), dtype=int),
            np.full(quality.shape[1], self.pool_mean_),
            weight,
        )[0]
        expected = self.pool_quality_[:, None] + overall - self.pool_mean_
        regional = self._shrunk(quality, region, expected, weight)
        price = observed_mean(cost, weight) / (self.cost_ or 1.0)
        return np.column_stack(
            [
                logit(np.clip(overall, 0.01, 0.99)),
                (regional - expected).T,
                np.log1p(np.nan_to_num(price, nan=1.0)),
                self._agreement(region, quality, weight),
            ]
        )

    def _shrunk(self, quality, region, expected, weight):
        """Mean quality per region and model, pulled towards ``expected``."""
        seen = ~np.isnan(quality)
        member = np.eye(self.regions_.n_clusters)[region] * weight[:, None]
        total = member.T @ np.where(seen, quality, 0.0)
        return (total + self.shrinkage * expected) / (member.T @ seen + self.shrinkage)

    def _agreement(self, region, quality, weight):
        """Covariance of a model's quality with what the pool achieves nearby."""
        pool = self.pool_quality_[region][:, None] - self.pool_mean_
        departure = quality - observed_mean(quality, weight)
        return np.nan_to_num(observed_mean(departure * pool, weight))


def _mean_of_all(table, weight):
    """Weighted mean of all observed cells."""
    return float(observed_mean(table.reshape(-1, 1), weight.repeat(table.shape[1]))[0])


def support_size(distribution: str, quality: NDArray) -> int:
    """Number of points of quality that a distribution has; "auto" asks the outcomes."""
    if distribution == "auto":
        binary = np.isin(quality[~np.isnan(quality)], (0.0, 1.0)).all()
        distribution = "bernoulli" if binary else "binned"
    return 2 if distribution == "bernoulli" else N_BINS


def log_marginals(quality: NDArray, weight: NDArray, n_support: int) -> NDArray:
    """Log-frequency of each quality among a model's outcomes.

    A quality between two points of the support counts for both, in proportion; one
    pseudo-outcome of the pool keeps every frequency above zero.

    Returns
    -------
    log_frequency : ndarray of shape (n_models, n_support)
    """
    support = np.linspace(0, 1, n_support)
    near = 1 - np.abs(quality[..., None] - support) * (n_support - 1)
    counts = np.einsum("i,iks->ks", weight, np.nan_to_num(near.clip(0)))
    pool = counts.sum(axis=0) + 1.0
    counts = counts + pool / pool.sum()
    return np.log(counts / counts.sum(axis=1, keepdims=True))
