"""A network with one output per model."""

from copy import deepcopy
from numbers import Integral, Real
from operator import itemgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from sklroute.base import RouterMixin
from sklroute.baselines._patterns import observed_patterns
from sklroute.baselines._tuning import first_minimum, hold_out, squared_error
from sklroute.policies import Policy
from sklroute.serving._parts import Network, standardised

ALPHAS = (100.0, 30.0, 10.0, 3.0, 1.0)  # the most regularised first


class _Cells(NamedTuple):
    """Rows to train on or to look at."""

    X: NDArray
    quality: NDArray
    weight: NDArray

    def take(self, rows: NDArray, models: NDArray) -> "_Cells":
        """Some rows and some models."""
        return _Cells(
            self.X[rows], self.quality[np.ix_(rows, models)], self.weight[rows]
        )


class MLPRouter(RouterMixin, BaseEstimator):
    """Predict quality by a multi-layer perceptron with one output per model.

    Models that were observed on the same queries are outputs of one network, so a
    complete table takes a single one; with cells missing at random, each model has
    its own, trained on its observed rows. Features are standardised, and outputs are
    deviations from the models' means. Training minimises the squared error with Adam
    and keeps the weights of the epoch that was best on held-out queries.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int, default=(128,)
        Units of each hidden layer.
    alpha : "auto" or float, default="auto"
        L2 penalty on the weights, see `sklearn.neural_network.MLPRegressor`. "auto"
        chooses one of 100, 30, 10, 3 and 1 by the squared error on the held-out
        queries of the network with most of them, for all networks. Embeddings have
        many features for few queries: scikit-learn's default of 0.0001 overfits.
    learning_rate_init : float, default=0.001
        Step size of Adam.
    max_iter : int, default=100
        Largest number of epochs.
    n_iter_no_change : int, default=10
        Epochs without improvement on held-out queries after which training stops.
    validation_fraction : float, default=0.1
        Share of the queries held out, in (0, 1); whole groups when ``fit`` gets
        ``groups``. A single query or group is not split: it serves as both.
    policy : Policy, default=None
        Rule from quality and cost to a choice. None is ``MaxUtility()``.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the batches and the held-out queries.

    Attributes
    ----------
    classes_ : ndarray of shape (n_models,)
        Names of the models, sorted.
    alpha_ : float
        The penalty in use.
    networks_ : list of (ndarray of int, MLPRegressor)
        The columns of the models and the network that predicts them.
    n_iter_ : int
        Epochs run, the most of any network.
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
    RidgeRouter : The linear counterpart.

    Examples
    --------
    >>> from sklroute.baselines import MLPRouter
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=300, random_state=0)
    >>> router = MLPRouter(max_iter=5, random_state=0).fit(data.X, data.y)
    >>> len(router.networks_)
    1
    """

    _parameter_constraints: dict = {
        **RouterMixin._parameter_constraints,
        "hidden_layer_sizes": ["array-like"],
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="left")],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        hidden_layer_sizes=(128,),
        *,
        alpha: float | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 100,
        n_iter_no_change: int = 10,
        validation_fraction: float = 0.1,
        policy: Policy | None = None,
        random_state=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.alpha = alpha
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.n_iter_no_change = n_iter_no_change
        self.validation_fraction = validation_fraction
        self.policy = policy
        self.random_state = random_state

    def _fit(self, X, outcomes, sample_weight, groups):
        # One generator for all: an integer seed would repeat every epoch's batches.
        rng = check_random_state(self.random_state)
        # Arrays, whatever scikit-learn's own transform_output is set to.
        scaler = StandardScaler().set_output(transform="default")
        self.scaler_ = scaler.fit(X, sample_weight=sample_weight)
        cells = _Cells(self.scaler_.transform(X), outcomes.quality, sample_weight)
        alphas = ALPHAS if self.alpha == "auto" else (self.alpha,)
        patterns = sorted(observed_patterns(cells.quality), key=lambda p: -len(p[0]))
        self.networks_ = []
        for rows, models in patterns:
            train, test = hold_out(
                len(rows),
                None if groups is None else groups[rows],
                self.validation_fraction,
                rng,
            )
            parts = cells.take(rows[train], models), cells.take(rows[test], models)
            mean = self.mean_quality_[models]
            _, network = first_minimum(
                (self._train(*parts, mean, alpha, rng) for alpha in alphas),
                itemgetter(0),
            )
            alphas = (network.alpha,)  # chosen where there is most to choose by
            self.networks_.append((models, network))
        self.alpha_ = network.alpha
        self.n_iter_ = max(len(network.loss_curve_) for _, network in self.networks_)

    def _train(self, train, test, mean, alpha, rng) -> tuple[float, MLPRegressor]:
        """Lowest held-out error, and the network as it was then."""
        network = MLPRegressor(
            hidden_layer_sizes=self.hidden_layer_sizes,
            alpha=alpha,
            learning_rate_init=self.learning_rate_init,
            random_state=rng,
        )
        target = train.quality - mean
        target = target if len(mean) > 1 else target.ravel()
        lowest, weights, waited = np.inf, None, 0
        for _ in range(self.max_iter):
            network.partial_fit(train.X, target, train.weight)
            predicted = _predict(network, test.X, mean)
            error = squared_error(test.quality, predicted, test.weight)
            waited += 1
            if error < lowest:
                lowest, waited = error, 0
                weights = deepcopy((network.coefs_, network.intercepts_))
            if waited == self.n_iter_no_change:
                break
        network.coefs_, network.intercepts_ = weights
        del network._optimizer  # twice the weights, and training is over
        return lowest, network

    def _predict_quality(self, X):
        X = self.scaler_.transform(X)
        quality = np.empty((len(X), len(self.fitted_quality_)))
        for models, network in self.networks_:
            quality[:, models] = _predict(network, X, self.fitted_quality_[models])
        return quality

    def _compiled_part(self):
        networks = [(models, n.coefs_, n.intercepts_) for models, n in self.networks_]
        activation = self.networks_[0][1].activation
        part = Network(networks, activation, self.fitted_quality_)
        return standardised(part, self.scaler_)


def _predict(network: MLPRegressor, X: NDArray, mean: NDArray) -> NDArray:
    """Quality in [0, 1]: the models' means and the network's deviations from them."""
    return (network.predict(X).reshape(len(X), -1) + mean).clip(0.0, 1.0)
