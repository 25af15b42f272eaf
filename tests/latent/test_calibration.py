"""The temperature of the choice."""

import numpy as np
import pytest

from sklroute.latent._calibration import best_choice_temperature


def test_temperature_recovers_the_one_that_made_the_choices():
    rng = np.random.default_rng(0)
    utility = rng.normal(scale=0.3, size=(5000, 4))
    # Adding Gumbel noise of scale T makes softmax(utility / T) the law of the best.
    realised = utility + 0.2 * rng.gumbel(size=utility.shape)
    assert best_choice_temperature(utility, realised) == pytest.approx(0.2, rel=0.1)


def test_unobserved_models_are_no_rivals():
    utility = np.array([[0.1, 0.9], [0.2, 0.8]] * 50)
    realised = np.array([[1.0, np.nan], [0.0, 1.0]] * 50)
    with_rival = best_choice_temperature(utility, np.nan_to_num(realised))
    assert best_choice_temperature(utility, realised) < with_rival


def test_queries_are_weighed():
    rng = np.random.default_rng(0)
    utility, realised = rng.normal(size=(2, 300, 4))
    weight = np.arange(300) % 3.0
    rows = np.arange(300).repeat(weight.astype(int))
    assert best_choice_temperature(utility, realised, weight) == pytest.approx(
        best_choice_temperature(utility[rows], realised[rows]), rel=1e-4
    )
