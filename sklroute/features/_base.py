"""What all featurizers share: cells, errors, batches, the cache, the names."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from numbers import Integral
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from sklroute.features._cells import (
    CellError,
    as_columns,
    digest,
    is_missing,
    open_cell,
)
from sklroute.features._store import FeatureStore
from sklroute.features._weights import ModelError

READS = {"image": "image", "text": "text"}  # by the block's name, unless it says


class BlockFeaturizer(TransformerMixin, BaseEstimator):
    """Turn a table of pictures, texts and other cells into named blocks.

    A subclass has the parameters `batch_size`, `on_error`, `cache` and `progress` and
    a method ``_make_encoders()`` that returns an encoder for each column.

    Attributes
    ----------
    encoders_ : dict of str to callable
        The encoder of each block.
    modalities_ : dict of str to slice
        Columns of each block in the output.
    """

    _parameter_constraints: dict = {
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "on_error": [StrOptions({"raise", "missing"})],
        "cache": [str, PathLike, None],
        "progress": ["boolean"],
    }

    def fit(self, X: Any, y: Any = None):
        """Load the encoders and learn how wide each block is.

        Parameters
        ----------
        X : DataFrame, mapping of columns, or sequence of rows
            The queries. A DataFrame is one of pandas or polars, or a table of
            pyarrow. One cell of each column is encoded; encoders that are
            scikit-learn transformers are fitted on all cells of theirs.
        y : object, default=None
            Ignored.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            If a column is not there, or has nothing in it that can be encoded.
        """
        self._validate_params()
        encoders = self._make_encoders()
        columns = as_columns(X, list(encoders))
        self.encoders_, widths = {}, []
        for name, encoder in encoders.items():
            cells = columns[name]
            if is_transformer(encoder):
                items = [item for _, item in self._items(name, encoder, cells)]
                with _named(name):
                    encoder = clone(encoder).fit(items)
            self.encoders_[name] = encoder
            widths.append(self._width(name, encoder, cells))
        ends = np.cumsum(widths).tolist()
        starts = [0, *ends[:-1]]
        self.modalities_ = dict(zip(encoders, map(slice, starts, ends), strict=True))
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Encode the queries.

        Parameters
        ----------
        X : DataFrame, mapping of columns, or sequence of rows
            The queries.

        Returns
        -------
        X : ndarray of float32, of shape (n_queries, n_features)
            The blocks side by side; NaN in all columns of a block that is missing.

        Raises
        ------
        ValueError
            If a cell cannot be read and ``on_error="raise"``. The message names its
            row and column.
        """
        check_is_fitted(self)
        columns = as_columns(X, list(self.encoders_))
        return np.hstack([self._block(name, cells) for name, cells in columns.items()])

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Names of the columns: the block's name and a number, ``image_0``.

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self)
        return np.array(
            [
                f"{name}_{i}"
                for name, columns in self.modalities_.items()
                for i in range(columns.stop - columns.start)
            ],
            dtype=object,
        )

    # -- one block ---------------------------------------------------------------

    def _block(self, name: str, cells: list) -> NDArray[np.float32]:
        """Encode the different contents of a column, each once."""
        rows_of = self._contents(name, cells)
        columns = self.modalities_[name]
        block = np.full((len(cells), columns.stop - columns.start), np.nan, "f4")
        for content, vector in self._vectors(name, cells, rows_of).items():
            rows = rows_of[content]
            if len(vector) != block.shape[1]:
                raise ValueError(
                    f"Row {rows[0]}, column {name!r}: got {len(vector)} features, "
                    f"expected {block.shape[1]}. The encoder has changed, perhaps "
                    "without a change of its cache_key."
                )
            block[rows] = vector
        return block

    def _contents(self, name: str, cells: list) -> dict[bytes, list[int]]:
        """Digests of the contents of a column, each with its rows."""
        kind = reads(name, self.encoders_[name])
        rows_of: dict[bytes, list[int]] = {}
        for row, cell in enumerate(cells):
            content = self._try(name, row, digest, cell, kind)
            if content is not None:
                rows_of.setdefault(content, []).append(row)
        return rows_of

    def _vectors(
        self, name: str, cells: list, rows_of: Mapping[bytes, list[int]]
    ) -> dict[bytes, NDArray[np.float32]]:
        """Vectors by content: from the cache, or encoded and put there."""
        encoder = self.encoders_[name]
        store = self._store(name, encoder)
        known = {} if store is None else store.read(rows_of)
        left = {rows[0]: key for key, rows in rows_of.items() if key not in known}
        with _bar(name, len(known), len(rows_of), self.progress) as bar:
            for rows, vectors in self._encode(name, encoder, cells, left):
                new = dict(zip((left[row] for row in rows), vectors, strict=True))
                if store is not None:
                    store.write(new)
                known |= new
                bar.update(len(new))
        return known

    def _encode(
        self, name: str, encoder: Any, cells: list, rows: Mapping[int, bytes]
    ) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
        """Yield the rows and the vectors of each batch.

        Batches are filled with cells that can be read, in order. So whoever goes on
        after an interruption between two batches makes the batches that were left,
        and the same rounding.
        """
        items = self._items(name, encoder, cells, rows)
        while batch := list(islice(items, self.batch_size)):
            numbers, ready = zip(*batch, strict=True)
            yield list(numbers), self._call(name, encoder, numbers, ready)

    def _items(self, name, encoder, cells, rows=None) -> Iterator[tuple[int, Any]]:
        """Yield the row and the opened cell of whatever can be read."""
        for row in range(len(cells)) if rows is None else rows:
            item = self._try(name, row, _prepare, cells[row], encoder, name)
            if item is not None:
                yield row, item

    def _try(self, name: str, row: int, read: Callable, cell: Any, *others: Any) -> Any:
        """Read a cell; None if it is missing, or cannot be read and may be missing."""
        if is_missing(cell):
            return None
        try:
            return read(cell, *others)
        except CellError as error:
            if self.on_error == "missing":
                return None
            raise ValueError(f"Row {row}, column {name!r}: {error}.") from error

    def _width(self, name: str, encoder: Any, cells: list) -> int:
        width = getattr(encoder, "n_features", None)
        if width is not None:
            return width
        first = next(self._items(name, encoder, cells), None)
        if first is None:
            raise ValueError(
                f"Column {name!r} has no cell that can be encoded: nothing tells how "
                "wide its block is."
            )
        return self._call(name, encoder, [first[0]], [first[1]]).shape[1]

    def _call(self, name, encoder, rows, items) -> NDArray[np.float32]:
        encode = encoder.transform if is_transformer(encoder) else encoder
        with _named(name, rows):
            vectors = encode(list(items))
            if not issparse(vectors):
                vectors = np.asarray(vectors, dtype=np.float32)
        if issparse(vectors):
            raise ValueError(
                f"The encoder of {name!r} returned a sparse matrix, features are "
                "dense: let it end in a TruncatedSVD, as TextEmbedder does."
            )
        if vectors.ndim != 2 or len(vectors) != len(items):
            raise ValueError(
                f"The encoder of {name!r} must return an array of shape ({len(items)}, "
                f"n_features) for {len(items)} items; got {vectors.shape}."
            )
        if not np.isfinite(vectors).all():
            row = rows[np.argwhere(~np.isfinite(vectors))[0, 0]]
            raise ValueError(
                f"Row {row}, column {name!r}: the encoder returned NaN or infinity."
            )
        return vectors

    def _store(self, name: str, encoder: Any) -> FeatureStore | None:
        # A transformer is fitted to the data: the same content may get other features.
        if self.cache is None or is_transformer(encoder):
            return None
        key = getattr(encoder, "cache_key", None)
        if not isinstance(key, str):
            raise ValueError(
                f"The encoder of {name!r} has no cache_key, a text that tells it from "
                "all others: give it one (functions can have attributes) or set "
                "cache=None."
            )
        return FeatureStore(self.cache, key)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        return tags


def is_transformer(encoder: Any) -> bool:
    return hasattr(encoder, "fit") and hasattr(encoder, "transform")


def reads(name: str, encoder: Any) -> str | None:
    """What the encoder of a column gets: pictures, texts, or cells as they are."""
    return getattr(encoder, "reads", READS.get(name))


def _prepare(cell: Any, encoder: Any, name: str) -> Any:
    """Open a cell and let the encoder say whether it can take it."""
    item = open_cell(cell, reads(name, encoder))
    prepare = getattr(encoder, "prepare", None)
    if prepare is None:
        return item
    try:
        return prepare(item)
    except ModelError:
        raise
    except ValueError as error:
        raise CellError(str(error)) from error


@contextmanager
def _named(name: str, rows: Sequence[int] = ()) -> Iterator[None]:
    """Add to any error of an encoder which column, and which rows, it was given."""
    try:
        yield
    except Exception as error:
        where = f", rows {rows[0]} to {rows[-1]}" if rows else ""
        error.add_note(f"This comes from the encoder of column {name!r}{where}.")
        raise


def _bar(name: str, done: int, total: int, shown: bool) -> Any:
    from tqdm import tqdm

    return tqdm(desc=name, initial=done, total=total, unit="item", disable=not shown)
