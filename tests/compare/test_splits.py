"""Splits share out the queries, keep groups whole and test every query once."""

import numpy as np
import pytest

from sklroute.compare._splits import make_splits


def test_every_split_shares_out_all_queries():
    for split in make_splits(103, n_seeds=5):
        together = np.sort(np.concatenate(split))
        np.testing.assert_array_equal(together, np.arange(103))


def test_about_three_fifths_train_and_a_fifth_each_validate_and_test():
    for train, validation, test in make_splits(100, n_seeds=3):
        assert (len(train), len(validation), len(test)) == (60, 20, 20)


def test_five_seeds_test_and_validate_every_query_once():
    splits = make_splits(57, n_seeds=5)
    for part in ("validation", "test"):
        rows = np.concatenate([getattr(split, part) for split in splits])
        np.testing.assert_array_equal(np.sort(rows), np.arange(57))


def test_the_sixth_seed_shuffles_anew():
    first, *_, sixth = make_splits(60, n_seeds=6)
    assert set(first.test) != set(sixth.test)


def test_groups_are_never_split():
    rng = np.random.default_rng(0)
    groups = rng.integers(30, size=200)
    for split in make_splits(200, groups=groups, n_seeds=5):
        parts = [set(groups[rows]) for rows in split]
        assert not parts[0] & parts[1]
        assert not parts[0] & parts[2]
        assert not parts[1] & parts[2]


def test_every_test_part_keeps_the_shares_of_the_tasks():
    tasks = np.repeat(["a", "b"], [80, 20])
    for split in make_splits(100, tasks=tasks, n_seeds=5):
        assert (tasks[split.test] == "b").sum() == 4  # 20 % of 20


def test_tasks_too_small_for_every_fold_are_no_error():
    tasks = np.array(["a"] * 50 + ["rare", "rarer", "rarer"])
    assert len(make_splits(53, tasks=tasks, n_seeds=5)) == 5


def test_few_groups_that_are_whole_tasks_fill_every_fold():
    groups = np.repeat(np.arange(5), [18, 6, 16, 27, 19])
    tasks = np.array([0, 2, 3, 1, 1])[groups]
    for seed in range(30):
        for split in make_splits(86, tasks, groups, random_state=seed):
            assert all(map(len, split))


def test_a_seed_gives_the_same_splits_again():
    one, two = (make_splits(40, n_seeds=2, random_state=3) for _ in range(2))
    for first, second in zip(one, two, strict=True):
        np.testing.assert_array_equal(first.test, second.test)
    (other,) = make_splits(40, n_seeds=1, random_state=4)
    assert set(other.test) != set(one[0].test)


def test_too_few_groups_are_refused():
    with pytest.raises(ValueError, match="At least 5 queries"):
        make_splits(4)
    with pytest.raises(ValueError, match=r"At least 5 groups .* got 2"):
        make_splits(40, groups=np.arange(40) % 2)
