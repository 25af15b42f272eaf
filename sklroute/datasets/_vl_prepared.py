"""The prepared layout of VL-RouterBench: matrices, and what names their rows."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklroute.datasets._files import (
    identifiers,
    located,
    priced,
    read_arrays,
    read_frame,
    read_names,
    read_records,
    rows_of,
)
from sklroute.outcomes import Outcomes, check_outcomes


def load_prepared(root: Path) -> Bunch:
    """Outcomes, prompts and facts of the queries from the matrices and beside them."""
    matrices, registry = root / "data" / "matrices", root / "data" / "registry"
    meta_path = registry / "meta.parquet"
    meta = read_frame(meta_path, {"sample_id"})
    with located(meta_path):
        ids = identifiers(meta, "sample_id")
        _check_ids(ids)
    models_path = matrices / "model_names.pkl"
    quality = _read_quality(matrices / "Y.npz", meta_path, ids, registry, models_path)
    cost = _read_cost(matrices / "C.npy", meta_path, ids, models_path)
    y = Outcomes(quality, cost[list(quality)])
    with located(matrices / "Y.npz"):
        check_outcomes(y, for_fit=True)
    frame = meta.rename(columns={"sample_id": "query_id"}).assign(query_id=ids)
    text, image = _read_samples(root, ids, meta_path)
    return Bunch(
        y=y,
        frame=frame,
        text=text,
        image=image,
        estimated_costs=False,
        cost_bounds=_read_bounds(matrices / "cost_bounds.json"),
    )


def _check_ids(ids: NDArray) -> None:
    for row, name in enumerate(ids):
        if "/" not in name:
            raise ValueError(
                f"column 'sample_id', row {row}: {name!r} is not <DATASET>/<index>."
            )


def _read_quality(path, meta_path, ids, registry, models_path) -> pd.DataFrame:
    """Correctness with the rows of the meta data; negative is not run."""
    arrays = read_arrays(path)
    if "Y" not in arrays:
        raise ValueError(f"{path}: no array 'Y'; there are {list(arrays)}.")
    index_path = registry / "model_index.pkl"  # names the columns of Y, if there
    models = read_names(models_path)
    if index_path.is_file():
        models = _same_models(index_path, read_names(index_path), models_path, models)
    table = _table(path, arrays["Y"], ids, meta_path, models, models_path)
    _refuse(table > 1, table, path, "a correctness in [0, 1]")
    return table.mask(table < 0).reset_index(drop=True)


def _read_cost(path, meta_path, ids, models_path) -> pd.DataFrame:
    """Cost with the rows of the meta data."""
    if not path.is_file() and path.with_suffix(".npz").is_file():
        raise FileNotFoundError(
            f"No such file: {path} ({path.with_suffix('.npz').name} holds "
            "placeholders, not costs)"
        )
    ids_path = path.with_name("sample_ids.pkl")
    own, models = read_names(ids_path), read_names(models_path)
    table = read_arrays(path)["features"]
    table = _table(path, table, own, ids_path, models, models_path)
    _refuse((table < 0) | np.isinf(table), table, path, "a cost >= 0")
    rows = rows_of(ids_path, own, ids, meta_path)
    return priced(table.iloc[rows]).reset_index(drop=True)


def _table(path, values, ids, ids_path, models, models_path) -> pd.DataFrame:
    """A matrix with its names, having checked that they fit."""
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{path}: expected numbers, got {values.dtype}.")
    if values.shape != (len(ids), len(models)):
        raise ValueError(
            f"{path} has the shape {values.shape}; {ids_path} names {len(ids)} rows, "
            f"{models_path} {len(models)} models."
        )
    return pd.DataFrame(values.astype(float), index=ids, columns=models)


def _refuse(wrong: pd.DataFrame, table: pd.DataFrame, path: Path, wanted: str) -> None:
    """Name the first wrong value of a matrix."""
    if wrong.to_numpy().any():
        row, column = np.argwhere(wrong.to_numpy())[0]
        raise ValueError(
            f"{path}: row {row} (query {table.index[row]!r}), column {column} (model "
            f"{table.columns[column]!r}) is {table.iat[row, column]}, not {wanted}."
        )


def _same_models(path, models, other_path, other) -> list[str]:
    """The models of a file, having checked that another one has the same."""
    for names, holder, lacking in (
        (set(models) - set(other), path, other_path),
        (set(other) - set(models), other_path, path),
    ):
        if names:
            raise ValueError(
                f"The model {min(names)!r} of {holder} is not in {lacking}."
            )
    return models


def _read_samples(root: Path, ids, meta_path) -> tuple[NDArray | None, NDArray]:
    """Prompt and first image of each query."""
    image = np.full(len(ids), None, dtype=object)
    samples: dict[str, dict[str, Any]] = {}
    folder = root / "BENCHMARKS"
    for path in sorted(folder.glob("*/*_samples.jsonl")):
        for number, record in enumerate(read_records(path), start=1):
            name = record.get("sample_id")
            if not isinstance(name, str) or not isinstance(record.get("prompt"), str):
                raise ValueError(
                    f"{path}: record {number} needs the texts 'sample_id' and 'prompt'."
                )
            if name in samples:
                raise ValueError(f"{path}: the query {name!r} appears twice.")
            samples[name] = record
    if not samples:
        return None, image
    text = np.empty(len(ids), dtype=object)
    for row, name in enumerate(ids):
        if name not in samples:
            raise ValueError(
                f"{folder} has no prompt of the query {name!r} of {meta_path}."
            )
        text[row] = samples[name]["prompt"]
        image[row] = _first_image(root, samples[name])
    return text, image


def _first_image(root: Path, sample: Mapping[str, Any]) -> str | None:
    assets = sample.get("assets") or []
    files = [a["uri"] for a in assets if isinstance(a, dict) and a.get("uri")]
    return str(root / files[0]) if files else None


def _read_bounds(path: Path) -> tuple[float, float] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        low, high = float(content["cmin"]), float(content["cmax"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"{path}: expected numbers 'cmin' and 'cmax'.") from error
    if not 0 < low < high < np.inf:
        raise ValueError(f"{path}: expected 0 < cmin < cmax, got {low} and {high}.")
    return low, high
