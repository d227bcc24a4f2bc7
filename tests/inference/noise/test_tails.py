"""Tails of counts against closed forms in many digits."""

import mpmath
import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose

from bayesbio.inference.noise.tails import poisson_log_cdf, poisson_log_survival

COUNTS = np.array([0.0, 1.0, 3.0, 10.0, 10.0, 50.0, 200.0, 200.0, 1000.0, 3000.0])
RATES = np.array([1e-12, 800.0, 900.0, 0.5, 1000.0, 1e-9, 100.0, 1500.0, 400.0, 1800.0])


def poisson_tails(count, rate):
    """Both log tails in sixty digits."""
    with mpmath.workdps(60):
        lower = mpmath.gammainc(count + 1, rate, mpmath.inf, regularized=True)
        upper = mpmath.gammainc(count + 1, 0, rate, regularized=True)
        return float(mpmath.log(lower)), float(mpmath.log(upper))


@pytest.fixture(scope="module")
def tails():
    """Both tails and their slopes, compiled."""
    rate = pt.dvector("rate")
    found = [poisson_log_cdf(COUNTS, rate), poisson_log_survival(COUNTS, rate)]
    slopes = [pytensor.grad(tail.sum(), rate) for tail in found]
    return pytensor.function([rate], [*found, *slopes], mode="FAST_COMPILE")(RATES)


def test_both_tails_of_counts_agree_with_the_closed_form_far_out(tails):
    truth = np.array([poisson_tails(*pair) for pair in zip(COUNTS, RATES, strict=True)]).T
    for place, function in enumerate((poisson_log_cdf, poisson_log_survival)):
        assert_allclose(function(COUNTS, RATES), truth[place], rtol=1e-12, atol=1e-12)
        assert_allclose(tails[place], truth[place], rtol=1e-12, atol=1e-12)


def test_slopes_of_the_tails_of_counts_are_those_of_the_closed_form(tails):
    for place, (count, rate) in enumerate(zip(COUNTS, RATES, strict=True)):
        with mpmath.workdps(80):
            density = mpmath.exp(
                count * mpmath.log(rate) - rate - mpmath.loggamma(mpmath.mpf(count) + 1)
            )
            lower = mpmath.gammainc(count + 1, rate, mpmath.inf, regularized=True)
            upper = mpmath.gammainc(count + 1, 0, rate, regularized=True)
            below, above = float(-density / lower), float(density / upper)
        assert_allclose(tails[2][place], below, rtol=1e-9, atol=1e-15)
        assert_allclose(tails[3][place], above, rtol=1e-9, atol=1e-15)
