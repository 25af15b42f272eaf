"""What answers say of one model."""

import numpy as np

from sklroute.pool._belief import Belief


def test_a_belief_is_the_stated_regression():
    rng = np.random.default_rng(0)
    features, departure = rng.normal(size=(12, 3)), rng.normal(size=12)
    weight = rng.random(12)
    belief = Belief.fitted(3, noise=0.1)
    np.testing.assert_allclose(
        belief.variance_of(features), features**2 @ belief.variance
    )
    for rows, decay in ((slice(6), 1.0), (slice(6, 12), 0.5)):
        belief = belief.learn(features[rows], departure[rows], weight[rows], decay)
    weight[:6] *= 0.5
    weighted = weight * features.T / 0.1
    covariance = np.linalg.inv(np.diag(1 / belief.variance) + weighted @ features)
    np.testing.assert_allclose(belief.coef, covariance @ weighted @ departure)
    np.testing.assert_allclose(
        belief.variance_of(features),
        np.einsum("ij,jk,ik->i", features, covariance, features),
    )


def test_a_fitted_model_may_sooner_change_on_all_queries_than_on_some():
    belief = Belief.fitted(3, noise=0.1)
    level, *others = (
        belief.learn(np.eye(3)[[i]], [1], np.ones(1)).coef[i] for i in range(3)
    )
    assert level > 2 * max(others) > 0
