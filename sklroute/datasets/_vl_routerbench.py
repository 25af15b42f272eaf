"""VL-RouterBench: vision-language models on fourteen data sets."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklroute.datasets._files import block_columns, check_file, read_records, rows_of
from sklroute.datasets._table import IDS, read_blocks
from sklroute.datasets._vl_prepared import load_prepared
from sklroute.datasets._vl_raw import EVALUATION, load_raw

SPLITS, MODALITIES = ("train", "dev", "test"), ("text", "vision")
FAMILIES = {
    "general": (
        "HallusionBench",
        "InfoVQA",
        "MMBench",
        "MMMU",
        "MMStar",
        "RealWorldQA",
    ),
    "stem": ("AI2D", "MathVerse", "MathVision", "MathVista"),
    "charts_ocr": ("ChartQA", "DocVQA", "OCRBench", "TextVQA"),
}


def load_vl_routerbench(
    path: str | PathLike,
    *,
    embeddings: Mapping[str, str] | None = None,
    prices: Mapping[str, tuple[float, float]] | None = None,
) -> Bunch:
    """Load VL-RouterBench: which vision-language model answers which query right.

    The raw archive is the data set ``KinghtH/VL-RouterBench`` on the Hugging Face
    hub; the benchmark's own scripts make the prepared layout from it. Neither is
    downloaded or unpacked here. The folder tells which one it is:

    - *Prepared*: ``data/matrices/Y.npz`` (correctness, rows as in
      ``data/registry/meta.parquet``; a negative entry is an answer that was not
      run), ``data/matrices/C.npy`` (USD, rows as in ``sample_ids.pkl``, columns as
      in ``model_names.pkl`` beside it), ``SPLITS/{train,dev,test}.jsonl`` and, where
      there are any, ``BENCHMARKS/<task>/<dataset>_samples.jsonl`` (prompts and
      images) and ``EMBEDDINGS/{text,vision}/<encoder>.parquet``.
    - *Raw*: ``vlm_router_data/VLMEvalKit_evaluation/<model>/<model>_<DATASET>*.xlsx``
      and perhaps ``TSV_images``, which `load_vl_routerbench_images` reads. It has no
      costs: they are estimated as the price list times the words and punctuation
      marks of question and answer, without the image. That ranks models but is not
      the unit of published results.

    Everything is matched by ``sample_id`` (``<DATASET>/<index>``) and by the name of
    the model, nothing by position. A cost of 0 is unknown. Pickles are read by an
    unpickler that admits lists of str only.

    Parameters
    ----------
    path : path-like
        The folder that holds ``data`` or ``vlm_router_data``.
    embeddings : dict of str to str, default=None
        Encoder to read of each modality, e.g. ``{"text": "bge-m3", "vision":
        "dinov2-base"}``. None reads the one there is of each modality.
    prices : dict of str to (float, float), default=None
        USD per million input and output tokens of further models, by the name of
        their folder. Of the raw layout only.

    Returns
    -------
    data : Bunch
        y : Outcomes
            Correctness and costs in USD.
        X : ndarray of float32, of shape (n_queries, n_features), or None
            Embeddings side by side; None without any.
        modalities : dict of str to slice, or None
            Columns of ``X`` by modality.
        text : ndarray of str, of shape (n_queries,), or None
            The prompts; None without ``BENCHMARKS``.
        image : ndarray of object, of shape (n_queries,)
            Path of each query's first image file, or None.
        task, family : ndarray of str, of shape (n_queries,)
            Data set of each query, and its group: "general", "stem" or
            "charts_ocr" ("other" for further data sets).
        splits : dict of str to ndarray of int, or None
            Rows of "train", "dev" and "test"; None without ``SPLITS``.
        cost_bounds : (float, float) or None
            Bounds of the rank score in USD a query, from ``cost_bounds.json``.
        estimated_costs : bool
            Whether the costs are the estimates of the raw layout.
        frame : DataFrame of n_queries rows
            ``query_id`` (that is ``sample_id``) and other facts of the queries.
        path : Path
            The folder.

    Raises
    ------
    FileNotFoundError
        If a file that the layout needs is not there.
    ValueError
        If a file is not what the layout says, or files do not belong together. The
        message names the file and the row, query or model.

    References
    ----------
    Z. Huang et al., "VL-RouterBench: A Benchmark for Vision-Language Model Routing",
    arXiv:2512.23562.
    """
    path = Path(path)
    roots = path / "vlm_router_data", path
    unknown = sorted(set(embeddings or {}) - set(MODALITIES))
    if unknown:
        raise ValueError(
            f"embeddings has the modality {unknown[0]!r}; there are {MODALITIES}."
        )
    if (path / "data" / "matrices").is_dir():
        if prices is not None:
            raise ValueError(f"{path} has costs of its own: prices have no effect.")
        data = load_prepared(path)
    elif raw := next((p for p in roots if (p / EVALUATION).is_dir()), None):
        data = load_raw(raw, dict(prices or {}))
    else:
        raise FileNotFoundError(
            f"{path} has neither data/matrices (prepared layout) nor "
            f"vlm_router_data/{EVALUATION} (raw layout)."
        )
    data.path = path
    data.task = np.array([n.split("/")[0] for n in data.frame["query_id"]], object)
    data.family = np.array([_family(task) for task in data.task], dtype=object)
    data.splits = _read_splits(path / "SPLITS", data.frame["query_id"])
    data.X, data.modalities = _read_embeddings(path / "EMBEDDINGS", data, embeddings)
    return data


def _family(dataset: str) -> str:
    for family, prefixes in FAMILIES.items():
        if dataset.startswith(prefixes):
            return family
    return "other"


def _read_splits(folder: Path, ids: pd.Series) -> dict[str, NDArray] | None:
    if not folder.is_dir():
        return None
    row_of = {name: row for row, name in enumerate(ids)}
    taken: dict[str, str] = {}
    splits = {}
    for split in SPLITS:
        path = folder / f"{split}.jsonl"
        records = read_records(check_file(path))
        rows = []
        for number, record in enumerate(records, start=1):
            name = record.get("sample_id")
            if name not in row_of:
                raise ValueError(
                    f"{path}: record {number}: there is no query {name!r}."
                )
            if name in taken:
                raise ValueError(
                    f"{path}: record {number}: the query {name!r} is in "
                    f"{taken[name]} already."
                )
            taken[name] = path.name
            rows.append(row_of[name])
        if not rows:
            raise ValueError(f"{path}: the split is empty.")
        splits[split] = np.array(rows)
    return splits


def _read_embeddings(folder: Path, data: Bunch, chosen: Mapping[str, str] | None):
    """Blocks side by side, and the columns of each."""
    parts = {}
    for modality in MODALITIES:
        path = _encoder(folder / modality, (chosen or {}).get(modality))
        if path is None:
            continue
        blocks, ids = read_blocks(path, ["sample_id", *IDS])
        if ids is None:
            raise ValueError(f"{path}: no column 'sample_id' names the rows.")
        block = np.hstack(list(blocks.values()))
        rows = rows_of(path, ids, data.frame["query_id"], data.path)
        parts[modality] = block[rows]
    if not parts:
        return None, None
    return np.hstack(list(parts.values())), block_columns(parts)


def _encoder(folder: Path, name: str | None) -> Path | None:
    if name is not None:
        return check_file(folder / f"{name}.parquet")
    files = sorted(folder.glob("*.parquet"))
    if len(files) > 1:
        raise ValueError(
            f"{folder} has several encoders, {[file.stem for file in files]}: say "
            f"which with embeddings={{{folder.name!r}: ...}}."
        )
    return files[0] if files else None
