"""A model of one's own: whatever plain arithmetic and NumPy allow is traced and differentiated."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from bayesbio.data import Campaign, Run
from bayesbio.errors import ModelError
from bayesbio.mechanistic import Parameter, exp
from bayesbio.ode import equations, sensitivities, simulate

FORMS = {
    "exp": lambda t, x, k: -k * exp(-0.1 * t) * x,
    "np.exp": lambda t, x, k: -k * np.exp(-0.1 * t) * x,
    "np.float64": lambda t, x, k: np.float64(-1.0) * np.sqrt(x) * k / (1 + np.log1p(t)),
    "time of day": lambda t, x, k: -k * (t % 2) * x,
    "whole hours": lambda t, x, k: -k * (1 + t // 2) * x**1.5 / 10,
    "absolute": lambda t, x, k: -k * abs(x - 0.5) * np.tanh(x),
    "maximum": lambda t, x, k: -k * np.maximum(x - 0.3, 0.0) + 0.01 * np.sin(t),
}


class Own:
    """One state whose rate is any equation."""

    class State(NamedTuple):
        amount: Any

    class Parameters(NamedTuple):
        k: Any

    units = {"amount": "g/L", "k": "1/h"}
    inputs = settings = ()
    defaults = {"k": Parameter(0.05, 1.0, "assumed")}

    def __init__(self, form):
        self.form = form

    def rates(self, time, state, parameters, inputs, settings):
        return {"change": self.form(time, state.amount, parameters.k)}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        return self.State(amount=rates["change"])


@pytest.mark.parametrize("form", FORMS.values(), ids=list(FORMS))
def test_an_equation_is_solved_and_differentiated_as_it_is_written(form):
    times, start = np.array([1.0, 3.0, 5.0]), 2.0
    campaign = Campaign([Run("R1", settings={"initial_amount": start})])
    tight = {"times": times, "rtol": 1e-9, "atol": 1e-12}

    def exact(k):
        slope = lambda t, y: [form(t, y[0], k)]  # noqa: E731
        return solve_ivp(
            slope, (0, 5), [start], t_eval=times, rtol=1e-10, atol=1e-12, max_step=0.01
        ).y[0]

    course = simulate(Own(form), parameters={"k": 0.4}, campaign=campaign, **tight)
    assert_allclose(course["amount"].squeeze(), exact(0.4), rtol=1e-5)
    slopes = sensitivities(Own(form), campaign, {"k": 0.4}, **tight)["amount"].squeeze()
    assert_allclose(slopes, (exact(0.4 + 1e-4) - exact(0.4 - 1e-4)) / 2e-4, rtol=1e-3)
    assert equations(Own(form)).startswith(r"\begin{aligned}")


def test_a_comparison_is_refused_in_a_sentence():
    with pytest.raises(ModelError, match="decides by a value"):
        simulate(
            Own(lambda t, x, k: -k if x > 1 else 0.0),
            parameters={"k": 0.4},
            settings={"initial_amount": 2.0},
            times=[1.0],
        )


def test_a_model_that_changes_is_solved_with_its_present_equations():
    """Twice the order, half the concentration: 1 / (1 / a + k t)."""

    class Decay(Own):
        order = 1

        def rates(self, time, state, parameters, inputs, settings):
            return {"change": -parameters.k * state.amount**self.order}

    def end(model):
        course = simulate(
            model, parameters={"k": 1.0}, settings={"initial_amount": 2.0}, times=[1.0]
        )
        return float(course["amount"].squeeze())

    model = Decay(None)
    assert_allclose(end(model), 2.0 * np.exp(-1.0), rtol=1e-5)
    model.order = 2
    assert_allclose(end(model), 1.0 / (0.5 + 1.0), rtol=1e-5)


def test_a_rate_in_time_is_fitted():
    """The mode is the truth where there is no noise to speak of."""
    from bayesbio.calibrate import quick_look

    times = np.linspace(0.5, 12.0, 12)
    values = 2.0 * np.exp(-0.4 * (1 - np.exp(-0.1 * times)) / 0.1)
    frame = pd.DataFrame({"time_h": times, "quantity": "amount", "value": values})
    campaign = Campaign([Run("R1", frame, {"initial_amount": 2.0})], units={"amount": "g/L"})
    look = quick_look(campaign, Own(FORMS["np.exp"]), random_seed=1)
    assert_allclose(float(look.summary().loc["k", "estimate"]), 0.4, rtol=0.02)
