"""Named blocks, rows that cannot be read, batches, the cache."""

import pickle
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklroute import RidgeRouter
from sklroute.features import MultimodalFeaturizer, TextEmbedder

Image = pytest.importorskip("PIL.Image")


class Counting:
    """Encode numbers by their square; count calls and items; break down when told."""

    def __init__(self, cache_key="square", fails_at=None):
        self.cache_key = cache_key
        self.fails_at = fails_at
        self.batches = []

    def __deepcopy__(self, memo):
        return self

    def __call__(self, items):
        if self.fails_at is not None and len(self.batches) == self.fails_at:
            raise KeyboardInterrupt
        self.batches.append(list(items))
        return np.array([[item, item**2] for item in items], dtype=float)

    @property
    def n_items(self):
        return sum(map(len, self.batches))


def mean_color(pictures):
    return np.stack([np.asarray(p, dtype=float).mean(axis=(0, 1)) for p in pictures])


def n_letters(texts):
    return [[len(text)] for text in texts]


def picture(color, mode="RGB", size=(4, 3)):
    return Image.new("RGB", size, color).convert(mode)


def as_png(image):
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


# -- tables and names ----------------------------------------------------------------

QUERIES = [("ab", 1), ("c", None), ("def", 3)]
FORMS = {
    "frame": pd.DataFrame(QUERIES, columns=["text", "size"], index=[7, 7, 9]),
    "columns": {"text": ["ab", "c", "def"], "size": [1, None, 3]},
    "rows": QUERIES,
    "mappings": [{"text": t, "size": s, "more": 0} for t, s in QUERIES],
    "array": np.array(QUERIES, dtype=object),
}
# Rows with names, in another order than that of the encoders.
OTHER_ORDER = FORMS["frame"][["size", "text"]]
FORMS["named tuples"] = list(OTHER_ORDER.itertuples(index=False))
FORMS["records"] = OTHER_ORDER.to_records(index=False)
FORMS["series"] = [row for _, row in OTHER_ORDER.iterrows()]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_table_gives_the_same_blocks(form):
    featurizer = MultimodalFeaturizer({"text": n_letters, "size": Counting()})
    X = featurizer.fit_transform(FORMS[form])
    nan = np.nan
    np.testing.assert_array_equal(X, [[2, 1, 1], [1, nan, nan], [3, 3, 9]])
    assert X.dtype == np.float32
    assert featurizer.modalities_ == {"text": slice(0, 1), "size": slice(1, 3)}
    names = featurizer.get_feature_names_out().tolist()
    assert names == ["text_0", "size_0", "size_1"]


def test_a_table_of_pyarrow_is_read_by_its_columns():
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_pandas(OTHER_ORDER[1:], preserve_index=False)
    featurizer = MultimodalFeaturizer({"text": n_letters, "size": Counting()})
    X = featurizer.fit(FORMS["frame"]).transform(table)
    np.testing.assert_array_equal(X, [[1, np.nan, np.nan], [3, 3, 9]])


def test_one_column_may_come_as_a_plain_list():
    X = MultimodalFeaturizer({"text": n_letters}).fit_transform(["a", None, "abc"])
    np.testing.assert_array_equal(X[:, 0], [1, np.nan, 3])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (pd.DataFrame({"text": ["a"]}), r"no column 'size'; it has \['text'\]"),
        ({"text": ["a"], "size": [1, 2]}, r"differ in length: .*'text': 1, 'size': 2"),
        ([("a", 1), ("b", 1, 2)], r"Row 1 has 3 cells, expected 2"),
        (["ab", "cd"], r"Row 0 is not a row of \['text', 'size'\] but 'ab'"),
        ("ab", "got one text"),
        (pd.DataFrame([["a", "b", 1]], columns=["text", "text", "size"]), "2 times"),
        ({"text": "ab", "size": [1, 2]}, "Column 'text' is one cell, not a list"),
        ({"text": ["a"], "size": None}, "Column 'size' is one cell, not a list"),
        (zip("ab", [1, 2], strict=True), "X is a zip, which can be read only once"),
        ({"text": iter("ab"), "size": [1, 2]}, "Column 'text' is a str_.* only once"),
        ([pd.Series({"size": 1, "txt": "a"})], r"Row 0 has \['size', 'txt'\], exp"),
        (OTHER_ORDER[["size"]].to_records(), r"Row 0 has \['index', 'size'\], exp"),
        (pd.concat({"text": FORMS["frame"]}, axis=1), "no column 'text'; it has"),
        ([{"text": "a"}, {"txt": "a"}], r"Row 1 has none of .* it has \['txt'\]"),
    ],
)
def test_what_is_no_such_table_is_refused(X, message):
    featurizer = MultimodalFeaturizer({"text": n_letters, "size": Counting()})
    with pytest.raises(ValueError, match=message):
        featurizer.fit(X)


