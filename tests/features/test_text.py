"""Texts become vectors, however few terms there are."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer

from sklroute.features import TextEmbedder

TEXTS = ["read the chart", "read the sign", "count the cats", "count the dogs"]


def test_texts_that_share_words_are_closer():
    vectors = TextEmbedder(n_components=3).fit_transform(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[3]


def test_pairs_of_words_tell_texts_apart_and_any_iterable_will_do():
    texts = ["dog bites man", "man bites dog"]
    vectors = TextEmbedder().fit(iter(texts)).transform(iter(texts))
    assert vectors[0] @ vectors[1] < 0.9 * vectors[0] @ vectors[0]


def test_few_terms_give_few_components():
    assert TextEmbedder().fit_transform(["cat", "dog", "cat"]).shape == (3, 2)


def test_unknown_words_are_no_error():
    vectors = TextEmbedder().fit(TEXTS).transform(["zebra", ""])
    np.testing.assert_array_equal(vectors, 0)


def test_the_same_texts_give_the_same_vectors():
    embedder = TextEmbedder(n_components=2)
    first, again = (clone(embedder).fit_transform(TEXTS) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_it_reads_one_column_of_a_frame():
    frame = pd.DataFrame({"size": [1, 2, 3, 4], "prompt": TEXTS})
    columns = ColumnTransformer([("text", TextEmbedder(2), "prompt")])
    assert columns.fit_transform(frame).shape == (4, 2)
    assert columns.output_indices_["text"] == slice(0, 2)


def test_columns_of_a_frame_put_out_have_names():
    embedder = TextEmbedder(2).set_output(transform="pandas")
    assert list(embedder.fit_transform(TEXTS)) == ["textembedder0", "textembedder1"]
    frame = pd.DataFrame({"prompt": TEXTS})
    columns = ColumnTransformer([("text", TextEmbedder(2), "prompt")])
    columns.set_output(transform="pandas").fit(frame)
    names = ["text__textembedder0", "text__textembedder1"]
    assert list(columns.transform(frame)) == names
    assert columns.get_feature_names_out().tolist() == names


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a b", None], "Row 1 is not a text but None"),
        (["read", 3.5], r"Row 1 is not a text but 3\.5"),
        ([np.arange(500) / 7], r"Row 0 is not a text but array.{1,80}$"),
        ("read", "got one text"),
        (pd.DataFrame({"prompt": TEXTS}), r"pass one of its columns, \['prompt'\]"),
        ({"prompt": TEXTS}, r"got a dict: pass one of its columns, \['prompt'\]"),
        (["cat", "cat"], "1 term only"),
        (["", ""], "hold no word of two letters or more"),
    ],
)
def test_what_is_not_text_is_refused(texts, message):
    with pytest.raises(ValueError, match=message):
        TextEmbedder().fit(texts)
