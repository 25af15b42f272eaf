"""Texts and pictures go through the featurizer that is saved with the router."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from starlette.testclient import TestClient

import sklroute
from sklroute import RidgeRouter
from sklroute.features import ClipFeaturizer, MultimodalFeaturizer, TextEmbedder
from sklroute.persistence import register
from sklroute.pipeline import RouterPipeline
from sklroute.server import _inputs, make_app

TEXTS = ["read the sign", "count the cats", "what colour is it", "solve the sum"]


@register
class Brightness:
    """An encoder of the user's own."""

    def __call__(self, pictures):
        return [[np.asarray(picture).mean() / 255] for picture in pictures]


def png(level):
    file = BytesIO()
    Image.new("RGB", (4, 4), (level,) * 3).save(file, "PNG")
    return file.getvalue()


def encoded(level):
    return base64.b64encode(png(level)).decode()


@pytest.fixture(scope="module")
def multimodal(data):
    table = {
        "text": [TEXTS[i % 4] for i in range(40)],
        "image": [png(6 * i) for i in range(40)],
    }
    featurizer = MultimodalFeaturizer({"text": TextEmbedder(2), "image": Brightness()})
    steps = [("features", featurizer), ("router", RidgeRouter(alpha=1.0))]
    return RouterPipeline(steps).fit(table, data.y[:40])


@pytest.fixture
def client(multimodal, tmp_path):
    """It is served from its file."""
    path = tmp_path / "router.sklroute"
    multimodal.save(path)
    with TestClient(make_app(path)) as client:
        yield client


def test_texts_and_pictures_are_routed(client, multimodal):
    queries = [{"text": text, "image": encoded(40 * i)} for i, text in enumerate(TEXTS)]
    answer = client.post("/route", json={"queries": queries})
    assert answer.status_code == 200, answer.text
    table = {"text": TEXTS, "image": [png(40 * i) for i in range(4)]}
    assert [row["choice"] for row in answer.json()["results"]] == multimodal.predict(
        table
    ).tolist()
    assert client.get("/models").json()["input"] == ["text", "image"]


BAD = {
    "features": ({"features": [[1.0]]}, "objects with the keys ['text', 'image']"),
    "unknown": ({"queries": [{"texts": "a"}]}, "queries, row 0: there is no 'texts'"),
    "number": ({"queries": [{"text": 1}]}, "queries, row 0, text: "),
    "path": (
        {"queries": [{"text": "a", "image": "/etc/hostname"}]},
        "queries, row 0, 'image': not ",
    ),
    "not base64": (
        {"queries": [{"text": "a", "image": "{}"}]},
        "queries, row 0, 'image': not base64",
    ),
    "not a picture": (
        {"queries": [{"text": "a", "image": "aGVsbG8="}]},
        "queries, row 0, 'image': not a picture",
    ),
    "truncated": (
        {"queries": [{"text": "a", "image": encoded(1)[:64]}]},
        "Row 0, column 'image'",
    ),
    "empty text": (
        {"queries": [{"text": " ", "image": encoded(1)}]},
        "Row 0, column 'text': the text is empty",
    ),
}


@pytest.mark.parametrize(("fields", "message"), BAD.values(), ids=BAD)
def test_a_bad_query_is_named(client, fields, message):
    answer = client.post("/route", json=fields)
    assert answer.status_code == 422
    assert message in answer.json()["error"]


def test_a_picture_that_unfolds_too_far_is_refused(client, monkeypatch):
    monkeypatch.setattr(_inputs, "MAX_PIXELS", 15)
    query = {"text": "a", "image": encoded(1)}
    answer = client.post("/route", json={"queries": [query]})
    assert answer.status_code == 422
    assert "4 x 4 pixels" in answer.json()["error"]


@pytest.mark.parametrize(
    "encoder",
    [TextEmbedder(2), make_pipeline(TfidfVectorizer(), TruncatedSVD(2))],
    ids=["embedder", "pipeline"],
)
def test_texts_alone_are_enough(data, tmp_path, encoder):
    if isinstance(encoder, Pipeline):  # the steps of one pipeline
        steps = [*encoder.steps, ("router", RidgeRouter(alpha=1.0))]
    else:
        steps = [("text", encoder), ("router", RidgeRouter(alpha=1.0))]
    router = RouterPipeline(steps).fit(TEXTS * 5, data.y[:20])
    router.save(tmp_path / "router")
    with TestClient(make_app(tmp_path / "router")) as client:
        about = client.get("/models").json()
        assert about["router"]["class"] == "RidgeRouter"
        assert about["models"][0]["mean_quality"] is not None
        queries = [{"text": text} for text in TEXTS]
        answer = client.post("/route", json={"queries": queries})
        found = [row["choice"] for row in answer.json()["results"]]
        assert found == router.predict(TEXTS).tolist()
        answer = client.post("/route", json={"queries": [{"text": "a"}, {}]})
        assert answer.status_code == 422
        assert answer.json()["error"] == "queries, row 1: there is no text."


def test_clip_is_saved_by_the_name_of_its_weights(data, tmp_path):
    """No weights are looked for, neither to save nor to load and describe."""
    clip = ClipFeaturizer("ViT-S-32-alt", "nowhere", normalize=False)
    clip.modalities_ = {"image": slice(0, 5), "text": slice(5, 9)}
    clip.encoders_ = clip._make_encoders()
    router = RidgeRouter(alpha=1.0).fit(data.X, data.y)
    RouterPipeline([("clip", clip), ("router", router)]).save(tmp_path / "router")
    again = sklroute.load(tmp_path / "router").steps[0][1]
    assert again.get_params() == clip.get_params()
    assert again.modalities_ == clip.modalities_
    with TestClient(make_app(tmp_path / "router")) as client:
        assert client.get("/models").json()["input"] == ["image", "text"]
