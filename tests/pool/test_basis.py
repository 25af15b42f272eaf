"""The features in which a model may depart from what is expected of it."""

import numpy as np

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
