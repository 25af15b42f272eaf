import numpy as np
import pytest

from sklroute import FixedRouter, Outcomes, RandomRouter
from sklroute.policies import MaxUtility, RiskAverse

X = np.arange(8.0).reshape(4, 2)
# Means: quality .75, .5, .25 and cost 4, 2, 1 of large, medium and small.
Y = Outcomes(
    [[1, 1, 0], [1, 0, 0], [1, 1, 1], [0, 0, 0]],
    cost=[4.0, 2.0, 1.0],
    models=["large", "medium", "small"],
)


@pytest.mark.parametrize(
    ("cost_weight", "model"), [(0.0, "large"), (0.2, "medium"), (1.0, "small")]
)
def test_best_is_that_of_the_policy(cost_weight, model):
    router = FixedRouter(policy=MaxUtility(cost_weight)).fit(X, Y)
    assert set(router.predict(X)) == {model} == {router.model_}


def test_cheapest_and_named_models():
    assert set(FixedRouter("cheapest").fit(X, Y).predict(X)) == {"small"}
    assert set(FixedRouter("medium").fit(X, Y).predict(X)) == {"medium"}


def test_probability_is_all_on_the_fixed_model():
    proba = FixedRouter("medium").fit(X, Y).predict_proba(X)
    np.testing.assert_array_equal(proba, np.tile([0.0, 1.0, 0.0], (4, 1)))


def test_a_policy_at_predict_time_does_not_move_the_fixed_model():
    router = FixedRouter().fit(X, Y)
    assert set(router.predict(X, policy=MaxUtility(100.0))) == {"large"}


def test_the_policy_chooses_where_the_fixed_model_is_not_available():
    router = FixedRouter("large").fit(X, Y)
    available = np.array([[1, 1, 1], [0, 1, 1], [0, 0, 1], [1, 0, 1]])
    expected = ["large", "medium", "small", "large"]
    assert router.predict(X, available=available).tolist() == expected


def test_predicted_quality_is_the_mean_of_each_model():
    quality = FixedRouter("small").fit(X, Y).predict_quality(X[:1])
    np.testing.assert_allclose(quality, [[0.75, 0.5, 0.25]])


def test_cheapest_needs_costs():
    with pytest.raises(ValueError, match="needs costs"):
        FixedRouter("cheapest").fit(X, Outcomes(Y.quality))


def test_models_of_unknown_cost_are_not_the_cheapest():
    y = Outcomes(Y.quality, cost=[4.0, 2.0, np.nan], models=Y.models)
    assert FixedRouter("cheapest").fit(X, y).model_ == "medium"


def test_unknown_models_are_refused_with_the_list_of_known_ones():
    with pytest.raises(ValueError, match=r"'huge'.*'large', 'medium', 'small'"):
        FixedRouter("huge").fit(X, Y)


def test_best_by_a_policy_that_needs_a_spread_is_refused():
    with pytest.raises(ValueError, match="predict_distribution"):
        FixedRouter(policy=RiskAverse()).fit(X, Y)


def test_random_choices_are_uniform_over_the_available_models():
    router = RandomRouter(random_state=0).fit(X, Y)
    many = np.zeros((3000, 2))
    choice = router.predict(many, available=[True, False, True])
    # 1500 expected, standard deviation 27
    assert abs((choice == "large").sum() - 1500) < 120
    assert set(choice) == {"large", "small"}


def test_random_probabilities_are_uniform():
    available = [[1, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 0]]
    proba = RandomRouter().fit(X, Y).predict_proba(X, available=available)
    expected = [[1 / 3] * 3, [0.5, 0, 0.5], [0, 0, 1], [0.5, 0.5, 0]]
    np.testing.assert_allclose(proba, expected)


def test_an_integer_seed_repeats_the_choices():
    router = RandomRouter(random_state=3).fit(X, Y)
    np.testing.assert_array_equal(router.predict(X), router.predict(X))
