"""Counts: Poisson noise in the unit of the quantity."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference import counts


def test_flagged_counts_are_sums_of_the_probabilities_of_counts():
    rows = pd.DataFrame(
        {
            "value": [3.0, 4.0, 7.0, 2.0],
            "flag": ["", "below", "above", "between"],
            "value_upper": [np.nan, np.nan, np.nan, 5.0],
        }
    )
    found = np.exp(counts().log_likelihood(np.full(4, 4.2), rows, {}))
    exact = stats.poisson(4.2)
    wanted = [exact.pmf(3), exact.cdf(3), exact.sf(7), exact.cdf(5) - exact.cdf(1)]
    assert_allclose(found, wanted, rtol=1e-9)


def test_counts_scatter_as_poisson_numbers_do_in_the_unit_of_the_quantity():
    drawn = counts(per_unit=50.0).draw(np.full(20_000, 2.0), {}, np.random.default_rng(1))
    assert_allclose(drawn.mean(), 2.0, atol=5 * np.sqrt(2.0 / 50 / 20_000))
    assert_allclose(drawn.var(), 2.0 / 50, rtol=0.05)
    assert_allclose(drawn * 50.0, np.round(drawn * 50.0), atol=1e-9)


def test_what_was_not_counted_is_refused_as_a_count():
    rows = pd.DataFrame({"run": "R1", "time_h": 2.0, "value": [1.5], "flag": [""]})
    with pytest.raises(DataError, match="Run 'R1' at 2 h: .* counts are whole numbers"):
        counts().scaled_to("viable_cell_density", rows)
    assert counts(per_unit=2.0).scaled_to("viable_cell_density", rows).kind == "counts"
    with pytest.raises(CalibrationError, match="a number above zero"):
        counts(per_unit=0.0)