def test_it_works_in_a_pipeline_and_with_pandas_output():
    featurizer = MultimodalFeaturizer({"text": TextEmbedder(2), "size": Counting()})
    X = pd.DataFrame(
        {"text": ["aa bb", "bb cc", "cc aa"] * 4, "size": [1, 2, None] * 4}
    )
    quality = np.tile([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], (4, 1))
    router = make_pipeline(featurizer, SimpleImputer(), RidgeRouter(alpha=1e-3))
    assert router.fit(X, quality).predict(X[:2]).tolist() == [0, 1]
    frame = clone(featurizer).set_output(transform="pandas").fit_transform(X)
    assert list(frame) == ["text_0", "text_1", "size_0", "size_1"]


def test_a_fitted_featurizer_survives_pickling():
    featurizer = MultimodalFeaturizer({"text": n_letters, "image": mean_color})
    X = [("a", picture("red"))]
    featurizer.fit(X)
    again = pickle.loads(pickle.dumps(featurizer))
    np.testing.assert_array_equal(again.transform(X), featurizer.transform(X))


# -- pictures and texts --------------------------------------------------------------


def test_pictures_come_as_paths_bytes_or_objects(tmp_path):
    red = picture("red")
    red.save(tmp_path / "red.png")
    cells = [
        tmp_path / "red.png",
        str(tmp_path / "red.png"),
        as_png(red),
        bytearray(as_png(red)),
        red,
    ]
    X = MultimodalFeaturizer({"image": mean_color}).fit_transform(cells)
    np.testing.assert_array_equal(X, [[255, 0, 0]] * len(cells))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"])
def test_pictures_of_every_mode_become_rgb(mode):
    X = MultimodalFeaturizer({"image": mean_color}).fit_transform(
        [picture("white", mode)]
    )
    np.testing.assert_allclose(X, 255, atol=1)


UNREADABLE = {
    "truncated": (as_png(picture("red", size=(64, 64)))[:-40], "cannot be decoded"),
    "not a picture": (b"hello", "is not a picture"),
    "missing file": ("no/such/file.png", "'no/such/file.png': No such file"),
    "folder": (".", "Is a directory"),
    "no path": ("chart\0.png", "embedded null byte"),
    "broken header": (b"P6 4x 4 255 ", "is not a picture: invalid literal"),
    "data of a page": (
        "data:image/png;base64," + 999 * "A",
        r"AAA\.\.\.: ",
    ),
    "no pixels": (Image.new("RGB", (0, 3)), "has no pixels"),
    "no way to RGB": (Image.new("La", (2, 2)), "cannot be made RGB: conversion from"),
    "16 bits": (Image.new("I;16", (2, 2)), "mode 'I;16', more than 8 bits"),
    "number": (3, "expected a path, bytes or a PIL image, got int"),
    "no text": ("", "the text is empty"),
    "white space": (" \n", "the text is empty"),
    "no string": (5, "expected a text, got 5"),
}
TEXTS = {"no text", "white space", "no string"}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_an_error_with_its_row(case):
    cell, message = UNREADABLE[case]
    name, good = ("text", "fine") if case in TEXTS else ("image", picture("red"))
    encoder = n_letters if name == "text" else mean_color
    featurizer = MultimodalFeaturizer({name: encoder}).fit([good])
    with pytest.raises(ValueError, match=f"Row 2, column '{name}': .*{message}"):
        featurizer.transform([good, None, cell])


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_a_truncated_file_that_pillow_has_opened_is_an_error_with_its_row(mode):
    good = picture("red", mode, size=(64, 64))
    featurizer = MultimodalFeaturizer({"image": mean_color}).fit([good])
    opened = Image.open(BytesIO(as_png(good)[:-30]))
    with pytest.raises(ValueError, match=r"Row 1, column 'image': .*cannot be decoded"):
        featurizer.transform([good, opened])
    opened = Image.open(BytesIO(as_png(good)[:-30]))
    featurizer.set_params(on_error="missing")
    assert np.isnan(featurizer.transform([good, opened])[1]).all()


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_may_be_a_missing_block(case):
    cell, _ = UNREADABLE[case]
    if case in TEXTS:
        rows = [("fine", picture("red")), (cell, picture("red"))]
    else:
        rows = [("fine", picture("red")), ("fine", cell)]
    featurizer = MultimodalFeaturizer(
        {"text": n_letters, "image": mean_color}, on_error="missing"
    )
    X = featurizer.fit_transform(rows)
    lost, kept = ("text", "image") if case in TEXTS else ("image", "text")
    assert np.isnan(X[1, featurizer.modalities_[lost]]).all()
    assert np.isfinite(X[1, featurizer.modalities_[kept]]).all()
    assert np.isfinite(X[0]).all()


