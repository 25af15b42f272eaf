import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.decomposition import PCA
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    LearningCurveDisplay,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklroute import FixedRouter, GuardedRouter, Outcomes, RidgeRouter
from sklroute.compare import compare
from sklroute.datasets import make_routing
from sklroute.displays import FrontierDisplay, TrafficDisplay
from sklroute.metrics import cost_range, frontier, nauc, realised_utility
from sklroute.model_selection import (
    frontier_scorer,
    utility_scorer,
)
from sklroute.pipeline import RouterPipeline
from sklroute.policies import MaxUtility

SCORERS = [utility_scorer(), utility_scorer(0.1), frontier_scorer()]


@pytest.fixture(scope="module")
def data():
    return make_routing(120, 3, n_features=(6, 4), missing=0.2, random_state=0)


def pipeline():
    return make_pipeline(StandardScaler(), PCA(4, random_state=0), RidgeRouter(alpha=9))


def test_utility_is_realised_quality_less_priced_cost():
    y = Outcomes([[1.0, 0.5], [0.0, 0.5]], cost=[[4.0, 1.0], [2.0, 3.0]])
    router = FixedRouter(1).fit([[0.0], [1.0]], y)
    # Model 1: (0.5 - 0.1 * 1) and (0.5 - 0.1 * 3)
    score = utility_scorer(0.1)(router, [[0.0], [1.0]], y)
    assert score == pytest.approx(0.3)


def test_candidates_are_the_models_observed_and_available():
    y = Outcomes(
        [[1.0, 0.5, 0.2], [np.nan, 0.5, 0.3], [1.0, 0.6, 0.4]],
        available=[[1, 1, 1], [1, 1, 1], [0, 0, 1]],
    )
    X = np.zeros((3, 1))
    router = FixedRouter(0).fit(X, y)
    # Model 0; then the best of 1 and 2 by the mean; then the only one available.
    assert utility_scorer()(router, X, y) == pytest.approx((1.0 + 0.5 + 0.4) / 3)


def test_calls_of_unknown_cost_are_no_candidates_where_cost_has_a_price():
    y = Outcomes([[1.0, 0.5], [1.0, 0.5]], cost=[[np.nan, 1.0], [2.0, 1.0]])
    X = np.zeros((2, 1))
    router = FixedRouter(0).fit(X, y)
    assert utility_scorer()(router, X, y) == 1.0
    # Model 1, as the cost of the other is not known: 0.5 - 0.1; then 1 - 0.1 * 2.
    assert utility_scorer(0.1)(router, X, y) == pytest.approx((0.4 + 0.8) / 2)


def test_a_router_without_a_policy_decides_at_the_price_of_the_scorer(data):
    router = RidgeRouter(alpha=9).fit(data.X, data.y)
    policy = MaxUtility(0.3)
    choice = router.predict(data.X, available=data.y.candidates, policy=policy)
    expected = realised_utility(data.y, choice, cost_weight=0.3)
    assert utility_scorer(0.3)(router, data.X, data.y) == expected


def test_a_policy_of_its_own_is_kept(data):
    router = RidgeRouter(alpha=9, policy=MaxUtility(0.0)).fit(data.X, data.y)
    choice = router.predict(data.X, available=data.y.candidates)
    expected = realised_utility(data.y, choice, cost_weight=0.3)
    assert utility_scorer(0.3)(router, data.X, data.y) == expected


def test_policies_can_be_compared_at_one_price(data):
    router = RidgeRouter(alpha=9, policy=MaxUtility())
    grid = {"policy__cost_weight": [0.0, 10.0]}
    search = GridSearchCV(router, grid, scoring=utility_scorer(10.0), cv=3)
    assert search.fit(data.X, data.y).best_params_ == {"policy__cost_weight": 10.0}


def test_frontier_score_is_the_area_over_the_shared_cost_range(data):
    router = RidgeRouter(alpha=9).fit(data.X, data.y)
    quality, cost = router.predict_quality(data.X), router.predict_cost(data.X)
    expected = nauc(frontier(data.y, quality, cost), cost_range(data.y))
    assert frontier_scorer()(router, data.X, data.y) == expected


def test_a_better_router_has_a_better_frontier():
    data = make_routing(600, 4, signal=3.0, random_state=0)
    train, test = np.arange(400), np.arange(400, 600)
    scores = [
        frontier_scorer()(
            router.fit(data.X[train], data.y[train]), data.X[test], data.y[test]
        )
        for router in (RidgeRouter(), RidgeRouter(alpha=1e9))
    ]
    assert scores[0] > scores[1] + 0.02


@pytest.mark.parametrize("router", [FixedRouter(), GuardedRouter(RidgeRouter())])
def test_a_frontier_is_that_of_choices_by_the_predictions(router):
    """A guard or a fixed model calls others than a sweep over its predictions."""
    data = make_routing(300, 3, random_state=0)
    with pytest.raises(TypeError, match=f"{type(router).__name__} does not choose by"):
        compare(data.X, data.y, routers={"it": router}, n_seeds=1)
    router = RouterPipeline([("router", router)]).fit(data.X, data.y)
    for judge in (
        frontier_scorer(),
        FrontierDisplay.from_estimator,
        lambda router, X, y: TrafficDisplay.from_estimator(router, X),
    ):
        with pytest.raises(TypeError, match="Judge its choices with utility_scorer"):
            judge(router, data.X, data.y)


