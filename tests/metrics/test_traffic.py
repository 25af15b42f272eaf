import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from numpy.testing import assert_allclose
from strategies import predictions

from sklroute.metrics import traffic_curve, traffic_share
from sklroute.policies import MaxUtility


@given(predictions())
def test_shares_are_those_of_the_policy(table):
    curve = traffic_curve(table.quality, table.cost, available=table.available)
    models = np.arange(table.quality.shape[1])
    for weight, share in zip(curve.cost_weight, curve.share, strict=True):
        choice = MaxUtility(float(weight))(table.quality, table.cost, table.available)
        assert_allclose(share, traffic_share(choice, models))


@given(predictions())
def test_the_sweep_starts_at_quality_and_ends_at_the_cheapest(table):
    curve = traffic_curve(table.quality, table.cost, available=table.available)
    assert curve.cost_weight[0] == 0
    assert (np.diff(curve.cost_weight) > 0).all()
    cost = np.where(table.available, table.cost, np.inf)
    choice = MaxUtility(float(curve.cost_weight[-1]))(
        table.quality, table.cost, table.available
    )
    rows = np.arange(len(cost))
    assert_allclose(cost[rows, choice], cost.min(axis=1), rtol=1e-6)


def test_the_sweep_goes_from_the_first_hundredth_of_the_switches_to_the_last():
    gain = np.random.default_rng(0).permutation(np.arange(1, 201)) / 400
    quality = np.column_stack([0.5 + gain, np.full(200, 0.5)])
    first, *weights = traffic_curve(quality, [2.0, 1.0]).cost_weight
    assert first == 0
    assert len(weights) == 60
    assert weights[0] == pytest.approx(3 / 400)  # two of 200 have happened
    assert 0.5 <= weights[-1] < 0.51
    assert_allclose(np.diff(np.log(weights), n=2), 0, atol=1e-9)


def test_given_weights_are_sorted():
    curve = traffic_curve([[0.6, 0.9]], [1.0, 3.0], cost_weights=[1.0, 0.0])
    assert curve.cost_weight.tolist() == [0, 1]
    assert curve.share.tolist() == [[0, 1], [1, 0]]


def test_a_query_without_a_model_is_named():
    with pytest.raises(ValueError, match=r"[Rr]ow 0"):
        traffic_curve([[0.6, 0.9]], [1.0, 3.0], available=[[False, False]])


def test_an_unknown_predicted_cost_is_refused():
    with pytest.raises(ValueError, match="Predicted cost of model 1 is nan"):
        traffic_curve([[0.6, 0.9]], [1.0, float("nan")])


def test_prices_and_masks_are_matched_with_the_columns_of_a_frame():
    quality = pd.DataFrame({"b": [0.9], "a": [0.8]})
    price = pd.Series({"a": 1.0, "b": 5.0})
    curve = traffic_curve(quality, price, cost_weights=[1.0])
    assert curve.share.tolist() == [[0.0, 1.0]]
    mask = pd.Series({"a": True, "b": False})
    curve = traffic_curve(quality, price, cost_weights=[0.0], available=mask)
    assert curve.share.tolist() == [[0.0, 1.0]]
