"""The batch reactor against closed forms and against its own energy."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from bayesbio.errors import ModelError
from bayesbio.mechanistic import BatchReactor

NAMES = [
    "rate_constant_1",
    "rate_constant_2",
    "activation_energy_1",
    "activation_energy_2",
    "reaction_enthalpy_1",
    "reaction_enthalpy_2",
    "heat_capacity",
    "heat_transfer",
]
PHARMA = (0.50, 0.05, 60e3, 95e3, -60e3, -80e3, 1800.0, 2000.0)


def integrate(model, parameters, start, times, inputs=None, settings=None):
    def slope(time, y):
        state = model.State(*y)
        rates = model.rates(time, state, parameters, inputs, settings)
        return list(model.derivatives(time, state, parameters, inputs, settings, rates))

    course = solve_ivp(slope, (0.0, times[-1]), start, "DOP853", times, rtol=1e-12, atol=1e-12)
    return course.y


def test_the_names_are_the_promised_ones():
    model = BatchReactor()
    assert model.State._fields == (
        "concentration_a",
        "concentration_b",
        "concentration_c",
        "temperature",
    )
    assert list(model.Parameters._fields) == NAMES
    assert model.inputs == ("jacket_temperature",)
    options = [field.name for field in dataclasses.fields(model)]
    assert options[:3] == ["isothermal", "order_1", "reference_temperature"]
    assert model.reference_temperature == 333.15


def test_an_isothermal_reactor_needs_two_rate_constants_only():
    model = BatchReactor(isothermal=True)
    assert model.Parameters._fields == ("rate_constant_1", "rate_constant_2")
    assert model.inputs == () and model.settings == ()


def test_isothermal_consecutive_reactions_follow_the_closed_form():
    model, times = BatchReactor(isothermal=True), np.linspace(0.0, 12.0, 25)
    course = integrate(model, model.Parameters(0.5, 0.05), [0.8, 0.0, 0.0], times)
    fast, slow = np.exp(-0.5 * times), np.exp(-0.05 * times)
    assert_allclose(course[0], 0.8 * fast, rtol=1e-9)
    assert_allclose(course[1], 0.8 * 0.5 / (0.5 - 0.05) * (slow - fast), rtol=1e-9, atol=1e-12)
    assert_allclose(course.sum(axis=0), 0.8, rtol=1e-12)


def test_second_order_consumption_follows_the_closed_form():
    model, times = BatchReactor(isothermal=True, order_1=2), np.linspace(0.0, 12.0, 25)
    course = integrate(model, model.Parameters(0.5, 0.05), [0.8, 0.0, 0.0], times)
    assert_allclose(course[0], 0.8 / (1 + 0.5 * 0.8 * times), rtol=1e-9)
    assert model.units["rate_constant_1"] == "L/(mol h)"


def test_a_broken_order_lies_between_its_neighbours():
    def rate(order):
        model = BatchReactor(isothermal=True, order_1=order)
        state = model.State(0.25, 0.0, 0.0)
        return model.rates(0.0, state, model.Parameters(1.0, 1.0), None, None)["reaction_1"]

    assert_allclose([rate(1), rate(1.5), rate(2)], [0.25, 0.125, 0.0625], rtol=1e-9)


def test_without_heat_transfer_enthalpy_is_constant():
    model, times = BatchReactor(), np.linspace(0.0, 24.0, 13)
    parameters = model.Parameters(*PHARMA)._replace(heat_transfer=0.0)
    jacket = SimpleNamespace(jacket_temperature=333.15)
    course = integrate(model, parameters, [0.8, 0.0, 0.0, 320.0], times, jacket)
    enthalpy = 1800.0 * course[3] - 60e3 * (course[1] + course[2]) - 80e3 * course[2]
    assert_allclose(enthalpy, enthalpy[0], rtol=1e-11)
    assert course[3, -1] > 360.0


def test_an_independent_transcription_gives_the_same_slopes():
    model, jacket = BatchReactor(), SimpleNamespace(jacket_temperature=340.0)
    a, b, c, temperature = 0.6, 0.15, 0.05, 347.0
    k1 = 0.50 * np.exp(-60e3 / 8.31446261815324 * (1 / temperature - 1 / 333.15))
    k2 = 0.05 * np.exp(-95e3 / 8.31446261815324 * (1 / temperature - 1 / 333.15))
    heating = (60e3 * k1 * a + 80e3 * k2 * b + 2000.0 * (340.0 - temperature)) / 1800.0
    state, parameters = model.State(a, b, c, temperature), model.Parameters(*PHARMA)
    rates = model.rates(0.0, state, parameters, jacket, None)
    slopes = model.derivatives(0.0, state, parameters, jacket, None, rates)
    assert_allclose(slopes, [-k1 * a, k1 * a - k2 * b, k2 * b, heating], rtol=1e-12)


def test_each_isothermal_run_may_have_its_own_temperature():
    model = BatchReactor(isothermal=True, temperature_by_run=True)
    assert model.settings == ("temperature",)
    state, parameters = model.State(1.0, 1.0, 0.0), model.Parameters(0.5, 0.05, 60e3, 95e3)
    settings = SimpleNamespace(temperature=343.15)
    rates = model.rates(0.0, state, parameters, None, settings)
    expected = 0.5 * np.exp(-60e3 / 8.31446261815324 * (1 / 343.15 - 1 / 333.15))
    assert_allclose(rates["reaction_1"], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"order_1": 0}, "a reaction order is above zero"),
        ({"reference_temperature": -10.0}, "give it in kelvin"),
        ({"temperature_by_run": True}, "temperature_by_run goes with isothermal=True"),
    ],
)
def test_options_that_make_no_reactor_are_refused(options, sentence):
    with pytest.raises(ModelError, match=sentence):
        BatchReactor(**options)
