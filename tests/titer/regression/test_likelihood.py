"""Density, probabilities, draws and mean of a reading agree: every family, hurdle and transform."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special, stats

from bayesbio.titer import Gaussian, StudentT
from bayesbio.titer.regression.likelihood import ReadingDistribution, Readings

FREEDOM = {"degrees_of_freedom": np.array(4.0)}
DRAWS = 200_000
FAMILIES = {"normal": Gaussian(), "Student t": StudentT()}
# zero titer on the scale of the location, whether readings can be below it, hurdle
KINDS = {
    "log": (-np.inf, True, False),
    "log, hurdle": (-np.inf, True, True),
    "identity": (0.0, False, False),
    "identity, none below zero": (0.0, True, False),
    "identity, hurdle": (0.0, True, True),
    "identity, hurdle, some below zero": (0.0, False, True),
}


def log_probability(law, flag, value, location, spread, logit):
    readings = Readings(np.array([value]), np.array([flag]), np.zeros(1), np.array([np.nan]))
    logit = logit if law.hurdle else None
    told = law.log_likelihood(readings, np.array([location]), spread, FREEDOM, logit)
    return float(told[flag][0])


@pytest.mark.parametrize("family", FAMILIES, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_draws_come_from_the_distribution_of_the_likelihood(kind, family):
    zero, bounded, hurdle = KINDS[kind]
    law = ReadingDistribution(FAMILIES[family], zero, bounded, hurdle)
    location, spread, logit = 0.4, 0.8, np.array([1.2])
    rng = np.random.default_rng(3)
    given = np.full((DRAWS, 1), logit[0]) if hurdle else None
    drawn = law.draw(np.full((DRAWS, 1), location), spread, FREEDOM, rng, given)[:, 0]
    for limit in (0.05, 0.4, 1.0, 3.0):  # below a limit is the distribution function
        probability = np.exp(log_probability(law, "below", limit, location, spread, logit))
        error = np.sqrt(probability * (1.0 - probability) / DRAWS)
        assert abs((drawn < limit).mean() - probability) < 5.0 * error
    low, high = 0.8, 0.81  # the density is the slope of that
    ends = [np.exp(log_probability(law, "below", x, location, spread, logit)) for x in (low, high)]
    density = np.exp(log_probability(law, "", 0.5 * (low + high), location, spread, logit))
    assert_allclose((ends[1] - ends[0]) / (high - low), density, rtol=1e-4)
    if hurdle:
        nothing = np.exp(log_probability(law, "zero", 0.0, location, spread, logit))
        assert_allclose(nothing, special.expit(-1.2), rtol=1e-9)
        error = np.sqrt(nothing * (1.0 - nothing) / DRAWS)
        assert abs((drawn == zero).mean() - nothing) < 5.0 * error
    if np.isfinite(zero):
        mean = law.mean(np.full((1, 1), location), spread, FREEDOM, logit if hurdle else None)
        assert abs(drawn.mean() - mean.item()) < 5.0 * drawn.std() / np.sqrt(DRAWS)


def test_a_truncated_normal_is_that_of_scipy_even_far_below_zero():
    law = ReadingDistribution(Gaussian(), 0.0, True, True)
    location = np.array([2.0, 0.0, -3.0, -12.0])
    exact = stats.truncnorm(-location, np.inf, loc=location)
    found = law.mean(location, 1.0, {}, np.full(4, 700.0))
    assert_allclose(found, exact.mean(), rtol=1e-6)
    rng = np.random.default_rng(1)
    drawn = law.draw(np.tile(location, (50_000, 1)), 1.0, {}, rng, np.full((50_000, 4), 700.0))
    assert (drawn > 0.0).all()
    assert_allclose(drawn.mean(axis=0), exact.mean(), atol=5.0 * drawn.std(axis=0).max() / 223.0)


def test_a_hurdle_of_student_t_has_tails():
    law = ReadingDistribution(StudentT(), 0.0, True, True)
    rng, values = np.random.default_rng(2), {"degrees_of_freedom": np.array(2.5)}
    drawn = law.draw(np.full(DRAWS, 20.0), 0.5, values, rng, np.full(DRAWS, 700.0))
    beyond = np.mean(np.abs(drawn - 20.0) > 0.5 * 10.0)
    expected = 2.0 * stats.t.sf(10.0, 2.5)
    assert abs(beyond - expected) < 5.0 * np.sqrt(expected / DRAWS)
