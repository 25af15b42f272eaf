"""Routing of one partition of a table."""

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklroute import RidgeRouter
from sklroute.datasets import make_routing
from sklroute.policies import MaxUtility
from sklroute.scale import route_partition

COLUMNS = ["x0", "x1", "x2", "x3"]


@pytest.fixture(scope="module")
def data():
    return make_routing(200, 3, n_features=(2, 2), random_state=0)


@pytest.fixture(scope="module")
def router(data):
    return make_pipeline(StandardScaler(), RidgeRouter(1.0)).fit(data.X, data.y)


@pytest.fixture(scope="module")
def frame(data):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(data.X, columns=COLUMNS, index=rng.permutation(200) + 50)
    frame["clip"] = list(data.X)
    frame["up"] = rng.random(200) < 0.5
    return frame


@pytest.mark.parametrize("columns", ["clip", COLUMNS])
def test_choices_are_those_of_predict_however_the_table_is_cut(
    data, router, frame, columns
):
    keywords = {"policy": MaxUtility(0.02), "costs": [1.0, 5.0, 9.0]}
    parts = [frame[:0], frame[:1], frame[1:70], frame[70:]]
    routed = pd.concat(
        route_partition(part, router, columns, utility="worth", **keywords)
        for part in parts
    )
    np.testing.assert_array_equal(routed.model, router.predict(data.X, **keywords))
    best = router[-1].predict_utility(router[:-1].transform(data.X), **keywords)
    np.testing.assert_allclose(routed.worth, best.max(axis=1))
    pd.testing.assert_frame_equal(routed[frame.columns], frame)


def test_a_column_says_where_a_model_is_available(data, router, frame):
    available = np.ones((200, 3), dtype=bool)
    available[:, 1] = frame.up
    routed = route_partition(frame, router, "clip", available={"model-1": "up"})
    expected = router.predict(data.X, available=available)
    np.testing.assert_array_equal(routed.model, expected)
    assert set(routed.model[~frame.up]) <= {"model-0", "model-2"}


def test_null_says_nothing_against_a_model(data, router, frame):
    for up in ([None, False, True], [np.nan, 0, 1], pd.array([None, False, True])):
        part = frame[:3].assign(up=up)
        routed = route_partition(part, router, "clip", available={"model-1": "up"})
        expected = router.predict(
            data.X[:3], available=[[True] * 3, [True, False, True], [True] * 3]
        )
        np.testing.assert_array_equal(routed.model, expected)


@pytest.mark.parametrize(("value", "shown"), [("False", "'False'"), (0.3, "0.3")])
def test_availability_must_be_true_or_false(router, frame, value, shown):
    part = frame[:2].assign(up=[True, value])
    with pytest.raises(ValueError, match=f"Row 1 of column 'up' .* it has {shown}"):
        route_partition(part, router, "clip", available={"model-1": "up"})


def test_names_of_features_reach_a_router_that_knows_them(data, frame):
    router = RidgeRouter(1.0).fit(frame[COLUMNS], data.y)
    routed = route_partition(frame, router, COLUMNS, name="choice")
    np.testing.assert_array_equal(routed.choice, router.predict(frame[COLUMNS]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"columns": "nowhere"}, "no column 'nowhere'"),
        ({"columns": ["x0", "x9"]}, "no column 'x9'"),
        ({"columns": "clip", "available": {"model-1": "down"}}, "no column 'down'"),
        ({"columns": "clip", "available": {"large": "up"}}, "available names 'large'"),
        ({"columns": "clip", "utility": "model"}, "name and utility are both 'model'"),
    ],
)
def test_what_is_not_there_is_named(router, frame, given, message):
    with pytest.raises(ValueError, match=message):
        route_partition(frame, router, **given)


def test_a_row_without_features_is_named(router, frame):
    clip = [frame["clip"].iloc[0], None]
    with pytest.raises(ValueError, match="Row 1 of column 'clip' is empty"):
        route_partition(frame[:2].assign(clip=clip), router, "clip")


def test_lists_of_several_lengths_are_refused(router, frame):
    clip = [*frame["clip"][:3], np.zeros(2)]
    with pytest.raises(ValueError, match="Row 3 of column 'clip' has 2 features"):
        route_partition(frame[:4].assign(clip=clip), router, "clip")


@pytest.mark.parametrize("cell", [0.5, "abc", [[1.0, 2.0]]])
def test_what_is_no_list_of_features_is_named(router, frame, cell):
    clip = pd.Series([frame["clip"].iloc[0], cell], index=frame.index[:2])
    with pytest.raises(ValueError, match=r"Row 1 of column 'clip' has .* a list"):
        route_partition(frame[:2].assign(clip=clip), router, "clip")
