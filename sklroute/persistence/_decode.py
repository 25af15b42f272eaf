"""From JSON and arrays to Python objects, believing nothing."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix
from sklearn.utils import Bunch

from sklroute.persistence._adapters import (
    MAX_ATTRIBUTES,
    adapter_of,
    is_hooked,
    unpack_hooked,
)
from sklroute.persistence._allowed import class_of, value_of
from sklroute.persistence._errors import FormatError

MAX_DEPTH = 100  # of nodes in nodes
MAX_CHARACTERS = 1 << 24  # of one array of strings
SCALARS = {
    scalar.__name__.rstrip("_"): scalar
    for scalar in (
        *(np.bool_, np.float16, np.float32, np.float64),
        *(np.int8, np.int16, np.int32, np.int64),
        *(np.uint8, np.uint16, np.uint32, np.uint64),
    )
}


class Decoder:
    """Makes the values of nodes, which refer to arrays by name.

    ``stand_ins`` say what to make of the state of an object instead, by the name of its
    class.
    """

    def __init__(self, arrays: Mapping[str, NDArray], stand_ins: Mapping | None = None):
        self.arrays = arrays
        self.stand_ins = stand_ins or {}

    def value(self, node: Any, depth: int = 0) -> Any:
        """Value of a node."""
        if depth > MAX_DEPTH:
            raise FormatError(f"The file nests values more than {MAX_DEPTH} deep.")
        if node is None or type(node) in (bool, int, float, str):
            return node
        if type(node) is list:
            return [self.value(item, depth + 1) for item in node]
        if len(node) != 1:
            raise FormatError(f"A value of the file has the keys {list(node)[:5]}.")
        ((kind, content),) = node.items()
        if kind not in _KINDS:
            raise FormatError(f"The file holds a value of the unknown kind {kind!r}.")
        return _KINDS[kind](self, content, depth + 1)

    def _list(self, content, depth) -> list:
        if type(content) is not list:
            raise FormatError("The file has something else where a list belongs.")
        return self.value(content, depth)

    def _float(self, content, depth):
        if content not in ("nan", "inf", "-inf"):
            raise FormatError(f"The file has {content!r} where a number belongs.")
        return float(content)

    def _scalar(self, content, depth):
        name, value = self._list(content, depth)
        if isinstance(name, str) and name.startswith("str"):
            return np.str_(value)
        return SCALARS[name](value)

    def _tuple(self, content, depth):
        return tuple(self._list(content, depth))

    def _slice(self, content, depth):
        parts = self._list(content, depth)
        if not all(part is None or type(part) is int for part in parts):
            raise FormatError("The file has a slice that is not of integers.")
        return slice(*parts)

    def _dict(self, content, depth):
        return dict(self._list(content, depth))

    def _bunch(self, content, depth):
        return Bunch(**self._dict(content, depth))

    def _random_state(self, content, depth):
        name, keys, position, has_gauss, gauss = self._list(content, depth)
        # Compiled code reads on from the position.
        if name != "MT19937" or keys.shape != (624,) or not 0 <= position <= 624:
            raise FormatError("The file has a random state that is none.")
        state = np.random.RandomState(0)
        state.set_state((name, keys.astype(np.uint32), position, has_gauss, gauss))
        return state

    def _csr(self, content, depth, cls):
        data, indices, indptr, shape = self._list(content, depth)
        matrix = cls((data, indices, indptr), shape=shape)
        matrix.check_format(full_check=True)
        return matrix

    def _array(self, content, depth):
        return self.arrays[content]

    def _turned(self, content, depth):
        return self.arrays[content].T

    def _items(self, content, depth):
        text, shape, items = self._list(content, depth)
        dtype = np.dtype(text if isinstance(text, str) else "?")
        if dtype.kind not in "UO" or not all(type(n) is int for n in shape):
            raise FormatError(f"The file has an array of {text!r}.")
        if dtype.kind == "U":
            if dtype.itemsize // 4 * len(items) > MAX_CHARACTERS:
                raise FormatError(f"An array of strings has the type {text!r}.")
            if not all(type(item) is str for item in items):
                raise FormatError("An array of strings holds something else.")
        array = np.empty(len(items), dtype)
        for number, item in enumerate(items):  # a list in an array is one item
            array[number] = item
        return array.reshape(shape)

    def _object(self, content, depth):
        if type(content) is not list or len(content) != 2:
            raise FormatError("The file has an object without a class or a state.")
        name, state = content
        if type(state) is not dict or len(state) > MAX_ATTRIBUTES:
            raise FormatError(f"The file has no state of a {name!r}.")
        state = {key: self.value(node, depth) for key, node in state.items()}
        if isinstance(name, str) and name in self.stand_ins:
            return self.stand_ins[name](state)
        cls = class_of(name)
        if issubclass(cls, tuple):
            return cls(**state)
        if is_hooked(cls):
            return unpack_hooked(cls, state)
        return adapter_of(name).unpack(cls, state)

    def _dtype(self, content, depth):
        dtype = np.dtype(content if isinstance(content, str) else "?")
        if dtype.kind not in "biufUO" or len(content) > len("<U12345"):
            raise FormatError(f"The file has the type {content!r}.")
        return dtype

    def _name(self, content, depth):
        return value_of(content)


_KINDS = {
    "float": Decoder._float,
    "scalar": Decoder._scalar,
    "tuple": Decoder._tuple,
    "slice": Decoder._slice,
    "dict": Decoder._dict,
    "bunch": Decoder._bunch,
    "random_state": Decoder._random_state,
    "csr_array": partial(Decoder._csr, cls=csr_array),
    "csr_matrix": partial(Decoder._csr, cls=csr_matrix),
    "array": Decoder._array,
    "T": Decoder._turned,
    "items": Decoder._items,
    "dtype": Decoder._dtype,
    "object": Decoder._object,
    "name": Decoder._name,
}
