"""Batches of arrays and of Parquet files."""

import numpy as np
import pandas as pd
import pytest

from sklroute import LoggedOutcomes, Outcomes
from sklroute.datasets import make_routing
from sklroute.scale import ArrayBatches, ParquetBatches
from sklroute.scale._arrays import start_at

MODELS = ["model-0", "model-1", "model-2"]
NAN = float("nan")


@pytest.fixture(scope="module")
def data():
    return make_routing(50, 3, n_features=(3, 2), missing=0.2, random_state=0)


@pytest.fixture(scope="module")
def folder(data, tmp_path_factory):
    """Two Parquet files of row groups of 20 and 10, then of 20."""
    pytest.importorskip("pyarrow")
    root = tmp_path_factory.mktemp("table")
    frame = pd.DataFrame({"clip": list(data.X)})
    frame[[f"x{i}" for i in range(5)]] = data.X
    for number, model in enumerate(MODELS):
        frame[model] = data.y.quality[:, number]
        frame[f"{model}_cost"] = data.y.cost[:, number]
    frame["up"] = np.where(np.arange(50) % 7, True, None)
    frame["text"] = "a"
    frame[:30].to_parquet(root / "a.parquet", row_group_size=20)
    frame[30:].to_parquet(root / "b.parquet", row_group_size=20)
    return root


def assert_same(batches, data):
    parts = list(batches)
    np.testing.assert_array_equal(np.concatenate([X for X, _ in parts]), data.X)
    table = np.concatenate([np.asarray(y) for _, y in parts])
    np.testing.assert_array_equal(table[..., :2], np.asarray(data.y)[..., :2])
    assert all(y.models.tolist() == MODELS for _, y in parts)


@pytest.mark.parametrize("size", [7, 50, 99])
def test_slices_make_up_the_array(data, size):
    batches = ArrayBatches(data.X, data.y, size=size)
    assert_same(batches, data)
    assert len(batches) == len(list(batches))


def test_files_are_mapped(data, tmp_path):
    np.save(tmp_path / "X.npy", data.X)
    table = np.empty(data.y.shape)
    table[:] = np.asarray(data.y)[:, ::-1]
    np.save(tmp_path / "y.npy", table)
    named = {"models": MODELS[::-1], "size": 8}
    assert_same(ArrayBatches(tmp_path / "X.npy", tmp_path / "y.npy", **named), data)
    X, y = (np.load(tmp_path / name, mmap_mode="r") for name in ("X.npy", "y.npy"))
    assert_same(ArrayBatches(X, y, **named), data)


def test_a_quality_table_and_labels_are_outcomes_too(data):
    (batch,) = ArrayBatches(data.X, data.y.quality, models=MODELS)
    np.testing.assert_array_equal(batch[1].quality, data.y.quality)
    labels = np.array(MODELS)[np.arange(50) % 2]
    (batch,) = ArrayBatches(data.X, labels, models=MODELS)
    assert batch[1].models.tolist() == MODELS


def test_list_columns_and_single_columns_are_features(data, folder):
    columns = {model: f"{model}_cost" for model in MODELS}
    assert_same(ParquetBatches(folder, "clip", MODELS, columns, size=8), data)
    single = [f"x{i}" for i in range(5)]
    batches = ParquetBatches(folder, single, MODELS, list(columns.values()))
    assert_same(batches, data)
    assert batches.n_queries == 50
    assert [len(X) for X, _ in batches] == [20, 10, 20]


def test_null_availability_says_nothing_against_a_model(folder):
    batches = ParquetBatches(folder, "clip", MODELS, available={"model-1": "up"})
    assert all(y.available.all() for _, y in batches)


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("number", [0, 1, 2, 5, 8])
def test_a_pass_can_start_at_any_batch(data, folder, number, seed):
    for batches in (
        ParquetBatches(folder, "clip", size=8, random_state=seed),
        ArrayBatches(data.X, size=8, random_state=seed),
    ):
        rest = list(batches)[number:]
        for source in (batches, list(batches)):
            found = list(start_at(source, number))
            assert len(found) == len(rest)
            for one, other in zip(found, rest, strict=True):
                np.testing.assert_array_equal(one, other)


