"""One microbe in a batch: its balances by closed form and by hand."""

import numpy as np
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from bayesbio.mechanistic import BatchCulture, Haldane, Levenspiel


def slopes(model, state, parameters, inputs=None, settings=None):
    made = model.rates(0.0, state, parameters, inputs, settings)
    return model.derivatives(0.0, state, parameters, inputs, settings, made)


def test_growth_is_exponential_while_substrate_is_plentiful():
    model, times = BatchCulture(), np.linspace(0.0, 24.0, 7)
    parameters = model.Parameters(
        maximum_growth_rate=0.04, substrate_monod_constant=0.3, cell_yield=1.5
    )
    course = solve_ivp(
        lambda time, y: list(slopes(model, model.State(*y), parameters)),
        (0.0, 24.0),
        [0.5, 1e6],
        "DOP853",
        times,
        rtol=1e-10,
    )
    assert_allclose(course.y[0], 0.5 * np.exp(0.04 * times), rtol=1e-5)


def test_growth_stops_when_substrate_is_gone():
    model = BatchCulture(maintenance=True, product=True)
    state = model.State(biomass=5.0, substrate=0.0, product=1.0)
    parameters = model.Parameters(0.5, 0.1, 0.5, 0.02, 0.3, 0.01)
    assert slopes(model, state, parameters) == model.State(0.0, 0.0, 0.05)


def test_a_batch_with_all_parts_matches_the_textbook():
    model = BatchCulture(Haldane(), maintenance=True, product=True, product_inhibition=Levenspiel())
    parameters = model.Parameters(
        maximum_growth_rate=0.4,
        substrate_monod_constant=0.2,
        substrate_inhibition_constant=30.0,
        cell_yield=0.5,
        maintenance=0.03,
        growth_associated_yield=0.4,
        non_growth_associated_rate=0.02,
        critical_product=60.0,
        product_inhibition_exponent=2.0,
    )
    x, s, p = 3.0, 10.0, 12.0
    mu = 0.4 * s / (0.2 + s + s**2 / 30.0) * (1 - p / 60.0) ** 2
    expected = [mu * x, -(mu / 0.5 + 0.03 * s / (0.01 + s)) * x, (0.4 * mu + 0.02) * x]
    assert_allclose(slopes(model, model.State(x, s, p), parameters), expected, rtol=1e-9)
