"""Stiff problems to their published ends, order by halving the step, gradients by other roads."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sympy
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from bayesbio.data import Campaign, Profile, Run
from bayesbio.mechanistic import record
from bayesbio.ode import simulate
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.kernels import tableaus
from bayesbio.ode.schedule.dynamic_events import problem_of
from bayesbio.ode.schedule.events import Plan
from bayesbio.ode.schedule.failures import new_failure_log
from bayesbio.ode.schedule.segments import Options
from bayesbio.ode.simulation import METHODS

PROBLEMS = Path(__file__).parents[2] / "analyses" / "benchmarks" / "stiff_problems.py"


def load_problems():
    """The problems of the benchmarks, so that what is timed is what is proven."""
    specification = importlib.util.spec_from_file_location("stiff_problems", PROBLEMS)
    module = importlib.util.module_from_spec(specification)
    sys.modules["stiff_problems"] = module
    specification.loader.exec_module(module)
    return module


problems = load_problems()
CASES = problems.CASES


def course_of(case, *, times=None, **options):
    return simulate(
        case.model,
        parameters=case.parameters,
        settings=case.settings,
        profiles=case.profiles,
        times=case.times if times is None else times,
        **options,
    )


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.end])
def test_a_stiff_problem_ends_at_its_published_values(name):
    case = CASES[name]
    tiny = 1e-17 if name == "robertson" else 1e-11  # its b ends at 1e-13
    course = course_of(case, rtol=1e-8, atol=tiny, method="implicit")
    found = [float(course[state][0, 0, 0, -1]) for state in case.start]
    assert_allclose(found, case.end, rtol=2e-6)
    assert course.attrs["stiff"] == 1


def test_a_runaway_reactor_agrees_with_scipy():
    case = CASES["runaway"]
    course = course_of(case, rtol=1e-8, atol=1e-10, method="implicit")
    exact = solve_ivp(
        problems.right_hand_side(case),
        (0.0, case.times[-1]),
        list(case.start.values()),
        method="Radau",
        rtol=1e-10,
        atol=1e-12,
        t_eval=case.times,
    ).y
    for row, state in enumerate(case.start):
        assert_allclose(course[state].squeeze(), exact[row], rtol=2e-6, atol=2e-7)


def test_auto_says_which_run_is_stiff():
    case = CASES["robertson"]
    assert course_of(case, times=[40.0], method="auto").attrs["stiff"] == 1
    assert course_of(case, times=[1e-4], method="auto").attrs["stiff"] == 0


def test_auto_says_which_run_of_a_campaign_ran_away():
    """The runaway among batches of the same reactor that are too dilute to ignite."""
    case = CASES["runaway"]
    grams = pd.DataFrame({"time_h": case.times, "quantity": "concentration_b", "value": 1.0})
    settings = {f"initial_{state}": value for state, value in case.start.items()}
    runs = [
        Run(name, grams, {**settings, "initial_concentration_a": charge}, profiles=case.profiles)
        for name, charge in (("dilute", 0.2), ("runaway", 4.0), ("more dilute", 0.1))
    ]
    options = dict(parameters=case.parameters, campaign=Campaign(runs), rtol=1e-6, atol=1e-8)
    auto = simulate(case.model, method="auto", **options)
    assert (auto.attrs["stiff"], auto.attrs["stiff_runs"]) == (1, "runaway")
    explicit = simulate(case.model, method="explicit", **options)
    assert explicit.attrs["stiff_runs"] == "none"
    hottest = auto["temperature"].max("time").squeeze().to_series()
    assert hottest["runaway"] > 400.0 > 340.0 > hottest["dilute"]
    assert_allclose(auto["temperature"], explicit["temperature"], rtol=1e-5)


def test_splitting_an_interval_changes_nothing_beyond_tolerance():
    case = CASES["hires"]
    ends = [
        course_of(case, times=times, rtol=1e-8, atol=1e-11, method="implicit").isel(time=-1)
        for times in ([321.8122], np.linspace(0.0, 321.8122, 40))
    ]
    for state in case.start:
        assert_allclose(ends[0][state], ends[1][state], rtol=1e-6)


class Permuted(problems.Robertson):
    """Robertson's reaction with its states in another order."""

    State = record("State", ("c", "a", "b"))


def test_permuting_states_changes_nothing_beyond_rounding():
    case = CASES["robertson"]
    permuted = problems.StiffCase(Permuted(), case.parameters, case.start, case.times)
    one, other = (
        course_of(c, times=[0.4, 40.0], rtol=1e-9, atol=1e-13, method="implicit")
        for c in (case, permuted)
    )
    for state in case.start:
        assert_allclose(one[state], other[state], rtol=1e-7)


def solve_plan(compiled, theta, plan, rtol, atol):
    """One run in implicit steps, with its tape: what the kernels take and give."""
    problem = problem_of(compiled.trace, [plan])[0]
    options = Options(rtol, atol, METHODS.index("implicit"), True)
    return problem, compiled.module.solve(theta, problem, options, new_failure_log(compiled.trace))


