"""Marginal likelihood of the readings of one sample."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import integrate, stats

from bayesbio.titer import JointTiter
from bayesbio.titer.assays.assay_likelihood import (
    AssayReadings,
    assay_readings,
    marginal_log_likelihood,
)
from tests.titer.assays.bridge_samples import with_limits


@pytest.mark.parametrize("flags", [["", "below", ""], ["", "above", "below"], ["", "between", ""]])
def test_the_likelihood_is_the_integral_over_the_titer(flags):
    value, flags = np.array([[0.4, -0.3, 0.2]]), np.array([flags])
    read = flags == ""
    low = np.where(np.isin(flags, ["above", "between"]), value, -np.inf)
    high = np.where(flags == "below", value, np.where(flags == "between", value + 0.5, np.inf))
    readings = AssayReadings(np.where(read, value, 0.0), read, low, high)
    error, start, rise = (
        np.array([0.2, 0.4, 0.7]),
        np.array([0.0, 0.1, -0.2]),
        np.array([1, 0.9, 2]),
    )
    found = marginal_log_likelihood(readings, np.array([0.1]), 0.8, error, start, rise)

    def density(t):
        p = stats.norm.pdf(t, 0.1, 0.8)
        for k in range(3):
            law = stats.norm(start[k] + rise[k] * t, error[k])
            p *= law.pdf(value[0, k]) if read[0, k] else law.cdf(high[0, k]) - law.cdf(low[0, k])
        return p

    assert_allclose(found[0], np.log(integrate.quad(density, -4, 4)[0]), rtol=2e-3)


def test_excluded_readings_do_not_count_whatever_their_value():
    frame = pd.DataFrame({"hplc": [1.0, -1.0], "octet": [2.0, 0.0]})
    flags = {"hplc": ["", "excluded"], "octet": ["", "between"]}
    uppers = {"octet": [np.nan, 3.0]}
    found = assay_readings(JointTiter("hplc", ["octet"]), with_limits(frame, flags, uppers))
    assert found.read.tolist() == [[True, True], [False, False]]
    assert found.limited.tolist() == [[False, False], [False, True]]
    assert_allclose(found.high[1], [np.inf, np.log(3.0)])  # between nothing and 3 is below 3
