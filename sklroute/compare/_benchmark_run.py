"""Running a public benchmark under its own protocol."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from os import PathLike
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from sklroute.compare._benchmarks import BENCHMARKS, Benchmark, Run, bounds_of
from sklroute.compare._contestants import SINGLE, Arena, Contestant
from sklroute.compare._protocol import contest, drop_unpriced
from sklroute.compare._result import by_seed
from sklroute.compare._routers import default_routers
from sklroute.compare._words import KINDS
from sklroute.datasets import load_features
from sklroute.datasets._files import located
from sklroute.features import BlockScaler, TextEmbedder
from sklroute.metrics import frontier
from sklroute.outcomes import Outcomes

PUBLISHED, ELSEWHERE = "published elsewhere", "elsewhere"


@dataclass(frozen=True, eq=False, repr=False)
class BenchmarkResult:
    """What `run_benchmark` found.

    Attributes
    ----------
    table : DataFrame
        One row per line: ``name``, ``kind`` ("router", "control", "reference" or
        "bound" as in `Comparison`, or "published elsewhere"), one column per metric
        of the benchmark and, ending in " sd", its standard deviation over the seeds,
        and ``source`` of what was published.
    title : str
        Name of the benchmark.
    metrics : list of str
        The columns of metrics, that which ranks the lines first.
    notes : list of str
        The protocol in words, and what had to be left out.
    digits : int
        Decimal places that the benchmark prints.
    """

    table: pd.DataFrame
    title: str
    metrics: list[str]
    notes: list[str]
    digits: int

    def ordered(self) -> pd.DataFrame:
        """The table with routers first, each kind by the first metric.

        Returns
        -------
        DataFrame
            The rows of ``table``.
        """
        table = self.table.sort_values(self.metrics[0], ascending=False, kind="stable")
        place = table["kind"].map([*KINDS, PUBLISHED].index)
        return table.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)

    def texts(self) -> dict[str, list[str]]:
        """Texts to print: the metrics, and where a line comes from.

        Returns
        -------
        texts : dict of str to list of str
            Title of a column to one text per line of `ordered`.
        """
        lines = self.ordered()
        columns = {
            title: [
                _mean_and_sd(mean, spread, self.digits)
                for mean, spread in zip(lines[title], lines[f"{title} sd"], strict=True)
            ]
            for title in self.metrics
        }
        columns["kind"] = [
            f"{ELSEWHERE}: {source}" if isinstance(source, str) else kind
            for kind, source in zip(lines["kind"], lines["source"], strict=True)
        ]
        return columns

    def __repr__(self) -> str:
        return f"BenchmarkResult({self.title!r}, {len(self.table)} lines)"


class Inputs(NamedTuple):
    """What the routers look at."""

    X: ArrayLike
    modalities: Mapping[str, Any] | None
    preprocessor: BaseEstimator | None
    origin: str


def run_benchmark(
    name: str,
    path: str | PathLike,
    *,
    features: str | PathLike | None = None,
    embeddings: Mapping[str, str] | None = None,
    routers: Mapping[str, BaseEstimator] | None = None,
    n_seeds: int = 5,
    random_state: int = 0,
    n_jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BenchmarkResult:
    """Run routers on a public benchmark: its split, its metrics, its table.

    Lines published elsewhere stand beside the measured ones. They were obtained with
    other features, and perhaps other rows: they are for orientation.

    Parameters
    ----------
    name : {"vl-routerbench", "mmr-bench", "routerbench"}
        The benchmark.
    path : path-like
        Where its files are, as its loader takes it.
    features : path-like, default=None
        Features of the queries, as `load_features` takes them. None takes the
        embeddings of the benchmark where it has any, else TF-IDF and SVD of the text.
        Images are not encoded here.
    embeddings : dict of str to str, default=None
        Encoders to take, of "vl-routerbench" only, as its loader takes them.
    routers : dict of str to router, default=None
        As in `compare`.
    n_seeds : int, default=5
        Fits of each router. Where the benchmark fixes a split they share it and
        differ in the seed of the router.
    random_state : int, default=0
        First of the seeds.
    n_jobs, progress
        As in `compare`.

    Returns
    -------
    BenchmarkResult

    Raises
    ------
    FileNotFoundError
        If a file of the benchmark is not there.
    ValueError
        If there is no such benchmark, a file is not what it should be, there are no
        costs, or nothing is known about the queries.

    Examples
    --------
    >>> import pandas as pd
    >>> from tempfile import NamedTemporaryFile
    >>> from sklroute.compare import default_routers, run_benchmark
    >>> table = pd.DataFrame({"sample_id": range(50), "eval_name": "chat"})
    >>> table["prompt"] = [["count it", "read it"][i % 2] for i in range(50)]
    >>> table["small"], table["small|total_cost"] = table.index % 2, 0.1
    >>> table["large"], table["large|total_cost"] = 1 - table.index % 2, 0.3
    >>> with NamedTemporaryFile("w", suffix=".csv") as file:
    ...     table.to_csv(file.name)
    ...     result = run_benchmark("routerbench", file.name, n_seeds=1,
    ...                            routers=default_routers(["ridge"]))
    >>> result.texts()["Ps"][0]  # of the ridge router
    '1.0000'
    """
    benchmark = _benchmark(name)
    if n_seeds < 1:
        raise ValueError(f"n_seeds must be at least 1; got {n_seeds}.")
    data = _load(name, benchmark, path, embeddings)
    inputs = _inputs(data, features)
    with located(data.path):
        y, unpriced = _pool(data.y)
        bounds = bounds_of(data, y)
    splits = benchmark.splits(data, n_seeds)
    if not all(len(part) for part in splits[0]):
        raise ValueError(f"{data.path}: {len(y)} queries are too few to split.")
    point = benchmark.point
    arena = Arena(
        y=y,
        splits=splits,
        has_costs=True,
        tasks=data.task,
        groups=None,
        cost_weight=partial(point, bounds=bounds) if callable(point) else point,
        n_resamples=1,
        random_state=random_state,
    )
    entries = contest(
        inputs.X,
        arena,
        default_routers() if routers is None else dict(routers),
        preprocessor=inputs.preprocessor,
        modalities=inputs.modalities,
        n_jobs=n_jobs,
        progress=progress,
    )
    return BenchmarkResult(
        table=_table(benchmark, arena, entries, bounds),
        title=benchmark.title,
        metrics=list(benchmark.columns),
        notes=_notes(benchmark, data, arena, inputs, unpriced),
        digits=benchmark.digits,
    )


def _benchmark(name: str) -> Benchmark:
    if name not in BENCHMARKS:
        raise ValueError(
            f"There is no benchmark {name!r}; there are {', '.join(BENCHMARKS)}."
        )
    return BENCHMARKS[name]


def _load(name: str, benchmark: Benchmark, path, embeddings) -> Bunch:
    if embeddings is None:
        return benchmark.load(path)
    if name != "vl-routerbench":
        raise ValueError(f"{benchmark.title} has no embeddings to choose from.")
    return benchmark.load(path, embeddings=embeddings)


def _inputs(data: Bunch, features) -> Inputs:
    if features is not None:
        own = load_features(features, table=data)
        return Inputs(own.X, own.modalities, None, str(features))
    if data.get("X") is not None:
        blocks = " and ".join(data.modalities)
        return Inputs(data.X, data.modalities, None, f"the {blocks} embeddings there")
    if data.text is None:
        raise ValueError(
            f"{data.path} has neither embeddings nor texts: give features of the "
            "queries in a file."
        )
    encoder = make_pipeline(TextEmbedder(), BlockScaler())
    origin = "TF-IDF and SVD of the text alone; images are not encoded"
    return Inputs(data.text, None, encoder, origin)


def _pool(y: Outcomes) -> tuple[Outcomes, list[str]]:
    """Outcomes of the models that have costs, and the names of the others."""
    kept = (~np.isnan(y.cost) & y.observed).any(axis=0)
    if not kept.any():
        raise ValueError("no model has a cost, which the protocol needs.")
    pool = Outcomes(
        y.quality[:, kept], y.cost[:, kept], y.available[:, kept], models=y.models[kept]
    )
    return drop_unpriced(pool)[0], y.models[~kept].tolist()


# -- the table -----------------------------------------------------------------------


def _table(benchmark: Benchmark, arena: Arena, entries, bounds) -> pd.DataFrame:
    single = next(entry for entry in entries if entry.name == SINGLE)
    rows = []
    for entry in entries:
        runs = _runs(arena, entry, single, bounds)
        row: dict[str, Any] = {"name": entry.name, "kind": entry.kind}
        for title, metric in benchmark.columns.items():
            values = np.array([metric(run) for run in runs])
            row[title] = values.mean()
            row[f"{title} sd"] = _spread(values)
        rows.append(row)
    rows += [
        {"name": line.name, "kind": PUBLISHED, **line.values, "source": line.source}
        for line in benchmark.published
    ]
    columns = [part for title in benchmark.columns for part in (title, f"{title} sd")]
    return pd.DataFrame(rows, columns=["name", "kind", *columns, "source"])


def _spread(values: NDArray) -> float:
    """Standard deviation over the seeds; NaN of one seed, or where one is infinite."""
    if len(values) < 2 or not np.isfinite(values).all():
        return np.nan
    return float(np.std(values - values[0], ddof=1))  # 0 of equal ones, to the bit


def _runs(arena: Arena, entry: Contestant, single: Contestant, bounds) -> list[Run]:
    """The line on the test queries of each seed."""
    # The oracle gives up no quality for cost, so that it bounds the accuracy.
    at_point = entry.kind != "bound" and entry.par is not None
    realised = entry.par if at_point else entry.first
    parts = [realised.quality, realised.cost, single.first.quality, single.first.cost]
    if entry.predicted is not None:
        parts += entry.predicted
    runs = []
    for split, *values in zip(
        arena.splits, *(by_seed(part, arena) for part in parts), strict=True
    ):
        quality, cost, best_quality, best_cost, *predicted = values
        y = arena.y[split.test]
        curve = frontier(y, *predicted) if predicted else None
        best = float(best_quality.mean()), float(best_cost.mean())
        runs.append(Run(y, quality, cost, curve, best, bounds))
    return runs


def _mean_and_sd(mean: float, spread: float, digits: int) -> str:
    if np.isnan(mean):
        return ""
    text = f"{mean:.{digits}f}"
    return text if np.isnan(spread) or spread == 0 else f"{text} +- {spread:.{digits}f}"


def _notes(benchmark, data, arena, inputs, unpriced) -> list[str]:
    split = arena.splits[0]
    rule = benchmark.split_rule
    if data.splits is None and "without them" in rule:
        rule = f"{rule}: there are none here, so that these are not the published rows"
    notes = [
        f"Split: {rule}. {len(split.train)} train, {len(split.validation)} "
        f"validation, {len(split.test)} test queries; {len(arena.y.models)} models.",
        f"Operating point: {benchmark.point_rule}.",
        f"Features: {inputs.origin}.",
    ]
    if unpriced:
        notes.append(f"Left out, for they have no known cost: {', '.join(unpriced)}.")
    if data.get("estimated_costs"):
        notes.append(
            "Costs are estimates from a price list and the words of question and "
            "answer: costs and rank scores are not in the unit of published ones."
        )
    if benchmark.published:
        notes.append(
            f"Lines marked {ELSEWHERE!r} were published elsewhere and not measured "
            "here; their features, and perhaps their rows, differ."
        )
    else:
        notes.append("No line published elsewhere is comparable: none is shown.")
    return notes
