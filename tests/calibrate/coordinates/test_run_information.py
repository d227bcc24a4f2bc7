"""Information of runs about their own effects, against the closed form of a first-order decay."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.calibrate.coordinates.run_information import gauss_newton_information
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest
from bayesbio.data import Campaign, Run
from bayesbio.mechanistic import BatchReactor

TIMES, SD, RATE = np.array([1.0, 2.0, 5.0]), 0.02, 0.5
START = {"initial_concentration_a": 1.0}


@pytest.fixture(scope="module")
def formulation():
    rows = pd.DataFrame(
        {"time_h": TIMES, "quantity": "concentration_a", "value": np.exp(-RATE * TIMES)}
    )
    runs = [Run("all", rows, START), Run("one", rows.iloc[:1], START)]
    asked = FitRequest(
        Campaign(runs), BatchReactor(isothermal=True), {"rate_constant_2": 0.05},
        {"rate_constant_1": "run"}, "normal",
    )  # fmt: skip
    return formulate(asked)


def test_information_is_the_sum_of_squared_slopes_in_units_of_the_noise(formulation):
    """d exp(-k t) / d log k = -k t exp(-k t)."""
    rates = np.array([RATE, 0.6])
    mode = {
        "rate_constant_1": np.array(0.55), "rate_constant_1_sd_run": np.array(0.3),
        "rate_constant_1_by_run": rates, "noise_concentration_a": np.array(SD),
    }  # fmt: skip
    found = gauss_newton_information(formulation, {}, mode)["rate_constant_1"]
    slopes = [
        rate * TIMES[:n] * np.exp(-rate * TIMES[:n]) for rate, n in zip(rates, (3, 1), strict=True)
    ]
    expected = [np.sum((slope / SD) ** 2) for slope in slopes]
    assert_allclose(found[0], expected, rtol=0.03)  # steps of a hundredth
    pull = np.log(rates / 0.55) / 0.3**2  # at the mode readings pull as hard as the prior
    assert_allclose(found[1], np.log(rates) + pull / np.asarray(found[0]), rtol=1e-6)


def test_without_a_mode_it_is_taken_at_the_medians(formulation):
    found = gauss_newton_information(formulation, {"rate_constant_1": 0.5})["rate_constant_1"]
    assert_allclose(found[1], np.log(formulation.medians["rate_constant_1"]) + 0.5)
    assert found[0][0] > found[0][1] > 0.0
