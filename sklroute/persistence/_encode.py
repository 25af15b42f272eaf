"""From Python objects to JSON and arrays.

A node is null, a boolean, a number, a string, a list of nodes, or an object with one
key that says what the node is. Arrays of numbers stand beside the JSON, by name.
"""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import Bunch

from sklroute.persistence._adapters import adapter_of, is_hooked
from sklroute.persistence._allowed import name_of_class, name_of_value
from sklroute.persistence._errors import FormatError


class Encoder:
    """Collects the arrays while nodes are made.

    Attributes
    ----------
    arrays : dict of str to ndarray
        C-ordered arrays of numbers. One array that occurs twice is written once.
    """

    def __init__(self):
        self.arrays: dict[str, NDArray] = {}
        self._names: dict[int, str] = {}
        self._alive: list[NDArray] = []  # an id is unique only while its object lives

    def node(self, value: Any, where: str) -> Any:
        """Node of a value; ``where`` says what it is in the error of a refusal."""
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if type(value) is list:
            return self._items(value, where)
        plain = _PLAIN.get(type(value))
        if plain is not None:
            return plain(self, value, where)
        if isinstance(value, np.generic):
            return {"scalar": [value.dtype.name, self.node(value.item(), where)]}
        if isinstance(value, BaseSearchCV):
            best = getattr(value, "best_estimator_", value.estimator)
            return self.node(best, where)
        if isinstance(value, np.dtype) and value.kind in "biufUO":
            return {"dtype": value.str}
        name = name_of_value(value)
        return {"name": name} if name else self._object(value, where)

    def _items(self, values, where) -> list:
        return [self.node(v, f"{where}[{i}]") for i, v in enumerate(values)]

    def _tuple(self, value, where):
        if len(value) > 1 and isinstance(value[0], str):
            where = f"{where} {value[0]!r}"  # a step of a pipeline and the like
        return {"tuple": self._items(value, where)}

    def _slice(self, value, where):
        return {"slice": self._items([value.start, value.stop, value.step], where)}

    def _pairs(self, value, where):
        return [
            [self.node(k, where), self.node(v, f"{where}[{k!r}]")]
            for k, v in value.items()
        ]

    def _dict(self, value, where):
        return {"dict": self._pairs(value, where)}

    def _bunch(self, value, where):
        return {"bunch": self._pairs(value, where)}

    def _random_state(self, value, where):
        return {"random_state": self._items(value.get_state(legacy=True), where)}

    def _csr(self, value, where):
        parts = [value.data, value.indices, value.indptr, tuple(value.shape)]
        return {type(value).__name__: self._items(parts, where)}

    def _array(self, value, where):
        if value.dtype.kind in "UO":
            items = self._items(value.ravel().tolist(), where)
            return {"items": [value.dtype.str, list(value.shape), items]}
        if value.dtype.kind not in "biuf" or value.dtype.itemsize > 8:
            raise FormatError(f"{where} is an array of {value.dtype}.")
        # Products of a transposed matrix round differently: its order is kept.
        turned = value.flags.f_contiguous and not value.flags.c_contiguous
        return {"T" if turned else "array": self._name(value, turned)}

    def _name(self, value: NDArray, turned: bool) -> str:
        if id(value) not in self._names:
            name = self._names[id(value)] = f"a{len(self.arrays)}"
            self._alive.append(value)
            native = value.astype(value.dtype.newbyteorder("="), copy=False)
            table = native.T if turned else native
            # A number in an array keeps its shape (), too.
            self.arrays[name] = np.ascontiguousarray(table).reshape(table.shape)
        return self._names[id(value)]

    def _object(self, value, where):
        cls = type(value)
        name = name_of_class(cls)
        here = f"{where} ({cls.__module__}.{cls.__qualname__})"
        if name is None:
            hint = (
                "A class as a value is not; such a router can be pickled."
                if isinstance(value, type)
                else "A class of your own can be allowed by "
                "sklroute.persistence.register."
            )
            raise FormatError(
                f"{here} cannot be saved: it is not among the classes and values that "
                f"a file may hold. {hint}"
            )
        if issubclass(cls, tuple):
            state = value._asdict()
        elif is_hooked(cls):
            state = value.__getstate__()
        elif dataclasses.is_dataclass(cls):
            state = {f.name: getattr(value, f.name) for f in dataclasses.fields(cls)}
        else:
            try:
                state = adapter_of(name).pack(value)
            except FormatError as error:
                raise FormatError(f"{here} cannot be saved: {error}.") from error
        return {
            "object": [
                name,
                {k: self.node(v, f"{here}.{k}") for k, v in state.items()},
            ]
        }


_PLAIN = {
    tuple: Encoder._tuple,
    slice: Encoder._slice,
    dict: Encoder._dict,
    Bunch: Encoder._bunch,
    np.ndarray: Encoder._array,
    np.random.RandomState: Encoder._random_state,
    csr_array: Encoder._csr,
    csr_matrix: Encoder._csr,
}
