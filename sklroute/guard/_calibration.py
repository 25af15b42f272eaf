"""From the held-out queries to the threshold: arrays in, a threshold out."""

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklroute.guard._testing import betting_p_values, last_passed

N_THRESHOLDS = 40
ROUNDING = 1e-6  # of predicted gains, in single precision


def thresholds_of(gain: NDArray) -> NDArray[np.float64]:
    """Thresholds to test, from the safest to -inf: quantiles of some predicted gains.

    Not of those of the calibration queries: the hypotheses must be fixed before these
    are looked at. They lie a little below the gains: where many queries have the same,
    rounding, which differs with the size of a batch, must not send some of them to the
    baseline in the test and to another model ever after.
    """
    if len(gain) == 0:
        return np.array([-np.inf])
    levels = np.quantile(gain, np.linspace(0, 1, N_THRESHOLDS), method="lower")
    return np.append(np.unique(levels - ROUNDING)[::-1], -np.inf)


def calibrate(
    thresholds: NDArray,
    gain: NDArray,
    difference: NDArray,
    away: NDArray,
    unit: NDArray,
    *,
    unit_size: int,
    epsilon: float,
    alpha: float,
) -> Bunch:
    """Test the thresholds one after the other, until one is not shown to be safe.

    Parameters
    ----------
    thresholds : ndarray of shape (n_thresholds,)
        Decreasing.
    gain : ndarray of shape (n_queries,)
        Predicted gain of the proposed model over the baseline.
    difference : ndarray of shape (n_queries,)
        Realised quality of the proposed model less the baseline's; NaN where one of
        them was not observed. Not read where the proposed model is the baseline.
    away : ndarray of bool, of shape (n_queries,)
        Whether the proposed model is another than the baseline.
    unit : ndarray of int, of shape (n_queries,)
        What was drawn independently, the query or its group, in the order of betting.
    unit_size : int
        No unit has more queries.
    epsilon, alpha : float
        Mean quality that may be lost; level of the test.

    Returns
    -------
    calibration : Bunch
        ``best`` is the boldest threshold that passed, inf if none did; the rest is
        what `GuardedRouter.calibration_` has.
    """
    usable = ~(away & np.isnan(difference))
    if not usable.all():
        # The others, of which none is missing, would be over-represented, and a loss
        # diluted.
        usable &= away
    routed = away[usable, None] & (gain[usable, None] >= thresholds)
    lost = np.where(routed, difference[usable, None], 0.0)
    margin = _sum_by_unit(lost + epsilon, unit[usable]) / unit_size
    p_value = betting_p_values(margin, alpha)
    n_passed = last_passed(p_value, alpha)
    n_queries = int(usable.sum())
    return Bunch(
        best=float(thresholds[n_passed - 1]) if n_passed else np.inf,
        threshold=thresholds,
        p_value=p_value,
        routed=routed.sum(axis=0) / max(n_queries, 1),
        difference=lost.sum(axis=0) / max(n_queries, 1),
        n_queries=n_queries,
        n_units=len(margin),
    )


def _sum_by_unit(values: NDArray, unit: NDArray) -> NDArray[np.float64]:
    """Sums over the rows of each unit, units in increasing order."""
    present, place = np.unique(unit, return_inverse=True)
    total = np.zeros((len(present), values.shape[1]))
    np.add.at(total, place, values)
    return total
