"""A router that was saved and loaded is the one that it was."""

import copy
import dataclasses
import os
import pickle
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from routers import ROUTERS, SMALL, TABLE, fitted, latent, pipeline
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import sklroute
from sklroute import LatentRouterClassifier, Outcomes, RidgeRouter
from sklroute.persistence import FormatError, _allowed, register, save
from sklroute.persistence._decode import Decoder
from sklroute.persistence._encode import Encoder
from sklroute.pipeline import as_router
from sklroute.policies import UCB, MaxUtility, Thompson

every_router = pytest.mark.parametrize("name", ROUTERS)
METHODS = ["predict_quality", "predict_cost", "predict_utility", "predict_proba"]


def round_trip(router, folder):
    router.save(folder / "router.sklroute")
    return sklroute.load(folder / "router.sklroute")


def through_codec(value):
    encoder = Encoder()
    node = encoder.node(value, "value")
    return Decoder(encoder.arrays).value(node)


def assert_same(one, two):
    """Equal to the bit, types, orders and random states included."""
    assert type(one) is type(two)
    if isinstance(one, np.ndarray):
        assert one.dtype == two.dtype
        assert one.flags.c_contiguous == two.flags.c_contiguous
        np.testing.assert_array_equal(one, two)
    elif isinstance(one, np.random.RandomState):
        assert_same(one.get_state(), two.get_state())
    elif type(one).__module__.startswith("sklearn.") and not isinstance(one, dict):
        assert_same(one.get_params(deep=False), two.get_params(deep=False))
    elif isinstance(one, (BaseEstimator, dict)):
        one, two = ((dict if isinstance(o, dict) else vars)(o) for o in (one, two))
        assert one.keys() == two.keys()
        for key in one:
            if key not in ("net_", "_folded", "memory"):
                assert_same(one[key], two[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(two)
        for pair in zip(one, two, strict=True):
            assert_same(*pair)
    elif isinstance(one, csr_array):
        assert_same(one.todense(), two.todense())
    else:
        assert repr(one) == repr(two)


@every_router
def test_loaded_routers_are_equal_to_the_bit(name, tmp_path):
    router = fitted(name)
    loaded = round_trip(router, tmp_path)
    assert type(loaded) is type(router)
    for X in (TABLE.X, TABLE.X.astype(np.float32)):
        for method in [*METHODS, "predict"]:
            expected = getattr(router, method)(X)
            assert_same(getattr(loaded, method)(X), expected)
    assert_same(loaded.get_params(deep=False), router.get_params(deep=False))


@every_router
def test_loaded_routers_have_the_same_attributes(name, tmp_path):
    router = fitted(name)
    assert_same(round_trip(router, tmp_path), router)


def test_distributions_and_names_of_features_survive(tmp_path):
    frame = pd.DataFrame(TABLE.X).add_prefix("x")
    router = latent(modalities={"one": slice(0, 6), "two": range(6, 10)})
    router.set_params(modalities=TABLE.modalities).fit(frame, TABLE.y)
    loaded = round_trip(router, tmp_path)
    expected = router.predict_distribution(frame)
    np.testing.assert_array_equal(
        loaded.predict_distribution(frame).prob, expected.prob
    )
    assert_same(loaded.feature_names_in_, router.feature_names_in_)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -(2**63),
        1.0,
        0.1,
        float("nan"),
        float("-inf"),
        "",
        "nul\0 und ümlaut",
        np.float64("nan"),
        np.float32(0.1),
        np.int8(-3),
        np.bool_(True),
        np.str_("name"),
        slice(None, 5),
        [(), {}, {"a": [1, (2.0,)], 3: None, None: "x"}],
        np.array(["b", "abc"]),
        np.array(["b", None, ["in", "it"], 3.5], dtype=object),
        np.array(3.5),
        np.zeros((0, 3), dtype=np.float16),
        np.arange(6, dtype=np.uint8).reshape(2, 3).T,
        np.arange(24.0).reshape(2, 3, 4)[:, ::2],
        np.array([1.5, 2.5], dtype=">f4").astype("=f4"),
        csr_array(np.eye(3, dtype=np.float32)),
        np.random.RandomState(5),
        np.float64,
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_survive(value):
    decoded = through_codec(value)
    if isinstance(value, np.ndarray) and value.ndim == 3:
        value = np.ascontiguousarray(value)
    assert_same(decoded, value)


def test_one_array_is_written_once():
    array = np.zeros(100)
    encoder = Encoder()
    encoder.node([array, {"again": array}], "value")
    assert len(encoder.arrays) == 1


class Pair(NamedTuple):
    left: np.ndarray
    right: dict


@dataclasses.dataclass(frozen=True)
class Box:
    content: Pair
    label: str | None = None


class Frugal(MaxUtility):
    """A policy of a user."""


class OwnLatent(LatentRouterClassifier):
    """A router of a user."""


@pytest.fixture
def registered(monkeypatch):
    monkeypatch.setattr(_allowed, "_registered", {})
    for cls in (Pair, Box, Frugal, OwnLatent):
        register(cls)


@pytest.mark.usefixtures("registered")
def test_registered_classes_survive():
    box = Box(Pair(np.arange(3), {"a": (1, 2)}))
    decoded = through_codec(box)
    assert type(decoded) is Box
    np.testing.assert_array_equal(decoded.content.left, [0, 1, 2])
    assert decoded.content.right == {"a": (1, 2)}
    assert through_codec(Frugal(0.5)).get_params() == {"cost_weight": 0.5}


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("compiled", [False, True])
def test_registered_latent_routers_survive(compiled, tmp_path):
    router = OwnLatent(**SMALL).fit(TABLE.X, TABLE.y)
    router.save(tmp_path / "router")
    again = sklroute.load(tmp_path / "router", compiled=compiled)
    expected = router.predict_quality(TABLE.X)
    np.testing.assert_allclose(again.predict_quality(TABLE.X), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("params", "set_since"),
    [
        ({"net_params": {"module__hidden_dim": 16}}, {}),
        ({"net_params": {"module__hidden_dim": 16}}, {"net_params": None}),
        ({"modalities": TABLE.modalities}, {"interactions": False, "n_members": 5}),
        ({"n_heads": 2, "communication": True}, {"n_heads": 1}),
    ],
)
def test_a_latent_router_is_saved_with_the_network_that_was_fitted(
    params, set_since, tmp_path
):
    router = latent(**params).fit(TABLE.X, TABLE.y).set_params(**set_since)
    expected = router.predict_quality(TABLE.X)
    again = round_trip(router, tmp_path)
    for other in (again, round_trip(again, tmp_path), copy.deepcopy(router)):
        np.testing.assert_array_equal(other.predict_quality(TABLE.X), expected)
        assert repr(other) == repr(router)
    if "communication" not in params:
        fast = sklroute.load(tmp_path / "router.sklroute", compiled=True)
        np.testing.assert_allclose(fast.predict_quality(TABLE.X), expected, atol=1e-5)


def test_classes_of_users_are_refused_until_registered(tmp_path):
    router = RidgeRouter(alpha=1.0, policy=Frugal()).fit(TABLE.X, TABLE.y)
    with pytest.raises(FormatError, match=r"RidgeRouter.*policy \(.*Frugal\)"):
        router.save(tmp_path / "router")
    assert not list(tmp_path.iterdir())


def test_refusals_name_step_and_class(tmp_path):
    steps = pipeline(FunctionTransformer(np.tanh), router=RidgeRouter(alpha=1.0))
    steps.fit(TABLE.X, TABLE.y)
    with pytest.raises(FormatError, match=r"'step0'.*FunctionTransformer.*code"):
        steps.save(tmp_path / "router")


def test_a_search_is_saved_as_its_best_router(tmp_path):
    search = GridSearchCV(fitted("scaled"), {"router__alpha": [1.0, 10.0]}, cv=2)
    search.fit(TABLE.X, TABLE.y)
    loaded = round_trip(as_router(search), tmp_path)
    np.testing.assert_array_equal(loaded.predict(TABLE.X), search.predict(TABLE.X))


def test_a_folder_that_is_not_there_is_named(tmp_path):
    router = RidgeRouter().fit(TABLE.X, TABLE.y)
    with pytest.raises(FileNotFoundError, match=r"^No such folder: .*absent$"):
        router.save(tmp_path / "absent" / "router.sklroute")


def test_what_could_not_be_loaded_is_not_saved(tmp_path):
    plain = make_pipeline(StandardScaler(), RidgeRouter(alpha=1.0))
    for estimator in (plain, GridSearchCV(plain, {}, cv=2)):
        estimator.fit(TABLE.X, TABLE.y)
        with pytest.raises(FormatError, match="as_router"):
            save(estimator, tmp_path / "router")
    with pytest.raises(NotFittedError):
        save(RidgeRouter(), tmp_path / "router")
    assert not list(tmp_path.iterdir())


def test_pipelines_of_texts_survive(tmp_path):
    texts = np.array(["what is this", "how many cats", "why is it so"] * 40)
    router = pipeline(TfidfVectorizer(), FunctionTransformer())
    router.steps[1:2] = []
    from sklearn.decomposition import TruncatedSVD

    router.steps.insert(1, ("svd", TruncatedSVD(2, random_state=0)))
    router.fit(texts, TABLE.y)
    loaded = round_trip(router, tmp_path)
    np.testing.assert_array_equal(
        loaded.predict_quality(texts), router.predict_quality(texts)
    )


def changed(name):
    """A router whose pool has changed in every way since the fit."""
    router, X = fitted(name), TABLE.X[:40]
    router.add_model("new", X, np.linspace(0, 1, 40), cost=0.5)
    router.remove_model(router.classes_[1])
    router.rename_model(router.classes_[0], "again")
    return router


@pytest.mark.parametrize("name", ["ridge", "knn", "latent", "scaled", "average"])
def test_changed_pools_survive_and_go_on_learning(name, tmp_path):
    router = changed(name)
    loaded = round_trip(router, tmp_path)
    assert loaded.classes_.tolist() == router.classes_.tolist()
    answers = np.where(np.arange(120) % 2, 0.9, 0.2)
    quality = pd.DataFrame(
        dict.fromkeys(router.classes_, answers), columns=router.classes_
    )
    for method in METHODS:
        expected = getattr(router, method)(TABLE.X)
        assert_same(getattr(loaded, method)(TABLE.X), expected)
    after = router.partial_fit(TABLE.X, Outcomes.from_frame(quality))
    again = loaded.partial_fit(TABLE.X, Outcomes.from_frame(quality))
    assert_same(again.predict_quality(TABLE.X), after.predict_quality(TABLE.X))


def test_copies_of_a_latent_router_share_nothing():
    router = fitted("latent")
    other = copy.deepcopy(router)
    expected = router.predict_quality(TABLE.X)
    for weight in other.net_.module_.parameters():
        weight.data.zero_()
    np.testing.assert_array_equal(router.predict_quality(TABLE.X), expected)


@pytest.mark.parametrize(
    "policy",
    [UCB(0.5, mean_cost=4.0), Thompson(0.1, random_state=np.random.RandomState(3))],
    ids=lambda policy: type(policy).__name__,
)
def test_policies_that_explore_survive(policy, tmp_path):
    router = fitted("ridge").set_params(policy=policy)
    again = round_trip(router, tmp_path)
    assert_same(again.policy, policy)
    for _ in range(2):  # what is drawn goes on from there
        assert (again.predict(TABLE.X) == router.predict(TABLE.X)).all()


def test_saving_replaces_the_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "router.sklroute"
    path.write_text("old")
    fitted("fixed").save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["router.sklroute"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_the_same_router_gives_the_same_file(tmp_path):
    fitted("latent").save(tmp_path / "one")
    fitted("latent").save(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_another_version_of_scikit_learn_is_warned_of(tmp_path, monkeypatch):
    monkeypatch.setattr("sklroute.persistence._store.sklearn.__version__", "1.2.3")
    fitted("ridge").save(tmp_path / "router")
    monkeypatch.undo()
    with pytest.warns(UserWarning, match=r"saved with scikit-learn 1\.2\.3"):
        sklroute.load(tmp_path / "router")


def test_other_processes_read_the_file(tmp_path):
    router = fitted("latent")
    router.save(tmp_path / "router")
    code = (
        "import sys, numpy as np, sklroute; "
        "q = sklroute.load(sys.argv[1]).predict_quality(np.ones((2, 10))); "
        "print(q.tobytes().hex())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "router")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (
        done.stdout.strip() == router.predict_quality(np.ones((2, 10))).tobytes().hex()
    )


@pytest.mark.parametrize("name", ["knn", "cluster", "mlp", "latent"])
def test_pickles_hold_no_more_than_the_file(name, tmp_path):
    router = fitted(name)
    router.save(tmp_path / "router")
    size = (tmp_path / "router").stat().st_size
    assert len(pickle.dumps(router)) < 1.2 * size


@pytest.mark.parametrize("library", ["joblib", "cloudpickle"])
def test_other_pickles_predict_the_same(library, tmp_path):
    module = pytest.importorskip(library)
    for name in ("latent", "knn"):
        router = fitted(name)
        with open(tmp_path / name, "wb") as stream:
            module.dump(router, stream)
        with open(tmp_path / name, "rb") as stream:
            loaded = module.load(stream)
        expected = router.predict_quality(TABLE.X)
        assert_same(loaded.predict_quality(TABLE.X), expected)


def test_skops_reads_what_it_is_told_to_trust():
    skops = pytest.importorskip("skops.io")
    for name in ("ridge", "knn", "scaled", "latent"):
        router = fitted(name)
        data = skops.dumps(router)
        trusted = skops.get_untrusted_types(data=data)
        assert all(t.startswith(("sklroute.", "scipy.", "numpy.")) for t in trusted)
        loaded = skops.loads(data, trusted=trusted)
        np.testing.assert_array_equal(loaded.predict(TABLE.X), router.predict(TABLE.X))


def test_a_compiled_router_is_not_saved(tmp_path):
    with pytest.raises(FormatError, match="save the router that it was compiled from"):
        save(fitted("ridge").compile(), tmp_path / "r.sklroute")
