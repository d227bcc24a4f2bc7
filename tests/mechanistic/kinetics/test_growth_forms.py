"""Forms of a growth curve against the equations and landmarks that define them."""

from types import SimpleNamespace

import numpy as np
import pytest
import sympy
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from bayesbio.mechanistic import GrowthCurve
from bayesbio.mechanistic.kinetics.growth_forms import GROWTH_FORMS

TIMES = np.linspace(0.0, 60.0, 121)
START = SimpleNamespace(initial_biomass=0.1)
GIVEN = {
    "plateau": 12.0, "maximum_growth_rate": 0.4, "lag_time": 6.0, "time_scale": 15.0,
    "shape_exponent": 1.7, "rise_time": 30.0, "rise_exponent": 1.8, "settling_exponent": 2.5,
}  # fmt: skip


def curve(form, times=TIMES, **changes):
    model = GrowthCurve(form=form)
    given = {name: (GIVEN | changes)[name] for name in model.Parameters._fields}
    return model.solution(times, model.Parameters(**given), START).biomass


@pytest.mark.parametrize("form", GROWTH_FORMS)
def test_a_curve_rises_from_its_start_to_its_plateau(form):
    course = curve(form, np.append(TIMES, 1e4))
    assert_allclose(course[0], 0.1, rtol=0.2)
    assert_allclose(course[-1], 12.0, rtol=1e-3)
    assert np.all(np.diff(course) >= -1e-12)


def test_logistic_solves_its_differential_equation():
    solved = solve_ivp(
        lambda time, y: 0.4 * y * (1 - y / 12.0),
        (0.0, 60.0),
        [0.1],
        "DOP853",
        TIMES,
        rtol=1e-11,
        atol=1e-13,
    )
    assert_allclose(curve("logistic"), solved.y[0], rtol=1e-8)


def test_baranyi_and_roberts_solve_their_differential_equations():
    adapted = 1 / np.expm1(0.4 * 6.0)

    def slope(time, y):
        biomass, substance = y
        adapting = substance / (1 + substance)
        return [0.4 * adapting * biomass * (1 - biomass / 12.0), 0.4 * substance]

    solved = solve_ivp(slope, (0.0, 60.0), [0.1, adapted], "DOP853", TIMES, rtol=1e-11, atol=1e-13)
    assert_allclose(curve("baranyi_roberts"), solved.y[0], rtol=1e-7)


def test_baranyi_without_lag_is_logistic():
    assert_allclose(curve("baranyi_roberts", lag_time=0.0), curve("logistic"), rtol=1e-12)


def test_gompertz_grows_fastest_at_its_rate_and_its_tangent_starts_at_the_lag():
    times = np.linspace(0.0, 60.0, 60001)
    logarithm = np.log(curve("gompertz", times) / 0.1)
    slope = np.gradient(logarithm, times)
    fastest = int(np.argmax(slope))
    assert_allclose(slope[fastest], 0.4, rtol=1e-6)
    assert_allclose(times[fastest] - logarithm[fastest] / slope[fastest], 6.0, rtol=1e-3)


def test_weibull_has_risen_by_63_percent_one_time_scale_after_the_lag():
    course = curve("weibull", np.array([5.0, 6.0 + 15.0]))
    assert_allclose(course, [0.1, 0.1 + 11.9 * (1 - np.exp(-1))], rtol=1e-6)


def test_the_ramp_is_the_kumaraswamy_distribution_between_its_ends():
    times = 6.0 + 30.0 * np.array([0.2, 0.5, 0.8])
    share = 1 - (1 - ((times - 6.0) / 30.0) ** 1.8) ** 2.5
    assert_allclose(curve("kumaraswamy_ramp", times), 0.1 + 11.9 * share, rtol=1e-3)
    assert_allclose(curve("kumaraswamy_ramp", np.array([0.0, 50.0])), [0.1, 12.0], rtol=1e-3)


@pytest.mark.parametrize("form", GROWTH_FORMS)
def test_every_slope_is_finite_at_the_start_in_the_lag_and_at_the_end(form):
    model = GrowthCurve(form=form)
    names = [*model.Parameters._fields, "initial_biomass", "time"]
    symbols = dict(zip(names, sympy.symbols(names, positive=True), strict=True))
    settings = SimpleNamespace(initial_biomass=symbols["initial_biomass"])
    parameters = model.Parameters(*(symbols[name] for name in model.Parameters._fields))
    value = model.solution(symbols["time"], parameters, settings).biomass
    given = {name: GIVEN[name] for name in model.Parameters._fields}
    for name in names:
        slope = sympy.lambdify(list(symbols.values()), sympy.diff(value, symbols[name]), "numpy")
        for time in (0.0, 5.9, 6.0, 36.0, 500.0):
            assert np.isfinite(slope(*given.values(), 0.1, time)), (name, time)