@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
@pytest.mark.parametrize("routing", [False, True])
def test_scorers_work_in_searches(scorer, routing, data):
    grid = {"ridgerouter__alpha": [1.0, 100.0]}
    groups = np.arange(120) // 3
    with config_context(enable_metadata_routing=routing):
        search = GridSearchCV(pipeline(), grid, scoring=scorer, cv=GroupKFold(3))
        search.fit(data.X, data.y, groups=groups)
        other = RandomizedSearchCV(pipeline(), grid, scoring=scorer, n_iter=1, cv=3)
        other.fit(data.X, data.y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert np.isfinite(other.best_score_)


def test_scorers_work_in_parallel_and_together(data):
    scoring = {"utility": utility_scorer(0.1), "area": frontier_scorer()}
    scores = cross_validate(pipeline(), data.X, data.y, scoring=scoring, cv=3, n_jobs=2)
    alone = cross_val_score(
        pipeline(), data.X, data.y, scoring=utility_scorer(0.1), cv=3
    )
    np.testing.assert_allclose(scores["test_utility"], alone)


@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
def test_scorers_pickle_and_read_well(scorer):
    assert pickle.loads(pickle.dumps(scorer)) == scorer
    assert repr(eval(repr(scorer))) == repr(scorer)


def test_labels_are_scored_though_a_fold_lacks_some(data):
    labels = data.y.best_model()
    router = RidgeRouter(alpha=9).fit(data.X, labels)
    one = labels == labels[0]
    score = utility_scorer()(router, data.X[one], labels[one])
    assert score == router.score(data.X[one], labels[one])


@pytest.mark.parametrize("cost_weight", [-1.0, np.inf, "high", None])
def test_bad_prices_are_refused(cost_weight):
    with pytest.raises(ValueError, match="cost_weight"):
        utility_scorer(cost_weight)


@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
def test_outcomes_of_other_models_are_refused(scorer, data):
    router = RidgeRouter(alpha=9).fit(data.X, data.y)
    other = Outcomes(data.y.quality, data.y.cost, models=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"\['a', 'b', 'c'\], the router has"):
        scorer(router, data.X, other)


@pytest.mark.parametrize("scorer", SCORERS[1:], ids=repr)
def test_scores_that_need_costs_say_so(scorer, data):
    y = Outcomes(data.y.quality, models=data.y.models)
    router = RidgeRouter(alpha=9).fit(data.X, y)
    with pytest.raises(ValueError, match="cost"):
        scorer(router, data.X, y)


@pytest.mark.parametrize("scorer", SCORERS)
def test_one_answer_a_query_cannot_tell_routers_apart(scorer, data):
    called = np.arange(120)[:, None] % 3 == np.arange(3)
    y = Outcomes(np.where(called, 1.0, np.nan), cost=np.ones(3), models=data.models)
    router = RidgeRouter().fit(data.X, y)
    with pytest.raises(ValueError, match="No query has known outcomes of more than"):
        scorer(router, data.X, y)


def test_a_query_without_candidates_is_named(data):
    available = np.ones((120, 3))
    available[7] = np.isnan(data.y.quality[7])
    y = Outcomes(data.y.quality, data.y.cost, available, models=data.y.models)
    router = FixedRouter().fit(data.X, data.y)
    with pytest.raises(ValueError, match="Row 7"):
        utility_scorer()(router, data.X, y)


@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
def test_weights_of_queries_are_numbers_of_copies(data, scorer):
    quality, cost = np.array(data.y.quality), np.array(data.y.cost)
    quality[0] = np.nan  # of weight 0: as good as absent
    y, weight = Outcomes(quality, cost, models=data.models), np.arange(120) % 3
    router = RidgeRouter(alpha=9).fit(data.X, data.y)
    rows = np.repeat(np.arange(120), weight)
    expected = scorer(router, data.X[rows], y[rows])
    weighted = scorer(router, data.X, y, sample_weight=weight)
    assert weighted == pytest.approx(expected, abs=1e-12)
    assert weighted != pytest.approx(scorer(router, data.X[1:], y[1:]), abs=1e-4)


@pytest.mark.parametrize("scorer", SCORERS, ids=repr)
def test_a_search_passes_weights_on_to_the_scorer(data, scorer):
    weight = np.arange(120) % 3
    search = GridSearchCV(
        RidgeRouter(), {"alpha": [9.0]}, scoring={"score": scorer}, cv=3, refit=False
    )
    with config_context(enable_metadata_routing=True):
        search.fit(data.X, data.y, sample_weight=weight)
    train, test = slice(40, 120), slice(0, 40)
    router = RidgeRouter(alpha=9.0).fit(
        data.X[train], data.y[train], sample_weight=weight[train]
    )
    expected = scorer(router, data.X[test], data.y[test], weight[test])
    assert search.cv_results_["split0_test_score"][0] == pytest.approx(expected)


def test_a_search_by_several_scorers_takes_weights_without_metadata_routing(data):
    scores = []
    for scoring in ({"u": SCORERS[1], "f": SCORERS[2]}, SCORERS[1], SCORERS[2]):
        search = GridSearchCV(
            RidgeRouter(), {"alpha": [9.0]}, scoring=scoring, cv=3, refit=False
        ).fit(data.X, data.y, sample_weight=np.arange(120) % 3)
        names = ["score"] if callable(scoring) else list(scoring)
        scores += [search.cv_results_[f"mean_test_{name}"][0] for name in names]
    assert scores[:2] == scores[2:]


@pytest.mark.parametrize(
    ("scorer", "name"),
    [(utility_scorer(0.1), "Utility"), (frontier_scorer(), "Frontier area")],
)
def test_displays_of_scikit_learn_name_their_axis_by_the_scorer(data, scorer, name):
    display = LearningCurveDisplay.from_estimator(
        RidgeRouter(), data.X, data.y, cv=2, train_sizes=[0.5, 1.0], scoring=scorer
    )
    assert display.ax_.get_ylabel() == name
