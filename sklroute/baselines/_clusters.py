"""Cluster profiles: the mean outcomes of each region of feature space."""

import warnings
from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from sklroute.base import RouterMixin
from sklroute.explain._evidence import additive, mean_quality
from sklroute.explain._mixin import CLIPPING
from sklroute.outcomes import Outcomes
from sklroute.policies import Policy
from sklroute.serving._parts import Clusters
from sklroute.serving._steps import directions

LEVELS = (16, 64)
QUERIES_PER_CLUSTER = 10  # fewer than this on average, and a level is made coarser
# k-means sees a sample of more queries than the larger of these.
MAX_QUERIES, MAX_QUERIES_PER_CLUSTER = 20_000, 256


class ClusterRouter(RouterMixin, BaseEstimator):
    r"""Predict quality by the mean outcomes of the query's cluster.

    Queries are clustered by k-means on their normalised features, as in UniRoute
    [1]_; it sees no more than 20,000 of them, or 256 for each cluster. A level of
    clusters corrects the prediction :math:`b` of the coarser level before it, which
    for the first is the model's mean:

    .. math::
        \hat q_{ik} = b_{ik} + \frac{\sum_{j \in c(i)} w_j o_{jk} (q_{jk} - b_{jk})}
                                   {\sum_{j \in c(i)} w_j o_{jk} + s}

    with :math:`c(i)` the training queries of the cluster, :math:`w` their weights and
    :math:`o_{jk}` whether model :math:`k` was observed on query :math:`j`.

    Parameters
    ----------
    n_clusters : "auto", int or sequence of int, default="auto"
        Number of clusters, of each level if it is a sequence (coarse first). "auto"
        is ``(16, 64)``, less where that would leave fewer than 10 queries per
        cluster.
    shrinkage : float, default=24.0
        Pseudo-observations of the level above, :math:`s \ge 0`.
    policy : Policy, default=None
        Rule from quality and cost to a choice. None is ``MaxUtility()``.
    random_state : int, RandomState instance or None, default=None
        Seed of the clustering.

    Attributes
    ----------
    classes_ : ndarray of shape (n_models,)
        Names of the models, sorted.
    levels_ : list of (KMeans, ndarray of shape (n_clusters, n_models))
        The clusters of each level and the corrections of their profiles.
    mean_quality_, mean_cost_ : ndarray of shape (n_models,)
        Mean observed quality and cost of each model.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where ``X`` had names.

    See Also
    --------
    KNNRouter : Average over neighbours instead of clusters.

    References
    ----------
    .. [1] Jitkrittum et al., "Universal Model Routing for Efficient LLM Inference",
       2025, arXiv:2502.08773.

    Examples
    --------
    >>> from sklroute.baselines import ClusterRouter
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=300, random_state=0)
    >>> router = ClusterRouter([4, 16], random_state=0).fit(data.X, data.y)
    >>> [profile.shape for _, profile in router.levels_]
    [(4, 6), (16, 6)]
    """

    _parameter_constraints: dict = {
        **RouterMixin._parameter_constraints,
        "n_clusters": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
            "array-like",
        ],
        "shrinkage": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_clusters: int | str | Sequence[int] = "auto",
        *,
        shrinkage: float = 24.0,
        policy: Policy | None = None,
        random_state=None,
    ):
        self.n_clusters = n_clusters
        self.shrinkage = shrinkage
        self.policy = policy
        self.random_state = random_state

    def _fit(self, X, outcomes, sample_weight, groups):
        rng = check_random_state(self.random_state)
        X = directions(X)
        predicted = np.tile(self.mean_quality_, (len(X), 1))
        self.levels_ = []
        for n_clusters in self._sizes(len(X)):
            means = KMeans(n_clusters, random_state=rng)
            label = fit_means(means, X, sample_weight, rng)
            residual = outcomes.quality - predicted
            profile = _profile(
                residual, label, n_clusters, sample_weight, self.shrinkage
            )
            predicted += profile[label]
            self.levels_.append((means, profile))

    def _sizes(self, n_queries: int) -> list[int]:
        if self.n_clusters == "auto":
            limit = max(n_queries // QUERIES_PER_CLUSTER, 1)
            return sorted({min(size, limit) for size in LEVELS})
        sizes = np.atleast_1d(self.n_clusters)
        if sizes.ndim > 1 or sizes.dtype.kind not in "iu" or not sizes.all():
            raise ValueError(
                "n_clusters must be 'auto', an int >= 1 or a sequence of them; got "
                f"{self.n_clusters!r}."
            )
        return [min(int(size), n_queries) for size in sizes]

    def _predict_quality(self, X):
        X = directions(X)
        quality = np.tile(self.fitted_quality_, (len(X), 1))
        for means, profile in self.levels_:
            quality += profile[_label(means, X)]
        return quality.clip(0.0, 1.0)

    def _compiled_part(self):
        levels = [(means.cluster_centers_, profile) for means, profile in self.levels_]
        return Clusters(self.fitted_quality_, levels)

    # -- explanation ---------------------------------------------------------------

    _explained_rest = CLIPPING

    def _explain_evidence(self, X, available, better, worse):
        X = directions(X)
        parts = [mean_quality(self.fitted_quality_, better, worse)]
        for level, (means, profile) in enumerate(self.levels_, 1):
            label = _label(means, X)
            parts.append(
                additive(
                    "cluster",
                    label[:, None],
                    profile[label, better],
                    profile[label, worse],
                    label=f"{{}} of {len(profile)}, level {level}",
                )
            )
        return parts


def held_out_departures(
    router: ClusterRouter,
    X: NDArray,
    outcomes: Outcomes,
    sample_weight: NDArray,
    fold: NDArray,
) -> NDArray[np.float64]:
    """What a router of one level would add to the means of queries it has not seen.

    Its clusters are kept, as they know no outcomes; each fold's profiles are those of
    the others.
    """
    ((means, profile),) = router.levels_
    label = _label(means, directions(X))
    residual = outcomes.quality - router.fitted_quality_
    departures = np.empty_like(residual)
    for number in np.unique(fold):
        out, rest = fold == number, fold != number
        known = residual[rest], label[rest], len(profile), sample_weight[rest]
        departures[out] = _profile(*known, router.shrinkage)[label[out]]
    return departures


def fit_means(
    means: KMeans, X: NDArray, weight: NDArray, rng: np.random.RandomState
) -> NDArray[np.int32]:
    """Fit clusters, of many queries on a sample; return the cluster of each query."""
    limit = max(MAX_QUERIES, MAX_QUERIES_PER_CLUSTER * means.n_clusters)
    sampled = len(X) > limit
    rows = rng.choice(len(X), limit, replace=False) if sampled else slice(None)
    with warnings.catch_warnings():
        # Fewer distinct queries than clusters leave empty clusters: no harm, their
        # profile is that of the level above.
        warnings.filterwarnings(
            "ignore", "Number of distinct clusters", ConvergenceWarning
        )
        means.fit(X[rows], sample_weight=weight[rows])
    label = _label(means, X) if sampled else means.labels_
    del means.labels_  # of the training queries: prediction does without
    return label


def _label(means: KMeans, X: NDArray) -> NDArray:
    # KMeans does not cast: fitted on float32, it refuses float64.
    return means.predict(X.astype(means.cluster_centers_.dtype, copy=False))


def _profile(residual, label, n_clusters, weight, shrinkage) -> NDArray:
    """Mean residual of each cluster and model, shrunk towards zero."""
    seen = weight[:, None] * ~np.isnan(residual)
    member = np.eye(n_clusters)[:, label]
    total = member @ (seen * np.nan_to_num(residual))
    count = member @ seen + shrinkage
    return np.divide(total, count, out=np.zeros_like(total), where=count > 0)
