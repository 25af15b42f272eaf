"""The bundled table is whole, small and worth routing."""

from importlib.resources import files

import numpy as np
import pytest

from sklroute import Outcomes
from sklroute.datasets import load_visual_qa


@pytest.fixture(scope="module")
def data():
    return load_visual_qa()


def test_shapes_agree(data):
    n_queries = len(data.X)
    assert data.X.dtype == np.float32
    assert data.X.shape == (n_queries, len(data.feature_names))
    assert isinstance(data.y, Outcomes)
    assert data.y.shape == (n_queries, 8, 3)
    for entry in ("groups", "task", "condition", "question", "encoder_cost"):
        assert data[entry].shape == (n_queries,)


def test_values_are_in_range(data):
    assert np.isfinite(data.X).all()
    assert data.y.observed.all()
    assert set(np.unique(data.y.quality)) == {0.0, 1.0}
    assert (data.y.cost > 0).all()
    assert (data.encoder_cost > 0).all()


def test_modalities_cover_the_columns_in_order(data):
    image, text = data.modalities["image"], data.modalities["text"]
    assert (image.start, image.stop, text.stop) == (0, text.start, data.X.shape[1])
    assert data.feature_names[image.stop - 1] == f"image{image.stop - 1}"
    assert data.feature_names[text.start] == "text0"


def test_pictures_are_those_that_the_models_saw(data):
    assert len(data.pictures) == 24
    condition = dict(zip(data.groups.tolist(), data.condition, strict=True))
    rough = {}
    for group, pixels in data.pictures.items():
        assert (pixels.shape, pixels.dtype) == ((64, 64, 3), np.uint8)
        across = np.abs(np.diff(pixels.astype(int), axis=0))
        rough[group] = np.median(across) > 10
        if "dark" in condition[group] and "noise" not in condition[group]:
            assert pixels.max() <= round(0.35 * 255)
    assert rough == {group: "noise" in condition[group] for group in rough}


def same_within(values, key):
    """Return whether rows of equal key have equal values."""
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return np.array_equal(values, values[first][inverse])


def test_a_group_is_a_picture(data):
    image = data.X[:, data.modalities["image"]]
    assert same_within(image, data.groups)
    assert same_within(data.condition, data.groups)
    assert len(np.unique(image, axis=0)) == len(np.unique(data.groups))


def test_text_block_is_the_question(data):
    text = data.X[:, data.modalities["text"]]
    assert same_within(text, data.question)
    assert same_within(data.task, data.question)
    np.testing.assert_allclose(np.linalg.norm(text, axis=1), 1.0, atol=2e-3)


def test_half_of_the_pictures_are_corrupted(data):
    _, first = np.unique(data.groups, return_index=True)
    assert (data.condition[first] == "clean").mean() == 0.5


def test_tasks_are_named_after_what_is_asked(data):
    asked = dict(zip(data.question, data.task, strict=True))
    assert asked["what color is the circle?"] == "color"
    assert asked["what is the blue shape?"] == "shape"
    assert asked["is there a circle?"] == "has-shape"
    assert asked["is no teal shape present?"] == "has-color"


def test_every_model_is_the_best_choice_somewhere(data):
    cheapest_correct = data.y.best_model(cost_weight=1e-6)
    assert set(cheapest_correct) == set(data.y.models)


def test_skills_cross(data):
    """No model is as good as another everywhere it matters, the dearest included."""
    quality = data.y.quality
    for one in range(8):
        for other in set(range(8)) - {one}:
            assert (quality[:, one] > quality[:, other]).mean() > 0.01
    assert quality.max(axis=1).mean() - quality.mean(axis=0).max() > 0.05
    assert np.corrcoef(quality.T)[np.triu_indices(8, 1)].max() < 0.8


def test_file_is_small_and_holds_no_objects():
    file = files("sklroute.datasets") / "data" / "visual_qa.npz"
    assert len(file.read_bytes()) <= 4e6
    with file.open("rb") as stream:
        table = np.load(stream, allow_pickle=False)
        assert all(table[name].dtype != object for name in table)


def test_milliseconds_are_another_cost_of_the_same_answers(data):
    timed = load_visual_qa(cost="ms")
    np.testing.assert_array_equal(timed.y.quality, data.y.quality)
    assert not np.array_equal(timed.y.cost, data.y.cost)
    assert not np.array_equal(timed.encoder_cost, data.encoder_cost)


def test_encoder_cost_is_the_sum_of_its_parts(data):
    parts = data.encoder_cost_by_modality
    assert list(parts) == ["image", "text"]
    np.testing.assert_allclose(parts["image"] + parts["text"], data.encoder_cost)


def test_return_X_y(data):
    X, y = load_visual_qa(return_X_y=True)
    np.testing.assert_array_equal(X, data.X)
    np.testing.assert_array_equal(y.cost, data.y.cost)


def test_description_tells_source_and_licence(data):
    assert "easy-VQA" in data.DESCR
    assert "Victor Zhou" in data.DESCR
    assert data.license == "MIT"
    for model in data.y.models:
        assert model in data.DESCR


def test_unknown_cost_is_an_error():
    with pytest.raises(ValueError, match=r"cost must be one of .* got 'usd'"):
        load_visual_qa(cost="usd")
