"""Overflow metabolism: bottleneck, carbon and electrons."""

from types import SimpleNamespace as Values

import pytest
from numpy.testing import assert_allclose

from bayesbio.mechanistic import OverflowFedBatch, YeastFedBatch
from bayesbio.mechanistic.upstream.overflow_culture import CARBON, REDUCTANCE

STATE = dict(biomass=10.0, glucose=5.0, byproduct=0.5, volume=1.0)


def middle(model, **given):
    known = {name: (each.low + each.high) / 2 for name, each in model.defaults.items()}
    return model.Parameters(**{name: (known | given)[name] for name in model.Parameters._fields})


def at(model, glucose, byproduct=0.5, **given):
    parameters = middle(model, **given)
    state = model.State(10.0, glucose, byproduct, *(0.0,) * model.base, 1.0)
    inputs, settings = Values(feed_rate=0.0), Values(feed_glucose=400.0, oxygen_solubility=2.1e-4)
    rates = model.rates(0.0, state, parameters, inputs, settings)
    slopes = model.derivatives(0.0, state, parameters, inputs, settings, rates)
    return rates, slopes, model.outputs(state, parameters, settings)


@pytest.mark.parametrize("model", [OverflowFedBatch(gas=True), YeastFedBatch(gas=True)])
def test_sugar_beyond_the_capacity_overflows_and_little_sugar_lets_the_byproduct_be_used(model):
    given = dict(respiratory_capacity=0.6, maximum_uptake=2.0)
    plenty, slopes, _ = at(model, 50.0, 0.0, **given)
    assert plenty["oxidation"] == pytest.approx(0.6, abs=1e-3)
    assert plenty["overflow"] > 1.0 and slopes[2] > 0.0
    scarce, slopes, _ = at(model, 1e-6, **given)
    assert scarce["overflow"] < 1e-5 and scarce["reuse"] > 0.0 and slopes[2] < 0.0


@pytest.mark.parametrize("model", [OverflowFedBatch(gas=True), YeastFedBatch(gas=True)])
@pytest.mark.parametrize("glucose", [0.05, 20.0])
def test_carbon_and_electrons_close_over_the_gas(model, glucose):
    _, slopes, gas = at(model, glucose)
    names = ("biomass", "glucose", model.byproduct)
    carbon = {name: getattr(slopes, name) / CARBON[name] for name in names}
    assert_allclose(sum(carbon.values()) + gas["carbon_dioxide_evolution_rate"], 0.0, atol=1e-12)
    electrons = sum(REDUCTANCE[name] * each for name, each in carbon.items())
    assert_allclose(electrons + 4 * gas["oxygen_uptake_rate"], 0.0, atol=1e-12)


def test_respired_glucose_has_a_quotient_near_one_and_reused_acetate_too():
    """Full combustion of glucose and of acetate has RQ 1; growth moves it a little."""
    _, _, gas = at(OverflowFedBatch(gas=True), 0.02)
    assert gas["respiratory_quotient"] == pytest.approx(1.0, abs=0.12)
    _, _, gas = at(YeastFedBatch(gas=True), 30.0)
    assert gas["respiratory_quotient"] > 1.5  # fermentation


def test_oxygen_in_balance_with_transfer_and_base_per_biomass():
    model = OverflowFedBatch(gas=True, oxygen_transfer=True, base=True)
    given = dict(oxygen_transfer_coefficient=900.0, base_per_biomass=1e-3)
    _, slopes, gas = at(model, 0.02, **given)
    transfer = 900.0 * 2.1e-4 * (1.0 - gas["dissolved_oxygen"])
    assert_allclose(transfer, gas["oxygen_uptake_rate"])
    assert_allclose(slopes.cumulative_base, 1e-3 * slopes.biomass * 1.0)