HELD = 1e9  # a tolerance at which every step is accepted: the times alone set the steps


def solve_fed_batch(fed_batch, count, theta=None):
    """One run of the full fed-batch in equal implicit steps, with a ramp of the feed."""
    compiled = kernels(fed_batch["model"])
    values = {**fed_batch["parameters"], **fed_batch["settings"]}
    if theta is None:
        theta = np.array([[values[name] for name in compiled.trace.names]])
    feed = {"feed_rate": Profile([(0.0, 0.0), (120.0, 0.004)])}
    times = np.concatenate([[0.0, 1e-3], np.linspace(0.0, 96.0, count + 1)[1:]])
    return compiled, theta, *solve_plan(compiled, theta, Plan("a", times, feed, ()), HELD, HELD)


def test_halving_the_step_of_the_kernels_shows_order_four(fed_batch):
    exact = solve_fed_batch(fed_batch, 3000)[3][0][-1]
    errors = [
        np.abs(solve_fed_batch(fed_batch, count)[3][0][-1] / exact - 1).max()
        for count in (12, 24, 48)
    ]
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert np.all(orders > 3.6)
    assert errors[-1] < 1e-6


def test_the_adjoint_is_that_of_central_differences_on_a_frozen_step_sequence(fed_batch):
    compiled, theta, problem, found = solve_fed_batch(fed_batch, 24)
    stored = found[0]
    weights = np.random.default_rng(3).normal(size=stored.shape) / np.abs(stored).max(axis=0)
    bar = compiled.module.pull(theta, problem, weights, *found[1:]).theta
    slopes = np.zeros_like(theta)
    for place in range(theta.shape[1]):
        h = 1e-5 * max(abs(theta[0, place]), 1e-3)
        ends = []
        for sign in (1.0, -1.0):
            moved = theta.copy()
            moved[0, place] += sign * h
            ends.append(np.sum(weights * solve_fed_batch(fed_batch, 24, moved)[3][0]))
        slopes[0, place] = (ends[0] - ends[1]) / (2 * h)
    scale = np.abs(slopes * theta).max()
    assert_allclose(bar * theta, slopes * theta, rtol=1e-5, atol=1e-8 * scale)


def forward_sensitivities(case, steps, wanted):
    """
    State at the end of a sequence of steps and its derivatives, by complex steps.

    A second implementation of the method, in the classical form with alpha and Gamma, so that it
    shares neither code nor coefficients' form with the first.
    """
    model = case.model
    y = sympy.symbols(f"y:{len(case.start)}")
    p = sympy.symbols(f"p:{len(case.parameters)}")
    slopes = model.derivatives(0, model.State(*y), model.Parameters(*p), None, None, {})
    slope = sympy.lambdify([y, p], list(slopes), "numpy")
    jacobian = sympy.lambdify([y, p], sympy.Matrix(slopes).jacobian(y), "numpy")
    a, g = (np.hstack([t, np.zeros((6, 1))]) for t in (tableaus.STIFF_A, tableaus.STIFF_G))
    gamma = np.linalg.inv(np.eye(6) / tableaus.GAMMA - g)
    alpha, b = a @ gamma, (a[5] + np.eye(6)[5]) @ gamma
    columns = []
    tiny = 1e-40
    for place in wanted:
        state = np.array(list(case.start.values()), complex)
        numbers = np.array(list(case.parameters.values()), complex)
        numbers[place] += 1j * tiny
        for h in steps:
            matrix = np.array(jacobian(state, numbers))
            left = np.eye(len(state)) - h * tableaus.GAMMA * matrix
            k = np.zeros((6, len(state)), complex)
            for i in range(6):
                inner = state + h * alpha[i, :i] @ k[:i]
                right = np.array(slope(inner, numbers)) + h * matrix @ (gamma[i, :i] @ k[:i])
                k[i] = np.linalg.solve(left, right)
            state = state + h * b @ k
        columns.append(state.imag / tiny)
    return state.real, np.array(columns)


@pytest.mark.parametrize("name", ["robertson", "hires"])
def test_the_adjoint_equals_forward_sensitivities(name):
    case = CASES[name]
    compiled = kernels(case.model)
    theta = np.array([[*case.parameters.values(), *case.start.values()]])
    plan = Plan("a", np.array([5.0]), {}, ())
    problem, found = solve_plan(compiled, theta, plan, 1e-5, 1e-9)
    stored, _, record = found
    steps = record.tape[0, : record.step_index[0], 1]
    state, columns = forward_sensitivities(case, steps, range(len(case.parameters)))
    assert_allclose(stored[0], state, rtol=1e-11)
    for output in range(len(state)):
        weights = np.zeros_like(stored)
        weights[0, output] = 1.0
        bar = compiled.module.pull(theta, problem, weights, *found[1:]).theta[0]
        assert_allclose(bar[: len(case.parameters)], columns[:, output], rtol=1e-9)
