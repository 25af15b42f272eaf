import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklroute import FixedRouter, LoggedOutcomes, RidgeRouter
from sklroute.datasets import make_routing
from sklroute.metrics import doubly_robust_value, ips_value, snips_value
from sklroute.model_selection import (
    frontier_scorer,
    off_policy_scorer,
    utility_scorer,
)
from sklroute.policies import MaxUtility

DATA = make_routing(3000, 3, n_features=(6, 6), random_state=0)
SEEN = np.eye(3)[np.random.default_rng(0).integers(3, size=3000)] > 0
LOG = LoggedOutcomes(
    np.where(SEEN, DATA.y.quality, np.nan),
    np.where(SEEN, DATA.y.cost, np.nan),
    propensity=np.full(3, 1 / 3),
    models=DATA.y.models,
)
TRAIN, TEST = slice(0, 2000), slice(2000, None)


@pytest.fixture(scope="module")
def router():
    return RidgeRouter(alpha=100.0).fit(DATA.X[TRAIN], LOG[TRAIN])


def test_scores_are_the_metrics_of_choices_among_all_models(router):
    X, y = DATA.X[TEST], LOG[TEST]
    choice = router.predict(X, policy=MaxUtility(0.02))
    for name, metric in (("ips", ips_value), ("snips", snips_value)):
        score = off_policy_scorer(name, cost_weight=0.02)(router, X, y)
        assert score == metric(y, choice, cost_weight=0.02)
    expected = doubly_robust_value(
        y, choice, router.predict_quality(X), router.predict_cost(X), cost_weight=0.02
    )
    assert off_policy_scorer(cost_weight=0.02)(router, X, y) == expected


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_a_score_from_the_log_is_near_that_from_all_answers(router, name):
    full = utility_scorer(0.02)(router, DATA.X[TEST], DATA.y[TEST])
    score = off_policy_scorer(name, cost_weight=0.02)(router, DATA.X[TEST], LOG[TEST])
    assert score == pytest.approx(full, abs=0.1)


def test_a_search_on_the_log_finds_the_router_that_is_better():
    grid = {"ridgerouter__alpha": [100.0, 1e7]}  # the second is a constant
    pipeline = make_pipeline(StandardScaler(), RidgeRouter())
    search = GridSearchCV(pipeline, grid, scoring=off_policy_scorer(), cv=GroupKFold(3))
    search.fit(DATA.X, LOG, groups=np.arange(3000) // 2)
    assert search.best_params_ == {"ridgerouter__alpha": 100.0}


@pytest.mark.filterwarnings("ignore:.*does not support sample_weight")
def test_a_search_by_several_scorers_weighs_the_fit_alone():
    weight = np.arange(len(LOG)) % 3
    scoring = {name: off_policy_scorer(name) for name in ("dr", "snips")}
    search = GridSearchCV(
        RidgeRouter(), {"alpha": [9.0]}, scoring=scoring, cv=3, refit=False
    ).fit(DATA.X, LOG, sample_weight=weight)
    test = np.arange(len(LOG)) < len(LOG) // 3
    router = RidgeRouter(alpha=9.0)
    router.fit(DATA.X[~test], LOG[~test], sample_weight=weight[~test])
    for name, scorer in scoring.items():
        score = search.cv_results_[f"split0_test_{name}"][0]
        assert score == scorer(router, DATA.X[test], LOG[test])


def test_another_outcome_model_can_be_the_judge(router):
    X, y = DATA.X[TEST], LOG[TEST]
    fixed = FixedRouter().fit(DATA.X[TRAIN], LOG[TRAIN])
    score = off_policy_scorer("dm", outcome_model=fixed)(router, X, y)
    column = y.index(router.predict(X))
    assert score == pytest.approx(fixed.mean_quality_[column].mean())


def test_a_policy_of_its_own_decides(router):
    own = RidgeRouter(alpha=100.0, policy=MaxUtility(1.0))
    own.fit(DATA.X[TRAIN], LOG[TRAIN])
    X, y = DATA.X[TEST], LOG[TEST]
    expected = snips_value(y, own.predict(X))
    assert off_policy_scorer("snips")(own, X, y) == expected
    assert off_policy_scorer("snips")(router, X, y) != expected


def test_scores_among_the_called_models_are_refused(router):
    for score in (router.score, *(
        lambda X, y, scorer=scorer: scorer(router, X, y)
        for scorer in (utility_scorer(), frontier_scorer())
    )):  # fmt: skip
        with pytest.raises(ValueError, match="log with propensities: among the models"):
            score(DATA.X[TEST], LOG[TEST])


def test_bad_parameters_are_named(router):
    with pytest.raises(ValueError, match=r"estimator must be .*; got 'dq'"):
        off_policy_scorer("dq")
    with pytest.raises(ValueError, match="estimator='dm' needs an outcome_model"):
        off_policy_scorer("dm")
    with pytest.raises(ValueError, match="cost_weight must be a number >= 0; got -1"):
        off_policy_scorer(cost_weight=-1)
    with pytest.raises(ValueError, match="y has no propensities"):
        off_policy_scorer()(router, DATA.X[TEST], DATA.y[TEST])


def test_parallel_folds_score_the_same():
    scorer = off_policy_scorer("dr", cost_weight=0.02)
    scores = [
        cross_val_score(RidgeRouter(100.0), DATA.X, LOG, cv=3, scoring=scorer, n_jobs=n)
        for n in (1, 2)
    ]
    np.testing.assert_array_equal(*scores)
    assert repr(scorer) == "off_policy_scorer('dr', cost_weight=0.02)"
