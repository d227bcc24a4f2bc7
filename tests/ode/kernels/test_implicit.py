"""The implicit method: its tableau, its order, stiff problems with known ends, its adjoint."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from bayesbio.mechanistic import BatchCulture
from bayesbio.ode import simulate
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.kernels import tableaus
from bayesbio.ode.schedule.dynamic_events import problem_of
from bayesbio.ode.schedule.events import Plan
from bayesbio.ode.schedule.failures import new_failure_log
from bayesbio.ode.schedule.segments import Options
from bayesbio.ode.simulation import METHODS


class Robertson:
    """Robertson's reaction: three rate constants over nine decades."""

    class State(NamedTuple):
        a: Any
        b: Any
        c: Any

    class Parameters(NamedTuple):
        slow: Any
        fast: Any
        cross: Any

    units = dict.fromkeys(("a", "b", "c"), "1") | dict.fromkeys(("slow", "fast", "cross"), "1/h")
    inputs = ()
    settings = ()
    defaults: dict[str, Any] = {}

    def rates(self, time, state, parameters, inputs, settings):
        return {}

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        p, s = parameters, state
        first, second, third = p.slow * s.a, p.fast * s.b * s.b, p.cross * s.b * s.c
        return self.State(a=third - first, b=first - second - third, c=second)


ROBERTSON = {"slow": 0.04, "fast": 3e7, "cross": 1e4}
AT_THE_START = {"initial_a": 1.0, "initial_b": 0.0, "initial_c": 0.0}


def classical(a, g, c, d):
    """Coefficients of a Rosenbrock method as the order conditions know them: alpha, Gamma."""
    gamma = np.linalg.inv(np.eye(6) / tableaus.GAMMA - g)
    alpha = a @ gamma
    assert_allclose(alpha.sum(axis=1), c, atol=1e-14)
    assert_allclose(gamma.sum(axis=1), d, atol=1e-14)
    return alpha, gamma


def test_the_tableau_meets_the_order_conditions_of_a_rosenbrock_method():
    """Result of order four, embedded one of order three (Hairer & Wanner, IV.7)."""
    a, g = (np.hstack([t, np.zeros((6, 1))]) for t in (tableaus.STIFF_A, tableaus.STIFF_G))
    c, d = tableaus.STIFF_C, tableaus.STIFF_D
    alpha, gamma = classical(a, g, c, d)
    beta = alpha + gamma
    row = beta.sum(axis=1)
    third = [
        (np.ones(6), 1), (row, 1 / 2), (c**2, 1 / 3), (beta @ row, 1 / 6),
    ]  # fmt: skip
    fourth = [
        (c**3, 1 / 4), (c * (alpha @ row), 1 / 8), (beta @ c**2, 1 / 12),
        (beta @ beta @ row, 1 / 24),
    ]  # fmt: skip
    result = (a[5] + np.eye(6)[5]) @ gamma
    for weights, value in [*third, *fourth]:
        assert_allclose(result @ weights, value, rtol=1e-13)
    embedded = a[5] @ gamma
    for weights, value in third:
        assert_allclose(embedded @ weights, value, rtol=1e-13)


def test_the_method_is_stiffly_accurate_and_l_stable():
    """On y' = lambda y the result vanishes as lambda grows."""
    a, g = (np.hstack([t, np.zeros((6, 1))]) for t in (tableaus.STIFF_A, tableaus.STIFF_G))
    growth = []
    for z in (-1e3, -1e6, -1e9):
        stages = np.linalg.solve(np.eye(6) * (1 / tableaus.GAMMA - z) - z * a - g, np.full(6, z))
        growth.append(abs(1 + (a[5] + np.eye(6)[5]) @ stages))
    assert growth[2] < 1e-5
    assert growth[0] > growth[1] > growth[2]


def test_the_error_falls_with_the_tolerance():
    errors = []
    for tolerance in (1e-5, 1e-7, 1e-9):
        course = simulate(
            BatchCulture(),
            parameters={
                "maximum_growth_rate": 0.3,
                "substrate_monod_constant": 0.3,
                "cell_yield": 0.5,
            },
            settings={"initial_biomass": 0.2, "initial_substrate": 20.0},
            times=[10.0],
            rtol=tolerance,
            atol=tolerance,
            method="implicit",
        )
        explicit = simulate(
            BatchCulture(),
            parameters={
                "maximum_growth_rate": 0.3,
                "substrate_monod_constant": 0.3,
                "cell_yield": 0.5,
            },
            settings={"initial_biomass": 0.2, "initial_substrate": 20.0},
            times=[10.0],
            rtol=1e-12,
            atol=1e-12,
            method="explicit",
        )
        errors.append(abs(float((course["biomass"] - explicit["biomass"]).squeeze())))
    assert errors[0] > 10 * errors[1] > 100 * errors[2]
    assert errors[2] < 1e-7


