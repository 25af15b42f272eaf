"""Files: JSON Lines as tables, pickles of names, half-written files."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklroute.datasets import load_features, load_outcomes
from sklroute.datasets._files import read_names, read_records

ROWS = [
    {"query": "a", "model": "m", "quality": 1, "cost": 2.5, "task": "ocr"},
    {"query": "a", "model": "n", "quality": 0.5, "task": "ocr"},
    {"query": "b", "model": "m", "quality": True, "cost": None, "task": "chat"},
]


def write(path, records):
    path.write_text("\n".join(json.dumps(record) for record in records) + "\n\n")
    return path


def test_json_lines_say_the_same_as_csv(tmp_path):
    lines = load_outcomes(write(tmp_path / "log.jsonl", ROWS), task="task")
    pd.DataFrame(ROWS).to_csv(tmp_path / "log.csv", index=False)
    table = load_outcomes(tmp_path / "log.csv", task="task")
    np.testing.assert_array_equal(np.asarray(lines.y), np.asarray(table.y))
    assert lines.task.tolist() == table.task.tolist() == ["ocr", "chat"]
    np.testing.assert_array_equal(lines.y.quality, [[1, 0.5], [1, np.nan]])


def test_wide_json_lines_may_lack_keys(tmp_path):
    path = write(tmp_path / "t.jsonl", [{"q:a": 1, "q:b": 0}, {"q:b": True}])
    np.testing.assert_array_equal(load_outcomes(path).y.quality, [[1, 0], [np.nan, 1]])


def test_features_in_json_lines_are_matched_by_name(tmp_path):
    table = load_outcomes(write(tmp_path / "log.jsonl", ROWS))
    path = tmp_path / "x.jsonl"
    write(path, [{"query": "b", "image": [3, 4]}, {"query": "a", "image": [1, 2]}])
    np.testing.assert_array_equal(load_features(path, table=table).X, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"q:a": 1}\n{"q:a": 0, "q', r"t\.jsonl: line 2 is not readable JSON"),
        ('{"q:a": 1}\n[0]\n', r"t\.jsonl: line 2 is not an object but \[0\]"),
        ('{"q:a": "x"}\n', r"t\.jsonl: column 'q:a', row 0: 'x' is not a number"),
        ("\n", r"t\.jsonl: the table is empty"),
        (
            '{"query": {"id": 1}, "model": "m", "quality": 1}',
            r"t\.jsonl: Column 'query', row 0: {'id': 1} is no name",
        ),
        (
            '{"query": 1, "model": "m", "quality": 1}\n'
            '{"query": "1", "model": "n", "quality": 0}',
            r"t\.jsonl: Column 'query' has texts and other values: '1' in row 1, 1 in",
        ),
    ],
)
def test_bad_json_lines_are_named_with_their_line(tmp_path, text, message):
    (tmp_path / "t.jsonl").write_text(text)
    with pytest.raises(ValueError, match=message):
        load_outcomes(tmp_path / "t.jsonl")


HUGE, DEEP = "1" + 400 * "0", 100_000 * "[" + 100_000 * "]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f'{{"q:a": 1}}\n{{"q:a": {HUGE}}}', "row 1, model 'a' has inf"),
        (f'{{"q:a": 1, "cost:a": -{HUGE}}}', "row 0, model 'a' has -inf"),
        (f'{{"query": 1, "model": "m", "quality": {HUGE}}}', "quality .* inf"),
        (f'{{"q:a": 1}}\n{{"q:a": 1{5000 * "0"}}}', "line 2 is not readable JSON"),
        (f'{{"q:a": 1}}\n{{"q:a": 1, "x": {DEEP}}}', "line 2 is not readable JSON"),
    ],
    ids=["quality", "cost", "log", "digits", "depth"],
)
def test_what_is_too_large_or_too_deep_is_named(tmp_path, text, message):
    (tmp_path / "t.jsonl").write_text(text)
    with pytest.raises(ValueError, match=rf"t\.jsonl: .*{message}"):
        load_outcomes(tmp_path / "t.jsonl")


def test_a_number_too_large_in_a_csv_file_is_named(tmp_path):
    (tmp_path / "t.csv").write_text(f"q:a\n1\n{HUGE}\n")
    with pytest.raises(ValueError, match=r"t\.csv: .* row 1, model 'a' has inf"):
        load_outcomes(tmp_path / "t.csv")


def test_a_feature_too_large_is_named(tmp_path):
    (tmp_path / "x.jsonl").write_text(f'{{"f": 1, "g": 2}}\n{{"f": 1, "g": {HUGE}}}')
    with pytest.raises(ValueError, match=r"x\.jsonl: .* row 1, column 1 is inf"):
        load_features(tmp_path / "x.jsonl")


def test_lists_too_deep_to_compare_are_named(tmp_path):
    deep = 600 * "[" + 600 * "]"
    call = f'{{"query": 1, "model": "m", "quality": 1, "tools": {deep}}}'
    (tmp_path / "t.jsonl").write_text(call)
    with pytest.raises(ValueError, match=r"t\.jsonl: column 'tools' has lists in"):
        load_outcomes(tmp_path / "t.jsonl")


def test_half_a_character_is_told_with_its_file(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"q:a": 1, "text": "\\ud83d"}')
    with pytest.raises(ValueError, match=r"t\.jsonl: .*surrogates not allowed"):
        load_outcomes(tmp_path / "t.jsonl")


def test_bytes_that_are_no_text_are_named(tmp_path):
    (tmp_path / "t.jsonl").write_bytes(b"\xff\xfe{}")
    with pytest.raises(ValueError, match=r"t\.jsonl: not a readable text file"):
        read_records(tmp_path / "t.jsonl")


# -- pickles -------------------------------------------------------------------------


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_names_are_read(tmp_path):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path = tmp_path / f"{protocol}.pkl"
        path.write_bytes(pickle.dumps(["b", "a"], protocol))
        assert read_names(path) == ["b", "a"]


def test_a_pickle_runs_nothing(tmp_path):
    target = tmp_path / "pwned"
    path = tmp_path / "names.pkl"
    path.write_bytes(pickle.dumps(["a", Bomb(target)]))
    with pytest.raises(ValueError, match=r"names\.pkl: not a readable pickle: it asks"):
        read_names(path)
    assert not target.exists()
    pickle.loads(path.read_bytes())  # the bomb is real
    assert target.exists()


@pytest.mark.parametrize(
    "content", [np.array(["a"]), {"a": 0}, ["a", 1], ("a",), pd.Series(["a"])]
)
def test_only_lists_of_texts_are_names(tmp_path, content):
    path = tmp_path / "names.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=r"names\.pkl: .* lists? of str"):
        read_names(path)


@pytest.mark.parametrize("size", [0, 1, 7, 20])
def test_half_a_pickle_is_named(tmp_path, size):
    path = tmp_path / "names.pkl"
    path.write_bytes(pickle.dumps(["first", "second"])[:size])
    with pytest.raises(ValueError, match=r"names\.pkl: not a readable pickle"):
        read_names(path)


# -- half-written files --------------------------------------------------------------


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_half_a_parquet_file_is_named(tmp_path, share):
    whole, path = tmp_path / "whole.parquet", tmp_path / "half.parquet"
    pd.DataFrame({"q:a": np.linspace(0, 1, 500)}).to_parquet(whole)
    content = whole.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"half\.parquet: not a readable Parquet"):
        load_outcomes(path)


@pytest.mark.parametrize("kind", ["npy", "npz"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_half_a_numpy_file_is_named(tmp_path, kind, share):
    whole, path = tmp_path / f"whole.{kind}", tmp_path / f"half.{kind}"
    array = np.random.default_rng(0).random((50, 4))
    if kind == "npy":
        np.save(whole, array)
    else:
        np.savez_compressed(whole, image=array)
    content = whole.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=f"half.{kind}: not a readable NumPy"):
        load_features(path)


@pytest.mark.parametrize("value", [None, "x", [2], 10**400])
def test_a_list_that_holds_no_number_is_named_with_its_row(tmp_path, value):
    path = write(tmp_path / "x.jsonl", [{"image": [1, 2]}, {"image": [1, value]}])
    with pytest.raises(ValueError, match=r"'image', row 1 is not a list of 2 numbers"):
        load_features(path)


def test_a_list_of_another_length_is_named_with_its_row(tmp_path):
    path = tmp_path / "x.jsonl"
    write(path, [{"image": [1, 2]}, {"image": [3]}])
    with pytest.raises(ValueError, match=r"x\.jsonl: column 'image', row 1 is not a"):
        load_features(path)


def test_lists_in_a_list_are_named_with_their_row(tmp_path):
    path = write(tmp_path / "x.jsonl", [{"image": [[1, 2], 3]}, {"image": [1, 2]}])
    with pytest.raises(ValueError, match=r"x\.jsonl: column 'image', row 0 is not a"):
        load_features(path)
