import re

import pytest

from bayesbio.errors import CalibrationError
from bayesbio.report import sentence


def test_a_sentence_gives_median_interval_unit_and_spread(calibration):
    assert re.fullmatch(
        r"The maximum growth rate is 0\.032\d 1/h, with 90 % probability between 0\.0\d+ and "
        r"0\.0\d+ 1/h\. It differs by about \d\.\d % from run to run\.",
        sentence(calibration, "maximum_growth_rate"),
    )


def test_a_sentence_about_a_failed_calibration_says_so_first(failed_calibration):
    assert sentence(failed_calibration, "maximum_growth_rate").startswith("Not a result yet")


def test_a_sentence_about_an_unknown_parameter_suggests_a_known_one(calibration):
    with pytest.raises(CalibrationError, match=r"Did you mean 'maximum_growth_rate'\?"):
        sentence(calibration, "maximum_growth")
