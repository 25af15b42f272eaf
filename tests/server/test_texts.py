"""Texts and pictures go through the featurizer that is saved with the router."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from sklroute import RidgeRouter
from sklroute.features import MultimodalFeaturizer, TextEmbedder
from sklroute.pipeline import RouterPipeline
from sklroute.server import _inputs

TEXTS = ["read the sign", "count the cats", "what colour is it", "solve the sum"]


def brightness(pictures):
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
    featurizer = MultimodalFeaturizer({"text": TextEmbedder(2), "image": brightness})
    steps = [("features", featurizer), ("router", RidgeRouter(alpha=1.0))]
    return RouterPipeline(steps).fit(table, data.y[:40])


@pytest.fixture
def client(serve, multimodal):
    with serve(multimodal) as client:
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


def test_texts_alone_are_enough(serve, data):
    steps = [("text", TextEmbedder(2)), ("router", RidgeRouter(alpha=1.0))]
    router = RouterPipeline(steps).fit(TEXTS * 5, data.y[:20])
    with serve(router) as client:
        queries = [{"text": text} for text in TEXTS]
        answer = client.post("/route", json={"queries": queries})
        found = [row["choice"] for row in answer.json()["results"]]
        assert found == router.predict(TEXTS).tolist()
        answer = client.post("/route", json={"queries": [{"text": "a"}, {}]})
        assert answer.json()["error"] == "queries, row 1: there is no text."
