"""Counts, combined noise and calibration curves against closed forms in many digits."""

import mpmath
import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference import Noise, assay, combined, counts
from bayesbio.inference.noise.tails import poisson_log_cdf, poisson_log_survival

COUNTS = np.array([0.0, 1.0, 3.0, 10.0, 10.0, 50.0, 200.0, 200.0, 1000.0, 3000.0])
RATES = np.array([1e-12, 800.0, 900.0, 0.5, 1000.0, 1e-9, 100.0, 1500.0, 400.0, 1800.0])
STANDARDS = pd.DataFrame(
    {"concentration": [0.0, 0.5, 1.0, 2.0, 4.0, 8.0], "signal": [0.02, 0.2, 0.5, 0.8, 1.2, 1.4]}
)


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
    assert_allclose(drawn.mean(), 2.0, atol=4 * np.sqrt(2.0 / 50 / 20_000))
    assert_allclose(drawn.var(), 2.0 / 50, rtol=0.05)
    assert_allclose(drawn * 50.0, np.round(drawn * 50.0), atol=1e-9)


def test_what_was_not_counted_is_refused_as_a_count():
    rows = pd.DataFrame({"run": "R1", "time_h": 2.0, "value": [1.5], "flag": [""]})
    with pytest.raises(DataError, match="Run 'R1' at 2 h: .* counts are whole numbers"):
        counts().scaled_to("viable_cell_density", rows)
    assert counts(per_unit=2.0).scaled_to("viable_cell_density", rows).kind == "counts"
    with pytest.raises(CalibrationError, match="a number above zero"):
        counts(per_unit=0.0)


def test_combined_noise_adds_its_parts_in_quadrature_in_both_tails():
    rows = pd.DataFrame({"value": [0.4, 0.3, 0.5], "flag": ["", "below", "above"]})
    parameters = {"noise_titer": 0.03, "noise_titer_fraction": 0.1}
    found = combined().log_likelihood(np.array([0.4, 9.0, 0.01]), rows, parameters)
    spread = np.hypot(0.03, 0.1 * np.array([0.4, 9.0, 0.01]))
    with mpmath.workdps(50):
        lower = float(mpmath.log(mpmath.ncdf((0.3 - mpmath.mpf(9)) / mpmath.mpf(spread[1]))))
        upper = float(mpmath.log(mpmath.ncdf((0.01 - mpmath.mpf(0.5)) / mpmath.mpf(spread[2]))))
    assert_allclose(found, [stats.norm(0.4, spread[0]).logpdf(0.4), lower, upper], rtol=1e-10)


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
