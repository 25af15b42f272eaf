import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sklroute import LoggedOutcomes, Outcomes
from sklroute.metrics import (
    OverlapWarning,
    best_single,
    direct_value,
    doubly_robust_value,
    effective_sample_size,
    ips_value,
    paired_bootstrap,
    realised_utility,
    snips_value,
)

NAN = float("nan")
SHAPE = (400, 3)
COST = np.array([1.0, 2.0, 4.0])
VALUES = {"ips": ips_value, "snips": snips_value}
MODEL_VALUES = {"dm": direct_value, "dr": doubly_robust_value}


def make_log(seed=0, shape=SHAPE):
    """A log of one call a query, and the answers of all models."""
    rng = np.random.default_rng(seed)
    propensity = rng.dirichlet(np.full(shape[1], 4.0), size=shape[0])
    called = (rng.random(shape[0])[:, None] < propensity.cumsum(axis=1)).argmax(axis=1)
    quality = rng.random(shape).round(2)
    seen = np.eye(shape[1])[called] > 0
    log = LoggedOutcomes(
        np.where(seen, quality, NAN), np.where(seen, COST, NAN), propensity=propensity
    )
    return log, quality, called


LOG, QUALITY, CALLED = make_log()
CHOICE = QUALITY.argmax(axis=1)
GUESS = np.random.default_rng(1).random(SHAPE)


def slow(name, choice, cost_weight):
    """The estimators row by row, as the docstrings have them."""
    n = len(CALLED)
    weight = [(CALLED[i] == choice[i]) / LOG.propensity[i, CALLED[i]] for i in range(n)]
    utility = [QUALITY[i, CALLED[i]] - cost_weight * COST[CALLED[i]] for i in range(n)]
    guess = GUESS - cost_weight * COST
    if name == "ips":
        return sum(w * u for w, u in zip(weight, utility, strict=True)) / n
    if name == "snips":
        return slow("ips", choice, cost_weight) * n / sum(weight)
    direct = sum(guess[i, choice[i]] for i in range(n)) / n
    if name == "dm":
        return direct
    left = [weight[i] * (utility[i] - guess[i, CALLED[i]]) for i in range(n)]
    return direct + sum(left) / n


def value(name, choice=CHOICE, log=LOG, **params):
    if name in VALUES:
        return VALUES[name](log, choice, **params)
    return MODEL_VALUES[name](log, choice, GUESS, COST, **params)


every_estimator = pytest.mark.parametrize("name", [*VALUES, *MODEL_VALUES])


@every_estimator
@pytest.mark.parametrize("cost_weight", [0.0, 0.25])
def test_values_are_those_of_the_formulas(name, cost_weight):
    expected = slow(name, CHOICE, cost_weight)
    assert value(name, cost_weight=cost_weight) == pytest.approx(expected)


@every_estimator
def test_values_of_queries_average_to_the_value(name):
    per_query = value(name, cost_weight=0.1, reduce=None)
    assert per_query.shape == SHAPE[:1]
    assert per_query.mean() == pytest.approx(value(name, cost_weight=0.1))
    with pytest.raises(ValueError, match="reduce must be 'mean' or None"):
        value(name, reduce="sum")


@every_estimator
def test_probabilities_of_choice_mix_the_values_of_choices(name):
    share = np.random.default_rng(2).dirichlet(np.ones(3), size=SHAPE[0])
    if name == "snips":
        share = np.eye(3)[CHOICE]  # not linear: only a certain choice is comparable
        assert value(name, share) == value(name)
        return
    parts = [value(name, np.full(SHAPE[0], j), reduce=None) for j in range(3)]
    mixed = value(name, share, reduce=None)
    np.testing.assert_allclose(mixed, (share * np.transpose(parts)).sum(axis=1))


@given(hnp.arrays(float, 3, elements=st.floats(0, 1, width=16)))
def test_estimators_are_exact_for_a_model_that_is_always_the_same(constant):
    quality = np.where(LOG.observed, constant, NAN)
    log = LoggedOutcomes(quality, propensity=LOG.propensity)
    expected = constant[CHOICE].mean()
    predicted = np.tile(constant, (SHAPE[0], 1))
    assert doubly_robust_value(log, CHOICE, predicted) == pytest.approx(expected)
    always = np.full(SHAPE[0], 1)
    assert snips_value(log, always) == pytest.approx(constant[1])


