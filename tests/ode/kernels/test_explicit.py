"""The explicit method: its order, its adjoint, and how it gives up."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp

from bayesbio.data import Event, Profile
from bayesbio.mechanistic import BatchCulture
from bayesbio.ode import simulate
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.kernels import tableaus
from bayesbio.ode.schedule.dynamic_events import problem_of
from bayesbio.ode.schedule.events import Plan
from bayesbio.ode.schedule.failures import new_failure_log
from bayesbio.ode.schedule.segments import Options
from bayesbio.ode.simulation import METHODS


def solve(model, theta, plans, tolerance=1e-11, method="auto", **changes):
    """Solve runs with kernels of a model; changes replace arrays of the schedule."""
    compiled = kernels(model)
    problem = problem_of(compiled.trace, plans)[0]
    problem = problem._replace(segments=problem.segments._replace(**changes))
    options = Options(tolerance, tolerance, METHODS.index(method), True)
    solution = compiled.module.solve(theta, problem, options, new_failure_log(compiled.trace))
    return compiled, problem, solution


def pulled(compiled, theta, problem, weights, solution):
    """Gradients of the weighted sum of what was stored."""
    gradients = compiled.module.pull(theta, problem, weights, *solution[1:])
    return {**gradients._asdict(), "amounts": gradients.segment_amounts}


def test_the_tableau_is_consistent():
    t = vars(tableaus)
    for row in range(2, 7):
        total = sum(t[f"A{row}{column}"] for column in range(1, row))
        assert_allclose(total, t.get(f"C{row}", 1.0), rtol=1e-13)
    assert_allclose(sum(t[f"B{i}"] for i in range(1, 7)), 1.0, rtol=1e-14)
    assert_allclose(sum(t[f"E{i}"] for i in range(1, 8)), 0.0, atol=1e-15)


def test_one_step_has_order_five():
    """The error of a fixed step on y' = y cos t falls by 2^6 a step when the step is halved."""
    t = vars(tableaus)
    nodes = [0.0, *(t[f"C{i}"] for i in range(2, 6)), 1.0]

    def slope(time, y):
        return y * np.cos(time)

    errors = []
    for h in (0.2, 0.1, 0.05):
        k = [slope(0.0, 1.0)]
        for i in range(2, 7):
            inner = 1.0 + h * sum(t[f"A{i}{j}"] * k[j - 1] for j in range(1, i))
            k.append(slope(nodes[i - 1] * h, inner))
        after = 1.0 + h * sum(t[f"B{i}"] * k[i - 1] for i in range(1, 7))
        errors.append(abs(after - np.exp(np.sin(h))))
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert np.all(orders > 5.7)


def test_error_follows_the_tolerance(decay):
    plans = [Plan("a", np.array([10.0]), {}, ())]
    theta = np.array([[0.3, 2.0]])
    exact = 2.0 * np.exp(-3.0)
    for tolerance in (1e-4, 1e-7, 1e-10):
        _, _, (stored, status, *_) = solve(decay, theta, plans, tolerance)
        assert status[0] == 0
        assert abs(stored[0, 0] - exact) < 20 * tolerance


def test_a_linear_input_is_integrated_exactly(decay):
    plans = [Plan("a", np.array([4.0]), {"supply": Profile([(0.0, 0.0), (4.0, 8.0)])}, ())]
    _, _, (stored, *_) = solve(decay, np.array([[0.0, 1.0]]), plans)
    assert_allclose(stored[0], [17.0, 34.0], rtol=1e-12)


def test_a_look_sees_the_state_before_an_event_and_after_an_inoculation(decay):
    events = [
        Event(0.0, "inoculation", "amount", 3.0),
        Event(2.0, "bolus", "amount", 10.0),
        Event(3.0, "halving", "amount", 1.0),
    ]
    plans = [Plan("a", np.array([0.0, 2.0, 2.5, 3.0, 4.0]), {}, events)]
    _, _, (stored, *_) = solve(decay, np.array([[0.0, 1.0]]), plans)
    assert_allclose(stored[:, 0], [3.0, 3.0, 13.0, 13.0, 6.5])


