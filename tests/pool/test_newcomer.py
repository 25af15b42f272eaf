"""What is believed of a new model, with and without the answers of the others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklroute import KernelRouter, Outcomes, RidgeRouter
from sklroute.datasets import make_routing
from sklroute.pipeline import as_router
from sklroute.pool._basis import make_basis
from sklroute.pool._newcomer import ANSWERED, WORTH, likely_spread

DATA = make_routing(n_queries=900, n_models=6, random_state=0)
NEW = 2
KEPT = np.delete(np.arange(6), NEW)
OLD = Outcomes(DATA.y.quality[:, KEPT], models=DATA.y.models[KEPT])
PROBES, REST = slice(500, 540), slice(600, None)


@pytest.fixture
def router():
    router = KernelRouter(64, alphas=(10.0, 10.0), random_state=0)
    return router.fit(DATA.X[:500], OLD[:500])


def predicted(router, quality, y=None):
    router.add_model("~", DATA.X[PROBES], quality, y=y)
    return router.predict_quality(DATA.X[REST])[:, -1]


def test_a_hard_query_is_not_held_against_a_new_model(router):
    """All fail on all probes: half of it is taken for the queries' doing."""
    failed = Outcomes(np.zeros((40, 5)), models=OLD.models)
    usual = router.predict_quality(DATA.X[REST]).mean()
    fair = predicted(router, np.zeros(40), failed).mean()
    router.remove_model("~")
    unfair = predicted(router, np.zeros(40)).mean()
    assert unfair < fair < usual
    assert usual - fair < 0.7 * (usual - unfair)


def test_a_model_that_answers_as_another_is_like_it(router):
    usual = router.predict_quality(DATA.X[REST])
    for model in range(5):
        twin = OLD[PROBES].quality[:, model]
        alike = predicted(router, twin, OLD[PROBES])
        distance = np.abs(usual - alike[:, None]).mean(axis=0)
        assert distance.argmin() == model
        router.remove_model("~")


def test_answers_of_the_others_make_the_prediction_better():
    """Where the features do not say how hard a query is, and all models suffer."""
    errors = {True: [], False: []}
    for seed in range(8):
        data = make_routing(n_queries=900, n_models=6, random_state=seed)
        hard = np.random.default_rng(seed).random((900, 1)) < 0.4
        quality = np.where(hard, 0.0, data.y.quality)
        old = Outcomes(quality[:, KEPT], models=data.y.models[KEPT])
        router = RidgeRouter(100.0).fit(data.X[:500], old[:500])
        for known in errors:
            y = old[PROBES] if known else None
            router.add_model("~", data.X[PROBES], quality[PROBES, NEW], y=y)
            found = router.predict_quality(data.X[REST])[:, -1]
            errors[known].append(np.mean((found - 0.6 * data.quality[REST, NEW]) ** 2))
            router.remove_model("~")
    assert np.mean(errors[True]) < 0.97 * np.mean(errors[False])


def test_answers_come_in_any_form_and_order(router):
    quality = DATA.y.quality[PROBES, NEW]
    expected = predicted(router, quality, OLD[PROBES])
    forms = [
        OLD[PROBES].to_frame(),
        Outcomes(OLD[PROBES].quality[:, ::-1], models=OLD.models[::-1]),
    ]
    for y in forms:
        router.remove_model("~")
        assert np.array_equal(predicted(router, quality, y), expected)


def test_no_known_answer_is_as_no_answers(router):
    quality = DATA.y.quality[PROBES, NEW]
    expected = predicted(router, quality)
    router.remove_model("~")
    nothing = Outcomes(np.full((40, 5), np.nan), models=OLD.models)
    assert np.array_equal(predicted(router, quality, nothing), expected)


def test_answers_of_removed_and_new_models_are_not_asked_for(router):
    router.remove_model(router.classes_[0])
    router.add_model("first newcomer", DATA.X[:20], DATA.y.quality[:20, NEW])
    y = Outcomes(OLD[PROBES].quality[:, 1:], models=OLD.models[1:])
    assert np.isfinite(predicted(router, DATA.y.quality[PROBES, NEW], y)).all()


@given(st.integers(1, 60), st.integers(1, 5), st.floats(0, 1), st.integers(0, 9))
@settings(deadline=None, max_examples=40)
def test_any_answers_give_a_spread_that_is_positive(n, n_models, missing, seed):
    rng = np.random.default_rng(seed)
    X = DATA.X[rng.integers(len(DATA.X), size=n)]
    known = rng.integers(2, size=(n, n_models)).astype(float)
    seen = rng.random(known.shape) >= missing
    basis = make_basis(DATA.X[:300], lambda X: np.tile(X[:, :1] > 0, n_models) * 0.5)
    answers = np.where(seen, known, np.nan)
    spread = likely_spread(basis, X, known, answers, 0.2)
    assert (spread.variance > 0).all()
    assert spread.noise > 0
    assert np.isfinite([*spread.variance, spread.noise]).all()


