import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sklroute.guard._calibration import ROUNDING, calibrate, thresholds_of

LEVELS = np.array([0.75, 0.5, 0.25, -np.inf])
NAN = float("nan")


def calibrated(gain, difference, away=None, unit=None, **params):
    """Calibrate at the levels; by default every query is proposed another model."""
    n = len(gain)
    params = {"unit_size": 1, "epsilon": 0.1, "alpha": 0.1, **params}
    away = np.ones(n, dtype=bool) if away is None else away
    unit = np.arange(n) if unit is None else unit
    return calibrate(LEVELS, gain, difference, away, unit, **params)


def repeated(pattern, times=300):
    return np.tile(np.asarray(pattern, dtype=float), times)


def test_the_boldest_safe_threshold_is_found():
    # Gains of at least 0.5 are real; below, every fourth query loses everything.
    result = calibrated(repeated([0.8, 0.5, 0.3, 0.1]), repeated([0, 0, -1, 0]))
    np.testing.assert_array_equal(result.threshold, LEVELS)
    assert result.best == 0.5
    np.testing.assert_allclose(result.routed, [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(result.difference, [0, 0, -0.25, -0.25])


def test_what_passes_after_a_failure_does_not_count():
    # The safest threshold loses; the router as a whole gains.
    result = calibrated(repeated([0.8, 0.1, 0.1]), repeated([-1, 1, 1]))
    assert result.p_value[0] > 0.1 > result.p_value[-1]
    assert result.best == np.inf


def test_without_queries_nothing_passes():
    result = calibrated(repeated([0.8]), repeated([NAN]))
    assert result.best == np.inf
    assert result.n_queries == result.n_units == 0


def test_kept_queries_do_not_dilute_the_loss_where_cells_are_missing():
    gain, lost = repeated([0.8, 0.0, 0.0]), repeated([-0.2, 0.0, 0.0])
    away = gain > 0
    assert calibrated(gain, lost, away).best == -np.inf  # a third of -0.2 is above -0.1
    lost[0] = NAN
    result = calibrated(gain, lost, away)
    assert result.best == np.inf
    assert result.n_queries == away.sum() - 1


def test_a_kept_query_need_not_be_observed():
    gain, lost = repeated([0.8, 0.0]), repeated([0.0, NAN])
    result = calibrated(gain, lost, gain > 0)
    assert result.n_queries == len(gain)
    assert result.best == -np.inf


def test_copies_of_queries_in_groups_show_no_more_than_the_groups():
    gain, lost = repeated([0.8, 0.3], 20), repeated([0.1, 0.0], 20)
    alone = calibrated(gain, lost)
    copied = calibrated(
        np.repeat(gain, 50),
        np.repeat(lost, 50),
        unit=np.repeat(np.arange(40), 50),
        unit_size=50,
    )
    np.testing.assert_allclose(copied.p_value, alone.p_value)
    assert copied.n_units == alone.n_units == 40
    alike = calibrated(np.repeat(gain, 50), np.repeat(lost, 50))  # as if independent
    assert alike.p_value[0] < alone.p_value[0] / 100


@given(hnp.arrays(float, st.integers(0, 60), elements=st.floats(-1, 1, width=16)))
def test_thresholds_fall_from_the_largest_gain_to_the_router_as_it_is(gain):
    thresholds = thresholds_of(gain)
    assert (np.diff(thresholds) < 0).all()
    assert thresholds[-1] == -np.inf
    assert set(thresholds[:-1]) <= set(gain - ROUNDING)
    if len(gain):
        assert thresholds[0] == gain.max() - ROUNDING
