"""The packed bed: its balance at a node, its contract, and transport that does not fit."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesbio.errors import ModelError, UnitError
from bayesbio.mechanistic import PackedBed, check_model, check_units, spectral_elements


def test_what_leaves_the_liquid_without_reaction_is_bound():
    """Porosity times liquid plus the rest times packing changes by the reactions alone."""
    bed = PackedBed(elements=2)
    given = {name: (low.low + low.high) / 2 for name, low in bed.defaults.items()}
    parameters = bed.Parameters(**given)
    state = bed.State(concentration=np.array([0.3, 2.0]), bound=np.array([1.5, 0.0]))
    rates = bed.rates(0.0, state, parameters, None, None)
    change = bed.derivatives(0.0, state, parameters, None, None, rates)
    e = given["column_porosity"]
    c = state.concentration
    lost = given["maximum_reaction_rate"] * c / (given["half_saturation"] + c)
    lost = lost + given["decay_rate"] * c
    assert_allclose(e * change.concentration + (1 - e) * change.bound, -e * lost, rtol=1e-12)
    kinetic = given["uptake_rate"] * c - given["release_rate"] * state.bound
    assert_allclose(change.bound, kinetic, rtol=1e-12)


def test_a_uniform_bed_at_the_inlet_concentration_is_not_transported():
    bed = PackedBed(elements=2)
    inputs = SimpleNamespace(inlet_concentration=0.7)
    parameters = SimpleNamespace(velocity=2.0, axial_dispersion=0.01)
    terms = bed.transport(0.0, parameters, inputs, None)["concentration"]
    uniform = np.full(len(bed.grid.nodes), 0.7)
    (advection, v), (dispersion, d), (inflow, brought) = terms
    total = v * (advection.values @ uniform) + d * (dispersion.values @ uniform)
    assert_allclose(total + brought * np.asarray(inflow.values), 0.0, atol=1e-10)


def test_the_packed_bed_keeps_the_contract_and_its_units():
    check_model(PackedBed(elements=2))
    check_units(PackedBed(elements=2))


class WrongOperator(PackedBed):
    """A bed whose operators do not fit."""

    def transport(self, time, parameters, inputs, settings):
        grid = spectral_elements(1.0, elements=1, degree=1)
        return {"concentration": [(grid.advection, parameters.velocity)]}


class WrongUnit(PackedBed):
    """A bed that forgets the velocity of its advection."""

    def transport(self, time, parameters, inputs, settings):
        return {"concentration": [(self.grid.advection, parameters.axial_dispersion)]}


def test_transport_that_does_not_fit_the_grid_is_said():
    with pytest.raises(ModelError, match=r"operator has shape \(2, 2\); with 9 nodes"):
        check_model(WrongOperator(elements=2))


def test_transport_in_a_wrong_unit_is_said():
    with pytest.raises(UnitError, match="the transport of concentration comes out in"):
        check_units(WrongUnit(elements=2))
