"""All tensors of a latent router are on its device: shown where there is no other."""

import pickle

import numpy as np
import pytest
import torch
from accelerator import PretendedAccelerator, on_it

from sklroute import LatentRouterClassifier
from sklroute.datasets import make_routing

TABLE = make_routing(400, 4, n_features=(6, 6), missing=0.1, random_state=0)
SMALL = {
    "modalities": TABLE.modalities,
    "hidden_dim": 16,
    "max_epochs": 3,
    "random_state": 0,
}
ALL_PARTS = {
    "communication": True,
    "correction_bound": 0.05,
    "pairwise_weight": 0.1,
    "listwise_weight": 0.1,
    "block_dropout": 0.2,
}


@pytest.fixture
def accelerator(monkeypatch):
    with PretendedAccelerator() as accelerator:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
        monkeypatch.setattr(torch.cuda, "get_rng_state", lambda _: torch.tensor(0))
        monkeypatch.setattr(torch.cuda, "set_rng_state", lambda *_: None)
        yield accelerator


def fitted(**params):
    return LatentRouterClassifier(**SMALL, **params).fit(TABLE.X, TABLE.y)


def is_moved(router):
    return all(map(on_it, router.net_.module_.parameters()))


@pytest.mark.parametrize(
    "params",
    [{}, ALL_PARTS, {"distribution": "binned", "n_members": 1}],
    ids=["default", "all parts", "binned"],
)
def test_an_accelerator_gives_the_same_choices(accelerator, params):
    here, there = fitted(**params), fitted(**params, device="cuda")
    assert is_moved(there)
    assert not is_moved(here)
    quality = here.predict_quality(TABLE.X)
    np.testing.assert_allclose(there.predict_quality(TABLE.X), quality, atol=1e-4)
    np.testing.assert_array_equal(there.predict(TABLE.X), here.predict(TABLE.X))


def test_a_copy_is_on_the_accelerator_too(accelerator):
    router = fitted(device="cuda")
    copy = pickle.loads(pickle.dumps(router))
    assert is_moved(copy)
    quality = copy.predict_quality(TABLE.X)
    np.testing.assert_array_equal(quality, router.predict_quality(TABLE.X))


def test_other_ways_to_predict_work_on_an_accelerator(accelerator):
    router = fitted(device="cuda")
    available = [True, False, True, True]
    answers = router.predict_distribution(TABLE.X, available=available)
    assert answers.mean.shape == (400, 4)
    assert len(router.explain(TABLE.X[:3])) == 3
    grown = router.add_model("new", TABLE.X[:9], TABLE.y.quality[:9, 0])
    assert grown.predict_quality(TABLE.X).shape == (400, 5)


@pytest.mark.parametrize(
    "work",
    [
        lambda there, here: there + here,
        lambda there, here: here[there.long()],
        lambda there, here: torch.cat([there, here]),
        lambda there, here: there.numpy(),
        lambda there, here: there @ torch.zeros(2, device="cpu"),
    ],
)
def test_what_fails_on_an_accelerator_fails_on_the_pretended_one(accelerator, work):
    there, here = torch.ones(2, device="cuda"), torch.ones(2)
    with pytest.raises((RuntimeError, TypeError), match=r"devices|no array"):
        work(there, here)
    assert (there[here.long()] * 2).cpu().numpy().tolist() == [2, 2]
