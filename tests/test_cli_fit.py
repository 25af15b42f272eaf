"""``sklroute fit``: what it writes is what the same steps in Python give."""

import numpy as np
import pandas as pd
import pytest
from layouts import write_own_table
from numpy.testing import assert_allclose, assert_array_equal

import sklroute
from sklroute.baselines import RidgeRouter
from sklroute.cli import main
from sklroute.datasets import make_routing
from sklroute.features import BlockScaler, TextEmbedder
from sklroute.pipeline import RouterPipeline


@pytest.fixture(scope="module")
def data():
    return make_routing(200, 3, n_features=(5, 4), random_state=0)


@pytest.fixture
def folder(tmp_path, monkeypatch, data):
    monkeypatch.chdir(tmp_path)
    write_own_table(data)
    return tmp_path


def fit(*arguments, router="ridge"):
    return main(["fit", *map(str, arguments), "--router", router])


def test_features_make_a_router_that_takes_features(folder, data, capsys):
    assert fit("wide.csv", "--features", "x.npy", "--out", "new/own.sklroute") == 0
    said = capsys.readouterr().out
    assert "RidgeRouter, fitted on 200 queries and 3 models." in said
    assert "Written: new/own.sklroute" in said
    router = sklroute.load("new/own.sklroute")
    same = RidgeRouter().fit(BlockScaler().fit_transform(data.X), data.y)
    expected = same.predict_quality(BlockScaler().fit(data.X).transform(data.X))
    assert_allclose(router.predict_quality(data.X), expected, rtol=1e-4)


def test_texts_make_a_router_that_takes_texts(folder, data):
    assert fit("wide.csv", "--text", "prompt", "--cost-weight", "0.5") == 0
    router = sklroute.load("router.sklroute")
    texts = pd.read_csv("wide.csv")["prompt"].tolist()
    steps = [TextEmbedder(), BlockScaler(), RidgeRouter()]
    same = RouterPipeline(list(zip("abc", steps, strict=True))).fit(texts, data.y)
    assert_allclose(router.predict_quality(texts), same.predict_quality(texts))
    assert router.policy.cost_weight == 0.5
    assert router.predict(["never seen"])[0] in data.models


def test_blocks_of_a_file_reach_the_latent_router(folder, data):
    image, text = (data.X[:, block].copy() for block in data.modalities.values())
    image[:50] = np.nan
    np.savez("x.npz", image=image, text=text)
    arguments = ["--features", "x.npz", "--groups", "pair"]
    assert fit("wide.csv", *arguments, router="latent") == 0
    router = sklroute.load("router.sklroute")
    assert list(router[-1].scaler_.blocks_) == ["image", "text"]
    assert np.isfinite(router.predict_quality(np.hstack([image, text]))).all()


@pytest.mark.parametrize("source", [["--features", "x.npz"], ["--text", "prompt"]])
def test_groups_are_learned(folder, data, source):
    image, text = (data.X[:, block] for block in data.modalities.values())
    np.savez("x.npz", image=image, text=text)
    own = ["--task", "task", "--groups", "pair"]
    assert fit("wide.csv", *source, *own, router="latent") == 0
    router = sklroute.load("router.sklroute")
    assert_array_equal(router[-2].tasks_, np.unique(data.task.astype(str)))
    if "--text" in source:
        queries = pd.read_csv("wide.csv")["prompt"].tolist()
    else:
        queries = np.hstack([image, text])
        assert list(router[-1].scaler_.blocks_) == ["image", "text", "task"]
    assert np.isfinite(router.predict_quality(queries)).all()


def test_the_seed_is_the_routers(folder, data):
    quality = []
    for seed in (0, 0, 1):
        options = ["--features", "x.npy", "--seed", seed]
        assert fit("wide.csv", *options, router="kernel") == 0
        quality.append(sklroute.load("router.sklroute").predict_quality(data.X))
    assert_array_equal(quality[0], quality[1])
    assert not np.array_equal(quality[0], quality[2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["wide.csv"], "give --features FILE or --text COLUMN"),
        (["wide.csv", "--features", "x.npy", "--text", "prompt"], "takes one of them"),
        (["free.csv", "--features", "x.npy", "--cost-weight", "1"], "needs costs"),
        (
            ["part.csv", "--features", "x.npy", "--cost-weight", "1"],
            "part.csv: --cost-weight needs the cost of every model, and 'model-1' has",
        ),
        (["none.csv", "--text", "prompt"], "No such file: none.csv"),
        (["wide.csv", "--text", "prompt", "--out", "."], "--out . is a folder"),
    ],
)
def test_bad_input_is_one_line_and_no_file(folder, capsys, arguments, message):
    wide = pd.read_csv("wide.csv")
    wide.filter(regex="^q:").to_csv("free.csv", index=False)
    wide.drop(columns="cost:model-1").to_csv("part.csv", index=False)
    assert fit(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("sklroute fit: error: ")
    assert message in error
    assert not (folder / "router.sklroute").exists()
