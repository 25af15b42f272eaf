"""The tracked results on missing blocks hold what the docs say of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

RESULTS = Path(__file__).parents[2] / "benchmarks" / "features" / "results"
DROPPED = ["no image", "no text", "neither"]


@pytest.fixture(scope="module")
def results():
    table = pd.read_csv(RESULTS / "missing_blocks.csv")
    return table.set_index(["table", "router", "condition"])


def test_every_router_met_every_condition(results):
    counts = results.groupby(["table", "router"]).size()
    assert set(counts) == {6}  # complete, missing, three dropped, switch
    assert set(results.index.levels[0]) == {"visual_qa", "mllm10"}
    assert {"latent", "kernel", "ridge", "average"} <= set(results.index.levels[1])


def test_losses_and_shares_are_those_of_the_qualities(results):
    quality = results["quality"].unstack()
    loss = results["loss"].unstack()
    for condition in loss:
        expected = quality["complete"] - quality[condition]
        np.testing.assert_allclose(loss[condition], expected, atol=2e-4)
    spare = results["under_third"].unstack()
    for condition in DROPPED:
        expected = loss[condition] / 3 - loss["missing"]
        np.testing.assert_allclose(spare[condition], expected, atol=2e-4)


def test_the_default_rate_of_block_dropout_was_the_reference():
    rates = pd.read_csv(RESULTS / "block_dropout.csv")
    assert (rates.loc[rates["block_dropout"] == 0, "gain"] == 0).all()
    for _, part in rates.groupby(["table", "condition"]):
        gain = part["quality"] - part["quality"].iloc[0]
        np.testing.assert_allclose(part["gain"], gain, atol=2e-4)
