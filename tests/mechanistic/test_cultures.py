"""Batch and fed-batch culture of one microbe."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from bayesbio.errors import ModelError
from bayesbio.mechanistic import (
    BatchCulture,
    FedBatchCulture,
    Haldane,
    Hyperbolic,
    Levenspiel,
    Moser,
)
from bayesbio.mechanistic.kinetics import rates
from bayesbio.mechanistic.kinetics.growth_laws import GrowthLaw


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


def test_a_feed_dilutes_and_brings_substrate():
    model = FedBatchCulture(product=True, product_inhibition=Hyperbolic())
    parameters = model.Parameters(0.4, 0.2, 0.5, 0.4, 0.02, 8.0)
    x, s, p, v, f, fed = 3.0, 10.0, 12.0, 2.0, 0.1, 400.0
    mu = 0.4 * s / (0.2 + s) * 8.0 / (8.0 + p)
    expected = [
        mu * x - f / v * x,
        -mu / 0.5 * x + f / v * (fed - s),
        (0.4 * mu + 0.02) * x - f / v * p,
        f,
    ]
    found = slopes(
        model,
        model.State(x, s, p, v),
        parameters,
        SimpleNamespace(feed_rate=f),
        SimpleNamespace(feed_substrate=fed),
    )
    assert_allclose(found, expected, rtol=1e-12)


def test_without_feed_a_fed_batch_is_a_batch():
    batch, fed = BatchCulture(), FedBatchCulture()
    parameters = batch.Parameters(0.4, 0.2, 0.5)
    nothing = SimpleNamespace(feed_rate=0.0), SimpleNamespace(feed_substrate=100.0)
    closed = slopes(batch, batch.State(2.0, 3.0), parameters)
    assert slopes(fed, fed.State(2.0, 3.0, 1.0), parameters, *nothing)[:2] == closed
    assert fed.input_defaults == {"feed_rate": 0.0}


def test_maintenance_takes_substrate_and_gives_no_cells():
    plain, maintained = BatchCulture(), BatchCulture(maintenance=True)
    state = plain.State(2.0, 3.0)
    without = slopes(plain, state, plain.Parameters(0.4, 0.2, 0.5))
    with_it = slopes(maintained, state, maintained.Parameters(0.4, 0.2, 0.5, 0.05))
    assert with_it.biomass == without.biomass
    assert_allclose(without.substrate - with_it.substrate, 0.05 * 2.0 * 3.0 / 3.01, rtol=1e-12)


def test_a_growth_law_may_be_a_part_a_name_or_an_archived_mapping():
    assert BatchCulture(growth=Moser()) == BatchCulture(growth="moser")
    assert BatchCulture(growth={"name": "moser"}) == BatchCulture(growth=Moser())


def test_a_growth_law_of_ones_own_is_a_part_like_any_other():
    class Blackman:
        name = "blackman"
        units = {"maximum_growth_rate": "1/h", "critical_substrate": "g/L"}
        defaults = {}

        def rate(self, substrate, biomass, parameters):
            limited = substrate / parameters.critical_substrate
            return parameters.maximum_growth_rate * (
                1 - rates.power_of_positive(1 - limited, exponent=1)
            )

    model = BatchCulture(growth=Blackman())
    assert "cell_yield" in model.Parameters._fields
    assert "critical_substrate" in model.Parameters._fields


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"growth": "mond"}, "Did you mean 'monod'?"),
        ({"growth": GrowthLaw}, "it needs the method 'rate'"),
        ({"growth": 3}, "3 is no growth law"),
        ({"growth": {"name": "monod", "exponent": 2}}, "has no option 'exponent'"),
        ({"product_inhibition": "levenspiel"}, "the product is left out; set product=True"),
        ({"product": True, "product_inhibition": "hyperbola"}, "Did you mean 'hyperbolic'?"),
    ],
)
def test_parts_that_do_not_fit_are_refused(options, sentence):
    for culture in (BatchCulture, FedBatchCulture):
        with pytest.raises(ModelError, match=sentence.replace("?", r"\?")):
            culture(**options)
