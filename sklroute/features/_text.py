"""Texts as vectors, without a pretrained encoder."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.validation import check_is_fitted

from sklroute.features._cells import short


class TextEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """TF-IDF of words and word pairs, compressed by a truncated SVD.

    The number of components shrinks where the texts hold fewer different terms, so
    that it works on a handful of template questions as on long prompts.

    Parameters
    ----------
    n_components : int, default=128
        Largest number of features.
    random_state : int, RandomState instance or None, default=0
        Seed of the randomised SVD.

    Attributes
    ----------
    vectorizer_ : TfidfVectorizer
        The fitted vocabulary and weights.
    svd_ : TruncatedSVD
        The fitted compression.

    Examples
    --------
    >>> from sklroute.features import TextEmbedder
    >>> texts = ["read the chart", "read the sign", "count the cats"]
    >>> TextEmbedder(n_components=2).fit_transform(texts).shape
    (3, 2)
    """

    def __init__(
        self,
        n_components: int = 128,
        *,
        random_state: int | np.random.RandomState | None = 0,
    ):
        self.n_components = n_components
        self.random_state = random_state

    def fit(self, X: Iterable[str], y: Any = None) -> "TextEmbedder":
        """Learn the vocabulary and the components.

        Parameters
        ----------
        X : iterable of str, of length n_queries
            The texts.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : TextEmbedder

        Raises
        ------
        ValueError
            If an entry is not a text (the message gives its row), or if fewer than
            two different terms are left.
        """
        self.vectorizer_ = TfidfVectorizer(
            ngram_range=(1, 2), sublinear_tf=True, max_features=50_000, dtype=np.float32
        )
        texts = _check_texts(X)
        try:
            weights = self.vectorizer_.fit_transform(texts)
        except ValueError as error:
            raise ValueError(
                "The texts hold no word of two letters or more: there is nothing to "
                "tell apart."
            ) from error
        n_terms = weights.shape[1]
        if n_terms < 2:
            raise ValueError(
                f"The texts hold {n_terms} term only: there is nothing to tell apart."
            )
        n_components = min(self.n_components, min(weights.shape))
        svd = TruncatedSVD(n_components, random_state=self.random_state)
        # Where all texts weigh the same, the share of variance that scikit-learn
        # reports, and nobody reads here, is 0 / 0.
        with np.errstate(invalid="ignore"):
            self.svd_ = svd.fit(weights)
        return self

    def transform(self, X: Iterable[str]) -> NDArray[np.float32]:
        """Turn texts into vectors.

        Parameters
        ----------
        X : iterable of str, of length n_queries
            The texts.

        Returns
        -------
        X : ndarray of float32, of shape (n_queries, n_components)
        """
        check_is_fitted(self)
        return self.svd_.transform(self.vectorizer_.transform(_check_texts(X)))

    @property
    def _n_features_out(self) -> int:
        return len(self.svd_.components_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _check_texts(texts: Iterable[str]) -> list[str]:
    if isinstance(texts, str):
        raise ValueError("Expected a sequence of texts, got one text.")
    if isinstance(texts, (pd.DataFrame, Mapping)):
        raise ValueError(
            f"Expected a sequence of texts, got a {type(texts).__name__}: pass one of "
            f"its columns, {list(texts)}."
        )
    texts = list(texts)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"Row {row} is not a text but {short(text)}.")
    return texts
