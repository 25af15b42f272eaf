"""The script that makes the bundled table really makes one."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BUILD = Path(__file__).parents[2] / "benchmarks" / "visual_qa" / "build.py"

for package in ("easy_vqa", "efficientnet_lite_pytorch", "PIL"):
    pytest.importorskip(package)

SMALL = {
    "--pool-images": 120,
    "--routing-images": 40,
    "--questions": 2,
    "--epochs": 1,
    "--image-dimensions": 8,
    "--timed": 2,
    "--threads": 1,
    "--text-encoder": "tfidf",
}


def build(path):
    command = [str(part) for option in SMALL.items() for part in option]
    return subprocess.run(
        [sys.executable, BUILD, "--out", path, *command],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("visual_qa") / "table.npz"
    result = build(path)
    assert result.returncode == 0, result.stderr
    return dict(np.load(path, allow_pickle=False))


def test_every_query_has_an_answer_of_every_model(table):
    n_queries = len(table["question"])
    assert 40 <= n_queries <= 80
    assert table["quality"].shape == (n_queries, 8)
    assert set(np.unique(table["quality"])) == {0, 1}
    assert len(set(table["models"])) == 8


def test_indices_point_into_features(table):
    assert table["image_features"].shape == (40, 8)
    assert np.array_equal(np.unique(table["image"]), np.arange(40))
    assert len(table["text_features"]) == len(table["question_text"])
    assert table["question"].max() == len(table["question_text"]) - 1


def test_half_of_the_pictures_are_corrupted(table):
    assert (table["condition"] == "clean").sum() == 20
    assert len(set(table["image_id"])) == 40


def test_costs_are_counted_and_measured(table):
    mflops = dict(zip(table["models"], table["cost_mflops"], strict=True))
    # EfficientNet-lite0 takes 407 M multiply-adds at 224 x 224 pixels; the
    # candidate sees 128 x 128.
    expected = 2 * 407 * (128 / 224) ** 2
    assert mflops["pretrained-cnn"] == pytest.approx(expected, rel=0.1)
    assert mflops["question-only"] == min(mflops.values())
    assert (table["cost_ms"] > 0).all()
    assert (table["text_encoder_mflops"] > 0).all()


def test_too_many_pictures_is_an_error():
    split_images = runpy.run_path(BUILD.with_name("data.py"))["split_images"]
    with pytest.raises(ValueError, match=r"4990 \+ 40 pictures .* there are 5000"):
        split_images(5000, 4990, 40, np.random.default_rng(0))
