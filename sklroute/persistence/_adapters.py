"""Objects that are written otherwise than attribute by attribute.

An adapter has two functions: from an object to the state that is written, and from a
class and a state that was read to an object. Compiled code of scikit-learn trusts the
attributes that it is given: here they are checked before it sees them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from sklroute.persistence._errors import FormatError

State = dict[str, Any]
# Twenty thousand attributes of one object are no router.
MAX_ATTRIBUTES = 20_000


class Adapter(NamedTuple):
    """How objects of one class are written and read."""

    pack: Callable[[Any], State]
    unpack: Callable[[type, State], Any]


def unpack_plain(cls: type, state: State) -> Any:
    """An object with the given attributes; its constructor is not called."""
    _check_names(cls, state)
    if "n_jobs" in state:
        state = {**state, "n_jobs": None}  # a file starts no processes
    obj = cls.__new__(cls)
    for name, value in state.items():
        object.__setattr__(obj, name, value)
    return obj


def _check_names(cls: type, state: State) -> None:
    """Refuse attributes that would hide a method or anything private to Python."""
    for name in state:
        own = getattr(cls, name, None)
        hides = callable(own) or isinstance(own, property)
        if not name.isidentifier() or name.startswith("__") or hides:
            raise FormatError(f"{cls.__name__} has no attribute {name!r} to be set.")


def _without(*names: str) -> Callable[[Any], State]:
    """All attributes but these."""

    def pack(obj: Any) -> State:
        return {name: v for name, v in vars(obj).items() if name not in names}

    return pack


def _params_and(*names: str) -> Callable[[Any], State]:
    def pack(obj: Any) -> State:
        fitted = {name: getattr(obj, name) for name in names if hasattr(obj, name)}
        return {"params": obj.get_params(deep=False), "fitted": fitted}

    return pack


def _new(cls: type, state: State) -> Any:
    """A new object of parameters that its own constraints allow."""
    params = dict(state["params"])
    if "n_jobs" in params:
        params["n_jobs"] = None
    obj = cls(**params)
    obj._validate_params()
    return obj


def _unpack_neighbors(cls: type, state: State) -> Any:
    """Search again: the index is made from its points, whatever its kind."""
    search = _new(cls, state)
    return search.fit(state["fitted"]["_fit_X"]) if state["fitted"] else search


def _unpack_knn(cls: type, state: State) -> Any:
    obj = unpack_plain(cls, state)
    if "neighbors_" not in state:  # not fitted: a part of another router
        return obj
    n_points = len(obj.neighbors_._fit_X)
    # Compiled code adds up rows of cells by the number of a point.
    if any(len(part) != n_points for part in (obj._cells, obj._copies, obj._first)):
        raise FormatError("KNNRouter: points, cells and copies do not match.")
    return obj


def _unpack_kmeans(cls: type, state: State) -> Any:
    means, fitted = _new(cls, state), state["fitted"]
    if not fitted:
        return means
    centres = fitted["cluster_centers_"]
    # Compiled code reads these as C-ordered, of as many columns as the queries.
    if centres.ndim != 2 or centres.dtype not in (np.float32, np.float64):
        raise FormatError(f"KMeans has centres {centres.shape} of {centres.dtype}.")
    means.cluster_centers_ = np.ascontiguousarray(centres)
    means.inertia_, means.n_iter_ = fitted["inertia_"], fitted["n_iter_"]
    means._n_features_out, means.n_features_in_ = centres.shape
    means._n_threads = 1  # of the machine that it was fitted on, otherwise
    if fitted["n_features_in_"] != centres.shape[1] or not len(centres):
        raise FormatError("KMeans: centres and features do not match.")
    return means


def _unpack_pipeline(cls: type, state: State) -> Any:
    obj = unpack_plain(cls, {**state, "memory": None})
    names = [name for name, _ in obj.steps]
    if not obj.steps or not all(isinstance(name, str) for name in names):
        raise FormatError("A pipeline has no steps, or a step has no name.")
    return obj


def _pack_function(obj: Any) -> State:
    if obj.func is not None or obj.inverse_func is not None:
        raise FormatError("a FunctionTransformer with a function of its own is code")
    return dict(vars(obj))


def _pack_text(obj: Any) -> State:
    state = {**vars(obj), "vocabulary_": list(obj.vocabulary_.items())}
    _check_text(state)
    return state


def _check_text(state: State) -> None:
    given = [n for n in ("tokenizer", "preprocessor") if state[n] is not None]
    if given or callable(state["analyzer"]):
        raise FormatError("a TfidfVectorizer with functions of its own is code")
    if state["input"] != "content":
        raise FormatError("a TfidfVectorizer that opens files, whatever is asked")


def _unpack_text(cls: type, state: State) -> Any:
    _check_text(state)
    words, columns = zip(*state["vocabulary_"], strict=True)
    # Compiled code adds up columns by number.
    if sorted(map(int, columns)) != list(range(len(words))):
        raise FormatError("TfidfVectorizer: the vocabulary does not number its words.")
    if state["token_pattern"] != cls().token_pattern:
        raise FormatError("TfidfVectorizer: only the default token_pattern is read.")
    obj = unpack_plain(cls, {**state, "vocabulary_": dict(state["vocabulary_"])})
    if obj._tfidf.idf_.shape != (len(words),):
        raise FormatError("TfidfVectorizer: vocabulary and weights do not match.")
    return obj


def _pack_clip(obj: Any) -> State:
    _check_clip(obj.model_name)
    return _without("cache", "encoders_")(obj)


def _check_clip(model_name: Any) -> None:
    """Refuse a model whose settings come from elsewhere: they may name code to run."""
    if str(model_name).startswith("hf-hub:"):
        raise FormatError(
            f"a ClipFeaturizer of {model_name!r} downloads its settings: fetch the "
            "model into a folder, and name that by 'local-dir:'"
        )


def _unpack_clip(cls: type, state: State) -> Any:
    """The weights are not in the file; they are found by their name when needed."""
    _check_clip(state["model_name"])
    obj = unpack_plain(cls, {**state, "cache": None})
    obj._validate_params()
    obj.encoders_ = obj._make_encoders()
    if set(obj.modalities_) != set(obj.encoders_):
        raise FormatError("ClipFeaturizer: blocks and encoders do not match.")
    if "probe_" in state:  # older files have none
        block, probe = obj.modalities_["text"], np.asarray(state["probe_"])
        width = block.stop - block.start
        if probe.dtype != np.float32 or probe.shape != (width,):
            raise FormatError("ClipFeaturizer: blocks and probe do not match.")
    obj._bind_encoders()
    return obj


def _unpack_multimodal(cls: type, state: State) -> Any:
    obj = unpack_plain(cls, {**state, "cache": None})
    obj._validate_params()
    if list(obj.modalities_) != list(obj.encoders_):
        raise FormatError("MultimodalFeaturizer: blocks and encoders do not match.")
    return obj


def is_hooked(cls: type) -> bool:
    """Whether a class, or one that it is made of, says itself what its state is."""
    own = getattr(cls, "__setstate__", None)
    return own not in (None, BaseEstimator.__setstate__)


def unpack_hooked(cls: type, state: State) -> Any:
    """An object of such a class."""
    _check_names(cls, state)
    obj = cls.__new__(cls)
    obj.__setstate__(state)
    return obj


_PLAIN = Adapter(_without(), unpack_plain)
_PIPELINE = Adapter(_without("memory"), _unpack_pipeline)
ADAPTERS = {
    "sklearn.cluster.KMeans": Adapter(
        _params_and("cluster_centers_", "inertia_", "n_iter_", "n_features_in_"),
        _unpack_kmeans,
    ),
    "sklearn.feature_extraction.text.TfidfVectorizer": Adapter(
        _pack_text, _unpack_text
    ),
    "sklearn.neighbors.NearestNeighbors": Adapter(
        _params_and("_fit_X"), _unpack_neighbors
    ),
    "sklearn.neural_network.MLPRegressor": Adapter(
        _without("_optimizer", "_best_coefs", "_best_intercepts"), unpack_plain
    ),
    "sklearn.pipeline.Pipeline": _PIPELINE,
    "sklearn.preprocessing.FunctionTransformer": Adapter(_pack_function, unpack_plain),
    "sklroute.baselines.KNNRouter": Adapter(_without(), _unpack_knn),
    "sklroute.features.ClipFeaturizer": Adapter(_pack_clip, _unpack_clip),
    "sklroute.features.MultimodalFeaturizer": Adapter(
        _without("cache"), _unpack_multimodal
    ),
    "sklroute.pipeline.RouterPipeline": _PIPELINE,
}


def adapter_of(name: str) -> Adapter:
    """The adapter of a class, by the name under which it is written."""
    return ADAPTERS.get(name, _PLAIN)