def test_the_spread_that_made_the_models_is_found():
    """Against models that are drawn from the prior."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    basis = make_basis(X, lambda X: np.zeros((len(X), 8)))
    local, found = basis.local(X), []
    for _ in range(20):
        own = 2.0 * local @ rng.normal(size=(local.shape[1], 8))
        level = 5.0 * basis.level(100) @ rng.normal(size=(1, 8))
        known = 0.5 + level + own + 0.3 * rng.normal(size=own.shape)
        spread = likely_spread(basis, X, known, known, 0.2)
        found.append([*spread.variance, spread.noise])
    level, _, similar, noise = np.mean(found, axis=0)
    # The mean of seven others varies too, by a seventh.
    assert level == pytest.approx(25 * 8 / 7, rel=0.4)
    assert similar == pytest.approx(4 * 8 / 7, rel=0.25)
    assert noise * 0.2 == pytest.approx(0.09 * 8 / 7, rel=0.1)


def test_a_step_is_that_of_the_definition(monkeypatch):
    """Against a loop over models with explicit traces, one step from the defaults."""
    from sklroute.pool import _newcomer

    monkeypatch.setattr(_newcomer, "N_STEPS", 1)
    X, answers = DATA.X[PROBES], OLD[PROBES].quality
    known = (answers + 0.3) / 2
    basis = make_basis(DATA.X[:300], lambda X: np.zeros((len(X), 5)))
    spread = likely_spread(basis, X, known, answers, 0.2)
    v, noise = ANSWERED.variance, ANSWERED.noise * 0.2
    top, bottom = WORTH.variance * v, WORTH.variance.copy()
    left, n_left = WORTH.noise * noise, WORTH.noise
    for model in range(5):
        others = np.delete(known, model, axis=1)
        r = answers[:, model] - others.mean(axis=1)
        d = others - others.mean(axis=1, keepdims=True)
        kernels = [
            basis.level(40) @ basis.level(40).T,
            d @ d.T / 4,
            basis.local(X) @ basis.local(X).T,
        ]
        C = sum(a * K for a, K in zip(v, kernels, strict=True)) + noise * np.eye(40)
        alpha = np.linalg.solve(C, r)
        traces = [
            a * np.trace(np.linalg.solve(C, K)) for a, K in zip(v, kernels, strict=True)
        ]
        top += [a**2 * alpha @ K @ alpha for a, K in zip(v, kernels, strict=True)]
        bottom += traces
        left += noise**2 * alpha @ alpha
        n_left += 40 - sum(traces)
    assert spread.variance == pytest.approx(top / bottom)
    assert spread.noise * 0.2 == pytest.approx(left / n_left)


def test_a_pipeline_passes_the_answers_on():
    pipe = make_pipeline(StandardScaler(), RidgeRouter(100.0)).fit(
        DATA.X[:500], OLD[:500]
    )
    router, alone = as_router(pipe), pipe[-1]
    quality, y = DATA.y.quality[PROBES, NEW], OLD[PROBES]
    before = pipe[0].transform(DATA.X[PROBES])
    reference = RidgeRouter(100.0).fit(pipe[0].transform(DATA.X[:500]), OLD[:500])
    reference.add_model("~", before, quality, y=y)
    router.add_model("~", DATA.X[PROBES], quality, y=y)
    queries = DATA.X[REST]
    expected = reference.predict_quality(pipe[0].transform(queries))
    assert np.array_equal(router.predict_quality(queries), expected)
    assert "~" in alone.classes_


def test_wrong_answers_are_named(router):
    quality = DATA.y.quality[PROBES, NEW]
    with pytest.raises(ValueError, match="X has 40 queries, y has 39"):
        router.add_model("~", DATA.X[PROBES], quality, y=OLD[PROBES][:39])
    strange = Outcomes(np.zeros((40, 1)), models=["nobody"])
    with pytest.raises(ValueError, match="nobody"):
        router.add_model("~", DATA.X[PROBES], quality, y=strange)
    assert "~" not in router.classes_


def test_answers_count_the_same_at_once_and_later(router):
    quality = np.tile([1.0, 0.0], 20)
    at_once = predicted(router, quality)
    router.remove_model("~")
    router.add_model("~", DATA.X[500:520], quality[:20])
    later = Outcomes(quality[20:, None], models=["~"])
    router.partial_fit(DATA.X[520:540], later)
    found = router.predict_quality(DATA.X[REST])[:, -1]
    np.testing.assert_allclose(found, at_once, atol=1e-4)
