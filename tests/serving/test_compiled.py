"""A compiled router makes the choices of the router that it was made of."""

import dataclasses
import pickle
import subprocess
import sys
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from routers import ROUTERS, TABLE, fitted, latent, pipeline
from scipy.sparse import csr_array
from scipy.special import erf
from sklearn.decomposition import PCA
from sklearn.feature_selection import VarianceThreshold
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)

import sklroute
from sklroute import (
    AverageRouter,
    GuardedRouter,
    KNNRouter,
    LogisticRouter,
    MLPRouter,
    RidgeRouter,
)
from sklroute.features import BlockScaler, TextEmbedder
from sklroute.latent import LatentRouterModule
from sklroute.persistence import FormatError
from sklroute.pipeline import RouterPipeline
from sklroute.policies import Budget, CheapestAbove, MaxUtility, RiskAverse
from sklroute.serving._net import gelu

WITHOUT_NUMPY_FORM = {"latent_all", "chained", "columns"}
COMPILED = [name for name in ROUTERS if name not in WITHOUT_NUMPY_FORM]
CLOSE = 1e-6  # of utilities, between choices of 32-bit networks that differ
every_router = pytest.mark.parametrize("name", COMPILED)


@cache
def adversarial_queries():
    """10,000 queries: random, near ties, constant, tiny, huge, far apart in size."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=(1000, TABLE.X.shape[1])) * 2
    train = TABLE.X[rng.integers(len(TABLE.X), size=1000)]
    middle = (train + TABLE.X[rng.integers(len(TABLE.X), size=1000)]) / 2
    mixed = base * 10.0 ** rng.integers(-6, 6, size=base.shape)
    tiny = np.repeat(train[:10], 100, axis=0) + 1e-7 * base
    constant = np.repeat(np.linspace(-50, 50, 1000)[:, None], base.shape[1], axis=1)
    one_hot = np.eye(base.shape[1])[rng.integers(10, size=1000)] * 10 * base
    return np.concatenate(
        [base, train, middle, mixed, tiny, constant, one_hot]
        + [size * base for size in (1e-30, 1e6, 1e15)]
    )


def assert_same_choices(router, compiled, X, **params):
    """Equal choices, or utilities that no one could tell apart."""
    chosen, other = router.predict(X, **params), compiled.predict(X, **params)
    differ = chosen != other
    if differ.any():
        rows = np.flatnonzero(differ)
        params = {
            k: v[rows] if getattr(v, "ndim", 0) == 2 else v for k, v in params.items()
        }
        utility = router.predict_utility(X[rows], **params)
        places = [np.searchsorted(router.classes_, c[rows]) for c in (chosen, other)]
        one, two = (utility[np.arange(len(rows)), place] for place in places)
        assert np.abs(one - two).max() <= CLOSE
    return differ.mean()


@every_router
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_same_choices_on_ten_thousand_queries(name, dtype):
    X = adversarial_queries()
    if dtype == np.float16:
        if name in ("scaled", "blocks"):
            pytest.skip("scikit-learn's scalers compute in 16 bits, and overflow")
        X = X[np.abs(X).max(axis=1) < 6e4]
    X = X.astype(dtype)
    router = fitted(name)
    share = assert_same_choices(router, router.compile(), X)
    assert share <= 5e-3


@every_router
def test_quality_utility_probability_and_cost_are_the_same(name):
    router = fitted(name)
    compiled, X = router.compile(), adversarial_queries()[:3000]
    for method in ("predict_quality", "predict_utility", "predict_cost"):
        expected = getattr(router, method)(X)
        np.testing.assert_allclose(
            getattr(compiled, method)(X), expected, atol=1e-6, rtol=0
        )
    np.testing.assert_allclose(
        compiled.predict_proba(X), router.predict_proba(X), atol=2e-5
    )


@every_router
@pytest.mark.parametrize(
    "policy",
    [MaxUtility(), MaxUtility(0.05), CheapestAbove(0.6), Budget(4.0)],
    ids=repr,
)
def test_masks_prices_and_policies_are_obeyed(name, policy):
    router = fitted(name)
    compiled, X = router.compile(), TABLE.X
    rng = np.random.default_rng(1)
    mask = rng.random((len(X), 4)) < 0.6
    mask[:, 0] = True
    everything = {"available": mask, "costs": [1.0, 2.0, 3.0, 4.0], "policy": policy}
    for params in (
        {"available": mask},
        {"available": np.array([True, False, True, True])},
        {"available": pd.Series({m: i > 0 for i, m in enumerate(router.classes_)})},
        {"costs": [4.0, 3.0, 2.0, 1.0]},
        {"costs": {router.classes_[2]: 0.0}},
        everything,
    ):
        assert_same_choices(router, compiled, X, **params)
    proba = compiled.predict_proba(X, available=mask)
    assert (proba[~mask] == 0).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)


def test_ties_go_to_the_cheaper_model_then_to_the_first():
    for cost in ([2.0, 1.0, 1.0, 3.0], [np.nan, np.nan, 5.0, 5.0], [np.nan] * 4):
        router = fitted("ridge").set_params(policy=None)
        router.coef_[:], router.intercept_[:] = 0.0, 0.5
        router.mean_cost_ = np.array(cost)
        assert_equal = np.testing.assert_array_equal
        assert_equal(router.compile().predict(TABLE.X), router.predict(TABLE.X))


def test_risk_needs_a_distribution():
    router = fitted("latent")
    compiled = router.compile()
    expected = router.predict_distribution(TABLE.X)
    found = compiled.predict_distribution(TABLE.X)
    np.testing.assert_allclose(found.prob, expected.prob, atol=1e-6)
    np.testing.assert_allclose(
        compiled.predict_utility(TABLE.X, policy=RiskAverse(1.0)),
        router.predict_utility(TABLE.X, policy=RiskAverse(1.0)),
        atol=1e-5,
    )
    router = fitted("blocks")
    np.testing.assert_allclose(
        router.compile().predict_utility(TABLE.X, policy=RiskAverse(1.0)),
        router.predict_utility(TABLE.X, policy=RiskAverse(1.0)),
        atol=1e-5,
    )
    router = fitted("ridge")
    for compiled in (
        router.compile(),
        router.remove_model(router.classes_[0]).compile(),
    ):
        with pytest.raises(ValueError, match="spread"):
            compiled.predict(TABLE.X, policy=RiskAverse())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_missing_blocks_are_taken_as_the_router_takes_them(dtype):
    router, X = fitted("latent"), TABLE.X.astype(dtype)
    X[::3, :6] = np.nan
    X[1::3, 6:] = np.nan
    X[2] *= 1e8
    compiled = router.compile()
    np.testing.assert_allclose(
        compiled.predict_quality(X), router.predict_quality(X), atol=1e-6
    )
    frame = pd.DataFrame(X).convert_dtypes()  # missing is pandas.NA
    np.testing.assert_array_equal(
        compiled.predict_quality(frame), compiled.predict_quality(X.astype(float))
    )
    X[0] = np.nan
    with pytest.raises(ValueError, match="Row 0"):
        compiled.predict(X)
    X[0, 0] = 1.0
    with pytest.raises(ValueError, match="Row 0: block 'image' is NaN in part"):
        compiled.predict(X)


@pytest.mark.parametrize("name", COMPILED)
def test_bad_queries_are_refused(name):
    compiled = fitted(name).compile()
    for X, message in (
        (np.ones((2, 3)), "10"),
        (np.ones(10), "shape"),
        (np.ones((0, 10)), "no query"),
        (np.full((1, 10), np.inf), "infinity"),
    ):
        with pytest.raises(ValueError, match=message):
            compiled.predict(X)
    with pytest.raises(ValueError, match="Row 0 has no available model"):
        compiled.predict(TABLE.X[:1], available=[False] * 4)
    with pytest.raises(TypeError, match="Policy"):
        compiled.predict(TABLE.X[:1], policy="cheap")


def test_names_of_columns_are_compared():
    frame = pd.DataFrame(TABLE.X).add_prefix("x")
    compiled = RidgeRouter(alpha=1.0).fit(frame, TABLE.y).compile()
    assert len(compiled.predict(frame)) == len(frame)
    for wrong, message in (
        (
            frame[frame.columns[::-1]],
            r"another order: take X\[router.feature_names_in_",
        ),
        (frame.drop(columns=frame.columns[3]), f"there is no '{frame.columns[3]}'"),
        (frame.assign(more=1.0), "'more' was not there"),
    ):
        with pytest.raises(ValueError, match=message):
            compiled.predict(wrong)


def test_sparse_queries_are_refused():
    with pytest.raises(TypeError, match="sparse"):
        fitted("ridge").compile().predict(csr_array(TABLE.X))


def test_complex_queries_are_refused():
    with pytest.raises(ValueError, match="complex"):
        fitted("ridge").compile().predict(TABLE.X + 1j)


def test_what_has_no_numpy_form_is_named():
    for name, message in (
        ("latent_all", "communication=True"),
        ("chained", r"'step0' \(SimpleImputer\)"),
        ("columns", "ColumnTransformer"),
    ):
        with pytest.raises(TypeError, match=message):
            fitted(name).compile()


def test_linear_steps_leave_one_product():
    steps = (
        MinMaxScaler((1, 2)),
        "passthrough",
        BlockScaler(TABLE.modalities),
        VarianceThreshold(),
        None,
        StandardScaler(),
        PCA(6, whiten=True, random_state=0),
    )
    network = MLPRouter((8,), alpha=1.0, max_iter=2, random_state=0)
    for router in (LogisticRouter(C=1.0), network):
        routers = pipeline(*steps, router=router).fit(TABLE.X, TABLE.y)
        compiled = routers.compile()
        assert type(compiled._part).__name__ in ("Linear", "Network")
        np.testing.assert_allclose(
            compiled.predict_quality(TABLE.X),
            routers.predict_quality(TABLE.X),
            atol=1e-6,
        )


@pytest.mark.parametrize(
    "step",
    [
        StandardScaler(with_mean=False),
        StandardScaler(with_std=False),
        StandardScaler(with_mean=False, with_std=False),
        RobustScaler(with_centering=False),
        RobustScaler(with_scaling=False),
        MinMaxScaler((-1, 2)),
        MaxAbsScaler(),
        PCA(6, random_state=0),
        PCA(6, whiten=True, random_state=0),
    ],
    ids=repr,
)
def test_steps_that_do_a_part_of_their_work(step):
    router = pipeline(step).fit(TABLE.X, TABLE.y)
    np.testing.assert_allclose(
        router.compile().predict_quality(TABLE.X),
        router.predict_quality(TABLE.X),
        atol=1e-6,
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whitened_rounding_errors_are_refused(dtype):
    """The estimator's own predictions differ between 32 and 64 bits then."""
    X = np.hstack([TABLE.X, TABLE.X[:, :1], np.ones((len(TABLE.X), 1))]).astype(dtype)
    router = pipeline(PCA(whiten=True, random_state=0)).fit(X, TABLE.y)
    with pytest.raises(TypeError, match="components without variance"):
        router.compile()