NO_TIME = [pd.NaT, np.datetime64("NaT"), np.timedelta64("NaT")]


@pytest.mark.parametrize("nothing", [None, np.nan, np.float32("nan"), pd.NA, *NO_TIME])
def test_a_cell_without_content_is_a_missing_block_in_any_case(nothing):
    X = MultimodalFeaturizer({"text": n_letters}).fit_transform(["a", nothing])
    np.testing.assert_array_equal(X, [[1], [np.nan]])


def test_an_encoder_refuses_an_item_by_a_value_error():
    def short(texts):
        return n_letters(texts)

    def prepare(text):
        if len(text) > 3:
            raise ValueError("too long")
        return text.upper()

    short.prepare = prepare
    with pytest.raises(ValueError, match="Row 1, column 'text': too long"):
        MultimodalFeaturizer({"text": short}).fit_transform(["abc", "abcd"])


def test_a_column_of_nothing_cannot_be_fitted():
    with pytest.raises(ValueError, match="Column 'text' has no cell that can be"):
        MultimodalFeaturizer({"text": n_letters}).fit([None, None])


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (np.zeros(2), r"must return an array of shape \(2, n_features\).*got \(2,\)"),
        (np.zeros((3, 4)), r"got \(3, 4\)"),
        (np.array([[0.0], [np.inf]]), "Row 2, column 'size': the encoder returned NaN"),
        (csr_array(np.eye(2)), "encoder of 'size' returned a sparse matrix"),
    ],
)
def test_what_an_encoder_may_not_return(returned, message):
    featurizer = MultimodalFeaturizer({"size": Counting()}).fit([1])
    featurizer.encoders_ = {"size": lambda items: returned}
    with pytest.raises(ValueError, match=message):
        featurizer.transform([1, None, 2])


def inverse(numbers):
    return [[1 / number] for number in numbers]


def ragged(numbers):
    return [[0.0] * number for number in numbers]


@pytest.mark.parametrize("encoder", [inverse, ragged])
def test_an_error_of_an_encoder_tells_its_column_and_rows(encoder):
    featurizer = MultimodalFeaturizer({"size": encoder}).fit([1])
    with pytest.raises((ZeroDivisionError, ValueError)) as raised:
        featurizer.transform([None, 2, 0])
    note = "This comes from the encoder of column 'size', rows 1 to 2."
    assert raised.value.__notes__ == [note]


def test_an_error_of_a_transformer_tells_its_column():
    featurizer = MultimodalFeaturizer({"size": StandardScaler()})
    with pytest.raises(ValueError, match="Expected 2D array") as raised:
        featurizer.fit([1.0, 2.0])
    note = "This comes from the encoder of column 'size'."
    assert raised.value.__notes__ == [note]


@pytest.mark.parametrize(
    ("encoders", "message"),
    [({}, "no encoders"), ({"text": 3}, "'text' is neither callable nor a trans")],
)
def test_what_is_no_encoder_is_refused(encoders, message):
    with pytest.raises(ValueError, match=message):
        MultimodalFeaturizer(encoders).fit([("a",)])


# -- batches and the cache -----------------------------------------------------------


def test_batches_are_of_different_contents_in_order():
    encoder = Counting()
    featurizer = MultimodalFeaturizer({"size": encoder}, batch_size=2).fit([1])
    encoder.batches.clear()
    X = featurizer.transform([5, 5, 1, None, 5, 2, 3])
    assert encoder.batches == [[5, 1], [2, 3]]
    np.testing.assert_array_equal(X[:, 0], [5, 5, 1, np.nan, 5, 2, 3])


def test_the_cache_knows_what_was_encoded(tmp_path):
    first, second = Counting(), Counting()
    X = MultimodalFeaturizer({"size": first}, cache=tmp_path).fit_transform([1, 2])
    other = MultimodalFeaturizer({"size": second}, cache=tmp_path).fit([1])
    second.batches.clear()
    np.testing.assert_array_equal(other.transform([2, 1]), X[::-1])
    assert second.n_items == 0
    other.transform([1, 3])
    assert second.batches == [[3]]


