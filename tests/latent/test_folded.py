"""The router in NumPy predicts what its network does, and only while it is the same."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from sklroute import KNNRouter, LatentRouterClassifier, Outcomes
from sklroute.datasets import make_routing
from sklroute.latent import LatentRouterModule, _estimator

TABLE = make_routing(400, n_models=4, n_features=(8, 6), missing=0.2, random_state=0)
SMALL = {
    "modalities": TABLE.modalities,
    "hidden_dim": 16,
    "max_epochs": 3,
    "early_stopping": False,  # what is blended has the same weight
    "random_state": 0,
}


def fitted(y=TABLE.y, X=TABLE.X, **params):
    return LatentRouterClassifier(**SMALL | params).fit(X, y)


def by_network(router, X, method="predict_quality"):
    """What the network itself predicts."""
    folded, router._folded = router._folded, None
    try:
        return getattr(router, method)(X)
    finally:
        router._folded = folded


def some_missing():
    X = TABLE.X.copy()
    X[::3, TABLE.modalities["image"]] = np.nan
    X[1::3, TABLE.modalities["text"]] = np.nan
    return X


GRADED = Outcomes(np.nan_to_num(TABLE.y.quality) * 0.7, TABLE.y.cost)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"y": GRADED},
        {"interactions": False},
        {"modalities": None},
        {"prior": None},
        {"n_clusters": 9},
        {"prior": KNNRouter(9)},
        {"n_members": 1},
        {"X": some_missing()},
    ],
    ids=[
        "default",
        "graded",
        "plain",
        "one block",
        "no prior",
        "clusters",
        "knn",
        "one",
        "missing",
    ],
)
def test_it_predicts_what_the_network_does(params):
    router = fitted(**params)
    assert router._folded is not None
    for X in (TABLE.X, TABLE.X.astype(np.float32), params.get("X", TABLE.X[:1])):
        np.testing.assert_allclose(
            router.predict_quality(X), by_network(router, X), atol=5e-6, rtol=0
        )
        one = router.predict_distribution(X)
        other = by_network(router, X, "predict_distribution")
        np.testing.assert_allclose(one.prob, other.prob, atol=5e-6)
        np.testing.assert_allclose(one.mean, other.mean, atol=5e-6)


@pytest.mark.parametrize(
    "params",
    [
        {"communication": True},
        {"correction_bound": 0.2},
        {"net_params": {"module": type("Own", (LatentRouterModule,), {})}},
        {"prior": KNNRouter(9, algorithm="approximate")},
    ],
    ids=["communication", "correction", "module", "prior"],
)
def test_what_has_no_numpy_form_predicts_by_its_network(params):
    if "prior" in params:
        pytest.importorskip("faiss")
    router = fitted(**params)
    assert router._folded is None
    assert np.isfinite(router.predict_quality(TABLE.X)).all()


def shrink(module):
    with torch.no_grad():
        module.head.bias -= 1


def retrain(module):
    module.load_state_dict({k: 0 * v for k, v in module.state_dict().items()})


def replace_weight(module):
    module.head.bias = nn.Parameter(module.head.bias - 1)


def replace_part(module):
    module.tokens.read[1] = nn.ReLU()


def replace_data(module):
    module.head.bias.data = module.head.bias.data - 1


def hook(module):
    module.head.register_forward_hook(lambda part, given, out: out.flip(-1))


@pytest.mark.parametrize(
    "change",
    [shrink, retrain, replace_weight, replace_data, replace_part, hook],
)
def test_a_network_that_was_changed_predicts_itself(change):
    router = fitted()
    before = router.predict_quality(TABLE.X)
    change(router.net_.module_)
    after = router.predict_quality(TABLE.X)
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_array_equal(after, by_network(router, TABLE.X))


@pytest.mark.parametrize("name", ["blend_", "scaler_", "prior_", "clusters_"])
def test_what_the_network_leans_on_counts_as_it_is(name):
    router = fitted(n_clusters=9)
    other = fitted(y=TABLE.y[::-1], X=2 * TABLE.X + 1, n_clusters=9)
    setattr(router, name, getattr(other, name))
    np.testing.assert_array_equal(
        router.predict_quality(TABLE.X), by_network(router, TABLE.X)
    )


class Louder(LatentRouterClassifier):
    def _scaled(self, X):
        return 2 * super()._scaled(X)


def test_a_subclass_with_methods_of_its_own_predicts_by_them():
    router = Louder(**SMALL).fit(TABLE.X, TABLE.y)
    np.testing.assert_array_equal(
        router.predict_quality(TABLE.X), by_network(router, TABLE.X)
    )
    with pytest.raises(TypeError, match="Louder overrides _scaled"):
        router.compile()


class Upside(LatentRouterClassifier):
    def _predict_quality(self, X):
        return 1 - super()._predict_quality(X)

    def _compiled_part(self):
        raise NotImplementedError


def test_a_subclass_may_go_on_from_what_is_predicted():
    router, plain = Upside(**SMALL).fit(TABLE.X, TABLE.y), fitted()
    np.testing.assert_allclose(
        router._predict_quality(TABLE.X), 1 - plain.predict_quality(TABLE.X), atol=1e-5
    )


def test_copies_may_be_made_in_inference_mode():
    router = fitted()
    with torch.inference_mode():
        again = pickle.loads(pickle.dumps(router))
    np.testing.assert_array_equal(
        again.predict_quality(TABLE.X), router.predict_quality(TABLE.X)
    )


def test_copies_are_folded_anew():
    router = fitted()
    again = pickle.loads(pickle.dumps(router))
    assert again._folded.stands_for(again)
    assert "_folded" not in router.__getstate__()
    np.testing.assert_array_equal(
        again.predict_quality(TABLE.X), router.predict_quality(TABLE.X)
    )


def test_the_network_is_not_asked(monkeypatch):
    router = fitted()
    expected = router.predict(TABLE.X)
    monkeypatch.setattr(_estimator, "module_inputs", None)
    np.testing.assert_array_equal(router.predict(TABLE.X), expected)
