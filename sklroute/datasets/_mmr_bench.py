"""MMR-Bench: multimodal LLMs on seven data sets."""

from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch, check_random_state

from sklroute.datasets._files import (
    identifiers,
    located,
    need_columns,
    numbers,
    priced,
    read_frame,
)
from sklroute.outcomes import Outcomes, check_outcomes

TABLES = ("MMR_Bench.csv", "MMR-Bench.csv")
FOLDERS = {  # prefix of a query's name: folder of its image
    "MathVerse": "MathVerse",
    "MathVision": "MathVision",
    "MathVista": "MathVista",
    "MMStar": "MMStar",
    "OCRBench": "OCRBench",
    "RealWorldQA": "RealWorldQA",
    "SEEDBench2_Plus": "SEEDBenchv2Plus",
}
IMAGE_KINDS = (".jpg", ".png", ".jpeg", ".webp")
CORRECT, COST = "_correct", "_cost"  # suffixes of a model's columns
TRAIN_SHARE, SPLIT_SEED = 0.2, 42


def load_mmr_bench(path: str | PathLike) -> Bunch:
    """Load MMR-Bench: which multimodal model answers which question right.

    The table and the image folders are those of the data set ``gh0stHunter/MMR-Bench``
    on the Hugging Face hub; they are not downloaded here. One row per query:
    ``dataset_idx``, ``question``, and for each model ``M`` the columns ``M_correct``
    (0 and 1, or True and False) and ``M_cost``. A column of correctness without one
    of cost, or the reverse, makes no model.

    An empty cell is an answer that is not known; it is never filled in. A cost of 0
    is a placeholder of models that were added later: it is unknown.

    Parameters
    ----------
    path : path-like
        The folder with ``MMR_Bench.csv`` (or ``MMR-Bench.csv``), or that file.

    Returns
    -------
    data : Bunch
        y : Outcomes
            Correctness and costs.
        text : ndarray of str, of shape (n_queries,)
            The questions.
        image : ndarray of object, of shape (n_queries,)
            Path of each query's image, or None where there is no such file.
        task : ndarray of str, of shape (n_queries,)
            Data set of each query.
        splits : dict of str to ndarray of int
            Rows of "train" (a fifth) and "test", as the benchmark splits.
        frame : DataFrame of n_queries rows
            ``query_id`` (that is ``dataset_idx``) and the columns that belong to no
            model.
        path : Path
            The table.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not such a table. The message names the file and the row,
        column or model.

    References
    ----------
    H. Ma, G. Lai and H.-J. Ye, "MMR-Bench: A Comprehensive Benchmark for Multimodal
    LLM Routing", arXiv:2601.17814.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklroute.datasets import load_mmr_bench
    >>> table = '''dataset_idx,question,small_correct,small_cost,big_correct,big_cost
    ... MMStar_0,What is this?,0,0.1,1,0.9
    ... OCRBench_4,Read the sign.,True,0.1,,0.0'''
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "MMR_Bench.csv").write_text(table)
    ...     data = load_mmr_bench(folder)
    >>> data.y.quality  # columns in the order of data.y.models: big, small
    array([[ 1.,  0.],
           [nan,  1.]])
    >>> data.task.tolist()
    ['MMStar', 'OCRBench']
    """
    path = _table(Path(path))
    frame = read_frame(path, {"dataset_idx"})
    with located(path):
        models = _models(frame)
        ids = identifiers(frame, "dataset_idx")
        need_columns(frame, ["question"])
        quality = {name: numbers(frame, name + CORRECT) for name in models}
        cost = {name: numbers(frame, name + COST) for name in models}
        y = Outcomes(pd.DataFrame(quality), priced(pd.DataFrame(cost)))
        check_outcomes(y, for_fit=True)
        task = _tasks(ids)
    frame = _without_models(frame, models)
    frame.insert(0, "query_id", ids)
    return Bunch(
        y=y,
        text=frame["question"].fillna("").astype(str).to_numpy(dtype=object),
        image=_images(path.parent, ids, task),
        task=task,
        splits=_splits(len(frame)),
        frame=frame,
        path=path,
    )


def _table(path: Path) -> Path:
    if not path.is_dir():
        return path
    for name in TABLES:
        if (path / name).is_file():
            return path / name
    raise FileNotFoundError(f"No such file: {path / TABLES[0]} (or {TABLES[1]})")


def _models(frame: pd.DataFrame) -> list[str]:
    """Stems that have both a column of correctness and one of cost."""
    stems = [name.removesuffix(CORRECT) for name in frame if name.endswith(CORRECT)]
    models = [stem for stem in stems if stem + COST in frame]
    if not models:
        raise ValueError(
            f"no model: there is no pair of columns <model>{CORRECT} and "
            f"<model>{COST}; there are {list(frame.columns)}."
        )
    return models


def _without_models(frame: pd.DataFrame, models: list[str]) -> pd.DataFrame:
    ends = (CORRECT, COST, "_prediction", "_token")
    own = {model + end for model in models for end in ends}
    return frame[[name for name in frame if name not in own]].copy()


def _tasks(ids: NDArray) -> NDArray:
    tasks = []
    for row, name in enumerate(ids):
        # A prefix may hold a "_" itself: compare with the known ones.
        task = next((p for p in FOLDERS if name.startswith(f"{p}_")), None)
        if task is None:
            raise ValueError(
                f"column 'dataset_idx', row {row}: {name!r} starts with none of "
                f"{[f'{prefix}_' for prefix in FOLDERS]}."
            )
        tasks.append(task)
    return np.array(tasks, dtype=object)


def _images(root: Path, ids: NDArray, tasks: NDArray) -> NDArray:
    paths = np.full(len(ids), None, dtype=object)
    for row, (name, task) in enumerate(zip(ids, tasks, strict=True)):
        stem = name.removeprefix(f"{task}_")
        if Path(stem).name != stem:
            continue  # a name that would lead out of the folder names no image
        files = (root / FOLDERS[task] / f"{stem}{kind}" for kind in IMAGE_KINDS)
        paths[row] = next((str(file) for file in files if file.is_file()), None)
    return paths


def _splits(n_queries: int) -> dict[str, NDArray[np.intp]]:
    """The benchmark's own: of its shuffled rows, the last fifth is for training."""
    order = check_random_state(SPLIT_SEED).permutation(n_queries)
    n_test = n_queries - int(TRAIN_SHARE * n_queries)
    return {"train": order[n_test:], "test": order[:n_test]}
