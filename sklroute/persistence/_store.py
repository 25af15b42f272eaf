"""Save a router, load a router."""

import os
import warnings
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
from sklearn.utils.validation import check_is_fitted

from sklroute.persistence._adapters import unpack_hooked
from sklroute.persistence._allowed import class_of
from sklroute.persistence._decode import Decoder
from sklroute.persistence._encode import Encoder
from sklroute.persistence._errors import DEFECTS, FormatError
from sklroute.persistence._file import from_bytes, to_bytes, write_atomically

FORMAT = 1  # raised when files can no longer be read by what reads them now
MAX_FEATURES = 1_000_000


def save(router: Any, path: str | os.PathLike) -> None:
    """Write a fitted router into one file that runs no code when it is read.

    The file is written beside its destination and then moved there: whoever reads
    the path at that moment finds the old router or the new one.

    Parameters
    ----------
    router : router or RouterPipeline
        A fitted router of the library, or a pipeline of supported steps that ends in
        one; `sklroute.pipeline.as_router` makes one of a `Pipeline` or of a search.
    path : path-like
        Where to write; by custom ``router.sklroute``.

    Raises
    ------
    FormatError
        If it is not such a router, or a part cannot be saved. The message names the
        step and the class.
    NotFittedError
        If the router is not fitted.

    See Also
    --------
    load : Read it again.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import sklroute
    >>> from sklroute.datasets import make_routing
    >>> data = make_routing(n_queries=300, random_state=0)
    >>> router = sklroute.RidgeRouter().fit(data.X, data.y)
    >>> with TemporaryDirectory() as folder:
    ...     router.save(Path(folder) / "router.sklroute")
    ...     again = sklroute.load(Path(folder) / "router.sklroute")
    >>> bool((again.predict_quality(data.X) == router.predict_quality(data.X)).all())
    True
    """
    if not hasattr(type(router), "predict_quality"):
        raise FormatError(
            f"A {type(router).__name__} cannot be saved as it is: save what "
            "sklroute.pipeline.as_router makes of it."
        )
    if not hasattr(router, "fit"):
        raise FormatError(
            f"A {type(router).__name__} cannot be saved: save the router that it was "
            "compiled from, and load that with compiled=True."
        )
    check_is_fitted(router)
    encoder = Encoder()
    root = encoder.node(router, type(router).__name__)
    document = {
        "format": FORMAT,
        "versions": _versions(),
        "models": encoder.node(router.classes_, "classes_"),
        "features": encoder.node(getattr(router, "feature_names_in_", None), "names"),
        "router": root,
    }
    write_atomically(Path(path), to_bytes(document, encoder.arrays))


def load(path: str | os.PathLike, *, compiled: bool = False) -> Any:
    """Read a router from a file, running no code of it.

    Names of classes are looked up in a fixed list, nothing is evaluated or
    unpickled, and the router must predict one query before it is handed out.

    Parameters
    ----------
    path : path-like
        A file that `save` has written.
    compiled : bool, default=False
        Whether to return the router compiled, see `RouterMixin.compile`. Torch is
        then not imported.

    Returns
    -------
    router : router, RouterPipeline or CompiledRouter
        As it was saved.

    Raises
    ------
    FormatError
        If the file is not one of a router, is damaged, was written by a newer
        version of the format, or holds anything that is not allowed.
    OSError
        If the file cannot be read.

    Warns
    -----
    UserWarning
        If it was written with another minor version of scikit-learn, whose fitted
        estimators may have changed.

    See Also
    --------
    save : Write it.
    """
    document, arrays = from_bytes(Path(path).read_bytes())
    try:
        return _read(document, arrays, compiled)
    except FormatError:
        raise
    except DEFECTS as error:
        raise FormatError(
            f"The file does not describe a router: {type(error).__name__}: {error}"
        ) from error


def _read(document, arrays, compiled) -> Any:
    _check_format(document)
    decoder = Decoder(arrays, _stand_ins() if compiled else None)
    router = decoder.value(document["router"])
    # What the values of a file warn of is no news to whoever reads it.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        _check_router(router, compiled)
        if compiled:
            router = _compile(router)
        _check_prediction(router)
    _warn_of_version(document["versions"])
    return router


def _check_format(document: Any) -> None:
    if not isinstance(document, dict) or type(document.get("format")) is not int:
        raise FormatError("The file does not say in which format it is.")
    number = document["format"]
    if number > FORMAT:
        raise FormatError(
            f"The file has format {number}, written by sklroute "
            f"{document.get('versions', {}).get('sklroute', '?')}; this version reads "
            f"formats up to {FORMAT}. Update sklroute to read it."
        )
    if number < 1:
        raise FormatError(f"The file has format {number}, which never was.")


def _stand_ins() -> dict[str, Any]:
    """What is made of a latent router and its parts where torch is not wanted."""
    stored = class_of("sklroute.stored._StoredLatentRouter")
    return {
        "sklroute.latent.LatentRouterClassifier": partial(unpack_hooked, stored),
        "sklroute.latent._blend.Blend": lambda s: (s["shared"], s["relative"]),
        "sklroute.latent._profiles.ProfileEncoder": lambda state: None,
    }


def _check_router(router: Any, compiled: bool) -> None:
    kinds = ("predict_quality", "predict", "classes_")
    missing = [name for name in kinds if not hasattr(router, name)]
    if missing:
        raise FormatError(f"The file holds a {type(router).__name__}, not a router.")
    if not compiled:
        router._validate_params()


def _compile(router: Any) -> Any:
    try:
        return router.compile()
    except TypeError as error:  # says which part has no such form
        raise FormatError(f"The router cannot be loaded compiled: {error}") from error


def _check_prediction(router: Any) -> None:
    """Route one query of zeros: parts that do not fit each other show up here."""
    if hasattr(router, "steps") and hasattr(router.steps[0][1], "encoders_"):
        router = router[1:]  # pictures and texts would ask for weights
    models = router.classes_
    if not isinstance(models, np.ndarray) or models.ndim != 1 or not len(models):
        raise FormatError("The file has no models.")
    quality = router.predict_quality(zero_query(router))
    if quality.shape != (1, len(models)):
        raise FormatError(
            f"The router predicts {quality.shape[1]} models, and names {len(models)}."
        )
    if not ((quality >= 0) & (quality <= 1)).all():
        raise FormatError("The router predicts a quality outside [0, 1].")


def zero_query(router: Any) -> Any:
    """One query of zeros, or an empty text, as the router takes it."""
    n_features = getattr(router, "n_features_in_", None)
    if n_features is None:
        return [""]  # a pipeline that starts with texts
    if type(n_features) is not int or not 1 <= n_features <= MAX_FEATURES:
        raise FormatError(f"The router has n_features_in_={n_features!r}.")
    names = getattr(router, "feature_names_in_", None)
    X = np.zeros((1, n_features))
    if names is None:
        return X
    import pandas as pd

    return pd.DataFrame(X, columns=names)


def _versions() -> dict[str, str]:
    return {
        "sklroute": version("sklroute"),
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }


def _warn_of_version(versions: Any) -> None:
    written = str(versions.get("scikit-learn", "?"))
    if written.split(".")[:2] != sklearn.__version__.split(".")[:2]:
        warnings.warn(
            f"The router was saved with scikit-learn {written}, this is "
            f"{sklearn.__version__}.",
            stacklevel=4,
        )
