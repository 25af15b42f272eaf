"""The features in which a model may depart from what is expected of it."""

import numpy as np
from scipy.spatial.distance import cdist

from sklroute.pool._basis import make_basis


def test_a_missing_feature_counts_as_its_mean():
    X = np.array([[4.0, 1.0], [np.nan, 2.0], [6.0, np.nan], [np.nan, 3.0]])
    basis = make_basis(X, lambda X: np.zeros((len(X), 2)))
    np.testing.assert_allclose(basis.centre, [5.0, 2.0])
    missing, mean = basis.local(np.array([[np.nan, 1.0], [5.0, 1.0]]))
    np.testing.assert_allclose(missing, mean)


def test_a_feature_that_no_query_has_counts_for_nothing():
    X = np.array([[1.0, np.nan], [2.0, np.nan]])
    basis = make_basis(X, lambda X: np.zeros((len(X), 2)))
    np.testing.assert_allclose(basis.centre, [1.5, 0.0])


def test_features_give_the_stated_covariance():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(40, 3)), rng.normal(size=(3, 4))
    basis = make_basis(X, lambda X: X @ weight)
    phi = basis(X, X @ weight)
    difference = X @ (weight - weight.mean(axis=1, keepdims=True))
    spread = ((X - X.mean(axis=0)) ** 2).sum(axis=1).mean()
    kernel = np.exp(-cdist(X, X, "sqeuclidean") / spread)
    expected = difference @ difference.T / 4 + 0.003 + 0.05 * kernel
    np.testing.assert_allclose(phi @ phi.T, expected, atol=1e-4)
