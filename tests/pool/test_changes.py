"""Pools that change: no refit, and nobody else is touched."""

import pickle
from time import process_time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklroute import (
    AverageRouter,
    ClusterRouter,
    FixedRouter,
    GuardedRouter,
    KernelRouter,
    KNNRouter,
    LatentRouterClassifier,
    LogisticRouter,
    MLPRouter,
    Outcomes,
    RandomRouter,
    RidgeRouter,
)
from sklroute.datasets import make_routing
from sklroute.pipeline import as_router
from sklroute.policies import MaxUtility

DATA = make_routing(n_queries=900, n_models=5, random_state=0)
TRAIN, REST = slice(0, 600), slice(600, None)
NEW = 2  # the model that comes later

ROUTERS = [
    AverageRouter([("a", RidgeRouter(100.0)), ("b", ClusterRouter(8))]),
    ClusterRouter(8, random_state=0),
    FixedRouter(),
    KernelRouter(64, alphas=(10.0, 10.0), random_state=0),
    KNNRouter(32),
    LatentRouterClassifier(
        n_members=1, hidden_dim=8, token_dim=4, n_capsules=2, max_epochs=3,
        random_state=0,
    ),
    LogisticRouter(0.01),
    MLPRouter(
        (16,), alpha=1.0, learning_rate_init=0.03, max_iter=20, random_state=0
    ),
    RandomRouter(random_state=0),
    RidgeRouter(100.0),
]  # fmt: skip


def without(y, column):
    kept = np.delete(np.arange(len(y.models)), column)
    return Outcomes(y.quality[:, kept], y.cost[:, kept], models=y.models[kept])


@pytest.fixture(scope="module", params=ROUTERS, ids=lambda r: type(r).__name__)
def fitted(request):
    return clone(request.param).fit(DATA.X[TRAIN], without(DATA.y[TRAIN], NEW))


@pytest.fixture
def router(fitted):
    return pickle.loads(pickle.dumps(fitted))


def add(router, name="newcomer", n_answers=64):
    rows = slice(600, 600 + n_answers)
    y = DATA.y[rows]
    return router.add_model(name, DATA.X[rows], y.quality[:, NEW], y.cost[:, NEW])


X = DATA.X[800:]


def test_a_new_model_changes_no_other_by_a_bit(router):
    before = router.predict_quality(X), router.predict_proba(X), router.predict(X)
    old = router.classes_
    add(router)
    assert router.classes_.tolist() == sorted([*old, "newcomer"])
    others = np.isin(router.classes_, old)
    assert np.array_equal(router.predict_quality(X)[:, others], before[0])
    mask = router.classes_ != "newcomer"
    if not isinstance(router, RandomRouter):
        proba = router.predict_proba(X, available=mask)
        assert np.array_equal(proba[:, others], before[1])
        assert not proba[:, ~others].any()
        assert np.array_equal(router.predict(X, available=mask), before[2])


def test_a_new_model_changes_no_other_by_a_bit_once_all_have_learnt(router):
    router.partial_fit(DATA.X[600:700], without(DATA.y, NEW)[600:700])
    before, old = router.predict_quality(X), router.classes_
    for name in ("a", "newcomer", "z"):
        add(router, name)
    others = np.isin(router.classes_, old)
    assert np.array_equal(router.predict_quality(X)[:, others], before)
    for name in ("a", "z", "newcomer"):
        router.remove_model(name)
    assert np.array_equal(router.predict_quality(X), before)


def test_a_new_model_is_known_better_than_by_its_mean(router):
    if isinstance(router, (FixedRouter, RandomRouter)):
        pytest.skip("does not look at the query")
    add(router, n_answers=32)
    column = router.classes_.tolist().index("newcomer")
    truth = DATA.quality[800:, NEW]
    error = np.mean((router.predict_quality(X)[:, column] - truth) ** 2)
    assert error < 0.9 * np.mean((DATA.y.quality[600:632, NEW].mean() - truth) ** 2)


def test_what_is_expected_of_a_new_model_becomes_more_certain(router):
    std = []
    for n_answers in (8, 32, 128):
        add(router, f"after {n_answers}", n_answers)
        column = router.classes_.tolist().index(f"after {n_answers}")
        std.append(router.predict_quality(X, return_std=True)[1][:, column].mean())
    assert std[0] > std[1] > std[2] > 0


