"""The container: queries, text, HTML; and how evidence is shortened."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.utils import Bunch

from sklroute import ClusterRouter, RidgeRouter
from sklroute.datasets import make_routing
from sklroute.explain._evidence import COLUMNS, MAX_ROWS, Evidence, additive, tidy
from sklroute.policies import MaxUtility


@pytest.fixture(scope="module")
def case():
    data = make_routing(200, 4, random_state=0)
    router = ClusterRouter(8, random_state=0).fit(data.X, data.y)
    mask = [True, True, True, False]
    explanation = router.explain(data.X[:9], available=mask, policy=MaxUtility(0.1))
    return Bunch(data=data, router=router, explanation=explanation)


def test_queries_are_taken_by_place_and_keep_their_number(case):
    explanation = case.explanation
    assert len(explanation) == 9
    assert len(list(explanation)) == 9
    for taken, numbers in (
        (explanation[4], [4]),
        (explanation[-1], [8]),
        (explanation[np.int64(2)], [2]),
        (explanation[2:4], [2, 3]),
        (explanation[3:][1], [4]),
        (explanation[[5, 2]], [5, 2]),
        (explanation[::-4], [8, 4, 0]),
        (explanation[[1, 1]], [1, 1]),
    ):
        assert taken.decisions["query"].tolist() == numbers
        assert taken.models["query"].tolist() == np.repeat(numbers, 4).tolist()
        assert taken.evidence["query"].unique().tolist() == list(dict.fromkeys(numbers))
    one, other = case.explanation[3], case.explanation[[3]]
    pd.testing.assert_frame_equal(one.models, other.models)
    expected = explanation.models.query("query == 3").reset_index(drop=True)
    pd.testing.assert_frame_equal(one.models, expected)


@pytest.mark.parametrize("place", [9, -10])
def test_a_query_that_is_not_there_is_refused(case, place):
    with pytest.raises(IndexError, match=f"Query {place} is not one of the 9"):
        case.explanation[place]


def test_columns_are_those_that_are_documented(case):
    models = "query model available considered reason quality low high cost utility"
    columns = [*models.split(), "probability", "chosen", "runner_up"]
    assert case.explanation.models.columns.tolist() == columns
    assert case.explanation.evidence.columns.tolist() == COLUMNS


def test_the_text_names_the_choice_the_mask_and_the_evidence(case):
    text = str(case.explanation[0])
    _, choice, runner_up, margin = case.explanation.decisions.iloc[0]
    first = text.splitlines()[0]
    assert first == f"Query 0: {choice}, {margin:.3f} of utility above {runner_up}"
    assert "not available" in text
    assert "runner-up" in text
    assert "mean quality, all queries [exact]" in text
    assert "... and 6 more queries" in str(case.explanation)
    assert repr(case.explanation) == "<Explanation of 9 queries>"


def test_the_html_has_the_same_for_notebooks(case):
    html = case.explanation._repr_html_()
    assert html.count("<h4>") == 3
    assert "not available" in html
    assert "... and 6 more queries" in html


def test_names_that_are_markup_stay_text(case):
    data = case.data
    names = ["<b>", "<b>1", "<b>2", "<b>3"]
    y = type(data.y)(data.y.quality, models=names)
    html = RidgeRouter(1.0).fit(data.X, y).explain(data.X[:1])._repr_html_()
    assert "<b>" not in html


def test_the_largest_pieces_are_shown_and_the_others_summed():
    rng = np.random.default_rng(0)
    chosen, second = rng.normal(size=(2, 5, 20))
    part = additive("source", np.arange(20), chosen, second, label="piece {}")
    frame = tidy([part], np.arange(5))
    assert len(frame) == 5 * (MAX_ROWS + 1)
    assert_allclose(frame.groupby("query")["value"].sum(), (chosen - second).sum(1))
    assert_allclose(frame["value"], frame["chosen"] - frame["runner_up"])
    assert (frame["name"] == "12 others").sum() == 5
    first = frame.groupby("query")["value"].first().abs()
    assert_allclose(first, np.abs(chosen - second).max(axis=1))


def test_shares_are_not_summed():
    share = np.full((2, 20), 0.05)
    part = Evidence("reads", "attention", np.arange(20), share, share, share)
    assert len(tidy([part], np.arange(2))) == 2 * MAX_ROWS


def test_pieces_that_are_not_there_have_no_row():
    value = np.array([[0.5, np.nan]])
    part = Evidence("block", "ablation", np.array(["a", "b"]), value, value, value)
    assert tidy([part], np.array([7]))["name"].tolist() == ["a"]
    nothing = tidy([], np.zeros(0, dtype=int))
    assert nothing.columns.tolist() == COLUMNS
    assert nothing.empty
