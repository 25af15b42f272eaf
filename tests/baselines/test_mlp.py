import numpy as np
import pytest

from sklroute import MLPRouter, Outcomes
from sklroute.datasets import make_routing


@pytest.fixture(scope="module")
def data():
    return make_routing(300, 4, n_features=(6, 6), random_state=0)


def small(**params):
    return MLPRouter((16,), random_state=0, **{"alpha": 1.0, "max_iter": 30, **params})


def test_a_complete_table_takes_one_network(data):
    networks = small(max_iter=2).fit(data.X, data.y).networks_
    assert [models.tolist() for models, _ in networks] == [[0, 1, 2, 3]]


def test_models_observed_on_the_same_queries_share_a_network(data):
    quality = data.y.quality.copy()
    quality[:30, [1, 3]] = np.nan
    networks = small(max_iter=2).fit(data.X, Outcomes(quality)).networks_
    assert [models.tolist() for models, _ in networks] == [[0, 2], [1, 3]]


def test_cells_missing_at_random_take_one_network_per_model():
    data = make_routing(300, 4, n_features=(6, 6), missing=0.2, random_state=0)
    networks = small(max_iter=2).fit(data.X, data.y).networks_
    assert sorted(models.tolist() for models, _ in networks) == [[0], [1], [2], [3]]


def test_training_stops_when_held_out_queries_no_longer_improve():
    noise = make_routing(200, 3, n_features=(6, 6), signal=0.0, random_state=0)
    router = small(alpha=0.0, max_iter=200, n_iter_no_change=3, learning_rate_init=0.1)
    assert router.fit(noise.X, noise.y).n_iter_ < 100


def test_the_best_epoch_is_kept(data):
    # The epoch after the best one ends the training and leaves no trace.
    eager = small(n_iter_no_change=1, learning_rate_init=0.05).fit(data.X, data.y)
    assert 1 < eager.n_iter_ < 30
    short = small(max_iter=eager.n_iter_ - 1, learning_rate_init=0.05)
    np.testing.assert_array_equal(
        eager.predict_quality(data.X),
        short.fit(data.X, data.y).predict_quality(data.X),
    )


def test_penalty_is_chosen_once_for_all_networks():
    data = make_routing(200, 3, n_features=(6, 6), missing=0.2, random_state=0)
    router = small(alpha="auto", max_iter=5).fit(data.X, data.y)
    assert {network.alpha for _, network in router.networks_} == {router.alpha_}
    assert router.alpha_ in (100.0, 30.0, 10.0, 3.0, 1.0)


def test_the_router_beats_the_best_single_model():
    data = make_routing(900, 4, random_state=0)
    router = MLPRouter(random_state=0).fit(data.X[:600], data.y[:600])
    choice = data.y.index(router.predict(data.X[600:]))
    expected = data.quality[600:][np.arange(300), choice].mean()
    assert expected > data.quality[600:].mean(axis=0).max() + 0.05


def test_same_seed_same_predictions(data):
    one, two = (small(max_iter=3).fit(data.X, data.y) for _ in range(2))
    np.testing.assert_array_equal(
        one.predict_quality(data.X), two.predict_quality(data.X)
    )


def test_one_query_and_one_group_are_enough():
    one = small(learning_rate_init=0.03).fit([[1.0, 2.0]], [[0.0, 1.0]])
    np.testing.assert_allclose(one.predict_quality([[1, 2]]), [[0, 1]], atol=0.1)
    grouped = small(max_iter=2).fit(np.eye(3), np.eye(3), groups=[7, 7, 7])
    assert grouped.predict_quality(np.eye(3)).shape == (3, 3)


@pytest.mark.parametrize(
    "params",
    [{"alpha": -1.0}, {"validation_fraction": 1.0}, {"max_iter": 0}],
)
def test_bad_parameters_are_named(params, data):
    with pytest.raises(ValueError, match=next(iter(params))):
        small(**params).fit(data.X, data.y)
