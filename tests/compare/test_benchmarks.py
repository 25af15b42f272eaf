"""The protocols of public benchmarks: their split, their metrics, their table."""

import numpy as np
import pandas as pd
import pytest
from layouts import (
    mmr_frame,
    raw_books,
    write_mmr_bench,
    write_prepared,
    write_raw,
    write_routerbench,
)
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator

from sklroute import Outcomes
from sklroute.base import RouterMixin
from sklroute.baselines import RidgeRouter
from sklroute.cli import main
from sklroute.compare import default_routers, run_benchmark
from sklroute.compare._benchmarks import BENCHMARKS
from sklroute.datasets import load_mmr_bench, load_routerbench, load_vl_routerbench
from sklroute.metrics import (
    aiq,
    best_single,
    cost_range,
    frontier,
    nauc_own_range,
    oracle_frontier,
    peak_score,
    qnc,
    rank_score,
    realised_cost,
    realised_quality,
)

NOTES: list[tuple[str, np.ndarray]] = []  # what the recording router was shown
RIDGE = {"ridge": RidgeRouter()}


class ByPrice(RouterMixin, BaseEstimator):
    """Expects what its features say; the first one numbers the query."""

    def __init__(self, policy=None):
        self.policy = policy

    def _fit(self, X, outcomes, sample_weight, groups):
        NOTES.append(("fit", X[:, 0].astype(int)))

    def _predict_quality(self, X):
        if hasattr(self, "pool_"):  # `fit` predicts for some queries, too
            NOTES.append(("predict", X[:, 0].astype(int)))
        return np.clip(X[:, 1:], 0, 1)


class AsIs(BaseEstimator):
    """Preprocessing that leaves features as they are."""

    def fit_transform(self, X, y=None):
        return X

    def transform(self, X):
        return X


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmarks")
    write_mmr_bench(folder / "mmr", mmr_frame().drop(columns="merged_cost"))
    write_prepared(folder / "vl")
    write_routerbench(folder / "rb.parquet")
    return folder


def guesses(data, seed=0):
    """Features: the number of the query, and noisy qualities."""
    rng = np.random.default_rng(seed)
    quality = np.nan_to_num(data.y.quality, nan=0.5)
    noisy = 0.5 * quality + 0.5 * rng.random(quality.shape)
    return np.column_stack([np.arange(len(quality)), noisy]).astype(np.float32)


def run(monkeypatch, name, path, data, tmp_path, n_seeds=1):
    """Run the router that believes its features; return its line and guesses."""
    X = guesses(data)
    ids = data.frame["query_id"]
    frame = pd.DataFrame(X).rename(columns=str).assign(query_id=ids)
    frame.sample(frac=1, random_state=1).to_parquet(tmp_path / "x.parquet")
    monkeypatch.setattr(
        "sklroute.compare._protocol.BlockScaler", lambda *_, **__: AsIs()
    )
    NOTES.clear()
    result = run_benchmark(
        name,
        path,
        features=tmp_path / "x.parquet",
        routers={"guess": ByPrice()},
        n_seeds=n_seeds,
    )
    table = result.table[result.table["kind"] != "published elsewhere"]
    return table.set_index("name"), X[:, 1:].astype(float)


def train_cost(data, rows):
    return np.nanmean(data.y.cost[rows], axis=0)


def test_mmr_bench_reports_the_frontier_of_its_own_split(folder, monkeypatch, tmp_path):
    data = load_mmr_bench(folder / "mmr")
    table, predicted = run(monkeypatch, "mmr-bench", folder / "mmr", data, tmp_path)
    train, test = data.splits["train"], data.splits["test"]
    for what, rows in NOTES:
        assert set(rows) == set(train) or (what == "predict" and set(rows) == set(test))
    y = data.y[test]
    curve = frontier(y, predicted[test], train_cost(data, train))
    line = table.loc["guess"]
    assert line["nAUC (own range)"] == pytest.approx(nauc_own_range(curve), abs=1e-9)
    assert line["Ps"] == pytest.approx(peak_score(curve), abs=1e-9)
    single = [best_single(data.y[train])] * len(test)
    best = realised_quality(y, single), realised_cost(y, single)
    assert line["QNC"] == pytest.approx(qnc(curve, *best), abs=1e-9)
    assert table.loc["best single", "Ps"] == pytest.approx(best[0])
    assert np.isnan(table.loc["best single", "nAUC (own range)"])
    oracle = peak_score(oracle_frontier(y))
    assert table.loc["oracle", "Ps"] == pytest.approx(oracle)
    assert (table["Ps"] <= oracle + 1e-12).all()


