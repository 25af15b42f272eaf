"""The raw layout: workbooks of correctness, and pictures that refer to each other."""

import numpy as np
import pandas as pd
import pytest
from layouts import PICTURE, raw_books, routing, write_lines, write_raw
from numpy.testing import assert_allclose, assert_array_equal

from sklroute.datasets import load_vl_routerbench, load_vl_routerbench_images

pytest.importorskip("openpyxl", reason="workbooks are read by openpyxl")

EVALUATION = "vlm_router_data/VLMEvalKit_evaluation"
GPT = "GPT4o/GPT4o_MMStar_result.xlsx"


@pytest.fixture(scope="module")
def books():
    return raw_books(45)


@pytest.fixture(scope="module")
def data(tmp_path_factory, books):
    return load_vl_routerbench(write_raw(tmp_path_factory.mktemp("raw"), books))


def test_correctness_is_read_from_whichever_column_has_it(data):
    made = routing(45)
    row = data.frame["query_id"].str.split("/").str[1].astype(int).to_numpy()
    assert sorted(row) == list(range(45))
    assert data.y.models.tolist() == ["GPT4o", "Janus-Pro-1B", "SmolVLM2"]
    assert_array_equal(data.y.quality, made.y.quality[row][:, [2, 0, 1]])


def test_texts_and_groups(data):
    for name, text, group in zip(
        data.frame["query_id"], data.text, data.task, strict=True
    ):
        dataset, row = name.split("/")
        assert text.endswith(f"case {row}")
        assert group == dataset


def test_costs_are_prices_times_words_and_marks(data):
    # "solve task 0 with word0 please, case 7": 9 words and marks; the answer has 3.
    million = 1e6
    expected = np.array(
        [9 * 2.5 + 3 * 10, 9 * 0.05 + 3 * 0.05, 9 * 0.06 + 3 * 0.06]
    )  # fmt: skip
    assert_allclose(data.y.cost, np.tile(expected / million, (45, 1)))
    assert data.estimated_costs
    assert data.cost_bounds is None
    assert data.splits is None


def changed(books, name, **columns):
    return {**books, name: books[name].assign(**columns)}


def test_the_first_column_of_correctness_counts(tmp_path, books):
    more = changed(books, GPT, score=0.25, hit=1)
    y = load_vl_routerbench(write_raw(tmp_path, more)).y
    rows = len(books[GPT])
    (column,) = y.index(["GPT4o"])
    # GPT4o's workbooks have "hit": a score beside it comes first.
    assert (y.quality[:, column] == 0.25).sum() == rows


def test_an_answer_that_was_not_scored_stays_missing(tmp_path, books):
    hit = books[GPT]["hit"].astype(float).where(books[GPT].index != 2)
    y = load_vl_routerbench(write_raw(tmp_path, changed(books, GPT, hit=hit))).y
    assert (~y.observed).sum() == 1


def test_a_row_that_only_some_models_have_is_kept(tmp_path, books):
    fewer = {**books, GPT: books[GPT][1:]}
    y = load_vl_routerbench(write_raw(tmp_path, fewer)).y
    assert len(y) == 45
    assert (~y.observed).sum() == 1


def test_summaries_and_workbooks_without_correctness_are_passed_over(tmp_path, books):
    summary = pd.DataFrame({"split": ["all"], "hit": [55.0]})
    bare = books[GPT].drop(columns="hit")
    more = {
        **books,
        "GPT4o/GPT4o_MMStar_acc.xlsx": summary,
        "GPT4o/GPT4o_MMStar.xlsx": bare,
    }
    assert len(load_vl_routerbench(write_raw(tmp_path, more)).y) == 45


def test_a_workbook_of_scores_that_names_its_queries_is_read(tmp_path, books):
    less = {name: book for name, book in books.items() if name != GPT}
    more = {**less, "GPT4o/GPT4o_MMStar_gpt-4o-mini_score.xlsx": books[GPT]}
    y = load_vl_routerbench(write_raw(tmp_path, more)).y
    assert y.observed.all()


def test_ids_that_have_their_data_set_keep_it(tmp_path, books):
    whole = books[GPT]["index"].map(lambda i: f"MMStar/{i}")
    y = load_vl_routerbench(write_raw(tmp_path, changed(books, GPT, index=whole))).y
    assert len(y) == 45
    assert y.observed.all()


def test_splits_beside_the_workbooks_are_read(tmp_path, books, data):
    root = write_raw(tmp_path, books)
    for name, part in zip(
        ("train", "dev", "test"),
        np.split(data.frame["query_id"], [30, 36]),
        strict=True,
    ):
        path = root / "SPLITS" / f"{name}.jsonl"
        write_lines(path, [{"sample_id": i} for i in part])
    splits = load_vl_routerbench(root).splits
    assert splits["dev"].tolist() == list(range(30, 36))