@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e-9), (np.float64, 1e-18)])
def test_features_of_no_size_are_whitened_as_far_as_the_step_does(dtype, size):
    X = (TABLE.X * size).astype(dtype)
    router = pipeline(PCA(4, whiten=True, random_state=0)).fit(X, TABLE.y)
    np.testing.assert_allclose(
        router.compile().predict_quality(X), router.predict_quality(X), atol=1e-6
    )


def test_a_scaler_that_fills_missing_blocks_is_refused():
    scaler = BlockScaler(TABLE.modalities, allow_missing=True)
    router = pipeline(scaler).fit(TABLE.X, TABLE.y)
    with pytest.raises(TypeError, match="allow_missing=True"):
        router.compile()


@pytest.mark.parametrize("kind", [MinMaxScaler, MaxAbsScaler])
def test_scalers_that_clip_are_refused(kind):
    if "clip" not in kind().get_params():
        pytest.skip("this scikit-learn cannot clip")
    router = pipeline(kind(clip=True)).fit(TABLE.X, TABLE.y)
    with pytest.raises(TypeError, match="clip=True"):
        router.compile()


def test_pipelines_in_pipelines():
    inner = RouterPipeline([("unit", Normalizer("l1")), ("router", KNNRouter(9))])
    outer = pipeline(StandardScaler(with_mean=False), router=inner)
    guarded = GuardedRouter(outer, random_state=0).fit(TABLE.X, TABLE.y)
    assert_same_choices(guarded, guarded.compile(), TABLE.X)


