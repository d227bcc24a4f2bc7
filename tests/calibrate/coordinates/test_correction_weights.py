"""Weights of corrections in coordinates whitened by what readings say of them."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.calibrate.coordinates.correction_weights import CorrectionWeights
from bayesbio.calibrate.coordinates.run_information import means_at_readings, run_values
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest
from bayesbio.data import Campaign, Run
from bayesbio.mechanistic import BatchCulture, CorrectedModel, Correction

NAME = "growth_correction_substrate"


def formulation_of(**priors):
    rows = pd.DataFrame(
        {"time_h": [2.0, 5.0, 8.0], "quantity": "biomass", "value": [0.4, 1.1, 3.0]}
    )
    start = {"initial_biomass": 0.2, "initial_substrate": 20.0}
    over = {"anchor": {"substrate": 20.0}, "span": {"substrate": (5.0, 20.0)}}
    slower = Correction(on="growth", inputs=["substrate"], knots=2, **over)
    model = CorrectedModel(BatchCulture(), [slower])
    return formulate(FitRequest(Campaign([Run("R1", rows, start)]), model, priors))


@pytest.fixture(scope="module")
def formulation():
    return formulation_of()


def test_the_curvature_is_that_of_the_effects_and_the_mode_stays_the_most_likely(formulation):
    weights = CorrectionWeights(formulation)
    (amplitude, names) = weights.corrections[NAME]
    mode = {name: np.array(value) for name, value in formulation.medians.items()}
    mode |= {amplitude: np.array(0.5), names[0]: np.array(0.3), names[1]: np.array(-0.2)}
    mode["noise_biomass"] = np.array(0.1)
    data = weights.update(mode)
    curvature, pull = data[f"{NAME}.curvature"], data[f"{NAME}.pull"]
    values = run_values(formulation, mode)
    columns = []
    for name in names:  # slopes by effects = amplitude x weight, from both sides
        ends = [
            means_at_readings(formulation, {**values, name: values[name] + sign * 1e-3 / 0.5})
            for sign in (1, -1)
        ]
        columns.append((ends[0]["biomass"] - ends[1]["biomass"]) / 2e-3)
    mean = means_at_readings(formulation, values)["biomass"]
    slopes = np.stack(columns) / formulation.noise["biomass"].typical_sd("biomass", mean, mode)
    assert_allclose(curvature, slopes @ slopes.T, rtol=0.05)
    effects = 0.5 * np.array([0.3, -0.2])
    assert_allclose(pull, curvature @ effects + effects / 0.5**2, rtol=1e-9)


def test_a_correction_that_is_partly_known_keeps_its_textbook_coordinates():
    known = formulation_of(**{f"{NAME}_amplitude": 0.3})
    assert CorrectionWeights(known).corrections == {}
