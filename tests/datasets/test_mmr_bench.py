import numpy as np
import pandas as pd
import pytest
from layouts import mmr_frame, write_mmr_bench
from numpy.testing import assert_array_equal
from sklearn.model_selection import train_test_split

from sklroute.datasets import load_features, load_mmr_bench


@pytest.fixture(scope="module")
def frame():
    return mmr_frame()


@pytest.fixture(scope="module")
def root(tmp_path_factory, frame):
    return write_mmr_bench(tmp_path_factory.mktemp("mmr") / "data", frame)


@pytest.fixture(scope="module")
def data(root):
    return load_mmr_bench(root)


def test_models_have_a_score_and_a_cost(data):
    assert data.y.models.tolist() == ["big", "merged", "mid", "small"]


def test_outcomes_are_those_of_the_table(data, frame):
    for model in ("big", "small"):
        (column,) = data.y.index([model])
        assert_array_equal(data.y.quality[:, column], frame[f"{model}_correct"] == 1)
        assert_array_equal(data.y.cost[:, column], frame[f"{model}_cost"])


def test_missing_stays_missing_and_a_cost_of_0_is_unknown(data, frame):
    missing = np.argwhere(~data.y.observed)
    assert_array_equal(missing, [[3, 2]])  # row 3 of "mid"
    assert np.isnan(data.y.cost[:, 1]).all()  # "merged"
    assert not np.isnan(np.delete(data.y.cost, 1, axis=1)).any()


def test_prefixes_with_an_underscore_and_folders_of_another_name(data, root):
    assert set(data.task) == {"MathVerse", "MMStar", "OCRBench", "SEEDBench2_Plus"}
    for row, (name, group) in enumerate(
        zip(data.frame["query_id"], data.task, strict=True)
    ):
        assert name == f"{group}_{row}"
        folder = {"SEEDBench2_Plus": "SEEDBenchv2Plus/{}.jpg", "MathVerse":
                  "MathVerse/{}.png"}.get(group)  # fmt: skip
        expected = None if folder is None else str(root / folder.format(row))
        assert data.image[row] == expected


def test_the_split_is_the_benchmarks_own(data, frame):
    shuffled = frame.sample(frac=1, random_state=42)
    assert_array_equal(data.splits["test"], shuffled.index[:120])
    assert_array_equal(data.splits["train"], shuffled.index[120:])
    train, test = train_test_split(frame.index, train_size=0.2, random_state=42)
    assert_array_equal(data.splits["train"], train)
    assert_array_equal(data.splits["test"], test)


def test_texts_and_other_columns_are_kept(data, frame):
    assert data.text.tolist() == frame["question"].tolist()
    kept = ["query_id", "dataset_idx", "question", "answer", "unpriced_correct"]
    assert list(data.frame) == kept


def test_both_file_names_and_the_file_itself_are_found(tmp_path, frame, data):
    root = write_mmr_bench(tmp_path / "other", frame, name="MMR-Bench.csv")
    for path in (root, root / "MMR-Bench.csv"):
        other = load_mmr_bench(path)
        assert_array_equal(np.asarray(other.y), np.asarray(data.y))
        assert other.path == root / "MMR-Bench.csv"
    with pytest.raises(FileNotFoundError, match=r"MMR_Bench\.csv"):
        load_mmr_bench(tmp_path)


def test_features_are_matched_by_name(tmp_path, data):
    ids = data.frame["query_id"].to_numpy()[::-1]
    features = pd.DataFrame({"dataset_idx": ids, "f": np.arange(150)[::-1]})
    features.to_csv(tmp_path / "x.csv", index=False)
    X = load_features(tmp_path / "x.csv", table=data).X
    assert_array_equal(X.ravel(), np.arange(150))


def test_a_name_that_leads_elsewhere_names_no_image(tmp_path, frame):
    frame = frame.copy()
    frame.loc[0, "dataset_idx"] = "MathVerse_../MathVerse/0"
    assert load_mmr_bench(write_mmr_bench(tmp_path / "m", frame)).image[0] is None


def without(name):
    return lambda frame: frame.drop(columns=name)


def with_cell(row, name, value):
    def change(frame):
        frame = frame.astype({name: object})
        frame.loc[row, name] = value
        return frame

    return change


BAD = {
    "no ids": (without("dataset_idx"), "no column 'dataset_idx'"),
    "own ids": (lambda f: f.assign(query_id=1), "'query_id' beside 'dataset_idx'"),
    "no questions": (without("question"), "no column 'question'"),
    "no pair": (lambda f: f.filter(regex="idx|question|_correct"), "no model: there"),
    "twice": (with_cell(5, "dataset_idx", "MMStar_9"), r"'MMStar_9' appears twice"),
    "unknown set": (with_cell(5, "dataset_idx", "Foo_1"), "row 5: 'Foo_1' starts with"),
    "empty id": (with_cell(5, "dataset_idx", None), "'dataset_idx', row 5 is empty"),
    "score": (with_cell(7, "big_correct", 3), "row 7, model 'big' has 3"),
    "text": (with_cell(7, "big_correct", "yes"), "'big_correct', row 7: 'yes' is not"),
    "cost": (with_cell(7, "big_cost", -1), "row 7, model 'big' has -1"),
    "cost text": (with_cell(7, "big_cost", "?"), r"'big_cost', row 7: '\?' is not"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_a_bad_table_is_refused_with_its_path_and_place(
    tmp_path, frame, change, message
):
    frame = frame.assign(dataset_idx=frame["dataset_idx"].where(
        frame.index != 9, "MMStar_9"))  # fmt: skip
    changed = change(frame.copy())
    changed.to_csv(tmp_path / "MMR_Bench.csv", index=False)
    with pytest.raises(ValueError, match=message) as error:
        load_mmr_bench(tmp_path)
    assert str(tmp_path / "MMR_Bench.csv") in str(error.value)