def test_a_model_without_a_price_is_named(tmp_path, books):
    book = {"Ovis/Ovis_MMStar_result.xlsx": books[GPT]}
    root = write_raw(tmp_path, {**books, **book})
    with pytest.raises(ValueError, match="Ovis: no price of the model 'Ovis' is known"):
        load_vl_routerbench(root)
    for price in (1.0, (1.0,), (-1.0, 0.0), (1.0, float("nan"))):
        with pytest.raises(ValueError, match=r"prices\['Ovis'\] must be"):
            load_vl_routerbench(root, prices={"Ovis": price})
    y = load_vl_routerbench(root, prices={"Ovis": (1.0, 0.0)}).y
    (column,) = y.index(["Ovis"])
    assert np.nanmax(y.cost[:, column]) == pytest.approx(9e-6)


BAD = {
    "no id": (GPT, {"index": None}, "column 'index', row 0 is empty"),
    "an id twice": (GPT, {"index": 7}, "column 'index', row 1: 'MMStar/7' appears twi"),
    "a score of 3": (GPT, {"hit": 3}, r"column 'hit', row 0: 3.0 is not in \[0, 1\]"),
    "a score of text": (GPT, {"hit": "yes"}, "column 'hit', row 0: 'yes' is not a num"),
}


@pytest.mark.parametrize(("name", "columns", "message"), BAD.values(), ids=BAD)
def test_a_bad_workbook_is_named_with_the_place(
    tmp_path, books, name, columns, message
):
    root = write_raw(tmp_path, changed(books, name, **columns))
    with pytest.raises(ValueError, match=message) as error:
        load_vl_routerbench(root)
    assert str(root / EVALUATION / name) in str(error.value)


def test_a_workbook_without_ids_is_named(tmp_path, books):
    root = write_raw(tmp_path, {**books, GPT: books[GPT].drop(columns="index")})
    with pytest.raises(ValueError, match=rf"{GPT}: none of the columns"):
        load_vl_routerbench(root)


def test_half_a_workbook_is_named(tmp_path, books):
    root = write_raw(tmp_path, books)
    content = (root / EVALUATION / GPT).read_bytes()
    (root / EVALUATION / GPT).write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=rf"{GPT}: not a readable workbook"):
        load_vl_routerbench(root)


def test_an_unknown_data_set_is_named(tmp_path, books):
    root = write_raw(tmp_path, {**books, "GPT4o/GPT4o_Foo.xlsx": books[GPT]})
    with pytest.raises(ValueError, match=r"GPT4o_Foo\.xlsx: 'Foo' is none of"):
        load_vl_routerbench(root)


def test_workbooks_that_contradict_each_other_are_named(tmp_path, books):
    other = books[GPT].assign(hit=1 - books[GPT]["hit"])
    root = write_raw(tmp_path, {**books, "GPT4o/GPT4o_MMStar_x.xlsx": other})
    with pytest.raises(ValueError, match=r"MMStar_x\.xlsx: model 'GPT4o' has another"):
        load_vl_routerbench(root)
    same = write_raw(tmp_path, {"GPT4o/GPT4o_MMStar_x.xlsx": books[GPT]})
    assert len(load_vl_routerbench(same).y) == 45


def test_no_workbook_at_all_is_named(tmp_path):
    (tmp_path / EVALUATION).mkdir(parents=True)
    with pytest.raises(ValueError, match=rf"{EVALUATION}: no workbook"):
        load_vl_routerbench(tmp_path)


# -- pictures ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return write_raw(tmp_path_factory.mktemp("pictures"), {})


def test_a_short_image_refers_to_another_row(pictures):
    images = load_vl_routerbench_images(pictures, ["MMStar/1", "MMStar/0"])
    assert images == [PICTURE, PICTURE]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("MMStar/2", r"MMStar\.tsv: index '2' refers to no image"),  # to 3, and back
        ("MMStar/9", r"MMStar\.tsv: there is no index '9'"),
    ],
)
def test_a_picture_that_is_not_there_is_named(pictures, name, message):
    with pytest.raises(ValueError, match=message):
        load_vl_routerbench_images(pictures, [name])


def test_a_data_set_without_pictures_is_named(pictures):
    with pytest.raises(FileNotFoundError, match=r"OCRBench\.tsv"):
        load_vl_routerbench_images(pictures, ["OCRBench/1"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("index\tpicture\n0\tx\n", "not a table with index and image"),
        ("index\timage\n0\tx\n0\ty\n", "row 1 repeats an index"),
        (f"index\timage\n0\t{'*' * 80}\n", "index '0' is not base64"),
        ("index\timage\n0\t\n", "index '0' has no image"),
    ],
)
def test_a_bad_table_of_pictures_is_named(tmp_path, text, message):
    path = tmp_path / "TSV_images" / "MMStar.tsv"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"MMStar\.tsv: {message}"):
        load_vl_routerbench_images(tmp_path, ["MMStar/0"])
