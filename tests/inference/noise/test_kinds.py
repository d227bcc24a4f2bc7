"""Kinds of noise: what sets one apart from the others."""

import mpmath
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.errors import CalibrationError
from bayesbio.inference import combined


def test_combined_noise_adds_its_parts_in_quadrature_in_both_tails():
    rows = pd.DataFrame({"value": [0.4, 0.3, 0.5], "flag": ["", "below", "above"]})
    parameters = {"noise_titer": 0.03, "noise_titer_fraction": 0.1}
    found = combined().log_likelihood(np.array([0.4, 9.0, 0.01]), rows, parameters)
    spread = np.hypot(0.03, 0.1 * np.array([0.4, 9.0, 0.01]))
    with mpmath.workdps(50):
        lower = float(mpmath.log(mpmath.ncdf((0.3 - mpmath.mpf(9)) / mpmath.mpf(spread[1]))))
        upper = float(mpmath.log(mpmath.ncdf((0.01 - mpmath.mpf(0.5)) / mpmath.mpf(spread[2]))))
    assert_allclose(found, [stats.norm(0.4, spread[0]).logpdf(0.4), lower, upper], rtol=1e-10)


def test_a_fraction_may_be_fixed_and_must_be_above_zero():
    assert combined(fraction=0.1).names("titer") == ("noise_titer", "noise_titer_fraction")
    assert_allclose(combined(fraction=0.1).frozen(3.0, {"noise_titer": 0.4}).std(), 0.5)
    with pytest.raises(CalibrationError, match="expected more than zero, or a prior"):
        combined(fraction=-0.1)
