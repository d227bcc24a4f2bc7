"""The batch reactor against closed forms and against SciPy, its equations written down anew.

A -> B -> C in a jacketed vessel: dA/dt = -k1 A^n, dB/dt = k1 A^n - k2 B, dC/dt = k2 B,
k = k_ref exp(-E/R (1/T - 1/T_ref)), rho cp dT/dt = -dH1 k1 A^n - dH2 k2 B + (UA/V) (T_j - T).
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import solve_ivp
from scipy.optimize import minimize_scalar

from bayesbio.data import Profile
from bayesbio.mechanistic import BatchReactor
from bayesbio.ode import simulate

PHARMA = {
    "rate_constant_1": 0.50,
    "rate_constant_2": 0.05,
    "activation_energy_1": 60e3,
    "activation_energy_2": 95e3,
    "reaction_enthalpy_1": -60e3,
    "reaction_enthalpy_2": -80e3,
    "heat_capacity": 1800.0,
    "heat_transfer": 2000.0,
}
TIMES = np.linspace(0.0, 12.0, 49)
STATES = ("concentration_a", "concentration_b", "concentration_c", "temperature")


def isothermal(fast, slow, *, start=(0.8, 0.0, 0.0), order=1, times=TIMES):
    course = simulate(
        BatchReactor(isothermal=True, order_1=order),
        parameters={"rate_constant_1": fast, "rate_constant_2": slow},
        settings={f"initial_{name}": value for name, value in zip(STATES[:3], start, strict=True)},
        times=times,
        rtol=1e-9,
    )
    return np.stack([course[name].values.squeeze() for name in STATES[:3]])


@pytest.mark.parametrize("start", [(0.8, 0.0, 0.0), (0.5, 0.2, 0.1)], ids=str)
@pytest.mark.parametrize(("fast", "slow"), [(0.5, 0.05), (0.05, 0.5), (3.0, 2.9), (0.3, 0.3)])
def test_first_order_reactions_in_series_follow_the_closed_form(fast, slow, start):
    a0, b0, c0 = start
    a = a0 * np.exp(-fast * TIMES)
    made = (
        fast * TIMES * np.exp(-fast * TIMES)
        if fast == slow
        else fast / (slow - fast) * (np.exp(-fast * TIMES) - np.exp(-slow * TIMES))
    )
    b = b0 * np.exp(-slow * TIMES) + a0 * made
    assert_allclose(isothermal(fast, slow, start=start), [a, b, a0 + b0 + c0 - a - b], atol=1e-6)


def test_the_second_order_reaction_follows_the_closed_form():
    concentrations = isothermal(0.5, 0.05, order=2)
    assert_allclose(concentrations[0], 0.8 / (1 + 0.5 * 0.8 * TIMES), rtol=1e-6)


def test_the_half_order_reaction_follows_the_closed_form():
    times = np.linspace(0.0, 2.0, 21)
    concentrations = isothermal(0.5, 0.05, order=0.5, times=times)
    assert_allclose(concentrations[0], (np.sqrt(0.8) - 0.25 * times) ** 2, rtol=1e-6)


@pytest.mark.parametrize(("fast", "slow"), [(0.5, 0.05), (0.3, 0.3)])
def test_the_best_stopping_time_and_yield_are_the_textbook_ones(fast, slow):
    time = 1 / fast if fast == slow else np.log(fast / slow) / (fast - slow)
    best = np.exp(-1) if fast == slow else (fast / slow) ** (slow / (slow - fast))

    def lost(instant):
        return -float(isothermal(fast, slow, times=[0.0, instant])[1, -1])

    found = minimize_scalar(lost, bounds=(0.5 * time, 1.5 * time), options={"xatol": 1e-4})
    assert_allclose(found.x, time, rtol=1e-2)  # the top is flat
    assert_allclose(-lost(time), 0.8 * best, rtol=1e-6)
    assert_allclose(-found.fun, 0.8 * best, rtol=1e-6)


def jacketed_by_scipy(given, order, reference, start, pieces):
    """Integrate piece by piece; a piece is (from, to, jacket as a function of time)."""

    def slopes(time, state, jacket):
        a, b, _, temperature = state
        inverse = (1.0 / temperature - 1.0 / reference) / 8.31446261815324
        first = (
            given["rate_constant_1"] * np.exp(-given["activation_energy_1"] * inverse) * a**order
        )
        second = given["rate_constant_2"] * np.exp(-given["activation_energy_2"] * inverse) * b
        heat = (
            -given["reaction_enthalpy_1"] * first
            - given["reaction_enthalpy_2"] * second
            + given["heat_transfer"] * (jacket(time) - temperature)
        )
        return [-first, first - second, second, heat / given["heat_capacity"]]

    state, found = np.array(start), {0.0: np.array(start)}
    for begin, end, jacket in pieces:
        looks = np.append(TIMES[(begin < TIMES) & (end > TIMES)], end)
        course = solve_ivp(
            slopes, (begin, end), state, "DOP853", looks, args=(jacket,), rtol=1e-12, atol=1e-14
        )
        found |= dict(zip(looks, course.y.T, strict=True))
        state = course.y[:, -1]
    return np.stack([found[time] for time in TIMES], axis=-1)


def ramp(points):
    """Straight lines between points, one piece each, held after the last."""
    pieces = [
        (begin, end, lambda t, a=begin, b=end, u=low, v=high: u + (v - u) * (t - a) / (b - a))
        for (begin, low), (end, high) in zip(points[:-1], points[1:], strict=True)
    ]
    return pieces


def stairs(points, end):
    """Each value held until the next point."""
    ends = [time for time, _ in points[1:]] + [end]
    return [
        (begin, until, lambda t, value=value: value)
        for (begin, value), until in zip(points, ends, strict=True)
    ]


LINEAR = [(0.0, 303.15), (2.1, 343.15), (7.3, 343.15), (12.0, 293.15)]
STEPS = [(0.0, 318.15), (1.7, 348.15), (6.2, 298.15)]
CASES = {
    "a jacket in ramps": ({}, 1, 333.15, 303.15, "linear"),
    "a jacket in steps": ({}, 1, 333.15, 318.15, "step"),
    "second order in steps": ({}, 2, 333.15, 318.15, "step"),
    "another reference temperature": ({}, 1, 298.15, 303.15, "linear"),
    "a runaway": (
        {"reaction_enthalpy_1": -250e3, "heat_transfer": 300.0, "activation_energy_1": 85e3},
        1,
        333.15,
        330.0,
        "linear",
    ),
    "reactions that cool": ({"reaction_enthalpy_1": 40e3, "reaction_enthalpy_2": 5e3}, 2, 333.15,
                            330.0, "step"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_jacketed_vessel_follows_scipy(case):
    changes, order, reference, warm, kind = CASES[case]
    given, points = {**PHARMA, **changes}, LINEAR if kind == "linear" else STEPS
    pieces = ramp(points) if kind == "linear" else stairs(points, TIMES[-1])
    expected = jacketed_by_scipy(given, order, reference, [0.8, 0.0, 0.0, warm], pieces)
    course = simulate(
        BatchReactor(order_1=order, reference_temperature=reference),
        parameters=given,
        settings={"initial_concentration_a": 0.8, "initial_temperature": warm},
        profiles={"jacket_temperature": Profile(tuple(points), kind)},
        times=TIMES,
        rtol=1e-9,
    )
    for name, values in zip(STATES, expected, strict=True):
        assert_allclose(course[name].values.squeeze(), values, rtol=1e-6, atol=1e-8)