def test_every_router_suggests_probes_and_values_a_model(router):
    rows = router.suggest_probes(DATA.X[TRAIN], 12)
    assert len(set(rows)) == 12
    before = pickle.dumps(router)
    part = slice(600, 700)
    answers = DATA.y.quality[part, NEW], DATA.y.cost[part, NEW]
    value = router.value_of(DATA.X[part], *answers, y=without(DATA.y, NEW)[part])
    assert 0 <= value.traffic <= 1
    assert len(value.to_frame()) == 5
    if not isinstance(router, LatentRouterClassifier):  # torch's pickles differ
        assert pickle.dumps(router) == before


def test_a_removed_model_is_as_one_that_is_masked(router):
    if isinstance(router, (FixedRouter, RandomRouter)):
        pytest.skip("chooses otherwise")
    gone = router.classes_[1]
    masked = router.predict(X, available=router.classes_ != gone)
    quality = np.delete(router.predict_quality(X), 1, axis=1)
    router.remove_model(gone)
    assert gone not in router.classes_
    assert np.array_equal(router.predict_quality(X), quality)
    assert np.array_equal(router.predict(X), masked)
    assert router.predict_proba(X).shape == (len(X), 3)


def test_a_renamed_model_is_the_same_model(router):
    old = router.classes_[0]
    before, choice = router.predict_quality(X), router.predict(X)
    cost = router.mean_cost_
    router.rename_model(old, "zzz")
    assert router.classes_[-1] == "zzz"
    assert np.array_equal(router.predict_quality(X), np.roll(before, -1, axis=1))
    assert np.array_equal(router.mean_cost_, np.roll(cost, -1))
    if not isinstance(router, RandomRouter):
        assert np.array_equal(router.predict(X), np.where(choice == old, "zzz", choice))


def test_the_price_given_for_a_new_model_is_its_cost(router):
    router.add_model("new", DATA.X[600:620], DATA.y.quality[600:620, NEW], cost=0.1)
    column = router.classes_.tolist().index("new")
    assert (router.predict_cost(X)[:, column] == 0.1).all()


def test_a_price_list_changes_costs_only(router):
    before = router.predict_quality(X)
    name = router.classes_[1]
    router.set_costs({name: 123.0})
    assert np.array_equal(router.predict_quality(X), before)
    assert (router.predict_cost(X)[:, 1] == 123.0).all()
    assert (router.predict_cost(X)[:, 0] != 123.0).all()
    if not isinstance(router, (FixedRouter, RandomRouter)):
        assert name not in router.predict(X, policy=MaxUtility(cost_weight=1.0))


def test_a_model_that_was_added_can_be_renamed_and_removed(router):
    before = router.predict_quality(X)
    names = router.classes_
    add(router).rename_model("newcomer", "aaa").remove_model("aaa")
    assert np.array_equal(router.classes_, names)
    assert np.array_equal(router.predict_quality(X), before)


def test_partial_fit_follows_a_model_that_fails(router):
    rows = slice(600, 800)
    broken = DATA.y[rows].quality[:, [0, 1, 3, 4]].copy()
    broken[:, 2] = 0.0
    before = router.predict_quality(X)
    stream = Outcomes(broken, models=router.classes_)
    router.partial_fit(DATA.X[rows], stream, half_life=100)
    after = router.predict_quality(X)
    assert after[:, 2].mean() < before[:, 2].mean() - 0.15
    assert np.abs(after - before)[:, [0, 1, 3]].mean() < 0.1


def test_partial_fit_touches_only_models_that_were_called(router):
    rows = slice(600, 700)
    before = router.predict_quality(X)
    log = Outcomes(np.zeros((100, 1)), models=router.classes_[1:2])
    router.partial_fit(DATA.X[rows], log, half_life=0.5)
    after = router.predict_quality(X)
    assert np.array_equal(np.delete(after, 1, axis=1), np.delete(before, 1, axis=1))
    assert after[:, 1].mean() < before[:, 1].mean()


def test_a_model_that_y_leaves_out_is_as_one_that_was_not_called(router):
    rows, other = slice(600, 700), pickle.loads(pickle.dumps(router))
    quality = np.full((100, len(router.classes_)), np.nan)
    quality[:, 1] = DATA.y[rows].quality[:, 1]
    router.partial_fit(DATA.X[rows], Outcomes(quality, models=router.classes_))
    called = Outcomes(quality[:, 1:2], models=router.classes_[1:2])
    other.partial_fit(DATA.X[rows], called)
    assert np.array_equal(router.predict_quality(X), other.predict_quality(X))