@pytest.mark.parametrize("method", ["auto", "implicit"])
def test_robertson_ends_at_its_published_values(method):
    """Values at t = 40 and 4e5: Hairer & Wanner's test set, as in LSODE's documentation."""
    course = simulate(
        Robertson(),
        parameters=ROBERTSON,
        settings=AT_THE_START,
        times=[40.0, 4e5],
        rtol=1e-9,
        atol=1e-13,
        method=method,
    ).squeeze()
    assert_allclose(course["a"], [7.158270688e-1, 4.938275e-3], rtol=2e-5)
    assert_allclose(course["b"], [9.185534764e-6, 1.984996e-8], rtol=2e-5)
    assert_allclose(course["a"] + course["b"] + course["c"], 1.0, rtol=1e-9)
    assert course.attrs["stiff"] == 1


def test_an_easy_run_stays_explicit(fed_batch):
    course = simulate(
        fed_batch["model"],
        parameters=fed_batch["parameters"],
        settings=fed_batch["settings"],
        profiles=fed_batch["profiles"],
        events=fed_batch["events"],
        times=fed_batch["times"],
    )
    assert course.attrs["stiff"] == 0


EXHAUSTED = {"maximum_growth_rate": 0.32, "substrate_monod_constant": 1e-4, "cell_yield": 0.5}
CULTURE = {"initial_biomass": 0.2, "initial_substrate": 20.0}


def test_exhaustion_with_a_tiny_monod_constant_is_solved_in_few_steps():
    """An explicit method would need half a million steps; the balance must still close."""
    model = BatchCulture()
    compiled = kernels(model)
    values = {**EXHAUSTED, **CULTURE}
    theta = np.array([[values[name] for name in compiled.trace.names]])
    plans = [Plan("a", np.array([12.0, 20.0]), {}, ())]
    problem = problem_of(compiled.trace, plans)[0]
    options = Options(1e-6, 1e-9, METHODS.index("auto"), False)
    stored, status, record = compiled.module.solve(
        theta, problem, options, new_failure_log(compiled.trace)
    )
    assert status[0] == -1
    assert record.step_index[-1] < 400

    def slope(time, y):
        rate = 0.32 * y[1] / (1e-4 + y[1]) * y[0]
        return [rate, -rate / 0.5]

    exact = solve_ivp(
        slope, (0.0, 20.0), [0.2, 20.0], method="Radau", t_eval=[12.0, 20.0], rtol=1e-10, atol=1e-12
    )
    assert_allclose(stored[:, 0], exact.y[0], rtol=1e-5)
    assert_allclose(stored[:, 1], exact.y[1], rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("method", ["auto", "implicit"])
@pytest.mark.parametrize("case", ["robertson", "exhausted", "fed-batch"])
def test_the_adjoint_agrees_with_central_differences(case, method, fed_batch):
    profiles, events = {}, ()
    if case == "robertson":
        model, values, times = Robertson(), {**ROBERTSON, **AT_THE_START}, [0.4, 40.0]
    elif case == "exhausted":
        model, times = BatchCulture(), [6.0, 14.0, 20.0]
        values = {**EXHAUSTED, **CULTURE, "substrate_monod_constant": 0.003}
    else:
        model, times = fed_batch["model"], fed_batch["times"]
        values = {**fed_batch["parameters"], **fed_batch["settings"]}
        profiles, events = fed_batch["profiles"], fed_batch["events"]
    compiled = kernels(model)
    theta = np.array([[values[name] for name in compiled.trace.names]])
    plans = [Plan("a", np.array(times), profiles, events)]
    problem = problem_of(compiled.trace, plans)[0]
    options, log = (
        Options(1e-10, 1e-13, METHODS.index(method), True),
        new_failure_log(compiled.trace),
    )

    def solve(x):
        return compiled.module.solve(x, problem, options, log)

    stored, *rest = solve(theta)
    weights = np.random.default_rng(2).normal(size=stored.shape)
    bar = compiled.module.pull(theta, problem, weights, *rest).theta
    found = np.zeros_like(theta)
    for place in range(theta.shape[1]):
        h = 1e-4 * max(abs(theta[0, place]), 1e-6)
        ends = []
        for sign in (1.0, -1.0):
            moved = theta.copy()
            moved[0, place] += sign * h
            ends.append(np.sum(weights * solve(moved)[0]))
        found[0, place] = (ends[0] - ends[1]) / (2 * h)
    assert_allclose(bar * theta, found * theta, rtol=2e-5, atol=1e-6)
