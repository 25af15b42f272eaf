"""The raw layout of VL-RouterBench: a workbook per model and data set."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from sklroute.datasets._files import (
    check_file,
    located,
    need_distinct,
    need_values,
    numbers,
    priced,
)
from sklroute.outcomes import Outcomes, check_outcomes

EVALUATION, PICTURES = "VLMEvalKit_evaluation", "TSV_images"
DATASETS = (
    "AI2D_TEST",
    "ChartQA_TEST",
    "DocVQA_VAL",
    "HallusionBench",
    "InfoVQA_VAL",
    "MMBench_DEV_EN_V11",
    "MMMU_DEV_VAL",
    "MMStar",
    "MathVerse_MINI",
    "MathVision_MINI",
    "MathVista_MINI",
    "OCRBench",
    "RealWorldQA",
    "TextVQA_VAL",
)
IDS = ("sample_id", "id", "index")  # the first there is names the queries
SCORES = ("is_correct", "score", "hit")  # the first there is says what is right
QUESTIONS, ANSWER = ("question", "prompt"), "prediction"
SUMMARIES = ("_acc", "_extract", "_score")  # workbooks that may name no queries
REFERENCE_LENGTH = 64  # an image this short is the index of the row that has it
PRICES = {  # USD per million input and output tokens
    "DeepSeek-VL2": (0.35, 0.50),
    "DeepSeek-VL2-Tiny": (0.05, 0.05),
    "Gemini-Flash-2.5": (0.30, 2.40),
    "Gemma3-27B": (0.35, 0.50),
    "GPT-4o": (2.50, 10.00),
    "InternVL2.5-78B": (1.00, 1.50),
    "Janus-Pro-1B": (0.05, 0.05),
    "Janus-Pro-7B": (0.18, 0.25),
    "Kimi-VL-A3B-Thinking": (0.20, 0.25),
    "Kimi-VL-A3B-Thinking-2506": (0.20, 0.25),
    "LLaVA-Next-Vicuna-7B": (0.20, 0.20),
    "MiMo-VL-7B-RL": (0.20, 0.30),
    "Phi-3.5-Vision": (0.10, 0.10),
    "Pixtral-12B": (0.25, 0.35),
    "Qianfan-VL-8B": (0.18, 0.25),
    "Qwen2.5-VL-32B": (0.40, 0.60),
    "Qwen2.5-VL-32B-Instruct": (0.40, 0.60),
    "Qwen2.5-VL-72B": (0.80, 1.20),
    "Qwen2.5-VL-72B-Instruct": (0.80, 1.20),
    "SmolVLM2": (0.06, 0.06),
}


def load_raw(root: Path, prices: Mapping[str, tuple[float, float]]) -> Bunch:
    """Outcomes and texts from the workbooks of all models."""
    folder = root / EVALUATION
    parts = list(_workbooks(folder, prices))
    if not parts:
        raise ValueError(f"{folder}: no workbook <model>/<model>_<DATASET>*.xlsx.")
    log = pd.concat(parts, ignore_index=True)
    log = log.sort_values("query", key=lambda q: q.str.split("/").str[0], kind="stable")
    _check_agreement(log)
    log = log.drop_duplicates(["query", "model"])
    with located(folder):
        y = Outcomes.from_long(log)
        check_outcomes(y, for_fit=True)
    first = log.groupby("query", sort=False)["text"].first()
    return Bunch(
        y=y,
        frame=pd.DataFrame({"query_id": first.index.to_numpy(dtype=object)}),
        text=first.fillna("").to_numpy(dtype=object),
        image=np.full(len(first), None, dtype=object),
        cost_bounds=None,
        estimated_costs=True,
    )


def _workbooks(folder: Path, prices) -> Iterator[pd.DataFrame]:
    """Yield what each workbook says, with the columns ``model`` and ``file``."""
    known = {_plain(name): _price(name, p) for name, p in {**PRICES, **prices}.items()}
    for path in sorted(folder.glob("*/*.xlsx")):
        model = path.parent.name
        if not path.stem.startswith(f"{model}_"):
            continue
        if _plain(model) not in known:
            raise ValueError(
                f"{path.parent}: no price of the model {model!r} is known; give it "
                f"with prices={{{model!r}: (input, output)}} in USD per million tokens."
            )
        dataset = _dataset(path, path.stem.removeprefix(f"{model}_"))
        frame = _read_workbook(path, dataset, known[_plain(model)])
        if frame is not None:
            yield frame.assign(model=model, file=str(path))


def _price(model: str, price: Any) -> tuple[float, float]:
    values = np.asarray(price, dtype=float)
    if values.shape != (2,) or not (np.isfinite(values) & (values >= 0)).all():
        raise ValueError(
            f"prices[{model!r}] must be (input, output), both >= 0; got {price!r}."
        )
    return float(values[0]), float(values[1])


def _plain(model: str) -> str:
    """A model's name without what its spellings differ in."""
    return re.sub(r"[^a-z0-9]", "", model.lower())


def _dataset(path: Path, rest: str) -> str:
    for dataset in DATASETS:
        if rest == dataset or rest.startswith((f"{dataset}_", f"{dataset}-")):
            return dataset
    raise ValueError(f"{path}: {rest!r} is none of the data sets {list(DATASETS)}.")


