"""Users' tables are read as they are, and refused with a reason."""

import numpy as np
import pandas as pd
import pytest

from sklroute.datasets import load_features, load_outcomes

WIDE = """query_id,task,q:small,q:large,cost:small,cost:large
a,ocr,0,1,1,9
b,chat,0.5,,1,
c,chat,1,1,2,8
"""
LONG = """query,model,quality,cost,task,seconds
a,large,1,9,ocr,.3
a,small,0,1,ocr,.1
b,small,0.5,1,chat,.2
c,large,1,8,chat,.2
c,small,1,2,chat,.4
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="table.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_blank_lines_before_the_header_are_no_table(write):
    table = load_outcomes(write("\n  \nquery_id,q:a,q:b\n\n007,0,1\n\nNA,1,0\n"))
    assert table.frame["query_id"].tolist() == ["007", "NA"]
    np.testing.assert_array_equal(table.y.quality, [[0, 1], [1, 0]])


def test_a_first_prompt_of_any_length_is_read(write):
    prompt = "word " * 100_000
    table = load_outcomes(write(f'q:a,q:b,prompt\n0,1,"{prompt}"\n1,0,x\n'))
    assert table.frame["prompt"].tolist() == [prompt, "x"]


@pytest.mark.parametrize("text", [WIDE, LONG], ids=["wide", "long"])
def test_both_forms_of_one_table_say_the_same(write, text):
    table = load_outcomes(write(text), task="task")
    assert table.y.models.tolist() == ["large", "small"]
    np.testing.assert_array_equal(table.y.quality, [[1, 0], [np.nan, 0.5], [1, 1]])
    np.testing.assert_array_equal(table.y.cost, [[9, 1], [np.nan, 1], [8, 2]])
    assert table.task.tolist() == ["ocr", "chat", "chat"]
    assert table.groups is None


def test_a_wide_table_keeps_its_other_columns(write):
    table = load_outcomes(write(WIDE))
    assert list(table.frame) == ["query_id", "task"]


def test_a_log_keeps_what_is_constant_within_its_queries(write):
    table = load_outcomes(write(LONG))
    assert list(table.frame) == ["query", "task"]
    assert table.frame["query"].tolist() == ["a", "b", "c"]


def test_a_log_may_hold_lists(write):
    calls = [
        '{"query": "q", "model": "a", "quality": 1, "tags": ["x"], "tokens": [1]}',
        '{"query": "q", "model": "b", "quality": 0, "tags": ["x"], "tokens": [2]}',
    ]
    table = load_outcomes(write("\n".join(calls), "log.jsonl"))
    assert table.frame.to_dict("list") == {"query": ["q"], "tags": [["x"]]}


@pytest.mark.parametrize("own", [{}, {"query": "call", "model": "llm"}], ids=str)
def test_names_in_a_csv_file_are_texts_as_they_stand(write, own):
    query, model = own.get("query", "query"), own.get("model", "model")
    calls = ["007,NA,1", "007,None,0", "7,NA,0", "7,None,1"]
    table = load_outcomes(
        write(
            f"{query},{model},quality,task\n"
            + "".join(f"{call},null\n" for call in calls)
        ),
        columns=own,
        task="task",
    )
    assert table.frame[query].tolist() == ["007", "7"]
    assert table.y.models.tolist() == ["NA", "None"]
    assert table.task.tolist() == ["null", "null"]
    features = write(f"{query},size\n7,1\n007,2\n", name="features.csv")
    assert load_features(features, table=table).X.tolist() == [[2.0], [1.0]]


def test_a_query_id_given_twice_is_refused(write):
    with pytest.raises(ValueError, match="'query_id', row 1: 'a' appears twice"):
        load_outcomes(write("query_id,q:x,q:y\na,1,0\na,0,1\n"))


def test_costs_may_be_absent(write):
    table = load_outcomes(write("q:a,q:b\n0,1\n1,1\n"))
    assert np.isnan(table.y.cost).all()


def test_a_model_may_lack_costs(write):
    table = load_outcomes(write("q:a,q:b,cost:b\n0,1,3\n1,1,4\n"))
    np.testing.assert_array_equal(table.y.cost, [[np.nan, 3], [np.nan, 4]])


def test_true_and_false_are_qualities(write):
    table = load_outcomes(write("q:a,q:b\nTrue,False\nTrue,True\n"))
    np.testing.assert_array_equal(table.y.quality, [[1, 0], [1, 1]])


def test_blanks_around_a_name_are_no_part_of_it(write):
    table = load_outcomes(write("query_id, q:a , q:b, task\n 07, 1, 0, x\n 8, 0, 1, y"))
    np.testing.assert_array_equal(table.y.quality, [[1, 0], [0, 1]])
    assert table.frame["query_id"].tolist() == ["07", "8"]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_blanks_around_a_name_are_no_part_of_it_in_other_files(write, tmp_path, kind):
    path = tmp_path / f"t.{kind}"
    calls = pd.DataFrame(
        {"query": ["a", "a "], "model": [" m", "n"], "quality": [1.0, 0.0]}
    )
    if kind == "parquet":
        pytest.importorskip("pyarrow")
        calls.to_parquet(path)
    else:
        calls.to_json(path, orient="records", lines=True)
    table = load_outcomes(path)
    assert table.y.models.tolist() == ["m", "n"]
    np.testing.assert_array_equal(table.y.quality, [[1, 0]])


def test_the_ending_of_a_file_may_be_in_capitals(write, tmp_path):
    table = load_outcomes(write(WIDE, "TABLE.CSV"))
    np.save(tmp_path / "x.npy", np.ones((3, 2)))
    (tmp_path / "x.npy").rename(tmp_path / "X.NPY")
    assert load_features(tmp_path / "X.NPY", table=table).X.shape == (3, 2)


@pytest.mark.parametrize("values", ["datetime64[ns]", "timedelta64[ns]"])
def test_times_are_no_numbers(tmp_path, values):
    pytest.importorskip("pyarrow")
    calls = pd.DataFrame({"query": [1], "model": ["m"], "quality": [1.0]})
    calls["cost"] = pd.Series([10**9]).astype(values)
    calls.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"column 'cost', row 0: Time.* not a number"):
        load_outcomes(tmp_path / "t.parquet")


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    path = tmp_path / "excel.csv"
    path.write_text("q:a,q:b\n0,1\n1,0\n", encoding="utf-8-sig")
    assert load_outcomes(path).y.models.tolist() == ["a", "b"]


@pytest.mark.parametrize("text", [WIDE, LONG], ids=["wide", "long"])
def test_parquet_says_the_same_as_csv(write, tmp_path, text):
    from_csv = load_outcomes(write(text))
    pd.read_csv(write(text)).to_parquet(tmp_path / "table.parquet")
    from_parquet = load_outcomes(tmp_path / "table.parquet")
    np.testing.assert_array_equal(np.asarray(from_csv.y), np.asarray(from_parquet.y))
    pd.testing.assert_frame_equal(from_csv.frame, from_parquet.frame, check_dtype=False)


BAD_TABLES = {
    "empty file": ("", "the table is empty"),
    "no rows": ("q:a,q:b\n", "the table is empty"),
    "no quality": ("text,cost:a\nhi,1\n", "name yours by columns .--columns"),
    "log without model": ("query,quality\na,1\n", "no quality column"),
    "quality 1.2": ("q:a,q:b\n0,1\n1,1.2\n", r"row 1, model 'b' has 1\.2"),
    "negative cost": ("q:a,q:b,cost:b\n0,1,-3\n", r"row 0, model 'b' has -3"),
    "text for a number": ("q:a,q:b\n0,1\nyes,1\n", "'q:a', row 1: 'yes'"),
    "repeated column": ("q:a,q:a\n0,1\n", "column 'q:a' appears twice"),
    "cost of nobody": ("q:a,q:b,cost:c\n0,1,2\n", "'cost:c' has no 'q:c'"),
    "empty row": ("q:a,q:b\n0,1\n,\n1,1\n", "Row 1 of y has no observed quality"),
    "empty model": ("q:a,q:b\n0,\n1,\n", "Model 'b' has no observed quality"),
    "call twice": ("query,model,quality\na,m,1\na,m,0\n", "'a' has more than one row"),
    "unscored query": (
        "query,model,quality\na,m,1\nb,m,\nb,n,\na,n,0\n",
        r"query 'b' has no quality in any row \(1 of 2 queries\)",
    ),
    "long rows": ("q:a,q:b\n1,0,1\n0,1,1\n", "rows have more cells than the header"),
    "comma at the end": ("q:a,q:b\n1,0,\n0,1,\n", "more cells than the header"),
    "nameless model": ("query,model,quality\na,m,1\na,,0\n", "'model', row 1 is empty"),
    "nameless query": ("query,model,quality\n,m,1\n", "'query', row 0 is empty"),
    "semicolons": ("q:a;q:b\n0,5;1\n", r"by ';'.*read_csv\(PATH, sep=';', decimal=','"),
    "tabs": ("q:a\tq:b\n0.5\t1\n", r"by '\\t'.*read_csv\(PATH, sep='\\t'\)"),
    "title": ("my table\nq:a,q:b\n0,1\n", r"the header, \['my table'\]"),
    "ragged": ('q:a,q:b\n0,1\n0,1,2\n"', "not a readable CSV file"),
}


@pytest.mark.parametrize(("text", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_a_bad_table_is_refused_with_its_path_and_place(write, text, message):
    path = write(text)
    with pytest.raises(ValueError, match=message) as error:
        load_outcomes(path)
    assert str(path) in str(error.value)


def test_a_csv_file_of_another_encoding_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("q:größe,q:b\n0,1\n", encoding="latin-1")
    with pytest.raises(ValueError, match=r"not a readable CSV file, save it in UTF-8"):
        load_outcomes(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        load_outcomes(tmp_path / "nowhere.csv")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npy"):
        load_features(tmp_path / "nowhere.npy")


def test_an_unknown_kind_of_file_is_named(write):
    with pytest.raises(ValueError, match=r"unknown kind of file '\.xlsx'"):
        load_outcomes(write("", "table.xlsx"))


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.npy", "t.npz"])
def test_a_broken_file_is_named(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"\x89PNG\r\n\xff\xfe")
    load, kind = (load_features, "NumPy") if ".np" in name else (load_outcomes, "")
    with pytest.raises(ValueError, match=f"{name}: not a readable {kind}"):
        load(path)


def test_blanks_are_no_part_of_a_model_in_a_header(write):
    y = load_outcomes(write("q: a,q:b ,cost:a,cost: b\n1,0,2,3\n")).y
    assert y.models.tolist() == ["a", "b"]
    assert y.cost.tolist() == [[2, 3]]
    with pytest.raises(ValueError, match="column 'q:a' names the same model as anoth"):
        load_outcomes(write("q: a,q:a\n1,0\n"))
    with pytest.raises(ValueError, match="column 'q:' names no model"):
        load_outcomes(write("q: ,q:a\n1,0\n"))


def test_truth_and_numbers_may_share_a_column(write):
    y = load_outcomes(write("q:a,q:b\nTRUE,0.5\n0.25,FALSE\n")).y
    assert y.quality.tolist() == [[1, 0.5], [0.25, 0]]


@pytest.mark.parametrize("cell", ["45%", "$0.01", '"0,5"', "1 ms"])
def test_what_is_no_number_is_told_with_what_is(write, cell):
    message = (
        f"column 'cost:a', row 1: '.*{cell[-2]}.*' is not a number such as 0.5, with"
    )
    with pytest.raises(ValueError, match=message):
        load_outcomes(write(f"q:a,q:b,cost:a\n1,0,2\n1,0,{cell}\n"))


def test_unknown_and_incomplete_group_columns_are_named(write):
    with pytest.raises(ValueError, match=r"no column 'topic' .* 'task'"):
        load_outcomes(write(WIDE), task="topic")
    message = r"no column 'seconds' with one value per .*: query 'a' has several; there"
    with pytest.raises(ValueError, match=message):
        load_outcomes(write(LONG), groups="seconds")
    assert load_outcomes(write(LONG)).varying == {"seconds": "a"}
    assert load_outcomes(write(WIDE)).varying == {}
    with pytest.raises(ValueError, match="column 'task', row 1 is empty"):
        load_outcomes(write("task,q:a\nocr,1\n,0\n"), groups="task")


def test_one_array_is_one_block(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(6).reshape(3, 2))
    features = load_features(tmp_path / "x.npy")
    assert features.X.dtype == np.float32
    assert features.modalities == {"features": slice(0, 2)}


def test_an_npz_file_has_a_block_per_array(tmp_path):
    image, text = np.zeros((4, 3), "f2"), np.ones((4, 2), "f2")
    np.savez(tmp_path / "x.npz", image=image, text=text)
    features = load_features(tmp_path / "x.npz")
    assert features.modalities == {"image": slice(0, 3), "text": slice(3, 5)}
    np.testing.assert_array_equal(features.X, np.hstack([image, text]))


def test_a_column_of_lists_is_a_block(tmp_path):
    frame = pd.DataFrame({"image": [[1.0, 2.0], [3.0, 4.0]], "length": [7, 9]})
    frame.to_parquet(tmp_path / "x.parquet")
    features = load_features(tmp_path / "x.parquet")
    assert features.modalities == {"image": slice(0, 2), "features": slice(2, 3)}
    np.testing.assert_array_equal(features.X, [[1, 2, 7], [3, 4, 9]])


def test_blocks_may_be_missing_in_whole_rows(tmp_path):
    image = np.array([[np.nan, np.nan], [1.0, 2.0]])
    np.savez(tmp_path / "x.npz", image=image, text=np.ones((2, 1)))
    frame = pd.DataFrame({"image": [None, [1.0, 2.0]], "text": [[1.0], [1.0]]})
    frame.to_parquet(tmp_path / "x.parquet")
    for name in ("x.npz", "x.parquet"):
        features = load_features(tmp_path / name)
        np.testing.assert_array_equal(features.X, [[np.nan, np.nan, 1], [1, 2, 1]])


def test_rows_are_matched_by_name_where_both_files_have_it(write):
    table = load_outcomes(write(LONG))
    path = write("query_id,f\nc,3\nx,9\na,1\nb,2\n", "features.csv")
    assert load_features(path, table=table).X.ravel().tolist() == [1, 2, 3]


@pytest.mark.parametrize("ids", [["7", "8", "9"], ["a", "b", "c"]])
def test_names_of_queries_are_no_feature(write, ids):
    rows = "".join(f"{name},{i % 2}\n" for i, name in enumerate(ids))
    path = write("request,q:x\n" + rows)
    features = write("request,f\n" + "".join(rows.splitlines(True)[::-1]), "x.csv")
    with pytest.raises(ValueError, match=r"x\.csv: column 'request' .*query=request"):
        load_features(features, table=load_outcomes(path))
    table = load_outcomes(path, columns={"query": "request"})
    assert load_features(features, table=table).X.ravel().tolist() == [0, 1, 0]


def test_names_of_queries_under_another_name_are_no_feature(write):
    rows = "".join(f"{name},{name % 2}\n" for name in (7, 8, 9))
    features = write("id,f\n9,1\n8,0\n7,1\n", "x.csv")
    table = load_outcomes(write("query_id,q:x\n" + rows))
    with pytest.raises(ValueError, match=r"column 'id' has .* call it 'query_id';"):
        load_features(features, table=table)
    table = load_outcomes(write("request,q:x\n" + rows))
    features = write("query,f\n9,1\n8,0\n7,1\n", "x.csv")
    with pytest.raises(ValueError, match="call it 'request' and say so, by columns"):
        load_features(features, table=table)


def test_names_of_one_name_are_matched_before_others(write):
    table = load_outcomes(write("query_id,query,q:x\n1,2,1\n2,1,0\n"))
    features = write("query,f\n1,10\n2,20\n", "x.csv")
    assert load_features(features, table=table).X.ravel().tolist() == [20, 10]


def test_whole_numbers_as_floats_name_the_same_queries(write, tmp_path):
    pytest.importorskip("pyarrow")
    for name, dtype in (("t", float), ("x", int)):
        frame = pd.DataFrame({"query": np.array([7, 8], dtype), f"{name}": [1.0, 0.5]})
        frame.rename(columns={"t": "q:m"}).to_parquet(tmp_path / f"{name}.parquet")
    table = load_outcomes(tmp_path / "t.parquet")
    X = load_features(tmp_path / "x.parquet", table=table).X
    assert X.ravel().tolist() == [1, 0.5]


def test_whole_numbers_that_repeat_are_features(write):
    table = load_outcomes(write("length,q:x\n5,1\n5,0\n8,1\n"))
    features = write("length\n5\n5\n8\n", "x.csv")
    assert load_features(features, table=table).X.ravel().tolist() == [5, 5, 8]


@pytest.mark.parametrize("name", ["q:x", "cost:x"])
def test_outcomes_are_no_features(write, name):
    path = write(f"f,{name}\n1,1\n2,0\n")
    with pytest.raises(ValueError, match=f"column '{name}' holds outcomes"):
        load_features(path)


def test_a_query_without_features_is_named(write):
    table = load_outcomes(write(WIDE))
    path = write("query_id,f\nc,3\na,1\n", "features.csv")
    with pytest.raises(ValueError, match=r"features\.csv has no row .* 'b' of"):
        load_features(path, table=table)


def test_features_of_a_query_given_twice_are_refused(write):
    table = load_outcomes(write(WIDE))
    path = write("query_id,f\na,3\na,1\n", "features.csv")
    with pytest.raises(ValueError, match="'a' appears twice"):
        load_features(path, table=table)


def test_a_different_number_of_rows_names_both_files(write, tmp_path):
    table = load_outcomes(write(WIDE))
    np.save(tmp_path / "x.npy", np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"x\.npy has 2 rows, .*table\.csv has 3"):
        load_features(tmp_path / "x.npy", table=table)


BAD_ARRAYS = {
    "NaN": ({"a": np.array([[0.0, np.nan]])}, "block 'a', row 0, column 1 is nan"),
    "1-D": ({"a": np.zeros(3)}, "block 'a' must hold numbers in the shape"),
    "text": ({"a": np.array([["x"]])}, "block 'a' must hold numbers"),
    "rows": ({"a": np.zeros((2, 1)), "b": np.zeros((3, 1))}, "differ in their rows"),
    "none": ({}, "holds no array"),
    "objects": ({"a": np.array([[None]])}, "not a readable NumPy file"),
}


@pytest.mark.parametrize(("arrays", "message"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_bad_arrays_are_refused_with_their_place(tmp_path, arrays, message):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(ValueError, match=message) as error:
        load_features(tmp_path / "x.npz")
    assert "x.npz" in str(error.value)


def test_an_index_is_no_feature(write):
    with pytest.raises(ValueError, match=r"x\.csv: a column has no name"):
        load_features(write(",f\n0,1.5\n1,2.5\n", "x.csv"))


def test_the_index_of_a_parquet_file_names_its_rows(write, tmp_path):
    pytest.importorskip("pyarrow")
    table = load_outcomes(write(WIDE))
    frame = pd.DataFrame({"f": [3.0, 2.0, 1.0]}, index=["c", "b", "a"])
    frame.rename_axis("query_id").to_parquet(tmp_path / "x.parquet")
    X = load_features(tmp_path / "x.parquet", table=table).X
    assert X.ravel().tolist() == [1, 2, 3]
    frame.set_index(pd.Index([1, 2, 3], name="seed")).to_parquet(tmp_path / "x.parquet")
    X = load_features(tmp_path / "x.parquet", table=table).X
    assert X.ravel().tolist() == [3, 2, 1]  # it names no query


@pytest.mark.parametrize("name", [None, "request"])
def test_names_in_an_index_of_another_name_are_not_overlooked(write, tmp_path, name):
    pytest.importorskip("pyarrow")
    table = load_outcomes(write(WIDE))
    frame = pd.DataFrame({"f": [3.0, 2.0, 1.0]}, index=["c", "b", "a"])
    frame.rename_axis(name).to_parquet(tmp_path / "x.parquet")
    what = "the index" if name is None else f"column '{name}'"
    with pytest.raises(ValueError, match=f"{what} has .* call it 'query_id';"):
        load_features(tmp_path / "x.parquet", table=table)


def test_the_index_of_a_parquet_table_names_its_rows_too(write, tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"q:m": [1.0, 0.0]}, index=pd.Index([7, 8], name="request"))
    frame.to_parquet(tmp_path / "t.parquet")
    table = load_outcomes(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match=r"column 'request' has .* --columns query="):
        load_features(write("request,f\n8,2\n7,1\n", "x.csv"), table=table)


@pytest.mark.parametrize("name", ["sample_id", "dataset_idx", "request"])
@pytest.mark.parametrize("drop", [True, False])
def test_an_index_is_a_column_of_a_parquet_table(tmp_path, name, drop):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({name: ["x", "y"], "q:m": [1.0, 0.0]})
    frame.set_index(name, drop=drop).to_parquet(tmp_path / "t.parquet")
    table = load_outcomes(tmp_path / "t.parquet", columns={"query": name})
    assert table.frame[name].tolist() == ["x", "y"]
    features = pd.DataFrame({name: ["y", "x"], "f": [2.0, 1.0]}).set_index(name)
    features.to_parquet(tmp_path / "x.parquet")
    assert load_features(tmp_path / "x.parquet", table=table).X.tolist() == [[1], [2]]


def test_only_one_of_the_names_of_rows_is_needed_and_none_is_a_feature(write, tmp_path):
    pytest.importorskip("pyarrow")
    table = load_outcomes(write(WIDE))
    index = pd.Index([7, 8, 9], name="dataset_idx")
    frame = pd.DataFrame({"query_id": ["c", "b", "a"], "f": [3.0, 2.0, 1.0]}, index)
    frame.assign(query=[[5.0], [6.0], [7.0]]).to_parquet(tmp_path / "x.parquet")
    features = load_features(tmp_path / "x.parquet", table=table)
    assert features.X.tolist() == [[7, 1], [6, 2], [5, 3]]  # a list is a feature


def test_text_among_the_features_is_named(write):
    with pytest.raises(ValueError, match=r"x\.csv: column 'f', row 1: 'hello'"):
        load_features(write("f,g\n1,2\nhello,3\n", "x.csv"))


def test_a_table_of_names_alone_has_no_features(write):
    with pytest.raises(ValueError, match="no column of features"):
        load_features(write("query_id\na\n", "x.csv"))


def test_lists_of_different_lengths_are_refused(tmp_path):
    frame = pd.DataFrame({"image": [[1.0, 2.0], [3.0]]})
    frame.to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=r"x\.parquet"):
        load_features(tmp_path / "x.parquet")
