"""Censored and truncated likelihoods against SciPy and closed forms, in numbers and in PyTensor."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.inference.noise.censoring import (
    LOGNORMAL,
    NORMAL,
    STUDENT_T,
    censored_log_likelihood,
    draw_between,
    limits_of,
    log_interval_probability,
)

CASES = {
    "normal": (NORMAL, ()),
    "lognormal": (LOGNORMAL, ()),
    "student_t": (STUDENT_T, (4.0,)),
}
FLAG = np.array(["", "below", "above", "between", "excluded", "above"])
VALUE = np.array([1.2, 0.6, 1.5, 0.7, 3.0, 0.9])
UPPER = np.where(FLAG == "between", 1.4, np.nan)
LOCATION, SCALE = np.array([0.1, -0.2, 0.4, 0.0, 0.3, 0.2]), 0.5
FALSE_ALARM = 1e-6


def wanted(exact):
    density, below, above = exact.logpdf(VALUE), exact.logcdf(VALUE), exact.logsf(VALUE)
    with np.errstate(invalid="ignore"):
        between = np.log(exact.cdf(UPPER) - exact.cdf(VALUE))
    flags = [flag == FLAG for flag in ("", "below", "above", "between")]
    return np.select(flags, [density, below, above, between], 0.0)


@pytest.mark.parametrize("name", CASES)
def test_every_flag_counts_with_the_probability_that_scipy_gives(name):
    family, shape = CASES[name]
    exact = family.frozen(LOCATION, SCALE, *shape)
    found = censored_log_likelihood(family, FLAG, VALUE, LOCATION, SCALE, *shape, upper=UPPER)
    assert_allclose(found, wanted(exact), rtol=1e-10)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("floor", [-np.inf, 0.55])
def test_numbers_and_pytensor_give_the_same_and_gradients_are_finite(name, floor):
    family, shape = CASES[name]
    location, scale = pt.dvector("location"), pt.dscalar("scale")
    options = {"upper": UPPER, "truncated_below": floor}
    symbolic = censored_log_likelihood(family, FLAG, VALUE, location, scale, *shape, **options)
    gradient = pytensor.grad(symbolic.sum(), location)
    compute = pytensor.function([location, scale], [symbolic, gradient], mode="FAST_COMPILE")
    far = np.array([-40.0, 30.0, -40.0, 30.0, 0.0, 30.0])
    for at in (LOCATION, far):
        found, slope = compute(at, SCALE)
        numeric = censored_log_likelihood(family, FLAG, VALUE, at, SCALE, *shape, **options)
        assert_allclose(found, numeric, rtol=1e-9, atol=1e-12)
        assert np.all(np.isfinite(slope))


@pytest.mark.parametrize("name", CASES)
def test_a_truncated_family_is_renormalised_to_what_lies_above(name):
    family, shape = CASES[name]
    exact, floor = family.frozen(0.2, SCALE, *shape), 0.55
    flag = np.array(["", "below", "above", "between", "excluded"])
    value, upper = np.array([0.8, 0.9, 0.9, 0.7, 9.0]), np.array([np.nan] * 3 + [1.4, np.nan])
    found = censored_log_likelihood(
        family, flag, value, 0.2, SCALE, *shape, upper=upper, truncated_below=floor
    )
    above = exact.sf(floor)
    shares = [
        exact.pdf(0.8) / above,
        (exact.cdf(0.9) - exact.cdf(floor)) / above,
        exact.sf(0.9) / above,
        (exact.cdf(1.4) - exact.cdf(0.7)) / above,
        1.0,
    ]
    assert_allclose(np.exp(found), shares, rtol=1e-10)


def test_limits_may_be_data_of_a_model():
    lower, upper = pt.dvector("lower"), pt.dvector("upper")
    symbolic = log_interval_probability(NORMAL, lower, upper, LOCATION, SCALE)
    slope = pytensor.grad(symbolic.sum(), lower)
    compute = pytensor.function([lower, upper], [symbolic, slope], mode="FAST_COMPILE")
    limits = limits_of(FLAG, VALUE, UPPER)
    found, slopes = compute(*limits)
    assert_allclose(found, log_interval_probability(NORMAL, *limits, LOCATION, SCALE), rtol=1e-10)
    assert np.all(np.isfinite(slopes))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("lower", "upper"), [(0.55, np.inf), (-np.inf, 1.1), (0.7, 1.4)])
def test_truncated_draws_follow_the_conditional_distribution(name, lower, upper):
    family, shape = CASES[name]
    exact = family.frozen(0.2, SCALE, *shape)
    rng = np.random.default_rng(5)
    drawn = draw_between(family, lower, upper, np.full(4000, 0.2), SCALE, *shape, rng=rng)
    low, high = exact.cdf(lower), exact.cdf(upper)
    found = stats.kstest(drawn, lambda x: (exact.cdf(x) - low) / (high - low))
    assert found.pvalue > FALSE_ALARM
    assert drawn.min() >= lower and drawn.max() <= upper


def test_draws_beyond_what_a_probability_can_express_keep_their_digits():
    rng = np.random.default_rng(1)
    drawn = draw_between(NORMAL, 50.0, np.inf, np.zeros(4000), 1.0, rng=rng)
    # The tail beyond 50 sd is exponential with mean 1 / 50, but for one part in 2500.
    assert stats.kstest((drawn - 50.0) * 50.0, "expon").pvalue > FALSE_ALARM
