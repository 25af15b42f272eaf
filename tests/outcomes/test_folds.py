import numpy as np
import pytest

from sklroute.outcomes._folds import make_folds


def test_folds_without_groups_cover_every_query_once():
    folds = make_folds(10, None, 3)
    tested = np.concatenate([test for _, test in folds])
    assert sorted(tested) == list(range(10))
    assert not any(set(train) & set(test) for train, test in folds)


def test_folds_split_no_group():
    groups = np.repeat([0, 1, 2, 3], 5)
    for train, test in make_folds(20, groups, 3):
        assert not set(groups[train]) & set(groups[test])


def test_there_are_no_more_folds_than_groups():
    assert len(make_folds(20, np.repeat([0, 1], 10), 5)) == 2


@pytest.mark.parametrize(("n_queries", "groups"), [(1, None), (7, np.zeros(7))])
def test_one_query_or_group_gives_no_folds(n_queries, groups):
    assert make_folds(n_queries, groups, 5) == []
