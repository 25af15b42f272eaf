"""Vectors are kept by content and encoder, whole batches or nothing."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sklroute.features._store import FeatureStore


def vectors(*numbers):
    return {
        f"content {number}".encode(): np.full(3, number, dtype=np.float32)
        for number in numbers
    }


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for content, vector in expected.items():
        np.testing.assert_array_equal(found[content], vector)
        assert found[content].dtype == np.float32


def test_what_was_written_is_read_by_another_store(tmp_path):
    FeatureStore(tmp_path / "new" / "folder", "a").write(vectors(1, 2))
    store = FeatureStore(tmp_path / "new" / "folder", "a")
    assert_same(store.read([*vectors(2, 3, 1)]), vectors(1, 2))


def test_encoders_do_not_share(tmp_path):
    FeatureStore(tmp_path, "a").write(vectors(1))
    assert FeatureStore(tmp_path, "b").read([*vectors(1)]) == {}


def test_the_first_vector_stays(tmp_path):
    store = FeatureStore(tmp_path, "a")
    store.write(vectors(1))
    store.write({content: vector + 9 for content, vector in vectors(1).items()})
    assert_same(store.read([*vectors(1)]), vectors(1))


def test_many_keys_are_read_in_parts(tmp_path):
    store = FeatureStore(tmp_path, "a")
    store.write(vectors(*range(1203)))
    assert_same(store.read([*vectors(*range(1203))]), vectors(*range(1203)))


def test_a_batch_that_fails_leaves_nothing_behind(tmp_path):
    store = FeatureStore(tmp_path, "a")
    rows = [(store._key(b"x"), b"1234"), (store._key(b"y"), None)]
    with pytest.raises(ValueError, match="NOT NULL"):
        store._run("INSERT INTO features VALUES (?, ?)", rows, many=True)
    assert store.read([b"x"]) == {}


def test_many_may_write_side_by_side(tmp_path):
    def write_one(number):
        FeatureStore(tmp_path, "a").write(vectors(number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_one, range(40)))
    store = FeatureStore(tmp_path, "a")
    assert_same(store.read([*vectors(*range(40))]), vectors(*range(40)))


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ValueError, match=r"file/features.* as a cache: .* another fol"):
        FeatureStore(tmp_path / "file", "a")


def test_a_vector_that_was_cut_is_an_error(tmp_path):
    store = FeatureStore(tmp_path, "a")
    store.write(vectors(1))
    store._run("UPDATE features SET vector = x'010203'")
    with pytest.raises(ValueError, match=r"features\.sqlite as a cache: buffer size"):
        store.read([*vectors(1)])


def test_a_file_of_another_kind_is_named(tmp_path):
    (tmp_path / "features.sqlite").write_text("no database, but long enough" * 100)
    with pytest.raises(ValueError, match=r"features\.sqlite as a cache: file is not"):
        FeatureStore(tmp_path, "a")
