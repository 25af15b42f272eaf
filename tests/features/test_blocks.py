"""Blocks are centred and get one scale each."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklroute.features import BlockScaler


@parametrize_with_checks([BlockScaler()])
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


@pytest.mark.parametrize(
    ("modalities", "message"),
    [
        ({"a": [0, 1], "b": [1, 2]}, "Column 1 belongs to the blocks 'a' and 'b'"),
        ({"a": [0, 1]}, "Column 2 belongs to none of the blocks"),
        ({"a": [0, 1, 2, 3]}, "Block 'a' has a column that X, of 3 columns, lacks"),
        ({"a": slice(0, 3), "b": slice(3, 9)}, "Block 'b' is empty"),
    ],
)
def test_blocks_that_do_not_share_out_the_columns_are_refused(modalities, message):
    with pytest.raises(ValueError, match=message):
        BlockScaler(modalities).fit(np.eye(3))