def test_vl_routerbench_chooses_its_point_on_dev(folder, monkeypatch, tmp_path):
    data = load_vl_routerbench(folder / "vl")
    table, predicted = run(monkeypatch, "vl-routerbench", folder / "vl", data, tmp_path)
    train, dev, test = (data.splits[name] for name in ("train", "dev", "test"))
    fitted = [rows for what, rows in NOTES if what == "fit"]
    for rows in fitted:
        assert_array_equal(rows, train)
    cost = train_cost(data, train)
    known = ~np.isnan(data.y.cost) & data.y.observed
    y = Outcomes(data.y.quality, data.y.cost, known, models=data.y.models)
    curve = frontier(y[dev], predicted[dev], cost)
    scores = rank_score(curve.quality, curve.cost, *data.cost_bounds)
    weight = curve.cost_weight[scores.argmax()]
    utility = np.where(known, predicted - weight * cost, -np.inf)
    choice = y.models[utility[test].argmax(axis=1)]
    accuracy = realised_quality(y[test], choice)
    spent = realised_cost(y[test], choice)
    line = table.loc["guess"]
    assert line["accuracy %"] == pytest.approx(100 * accuracy, abs=1e-9)
    assert line["USD per 10K"] == pytest.approx(1e4 * spent, abs=1e-9)
    score = rank_score(accuracy, spent, *data.cost_bounds)
    assert line["rank score"] == pytest.approx(100 * score, abs=1e-9)
    best = y[test].best_model()
    assert table.loc["oracle", "accuracy %"] == pytest.approx(
        100 * realised_quality(y[test], best)
    )
    assert (table["accuracy %"] <= table.loc["oracle", "accuracy %"] + 1e-9).all()


def test_test_outcomes_do_not_move_the_operating_point(folder, tmp_path, monkeypatch):
    weights = []
    rule = BENCHMARKS["vl-routerbench"].point

    def spy(curve, bounds):
        place = rule(curve, bounds)
        weights[-1].append(curve.cost_weight[place])
        return place

    monkeypatch.setattr(
        "sklroute.compare._benchmark_run.partial",
        lambda point, bounds: lambda curve: spy(curve, bounds),
    )
    other = tmp_path / "vl"
    write_prepared(other)
    data = load_vl_routerbench(other)
    with np.load(other / "data/matrices/Y.npz") as content:
        quality = content["Y"]
    quality[data.splits["test"]] = 1 - np.abs(quality[data.splits["test"]])
    np.savez(other / "data/matrices/Y.npz", Y=quality)
    tables = []
    for root in (folder / "vl", other):
        weights.append([])
        result = run_benchmark("vl-routerbench", root, routers=RIDGE, n_seeds=1)
        tables.append(result.table.set_index("name"))
    # The oracle, last, is a bound: it sees the outcomes that it is judged on.
    assert weights[0][:-1] == weights[1][:-1]
    before, after = (table.loc["ridge", "accuracy %"] for table in tables)
    assert before != after


def test_routerbench_takes_turns_with_the_folds(folder, monkeypatch, tmp_path):
    path = folder / "rb.parquet"
    data = load_routerbench(path)
    table, predicted = run(monkeypatch, "routerbench", path, data, tmp_path, n_seeds=5)
    shown = [rows for what, rows in NOTES if what == "predict"]
    tested = [set(rows) for rows in shown[::4]]  # router: test and validation; control
    assert set().union(*tested) == set(range(150))
    areas = []
    trained = [rows for what, rows in NOTES if what == "fit"]
    for rows, train in zip(tested, trained[::2], strict=True):
        rows = sorted(rows)
        y = data.y[rows]
        curve = frontier(y, predicted[rows], train_cost(data, train))
        areas.append(aiq(curve, cost_range(y)))
    assert table.loc["guess", "AIQ"] == pytest.approx(np.mean(areas), abs=1e-9)
    assert table.loc["guess", "AIQ sd"] == pytest.approx(np.std(areas, ddof=1))


