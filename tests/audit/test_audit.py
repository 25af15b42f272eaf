"""Audits of fitted routers, and by cross-fitting."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklroute import FixedRouter, GuardedRouter, Outcomes, RidgeRouter
from sklroute.audit import audit, cross_audit
from sklroute.audit._words import task_cells
from sklroute.baselines import KNNRouter, RandomRouter
from sklroute.compare import compare
from sklroute.datasets import make_routing
from sklroute.metrics import (
    best_single,
    paired_bootstrap,
    random_outcome,
    realised_utility,
    traffic_share,
)
from sklroute.policies import CheapestAbove, MaxUtility

QUICK = {"n_resamples": 500, "n_permutations": 20}
TRAIN, TEST = slice(0, 400), slice(400, 800)


@pytest.fixture(scope="module")
def data():
    return make_routing(800, 4, n_features=(8, 8), random_state=0)


@pytest.fixture(scope="module")
def router(data):
    return RidgeRouter(alpha=100.0).fit(data.X[TRAIN], data.y[TRAIN])


@pytest.fixture(scope="module")
def result(data, router):
    tasks = data.task[TEST]
    return audit(router, data.X[TEST], data.y[TEST], tasks=tasks, **QUICK)


def row_of(result):
    (row,) = result.table.itertuples()
    return row


# -- what is compared ----------------------------------------------------------------


@pytest.mark.parametrize("cost_weight", [0.0, 0.02])
def test_gain_is_that_over_the_training_rows_best_model(data, router, cost_weight):
    X, y = data.X[TEST], data.y[TEST]
    result = audit(router, X, y, cost_weight=cost_weight, **QUICK)
    row = row_of(result)
    single = best_single(data.y[TRAIN], cost_weight)
    own, other = (
        realised_utility(y, choice, cost_weight=cost_weight, reduce=None)
        for choice in (
            router.predict(X, policy=MaxUtility(cost_weight)),
            [single] * len(y),
        )
    )
    expected = paired_bootstrap(own, other, n_resamples=500, random_state=0)
    found = row.utility_gain, row.utility_gain_low, row.utility_gain_high
    assert_allclose(found, expected)
    assert row.error == pytest.approx((own - other).std(ddof=1) / 20)
    assert ("Quality changes by" in result.verdict) == (cost_weight > 0)


def test_a_model_and_a_router_can_be_the_baseline(data, router):
    X, y = data.X[TEST], data.y[TEST]
    model = data.models[0]
    fixed = FixedRouter(model).fit(data.X[TRAIN], data.y[TRAIN])
    named = audit(router, X, y, baseline=model, **QUICK)
    assert named.baseline == model
    assert named.baseline_models == [model]
    other = audit(router, X, y, baseline=fixed, **QUICK)
    assert other.baseline == "FixedRouter"
    assert other.table.equals(named.table)


def test_models_named_by_numbers_can_be_the_baseline(data):
    y = Outcomes(data.y.quality, data.y.cost, models=[0.5, 1.5, 2.5, 3.5])
    router = RidgeRouter(alpha=100.0).fit(data.X[TRAIN], y[TRAIN])
    found = audit(router, data.X[TEST], y[TEST], baseline=1.5, **QUICK)
    assert found.baseline == "1.5"
    assert found.baseline_models == [1.5]


def test_a_router_gains_nothing_over_itself(data, router):
    found = audit(router, data.X[TEST], data.y[TEST], baseline=router, **QUICK)
    row = row_of(found)
    assert (row.utility_gain, row.adjusted_low, row.adjusted_high) == (0, 0, 0)
    assert row.p == 1
    assert row.verdict == "does not pay"
    assert "worth the same on every query" in found.verdict
    assert "saving" not in found.verdict


def test_pipelines_and_searches_are_taken_by_the_router_they_end_in(data, result):
    pipeline = make_pipeline(StandardScaler(), RidgeRouter(alpha=100.0))
    search = GridSearchCV(pipeline, {"standardscaler__with_mean": [True]}, cv=2)
    for estimator in (pipeline, search):
        estimator.fit(data.X[TRAIN], data.y[TRAIN])
        found = audit(estimator, data.X[TEST], data.y[TEST], **QUICK)
        assert found.table.index.tolist() == ["RidgeRouter"]
        assert_allclose(row_of(found).quality, row_of(result).quality, atol=0.01)


def test_the_cost_weight_is_that_of_the_policy_unless_given(data, router):
    X, y = data.X[TEST], data.y[TEST]
    priced = RidgeRouter(alpha=100.0, policy=MaxUtility(0.02))
    priced.fit(data.X[TRAIN], data.y[TRAIN])
    assert audit(priced, X, y, **QUICK).cost_weight == 0.02
    careful = RidgeRouter(alpha=100.0, policy=CheapestAbove(0.5))
    careful.fit(data.X[TRAIN], data.y[TRAIN])
    judged = audit(careful, X, y, cost_weight=0.1, **QUICK)
    own = careful.predict(X)
    assert judged.decisions["RidgeRouter"].router.choice.tolist() == own.tolist()
    with pytest.raises(ValueError, match="differ in cost_weight"):
        audit({"a": router, "b": priced}, X, y)


def test_a_guarded_router_is_audited_at_the_price_it_was_calibrated_for(data):
    X, y = data.X[TEST], data.y[TEST]
    guarded = GuardedRouter(
        RidgeRouter(alpha=100.0), policy=MaxUtility(0.02), epsilon=0.5, random_state=0
    ).fit(data.X[TRAIN], data.y[TRAIN])
    result = audit(guarded, X, y, **QUICK)
    own = guarded.predict(X)
    assert result.cost_weight == 0.02
    assert result.decisions["GuardedRouter"].router.choice.tolist() == own.tolist()


@pytest.mark.parametrize("audited", ["router", "baseline"])
def test_a_guard_is_judged_by_what_it_calls_though_its_baseline_was_not_run(
    data, router, audited
):
    guarded = GuardedRouter(RidgeRouter(alpha=100.0), random_state=0)
    guarded.fit(data.X[TRAIN], data.y[TRAIN])
    guarded.threshold_ = 0.1  # as more queries would show to be safe
    X, full = data.X[TEST], data.y[TEST]
    calls = guarded.predict(X)
    lost = full.models == guarded.baseline_
    y = Outcomes(np.where(lost, np.nan, full.quality), full.cost, models=data.models)
    first, second = (guarded, router) if audited == "router" else (router, guarded)
    found = next(iter(audit(first, X, y, baseline=second, **QUICK).decisions.values()))
    known = calls != guarded.baseline_
    assert 0 < known.mean() < 1
    assert (getattr(found, audited).choice[known] == calls[known]).all()


def test_a_model_that_was_not_run_is_replaced_by_the_next_best(data):
    quality = data.y.quality.copy()
    best = np.argmax(quality[TRAIN].mean(axis=0))
    quality[400:600, best] = np.nan
    y = Outcomes(quality, data.y.cost, models=data.models)
    router = RidgeRouter(alpha=100.0).fit(data.X[TRAIN], y[TRAIN])
    found = audit(router, data.X[TEST], y[TEST], **QUICK)
    choice = found.decisions["RidgeRouter"].baseline.choice
    second = data.models[np.argsort(quality[TRAIN].mean(axis=0))[-2]]
    assert set(choice[:200]) == {second}
    assert set(choice[200:]) == {data.models[best]}


def test_choices_of_unknown_outcome_are_counted_and_may_hide_a_gain(data, router):
    X, full = data.X[TEST], data.y[TEST]
    assert row_of(audit(router, X, full, **QUICK)).verdict == "pays"
    single = np.argmax(data.y.quality[TRAIN].mean(axis=0))
    lost = full.index(router.predict(X)) != single
    unknown = lost[:, None] & (np.arange(4) != single)
    quality = np.where(unknown, np.nan, full.quality)
    y = Outcomes(quality, np.where(unknown, np.nan, full.cost), models=data.models)
    found = audit(router, X, y, **QUICK)
    row = row_of(found)
    assert row.unseen == lost.mean()
    assert row.utility_gain == 0  # where it would do better the baseline stands in
    assert_allclose(row.hidden, np.where(lost, 1 - full.quality[:, single], 0).mean())
    assert row.verdict == "not enough data"
    assert np.isinf(row.n_more)
    assert f"On {100 * lost.mean():.1f} % of the queries" in found.verdict


def test_an_unknown_outcome_of_the_same_call_hides_nothing(data, router):
    X, quality = data.X[TEST], data.y[TEST].quality.copy()
    single = np.argmax(data.y.quality[TRAIN].mean(axis=0))
    same = data.y.index(router.predict(X)) == single
    assert 0 < same.sum() < len(same)
    quality[same, single] = np.nan
    quality[~same] = 0.5
    y = Outcomes(quality, data.y[TEST].cost, models=data.models)
    fixed = FixedRouter(data.models[single]).fit(data.X[TRAIN], data.y[TRAIN])
    verdict = audit(fixed, X, y, **QUICK).verdict
    assert "Both call the same one there: nothing is gained or lost by it." in verdict
    assert "Run these models" not in verdict


def test_answers_of_unknown_cost_are_counted(data, router):
    cost = data.y[TEST].cost.copy()
    cost[::2, 0] = np.nan
    y = Outcomes(data.y[TEST].quality, cost, models=data.models)
    found = audit(router, data.X[TEST], y, **QUICK)
    assert "The cost of 12.5 % of the scored answers is not known: " in found.verdict
    free = Outcomes(y.quality, models=data.models)
    for known in (data.y[TEST], free):
        found = audit(router, data.X[TEST], known, **QUICK)
        assert "count as not run" not in found.verdict


def test_what_an_unknown_outcome_hides_has_its_price(data, router):
    X, full = data.X[TEST], data.y[TEST]
    policy = MaxUtility(0.02)
    single = full.index(audit(router, X, full, cost_weight=0.02).baseline_models[:1])
    wanted = full.index(router.predict(X, policy=policy))
    lost = wanted != single
    unknown = lost[:, None] & (np.arange(4) != single)
    quality = np.where(unknown, np.nan, full.quality)
    could = np.ones((400, 4))
    spare = ({0, 1, 2, 3} - {single[0], wanted[0]}).pop()
    could[0, spare], quality[0, spare] = 0, np.nan  # nobody wants to call it
    y = Outcomes(quality, full.cost, could, models=data.models)
    row = row_of(audit(router, X, y, cost_weight=0.02, **QUICK))
    # Right answers at the cost of the models wanted, for those of the single model.
    saved = full.cost[:, single[0]] - full.cost[np.arange(400), wanted]
    more = 1 - full.quality[:, single[0]] + 0.02 * saved
    assert_allclose(row.hidden, np.where(lost, more.clip(0), 0).mean())


def test_a_gain_of_stand_ins_alone_is_no_evidence(data, router):
    """A router that wants what the baseline wants gains nothing, whatever is known."""
    fixed = FixedRouter("best").fit(data.X[TRAIN], data.y[TRAIN])
    single = fixed.predict(data.X[:1])
    column = data.y.index(single)[0]

    class Faithful(RidgeRouter):
        def _predict_quality(self, X):
            quality = super()._predict_quality(X)
            quality[:, column] = 1.0
            return quality

    quality = data.y.quality[TEST].copy()
    quality[:380, column] = np.nan
    y = Outcomes(quality, data.y.cost[TEST], models=data.models)
    faithful = Faithful(alpha=100.0).fit(data.X[TRAIN], data.y[TRAIN])
    found = audit(faithful, data.X[TEST], y, **QUICK)
    row = row_of(found)
    assert "leave this open: by the known ones alone it pays." in found.verdict
    assert "points while so many outcomes are unknown." in found.verdict
    assert row.unseen == 0.95
    assert row.p < 0.05
    assert row.adjusted_low > 0
    assert row.stand_in_gain == pytest.approx(row.utility_gain)
    assert row.verdict == "not enough data"
    assert np.isinf(row.n_more)


def test_unknown_outcomes_may_hide_a_loss_too(data, router):
    X, full = data.X[TEST], data.y[TEST]
    single = np.argmax(data.y.quality[TRAIN].mean(axis=0))
    wanted = full.index(router.predict(X))
    rows = np.flatnonzero(wanted != single)
    assert row_of(audit(router, X, full, **QUICK)).hidden_loss == 0
    gained = full.quality[rows, wanted[rows]] > full.quality[rows, single]
    for lost, verdict in ((rows[:60], "pays"), (rows[gained], "not enough data")):
        quality = full.quality.copy()
        quality[lost, wanted[lost]] = np.nan
        y = Outcomes(quality, full.cost, models=data.models)
        found = audit(router, X, y, **QUICK)
        row = row_of(found)
        # The answers wanted may all be wrong; those that stand in are not.
        choice = y.index(found.decisions["RidgeRouter"].router.choice)[lost]
        reached = quality[lost, choice].sum()
        assert row.hidden_loss == pytest.approx(reached / 400)
        assert row.hidden_loss > row.adjusted_low  # told, though it does not decide
        gain = reached - quality[lost, single].sum()
        assert row.stand_in_gain == pytest.approx(gain / 400)
        assert row.verdict == verdict
        assert f"{100 * row.hidden_loss:.1f} lower than found" in found.verdict


def test_a_model_that_could_not_be_called_is_not_missed(data, router):
    quality = data.y.quality.copy()
    quality[:, 0] = np.nan
    could = [False, True, True, True]
    y = Outcomes(quality, data.y.cost, could, models=data.models)
    assert row_of(audit(router, data.X[TEST], y[TEST], **QUICK)).unseen == 0


# -- control -------------------------------------------------------------------------


def test_shuffled_features_are_worth_the_routers_traffic_drawn_at_random(data, router):
    X, y = data.X[TEST], data.y[TEST]
    many = {"n_resamples": 10, "n_permutations": 400}
    row = row_of(audit(router, X, y, **many))
    share = traffic_share(router.predict(X), router.classes_)
    expected = random_outcome(y, share)[0].mean() - row.baseline_quality
    assert row.shuffled_gain == pytest.approx(expected, abs=0.003)
    assert row.shuffled_gain_low < row.shuffled_gain < row.shuffled_gain_high
    assert row.p_features == pytest.approx(1 / 401)


def test_shuffled_features_choose_among_the_models_that_were_run(data):
    lossy = make_routing(800, 4, n_features=(8, 8), missing=0.5, random_state=0)
    router = RidgeRouter(alpha=100.0).fit(lossy.X[TRAIN], lossy.y[TRAIN])
    found = audit(router, lossy.X[TEST], lossy.y[TEST], **QUICK)
    shuffled = found.decisions["RidgeRouter"].shuffled
    assert shuffled.quality.shape == (20, 400)
    assert np.isfinite(shuffled.quality).all()
    # Where cost is all that counts, and known by model, the features have no say.
    dear = audit(router, lossy.X[TEST], lossy.y[TEST], cost_weight=1e6, **QUICK)
    own, _, shuffled, *_ = dear.decisions["RidgeRouter"]
    assert (shuffled.cost == own.cost).all()


def test_features_tell_a_random_router_nothing(data):
    router = RandomRouter(random_state=0).fit(data.X[TRAIN], data.y[TRAIN])
    row = row_of(audit(router, data.X[TEST], data.y[TEST], **QUICK))
    assert row.verdict == "does not pay"
    assert row.p_features > 0.05


def test_few_permutations_tell_nothing_of_the_features(data, router):
    X, y = data.X[TEST], data.y[TEST]
    for params, told in (
        ({"n_permutations": 18}, "18 permutations are too few"),
        ({"n_permutations": 19}, "the features tell it something"),
        ({"n_permutations": 50, "alpha": 0.01}, "50 permutations are too few"),
        ({"n_permutations": 99, "alpha": 0.01}, "the features tell it something"),
    ):
        assert told in audit(router, X, y, n_resamples=50, **params).verdict


# -- verdicts ------------------------------------------------------------------------


def test_with_signal_it_pays_and_reads_like_a_sentence(result):
    assert row_of(result).verdict == "pays"
    assert repr(result) == result.verdict
    assert result.verdict.startswith("RidgeRouter pays: against the best single model")
    assert "on 400 queries (95 % interval" in result.verdict


def test_few_queries_are_not_enough_and_it_says_how_many_would_be(data, router):
    X, y = data.X[425:450], data.y[425:450]
    found = audit(router, X, y, **QUICK)
    row = row_of(found)
    assert row.verdict == "not enough data"
    # So many more, and a gain of this size has the stated power.
    factor = row.smallest_effect / row.error
    error = row.error * np.sqrt(25 / (25 + row.n_more))
    distance = max(row.utility_gain, 0.01 - row.utility_gain)
    assert distance / error == pytest.approx(factor, rel=0.05)
    assert f"about {row.n_more:,.0f} more queries" in found.verdict


def test_the_same_audit_finds_the_same(data, router):
    given = router, data.X[425:450], data.y[425:450]
    one, two = (audit(*given, **QUICK).table for _ in "ab")
    assert one.equals(two)


def test_too_few_independent_queries_get_no_judgement_at_all(data, router):
    groups = np.arange(400) % 6
    found = audit(router, data.X[TEST], data.y[TEST], groups=groups, **QUICK)
    assert row_of(found).utility_gain_low > 0
    assert row_of(found).verdict == "not enough data"
    assert "too few for any judgement" in found.verdict
    assert "features" not in found.verdict
    assert "saving" not in found.verdict


def test_a_gain_below_the_least_worth_having_does_not_pay(data, router):
    gain = row_of(audit(router, data.X[TEST], data.y[TEST], **QUICK)).adjusted_high
    found = audit(router, data.X[TEST], data.y[TEST], min_gain=gain + 0.01, **QUICK)
    assert row_of(found).verdict == "does not pay"
    assert "is ruled out" in found.verdict


def test_variants_of_one_question_count_once(data, router):
    rows = np.repeat(np.arange(400, 415), 20)
    found = audit(router, data.X[rows], data.y[rows], groups=rows, **QUICK)
    row = row_of(found)
    assert (row.n_queries, row.n_units) == (300, 15)
    assert row.verdict == "not enough data"
    assert "15 independent queries are too few" in found.verdict
    once = audit(router, data.X[400:415], data.y[400:415], **QUICK)
    assert row_of(once).error == pytest.approx(row.error)


def test_tasks_have_a_row_each_and_share_one_adjustment(data, result):
    tasks, count = np.unique(data.task[TEST], return_counts=True)
    assert result.by_task["task"].tolist() == tasks.tolist()
    assert result.by_task["n_queries"].tolist() == count.tolist()
    weighted = result.by_task["utility_gain"] @ count / 400
    assert weighted == pytest.approx(row_of(result).utility_gain)
    assert (result.by_task["p_adjusted"] >= result.by_task["p"]).all()
    heads, rows = task_cells(result)
    assert heads[:2] == ["Task", "Queries"]
    largest_first = np.argsort(-count, kind="stable")
    assert [row[0] for row in rows] == [str(tasks[i]) for i in largest_first]
    assert {len(row) for row in rows} == {len(heads)}


def test_several_routers_are_adjusted_for_their_number(data, router):
    knn = KNNRouter(n_neighbors=30).fit(data.X[TRAIN], data.y[TRAIN])
    X, y = data.X[TEST], data.y[TEST]
    both = audit({"ridge": router, "knn": knn}, X, y, **QUICK)
    alone = row_of(audit(router, X, y, **QUICK))
    ridge = both.table.loc["ridge"]
    assert ridge["p"] == alone.p
    assert ridge["p_adjusted"] >= alone.p
    assert ridge["utility_gain_low"] == alone.utility_gain_low
    assert ridge["adjusted_low"] < alone.adjusted_low
    assert ridge["smallest_effect"] > alone.smallest_effect
    assert "2 routers tested" in both.verdict


def test_an_adjusted_interval_is_called_one_whatever_happens_to_its_p(data, router):
    fixed = FixedRouter().fit(data.X[TRAIN], data.y[TRAIN])
    routers = {"ridge": router, "fixed": fixed}
    both = audit(routers, data.X[TEST], data.y[TEST], **QUICK)
    assert both.table.loc["fixed", "p_adjusted"] == both.table.loc["fixed", "p"]
    assert both.verdict.count("(95 % interval, adjusted; p = ") == 2


def test_routers_may_differ_in_their_best_single_model(data, router):
    backwards = Outcomes(data.y.quality[:, ::-1], data.y.cost, models=data.models)
    other = RidgeRouter(alpha=100.0).fit(data.X[TRAIN], backwards[TRAIN])
    X, y = data.X[TEST], data.y[TEST]
    both = audit({"one": router, "two": other}, X, y, **QUICK)
    alone = [audit(each, X, y, **QUICK).baseline_models for each in (router, other)]
    assert alone[0] != alone[1]
    for model in alone:
        assert f"against the best single model ({model[0]}) it" in both.verdict
    assert both.baseline_models == alone[0]


def test_the_result_cannot_be_changed(result):
    with pytest.raises(FrozenInstanceError):
        result.verdict = "pays"


def test_without_costs_it_judges_quality(data, router, result):
    y = Outcomes(data.y.quality, models=data.models)
    found = audit(router, data.X[TEST], y[TEST], **QUICK)
    assert np.isnan(row_of(found).cost_change)
    assert np.isnan(row_of(found).cost_change_share)
    assert row_of(found).utility_gain == row_of(result).utility_gain
    assert "cost" not in found.verdict


def test_of_a_baseline_that_costs_nothing_no_share_is_told(data, router):
    cost = 0.001 * data.y.cost
    cost[:, 0] = 0.0
    y, free = Outcomes(data.y.quality, cost, models=data.models), data.models[0]
    found = audit(router, data.X[TEST], y[TEST], baseline=free, **QUICK)
    assert row_of(found).cost_change == pytest.approx(row_of(found).cost)
    assert np.isnan(row_of(found).cost_change_share)
    assert " a query, the baseline's 0." in found.verdict
    assert "saving" not in found.verdict


# -- cross-fitting -------------------------------------------------------------------


def test_cross_fitting_routes_as_the_comparison_does_not_leak_and_keeps_order(data):
    found = cross_audit(RidgeRouter(alpha=100.0), data.X, data.y, **QUICK)
    row = row_of(found)
    assert row.n_queries == 800
    assert found.y is data.y or np.array_equal(found.y.quality, data.y.quality)
    realised = found.decisions["RidgeRouter"].router
    assert_allclose(
        realised.quality, realised_utility(data.y, realised.choice, reduce=None)
    )
    compared = compare(
        data.X, data.y, routers={"r": RidgeRouter(alpha=100.0)}, n_resamples=10
    ).table
    # The same test folds; trained on four fifths rather than three.
    assert row.quality == pytest.approx(compared.loc["r", "quality"], abs=0.03)
    single = compared.loc["best single", "quality"]
    assert row.baseline_quality == pytest.approx(single, abs=1e-9)


def test_cross_fitting_may_learn_the_tasks(data):
    tasks = data.y.quality.argmax(axis=1)
    ridge, given = RidgeRouter(alpha=100.0), (data.X, data.y)
    told, plain = (
        cross_audit(ridge, *given, tasks=tasks, learn_tasks=learned, **QUICK)
        for learned in (True, False)
    )
    assert row_of(told).quality != row_of(plain).quality
    with pytest.raises(ValueError, match="learn_tasks needs tasks"):
        cross_audit(ridge, *given, learn_tasks=True)


def test_cross_fitting_fits_a_router_that_is_the_baseline(data):
    found = cross_audit(
        {"ridge": RidgeRouter(alpha=100.0)},
        data.X,
        data.y,
        baseline=KNNRouter(n_neighbors=30),
        **QUICK,
    )
    assert found.baseline == "KNNRouter"
    other = cross_audit(KNNRouter(n_neighbors=30), data.X, data.y, **QUICK)
    assert row_of(found).baseline_quality == row_of(other).quality


def test_cross_fitting_takes_searches_that_are_not_fitted(data):
    pipeline = make_pipeline(StandardScaler(), RidgeRouter())
    search = GridSearchCV(pipeline, {"ridgerouter__alpha": [100.0]}, cv=2)
    alone = make_pipeline(StandardScaler(), RidgeRouter(alpha=100.0))
    X, y = data.X[:200], data.y[:200]
    found = cross_audit(search, X, y, baseline=search, **QUICK)
    assert found.table.index.tolist() == ["RidgeRouter"]
    assert found.baseline == "RidgeRouter"
    expected = row_of(cross_audit(alone, X, y, **QUICK)).quality
    assert row_of(found).quality == expected


def test_cross_fitting_does_not_depend_on_workers(data):
    router = RidgeRouter(alpha=100.0)
    one = cross_audit(router, data.X[:200], data.y[:200], **QUICK)
    calls = []
    two = cross_audit(
        router,
        data.X[:200],
        data.y[:200],
        n_jobs=2,
        progress=lambda *done: calls.append(done),
        **QUICK,
    )
    assert one.table.equals(two.table)
    assert calls == [(i, 5) for i in range(1, 6)]


def test_groups_that_belong_together_are_never_split(data):
    X, y = np.repeat(data.X[:100], 4, axis=0), data.y[np.repeat(np.arange(100), 4)]
    unit = np.repeat(np.arange(100), 4)
    router = KNNRouter(n_neighbors=3, shrinkage=0.0)  # would find the copies of a query
    split = cross_audit(router, X, y, **QUICK)
    whole = cross_audit(router, X, y, groups=unit, **QUICK)
    assert row_of(split).quality > row_of(whole).quality + 0.05
    assert row_of(whole).n_units == 100


# -- false alarms --------------------------------------------------------------------


def test_without_signal_it_seldom_says_that_it_pays():
    said = []
    for seed in range(40):
        null = make_routing(250, 4, n_features=(4, 4), signal=0, random_state=seed)
        found = cross_audit(
            RidgeRouter(alpha=100.0), null.X, null.y, n_resamples=200, n_permutations=1
        )
        said.append(row_of(found).verdict)
    assert said.count("pays") <= 4  # at 2.5 % more than 4 of 40 come once in 300 runs
    assert said.count("does not pay") > 0


# -- bad input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"baseline": "gpt"}, "baseline='gpt' is neither"),
        ({"cost_weight": -1.0}, "cost_weight"),
        ({"alpha": 0.0}, "alpha"),
        ({"power": 1.0}, "power"),
        ({"min_gain": -0.1}, "min_gain"),
        ({"tasks": [1, 2]}, "X has 400 queries, tasks has 2"),
        ({"groups": [1, 2]}, "X has 400 queries, groups has 2"),
        ({"tasks": [None, *"a" * 399]}, "tasks has no value in row 0"),
        ({"X": np.zeros((3, 16))}, "X has 3 queries, y has 400"),
        ({"router": {}}, "no router to audit"),
        ({"router": {1: RidgeRouter(), "1": RidgeRouter()}}, "1 and '1' of two rout"),
        ({"router": RidgeRouter()}, "not fitted"),
        ({"y": Outcomes(np.ones((400, 2)))}, "y has no names of models, only 2 col"),
        ({"y": Outcomes(np.ones((400, 2)), models=["a", "b"])}, "y has the models"),
    ],
)
def test_bad_input_is_refused(data, router, params, match):
    given = {"router": router, "X": data.X[TEST], "y": data.y[TEST], **params}
    with pytest.raises(ValueError, match=match):
        audit(given.pop("router"), given.pop("X"), given.pop("y"), **given)


@pytest.mark.parametrize("name", ["tasks", "groups"])
def test_cross_fitting_refuses_labels_of_other_queries(data, name):
    with pytest.raises(ValueError, match=f"X has 800 queries, {name} has 2"):
        cross_audit(RidgeRouter(), data.X, data.y, **{name: [1, 2]})


def test_a_price_on_unknown_costs_is_refused(data, router):
    y = Outcomes(data.y.quality, models=data.models)
    with pytest.raises(ValueError, match="needs costs: y has none"):
        audit(router, data.X[TEST], y[TEST], cost_weight=0.1)
    with pytest.raises(ValueError, match="needs costs: y has none"):
        cross_audit(RidgeRouter(), data.X, y, cost_weight=0.1)


def test_a_baseline_of_other_models_is_refused(data, router):
    other = make_routing(50, 3, n_features=(8, 8), random_state=0)
    fixed = FixedRouter().fit(other.X, other.y)
    with pytest.raises(ValueError, match="The baseline was fitted on the models"):
        audit(router, data.X[TEST], data.y[TEST], baseline=fixed)


def test_a_model_too_rare_to_learn_from_is_named(data):
    quality = data.y.quality.copy()
    quality[1:, 0] = np.nan
    y = Outcomes(quality, models=data.models)
    with pytest.raises(ValueError, match="'model-0' is observed on 1 queries, on none"):
        cross_audit(RidgeRouter(), data.X, y)


def test_a_frozen_router_may_know_the_held_out_queries(data, router):
    """It was fitted before, on other features, and may be audited as it is."""
    frozen = make_pipeline(StandardScaler(), FrozenEstimator(router))
    with pytest.raises(TypeError, match=r"FrozenEstimator is not .*audit\.audit"):
        cross_audit(frozen, data.X, data.y)
    result = audit(FrozenEstimator(router), data.X, data.y)
    assert result.verdict.startswith(type(router).__name__)
