"""Priors of unknowns: from intervals of the model, and of starts from first readings."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.calibrate.problem import unknowns
from bayesbio.calibrate.problem.unknowns import Unknown, default_prior
from bayesbio.errors import CalibrationError
from bayesbio.inference import prior_quantiles
from bayesbio.mechanistic import Parameter


@pytest.mark.parametrize(("low", "high"), [(0.1, 0.4), (-1.0, 3.0)])
def test_a_default_prior_has_the_quantiles_of_the_interval(low, high):
    prior = default_prior(Parameter(low, high, "a guess"))
    assert_allclose(prior_quantiles(prior, [0.05, 0.95]), [low, high], rtol=1e-6)
    assert Unknown("x", prior, "a guess").positive == (low > 0)


def test_an_interval_from_zero_on_is_half_normal():
    prior = default_prior(Parameter(0.0, 2.0, "a guess"))
    assert_allclose(prior_quantiles(prior, [0.9]), [2.0], rtol=1e-6)


def rows(first_time, values=(0.5, 1.0, 2.0), flag=""):
    times = first_time + np.array([0.0, 4.0, 8.0])
    frame = {"run": "R1", "time_h": times, "quantity": "biomass", "value": values, "flag": flag}
    return pd.DataFrame(frame)


def test_a_start_lies_around_its_first_reading_and_wider_where_that_is_late():
    early, late = (unknowns._start(rows(time)) for time in (0.0, 6.0))
    for prior in (early, late):
        assert_allclose(prior_quantiles(prior, [0.5]), [0.5])
    widths = [np.log(np.divide(*prior_quantiles(p, [0.95, 0.5]))) / 1.645 for p in (early, late)]
    assert_allclose(widths, [0.5, 1.5], rtol=1e-3)  # doubling in 4 h explains 1.04, less than 1.5


def test_a_start_that_was_read_as_zero_is_half_normal_at_the_size_of_the_readings():
    prior = unknowns._start(rows(0.0, (0.0, 1.0, 2.0)))
    assert_allclose(prior_quantiles(prior, [0.6827]), [0.1], rtol=1e-3)


def test_a_start_whose_readings_are_all_censored_is_asked_for():
    with pytest.raises(CalibrationError, match="Every reading of biomass is censored"):
        unknowns._start(rows(0.0, flag="below"))