def test_a_stream_in_parts_is_the_same_stream(router):
    other = pickle.loads(pickle.dumps(router))
    y = without(DATA.y, NEW)
    router.partial_fit(DATA.X[600:700], y[600:700], half_life=50)
    for start in range(600, 700, 20):
        part = slice(start, start + 20)
        other.partial_fit(DATA.X[part], y[part], half_life=50)
    expected = router.predict_quality(X)
    np.testing.assert_allclose(other.predict_quality(X), expected, atol=1e-6)


def test_a_first_partial_fit_is_a_fit():
    y = DATA.y[TRAIN]
    weight = np.linspace(0, 1, 600)
    streamed = RidgeRouter(100.0).partial_fit(DATA.X[TRAIN], y, sample_weight=weight)
    fitted = RidgeRouter(100.0).fit(DATA.X[TRAIN], y, sample_weight=weight)
    assert np.array_equal(streamed.predict_quality(X), fitted.predict_quality(X))


def test_a_large_pool_takes_a_model_in_a_moment():
    data = make_routing(600, n_models=200, n_features=(32, 32), random_state=0)
    router = RidgeRouter(100.0).fit(data.X[:400], data.y[:400])
    start = process_time()
    router.add_model("newcomer", data.X[400:], data.y.quality[400:, 0])
    assert process_time() - start < 1.0
    assert len(router.classes_) == 201


@given(st.sets(st.integers(0, 4), min_size=1), st.booleans())
@settings(deadline=None, max_examples=40)
def test_only_available_models_are_chosen(allowed, changed):
    router = RidgeRouter(100.0).fit(DATA.X[TRAIN], without(DATA.y[TRAIN], NEW))
    add(router)
    if changed:
        router.rename_model(router.classes_[0], "renamed")
        router.partial_fit(
            DATA.X[REST], Outcomes(np.ones((300, 1)), models=["renamed"])
        )
    names = router.classes_[sorted(allowed)]
    mask = np.isin(router.classes_, names)
    forms = {
        "mask": mask,
        "names": names.tolist(),
        "set": set(names.tolist()),
        "keys": dict.fromkeys(names.tolist()).keys(),
        "index": pd.Index(names),
        "index of bool": pd.Index(mask),
        "series": pd.Series(mask[::-1], index=router.classes_[::-1]),
        "predicate": lambda name: name in names,
        "rows": np.tile(mask, (len(X), 1)),
    }
    expected = router.predict(X, available=mask)
    assert set(expected) <= set(names)
    for form, available in forms.items():
        assert np.array_equal(router.predict(X, available=available), expected), form
        proba = router.predict_proba(X, available=available)
        assert not proba[:, ~mask].any(), form
        utility = router.predict_utility(X, available=available)
        assert (utility[:, ~mask] == -np.inf).all(), form


def test_a_pipeline_changes_its_router():
    pipe = make_pipeline(StandardScaler(), RidgeRouter(100.0))
    pipe.fit(DATA.X[TRAIN], without(DATA.y[TRAIN], NEW))
    router = as_router(pipe)
    add(router).set_costs({"newcomer": 2.0}).rename_model("newcomer", "n")
    router.partial_fit(DATA.X[REST], Outcomes(np.ones((300, 1)), models=["n"]))
    assert "n" in pipe.classes_
    assert pipe.predict(X, available=["n"]).tolist() == ["n"] * len(X)
    assert router.remove_model("n").predict_quality(X).shape == (len(X), 4)
    assert len(router.predict_quality(X, return_std=True)) == 2


def test_the_score_counts_available_models_only():
    router = RidgeRouter(100.0).fit(DATA.X[TRAIN], DATA.y[TRAIN])
    only = router.classes_[0]
    score = router.score(DATA.X[REST], DATA.y[REST], available=[only])
    assert score == DATA.y[REST].quality[:, 0].mean()


def test_a_guarded_pool_does_not_change():
    router = GuardedRouter(RidgeRouter(100.0), random_state=0)
    router.fit(DATA.X[TRAIN], DATA.y[TRAIN])
    for method in ("add_model", "remove_model", "rename_model", "set_costs"):
        with pytest.raises(AttributeError, match="promises"):
            getattr(router, method)


