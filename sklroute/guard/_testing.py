"""Which thresholds are shown to be safe: bets against them, one after the other."""

import numpy as np
from numpy.typing import NDArray

BOLDEST_BET = 0.75  # of the bet that one worst outcome would turn into ruin


def betting_p_values(margin: NDArray, alpha: float) -> NDArray[np.float64]:
    r"""P-values of the hypotheses that means of bounded variables are <= 0.

    Against each hypothesis a capital of 1 is bet, row after row:
    :math:`K_t = K_{t-1} (1 + \lambda_t Z_t)`. Where the mean is <= 0 it is a
    non-negative supermartingale, whose maximum passes :math:`1 / p` with probability
    at most :math:`p` (Ville). The bets :math:`\lambda_t = \sqrt{2 \log(1 / \alpha) /
    (n \hat\sigma^2_{t-1})}`, cut at 3/4, are functions of the rows before and best
    near :math:`p = \alpha`.

    Parameters
    ----------
    margin : ndarray of shape (n_rows, n_hypotheses)
        :math:`Z`, >= -1, in an order that does not depend on its values. Rows are
        independent and identically distributed; columns may depend on each other.
    alpha : float
        Level for which the bets are sized, in (0, 1). The p-values are valid at
        every level.

    Returns
    -------
    p_value : ndarray of shape (n_hypotheses,)
        In (0, 1]; 1 without rows.

    References
    ----------
    I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by
    betting", J. R. Stat. Soc. B 86, 2024: one side of the hedged capital process
    (Theorem 3) with the predictable plug-in bets of a fixed sample size.

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute.guard._testing import betting_p_values
    >>> margin = np.tile([[0.3, -0.3], [-0.1, 0.1]], (50, 1))
    >>> betting_p_values(margin, alpha=0.1) < 0.1
    array([ True, False])
    """
    n_rows = len(margin)
    if n_rows == 0:
        return np.ones(margin.shape[1])
    seen = np.arange(1, n_rows + 1)[:, None]
    # One made-up row (mean 0, variance 1/4) before the first keeps these defined.
    mean = margin.cumsum(axis=0) / (seen + 1)
    variance = (0.25 + ((margin - mean) ** 2).cumsum(axis=0)) / (seen + 1)
    before = np.vstack([np.full_like(variance[:1], 0.25), variance[:-1]])
    bet = np.sqrt(2 * np.log(1 / alpha) / (n_rows * before)).clip(max=BOLDEST_BET)
    capital = np.log1p(bet * margin).cumsum(axis=0).max(axis=0)
    return np.exp(-capital.clip(min=0.0))


def last_passed(p_value: NDArray, alpha: float) -> int:
    """Number of hypotheses rejected in their order, up to the first that is not.

    With the order fixed beforehand the probability of any false rejection is at most
    ``alpha``, without a correction for their number.

    References
    ----------
    A. N. Angelopoulos, S. Bates, E. J. Candès, M. I. Jordan and L. Lei, "Learn then
    Test: Calibrating predictive algorithms to achieve risk control", Ann. Appl.
    Stat. 19, 2025: fixed sequence testing.
    """
    failed = p_value > alpha
    return int(failed.argmax()) if failed.any() else len(p_value)
