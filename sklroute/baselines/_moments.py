"""The sums that ridge regressions need, added up batch by batch."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve

ROUNDING = 1e-13  # of the sums, relative to their trace


class Ridge(NamedTuple):
    """A fitted ridge regression of several targets."""

    alpha: float
    coef: NDArray
    """(n_features, n_targets)"""
    intercept: NDArray
    """(n_targets,)"""

    def predict(self, F: NDArray) -> NDArray:
        """Values of the targets, (n_rows, n_targets)."""
        return F @ self.coef + self.intercept


class Moments:
    r"""Normal equations of targets that are missing in some rows.

    With :math:`f` the features of a row and a constant 1, and :math:`w` its weight,
    target :math:`k` has the sums :math:`\sum w f f^\top` and :math:`\sum w f t_k` over
    the rows where it was observed. Targets that were so far observed in the same rows
    share the first sum. Memory does not grow with the number of rows.

    Parameters
    ----------
    n_features, n_targets : int
        Width of the batches.

    Attributes
    ----------
    label : ndarray of int, of shape (n_targets,)
        Which of the first sums belongs to each target.
    gram : ndarray of shape (n_labels, n_features + 1, n_features + 1)
        The first sums.
    cross : ndarray of shape (n_features + 1, n_targets)
        The second sums.
    n_rows, n_cells : float
        How many rows and observed cells were added, by weight.

    Examples
    --------
    >>> import numpy as np
    >>> from sklroute.baselines._moments import Moments
    >>> sums = Moments(1, 2)
    >>> sums.add(np.array([[0.0], [1.0]]), np.array([[1.0, 2.0], [3.0, np.nan]]))
    >>> sums.mean
    array([2., 2.])
    """

    def __init__(self, n_features: int, n_targets: int):
        self.label = np.zeros(n_targets, dtype=np.intp)
        self.gram = np.zeros((1, n_features + 1, n_features + 1))
        self.cross = np.zeros((n_features + 1, n_targets))
        self.n_rows = self.n_cells = 0.0

    def add(self, F: NDArray, target: NDArray, weight: ArrayLike = 1.0) -> None:
        """Add a batch.

        Parameters
        ----------
        F : ndarray of shape (n_rows, n_features)
            Features.
        target : ndarray of shape (n_rows, n_targets)
            Targets; NaN = not observed.
        weight : ndarray of shape (n_rows,) or float, default=1.0
            Weights of the rows, >= 0.
        """
        seen = ~np.isnan(target)
        root = np.broadcast_to(np.sqrt(weight), len(F))[:, None]
        Z = root * np.column_stack([F, np.ones(len(F))])
        masks, pattern = np.unique(seen, axis=1, return_inverse=True)
        own = self._split(pattern.ravel(), masks.shape[1])
        whole = Z.T @ Z
        for number, mask in enumerate(masks.T):
            self.gram[own == number] += _square(Z, mask, whole)
        self.cross += Z.T @ (root * np.where(seen, target, 0.0))
        weight = np.broadcast_to(weight, len(F))
        self.n_rows += float(weight.sum())
        self.n_cells += float(weight @ seen.sum(axis=1))

    def __add__(self, other: "Moments") -> "Moments":
        """Sums of the rows of both, which are left as they are."""
        both = self._replaced(self.label, self.gram, self.cross + other.cross)
        own = both._split(other.label, len(other.gram))
        both.gram = both.gram + other.gram[own]
        both.n_rows += other.n_rows
        both.n_cells += other.n_cells
        return both

    def _split(self, pattern: NDArray, n_patterns: int) -> NDArray[np.intp]:
        """Let targets of another pattern than their group's leave the group.

        Returns the pattern of each group.
        """
        pair = self.label * n_patterns + pattern
        _, first, label = np.unique(pair, return_index=True, return_inverse=True)
        if len(first) > len(self.gram):
            self.gram = self.gram[self.label[first]]
        self.label = label
        return pattern[first]

    @property
    def mean(self) -> NDArray[np.float64]:
        """Weighted mean of each target; 0 if it was never observed."""
        size = self.gram[self.label, -1, -1]
        return np.divide(self.cross[-1], size, out=np.zeros(len(size)), where=size > 0)

    def minus(self, coef: ArrayLike, intercept: ArrayLike) -> "Moments":
        """Sums of what a linear prediction leaves of the targets.

        Parameters
        ----------
        coef : array-like of shape (n_features, n_targets) or broadcast to it
        intercept : array-like of shape (n_targets,) or broadcast to it
        """
        n_features, n_targets = len(self.cross) - 1, len(self.label)
        line = np.empty_like(self.cross)
        line[:-1] = np.broadcast_to(coef, (n_features, n_targets))
        line[-1] = intercept
        cross = self.cross.copy()
        for number, gram in enumerate(self.gram):
            own = self.label == number
            cross[:, own] -= gram @ line[:, own]
        return self._replaced(self.label, self.gram, cross)

    def pooled(self) -> "Moments":
        """Sums of a single target: all cells of a row are observations of it.

        Divided by the mean number of cells of a row, so that a penalty weighs as much
        as it does beside one observation a row.
        """
        count = self.n_cells / self.n_rows if self.n_cells else 1.0
        times = np.bincount(self.label, minlength=len(self.gram))
        gram = np.tensordot(times / count, self.gram, axes=1)[None]
        cross = self.cross.sum(axis=1, keepdims=True) / count
        return self._replaced(np.zeros(1, dtype=np.intp), gram, cross)

    def solve(self, alphas: ArrayLike) -> list[Ridge]:
        """Ridge regressions of the targets, one for every penalty on coefficients.

        A target that was never observed is predicted as 0.
        """
        alphas = np.asarray(alphas, dtype=float)
        coef = np.zeros((len(alphas), *self.cross[:-1].shape))
        intercept = np.zeros((len(alphas), len(self.label)))
        for number, gram in enumerate(self.gram):
            size, own = gram[-1, -1], np.flatnonzero(self.label == number)
            if size == 0:
                continue
            centre, mean = gram[:-1, -1] / size, self.cross[-1, own] / size
            square = gram[:-1, :-1] - size * np.outer(centre, centre)
            along = self.cross[:-1, own] - size * np.outer(centre, mean)
            for part, alpha in zip(coef, alphas, strict=True):
                part[:, own] = _penalised(square, along, alpha)
            intercept[:, own] = mean - centre @ coef[:, :, own]
        return [Ridge(*parts) for parts in zip(alphas, coef, intercept, strict=True)]

    def _replaced(self, label, gram, cross) -> "Moments":
        other = Moments.__new__(Moments)
        other.label, other.gram, other.cross = label, gram, cross
        other.n_rows, other.n_cells = self.n_rows, self.n_cells
        return other


def _square(Z: NDArray, rows: NDArray, whole: NDArray) -> NDArray:
    """Sum of the outer products of some rows; ``whole`` is that of all rows."""
    if 2 * rows.sum() <= len(rows):
        return Z[rows].T @ Z[rows]
    rest = Z[~rows]
    return whole - rest.T @ rest


def _penalised(square: NDArray, along: NDArray, alpha: float) -> NDArray | float:
    """Coefficients of a ridge regression from its centred sums."""
    if np.isinf(alpha):
        return 0.0
    square = square.copy()
    diagonal = square.ravel()[:: len(square) + 1]
    diagonal += max(alpha, ROUNDING * diagonal.sum())
    return cho_solve(cho_factor(square, overwrite_a=True), along)
