"""How to add a model: one file in `upstream` or `downstream`, and one line in `LIBRARY`."""

from typing import Any, NamedTuple

import numpy as np
from numpy.testing import assert_allclose

from bayesbio.mechanistic import Parameter, check_units, exp
from bayesbio.ode import simulate


class ThermalInactivation:
    """Virus that heat inactivates, first order, with an Arrhenius-like slope in temperature."""

    class State(NamedTuple):
        titer: Any

    class Parameters(NamedTuple):
        rate_at_reference: Any
        temperature_sensitivity: Any

    units = {
        "titer": "g/L",
        "rate_at_reference": "1/h",
        "temperature_sensitivity": "1/K",
        "temperature": "K",
        "reference_temperature": "K",
    }
    inputs = ("temperature",)
    settings = ("reference_temperature",)
    defaults = {
        "rate_at_reference": Parameter(0.1, 10.0, "assumed"),
        "temperature_sensitivity": Parameter(0.05, 0.3, "assumed"),
    }

    def rates(self, time, state, parameters, inputs, settings):
        warmer = inputs.temperature - settings.reference_temperature
        faster = exp(parameters.temperature_sensitivity * warmer)
        return {"inactivation": parameters.rate_at_reference * faster * state.titer}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        return self.State(titer=-rates["inactivation"])


def test_a_model_of_one_file_balances_and_is_solved():
    check_units(ThermalInactivation())
    course = simulate(
        ThermalInactivation(),
        parameters=dict(rate_at_reference=0.5, temperature_sensitivity=0.1),
        settings=dict(initial_titer=1.0, reference_temperature=330.0),
        profiles={"temperature": [(0.0, 340.0), (2.0, 340.0)]},
        times=[2.0],
    )
    assert_allclose(course["titer"].squeeze(), np.exp(-0.5 * np.e * 2.0), rtol=1e-5)
