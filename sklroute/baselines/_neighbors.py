"""Nearest neighbours: the outcomes of the most similar queries."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise, product
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import gen_batches
from sklearn.utils._param_validation import Interval, StrOptions

from sklroute.base import RouterMixin
from sklroute.baselines._approximate import ApproximateNeighbors
from sklroute.baselines._tuning import difference_error, squared_error
from sklroute.explain._evidence import additive
from sklroute.explain._mixin import CLIPPING
from sklroute.outcomes._folds import make_folds
from sklroute.outcomes._values import observed_mean
from sklroute.policies import Policy
from sklroute.serving._parts import Neighbours, share_of_copies, shrunk_means
from sklroute.serving._steps import directions

SIZES = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
SHRINKAGES = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
BATCH = 4096  # queries per search: bounds the memory of predict
SEARCHES = {
    "brute": partial(NearestNeighbors, algorithm="brute"),
    "approximate": ApproximateNeighbors,
}


class KNNRouter(RouterMixin, BaseEstimator):
    r"""Predict quality by the outcomes of the most similar queries.

    Similarity is the cosine of the features. With :math:`N_i` the nearest
    neighbours of query :math:`i`, :math:`w` their weights and :math:`o_{jk}` whether
    model :math:`k` was observed on query :math:`j`, the prediction is

    .. math::
        \hat q_{ik} = \frac{\sum_{j \in N_i} w_j o_{jk} q_{jk} + s \bar q_k}
                           {\sum_{j \in N_i} w_j o_{jk} + s}

    that is, a regression of the whole vector of outcomes that skips missing cells
    and is shrunk towards the model's mean :math:`\bar q_k`. Weights count in these sums
    and not in the number of neighbours: one query of weight 2 has the pull of two, and
    the place of one. Of queries with the same
    features, which are equally near, none is preferred: where only some of them are
    among the nearest, all count in part. Which of *different* queries that are equally
    near come first is left to rounding; with features of few values, such as one-hot
    ones, that is common, and a compiled router may prefer others.

    Parameters
    ----------
    n_neighbors : "auto" or int, default="auto"
        Number of neighbours. "auto" chooses from 2 to 512 by cross-validation, with
        one search per fold for all of them. More than there are training queries
        takes all.
    shrinkage : "auto" or float, default=24.0
        Pseudo-observations of the model's mean, :math:`s \ge 0`. "auto" chooses from 0
        to 128 by the same cross-validation, together with the number of neighbours.
    algorithm : {"brute", "approximate"}, default="brute"
        How neighbours are searched. "brute" compares with every training query.
        "approximate" overlooks some neighbours and is faster with more than about
        50,000 training queries; it needs faiss (the extra ``ann``), and can be pickled
        but not saved with `save` nor compiled.
    cv : int, default=5
        Folds of "auto"; they split no group when ``fit`` gets ``groups``, and are
        drawn with a fixed seed. The criterion is the squared error over observed
        cells. To choose the shrinkage it is that of the differences between the models
        observed on a query, which is what choices hang on, where there are any.
    policy : Policy, default=None
        Rule from quality and cost to a choice. None is ``MaxUtility()``.

    Attributes
    ----------
    classes_ : ndarray of shape (n_models,)
        Names of the models, sorted.
    n_neighbors_ : int
        The number of neighbours in use.
    shrinkage_ : float
        The shrinkage in use.
    neighbors_ : NearestNeighbors or ApproximateNeighbors
        The search over the normalised training features, each of them once.
    mean_quality_, mean_cost_ : ndarray of shape (n_models,)
        Mean observed quality and cost of each model.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where ``X`` had names.

    See Also
    --------
    ClusterRouter : Average over clusters instead of neighbours.

    Examples
    --------
    >>> from sklroute.baselines import KNNRouter
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=300, random_state=0)
    >>> router = KNNRouter().fit(data.X[:200], data.y[:200])
    >>> router.predict_quality(data.X[200:]).shape
    (100, 6)
    """

    _parameter_constraints: dict = {
        **RouterMixin._parameter_constraints,
        "n_neighbors": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "shrinkage": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "algorithm": [StrOptions(set(SEARCHES))],
        "cv": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(
        self,
        n_neighbors: int | str = "auto",
        *,
        shrinkage: float | str = 24.0,
        algorithm: str = "brute",
        cv: int = 5,
        policy: Policy | None = None,
    ):
        self.n_neighbors = n_neighbors
        self.shrinkage = shrinkage
        self.algorithm = algorithm
        self.cv = cv
        self.policy = policy

    def _fit(self, X, outcomes, sample_weight, groups):
        X = directions(X)
        self.n_neighbors_, self.shrinkage_ = self._settings(
            X, outcomes.quality, sample_weight, groups
        )
        self._first, place, self._copies = _without_copies(X)
        size = min(self.n_neighbors_, len(self._first))
        self.neighbors_ = _search(X[self._first], size, self.algorithm)
        cells = _cells(outcomes.quality, sample_weight)
        self._cells = np.zeros((len(self._first), cells.shape[1]))
        np.add.at(self._cells, place, cells)

    def _settings(self, X, quality, weight, groups) -> tuple[int, float]:
        """Number of neighbours and shrinkage, tuned where they are "auto"."""
        size, shrinkage = self.n_neighbors, self.shrinkage
        if "auto" in (size, shrinkage):
            tuned = _tuned(
                X,
                quality,
                weight,
                make_folds(len(X), groups, self.cv),
                SIZES if size == "auto" else [size],
                SHRINKAGES if shrinkage == "auto" else [shrinkage],
                self.algorithm,
            )
            size = tuned[0] if size == "auto" else size
            shrinkage = tuned[1]
        return min(size, len(X)), shrinkage

    def _predict_quality(self, X):
        X = directions(X)
        quality = np.empty((len(X), len(self.fitted_quality_)))
        for rows in gen_batches(len(X), BATCH):
            nearest = self.neighbors_.kneighbors(X[rows], return_distance=False)
            sums = _indicator(nearest, self._shares(nearest), self._cells) @ self._cells
            quality[rows] = shrunk_means(sums, self.fitted_quality_, self.shrinkage_)
        return quality

    def _shares(self, nearest: NDArray) -> NDArray[np.float64]:
        return share_of_copies(self._copies[nearest], self.n_neighbors_)

    def _compiled_part(self):
        if isinstance(self.neighbors_, ApproximateNeighbors):
            raise TypeError("Only KNNRouter(algorithm='brute') can be compiled.")
        return Neighbours(
            self.neighbors_._fit_X,
            self._copies,
            self._cells,
            self.fitted_quality_,
            self.shrinkage_,
            self.n_neighbors_,
        )

    # -- explanation ---------------------------------------------------------------

    _explained_rest = CLIPPING

    def _explain_evidence(self, X, available, better, worse):
        nearest = self.neighbors_.kneighbors(directions(X), return_distance=False)
        (votes, prior), (other_votes, other_prior) = (
            self._votes(nearest, models) for models in (better, worse)
        )
        label = "training query {}"
        return [
            additive("shrinkage", ["towards mean quality"], prior, other_prior),
            additive(
                "neighbour", self._first[nearest], votes, other_votes, label=label
            ),
        ]

    def _votes(self, nearest, models) -> tuple[NDArray, NDArray]:
        """What each neighbour, and the shrinkage, add to the quality of a model."""
        quality, seen = (
            self._cells[nearest, column[:, None]] * self._shares(nearest)
            for column in (models, models + len(self.fitted_quality_))
        )
        total = seen.sum(axis=1) + self.shrinkage_
        known = total > 0
        weight = np.divide(1.0, total, out=np.zeros_like(total), where=known)
        share = np.where(known, self.shrinkage_ * weight, 1.0)
        return quality * weight[:, None], share * self.fitted_quality_[models]


def _search(
    X: NDArray, n_neighbors: int, algorithm: str
) -> NearestNeighbors | ApproximateNeighbors:
    # On rows of length 1 the Euclidean order is that of the cosine, and faster.
    return SEARCHES[algorithm](n_neighbors=n_neighbors).fit(X)


def _cells(quality: NDArray, weight: NDArray) -> NDArray:
    """Per row what neighbours add up: weighted quality, then weight, if observed."""
    seen = weight[:, None] * ~np.isnan(quality)
    return np.hstack([seen * np.nan_to_num(quality), seen])


def _neighbour_sums(
    nearest: NDArray, cells: NDArray, sizes: Sequence[int]
) -> Iterator[NDArray]:
    """What the first ``size`` neighbours add up to, for each size in turn.

    The sums of one size continue those of the size before.
    """
    sums = np.zeros((len(nearest), cells.shape[1]))
    for start, stop in pairwise([0, *sizes]):
        part = nearest[:, start:stop]
        sums = sums + _indicator(part, np.ones(part.shape), cells) @ cells
        yield sums


def _indicator(nearest: NDArray, shares: NDArray, cells: NDArray) -> csr_array:
    """Sparse matrix that adds up the rows of a table over the neighbours."""
    n_rows, size = nearest.shape
    starts = np.arange(0, n_rows * size + 1, size)
    entries = (shares.ravel(), nearest.ravel(), starts)
    return csr_array(entries, shape=(n_rows, len(cells)))


def _without_copies(X: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """First row of every different query, each row's place among them, their copies."""
    X = np.ascontiguousarray(X) + 0.0  # no -0.0, whose bytes are not those of 0.0
    keys = X.view(np.dtype((np.void, X[0].nbytes))).ravel()
    _, first, place, copies = np.unique(
        keys, return_index=True, return_inverse=True, return_counts=True
    )
    order = first.argsort()
    return first[order], order.argsort()[place], copies[order]


def _tuned(
    X, quality, weight, folds, sizes, shrinkages, algorithm
) -> tuple[int, float]:
    """Number of neighbours and shrinkage of the lowest error on held-out queries."""
    smallest = min((len(train) for train, _ in folds), default=len(X))
    sizes = [size for size in sizes if size <= smallest] or [smallest]
    settings = list(product(sizes, shrinkages))
    paired = len(shrinkages) > 1 and ((~np.isnan(quality)).sum(axis=1) > 1).any()
    measure = difference_error if paired else squared_error
    error = np.zeros(len(settings))
    for train, test in folds:
        search = _search(X[train], sizes[-1], algorithm)
        nearest = search.kneighbors(X[test], return_distance=False)
        cells = _cells(quality[train], weight[train])
        prior = observed_mean(quality[train], weight[train])
        error += [
            measure(quality[test], shrunk_means(sums, prior, shrinkage), weight[test])
            for sums in _neighbour_sums(nearest, cells, sizes)
            for shrinkage in shrinkages
        ]
    return settings[int(error.argmin())] if folds else settings[-1]
