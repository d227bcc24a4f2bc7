"""Assays: the calibration curve is estimated with the process."""

import numpy as np
import pandas as pd
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference import Noise, assay

STANDARDS = pd.DataFrame(
    {"concentration": [0.0, 0.5, 1.0, 2.0, 4.0, 8.0], "signal": [0.02, 0.2, 0.5, 0.8, 1.2, 1.4]}
)


def test_a_calibration_curve_is_the_logistic_of_the_textbook():
    elisa = assay("titer", STANDARDS, curve="five_parameter")
    curve = dict(bottom=0.1, top=2.0, midpoint=3.0, slope=1.4, asymmetry=0.8)
    named = {f"curve_od_{part}": value for part, value in curve.items()}
    concentration = np.array([0.3, 3.0, 20.0])
    wanted = 0.1 + 1.9 / (1.0 + (3.0 / concentration) ** 1.4) ** 0.8
    assert_allclose(elisa.response(concentration, named), wanted, rtol=1e-8)
    assert_allclose(elisa.response(pt.constant(concentration), named).eval(), wanted, rtol=1e-8)
    assert_allclose(elisa.response(0.0, named), 0.1, atol=1e-4)


def test_an_assay_survives_its_description_by_plain_numbers():
    rows = pd.DataFrame({"value": [0.4, 0.9], "flag": ["", ""]})
    elisa = assay("titer", STANDARDS, bottom=0.0).scaled_to("od", rows)
    again = Noise.from_dict(elisa.to_dict())
    assert again == elisa
    assert again.names("od") == (
        "noise_od",
        "noise_od_fraction",
        "curve_od_top",
        "curve_od_midpoint",
        "curve_od_slope",
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"standards": STANDARDS.drop(columns="signal")}, "columns concentration and signal"),
        ({"standards": STANDARDS.head(3)}, "do not make a calibration curve"),
        ({"standards": STANDARDS.assign(signal=1.0)}, "All standards gave the same signal"),
        ({"standards": STANDARDS.assign(concentration=-1.0)}, "negative concentration"),
        ({"curve": "linear"}, "expected one of 'four_parameter', 'five_parameter'"),
    ],
)
def test_standards_that_make_no_curve_are_refused_in_words(change, sentence):
    given = {"of": "titer", "standards": STANDARDS, **change}
    with pytest.raises((DataError, CalibrationError), match=sentence):
        assay(**given)
