"""From the fields of a request to the arrays that a router takes."""

import base64
import binascii
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklroute.server._errors import RequestError
from sklroute.server._requests import RouteRequest
from sklroute.server._served import Served
from sklroute.serving import CompiledRouter

MAX_PIXELS = 25_000_000  # a picture of a few kB can unfold to gigabytes


def count_queries(request: RouteRequest, served: Served, max_queries: int) -> int:
    """Number of queries of a request, which has the field that the router takes.

    A `RequestError` has the status 422 if the field is missing, the other one is given,
    it is empty, or ``ids`` has another length or repeats one; 413 if there are too
    many.
    """
    wanted, other = "features", "queries"
    if served.columns is not None:
        wanted, other = other, wanted
    rows = getattr(request, wanted)
    if getattr(request, other) is not None or rows is None:
        expected = (
            f"{served.router.n_features_in_} numbers a row"
            if served.columns is None
            else f"objects with the keys {list(served.columns)}"
        )
        raise RequestError(422, f"{wanted}: this router takes {wanted}, {expected}.")
    if not rows:
        raise RequestError(422, f"{wanted}: there is no row.")
    if len(rows) > max_queries:
        raise RequestError(
            413, f"{wanted}: {len(rows)} rows; one request may have {max_queries}."
        )
    _check_ids(request.ids, len(rows), wanted)
    return len(rows)


def read_queries(request: RouteRequest, served: Served) -> Any:
    """Queries as the router takes them: an array, a DataFrame or a list of texts.

    A `RequestError` of status 422 names the row that has another length or an unknown
    key, or whose picture is not base64 of one that is small enough.
    """
    if served.columns is not None:
        return _read_table(request.queries, served)
    width = served.router.n_features_in_
    for row, values in enumerate(request.features):
        if len(values) != width:
            raise RequestError(
                422, f"features, row {row}: {len(values)} numbers, expected {width}."
            )
    X = np.array(request.features, dtype=float)  # None becomes NaN
    names = served.feature_names
    if names is None or isinstance(served.router, CompiledRouter):
        return X  # which looks at no names
    return pd.DataFrame(X, columns=names)


def read_available(
    names: list[Any] | None, n_queries: int, served: Served
) -> NDArray[np.bool_] | None:
    """Mask of the models that may be called, (n_queries, n_models); None allows all.

    Names are given for all queries, or a list for each. A `RequestError` of status 422
    names the row if the length is wrong or a name unknown.
    """
    if names is None:
        return None
    if not any(isinstance(item, list) for item in names):
        mask = np.zeros(len(served.names), dtype=bool)
        mask[_columns_of(names, "available", served)] = True
        return np.tile(mask, (n_queries, 1))
    if len(names) != n_queries:
        raise RequestError(
            422, f"available: {len(names)} lists of names for {n_queries} queries."
        )
    mask = np.zeros((n_queries, len(served.names)), dtype=bool)
    for row, models in enumerate(names):
        if not isinstance(models, list):
            raise RequestError(
                422, f"available, row {row}: expected a list of names, as elsewhere."
            )
        mask[row, _columns_of(models, f"available, row {row}", served)] = True
    return mask


def read_costs(costs: dict[str, float] | None, served: Served) -> dict[int, float]:
    """Prices by the model's column; a name that is unknown is a `RequestError`."""
    if not costs:
        return {}
    return dict(
        zip(_columns_of(list(costs), "costs", served), costs.values(), strict=True)
    )


def _check_ids(ids: list[str] | None, n_queries: int, field: str) -> None:
    if ids is None:
        return
    if len(ids) != n_queries:
        raise RequestError(
            422, f"ids: {len(ids)} for {n_queries} rows of {field}; give one a row."
        )
    seen: set[str] = set()
    for row, name in enumerate(ids):
        if name in seen:
            raise RequestError(422, f"ids, row {row}: {name!r} appears twice.")
        seen.add(name)


def _columns_of(models: list[Any], place: str, served: Served) -> list[int]:
    for name in models:
        if not isinstance(name, str) or name not in served.names:
            raise RequestError(
                422,
                f"{place}: {name!r} is not one of the models {list(served.names)}.",
            )
    return [served.names[name] for name in models]


# -- texts and pictures ----------------------------------------------------------------


def _read_table(queries: list[dict[str, str | None]], served: Served) -> Any:
    for row, query in enumerate(queries):
        unknown = [name for name in query if name not in served.columns]
        if unknown:
            raise RequestError(
                422,
                f"queries, row {row}: there is no {unknown[0]!r}; this router reads "
                f"{list(served.columns)}.",
            )
    table = {
        name: [
            _cell(query.get(name), reads, f"queries, row {row}, {name!r}")
            for row, query in enumerate(queries)
        ]
        for name, reads in served.columns.items()
    }
    if not served.texts_only:
        return table
    (texts,) = table.values()
    if None in texts:
        raise RequestError(422, f"queries, row {texts.index(None)}: there is no text.")
    return texts


def _cell(cell: str | None, reads: str | None, place: str) -> str | bytes | None:
    """A text as it is; a picture as bytes, never as the path of a file of ours."""
    if cell is None or reads != "image":
        return cell
    try:
        content = base64.b64decode(cell, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError(422, f"{place}: not base64: {error}.") from error
    _check_size(content, place)
    return content


def _check_size(content: bytes, place: str) -> None:
    from PIL import Image

    try:
        with Image.open(BytesIO(content)) as image:
            width, height = image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RequestError(422, f"{place}: not a picture: {error}") from error
    if width * height > MAX_PIXELS:
        raise RequestError(
            422,
            f"{place}: {width} x {height} pixels; a picture may have {MAX_PIXELS}.",
        )
