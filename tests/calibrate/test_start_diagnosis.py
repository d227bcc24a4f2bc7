"""A calibration that cannot start says which run and why, before any sampling."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, NamedTuple

import pandas as pd
import pytest

from bayesbio.calibrate.coordinates.starts import CompiledProblem
from bayesbio.calibrate.problem.formulation import formulate
from bayesbio.calibrate.requests import FitRequest
from bayesbio.calibrate.start_diagnosis import explain_failed_start
from bayesbio.data import Campaign, Run
from bayesbio.errors import CalibrationError
from bayesbio.inference import assay, between

OD = "optical_density_450"


class Quotient:
    """Production that divides by a state which may start at zero."""

    class State(NamedTuple):
        cause: Any
        effect: Any

    class Parameters(NamedTuple):
        strength: Any

    units = {"cause": "g/L", "effect": "g/L", "strength": "g/(L h)"}
    inputs = ()
    settings = ()
    defaults: dict[str, Any] = {}

    def rates(self, time, state, parameters, inputs, settings):
        return {}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        return self.State(cause=0.0 * state.cause, effect=parameters.strength / state.cause)


def test_a_division_by_zero_at_the_start_names_the_run(monkeypatch):
    """The search for a mode finds no finite density; the run to blame is added to its words."""
    frame = pd.DataFrame({"time_h": [1.0, 2.0], "quantity": "effect", "value": [1.0, 2.0]})
    runs = [
        Run("sound", frame, {"initial_cause": 1.0, "initial_effect": 0.0}),
        Run("empty", frame, {"initial_cause": 0.0, "initial_effect": 0.0}),
    ]
    campaign = Campaign(runs, units={"effect": "g/L"})

    def fails(density, **options):
        raise CalibrationError("No finite start.")

    monkeypatch.setattr("bayesbio.calibrate.coordinates.starts.find_mode", fails)
    asked = FitRequest(campaign, Quotient(), {"strength": between(0.5, 2.0)})
    problem = CompiledProblem(formulate(asked), None, SimpleNamespace(failure_log=[]))
    with pytest.raises(CalibrationError, match="finite start.*Run 'empty'.*divides by zero"):
        problem.start(random_seed=1)


def test_a_signal_of_an_assay_is_looked_up_under_its_source():
    curve = pd.DataFrame({"concentration": [0.1, 1.0, 3.0, 10.0], "signal": [0.1, 0.6, 1.2, 1.7]})
    frame = pd.DataFrame({"time_h": [1.0, 2.0], "quantity": OD, "value": [0.5, 0.7]})
    run = Run("R1", frame, {"initial_cause": 0.0, "initial_effect": 0.0})
    campaign = Campaign([run], units={OD: "1"})
    noise = {OD: assay("effect", curve)}
    asked = FitRequest(campaign, Quotient(), {"strength": between(0.5, 2.0)}, noise=noise)
    error = explain_failed_start(formulate(asked), CalibrationError("No finite start."))
    assert "No finite start. At the prior medians: " in str(error) and "'R1'" in str(error)
