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
    routers = {
        "ridge",
        "logistic",
        "cluster",
        "mlp",
        "kernel",
        "knn",
        "average",
        "latent",
    }
    assert routers <= set(results.index.levels[1])


def test_only_routers_without_tuned_shrinkage_lose_more_than_a_third(results):
    share = results["share"].xs("neither", level="condition")
    more = share.index[share > 1 / 3]
    assert set(more) == {("visual_qa", "knn"), ("visual_qa", "average")}
    upper = results["under_third_high"].xs("neither", level="condition")
    assert (upper > 0).all()  # and none of them so that it can be told from luck


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