def test_loading_a_compiled_router_needs_no_torch(tmp_path):
    names = ["latent", "guarded_latent", "blocks", "latent_knn"]
    for name in names:
        fitted(name).save(tmp_path / name)
    np.save(tmp_path / "X.npy", TABLE.X)
    code = (
        "import sys, numpy as np, sklroute\n"
        "folder, *names = sys.argv[1:]\n"
        "X = np.load(folder + '/X.npy')\n"
        "for name in names:\n"
        "    router = sklroute.load(f'{folder}/{name}', compiled=True)\n"
        "    np.save(f'{folder}/{name}.npy', router.predict_quality(X))\n"
        "    assert not {'torch', 'skorch'} & set(sys.modules), name\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path), *names], check=True)
    for name in names:
        quality = fitted(name).compile().predict_quality(TABLE.X)
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}.npy"), quality)


@every_router
def test_loaded_and_compiled_is_compiled(name, tmp_path):
    router = fitted(name)
    router.save(tmp_path / "router")
    loaded = sklroute.load(tmp_path / "router", compiled=True)
    expected = router.compile().predict_quality(TABLE.X)
    np.testing.assert_array_equal(loaded.predict_quality(TABLE.X), expected)


@pytest.mark.parametrize("name", ["ridge", "knn", "latent", "scaled", "fixed"])
def test_changed_pools_are_compiled(name, tmp_path):
    router = fitted(name)
    gone = router.classes_[1]
    router.remove_model(gone)
    assert gone not in router.compile().predict(TABLE.X)
    router.add_model("new", TABLE.X[:40], np.linspace(0, 1, 40), cost=0.5)
    compiled = router.compile()
    for params in ({}, {"available": ["new"]}, {"available": lambda m: m != "new"}):
        assert_same_choices(router, compiled, TABLE.X, **params)
    np.testing.assert_allclose(
        compiled.predict_quality(TABLE.X), router.predict_quality(TABLE.X), atol=1e-6
    )
    if name == "latent":
        np.testing.assert_allclose(
            compiled.predict_distribution(TABLE.X).std,
            router.predict_distribution(TABLE.X).std,
            atol=1e-5,
        )
    router.save(tmp_path / "router")
    loaded = sklroute.load(tmp_path / "router", compiled=True)
    np.testing.assert_array_equal(
        loaded.predict_quality(TABLE.X), compiled.predict_quality(TABLE.X)
    )


