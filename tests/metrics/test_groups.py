import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import outcomes

from sklroute import Outcomes
from sklroute.metrics import (
    by_group,
    cost_range,
    frontier,
    nauc,
    realised_quality,
    realised_utility,
)


@pytest.fixture
def y():
    return Outcomes(
        [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.5, 0.0]],
        cost=[1.0, 2.0],
        models=["a", "b"],
    )


def test_each_group_has_its_own_value(y):
    task = np.array(["ocr", "chat", "ocr", "chat"])
    values = by_group(realised_quality, y, ["a", "a", "b", "b"], groups=task)
    assert values.to_dict() == {"chat": 0.0, "ocr": 1.0}
    assert values.index.tolist() == ["chat", "ocr"]
    utility = by_group(
        realised_utility, y, ["a", "a", "b", "b"], groups=task, cost_weight=0.1
    )
    assert utility["ocr"] == pytest.approx(((1 - 0.1) + (1 - 0.2)) / 2)


def test_a_metric_of_predictions_by_group(y):
    def area(y, quality, cost):
        return nauc(frontier(y, quality, cost), cost_range(y))

    quality, cost = np.array([[0.9, 0.1]] * 4), np.tile([1.0, 2.0], (4, 1))
    values = by_group(area, y, quality, cost, groups=[7, 7, 8, 8])
    assert values[7] == area(y[:2], quality[:2], cost[:2])
    assert values[8] == area(y[2:], quality[2:], cost[2:])


@given(outcomes(), st.randoms(use_true_random=False))
def test_groups_add_up_to_the_whole(y, random):
    choice = y.models[[random.randrange(len(y.models)) for _ in range(len(y))]]
    groups = np.array([random.choice("xyz") for _ in range(len(y))])
    values = by_group(realised_quality, y, choice, groups=groups)
    share = [np.mean(groups == name) for name in values.index]
    assert values.to_numpy() @ share == pytest.approx(realised_quality(y, choice))


def test_lengths_must_agree(y):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        by_group(realised_quality, y, ["a"] * 4, groups=["x"] * 3)


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_missing_group_is_named(y, missing):
    with pytest.raises(ValueError, match="groups has no value in row 2"):
        by_group(realised_quality, y, ["a"] * 4, groups=[1, 2, missing, 3])
