"""RouterBench: eleven LLMs on texts, with their costs in USD."""

from os import PathLike
from pathlib import Path

import pandas as pd
from sklearn.utils import Bunch

from sklroute.datasets._files import (
    identifiers,
    located,
    need_columns,
    need_values,
    numbers,
    priced,
    read_frame,
)
from sklroute.outcomes import Outcomes, check_outcomes

COST, RESPONSE = "|total_cost", "|model_response"  # suffixes of a model's columns


def load_routerbench(path: str | PathLike) -> Bunch:
    r"""Load RouterBench from a CSV, Parquet or JSONL export of its table.

    The benchmark (``withmartian/routerbench`` on the Hugging Face hub) is a pickled
    DataFrame, and a pickle can run any code as it is read. If you trust it,
    export it once: ``pandas.read_pickle("routerbench_0shot.pkl")`` and then
    ``.to_parquet("routerbench.parquet")``.

    One row per prompt: ``sample_id``, ``prompt``, ``eval_name``, and for each model
    ``M`` its quality in the column ``M`` and its cost in ``M|total_cost``. A cost of
    0 is unknown; an empty cell is an answer that is not known.

    Parameters
    ----------
    path : path-like
        A ``.parquet``, ``.csv`` or ``.jsonl`` file.

    Returns
    -------
    data : Bunch
        y : Outcomes
            Quality and costs.
        text : ndarray of str, of shape (n_queries,)
            The prompts.
        image : None
            There are no images.
        task : ndarray of str, of shape (n_queries,)
            Data set of each query, ``eval_name``.
        splits : None
            The benchmark fixes no split.
        frame : DataFrame of n_queries rows
            ``query_id`` (that is ``sample_id``) and the columns that belong to no
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
    Q. J. Hu et al., "RouterBench: A Benchmark for Multi-LLM Routing System",
    arXiv:2403.12031.

    Examples
    --------
    >>> from tempfile import NamedTemporaryFile
    >>> from sklroute.datasets import load_routerbench
    >>> with NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write("sample_id,prompt,eval_name,yi,yi|total_cost\n"
    ...                    "mmlu.1,Why?,mmlu,0.5,0.002")
    ...     file.flush()
    ...     data = load_routerbench(file.name)
    >>> data.y.cost
    array([[0.002]])
    """
    path = Path(path)
    if path.suffix in (".pkl", ".pickle"):
        raise ValueError(
            f"{path}: a pickle can run any code as it is read; export the table to "
            "Parquet or CSV first (DataFrame.to_parquet)."
        )
    frame = read_frame(path, {"sample_id", "eval_name"})
    with located(path):
        need_columns(frame, ["sample_id", "prompt", "eval_name"])
        models = _models(frame)
        ids = identifiers(frame, "sample_id")
        quality = {name: numbers(frame, name) for name in models}
        cost = {name: numbers(frame, name + COST) for name in models}
        y = Outcomes(pd.DataFrame(quality), priced(pd.DataFrame(cost)))
        check_outcomes(y, for_fit=True)
        need_values(frame, ["prompt", "eval_name"])
    own = {model + end for model in models for end in ("", COST, RESPONSE)}
    frame = frame[[name for name in frame if name not in own]].copy()
    frame.insert(0, "query_id", ids)
    return Bunch(
        y=y,
        text=frame["prompt"].astype(str).to_numpy(dtype=object),
        image=None,
        task=frame["eval_name"].astype(str).to_numpy(dtype=object),
        splits=None,
        frame=frame,
        path=path,
    )


def _models(frame: pd.DataFrame) -> list[str]:
    """Names of the models; each has its quality and its cost."""
    suffixes = (COST, RESPONSE)
    models = {n.removesuffix(end) for n in frame for end in suffixes if n.endswith(end)}
    if not models:
        raise ValueError(
            f"no model: there is no column <model>{COST}; there are "
            f"{list(frame.columns)}."
        )
    for model in sorted(models):
        need_columns(frame, [model, model + COST])
    return sorted(models)
