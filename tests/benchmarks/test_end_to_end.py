"""The example from pictures to answers runs, and its page says what it prints."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from sklroute import LatentRouterClassifier
from sklroute.datasets import make_routing

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "end_to_end" / "route_images.py"

for package in ("easy_vqa", "efficientnet_lite_pytorch", "PIL"):
    pytest.importorskip(package)

SMALL = {
    "--pool-images": 60,
    "--log-images": 60,
    "--new-images": 20,
    "--epochs": 1,
    "--shown": 5,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("route-images")
    options = [str(part) for option in SMALL.items() for part in option]
    result = subprocess.run(
        [sys.executable, SCRIPT, "--out", out, *options],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout, (out / "index.html").read_text(encoding="utf-8")


def test_the_bill_has_the_encoder_the_router_and_the_ways_without(run):
    printed, page = run
    for line in ("encoder", "router", "always", "oracle", "pretrained-cnn"):
        assert line in printed
        assert line in page


def test_the_network_of_the_router_is_on_the_bill(monkeypatch):
    """Also where NumPy computes what PyTorch would."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    script = runpy.run_path(SCRIPT)
    table = make_routing(100, n_models=3, n_features=(6, 4), random_state=0)
    bill = [
        script["router_mflops"](
            LatentRouterClassifier(
                modalities=table.modalities, hidden_dim=width, max_epochs=1
            ).fit(table.X, table.y)
        )
        for width in (16, 32)
    ]
    # Two members: 10 features to 16 more units, and these in 3 tokens to 36 numbers.
    more = 2 * 2 * (10 * 16 + 3 * 16 * 36) / 1e6
    assert bill[1] - bill[0] == pytest.approx(more)


def test_the_page_shows_the_queries_that_were_printed(run):
    printed, page = run
    assert page.count('<div class="card ') == 5
    assert page.count("data:image/png;base64,") == 5
    assert page.count("✓ right") == printed.count(" True\n")