def test_gelu_is_exact_enough():
    v = np.concatenate([np.linspace(-9, 9, 10_001), [-70.0, 0.0, 70.0]])
    expected = v * (1 + erf(v))
    np.testing.assert_allclose(gelu(v.astype(np.float32)), expected, atol=1.5e-6)


def test_large_batches_come_in_chunks():
    router = latent(modalities=TABLE.modalities).fit(TABLE.X, TABLE.y)
    X = np.repeat(TABLE.X, 30, axis=0)
    compiled = router.compile()
    np.testing.assert_allclose(
        compiled.predict_quality(X),
        np.repeat(compiled.predict_quality(TABLE.X), 30, axis=0),
        atol=1e-6,
    )


def test_an_average_of_right_answers_is_not_above_1():
    y = np.ones((40, 2))
    for weights in np.random.RandomState(0).rand(20, 5):
        members = [(f"r{i}", RidgeRouter(alpha=1.0)) for i in range(5)]
        router = AverageRouter(members, weights=weights).fit(TABLE.X[:40], y)
        assert router.compile().predict_quality(TABLE.X).max() <= 1.0


class Upside(RidgeRouter):
    def _predict_quality(self, X):
        return 1 - super()._predict_quality(X)


class Dear(RidgeRouter):
    def _predict_cost(self, X):
        return np.full((len(X), len(self.classes_)), 7.0)


class Stubborn(RidgeRouter):
    def predict(self, X, **params):
        return np.full(len(X), self.classes_[0])


class CompiledUpside(Upside):
    def _compiled_part(self):
        part = super()._compiled_part()
        return dataclasses.replace(part, coef=-part.coef, intercept=1 - part.intercept)


@pytest.mark.parametrize("kind", [Upside, Dear, Stubborn])
def test_subclasses_that_predict_otherwise_are_refused(kind):
    for router in (
        kind(alpha=1.0),
        AverageRouter([("own", kind(alpha=1.0))]),
        GuardedRouter(kind(alpha=1.0), random_state=0),
        latent(prior=kind(alpha=1.0)),
    ):
        with pytest.raises(TypeError, match=f"{kind.__name__} overrides"):
            router.fit(TABLE.X, TABLE.y).compile()


