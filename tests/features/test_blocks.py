"""Blocks are centred and get one scale each."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklroute import RidgeRouter
from sklroute.features import BlockScaler


@parametrize_with_checks([BlockScaler(), BlockScaler(allow_missing=True)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture
def blocks():
    rng = np.random.default_rng(0)
    image = 50 + 9.0 * rng.standard_normal((200, 5))
    text = -3 + 0.01 * rng.standard_normal((200, 3))
    return np.hstack([image, text]), {"image": slice(0, 5), "text": slice(5, 8)}


def test_every_block_gets_mean_zero_and_mean_row_norm_one(blocks):
    X, modalities = blocks
    scaled = BlockScaler(modalities).fit_transform(X)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    for columns in modalities.values():
        norm = np.linalg.norm(scaled[:, columns], axis=1).mean()
        assert norm == pytest.approx(1.0)


def test_angles_inside_a_block_are_kept(blocks):
    X, modalities = blocks
    scaled = BlockScaler(modalities).fit_transform(X)
    centred = X[:, :5] - X[:, :5].mean(axis=0)
    ratio = scaled[:, :5] / centred
    np.testing.assert_allclose(ratio, ratio[0, 0])


def test_without_modalities_all_columns_are_one_block(blocks):
    X, _ = blocks
    scaled = BlockScaler().fit_transform(X)
    assert np.linalg.norm(scaled, axis=1).mean() == pytest.approx(1.0)


def test_blocks_may_be_lists_of_columns(blocks):
    X, modalities = blocks
    mixed = BlockScaler({"text": [7, 5, 6], "image": range(5)}).fit_transform(X)
    np.testing.assert_allclose(mixed, BlockScaler(modalities).fit_transform(X))


def test_float32_stays_float32(blocks):
    X, modalities = blocks
    assert BlockScaler(modalities).fit_transform(X.astype("f4")).dtype == np.float32


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_constant_block_becomes_zero(dtype):
    X = np.column_stack([np.full(7, 0.3), np.arange(7)]).astype(dtype)
    scaled = BlockScaler({"a": [0], "b": [1]}).fit_transform(X)
    np.testing.assert_allclose(scaled[:, 0], 0, atol=1e-6)


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_the_unit_of_a_block_does_not_matter(blocks, unit):
    X, modalities = blocks
    expected = BlockScaler(modalities).fit_transform(X)
    scaled = BlockScaler(modalities).fit_transform(unit * X)
    np.testing.assert_allclose(scaled, expected, atol=1e-9)


def test_a_long_constant_block_is_constant():
    X = np.full((50_000, 4), 0.1, dtype=np.float32)
    assert (BlockScaler().fit(X).scale_ == 1).all()


@pytest.mark.parametrize(
    ("modalities", "message"),
    [
        ({"a": [0, 1], "b": [1, 2]}, "Column 1 belongs to the blocks 'a' and 'b'"),
        ({"a": [0, 1]}, "Column 2 belongs to none of the blocks"),
        ({"a": [0, 1, 2, 3]}, "Block 'a' has a column that X, of 3 columns, lacks"),
        ({"a": slice(0, 3), "b": slice(3, 3)}, "Block 'b' is empty"),
        ({"a": slice(0, 2), "b": slice(2, 4)}, "Block 'b' has a column that X, of 3"),
        ({"a": 0, "b": 1}, "Column 2 belongs to none of the blocks"),
        ({"a": []}, "Column 0 belongs to none of the blocks"),
        ({"a": ["x_0", "x_1"]}, r"'a' is given by \['x_0', 'x_1'\]: expected a slice"),
        ({"a": None}, "Block 'a' is given by None: expected a slice"),
        ({"a": [[0], [1], [2]]}, r"'a' is given by \[\[0\], \[1\], \[2\]\]: expected"),
        ("image", "modalities='image': expected a dict, a list of names or None"),
    ],
)
def test_blocks_that_do_not_share_out_the_columns_are_refused(modalities, message):
    with pytest.raises(ValueError, match=message):
        BlockScaler(modalities).fit(np.eye(3))


# -- blocks by the names of their columns ---------------------------------------------


@pytest.fixture
def named(blocks):
    pd = pytest.importorskip("pandas")
    names = [f"image_{i}" for i in range(5)] + [f"text_{i}" for i in range(3)]
    return pd.DataFrame(blocks[0], columns=names)


@pytest.mark.parametrize(
    "modalities",
    [["image", "text"], ("text", "image"), {"picture": "image_", "text": "te"}],
)
def test_blocks_may_be_what_the_names_of_columns_start_with(blocks, named, modalities):
    scaler = BlockScaler(modalities).fit(named)
    expected = BlockScaler(blocks[1]).fit(blocks[0])
    np.testing.assert_array_equal(scaler.mean_, expected.mean_)
    np.testing.assert_array_equal(scaler.scale_, expected.scale_)
    assert set(scaler.blocks_) == set(modalities)


def test_names_and_numbers_may_be_mixed(named):
    blocks = BlockScaler({"image": "image_", "text": [5, 6, 7]}).fit(named).blocks_
    assert blocks["image"].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("modalities", "message"),
    [
        (["image", "audio"], "'audio': no column's name starts with 'audio_'"),
        (["image"], "Column 5 belongs to none of the blocks"),
        ({"a": "", "b": "text_"}, "Column 5 belongs to the blocks 'a' and 'b'"),
    ],
)
def test_names_that_do_not_share_out_the_columns_are_refused(
    named, modalities, message
):
    with pytest.raises(ValueError, match=message):
        BlockScaler(modalities).fit(named)


def test_columns_without_names_cannot_be_named(blocks):
    with pytest.raises(
        ValueError, match=r"'image' is given by .* X has none.*set_output"
    ):
        BlockScaler(["image", "text"]).fit(blocks[0])


# -- missing blocks ------------------------------------------------------------------


def with_missing(X, modalities, rows):
    """Take a block away from some rows of each."""
    X = X.copy()
    for name, columns in modalities.items():
        X[rows[name], columns] = np.nan
    return X


def test_a_missing_block_becomes_zero_and_does_not_count(blocks):
    X, modalities = blocks
    rows = {"image": slice(0, 30), "text": slice(100, 110)}
    holes = with_missing(X, modalities, rows)
    scaled = BlockScaler(modalities, allow_missing=True).fit_transform(holes)
    for name, columns in modalities.items():
        seen = np.ones(len(X), dtype=bool)
        seen[rows[name]] = False
        alone = BlockScaler().fit_transform(X[seen][:, columns])
        np.testing.assert_allclose(scaled[seen][:, columns], alone)
        np.testing.assert_array_equal(scaled[~seen][:, columns], 0)


def test_without_missing_blocks_nothing_changes(blocks):
    X, modalities = blocks
    allowing = BlockScaler(modalities, allow_missing=True).fit_transform(X)
    np.testing.assert_array_equal(allowing, BlockScaler(modalities).fit_transform(X))


def test_a_router_behind_it_takes_queries_with_one_block_only(blocks):
    X, modalities = blocks
    quality = np.column_stack([X[:, 0] > 50, X[:, 0] <= 50]).astype(float)
    scaler = BlockScaler(modalities, allow_missing=True)
    router = make_pipeline(scaler, RidgeRouter(alpha=1e-3)).fit(X, quality)
    holes = with_missing(X[:40], modalities, {"image": [], "text": slice(0, 40)})
    best = quality[:40].argmax(axis=1)
    assert (router.predict(holes) == best).mean() > 0.8


@pytest.mark.parametrize(
    ("cells", "allow_missing", "message"),
    [
        (([3], [0]), True, "Row 3: block 'image' is NaN in part"),
        ((slice(None), slice(5, 8)), True, "Block 'text' is missing for every query"),
        (([3], slice(5, 8)), False, "contains NaN"),
    ],
)
def test_what_may_not_be_missing_is_refused(blocks, cells, allow_missing, message):
    X, modalities = blocks
    X = X.copy()
    X[cells] = np.nan
    with pytest.raises(ValueError, match=message):
        BlockScaler(modalities, allow_missing=allow_missing).fit(X)
