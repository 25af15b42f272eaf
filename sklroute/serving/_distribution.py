"""Predicted distributions of quality."""

import numpy as np
from numpy.typing import NDArray


class QualityDistribution:
    """Distribution of the quality of every model's answer to every query.

    Parameters
    ----------
    support : ndarray of shape (n_support,)
        Values that quality can take, increasing, from 0 to 1.
    prob : ndarray of shape (n_queries, n_models, n_support)
        Probability of each value.

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute.serving import QualityDistribution
    >>> answers = QualityDistribution(np.array([0.0, 1.0]), np.array([[[0.2, 0.8]]]))
    >>> answers.mean, answers.std, answers.prob_at_least(0.5)
    (array([[0.8]]), array([[0.4]]), array([[0.8]]))
    """

    def __init__(self, support: NDArray, prob: NDArray):
        self.support = support
        self.prob = prob

    @property
    def mean(self) -> NDArray[np.float64]:
        """Expected quality, (n_queries, n_models)."""
        return (self.prob @ self.support).clip(0.0, 1.0)

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation of the quality, (n_queries, n_models)."""
        variance = self.prob @ self.support**2 - self.mean**2
        return np.sqrt(variance.clip(0.0))

    def quantile(self, q: float) -> NDArray[np.float64]:
        """Smallest quality reached with probability at least ``q``.

        Parameters
        ----------
        q : float
            Probability in [0, 1].

        Returns
        -------
        quality : ndarray of shape (n_queries, n_models)
        """
        if not 0 <= q <= 1:
            raise ValueError(f"q must be in [0, 1], got {q}.")
        reached = self.prob.cumsum(axis=-1) >= q - 1e-12
        reached[..., -1] = True
        return self.support[reached.argmax(axis=-1)]

    def prob_at_least(self, t: float) -> NDArray[np.float64]:
        """Probability that the quality is at least ``t``.

        Parameters
        ----------
        t : float
            A quality.

        Returns
        -------
        probability : ndarray of shape (n_queries, n_models)
            In [0, 1].
        """
        return self.prob[..., self.support >= t].sum(axis=-1).clip(0.0, 1.0)

    def with_mean(self, mean: NDArray) -> "QualityDistribution":
        """Move the mean by mixing with the end of the support that lies that way.

        Parameters
        ----------
        mean : ndarray of shape (n_queries, n_models)
            In [0, 1].

        Returns
        -------
        distribution : QualityDistribution
        """
        shift = mean - self.mean
        room = np.where(shift > 0, 1 - self.mean, self.mean)
        share = np.divide(np.abs(shift), room, out=np.zeros_like(room), where=room > 0)
        prob = self.prob * (1 - share.clip(0, 1))[..., None]
        prob[..., 0] += np.where(shift > 0, 0.0, share)
        prob[..., -1] += np.where(shift > 0, share, 0.0)
        return QualityDistribution(self.support, prob)

    def sample(self, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw one quality per query and model.

        Parameters
        ----------
        rng : numpy Generator
            Source of the draws.

        Returns
        -------
        quality : ndarray of shape (n_queries, n_models)
            Points of the support.
        """
        below = self.prob.cumsum(axis=-1)[..., :-1]
        drawn = rng.random(self.prob.shape[:-1])[..., None] > below
        return self.support[drawn.sum(axis=-1)]
