"""Perfusion: flows against balances that can be written down."""

from types import SimpleNamespace as Values

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import ModelError
from bayesbio.mechanistic import MammalianFedBatch, Perfusion
from bayesbio.ode import simulate


def middle(model, **given):
    known = {name: (each.low + each.high) / 2 for name, each in model.defaults.items()}
    return model.Parameters(**{name: (known | given)[name] for name in model.Parameters._fields})


def slopes(model, state, perfusion, bleed, **given):
    parameters, inputs = middle(model, **given), Values(perfusion_rate=perfusion, bleed_rate=bleed)
    settings = Values(feed_glucose=6.0)
    rates = model.rates(0.0, state, parameters, inputs, settings)
    return rates, model.derivatives(0.0, state, parameters, inputs, settings, rates)


@pytest.fixture
def model():
    return Perfusion(glutamine=False, leaking=True, sieving=True)


def test_cells_leave_with_the_bleed_and_through_the_device(model):
    state = model.State(20.0, 1.0, 3.0, 1.0, 0.05, 0.5, 2.0)
    rates, with_flow = slopes(model, state, 0.1, 0.02, cell_retention=0.95, product_sieving=0.8)
    _, still = slopes(model, state, 0.0, 0.0)
    leaving = 0.02 / 2.0 + 0.05 * 0.08 / 2.0
    assert_allclose(with_flow.viable_cell_density, still.viable_cell_density - leaving * 20.0)
    assert_allclose(with_flow.glucose, still.glucose + 0.1 / 2.0 * (6.0 - 3.0))
    assert_allclose(with_flow.titer, still.titer - (0.02 + 0.8 * 0.08) / 2.0 * 0.5)
    assert with_flow.volume == 0.0 and rates["growth"] > 0.0


def test_without_flow_it_is_a_batch_of_the_same_cells():
    perfused, batch = Perfusion(glutamine=False), MammalianFedBatch(glutamine=False, feed=False)
    state = (20.0, 1.0, 3.0, 1.0, 0.05, 0.5, 2.0)
    parameters = middle(batch)
    rates = batch.rates(0.0, batch.State(*state), parameters, None, None)
    alone = batch.derivatives(0.0, batch.State(*state), parameters, None, None, rates)
    assert_allclose(slopes(perfused, perfused.State(*state), 0.0, 0.0)[1], alone)


def test_a_steady_bleed_washes_out_to_growth_less_death():
    """At steady state growth less death equals the bleed per volume."""
    model = Perfusion(glutamine=False, lactate=False, ammonium=False)
    given = middle(model)._asdict() | {"death_rate": 0.001, "maximum_growth_rate": 0.04}
    start = {"viable_cell_density": 10.0, "dead_cell_density": 0.1, "glucose": 3.0}
    course = simulate(
        model,
        parameters=given,
        settings={f"initial_{name}": value for name, value in start.items()}
        | {"initial_volume": 1.0, "feed_glucose": 6.0},
        profiles={"perfusion_rate": [(0.0, 0.06)], "bleed_rate": [(0.0, 0.012)]},
        times=[3000.0],
    )
    end = model.State(*(float(course[name].squeeze()) for name in model.State._fields))
    rates = model.rates(0.0, end, model.Parameters(**given), None, None)
    assert_allclose(rates["growth"] - rates["death"], 0.012, rtol=1e-3)
    assert np.isclose(end.volume, 1.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"feed": False}, "fed with medium"), ({"sieving": True, "titer": False}, "sieving needs")],
)
def test_options_that_contradict_each_other_are_a_sentence(options, words):
    with pytest.raises(ModelError, match=words):
        Perfusion(**options)
