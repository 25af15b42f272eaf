"""The synthetic table keeps what it promises."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from sklroute import Outcomes
from sklroute.datasets import make_routing


def test_shapes_names_and_types():
    data = make_routing(50, 11, n_features=(5, 3), random_state=0)
    assert data.X.shape == (50, 8)
    assert data.X.dtype == np.float32
    assert isinstance(data.y, Outcomes)
    assert data.y.shape == (50, 11, 3)
    assert data.quality.shape == (50, 11)
    assert len(data.task) == len(data.groups) == 50
    assert data.modalities == {"image": slice(0, 5), "text": slice(5, 8)}
    # Padded names stay in the order of the prices when Outcomes sorts them.
    assert data.y.models.tolist() == data.models
    assert data.models[:3] == ["model-00", "model-01", "model-02"]


def test_outcomes_are_right_or_wrong_with_the_stated_probability():
    data = make_routing(5000, 4, random_state=0)
    assert set(np.unique(data.y.quality)) == {0.0, 1.0}
    # Among the cells of stated quality .7 to .8 about three quarters are right.
    cells = (data.quality > 0.7) & (data.quality < 0.8)
    assert data.y.quality[cells].mean() == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize("seed", range(5))
def test_the_bayes_router_beats_the_best_single_model_by_far(seed):
    data = make_routing(2000, random_state=seed)
    best_single = data.quality.mean(axis=0).max()
    bayes = data.quality.max(axis=1).mean()
    assert 0.6 < best_single < 0.75
    assert bayes > best_single + 0.1


def test_the_bayes_router_keeps_its_lead_on_the_drawn_answers():
    data = make_routing(4000, random_state=1)
    rows = np.arange(4000)
    bayes = data.y.quality[rows, data.quality.argmax(axis=1)].mean()
    assert bayes == pytest.approx(data.quality.max(axis=1).mean(), abs=0.02)


def test_without_signal_quality_is_the_same_for_all_queries():
    data = make_routing(500, signal=0.0, random_state=0)
    assert np.ptp(data.quality, axis=0).max() == 0.0


def test_without_signal_features_tell_nothing():
    data = make_routing(2000, 2, signal=0.0, random_state=0)
    right = data.y.quality[:, 1] > 0
    score = cross_val_score(LogisticRegression(C=0.01), data.X, right).mean()
    assert score < max(right.mean(), 1 - right.mean()) + 0.02


def test_interaction_adds_what_neither_block_tells_alone():
    flat = make_routing(500, interaction=0.0, random_state=3)
    rich = make_routing(500, interaction=2.0, random_state=3)
    np.testing.assert_array_equal(flat.X, rich.X)  # only the outcomes differ
    assert rich.quality.std() > flat.quality.std()


@pytest.mark.parametrize("missing", [0.0, 0.2, 0.5, 0.75])
def test_the_missing_share_is_kept_and_no_row_or_column_is_empty(missing):
    data = make_routing(300, 8, missing=missing, random_state=0)
    observed = data.y.observed
    assert 1 - observed.mean() == pytest.approx(missing, abs=1e-3)
    assert observed.any(axis=0).all()
    assert observed.any(axis=1).all()
    np.testing.assert_array_equal(np.isnan(data.y.cost), ~observed)


def test_too_many_missing_cells_are_refused():
    with pytest.raises(ValueError, match=r"missing=0\.9 .* at most 0\.\d\d"):
        make_routing(100, 4, missing=0.9, random_state=0)


def test_costs_are_the_price_times_a_length_that_the_query_shares():
    data = make_routing(4000, 5, cost_noise=0.3, random_state=0)
    ratio = data.y.cost / data.y.cost[:, :1]
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[0], ratio.shape))
    assert (np.diff(data.y.cost.mean(axis=0)) > 0).all()
    assert data.y.cost[:, 0].mean() == pytest.approx(1.0, abs=0.03)


def test_dearer_models_are_abler_but_cheap_ones_win_somewhere():
    data = make_routing(3000, 6, random_state=0)
    ability = data.quality.mean(axis=0)
    assert ability[-1] > ability[0] + 0.1
    assert (np.bincount(data.quality.argmax(axis=1), minlength=6) > 30).all()


def test_a_seed_gives_the_same_table_again():
    first, second = (make_routing(40, missing=0.3, random_state=7) for _ in range(2))
    np.testing.assert_array_equal(first.X, second.X)
    np.testing.assert_array_equal(np.asarray(first.y), np.asarray(second.y))
    other = make_routing(40, missing=0.3, random_state=8)
    assert not np.array_equal(first.X, other.X)


def test_blocks_have_a_gap():
    data = make_routing(1000, random_state=0)
    image, text = (data.X[:, block] for block in data.modalities.values())
    between = np.linalg.norm(image.mean(axis=0) - text.mean(axis=0))
    assert between > image.std(axis=0).mean()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_models": 1}, "n_models"),
        ({"n_queries": 0}, "n_queries"),
        ({"n_features": (3,)}, "n_features"),
        ({"n_features": (3, 0)}, "n_features"),
        ({"missing": 1.0}, "missing"),
        ({"signal": -1.0}, "signal"),
        ({"random_state": "seed"}, "random_state"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_routing(**parameters)
