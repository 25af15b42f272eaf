"""What a file may name: classes and functions, by a fixed list of qualified names.

A name out of a file is looked up here and nowhere else; a module is imported only
because it stands in this list.
"""

import sys
from importlib import import_module
from typing import Any

from sklroute.persistence._errors import FormatError

CLASSES = {
    "sklroute.baselines": [
        "AverageRouter",
        "ClusterRouter",
        "FixedRouter",
        "KNNRouter",
        "KernelRouter",
        "LogisticRouter",
        "MLPRouter",
        "RandomRouter",
        "RidgeRouter",
    ],
    "sklroute.features": [
        "BlockScaler",
        "ClipFeaturizer",
        "MultimodalFeaturizer",
        "TaskEncoder",
        "TextEmbedder",
    ],
    "sklroute.guard": ["GuardedRouter"],
    "sklroute.latent": ["LatentRouterClassifier"],
    "sklroute.latent._blend": ["Blend"],
    "sklroute.latent._profiles": ["ProfileEncoder"],
    "sklroute.pipeline": ["RouterPipeline"],
    "sklroute.pool._basis": ["Basis"],
    "sklroute.pool._belief": ["Belief"],
    "sklroute.pool._pool": ["Pool"],
    "sklroute.stored": ["_StoredLatentRouter"],
    "sklroute.policies": [
        "Budget",
        "CheapestAbove",
        "MaxUtility",
        "RiskAverse",
        "Thompson",
        "UCB",
    ],
    "sklearn.cluster": ["KMeans"],
    "sklearn.compose": ["ColumnTransformer"],
    "sklearn.decomposition": ["PCA", "TruncatedSVD"],
    "sklearn.feature_extraction.text": ["TfidfTransformer", "TfidfVectorizer"],
    "sklearn.feature_selection": [
        "SelectKBest",
        "SelectPercentile",
        "VarianceThreshold",
    ],
    "sklearn.impute": ["SimpleImputer"],
    "sklearn.linear_model": ["LogisticRegression"],
    "sklearn.neighbors": ["NearestNeighbors"],
    "sklearn.neural_network": ["MLPRegressor"],
    "sklearn.pipeline": ["FeatureUnion", "Pipeline"],
    "sklearn.preprocessing": [
        "FunctionTransformer",
        "MaxAbsScaler",
        "MinMaxScaler",
        "Normalizer",
        "RobustScaler",
        "StandardScaler",
    ],
}
# Written by name alone: parameters that are functions or types.
VALUES = {
    "numpy": ["float32", "float64", "int64"],
    "sklearn.feature_selection": [
        "chi2",
        "f_classif",
        "f_regression",
        "mutual_info_classif",
        "mutual_info_regression",
    ],
    "torch.optim": ["Adam", "AdamW", "SGD"],
}

_registered: dict[str, type] = {}


def register(kind: type) -> type:
    """Allow a class of your own in files: a policy, a router, a transformer.

    Its attributes must be what the format holds: numbers, strings, arrays, lists,
    tuples, dictionaries and other allowed objects. Without the same call before
    `sklroute.load`, a file that names the class is refused.

    Parameters
    ----------
    kind : type
        A class at the top level of an importable module.

    Returns
    -------
    kind : type
        The same, so that this is a decorator.

    Examples
    --------
    >>> from sklroute.persistence import register
    >>> from sklroute.policies import MaxUtility
    >>> @register
    ... class Frugal(MaxUtility):
    ...     pass
    """
    _registered[f"{kind.__module__}.{kind.__qualname__}"] = kind
    return kind


def name_of_class(cls: type) -> str | None:
    """The name under which objects of a class are written; None = not allowed."""
    name = f"{cls.__module__}.{cls.__qualname__}"
    return name if _registered.get(name) is cls else _name_of(cls, CLASSES)


def class_of(name: Any) -> type:
    """The class that a file names."""
    if isinstance(name, str) and name in _registered:
        return _registered[name]
    return _find(name, CLASSES)


def name_of_value(value: Any) -> str | None:
    """The name of a function or type that may be a parameter; None = not allowed."""
    return _name_of(value, VALUES)


def value_of(name: Any) -> Any:
    """The function or type that a file names."""
    return _find(name, VALUES)


def _name_of(value: Any, table: dict[str, list[str]]) -> str | None:
    name = getattr(value, "__name__", None)
    for module, names in table.items():
        # An object whose module was never imported does not exist.
        if name in names and module in sys.modules:
            found = vars(sys.modules[module]).get(name)
            if found is value:
                return f"{module}.{name}"
    return None


def _find(name: Any, table: dict[str, list[str]]) -> Any:
    module, _, last = name.rpartition(".") if isinstance(name, str) else ("", "", "")
    if last not in table.get(module, ()):
        raise FormatError(f"The file names {name!r}, which is not allowed in a file.")
    return getattr(import_module(module), last)