@every_estimator
def test_estimates_scatter_around_the_truth(name):
    rng, estimates = np.random.default_rng(3), []
    truth = QUALITY[np.arange(SHAPE[0]), CHOICE].mean()
    predicted = 0.5 + 0 * QUALITY  # as wrong as can be
    for _ in range(300):
        u = rng.random(SHAPE[0])[:, None]
        seen = np.eye(3)[(u < LOG.propensity.cumsum(axis=1)).argmax(axis=1)] > 0
        log = LoggedOutcomes(np.where(seen, QUALITY, NAN), propensity=LOG.propensity)
        if name in VALUES:
            estimates.append(VALUES[name](log, CHOICE))
        else:
            estimates.append(MODEL_VALUES[name](log, CHOICE, predicted))
    error = np.std(estimates) / np.sqrt(300)
    if name == "dm":
        assert np.mean(estimates) == pytest.approx(0.5)
    else:
        assert abs(np.mean(estimates) - truth) < 4 * error


def test_intervals_of_self_normalised_values_are_those_of_the_ratio():
    # Against the bootstrap of the ratio itself, query by query.
    rng = np.random.default_rng(0)
    weight = (CALLED == CHOICE) / LOG.propensity[np.arange(SHAPE[0]), CALLED]
    utility = QUALITY[np.arange(SHAPE[0]), CALLED]
    ratios = []
    for _ in range(4000):
        rows = rng.integers(SHAPE[0], size=SHAPE[0])
        ratios.append((weight * utility)[rows].sum() / weight[rows].sum())
    per_query, mean = value("snips", reduce=None), value("snips")
    np.testing.assert_array_equal(per_query > mean, (weight > 0) & (utility > mean))
    interval = paired_bootstrap(per_query, random_state=0)
    np.testing.assert_allclose(
        interval[1:], np.quantile(ratios, [0.025, 0.975]), atol=0.006
    )


def test_effective_sample_size_of_equal_weights_is_their_number():
    y = LoggedOutcomes(LOG.quality, propensity=np.full(3, 1 / 3))
    assert effective_sample_size(y, CHOICE) == pytest.approx((CALLED == CHOICE).sum())
    assert effective_sample_size(y, (CALLED + 1) % 3) == 0
    own = LoggedOutcomes(LOG.quality, propensity=np.ones(3))
    assert effective_sample_size(own, CALLED) == SHAPE[0]


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_where_the_log_never_went_is_said(name):
    propensity = np.array(LOG.propensity)
    beyond = np.flatnonzero(CALLED != CHOICE)[:7]
    propensity[beyond, CHOICE[beyond]] = 0
    log = LoggedOutcomes(LOG.quality, LOG.cost, propensity=propensity)
    message = f"sends 7 of 400 queries where the log never went, e.g. row {beyond[0]} "
    with pytest.warns(OverlapWarning, match=message):
        value(name, log=log)


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_extreme_weights_are_said(name):
    propensity = np.array(LOG.propensity)
    row = np.flatnonzero(CALLED == CHOICE)[5]
    propensity[row, CALLED[row]] = 1e-3
    log = LoggedOutcomes(LOG.quality, LOG.cost, propensity=propensity)
    with pytest.warns(OverlapWarning, match=rf"size\); row {row} has 7\d% of the"):
        value(name, log=log)


def test_a_log_that_never_agrees_says_nothing():
    other = (CALLED + 1) % 3
    with pytest.raises(ValueError, match="No logged call agrees with the policy"):
        value("snips", other)
    with pytest.warns(OverlapWarning, match="worth 0 "):
        assert value("ips", other) == 0
    with pytest.warns(OverlapWarning, match="worth 0 "):
        assert value("dr", other) == value("dm", other)


def test_a_log_that_is_good_enough_raises_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in (*VALUES, *MODEL_VALUES):
            value(name)