def test_published_lines_have_a_source_and_are_marked(folder):
    result = run_benchmark("mmr-bench", folder / "mmr", routers=RIDGE, n_seeds=1)
    elsewhere = result.table["kind"] == "published elsewhere"
    assert result.table.loc[elsewhere, "source"].notna().all()
    assert result.table.loc[~elsewhere, "source"].isna().all()
    ordered = result.ordered()
    assert ordered["kind"].drop_duplicates().tolist() == [
        "router",
        "control",
        "reference",
        "bound",
        "published elsewhere",
    ]
    texts = result.texts()["kind"]
    assert all(text.startswith("elsewhere: ") for text in texts[-elsewhere.sum() :])


@pytest.mark.parametrize("benchmark", BENCHMARKS.values(), ids=BENCHMARKS)
def test_published_values_belong_to_columns(benchmark):
    for line in benchmark.published:
        assert set(line.values) <= set(benchmark.columns)
        assert line.source


def test_embeddings_come_before_texts_and_features_before_both(folder, tmp_path):
    path = folder / "vl"
    result = run_benchmark("vl-routerbench", path, routers=RIDGE, n_seeds=1)
    assert "text and vision embeddings" in result.notes[2]
    result = run_benchmark("mmr-bench", folder / "mmr", routers=RIDGE, n_seeds=1)
    assert "images are not encoded" in result.notes[2]
    np.save(tmp_path / "x.npy", np.eye(150)[:, :20])
    result = run_benchmark(
        "mmr-bench",
        folder / "mmr",
        features=tmp_path / "x.npy",
        routers=RIDGE,
        n_seeds=1,
    )
    assert "x.npy" in result.notes[2]


def test_seeds_of_one_split_differ_in_the_router_alone(folder):
    result = run_benchmark(
        "vl-routerbench",
        folder / "vl",
        routers=default_routers(["ridge", "clusters"]),
        n_seeds=2,
    )
    table = result.table.set_index("name")
    assert table.loc["ridge", "rank score sd"] == 0
    assert (table.loc[["cheapest", "oracle"], "rank score sd"] == 0).all()


def test_what_is_never_reached_has_no_spread_and_what_is_equal_none_at_all(folder):
    result = run_benchmark("mmr-bench", folder / "mmr", routers=RIDGE, n_seeds=3)
    table = result.table.set_index("name")
    assert table.loc["best per task", "QNC"] == np.inf
    assert np.isnan(table.loc["best per task", "QNC sd"])
    assert (table.loc[["best per task", "oracle"], "Ps sd"] == 0).all()


def test_models_without_costs_are_left_out_and_named(tmp_path):
    root = write_mmr_bench(tmp_path / "mmr")
    result = run_benchmark("mmr-bench", root, routers=RIDGE, n_seeds=1)
    assert "Left out, for they have no known cost: merged." in result.notes
    frame = mmr_frame()
    costs = [name for name in frame if name.endswith("_cost")]
    root = write_mmr_bench(tmp_path / "free", frame.assign(**dict.fromkeys(costs, 0)))
    with pytest.raises(ValueError, match=r"MMR_Bench\.csv: no model has a cost"):
        run_benchmark("mmr-bench", root, routers=RIDGE)


def test_too_few_queries_are_refused(tmp_path):
    root = write_mmr_bench(tmp_path / "mmr", mmr_frame()[:4])
    with pytest.raises(ValueError, match=r"MMR_Bench\.csv: 4 queries are too few"):
        run_benchmark("mmr-bench", root, routers=RIDGE)


def test_without_splits_the_protocol_says_so(tmp_path):
    write_prepared(tmp_path / "vl")
    for path in (tmp_path / "vl" / "SPLITS").iterdir():
        path.unlink()
    (tmp_path / "vl" / "SPLITS").rmdir()
    result = run_benchmark("vl-routerbench", tmp_path / "vl", routers=RIDGE, n_seeds=1)
    assert "these are not the published rows" in result.notes[0]
    assert "105 train, 15 validation, 30 test" in result.notes[0]


