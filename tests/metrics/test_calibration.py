import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import brier_score_loss, log_loss

from sklroute import Outcomes
from sklroute.metrics import (
    quality_brier,
    quality_calibration_error,
    quality_log_loss,
)

NAN = float("nan")
ALL = [quality_brier, quality_calibration_error, quality_log_loss]


def test_brier_skips_missing_cells():
    y = [[1.0, 0.0], [0.5, NAN]]
    predicted = [[0.5, 0.5], [0.3, NAN]]
    assert_allclose(quality_brier(y, predicted, reduce=None), [0.25, 0.04])
    assert quality_brier(y, predicted) == pytest.approx(0.145)


def test_log_loss_takes_soft_targets():
    # -(0.5 log 0.25 + 0.5 log 0.75)
    assert quality_log_loss([[0.5, NAN]], [[0.25, 0.1]]) == pytest.approx(0.836988)


def test_log_loss_of_a_sure_mistake_is_finite():
    assert 30 < quality_log_loss([[1.0, 1.0]], [[0.0, 0.0]]) < 40
    assert quality_log_loss([[1.0, 0.0]], [[1.0, 0.0]]) == pytest.approx(0, abs=1e-12)


def test_complete_binary_tables_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    predicted = rng.random((50, 4))
    y = (rng.random((50, 4)) < predicted).astype(float)
    flat = y.ravel(), predicted.ravel()
    assert quality_brier(y, predicted) == pytest.approx(brier_score_loss(*flat))
    assert quality_log_loss(y, predicted) == pytest.approx(log_loss(*flat))


def test_calibration_error_by_hand():
    # Bin [.2, .3): mean .25 predicted, 0 observed, 2 answers; bin [.9, 1]: mean .95
    # predicted, 1 observed, 2 answers. (2 * .25 + 2 * .05) / 4
    y = [[0.0, 1.0], [0.0, 1.0]]
    predicted = [[0.22, 0.9], [0.28, 1.0]]
    assert quality_calibration_error(y, predicted) == pytest.approx(0.15)
    # One bin: mean .6 predicted, .5 observed.
    assert quality_calibration_error(y, predicted, n_bins=1) == pytest.approx(0.1)


def test_predicting_what_was_observed_is_calibrated():
    y = np.random.default_rng(0).random((40, 3))
    assert quality_calibration_error(y, y) == 0
    assert quality_brier(y, y) == 0


@pytest.mark.parametrize("metric", ALL)
def test_bad_predictions_are_refused(metric):
    y = [[1.0, NAN], [0.0, 1.0]]
    assert np.isfinite(metric(y, [[0.5, NAN], [0.5, 0.5]]))  # nobody looks there
    with pytest.raises(ValueError, match=r"row 1, model 0 has 1\.5"):
        metric(y, [[0.5, 0.5], [1.5, 0.5]])
    with pytest.raises(ValueError, match="row 1, model 1 has nan"):
        metric(y, [[0.5, 0.5], [0.5, NAN]])
    with pytest.raises(ValueError, match=r"has shape \(2, 3\)"):
        metric(y, np.ones((2, 3)))
    with pytest.raises(ValueError, match="Row 1 of y has no observed quality"):
        metric([[1.0, 0.0], [NAN, NAN]], np.ones((2, 2)))


def test_bins_must_be_at_least_one():
    with pytest.raises(ValueError, match="n_bins must be at least 1"):
        quality_calibration_error([[1.0, 0.0]], [[0.5, 0.5]], n_bins=0)


def test_columns_of_frames_are_matched_by_name():
    y = Outcomes([[1.0, 0.0], [0.0, 1.0]], models=["a", "b"])
    predicted = pd.DataFrame({"b": [0.0, 1.0], "a": [1.0, 0.0]})
    assert quality_brier(y, predicted) == 0
    with pytest.raises(ValueError, match=r"labels \['c', 'a'\]; the models are"):
        quality_brier(y, predicted.rename(columns={"b": "c"}))
