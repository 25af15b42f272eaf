import numpy as np
import pandas as pd
import pytest
from routers import TABLE, latent
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklroute import AverageRouter, ClusterRouter, KNNRouter, RidgeRouter
from sklroute.datasets import make_routing
from sklroute.features import BlockScaler
from sklroute.pipeline import as_router


@pytest.fixture(scope="module")
def data():
    return make_routing(120, 3, n_features=(6, 6), missing=0.1, random_state=0)


def members():
    return [("knn", KNNRouter(10)), ("ridge", RidgeRouter(alpha=10.0))]


def test_quality_is_the_weighted_mean_of_the_members(data):
    router = AverageRouter(members(), weights=[3, 1]).fit(data.X, data.y)
    one, two = (member.fit(data.X, data.y) for _, member in members())
    expected = 0.75 * one.predict_quality(data.X) + 0.25 * two.predict_quality(data.X)
    np.testing.assert_allclose(router.predict_quality(data.X), expected)


def test_default_members_are_neighbours_and_logistic(data):
    router = AverageRouter().fit(data.X, data.y)
    assert list(router.named_routers_) == ["knn", "logistic"]


def test_members_are_not_fitted_in_place(data):
    own = members()
    AverageRouter(own).fit(data.X, data.y)
    assert not hasattr(own[0][1], "classes_")


def test_groups_and_weights_reach_the_members(data):
    groups, weight = np.arange(120) // 10, np.linspace(0.5, 2, 120)
    pipeline = make_pipeline(StandardScaler(), KNNRouter())
    fitted = AverageRouter([("knn", KNNRouter()), ("pipe", pipeline)]).fit(
        data.X, data.y, sample_weight=weight, groups=groups
    )
    alone = KNNRouter().fit(data.X, data.y, sample_weight=weight, groups=groups)
    member = fitted.named_routers_["knn"]
    np.testing.assert_array_equal(
        member.predict_quality(data.X), alone.predict_quality(data.X)
    )


def test_members_and_their_parameters_can_be_searched(data):
    grid = {"knn__n_neighbors": [5, 20], "ridge": [RidgeRouter(), ClusterRouter(4)]}
    search = GridSearchCV(AverageRouter(members()), grid, cv=2).fit(data.X, data.y)
    assert len(search.cv_results_["params"]) == 4


def test_a_pipeline_or_a_search_can_be_a_member(data):
    pipeline = make_pipeline(PCA(4, random_state=0), RidgeRouter(alpha=1.0))
    search = GridSearchCV(RidgeRouter(), {"alpha": [1.0, 100.0]}, cv=2)
    router = AverageRouter([("pipeline", pipeline), ("search", search)])
    quality = router.fit(data.X, data.y).predict_quality(data.X)
    assert quality.shape == (120, 3)


@pytest.mark.parametrize(
    ("routers", "message"),
    [
        ([], "at least one"),
        ([KNNRouter()], r"must hold pairs \(name, router\); got KNNRouter\(\)"),
        ([("a", KNNRouter()), ("a", KNNRouter())], "not unique"),
        ([("a__b", KNNRouter())], "must not contain __"),
        ([("policy", KNNRouter())], "conflict"),
    ],
)
def test_bad_lists_of_members_are_refused(routers, message, data):
    with pytest.raises(ValueError, match=message):
        AverageRouter(routers).fit(data.X, data.y)


@pytest.mark.parametrize("member", [KNNRouter, StandardScaler()])
def test_members_must_be_routers(member, data):
    with pytest.raises(TypeError, match=r"KNNRouter|StandardScaler"):
        AverageRouter([("a", member)]).fit(data.X, data.y)


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [1.0, np.inf]])
def test_bad_weights_are_refused(weights, data):
    with pytest.raises(ValueError, match="weights must be 2 numbers >= 0"):
        AverageRouter(members(), weights=weights).fit(data.X, data.y)


def test_members_see_the_names_of_columns(data):
    frame = pd.DataFrame(data.X).add_prefix("image_")
    first = ColumnTransformer([("few", "passthrough", ["image_1", "image_7"])])
    router = AverageRouter([("few", make_pipeline(first, RidgeRouter(alpha=10.0)))])
    expected = RidgeRouter(alpha=10.0).fit(data.X[:, [1, 7]], data.y)
    np.testing.assert_allclose(
        router.fit(frame, data.y).predict_quality(frame),
        expected.predict_quality(data.X[:, [1, 7]]),
    )


def test_members_may_take_queries_that_lack_a_block(data):
    X = data.X.copy()
    X[::3, :6] = np.nan
    scaler = BlockScaler(data.modalities, allow_missing=True)
    taking = make_pipeline(scaler, RidgeRouter(alpha=10.0))
    router = AverageRouter([("ridge", taking)]).fit(X, data.y)
    expected = as_router(clone(taking).fit(X, data.y)).predict_quality(X)
    np.testing.assert_allclose(router.predict_quality(X), expected)
    with pytest.raises(ValueError, match="row 0, column 0 is nan"):
        AverageRouter(members()).fit(X, data.y)
    with pytest.raises(ValueError, match="row 0, column 0 is nan"):
        AverageRouter(members()).fit(data.X, data.y).predict(X)
    X[1, 0] = np.inf
    with pytest.raises(ValueError, match="row 1, column 0 is inf"):
        AverageRouter([("ridge", taking)]).fit(X, data.y)


def test_an_average_of_latent_routers_takes_them_compiled_too():
    X = TABLE.X.copy()
    X[::3, :6] = np.nan
    router = latent(modalities=TABLE.modalities)
    average = AverageRouter([("one", router), ("same", router)]).fit(X, TABLE.y)
    expected = router.fit(X, TABLE.y).predict_quality(X)
    for each in (average, average.compile()):
        np.testing.assert_allclose(each.predict_quality(X), expected, atol=1e-6)
