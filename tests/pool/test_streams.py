"""Learning from a stream pays, and exploring finds what greed overlooks."""

import pickle

import numpy as np
import pytest

from sklroute import DriftAlarm, Outcomes, RidgeRouter
from sklroute.datasets import make_routing
from sklroute.policies import UCB, MaxUtility, Thompson

DATA = make_routing(n_queries=5000, n_models=4, random_state=7)
TRAIN, SIZE = slice(0, 1000), 100


@pytest.fixture
def router():
    return RidgeRouter(100.0).fit(DATA.X[TRAIN], DATA.y[TRAIN])


def follow(router, truth, rows, policy, **options):
    """Route a stream, learn what was called, and return its expected quality."""
    router = pickle.loads(pickle.dumps(router))
    rng, value = np.random.default_rng(0), []
    for start in range(rows.start, rows.stop, SIZE):
        part = np.arange(start, start + SIZE)
        choice = router.predict(DATA.X[part], policy=policy)
        column = np.searchsorted(router.classes_, choice)
        quality = np.full((SIZE, len(router.classes_)), np.nan)
        expected = truth[part, column]
        quality[np.arange(SIZE), column] = rng.random(SIZE) < expected
        value.append(expected.mean())
        if options:
            y = Outcomes(quality, models=router.classes_)
            router.partial_fit(DATA.X[part], y, **options)
    return np.array(value)


@pytest.mark.parametrize(
    ("policy", "loss"),
    [
        (MaxUtility(), 0.01),
        (UCB(), 0.02),
        (Thompson(random_state=np.random.RandomState(0)), 0.03),
    ],
    ids=["greedy", "ucb", "thompson"],
)
def test_learning_follows_a_model_that_fails_and_costs_little_before(
    router, policy, loss
):
    best = router.mean_quality_.argmax()
    late = DATA.quality.copy()
    late[:, best] *= 0.3
    before, after = slice(1000, 3000), slice(3000, 5000)
    frozen = follow(router, DATA.quality, before, MaxUtility()).mean()
    learnt = follow(router, DATA.quality, before, policy, half_life=500).mean()
    assert learnt > frozen - loss
    frozen = follow(router, late, after, MaxUtility())[10:].mean()
    learnt = follow(router, late, after, policy, half_life=500)[10:].mean()
    assert learnt > frozen + 0.05


def test_answers_are_taken_to_be_as_noisy_as_right_and_wrong_ones(router):
    mean = router.mean_quality_.copy()
    router.partial_fit(DATA.X[1000:1010], DATA.y[1000:1010])
    noise = [belief.noise for belief in router.pool_.beliefs]
    np.testing.assert_allclose(noise, mean * (1 - mean))


def test_exploring_finds_a_model_that_got_better():
    # Fitted while the best model failed on all queries: greed does not call it again.
    best = DATA.quality.mean(axis=0).argmax()
    failing = DATA.y[TRAIN].quality.copy()
    failing[:, best] *= np.random.default_rng(0).random(1000) < 0.6
    router = RidgeRouter(1e5).fit(DATA.X[TRAIN], failing)
    rows = slice(1000, 4000)
    greedy = follow(router, DATA.quality, rows, MaxUtility(), half_life=1000)
    curious = follow(router, DATA.quality, rows, UCB(3.0), half_life=1000)
    assert curious[-10:].mean() > greedy[-10:].mean() + 0.05


def test_the_error_of_what_was_never_called_comes_back_with_time(router):
    X, names = DATA.X[4900:], router.classes_
    column = Outcomes(np.ones((100, 1)), models=names[:1])
    router.partial_fit(DATA.X[1000:1100], column, half_life=200)
    learnt = router.predict_quality(X, return_std=True)[1][:, 0].mean()
    others = Outcomes(np.ones((1000, 1)), models=names[1:2])
    router.partial_fit(DATA.X[1100:2100], others, half_life=200)
    assert router.predict_quality(X, return_std=True)[1][:, 0].mean() > 1.1 * learnt


def test_the_alarm_reads_what_a_router_predicts_and_calls(router):
    alarm = DriftAlarm()
    best = router.classes_[router.mean_quality_.argmax()]
    for start in range(1000, 5000, SIZE):
        rows = slice(start, start + SIZE)
        choice = router.predict(DATA.X[rows])
        quality = np.where(router.classes_ == choice[:, None], 0.0, np.nan)
        if start < 3000:
            quality += DATA.y[rows].quality
        y = Outcomes(quality, models=router.classes_)
        if best in alarm.update(router.predict_quality(DATA.X[rows]), y):
            break
    assert 3000 <= start + SIZE - 1 < 3300
    assert best not in router.predict(DATA.X[rows], available=lambda m: m != best)


def test_the_error_before_any_answer_needs_no_system_to_be_solved(router, monkeypatch):
    X, light = DATA.X[1000:1100], np.full(100, 1e-12)
    learnt = pickle.loads(pickle.dumps(router))
    learnt.partial_fit(X, DATA.y[1000:1100], sample_weight=light)  # next to nothing
    _, expected = learnt.predict_quality(X, return_std=True)
    monkeypatch.setattr("sklroute.pool._belief.cho_factor", None)
    _, found = router.predict_quality(X, return_std=True)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