def test_splitting_an_interval_changes_nothing_beyond_tolerance(fed_batch):
    compiled = kernels(fed_batch["model"])
    theta = run_theta(compiled, fed_batch)
    ends = []
    for times in (np.array([336.0]), np.linspace(0.0, 336.0, 50)):
        plan = Plan("a", times, fed_batch["profiles"], fed_batch["events"])
        _, _, (stored, *_) = solve(fed_batch["model"], theta, [plan], 1e-9)
        ends.append(stored[-1])
    assert_allclose(ends[0], ends[1], rtol=1e-7, atol=1e-8)


def run_theta(compiled, case):
    values = {**case["parameters"], **case["settings"]}
    return np.array([[values[name] for name in compiled.trace.names]])


@pytest.fixture(scope="module")
def two_runs(fed_batch):
    """Two runs with events, a switch, ramps and looks at awkward moments."""
    compiled = kernels(fed_batch["model"])
    theta = run_theta(compiled, fed_batch)
    events = [
        *fed_batch["events"],
        Event(0.0, "inoculation", "viable_cell_density", 0.35),
        Event(150.0, "switch", "feed_rate", 0.0015),
    ]
    steps = {"feed_rate": Profile([(0.0, 0.0), (60.0, 0.001)], "step")}
    plans = [
        Plan("ramps", fed_batch["times"], fed_batch["profiles"], fed_batch["events"]),
        Plan("switched", np.array([0.0, 48.0, 100.0, 150.0, 220.0]), steps, events),
    ]
    return np.vstack([theta, 1.03 * theta]), plans


def gradient_by_differences(value, x):
    """Central differences of a function over every entry of an array."""
    found = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        h = 1e-5 * max(abs(x[place]), 1e-2)
        low, high = x.copy(), x.copy()
        low[place] -= h
        high[place] += h
        found[place] = (value(high) - value(low)) / (2 * h)
    return found


@pytest.mark.parametrize("what", ["theta", "levels", "slopes", "amounts"])
def test_the_adjoint_agrees_with_central_differences(fed_batch, two_runs, what):
    theta, plans = two_runs
    model = fed_batch["model"]
    compiled, made, found = solve(model, theta, plans)
    assert np.all(found[1] == 0)
    weights = np.random.default_rng(1).normal(size=found[0].shape)
    bars = pulled(compiled, theta, made, weights, found)

    def value(x):
        if what == "theta":
            return np.sum(weights * solve(model, x, plans)[2][0])
        return np.sum(weights * solve(model, theta, plans, **{what: x})[2][0])

    x = theta if what == "theta" else getattr(made.segments, what)
    assert_allclose(bars[what], gradient_by_differences(value, x), rtol=1e-5, atol=1e-4)


def test_it_agrees_with_scipy_at_tight_tolerance(fed_batch):
    """Two roads: the same equations, evaluated in floats, through DOP853."""
    model, settings = fed_batch["model"], fed_batch["settings"]
    profile = Profile([(0.0, 0.0), (340.0, 0.002)])
    compiled = kernels(model)
    plan = Plan("a", np.array([100.0, 200.0, 336.0]), {"feed_rate": profile}, ())
    _, _, (stored, *_) = solve(model, run_theta(compiled, fed_batch), [plan], 1e-11)

    from bayesbio.mechanistic import model_records

    records = model_records(model)
    parameters = records.Parameters(**fed_batch["parameters"])
    constants = records.Settings(**{name: settings[name] for name in records.Settings._fields})

    def slope(time, y):
        state, inputs = records.State(*y), records.Inputs(profile.at(time))
        rates = model.rates(time, state, parameters, inputs, constants)
        return list(model.derivatives(time, state, parameters, inputs, constants, rates))

    start = [settings[f"initial_{name}"] for name in records.State._fields]
    exact = solve_ivp(
        slope, (0.0, 336.0), start, method="DOP853", t_eval=plan.times, rtol=1e-12, atol=1e-12
    )
    assert_allclose(stored[:, : len(start)], exact.y.T, rtol=1e-8, atol=1e-10)


