"""Queries that lack a block: who reads what, and what is refused."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sklroute import LatentRouterClassifier, Outcomes, RidgeRouter
from sklroute.features import MultimodalFeaturizer
from sklroute.latent._net import (
    RoutingDataset,
    TensorBatches,
    drop_a_block,
    mask_some,
)

BLOCKS = {"image": slice(0, 6), "text": slice(6, 10)}
SMALL = {
    "modalities": BLOCKS,
    "hidden_dim": 32,
    "learning_rate": 0.02,
    "random_state": 0,
}


def make_table(n_queries=900):
    """Pictures tell which of two models is right, texts say it less clearly."""
    rng = np.random.default_rng(0)
    side = rng.choice([-1.0, 1.0], n_queries)
    X = rng.normal(size=(n_queries, 10))
    X[:, 0] += 2 * side
    X[:, 6] += 1 * side
    quality = np.column_stack([side > 0, side < 0, rng.random(n_queries) < 0.6])
    return X, Outcomes(quality.astype(float), models=["left", "right", "third"])


def without(X, name, rows=slice(None)):
    X = X.copy()
    X[rows, BLOCKS[name]] = np.nan
    return X


@pytest.fixture(scope="module")
def table():
    X, y = make_table()
    holes = without(without(X, "image", slice(0, 270)), "text", slice(270, 450))
    return X, holes, y


@pytest.fixture(scope="module")
def router(table):
    _, holes, y = table
    return LatentRouterClassifier(**SMALL).fit(holes[150:], y[150:])


def share_right(router, X, y):
    choice = router.predict_quality(X)[:, :2].argmax(axis=1)
    return (choice == y.quality[:, :2].argmax(axis=1)).mean()


@pytest.mark.parametrize(
    ("lacking", "least"), [(None, 0.9), ("text", 0.9), ("image", 0.7)]
)
def test_the_blocks_that_are_there_are_used(table, router, lacking, least):
    X, _, y = table
    queries = X[:150] if lacking is None else without(X[:150], lacking)
    assert share_right(router, queries, y[:150]) > least


def test_a_missing_block_is_not_read_as_the_mean_of_the_others(table):
    X, holes, y = table
    router = LatentRouterClassifier(prior=None, max_epochs=5, **SMALL).fit(holes, y)
    queries = X[:50].copy()
    queries[:, BLOCKS["image"]] = router.scaler_.mean_[BLOCKS["image"]]
    filled = router.predict_quality(queries)
    missing = router.predict_quality(without(X[:50], "image"))
    assert np.abs(filled - missing).max() > 1e-3


def test_the_prior_is_shown_the_mean_of_a_missing_block(table, router):
    X, _, _ = table
    queries = without(X[:20], "text")
    filled = X[:20].copy()
    filled[:, BLOCKS["text"]] = router.scaler_.mean_[BLOCKS["text"]]
    np.testing.assert_allclose(
        router.prior_.predict_quality(router._scaled(queries)),
        router.prior_.predict_quality(router._scaled(filled)),
        atol=1e-5,
    )


def test_what_one_query_lacks_changes_no_other(table, router):
    X, _, _ = table
    mixed = without(X[:40], "image", slice(0, 20))
    together = router.predict_quality(mixed)
    np.testing.assert_allclose(together[20:], router.predict_quality(X[20:40]), 1e-5)
    np.testing.assert_allclose(together[:1], router.predict_quality(mixed[:1]), 1e-5)


def test_training_goes_on_with_queries_that_lack_a_block(table):
    _, holes, y = table
    router = LatentRouterClassifier(block_dropout=0.3, **SMALL)
    router.partial_fit(holes[:600], y[:600])
    before = router.predict_quality(holes[:10])
    router.partial_fit(holes[:300], y[:300])
    after = router.predict_quality(holes[:10])
    assert np.isfinite(after).all()
    assert not np.array_equal(before, after)


def first_call(router, method, X, y):
    return router.predict(X) if method == "predict" else getattr(router, method)(X, y)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "predict"])
@pytest.mark.parametrize(
    ("cells", "value", "message"),
    [
        ((3, 7), np.nan, "Row 3: block 'text' is NaN in part"),
        ((5, slice(None)), np.nan, "Row 5 of X is NaN in all columns"),
        ((7, slice(0, 6)), np.inf, "NaN or infinity: row 7, column 0 is inf"),
    ],
)
def test_what_is_neither_there_nor_missing_is_refused(
    table, router, method, cells, value, message
):
    X, _, y = table
    X = X[:100].copy()
    X[cells] = value
    fitted = router if method == "predict" else clone(router)
    with pytest.raises(ValueError, match=message):
        first_call(fitted, method, X, y[:100])


def test_a_block_that_every_query_lacks_is_refused(table):
    X, _, y = table
    with pytest.raises(ValueError, match="Block 'image' is missing for every query"):
        LatentRouterClassifier(**SMALL).fit(without(X, "image"), y)


# -- block dropout -------------------------------------------------------------------


def test_dropout_hides_one_block_of_some_queries_that_have_several():
    torch.manual_seed(0)
    present = torch.ones(4000, 3, dtype=torch.bool)
    present[:1000, 1:] = False  # one block each
    present[1000:2000, 0] = False  # two blocks each
    kept = drop_a_block(present, 0.25)
    assert torch.equal(kept[:1000], present[:1000])
    assert not (kept & ~present).any()
    lost = (present & ~kept).sum(1)
    assert set(lost.tolist()) == {0, 1}
    assert lost[1000:].float().mean().item() == pytest.approx(0.25, abs=0.03)
    # Every block that is there is hidden as often: thirds of a quarter of 2,000.
    hidden = (present & ~kept)[2000:].sum(0)
    assert (hidden > 120).all()
    assert (hidden < 215).all()


@pytest.mark.parametrize(("rate", "n_left"), [(0.0, 2), (1.0, 1)])
def test_dropout_of_none_and_of_all(rate, n_left):
    kept = drop_a_block(torch.ones(50, 2, dtype=torch.bool), rate)
    assert (kept.sum(1) == n_left).all()


def test_some_models_of_some_queries_are_masked_and_one_always_stays():
    torch.manual_seed(0)
    available = torch.ones(8000, 4, dtype=torch.bool)
    available[:4000, 2:] = False
    kept = mask_some(available, 0.5)
    assert not (kept & ~available).any()
    assert kept.any(1).all()
    # Of 4 models n stay with probability 1/5 each; where none is left, all do.
    assert kept[4000:].all(1).float().mean().item() == pytest.approx(0.7, abs=0.03)
    assert (kept[4000:].sum(1) == 1).float().mean().item() == pytest.approx(
        0.1, abs=0.02
    )
    assert torch.equal(mask_some(available, 0.0), available)


@pytest.mark.parametrize(
    ("params", "hidden"),
    [
        ({}, None),
        ({"mask_rate": 0.5}, "available"),
        ({"block_dropout": 0.5}, "present"),
    ],
)
def test_an_epoch_shows_every_query_once_and_hides_what_it_is_told_to(params, hidden):
    X = {"available": torch.ones(1000, 4) > 0, "present": torch.ones(1000, 2) > 0}
    dataset = RoutingDataset(X, torch.arange(1000))
    batches = list(TensorBatches(dataset, 300, **params))
    assert [len(y) for _, y in batches] == [300, 300, 300, 100]
    order = torch.cat([y for _, y in batches])
    assert not torch.equal(order, dataset.y)
    assert torch.equal(order.sort().values, dataset.y)
    for name, whole in X.items():
        shown = torch.cat([part[name] for part, _ in batches])
        assert whole.all()
        assert shown.all() == (name != hidden)


def test_dropout_does_nothing_with_a_single_block(table):
    X, _, y = table
    kinds = SMALL | {"modalities": None, "max_epochs": 2}
    first, second = (
        LatentRouterClassifier(block_dropout=rate, **kinds).fit(X, y) for rate in (0, 1)
    )
    np.testing.assert_array_equal(
        first.predict_quality(X[:9]), second.predict_quality(X[:9])
    )


# -- behind a featurizer -------------------------------------------------------------


def numbers(cells):
    return [[cell, cell**2] for cell in cells]


def test_a_featurizer_names_the_blocks():
    values = np.random.default_rng(0).normal(size=200)
    queries = {"image": [*values], "audio": [*-values]}
    queries["image"][:60] = [None] * 60
    queries["audio"][60:100] = [None] * 40
    y = Outcomes(np.column_stack([values > 0, values < 0]).astype(float))
    # A block called "image" gets pictures unless its encoder says otherwise.
    encoder = MultimodalFeaturizer({"image": Plain(), "audio": numbers})
    pipeline = make_pipeline(
        encoder.set_output(transform="pandas"),
        LatentRouterClassifier(**SMALL | {"modalities": ["image", "audio"]}),
    ).fit(queries, y)
    blocks = pipeline[-1].scaler_.blocks_
    assert {name: [*columns] for name, columns in blocks.items()} == {
        "image": [0, 1],
        "audio": [2, 3],
    }
    right = y.quality.argmax(axis=1)
    assert (pipeline.predict(queries) == pipeline.classes_[right]).mean() > 0.9


class Plain:
    reads = None

    def __call__(self, cells):
        return numbers(cells)


def test_names_and_numbers_of_columns_say_the_same(table):
    pd = pytest.importorskip("pandas")
    _, holes, y = table
    names = [f"image_{i}" for i in range(6)] + [f"text_{i}" for i in range(4)]
    frame = pd.DataFrame(holes, columns=names)
    router = LatentRouterClassifier(max_epochs=2, **SMALL)
    by_number = clone(router).fit(holes, y).predict_quality(holes[:9])
    for modalities in (["image", "text"], {"image": "image_", "text": "text_"}):
        named = clone(router).set_params(modalities=modalities).fit(frame, y)
        # A frame's columns lie apart in memory: sums are rounded in another order.
        np.testing.assert_allclose(named.predict_quality(frame[:9]), by_number, 1e-4)


def test_a_baseline_points_to_the_scaler(table):
    _, holes, y = table
    with pytest.raises(ValueError, match=r"row 0, column 0 is nan. For .* BlockScaler"):
        RidgeRouter().fit(holes, y)
