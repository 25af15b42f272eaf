"""Steps of a pipeline before the router, as NumPy functions.

Consecutive affine steps become one; the last one goes into the first layer of the part
that follows, where that has one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

SHORT, LONG = 1e-10, 1e30  # squares of lengths between which 32 bits are enough


@dataclass(frozen=True)
class Affine:
    """``x * matrix + offset`` for a vector, ``x @ matrix + offset`` for a matrix."""

    matrix: NDArray | float
    """(n_in,) or (n_in, n_out)"""
    offset: NDArray | float

    def __call__(self, X: NDArray) -> NDArray:
        """Apply it, in the precision of X."""
        matrix = np.asarray(self.matrix, dtype=X.dtype)
        scaled = X @ matrix if matrix.ndim == 2 else X * matrix
        return scaled + np.asarray(self.offset, dtype=X.dtype)

    def fold(self, coef: NDArray, intercept: NDArray) -> tuple[NDArray, NDArray]:
        """Coefficients and intercept of ``affine(x) @ coef + intercept``."""
        matrix = np.asarray(self.matrix, dtype=float)
        folded = matrix @ coef if matrix.ndim == 2 else matrix[..., None] * coef
        shift = np.broadcast_to(self.offset, len(coef)) @ coef
        return np.ascontiguousarray(folded), shift + intercept

    def then(self, other: "Affine") -> "Affine":
        """One affine step that does both."""
        if np.ndim(other.matrix) == 2:
            matrix, offset = self.fold(other.matrix, other.offset)
            return Affine(matrix, offset)
        return Affine(
            self.matrix * other.matrix, self.offset * other.matrix + other.offset
        )


@dataclass(frozen=True)
class UnitRows:
    """Rows of length 1 by a norm; rows of zeros stay."""

    norm: str = "l2"

    def __call__(self, X: NDArray) -> NDArray:
        """Divide each row by its norm."""
        return unit_rows(X, self.norm)


@dataclass(frozen=True)
class Tasks:
    """Features, then ``scale * softmax(x @ coef + intercept) + offset``."""

    coef: NDArray
    """(n_features, n_tasks)"""
    intercept: NDArray
    """(n_tasks,)"""
    scale: float
    offset: NDArray
    """(n_tasks,)"""

    def __call__(self, X: NDArray) -> NDArray:
        """Append the columns, in the precision of X."""
        prob = softmax(Affine(self.coef, self.intercept)(X), axis=1)
        return np.hstack([X, Affine(self.scale, self.offset)(prob)])


@dataclass(frozen=True)
class Steps:
    """Steps in their order."""

    parts: tuple = ()

    def __call__(self, X: NDArray) -> NDArray:
        """Apply them."""
        for part in self.parts:
            X = part(X)
        return X

    def then(self, other: "Steps") -> "Steps":
        """These, then others; affine neighbours become one."""
        parts = list(self.parts)
        for part in other.parts:
            if parts and isinstance(part, Affine) and isinstance(parts[-1], Affine):
                part = parts.pop().then(part)
            parts.append(part)
        return Steps(tuple(parts))

    def split(self) -> tuple[Affine, "Steps"]:
        """The affine step at the end, if there is one, and what stands before it."""
        if self.parts and isinstance(self.parts[-1], Affine):
            return self.parts[-1], Steps(self.parts[:-1])
        return Affine(1.0, 0.0), self


def unit_rows(X: NDArray, norm: str = "l2") -> NDArray:
    """Rows of length 1, as `sklearn.preprocessing.normalize` makes them."""
    if norm == "l2":
        length = np.sqrt(np.einsum("ij,ij->i", X, X))
    else:
        length = np.abs(X).sum(axis=1) if norm == "l1" else np.abs(X).max(axis=1)
    floor = 10 * np.finfo(length.dtype).eps  # scikit-learn leaves such rows alone
    return X / np.where(length < floor, 1, length)[:, None]


def directions(X: NDArray) -> NDArray:
    """Rows of length 1 of the same directions, however short or long; zeros stay."""
    square = np.einsum("ij,ij->i", X, X)
    extreme = (square < SHORT) | (square > LONG)
    if extreme.any():
        largest = np.abs(X[extreme]).max(axis=1, keepdims=True)
        X = X.copy()
        X[extreme] /= np.where(largest > 0, largest, 1)
    return unit_rows(X)


def compile_step(name: str, step: Any) -> Steps:
    """A fitted transformer as steps; one that is not known is a TypeError."""
    if step is None or step == "passthrough":
        return Steps()
    make = _STEPS.get(type(step).__name__)
    if make is None or not type(step).__module__.startswith(("sklearn.", "sklroute.")):
        raise TypeError(
            f"Step {name!r} ({type(step).__name__}) cannot be compiled; those that can "
            f"are {sorted(_STEPS)}. What comes after it may be compiled alone, as by "
            "router[1:].compile()."
        )
    return Steps((make(step),))


def _standard(step):
    scale = 1.0 if step.scale_ is None else step.scale_
    mean = step.mean_ if step.with_mean else 0.0
    return _diagonal(step, 1 / scale, -mean / scale)


def _check_no_clip(step):
    if getattr(step, "clip", False):  # not every scikit-learn has it
        raise TypeError(f"{type(step).__name__}(clip=True) cannot be compiled.")


def _min_max(step):
    _check_no_clip(step)
    return _diagonal(step, step.scale_, step.min_)


def _max_abs(step):
    _check_no_clip(step)
    return _diagonal(step, 1 / step.scale_, 0.0)


def _robust(step):
    scale = step.scale_ if step.with_scaling else 1.0
    centre = step.center_ if step.with_centering else 0.0
    return _diagonal(step, 1 / scale, -centre / scale)


def _blocks(step):
    if step.allow_missing:
        raise TypeError("BlockScaler(allow_missing=True) cannot be compiled.")
    scale = step.scale_.astype(float)
    return _diagonal(step, 1 / scale, -step.mean_ / scale)


def _diagonal(step, matrix, offset):
    n_features = step.n_features_in_
    return Affine(
        np.broadcast_to(np.asarray(matrix, dtype=float), n_features).copy(),
        np.broadcast_to(np.asarray(offset, dtype=float), n_features).copy(),
    )


def _pca(step):
    matrix = step.components_.T.astype(float)
    offset = -(step.mean_ @ matrix)
    if step.whiten:
        scale = np.sqrt(step.explained_variance_)
        eps = np.finfo(scale.dtype).eps
        if not scale.min() > 10 * eps * scale.max():
            raise TypeError(
                "PCA(whiten=True) has components without variance, rounding errors "
                "that it blows up: compile it with a lower n_components."
            )
        scale = scale.clip(eps)  # as PCA does
        matrix, offset = matrix / scale, offset / scale
    return Affine(np.ascontiguousarray(matrix), offset)


def _svd(step):
    return Affine(np.ascontiguousarray(step.components_.T.astype(float)), 0.0)


def _tasks(step):
    linear = step.classifier_
    if type(linear) is not LogisticRegression:
        raise TypeError("TaskEncoder compiles with a LogisticRegression only.")
    coef, intercept = linear.coef_.T, linear.intercept_
    if coef.shape[1] == 1:  # of two tasks, the second one
        coef, intercept = coef * np.array([0.0, 1.0]), intercept * np.array([0.0, 1.0])
    scale = step._scale
    coef, intercept = _blocks(step.scaler_).fold(coef, intercept)
    return Tasks(coef, intercept, scale, -scale * step.prior_)


def _select(step):
    kept = np.flatnonzero(step.get_support())
    matrix = np.zeros((step.n_features_in_, len(kept)))
    matrix[kept, np.arange(len(kept))] = 1.0
    return Affine(matrix, 0.0)


_STEPS = {
    "BlockScaler": _blocks,
    "MaxAbsScaler": _max_abs,
    "MinMaxScaler": _min_max,
    "Normalizer": lambda step: UnitRows(step.norm),
    "PCA": _pca,
    "RobustScaler": _robust,
    "SelectKBest": _select,
    "StandardScaler": _standard,
    "TaskEncoder": _tasks,
    "TruncatedSVD": _svd,
    "VarianceThreshold": _select,
}