NAMES = DATA.y.models.tolist()
ANSWERS = np.ones(5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.add_model(NAMES[0], X[:5], ANSWERS), "already; partial_fit"),
        (lambda r: r.add_model(7, X[:5], ANSWERS), "all strings or all numbers"),
        (lambda r: r.add_model("n", X[:5], ANSWERS[:4]), r"quality has shape \(4,\)"),
        (lambda r: r.add_model("n", X[:5], ANSWERS * 2), "row 0, model 'n' has 2"),
        (lambda r: r.add_model("n", X[:5], ANSWERS * np.nan), "no observed quality"),
        (lambda r: r.add_model("n", X[:5], ANSWERS, cost=-1.0), "Cost must be"),
        (lambda r: r.add_model("n", X[:5, :3], ANSWERS), "features"),
        (lambda r: r.remove_model("nobody"), "'nobody' is not one of the models"),
        (lambda r: r.rename_model("nobody", "n"), "'nobody' is not one of"),
        (lambda r: r.rename_model(NAMES[0], NAMES[1]), "appears twice"),
        (lambda r: r.set_costs({"nobody": 1.0}), "'nobody' is not one of"),
        (lambda r: r.set_costs({NAMES[0]: -1.0}), "Cost must be"),
        (lambda r: r.set_costs({NAMES[1]: "low"}), f"{NAMES[1]!r} has 'low'"),
        (
            lambda r: r.set_costs(pd.Series([1.0, 2.0], index=[NAMES[0]] * 2)),
            f"{NAMES[0]!r} has more than one cost",
        ),
        (lambda r: r.partial_fit(X, DATA.y[:3]), "queries"),
        (lambda r: r.partial_fit(X[:, :3], DATA.y[800:]), "features"),
        (
            lambda r: r.partial_fit(X, DATA.y[800:], sample_weight=-np.ones(100)),
            "Negative values",
        ),
        (lambda r: r.partial_fit(X, DATA.y[800:], half_life=0), "half_life"),
        (
            lambda r: r.partial_fit(X[:5], Outcomes(np.ones((5, 1)), models=["n"])),
            "y has the model 'n', which is not one of the models .*add_model",
        ),
        (
            lambda r: r.partial_fit(X, DATA.y[800:].quality),
            r"y has no names of models, only \d columns; the router has .*Name the",
        ),
        (lambda r: r.partial_fit(X, DATA.y[800:], half_life="day"), "half_life"),
        (lambda r: r.predict(X, available=["nobody"]), "available has 'nobody'"),
        (lambda r: r.predict(X, available=lambda name: False), "no available model"),
    ],
)
def test_a_refused_change_changes_nothing(change, message):
    router = RidgeRouter(100.0).fit(DATA.X[TRAIN], DATA.y[TRAIN])
    before = router.predict_quality(X), router.predict_cost(X)
    with pytest.raises(ValueError, match=message):
        change(router)
    assert np.array_equal(router.classes_, DATA.y.models)
    assert np.array_equal(router.predict_quality(X), before[0])
    assert np.array_equal(router.predict_cost(X), before[1])


def test_prices_without_names_are_refused():
    router = RidgeRouter(100.0).fit(DATA.X[TRAIN], DATA.y[TRAIN])
    with pytest.raises(TypeError, match=r"name of model: cost.*got list"):
        router.set_costs([1.0] * len(router.classes_))


def test_a_price_that_pandas_misses_is_unknown():
    router = RidgeRouter(100.0).fit(DATA.X[TRAIN], DATA.y[TRAIN])
    router.set_costs(pd.Series({NAMES[0]: 2, NAMES[1]: None}, dtype="Int64"))
    assert router.mean_cost_[0] == 2.0
    assert np.isnan(router.mean_cost_[1])


def test_a_frame_of_the_one_model_that_was_called_is_no_labels():
    router = RidgeRouter(100.0).fit(DATA.X[TRAIN], DATA.y[TRAIN])
    other = pickle.loads(pickle.dumps(router))
    answers = DATA.y.quality[600:700, [1]]
    router.partial_fit(DATA.X[600:700], pd.DataFrame(answers, columns=NAMES[1:2]))
    other.partial_fit(DATA.X[600:700], Outcomes(answers, models=NAMES[1:2]))
    assert np.array_equal(router.predict_quality(X), other.predict_quality(X))


def test_the_last_model_stays():
    router = RidgeRouter(100.0).fit(DATA.X[TRAIN], DATA.y[TRAIN])
    for name in router.classes_[1:]:
        router.remove_model(name)
    with pytest.raises(ValueError, match=f"^Model {NAMES[0]!r} is the last one"):
        router.remove_model(router.classes_[0])
