"""Readings as the likelihood takes them."""

import numpy as np
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.errors import DataError
from bayesbio.titer import (
    Gaussian,
    StudentT,
    TiterModel,
)
from tests.titer.cultures import frame_of, interval_readings


def test_readings_under_the_limit_count_as_below_it():
    problem = TiterModel(detection_limit=1.3, transform="log").formulate(frame_of())
    below = problem.table.flag("titer") == "below"
    assert below.sum() == (frame_of()["titer"] < 1.3).sum()
    assert set(problem.table["titer"][below]) == {1.3}
    assert "under the detection limit of 1.3" in " ".join(problem.warnings)


@pytest.mark.parametrize("family", [Gaussian(), StudentT()])
@pytest.mark.parametrize("transform", ["log", "identity"])
def test_readings_between_limits_count_with_the_probability_in_between(family, transform):
    table = interval_readings([1.0, 1.4], [1.2, 40.0])
    problem = TiterModel(transform=transform, likelihood=family).formulate(table)
    values = {"degrees_of_freedom": np.array([[5.0], [5.0]])}
    place, noise = np.array([[0.1] * 20, [-3.0] * 20]), np.array([[0.7], [0.2]])
    law = problem.response.distribution
    law = law.standardised(problem.response.centre, problem.response.spread)
    told = law.log_likelihood(problem.response.readings, place, noise, values)["between"]
    exact = stats.t(5.0) if isinstance(family, StudentT) else stats.norm
    limits = np.array([[1.0, 1.4], [1.2, 40.0]])
    limits = np.log(limits) if transform == "log" else limits
    low, high = (limits - problem.response.centre) / problem.response.spread
    expected = exact.sf((low - place[:, :2]) / noise) - exact.sf((high - place[:, :2]) / noise)
    assert_allclose(np.exp(told), expected, rtol=1e-6)
    symbols = law.log_likelihood(
        problem.response.readings,
        pt.as_tensor(place[0]),
        pt.as_tensor(0.7),
        {"degrees_of_freedom": pt.as_tensor(5.0)},
    )["between"]
    assert_allclose(symbols.eval(), told[0], rtol=1e-10)


def test_a_reading_between_nothing_and_a_limit_is_below_it():
    table = TiterModel(transform="log").formulate(interval_readings([0.0], [1.2])).table
    assert table.flag("titer")[0] == "below" and table["titer"][0] == 1.2
    with pytest.raises(DataError, match="without an upper limit"):
        TiterModel().formulate(interval_readings([1.0], [np.nan]))
