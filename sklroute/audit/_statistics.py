"""Paired differences: interval, test, power. One number per query goes in."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from sklearn.utils import check_random_state

from sklroute.metrics import Interval, paired_bootstrap

CHUNK_CELLS = 4_000_000  # flips x units held at once: 32 MB
ROUNDING = 1e-12  # of a sum


class Draws(NamedTuple):
    """How intervals and tests draw."""

    unit: NDArray | None  # queries of one unit are drawn together; None = each alone
    n_resamples: int
    random_state: int

    def interval(self, gain: NDArray, alpha: float) -> Interval:
        """Percentile interval of the mean at level ``1 - alpha``."""
        return paired_bootstrap(
            gain,
            groups=self.unit,
            n_resamples=self.n_resamples,
            confidence_level=1 - alpha,
            random_state=self.random_state,
        )

    def p_value(self, gain: NDArray) -> float:
        """Two-sided p-value of a zero mean."""
        return sign_flip_p(
            gain,
            self.unit,
            n_resamples=self.n_resamples,
            random_state=self.random_state,
        )

    def of(self, rows: NDArray) -> "Draws":
        """The same for some of the queries."""
        unit = None if self.unit is None else self.unit[rows]
        return self._replace(unit=unit)


def unit_sums(gain: NDArray, unit: ArrayLike | None) -> NDArray[np.float64]:
    """Sum of the differences of each unit of queries."""
    if unit is None:
        return gain
    return np.bincount(np.unique(unit, return_inverse=True)[1], weights=gain)


def cluster_error(gain: NDArray, unit: ArrayLike | None = None) -> float:
    r"""Standard error of a mean whose queries come in units.

    .. math:: \widehat{se} = \frac1n \sqrt{\frac{U}{U - 1}
              \sum_u \Bigl(\sum_{i \in u} (d_i - \bar d)\Bigr)^2}

    with the differences :math:`d_i` of the queries and their units :math:`u`, None for
    each on its own; NaN with fewer than two units. See W. Cochran, "Sampling
    Techniques", 1977, section 9A.2 (clusters of unequal size).

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute.audit._statistics import cluster_error
    >>> gain = np.array([1.0, 0.0, 0.0, 1.0])
    >>> round(cluster_error(gain), 4)  # sd / sqrt(n)
    0.2887
    >>> cluster_error(gain, ["a", "a", "b", "b"])  # both units have the same mean
    0.0
    """
    sums = unit_sums(gain - gain.mean(), unit)
    if len(sums) < 2:
        return float("nan")
    return float(np.sqrt(len(sums) / (len(sums) - 1) * (sums @ sums)) / len(gain))


def sign_flip_p(
    gain: NDArray,
    unit: ArrayLike | None = None,
    *,
    n_resamples: int = 2000,
    random_state: int | np.random.RandomState | None = None,
) -> float:
    """Two-sided p-value, in (0, 1], of a paired permutation test of a zero mean.

    Where router and baseline are equally good, exchanging the two on a unit of
    queries, which flips the sign of its difference, changes nothing. Unlike the
    bootstrap, the test holds its level when few queries differ at all. Flips exactly
    as extreme as what was observed count half (mid-p): with right and wrong answers
    there are many, and counting them whole would cost power.

    References
    ----------
    R. A. Fisher, "The Design of Experiments", 1935, section 21; B. Phipson and G.
    Smyth, "Permutation p-values should never be zero", 2010, for the added 1; M.
    Fagerland, S. Lydersen and P. Laake, "The McNemar test for binary matched-pairs
    data: mid-p and asymptotic are better than exact conditional", 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute.audit._statistics import sign_flip_p
    >>> sign_flip_p(np.zeros(100), random_state=0)
    1.0
    >>> sign_flip_p(np.ones(100), random_state=0) < 0.001
    True
    """
    gain = np.asarray(gain, dtype=float)
    sums = unit_sums(gain, unit)
    sums = sums[np.abs(sums) > ROUNDING * unit_sums(np.abs(gain), unit)]
    if not len(sums):
        return 1.0
    rng = check_random_state(random_state)
    observed = np.abs(sums.sum())
    rounding = ROUNDING * np.abs(sums).sum()  # the same sum in another order
    chunk = max(1, CHUNK_CELLS // len(sums))
    as_extreme = 0.0
    for start in range(0, n_resamples, chunk):
        size = min(chunk, n_resamples - start), len(sums)
        flipped = np.abs((2.0 * rng.randint(2, size=size) - 1) @ sums)
        as_extreme += (flipped > observed + rounding).sum() / 2
        as_extreme += (flipped >= observed - rounding).sum() / 2
    return float((1 + as_extreme) / (1 + n_resamples))


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values for their number: the chance of any false one is bounded.

    The adjusted ones are compared with the level as single p-values are. See S. Holm,
    "A simple sequentially rejective multiple test procedure", 1979.

    Examples
    --------
    >>> from sklroute.audit._statistics import holm
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def effect_factor(alpha: float, power: float) -> float:
    r"""Effects of this many standard errors are found with the given power.

    .. math:: z_{1 - \alpha / 2} + z_{\mathrm{power}}
    """
    return float(norm.ppf(1 - alpha / 2) + norm.ppf(power))