@pytest.mark.parametrize(
    ("n_queries", "propensity", "warned"),
    [(30, 1.0, False), (29, 1.0, True), (91, 0.1, False), (90, 0.1, True)],
)
def test_enough_is_30_queries_and_a_tenth_of_the_weight(n_queries, propensity, warned):
    # The weight of the first query is 1 / propensity, that of the others is 1.
    made = np.tile([1.0, 0.0], (n_queries, 1))
    made[0] = propensity, 1 - propensity
    log = LoggedOutcomes(np.tile([1.0, NAN], (n_queries, 1)), propensity=made)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        ips_value(log, np.zeros(n_queries, dtype=int))
    assert bool(found) == warned


def test_unknown_numbers_are_located():
    log = LoggedOutcomes(LOG.quality, propensity=LOG.propensity)
    with pytest.raises(ValueError, match="cost_weight needs costs: that of model"):
        ips_value(log, CHOICE, cost_weight=0.1)
    with pytest.raises(ValueError, match=r"cost_weight=0\.1 needs predicted"):
        doubly_robust_value(LOG, CHOICE, GUESS, cost_weight=0.1)
    guess = np.array(GUESS)
    guess[5, 2] = NAN
    with pytest.raises(ValueError, match="prediction for model 2 in row 5"):
        direct_value(LOG, CHOICE, guess)
    with pytest.raises(ValueError, match=r"Predicted quality has shape \(4, 3\)"):
        direct_value(LOG, CHOICE, guess[:4])


@pytest.mark.parametrize("name", MODEL_VALUES)
def test_predictions_of_models_never_chosen_may_be_unknown(name):
    choice = np.where(CHOICE == 2, 0, CHOICE)  # model 2 is down, and has no price
    price = np.where(np.arange(SHAPE[1]) == 2, NAN, COST)
    values = MODEL_VALUES[name]
    found = values(LOG, choice, GUESS, price, cost_weight=0.25)
    np.testing.assert_allclose(found, slow(name, choice, 0.25))
    with pytest.raises(ValueError, match="prediction for model 2 in row"):
        values(LOG, CHOICE, GUESS, price, cost_weight=0.25)


def test_bad_choices_are_located():
    with pytest.raises(ValueError, match="y has no propensities"):
        ips_value(Outcomes(QUALITY), CHOICE)
    with pytest.raises(ValueError, match="Row 0: 7 is not one of the models"):
        ips_value(LOG, np.full(SHAPE[0], 7))
    with pytest.raises(ValueError, match="choice has 3 entries for 400 queries"):
        ips_value(LOG, [0, 1, 2])
    with pytest.raises(ValueError, match=r"row 0 has \[0.9, 0.9, 0.9\]"):
        ips_value(LOG, np.full(SHAPE, 0.9))
    share = np.eye(3)[CHOICE]
    share[5] = [1.5, -0.5, 0.0]
    with pytest.raises(ValueError, match=r"row 5 has \[1.5, -0.5, 0.0\]"):
        ips_value(LOG, share)
    with pytest.raises(ValueError, match=r"probability of a choice has shape \(1, 3"):
        ips_value(LOG, np.full((1, 3), 1 / 3))


@pytest.mark.filterwarnings("ignore::sklroute.metrics.OverlapWarning")
@pytest.mark.parametrize("weight", [-1.0, float("nan")])
def test_a_bad_price_is_refused(weight):
    y = LoggedOutcomes([[0.0, np.nan]], cost=[1.0, 2.0], propensity=[0.5, 0.5])
    with pytest.raises(ValueError, match="cost_weight must be a number >= 0"):
        ips_value(y, [0], cost_weight=weight)
    with pytest.raises(ValueError, match="cost_weight must be a number >= 0"):
        direct_value(y, [0], [0.5, 0.5], [1.0, 2.0], cost_weight=weight)
    with pytest.raises(ValueError, match="cost_weight must be a number >= 0"):
        realised_utility(y, [0], cost_weight=weight)
    with pytest.raises(ValueError, match="cost_weight must be a number >= 0"):
        best_single(y, cost_weight=weight)


def test_columns_of_frames_are_matched_by_name():
    choice = pd.DataFrame(np.eye(3)[CHOICE], columns=LOG.models)
    guess = pd.DataFrame(GUESS, columns=LOG.models)
    value = doubly_robust_value(LOG, choice, guess)
    turned = choice[[2, 0, 1]], guess[[1, 2, 0]]
    assert doubly_robust_value(LOG, *turned) == value