def test_a_changed_encoder_is_another_one_in_the_cache(tmp_path):
    MultimodalFeaturizer({"size": Counting()}, cache=tmp_path).fit_transform([1])
    changed = Counting("square-2")
    featurizer = MultimodalFeaturizer({"size": changed}, cache=tmp_path).fit([1])
    changed.batches.clear()
    featurizer.transform([1])
    assert changed.n_items == 1


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path):
    rows = list(range(10))
    whole = MultimodalFeaturizer({"size": Counting()}, batch_size=3).fit_transform(rows)
    broken = Counting(fails_at=2)
    featurizer = MultimodalFeaturizer({"size": broken}, batch_size=3, cache=tmp_path)
    with pytest.raises(KeyboardInterrupt):  # fit is the first call
        featurizer.fit(rows).transform(rows)
    assert broken.batches[1:] == [[0, 1, 2]]
    broken.fails_at = None
    np.testing.assert_array_equal(featurizer.transform(rows), whole)
    assert broken.batches[2:] == [[3, 4, 5], [6, 7, 8], [9]]


def test_unreadable_rows_do_not_shift_the_batches_of_a_second_run(tmp_path):
    rows = ["aa", "", "bb", "cc", "", "dd", "ee"]

    class Letters(Counting):
        reads = "text"

        def __call__(self, items):
            return super().__call__([len(item) for item in items])

    def run(encoder):
        featurizer = MultimodalFeaturizer(
            {"size": encoder}, batch_size=2, cache=tmp_path, on_error="missing"
        ).fit(rows)
        encoder.batches.clear()
        return featurizer.transform(rows)

    broken = Letters()
    with pytest.raises(KeyboardInterrupt):
        run(type("Broken", (Letters,), {"n_features": 2})(fails_at=1))
    X = run(broken)
    assert [len(batch) for batch in broken.batches] == [2, 1]
    np.testing.assert_array_equal(np.isnan(X[:, 0]), [text == "" for text in rows])


def test_a_file_with_new_content_is_encoded_anew(tmp_path):
    file = tmp_path / "picture.png"
    mean_color.cache_key = "mean color"
    featurizer = MultimodalFeaturizer({"image": mean_color}, cache=tmp_path)
    picture("red").save(file)
    before = featurizer.fit_transform([file])
    picture("blue").save(file)
    np.testing.assert_array_equal(before, [[255, 0, 0]])
    np.testing.assert_array_equal(featurizer.transform([file]), [[0, 0, 255]])


def test_a_cache_needs_to_know_the_encoder(tmp_path):
    featurizer = MultimodalFeaturizer({"text": n_letters}, cache=tmp_path).fit(["a"])
    with pytest.raises(ValueError, match="encoder of 'text' has no cache_key"):
        featurizer.transform(["a"])


def test_the_key_of_a_cache_is_a_text(tmp_path):
    featurizer = MultimodalFeaturizer({"size": Counting(3)}, cache=tmp_path).fit([1])
    with pytest.raises(ValueError, match="encoder of 'size' has no cache_key, a text"):
        featurizer.transform([1])


def test_an_encoder_that_changed_but_not_its_key_is_noticed(tmp_path):
    MultimodalFeaturizer({"size": Counting()}, cache=tmp_path).fit_transform([1])
    longer = Counting()
    longer.n_features = 5
    featurizer = MultimodalFeaturizer({"size": longer}, cache=tmp_path).fit([1])
    with pytest.raises(ValueError, match="Row 0, column 'size': got 2 features, exp"):
        featurizer.transform([1])


def test_fitted_transformers_are_not_cached(tmp_path):
    texts = ["aa bb", "bb cc"]
    for more in ([], ["cc dd ee ff"]):
        featurizer = MultimodalFeaturizer({"text": TextEmbedder()}, cache=tmp_path)
        featurizer.fit(texts + more)
        expected = TextEmbedder().fit(texts + more).transform(texts)
        np.testing.assert_array_equal(featurizer.transform(texts), expected)


def test_progress_is_silent_unless_asked_for(capsys):
    MultimodalFeaturizer({"size": Counting()}).fit_transform([1, 2])
    assert capsys.readouterr() == ("", "")
    MultimodalFeaturizer({"size": Counting()}, progress=True).fit_transform([1, 2])
    assert "size: 100%" in capsys.readouterr().err
