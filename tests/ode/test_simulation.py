"""Trajectories as a user asks for them: shapes, labels, closed forms, helpful refusals."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from bayesbio.data import Campaign, Event, Profile, Run
from bayesbio.errors import DataError, ModelError, SolveError
from bayesbio.mechanistic import BatchCulture, BatchReactor, GrowthCurve
from bayesbio.ode import simulate

ISOTHERMAL = {"rate_constant_1": 0.5, "rate_constant_2": 0.05}
START = {
    "initial_concentration_a": 0.8,
    "initial_concentration_b": 0.0,
    "initial_concentration_c": 0.0,
}


def test_growth_is_exponential_while_substrate_is_plentiful():
    times = np.linspace(0.0, 24.0, 7)
    course = simulate(
        BatchCulture(),
        parameters={
            "maximum_growth_rate": 0.04,
            "substrate_monod_constant": 0.3,
            "cell_yield": 1.5,
        },
        settings={"initial_biomass": 0.5, "initial_substrate": 1e6},
        times=times,
    )
    assert_allclose(course["biomass"].squeeze(), 0.5 * np.exp(0.04 * times), rtol=1e-5)


def test_isothermal_consecutive_reactions_follow_their_closed_form():
    times = np.linspace(0.0, 24.0, 25)
    course = simulate(
        BatchReactor(isothermal=True), parameters=ISOTHERMAL, settings=START, times=times, rtol=1e-9
    )
    k1, k2, start = 0.5, 0.05, 0.8
    a = start * np.exp(-k1 * times)
    b = start * k1 / (k2 - k1) * (np.exp(-k1 * times) - np.exp(-k2 * times))
    assert_allclose(course["concentration_a"].squeeze(), a, rtol=1e-6, atol=1e-9)
    assert_allclose(course["concentration_b"].squeeze(), b, rtol=1e-6, atol=1e-9)
    assert_allclose(course["concentration_c"].squeeze(), start - a - b, rtol=1e-6, atol=1e-8)


def test_an_adiabatic_reactor_warms_by_the_heat_of_its_conversion():
    model = BatchReactor()
    parameters = {name: model.defaults[name].centre for name in model.Parameters._fields}
    parameters |= {"heat_transfer": 0.0, "heat_capacity": 1800.0}
    parameters |= {"reaction_enthalpy_1": -60e3, "reaction_enthalpy_2": -80e3}
    course = simulate(
        model,
        parameters=parameters,
        settings={**START, "initial_temperature": 333.15},
        profiles={"jacket_temperature": Profile([(0.0, 300.0)], "step")},
        times=[0.0, 5.0, 50.0],
        rtol=1e-10,
    ).squeeze()
    converted = course["concentration_b"] + course["concentration_c"]
    heat = 60e3 * converted + 80e3 * course["concentration_c"]
    assert_allclose(course["temperature"], 333.15 + heat / 1800.0, rtol=1e-8)


def test_dims_units_and_draws_are_labelled():
    draws = xr.DataArray([[0.4, 0.5, 0.6]], dims=("chain", "draw"))
    course = simulate(
        BatchReactor(isothermal=True),
        parameters={"rate_constant_1": draws, "rate_constant_2": 0.05},
        settings=START,
        times=[0.0, 2.0],
    )
    assert course["concentration_a"].dims == ("chain", "draw", "run", "time")
    assert dict(course.sizes) == {"chain": 1, "draw": 3, "run": 1, "time": 2}
    assert course["concentration_a"].attrs["units"] == "mol/L"
    last = course["concentration_a"].isel(chain=0, run=0, time=-1)
    assert_allclose(last, 0.8 * np.exp(-2.0 * draws.isel(chain=0)), rtol=1e-5)


def test_ragged_runs_share_a_time_axis_with_nan_elsewhere():
    runs = [
        Run("R1", pd.DataFrame({"time_h": [0.0, 2.0], "quantity": "concentration_a", "value": 1.0}),
            START),
        Run("R2", pd.DataFrame({"time_h": [1.0], "quantity": "concentration_a", "value": 1.0}),
            {**START, "initial_concentration_a": 0.4}),
    ]  # fmt: skip
    course = simulate(BatchReactor(isothermal=True), parameters=ISOTHERMAL, campaign=Campaign(runs))
    found = course["concentration_a"].squeeze().to_numpy()
    assert_allclose(found[0], [0.8, np.nan, 0.8 * np.exp(-1.0)], rtol=1e-5)
    assert_allclose(found[1], [np.nan, 0.4 * np.exp(-0.5), np.nan], rtol=1e-5)


def test_many_draws_on_threads_equal_one_at_a_time():
    rates = np.linspace(0.1, 1.0, 200).reshape(2, 100)
    common = {"settings": START, "times": [0.0, 3.0]}
    model = BatchReactor(isothermal=True)
    together = simulate(
        model, parameters={"rate_constant_1": rates, "rate_constant_2": 0.05}, **common
    )
    alone = simulate(
        model, parameters={"rate_constant_1": rates[1, 7], "rate_constant_2": 0.05}, **common
    )
    one = together["concentration_b"].isel(chain=1, draw=7)
    assert np.array_equal(one, alone["concentration_b"].squeeze(("chain", "draw")))


def test_a_closed_form_model_is_evaluated():
    model = GrowthCurve("logistic")
    values = {name: model.defaults[name].centre for name in model.Parameters._fields}
    course = simulate(
        model, parameters=values, settings={"initial_biomass": 0.1}, times=[0.0, 10.0, 1e3]
    )
    state = course[model.State._fields[0]].squeeze().to_numpy()
    assert np.all(np.diff(state) > 0)


def test_a_new_run_of_a_gridded_state_keeps_its_grid():
    class Rod:
        class State(NamedTuple):
            heat: Any

        class Parameters(NamedTuple):
            conductance: Any

        units = {"heat": "K", "conductance": "1/h"}
        inputs = ()
        settings = ()
        defaults: dict = {}
        grids = {"heat": ("position", np.linspace(0.0, 1.0, 5))}

        def rates(self, time, state, parameters, inputs, settings):
            return {}

        def derivatives(self, time, state, parameters, inputs, settings, rates):
            heat = state.heat
            flow = [0.0, *(parameters.conductance * (heat[i] - heat[i + 1]) for i in range(4)), 0.0]
            return self.State(np.array([flow[i] - flow[i + 1] for i in range(5)], dtype=object))

    course = simulate(
        Rod(),
        parameters={"conductance": 0.5},
        settings={"initial_heat": np.array([5.0, 0.0, 0.0, 0.0, 0.0])},
        times=[0.0, 1.0, 1e3],
    )
    heat = course["heat"].squeeze()
    assert heat.dims == ("time", "position")
    assert_allclose(heat.sum("position"), 5.0, rtol=1e-9)
    assert_allclose(heat.isel(time=-1), 1.0, rtol=1e-5)


REACTOR = BatchReactor()
PARAMETERS = {name: REACTOR.defaults[name].centre for name in REACTOR.Parameters._fields}
WARM = {**START, "initial_temperature": 333.15}


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"profiles": None}, ModelError, "input 'jacket_temperature'"),
        (
            {"profiles": {"jacket_temperature": [(0.0, 330.0), (4.0, 340.0)]}},
            DataError,
            "ends at 4 h, the run at 10 h",
        ),
        ({"settings": START}, ModelError, "needs the setting 'initial_temperature'"),
        ({"parameters": {**PARAMETERS, "speed": 1.0}}, ModelError, "'speed' is no parameter"),
        ({"times": None}, ModelError, "needs times"),
        ({"method": "magic"}, ModelError, "method='magic' is unknown"),
        ({"events": [Event(-1.0, "sample", "volume", 0.1)]}, DataError, "before the start"),
        ({"events": [Event(1.0, "dance", "volume", 0.1)]}, DataError, "'dance' is unknown"),
        ({"events": [Event(1.0, "switch", "stirring", 9.0)]}, DataError, "no input of"),
        ({"events": [Event(1.0, "bolus", "concentration_a", 0.1)]}, ModelError, "needs the volume"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(changes, error, sentence):
    arguments = {
        "parameters": PARAMETERS,
        "settings": WARM,
        "profiles": {"jacket_temperature": Profile([(0.0, 333.15)], "step")},
        "times": [0.0, 10.0],
        **changes,
    }
    with pytest.raises(error, match=sentence):
        simulate(REACTOR, **arguments)


def test_a_rate_that_divides_by_zero_at_the_start_is_named():
    with pytest.raises(SolveError, match="divides by zero at the start"):
        simulate(
            BatchReactor(isothermal=True),
            parameters={"rate_constant_1": np.inf, "rate_constant_2": 0.05},
            settings=START,
            times=[0.0, 1.0],
        )