def test_subclasses_may_say_how_they_are_compiled():
    router = CompiledUpside(alpha=1.0).fit(TABLE.X, TABLE.y)
    np.testing.assert_allclose(
        router.compile().predict_quality(TABLE.X),
        router.predict_quality(TABLE.X),
        atol=1e-6,
    )


def test_other_networks_are_refused():
    class Sure(LatentRouterModule):
        def forward(self, *args, **params):
            output = super().forward(*args, **params)
            return output._replace(log_prob=(2 * output.log_prob).log_softmax(-1))

    router = latent(net_params={"module": Sure}).fit(TABLE.X, TABLE.y)
    with pytest.raises(TypeError, match="net_params"):
        router.compile()


@pytest.mark.parametrize(
    ("fitted_with", "set_since"),
    [
        ({"interactions": True, "modalities": TABLE.modalities}, "interactions"),
        ({"communication": True}, "communication"),
        ({"correction_bound": 0.5}, "correction_bound"),
    ],
)
def test_what_was_set_since_the_fit_is_not_compiled(fitted_with, set_since):
    router = latent(**fitted_with).fit(TABLE.X, TABLE.y)
    before = router.predict_quality(TABLE.X)
    router.set_params(**{set_since: 0})
    if set_since == "interactions":
        compiled = router.compile().predict_quality(TABLE.X)
        np.testing.assert_allclose(compiled, before, atol=1e-5)
    else:
        with pytest.raises(TypeError, match=set_since):
            router.compile()


def test_a_network_changed_by_hand_is_refused():
    router = latent().fit(TABLE.X, TABLE.y)
    router.net_.module_.tokens.read[1] = torch.nn.ReLU()
    for use in (router.compile, lambda: pickle.dumps(router)):
        with pytest.raises(TypeError, match=r"changed at 'tokens\.read\.1'"):
            use()


def test_a_compiled_router_keeps_its_policy():
    router = fitted("ridge")
    compiled = router.compile()
    before = compiled.predict_utility(TABLE.X)
    router.set_params(policy__cost_weight=5.0)
    np.testing.assert_array_equal(compiled.predict_utility(TABLE.X), before)


def test_the_policy_of_a_compiled_router_cannot_be_changed():
    router = RidgeRouter(alpha=1.0).fit(TABLE.X, TABLE.y)
    compiled = router.compile()
    compiled.policy.set_params(cost_weight=5.0)
    with pytest.raises(AttributeError):
        compiled.policy = MaxUtility(5.0)
    utility = compiled.predict_utility(TABLE.X)
    np.testing.assert_array_equal(utility, compiled.predict_quality(TABLE.X))


def test_what_comes_after_a_text_encoder_is_compiled_alone(tmp_path):
    texts = [f"query {i % 7} of task {i % 3}" for i in range(len(TABLE.X))]
    steps = [("text", TextEmbedder(4)), ("scale", BlockScaler())]
    router = RouterPipeline([*steps, ("router", RidgeRouter())]).fit(texts, TABLE.y)
    with pytest.raises(TypeError, match=r"'text' \(TextEmbedder\).*router\[1:\]\.comp"):
        router.compile()
    router.save(tmp_path / "router")
    with pytest.raises(FormatError, match="cannot be loaded compiled: Step 'text'"):
        sklroute.load(tmp_path / "router", compiled=True)
    rest = sklroute.load(tmp_path / "router")[1:].compile()
    np.testing.assert_allclose(
        rest.predict_quality(router[:1].transform(texts)), router.predict_quality(texts)
    )


def test_a_compiled_router_says_what_it_takes():
    router = RidgeRouter(policy=MaxUtility(0.5)).fit(TABLE.X, TABLE.y)
    models, features = TABLE.y.quality.shape[1], TABLE.X.shape[1]
    assert repr(router.compile()) == (
        f"<CompiledRouter: {models} models, {features} features, "
        "MaxUtility(cost_weight=0.5)>"
    )


def test_what_has_no_spread_says_what_has():
    compiled = fitted("ridge").compile()
    for predict in (
        compiled.predict_distribution,
        lambda X: compiled.predict(X, policy=RiskAverse(0.1)),
    ):
        with pytest.raises(ValueError, match=r"The router .*need a latent router"):
            predict(TABLE.X)