def _read_workbook(path: Path, dataset: str, price) -> pd.DataFrame | None:
    """Queries, quality, cost and text; None of a workbook that scores nothing."""
    try:
        book = pd.read_excel(path, engine="openpyxl")
    except ImportError as error:
        raise ValueError(
            f"{path}: reading workbooks needs openpyxl: pip install 'sklroute[xlsx]'."
        ) from error
    except (ValueError, KeyError, OSError, BadZipFile, ParseError) as error:
        raise ValueError(f"{path}: not a readable workbook: {error}") from error
    name, score = (_first(book, names) for names in (IDS, SCORES))
    if score is None or (name is None and path.stem.endswith(SUMMARIES)):
        return None
    if name is None:
        raise ValueError(f"{path}: none of the columns {list(IDS)} names the queries.")
    with located(path):
        quality = _quality(book, score)
        query = _queries(book, name, dataset)
    question = _first(book, QUESTIONS)
    text = book[question] if question else pd.Series(None, book.index, dtype=object)
    answer = book.get(ANSWER, pd.Series(None, book.index, dtype=object))
    cost = _tokens(text) * price[0] / 1e6 + _tokens(answer) * price[1] / 1e6
    return pd.DataFrame(
        {"query": query, "quality": quality, "cost": priced(cost), "text": text}
    )


def _first(book: pd.DataFrame, names: Iterable[str]) -> str | None:
    return next((name for name in names if name in book), None)


def _quality(book: pd.DataFrame, column: str) -> pd.Series:
    quality = numbers(book, column)
    wrong = np.flatnonzero((quality < 0) | (quality > 1))
    if len(wrong):
        raise ValueError(
            f"column {column!r}, row {wrong[0]}: {quality.iloc[wrong[0]]} is not in "
            "[0, 1]."
        )
    return quality


def _queries(book: pd.DataFrame, column: str, dataset: str) -> pd.Series:
    need_values(book, [column])
    names = book[column].astype(str).str.strip()
    names = names.where(names.str.contains("/"), f"{dataset}/" + names)
    need_distinct(names)
    return names


def _tokens(texts: pd.Series) -> pd.Series:
    """Words and punctuation marks; NaN where there is no text."""
    count = texts.dropna().astype(str).str.count(r"\w+|[^\w\s]")
    return count.reindex(texts.index).astype(float)


def _check_agreement(log: pd.DataFrame) -> None:
    """Refuse two workbooks that score one answer differently."""
    again = log[log.duplicated(["query", "model"], keep=False)]
    for (query, model), rows in again.groupby(["query", "model"]):
        if rows["quality"].nunique(dropna=False) > 1:
            files = rows["file"].tolist()
            raise ValueError(
                f"{files[1]}: model {model!r} has another quality for {query!r} than "
                f"in {files[0]}."
            )


# -- pictures ------------------------------------------------------------------------


def load_vl_routerbench_images(
    path: str | PathLike, query_ids: Iterable[str]
) -> list[bytes]:
    r"""Read the images of some queries from the raw layout of VL-RouterBench.

    ``TSV_images/<DATASET>.tsv`` has the columns ``index`` and ``image`` (base64). An
    image of at most 64 characters is the index of the row that holds it.

    Parameters
    ----------
    path : path-like
        The folder that holds ``vlm_router_data`` or ``TSV_images``.
    query_ids : iterable of str
        Names of queries, ``<DATASET>/<index>``.

    Returns
    -------
    images : list of bytes
        Image files (JPEG, PNG, ...) as they were encoded; ``PIL.Image.open`` takes
        them in ``io.BytesIO``.

    Raises
    ------
    FileNotFoundError
        If the data set has no file.
    ValueError
        If a query has no row, or its image cannot be decoded. The message names the
        file and the row.

    Examples
    --------
    >>> from base64 import b64encode
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklroute.datasets import load_vl_routerbench_images
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "TSV_images", "MMStar.tsv")
    ...     file.parent.mkdir()
    ...     picture = b64encode(b"a picture " * 9).decode()
    ...     _ = file.write_text(f"index\timage\n0\t{picture}\n1\t0\n")
    ...     images = load_vl_routerbench_images(folder, ["MMStar/1"])
    >>> images[0][:9]
    b'a picture'
    """
    path = Path(path)
    root = next((p for p in (path / "vlm_router_data", path) if p.is_dir()), path)
    tables: dict[str, pd.Series] = {}
    images = []
    for name in query_ids:
        dataset, _, index = str(name).partition("/")
        file = root / PICTURES / f"{dataset}.tsv"
        if dataset not in tables:
            tables[dataset] = _read_pictures(check_file(file))
        images.append(_decode(file, tables[dataset], index))
    return images


def _read_pictures(path: Path) -> pd.Series:
    try:
        table = pd.read_csv(path, sep="\t", dtype=str, usecols=["index", "image"])
    except (ValueError, pd.errors.ParserError) as error:
        raise ValueError(
            f"{path}: not a table with index and image: {error}"
        ) from error
    twice = np.flatnonzero(table["index"].duplicated())
    if len(twice):
        raise ValueError(f"{path}: row {twice[0]} repeats an index.")
    return table.set_index("index")["image"]


def _decode(path: Path, pictures: pd.Series, index: str) -> bytes:
    content = _lookup(path, pictures, index)
    if len(content) <= REFERENCE_LENGTH:
        content = _lookup(path, pictures, content)
        if len(content) <= REFERENCE_LENGTH:
            raise ValueError(f"{path}: index {index!r} refers to no image.")
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise ValueError(f"{path}: index {index!r} is not base64: {error}") from error


def _lookup(path: Path, pictures: pd.Series, index: str) -> str:
    if index not in pictures.index:
        raise ValueError(f"{path}: there is no index {index!r}.")
    content = pictures[index]
    if not isinstance(content, str):
        raise ValueError(f"{path}: index {index!r} has no image.")
    return content