def test_without_texts_and_embeddings_features_are_asked_for(tmp_path):
    write_prepared(tmp_path, embeddings=False, prompts=False)
    with pytest.raises(ValueError, match="neither embeddings nor texts"):
        run_benchmark("vl-routerbench", tmp_path, routers=RIDGE)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"name": "gsm8k"}, "no benchmark 'gsm8k'; there are vl-routerbench, mmr-"),
        ({"n_seeds": 0}, "n_seeds must be at least 1"),
        ({"embeddings": {"text": "x"}}, "RouterBench has no embeddings"),
    ],
)
def test_bad_parameters_are_named(folder, arguments, match):
    arguments = {"name": "routerbench", "path": folder / "rb.parquet", **arguments}
    with pytest.raises(ValueError, match=match):
        run_benchmark(**arguments)


# -- command line --------------------------------------------------------------------

QUICK = ["--routers", "ridge", "--seeds", "1", "--jobs", "1"]


@pytest.fixture
def command(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def command(protocol, path, *options):
        status = main(["compare", "--protocol", protocol, str(path), *options, *QUICK])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return command


@pytest.mark.parametrize(
    ("protocol", "path", "metrics", "elsewhere"),
    [
        ("mmr-bench", "mmr", ["nAUC (own range)", "Ps", "QNC"], "arXiv:2601.17814"),
        ("vl-routerbench", "vl", ["rank score", "accuracy %"], "arXiv:2512.23562"),
        ("routerbench", "rb.parquet", ["AIQ", "Ps"], None),
    ],
)
def test_each_protocol_prints_its_table(
    command, folder, protocol, path, metrics, elsewhere
):
    status, out, _ = command(protocol, folder / path)
    assert status == 0
    for word in [*metrics, "ridge", "ridge, shuffled", "best single", "oracle"]:
        assert word in out
    if elsewhere is None:
        assert "No line published elsewhere is comparable" in out
    else:
        assert f"elsewhere: {BENCHMARKS[protocol].title}, {elsewhere}" in " ".join(
            out.split()
        )
        assert "were published elsewhere and not measured here" in " ".join(out.split())
    written = pd.read_csv(f"sklroute-compare/{protocol}.csv")
    assert len(written) == 8 + len(BENCHMARKS[protocol].published)


def test_the_raw_layout_runs_and_says_that_its_costs_are_estimates(command, tmp_path):
    pytest.importorskip("openpyxl", reason="workbooks are read by openpyxl")
    status, out, _ = command("vl-routerbench", write_raw(tmp_path / "r", raw_books(90)))
    assert status == 0
    assert "Costs are estimates" in out
    assert "images are not encoded" in out


def test_encoders_can_be_named(command, folder):
    chosen = ["--embeddings", "text=encoder,vision=encoder"]
    assert command("vl-routerbench", folder / "vl", *chosen)[0] == 0
    chosen = ["--embeddings", "text=other"]
    status, _, err = command("vl-routerbench", folder / "vl", *chosen)
    assert status == 2
    assert "other.parquet" in err


def test_mistakes_are_one_line_and_status_2(command, folder, tmp_path):
    half = tmp_path / "half.parquet"
    half.write_bytes((folder / "rb.parquet").read_bytes()[:4000])
    for protocol, path, options, message in [
        ("routerbench", half, [], "half.parquet: not a readable Parquet file"),
        ("routerbench", folder / "mmr" / "MMR_Bench.csv", [], "no column 'sample_id'"),
        ("mmr-bench", folder / "vl", [], "No such file"),
        ("vl-routerbench", folder / "mmr", [], "neither data/matrices"),
        ("mmr-bench", folder / "mmr", ["--task", "x"], "--protocol fixes what --task"),
        ("mmr-bench", folder / "mmr", ["--cost-weight", "1"], "fixes what --cost-weig"),
        ("mmr-bench", folder / "mmr", ["--features", "n.npy"], "No such file: n.npy"),
    ]:
        status, out, err = command(protocol, path, *options)
        assert status == 2
        assert out == ""
        assert message in err
        assert len(err.strip().splitlines()) == 1


def test_options_that_need_each_other(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "--protocol", "mmr-bench"]) == 2
    assert "--protocol needs the path" in capsys.readouterr().err
    assert main(["compare", "--embeddings", "text=a"]) == 2
    assert "--embeddings needs --protocol" in capsys.readouterr().err
    for text in ("a", "audio=b", "text="):
        with pytest.raises(SystemExit):
            main(["compare", "--embeddings", text])
        assert "with names among text, vision" in capsys.readouterr().err
