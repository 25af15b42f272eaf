import numpy as np
import pytest
from sklearn import config_context
from sklearn.decomposition import PCA
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    ShuffleSplit,
    StratifiedKFold,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklroute import KNNRouter, Outcomes, RandomRouter, RidgeRouter
from sklroute.datasets import make_routing
from sklroute.model_selection import (
    StratifiedByBestModel,
    cross_val_quality,
)


@pytest.fixture(scope="module")
def data():
    return make_routing(120, 3, n_features=(6, 4), missing=0.2, random_state=0)


def pipeline():
    return make_pipeline(StandardScaler(), PCA(4, random_state=0), RidgeRouter(alpha=9))


# -- splitter --------------------------------------------------------------------


def test_folds_have_the_same_share_of_each_best_model(data):
    best = data.y.best_model()
    share = (best == best[0]).mean()
    for _, test in StratifiedByBestModel(4).split(data.X, data.y):
        assert abs((best[test] == best[0]).mean() - share) < 0.05


def test_folds_are_those_of_stratification_by_label(data):
    own = StratifiedByBestModel(3, shuffle=True, random_state=1)
    labels = StratifiedKFold(3, shuffle=True, random_state=1)
    pairs = zip(
        own.split(data.X, data.y),
        labels.split(data.X, data.y.best_model()),
        strict=True,
    )
    for (_, test), (_, expected) in pairs:
        np.testing.assert_array_equal(test, expected)


def test_models_that_are_hardly_ever_best_are_no_obstacle():
    quality = np.zeros((30, 3))
    quality[:, 0] = 1.0
    quality[4] = [0.0, 1.0, 0.0]  # best once
    folds = list(StratifiedByBestModel(3).split(quality, quality))
    assert [len(test) for _, test in folds] == [10, 10, 10]


def test_names_of_models_may_be_any_numbers():
    y = Outcomes([[1.0, 0.0]] * 2 + [[0.0, 1.0]] * 2, models=[0.5, 1.5])
    folds = list(StratifiedByBestModel(2).split(np.zeros(4), y))
    assert [y[test].best_model().tolist() for _, test in folds] == [[0.5, 1.5]] * 2


def test_the_splitter_works_in_a_search(data):
    search = GridSearchCV(
        pipeline(), {"pca__n_components": [2, 4]}, cv=StratifiedByBestModel(3)
    )
    assert np.isfinite(search.fit(data.X, data.y).best_score_)


# -- held-out quality ------------------------------------------------------------


def test_quality_is_predicted_without_the_query(data):
    quality = cross_val_quality(RidgeRouter(alpha=9), data.X, data.y, cv=KFold(3))
    for train, test in KFold(3).split(data.X):
        router = RidgeRouter(alpha=9).fit(data.X[train], data.y[train])
        np.testing.assert_array_equal(
            quality[test], router.predict_quality(data.X[test])
        )


def test_the_folds_of_a_number_are_the_same_in_every_call(data):
    first, second = (cross_val_quality(RidgeRouter(9), data.X, data.y) for _ in "ab")
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_pipelines_and_searches_are_cross_validated(n_jobs, data):
    search = GridSearchCV(pipeline(), {"pca__n_components": [2, 4]}, cv=2)
    for router in (pipeline(), search):
        quality = cross_val_quality(router, data.X, data.y, cv=2, n_jobs=n_jobs)
        assert np.isfinite(quality).all()


def test_folds_and_the_router_itself_split_no_group():
    # Outcomes are a secret of the group: whoever sees it is right, others are not.
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 5)
    X = rng.normal(size=(40, 6))[groups] + 0.01 * rng.normal(size=(200, 6))
    y = rng.integers(2, size=(40, 2))[groups].astype(float)
    leaky = cross_val_quality(KNNRouter(shrinkage=1.0), X, y)
    honest = cross_val_quality(KNNRouter(shrinkage=1.0), X, y, groups=groups)
    assert ((leaky - y) ** 2).mean() < 0.1
    assert ((honest - y) ** 2).mean() > 0.2


@pytest.mark.parametrize("routing", [False, True])
def test_groups_reach_the_router_of_a_pipeline(routing, data):
    groups, heard = np.arange(120) // 3, []

    class Listener(RandomRouter):
        def _fit(self, X, outcomes, sample_weight, groups):
            heard.append(groups)

    router = make_pipeline(StandardScaler(), Listener())
    with config_context(enable_metadata_routing=routing):
        quality = cross_val_quality(router, data.X, data.y, cv=2, groups=groups)
    assert np.isfinite(quality).all()
    np.testing.assert_array_equal(np.sort(np.concatenate(heard)), groups)


def test_router_is_not_fitted_in_place(data):
    router = RandomRouter()
    cross_val_quality(router, data.X, data.y, cv=2)
    assert not hasattr(router, "classes_")


def test_test_folds_must_be_a_partition(data):
    with pytest.raises(ValueError, match="exactly one test fold"):
        cross_val_quality(RandomRouter(), data.X, data.y, cv=ShuffleSplit(3))


def test_a_missing_group_is_refused(data):
    groups = np.where(np.arange(120) == 7, np.nan, np.arange(120) // 3)
    with pytest.raises(ValueError, match="groups has no value in row 7"):
        cross_val_quality(RandomRouter(), data.X, data.y, groups=groups)


def test_lengths_must_agree(data):
    with pytest.raises(ValueError, match="inconsistent numbers"):
        cross_val_quality(RandomRouter(), data.X[:-1], data.y)


def test_a_model_that_only_test_queries_have_observed_is_named_with_its_fold():
    quality = np.tile([0.0, 1.0], (30, 1))
    quality[1:, 1] = np.nan
    y = Outcomes(quality, models=["base", "rare"])
    with pytest.raises(ValueError, match=r"training query of fold \d has .*'rare'"):
        cross_val_quality(KNNRouter(), np.arange(60.0).reshape(30, 2), y, cv=3)
