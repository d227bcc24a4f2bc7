"""Small models and the full fed-batch, shared by the tests of the solvers."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from bayesbio.data import Event, Profile
from bayesbio.mechanistic import MammalianFedBatch


class Decay:
    """dx/dt = input - rate * x, with an output and an event of its own."""

    class State(NamedTuple):
        amount: Any

    class Parameters(NamedTuple):
        rate: Any

    units = {"amount": "g/L", "rate": "1/h", "supply": "g/(L h)", "double": "g/L"}
    inputs = ("supply",)
    settings = ()
    defaults: dict[str, Any] = {}
    input_defaults = {"supply": 0.0}
    event_kinds = ("halving",)

    def rates(self, time, state, parameters, inputs, settings):
        return {"loss": parameters.rate * state.amount}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        return self.State(amount=inputs.supply - rates["loss"])

    def outputs(self, state, parameters, settings):
        return {"double": 2.0 * state.amount}

    def jump(self, state, event, settings):
        if event.kind == "halving":
            return self.State(amount=0.5 * state.amount)
        if event.kind == "inoculation":
            given = event.given.amount
            return self.State(amount=given * event.amounts.amount + (1 - given) * state.amount)
        return self.State(amount=state.amount + event.amounts.amount)


@pytest.fixture(scope="session")
def decay():
    """A one-state model with an input, an output and an event of its own."""
    return Decay()


MAMMALIAN_TRUTH = {
    "maximum_growth_rate": 0.05,
    "glucose_monod_constant": 0.09,
    "glutamine_monod_constant": 0.009,
}


@pytest.fixture(scope="session")
def fed_batch():
    """Mammalian fed-batch: model, parameters, settings, profiles, events, times."""
    model = MammalianFedBatch()
    parameters = {name: model.defaults[name].centre for name in model.Parameters._fields}
    settings = {
        "initial_viable_cell_density": 0.3,
        "initial_dead_cell_density": 0.01,
        "initial_glucose": 5.4,
        "initial_glutamine": 0.73,
        "initial_lactate": 0.09,
        "initial_ammonium": 0.018,
        "initial_titer": 0.01,
        "initial_volume": 1.0,
        "feed_glucose": 72.0,
        "feed_glutamine": 5.8,
    }
    profiles = {
        "feed_rate": Profile([(0.0, 0.0), (72.0, 0.0), (120.0, 0.002), (340.0, 0.001)], "linear")
    }
    events = [
        Event(48.0, "bolus", "glucose", 2.0),
        Event(48.0, "bolus", "volume", 0.02),
        Event(96.0, "sample", "volume", 0.01),
    ]
    times = np.array([0.0, 24.0, 48.0, 72.0, 96.0, 168.0, 240.0, 336.0])
    return {
        "model": model,
        "parameters": parameters,
        "settings": settings,
        "profiles": profiles,
        "events": events,
        "times": times,
    }
