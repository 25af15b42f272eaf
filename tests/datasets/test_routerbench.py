import numpy as np
import pandas as pd
import pytest
from layouts import write_routerbench
from numpy.testing import assert_array_equal

from sklroute.datasets import load_features, load_routerbench


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_every_export_says_the_same(tmp_path, kind):
    frame = write_routerbench(tmp_path / f"rb.{kind}")
    data = load_routerbench(tmp_path / f"rb.{kind}")
    assert data.y.models.tolist() == ["gpt-4", "mid", "yi/34b"]
    for column, model in enumerate(data.y.models):
        assert_array_equal(data.y.quality[:, column], frame[model])
        np.testing.assert_allclose(data.y.cost[:, column], frame[f"{model}|total_cost"])
    assert data.text.tolist() == frame["prompt"].tolist()
    assert data.task.tolist() == frame["eval_name"].tolist()
    assert data.splits is None
    assert data.image is None
    kept = ["query_id", "sample_id", "prompt", "eval_name", "oracle_model_to_route_to"]
    assert list(data.frame) == kept


def test_missing_stays_missing_and_a_cost_of_0_is_unknown(tmp_path):
    path = tmp_path / "rb.csv"
    frame = write_routerbench(path)
    frame.loc[2, "mid"] = np.nan
    frame.loc[3, "mid|total_cost"] = 0.0
    frame.to_csv(path, index=False)
    y = load_routerbench(path).y
    assert_array_equal(np.argwhere(~y.observed), [[2, 1]])
    assert_array_equal(np.argwhere(np.isnan(y.cost)), [[3, 1]])


def test_features_are_matched_by_name(tmp_path):
    frame = write_routerbench(tmp_path / "rb.csv")
    data = load_routerbench(tmp_path / "rb.csv")
    features = pd.DataFrame({"sample_id": frame["sample_id"], "f": range(len(frame))})
    features.sample(frac=1, random_state=0).to_csv(tmp_path / "x.csv", index=False)
    X = load_features(tmp_path / "x.csv", table=data).X
    assert_array_equal(X.ravel(), range(len(frame)))


def test_names_in_a_csv_file_stay_as_they_are(tmp_path):
    frame = write_routerbench(tmp_path / "rb.csv")
    names = [f"{row:04d}" for row in range(len(frame))]
    frame.assign(sample_id=names, eval_name="NA").to_csv(
        tmp_path / "rb.csv", index=False
    )
    data = load_routerbench(tmp_path / "rb.csv")
    assert data.frame["query_id"].tolist() == names
    assert set(data.task) == {"NA"}


@pytest.mark.parametrize("drop", [True, False])
def test_the_index_of_a_parquet_file_may_name_the_queries(tmp_path, drop):
    path = tmp_path / "rb.parquet"
    frame = write_routerbench(path)
    frame.set_index("sample_id", drop=drop).to_parquet(path)
    data = load_routerbench(path)
    assert data.frame["query_id"].tolist() == frame["sample_id"].tolist()


def test_a_pickle_is_not_even_opened(tmp_path):
    with pytest.raises(ValueError, match=r"rb\.pkl: a pickle can run any code"):
        load_routerbench(tmp_path / "rb.pkl")


BAD = {
    "no ids": (lambda f: f.drop(columns="sample_id"), "no column 'sample_id'"),
    "own ids": (lambda f: f.assign(query_id=1), "'query_id' beside 'sample_id'"),
    "no prompt": (lambda f: f.drop(columns="prompt"), "no column 'prompt'"),
    "no cost": (lambda f: f.drop(columns="mid|total_cost"), r"'mid\|total_cost'"),
    "no quality": (lambda f: f.drop(columns="mid"), "no column 'mid'"),
    "no model": (lambda f: f[["sample_id", "prompt", "eval_name"]], "no model: there"),
    "twice": (lambda f: pd.concat([f, f[:1]]), "row 150: 'task.*' appears twice"),
    "score": (lambda f: f.assign(mid=1.5), "row 0, model 'mid' has 1.5"),
    "text": (lambda f: f.assign(mid="good"), "column 'mid', row 0: 'good' is not"),
    "prompt": (lambda f: f.assign(prompt=None), "column 'prompt', row 0 is empty"),
}


@pytest.mark.parametrize(("change", "message"), BAD.values(), ids=BAD)
def test_a_bad_table_is_refused_with_its_path_and_place(tmp_path, change, message):
    path = tmp_path / "rb.csv"
    change(write_routerbench(path)).to_csv(path, index=False)
    with pytest.raises(ValueError, match=message) as error:
        load_routerbench(path)
    assert str(path) in str(error.value)