def test_a_seed_shuffles_the_batches(data, folder):
    for batches in (
        ParquetBatches(folder, "clip", random_state=2),
        ArrayBatches(data.X, size=5, random_state=2),
    ):
        X = np.concatenate(list(batches))
        assert not np.array_equal(X, data.X)
        np.testing.assert_array_equal(np.sort(X[:, 0]), np.sort(data.X[:, 0]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"features": "nowhere"}, "no column 'nowhere'"),
        ({"features": "text"}, "'text' must hold lists"),
        ({"features": ["x0", "text"]}, "'text' must hold numbers"),
        ({"features": ["x0", "up"]}, "'up' of features has a null"),
        ({"features": "clip", "quality": ["model-9"]}, "no column 'model-9'"),
        (
            {"features": "clip", "quality": MODELS, "cost": {"model-9": "x0"}},
            "cost but no quality for 'model-9'",
        ),
        (
            {"features": "clip", "quality": MODELS, "cost": ["x0"]},
            "cost names 1 columns for 3 models",
        ),
    ],
)
def test_a_bad_column_is_named(folder, given, message):
    with pytest.raises(ValueError, match=message):
        list(ParquetBatches(folder, **given))


@pytest.mark.parametrize("row", [[1.0], None, [1.0, None]])
def test_lists_must_be_complete_and_of_one_length(tmp_path, row):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"clip": [[1.0, 2.0], row]})
    frame.to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ValueError, match="'clip'"):
        list(ParquetBatches(tmp_path / "x.parquet", "clip"))


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [(np.zeros(3), None, r"got shape \(3,\)"), (np.zeros((3, 1)), [1, 0], "y has 2")],
)
def test_bad_arrays_are_refused(X, y, message):
    with pytest.raises(ValueError, match=message):
        ArrayBatches(X, y)


@pytest.mark.parametrize("size", [0, -3, 2.5])
def test_a_batch_has_a_query_at_least(data, folder, size):
    for source, columns in ((ArrayBatches, data.y), (ParquetBatches, "clip")):
        place = data.X if source is ArrayBatches else folder
        with pytest.raises(ValueError, match=f"size must be .* got {size}"):
            source(place, columns, size=size)


@pytest.mark.parametrize("form", [Outcomes, pd.DataFrame])
def test_names_that_are_there_cannot_be_given_again(data, form):
    y = data.y if form is Outcomes else pd.DataFrame(data.y.quality, columns=MODELS)
    with pytest.raises(ValueError, match=f"y is a {form.__name__}, which has names"):
        ArrayBatches(data.X, y, models=MODELS[::-1])


def test_an_array_of_a_log_may_get_names():
    log = LoggedOutcomes([[1.0, NAN], [NAN, 0.5]], propensity=[0.2, 0.8])
    table = np.array(np.asarray(log), dtype=float)
    ((_, y),) = ArrayBatches(np.zeros((2, 1)), table, models=["b", "a"])
    assert isinstance(y, LoggedOutcomes)
    np.testing.assert_array_equal(y.propensity, [[0.8, 0.2]] * 2)


def test_outcomes_stay_outcomes(data):
    (batch,) = ArrayBatches(data.X, data.y)
    assert isinstance(batch[1], Outcomes)


def test_parts_without_rows_are_passed_over_and_other_ones_named(data, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    with pytest.raises(ValueError, match="no Parquet file in"):
        ParquetBatches(str(tmp_path), "clip")
    frame = pd.DataFrame({"clip": list(data.X), "large": 1.0})
    empty = arrow.Table.from_pandas(frame.drop(columns="large")).slice(0, 0)
    parquet.write_table(empty, tmp_path / "0.parquet")
    for number, name in enumerate(["large", "large", "large_v2"], start=1):
        part = frame[:20].rename(columns={"large": name})
        part.to_parquet(tmp_path / f"{number}.parquet", row_group_size=10)
    with pytest.raises(ValueError, match=r"3.parquet has no column 'large'; it has"):
        ParquetBatches(tmp_path, "clip", ["large"])
    assert ParquetBatches(tmp_path, "clip").n_queries == 60
    (tmp_path / "3.parquet").unlink()
    assert ParquetBatches(tmp_path, "clip", ["large"]).n_queries == 40


def test_a_bad_value_of_a_file_is_found(data, tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"clip": list(data.X), "large": 0.5})
    frame.loc[37, "large"] = 7.0
    frame.to_parquet(tmp_path / "x.parquet", row_group_size=20)
    batches = ParquetBatches(tmp_path / "x.parquet", "clip", ["large"], size=8)
    place = r"x.parquet, row group 1, from its row 16: .*row 1"
    with pytest.raises(ValueError, match=place):
        list(batches)