def test_the_tape_grows_with_the_run(decay):
    """More steps than the first tape holds: the gradient is still that of central differences."""
    times = np.linspace(0.0, 60.0, 900)
    plans = [Plan("a", times, {}, ())]
    theta = np.array([[0.05, 1.0]])
    compiled, made, found = solve(decay, theta, plans, 1e-9)
    assert found[2].tape.shape[1] > 512
    bar = pulled(compiled, theta, made, np.ones_like(found[0]), found)["theta"]
    exact = 3.0 * np.sum(-times * np.exp(-0.05 * times))
    assert_allclose(bar[0, 0], exact, rtol=1e-6)


@pytest.mark.parametrize(
    ("rate", "start"), [(np.nan, 1.0), (-np.inf, 1.0), (-1e4, 1.0), (0.1, np.inf)]
)
def test_an_extreme_draw_gives_nan_and_a_reason(decay, rate, start):
    plans = [Plan("a", np.array([0.0, 50.0]), {}, ()), Plan("b", np.array([50.0]), {}, ())]
    theta = np.array([[rate, start], [0.1, 1.0]])
    compiled, made, found = solve(decay, theta, plans, 1e-6)
    stored, status = found[:2]
    assert status[0] > 0
    assert status[1] == 0
    assert np.all(np.isnan(stored[:2]))
    assert_allclose(stored[2, 0], np.exp(-5.0), rtol=1e-4)
    bar = pulled(compiled, theta, made, np.ones_like(stored), found)["theta"]
    assert np.all(np.isnan(bar[0]))
    assert np.all(np.isfinite(bar[1]))


def test_permuting_runs_permutes_what_is_stored_and_its_gradient(fed_batch, two_runs):
    theta, plans = two_runs
    model = fed_batch["model"]
    compiled, made, found = solve(model, theta, plans, 1e-8)
    backwards = solve(model, theta[::-1].copy(), plans[::-1], 1e-8)
    first = len(plans[0].times)
    turned = np.vstack([backwards[2][0][-first:], backwards[2][0][:-first]])
    assert np.array_equal(found[0], turned)
    bar = pulled(compiled, theta, made, np.ones_like(found[0]), found)["theta"]
    other = pulled(compiled, theta[::-1].copy(), backwards[1], np.ones_like(turned), backwards[2])
    assert np.array_equal(bar, other["theta"][::-1])


def test_a_log_remembers_how_much_tape_was_needed(decay):
    """The second gradient of a long run solves it once: its tape is large enough at once."""
    compiled = kernels(decay)
    problem = problem_of(compiled.trace, [Plan("a", np.linspace(0.0, 60.0, 900), {}, ())])[0]
    log, theta = new_failure_log(compiled.trace), np.array([[0.05, 1.0]])
    options = Options(1e-9, 1e-9, METHODS.index("auto"), True)
    rows = []
    for _ in range(2):
        record = compiled.module.solve(theta, problem, options, log)[2]
        rows.append(record.tape.shape[1])
    assert rows[0] == rows[1] == log[0] >= 900


@pytest.mark.parametrize("method", ["auto", "implicit"])
@pytest.mark.parametrize("constant", [3e-3, 1e-4, 1e-5, 1e-6])
def test_growth_stops_where_substrate_ends_however_small_the_monod_constant(method, constant):
    """X = X_0 + Y S_0, and the substrate stays at zero: a step must not jump over the end."""
    course = simulate(
        BatchCulture(),
        parameters=dict(maximum_growth_rate=0.4, substrate_monod_constant=constant, cell_yield=0.5),
        settings=dict(initial_biomass=0.2, initial_substrate=20.0),
        times=[0.0, 8.0, 10.0, 11.0, 12.0, 14.0, 24.0],
        method=method,
    )
    assert course.attrs["failures"] == "none"
    assert_allclose(float(course["biomass"].squeeze()[-1]), 10.2, rtol=1e-5)
    assert float(course["substrate"].min()) > -1e-7


def test_what_really_falls_below_zero_is_solved(decay):
    """A loss that does not stop at zero is no artefact of the step."""
    plans = [Plan("a", np.array([4.0]), {"supply": Profile([(0.0, -1.0)], "step")}, ())]
    _, _, (stored, status, _) = solve(decay, np.array([[0.0, 1.0]]), plans, 1e-9)
    assert status[0] == 0
    assert_allclose(stored[0, 0], -3.0, rtol=1e-9)
