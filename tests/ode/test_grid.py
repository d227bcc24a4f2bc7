"""A packed bed of 498 states: closed forms, Laplace solutions and exact gradients."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bayesbio.data import Event, Profile
from bayesbio.errors import ModelError
from bayesbio.mechanistic import PackedBed, spectral_elements
from bayesbio.ode import equations, simulate
from bayesbio.ode.codegen.cache import kernels
from bayesbio.ode.codegen.trace import trace
from bayesbio.ode.schedule.dynamic_events import problem_of
from bayesbio.ode.schedule.events import Plan
from bayesbio.ode.schedule.failures import new_failure_log
from bayesbio.ode.schedule.segments import Options
from bayesbio.ode.simulation import METHODS

BED = PackedBed(elements=62, degree=4)
QUIET = {
    "velocity": 1.0,
    "axial_dispersion": 1e-3,
    "column_porosity": 0.4,
    "uptake_rate": 20.0,
    "release_rate": 10.0,
    "maximum_reaction_rate": 0.0,
    "half_saturation": 0.5,
    "decay_rate": 0.0,
}
FULL = {**QUIET, "maximum_reaction_rate": 3.0, "decay_rate": 0.3}
PULSE = 10.0 / 3600.0  # h
NO_INLET = {"inlet_concentration": Profile([(0.0, 0.0)], "step")}


def transfer(s, p):
    """Laplace transform of the outlet over that of the inlet (lumped rate model, linear)."""
    pe = p["velocity"] * BED.length / p["axial_dispersion"]
    phases = (1 - p["column_porosity"]) / p["column_porosity"]
    retained = 1 + phases * p["uptake_rate"] / (s + p["release_rate"])
    phi = s * retained + p["decay_rate"]
    a = np.sqrt(1 + 4 * phi * p["axial_dispersion"] / p["velocity"] ** 2)
    return 4 * a * np.exp(pe * (1 - a) / 2) / ((1 + a) ** 2 - (1 - a) ** 2 * np.exp(-a * pe))


def inverted(transform, times, terms=20_000):
    """Inverse Laplace transform by Fourier series (Crump 1976, doi:10.1145/321921.321931)."""
    period = 2.0 * times.max()
    shift = np.log(1e12) / (2 * period)
    k = np.arange(1, terms)
    values = transform(shift + 1j * np.pi * k / period)
    turns = np.exp(1j * np.pi * np.outer(times, k) / period)
    return np.exp(shift * times) / period * (0.5 * transform(shift).real + (turns @ values).real)


@pytest.mark.parametrize("changes", [{}, {"decay_rate": 2.0}, {"axial_dispersion": 4e-3}])
def test_a_pulse_leaves_as_its_laplace_transform_says(changes):
    p = {**QUIET, **changes}
    times = np.linspace(0.05, 1.2, 24)
    course = simulate(
        BED,
        parameters=p,
        profiles={"inlet_concentration": Profile([(0.0, 1.0), (PULSE, 0.0)], "step")},
        times=times,
        rtol=1e-7,
        atol=1e-10,
        method="implicit",
    )
    exact = inverted(lambda s: transfer(s, p) * (1 - np.exp(-s * PULSE)) / s, times)
    assert_allclose(course["outlet_concentration"].squeeze(), exact, atol=1e-5 * exact.max())


def test_a_wave_without_flow_decays_as_its_closed_form_says():
    p = {**QUIET, "velocity": 0.0, "uptake_rate": 0.0, "decay_rate": 0.7}
    z = BED.grid.nodes
    wave = np.cos(3 * np.pi * z / BED.length)
    times = np.array([0.1, 0.3])
    course = simulate(
        BED,
        parameters=p,
        settings={"initial_concentration": 1.0 + wave},
        profiles=NO_INLET,
        times=times,
        rtol=1e-8,
        atol=1e-11,
        method="implicit",
    )
    found = course["concentration"].squeeze()
    assert found.dims == ("time", "position")
    decay = p["decay_rate"] + p["axial_dispersion"] * (3 * np.pi / BED.length) ** 2
    exact = np.exp(-0.7 * times)[:, None] + np.exp(-decay * times)[:, None] * wave
    assert_allclose(found, exact, atol=1e-7)


def test_the_steady_outlet_is_that_of_wehner_and_wilhelm():
    """First-order reaction in a tube with dispersion, doi:10.1016/0009-2509(56)80014-6."""
    p = {**QUIET, "decay_rate": 20.0}
    course = simulate(
        BED,
        parameters=p,
        profiles={"inlet_concentration": Profile([(0.0, 2.0)], "step")},
        times=[5.0],
        method="implicit",
    )
    exact = 2.0 * transfer(0.0, p)
    assert_allclose(float(course["outlet_concentration"].squeeze()), exact, rtol=1e-5)


def solve(theta, *, rtol, keep, event=()):
    compiled = kernels(BED)
    feed = {"inlet_concentration": Profile([(0.0, 1.0), (0.1, 0.2), (1.0, 0.0)], "linear")}
    plans = [Plan("a", np.array([0.2, 0.5]), feed, event)]
    problem = problem_of(compiled.trace, plans)[0]
    options = Options(rtol, 1e-2 * rtol, METHODS.index("implicit"), keep)
    log = new_failure_log(compiled.trace)
    return compiled, problem, compiled.module.solve(theta, problem, options, log)


def theta_of(parameters):
    return np.array([[*parameters.values(), *np.zeros(2 * len(BED.grid.nodes))]])


def test_the_gradient_by_eight_parameters_and_the_start_is_exact():
    theta = theta_of(FULL)
    event = [Event(0.3, "inoculation", "bound", 0.2)]
    compiled, problem, found = solve(theta, rtol=1e-8, keep=True, event=event)
    weights = np.random.default_rng(5).normal(size=found[0].shape)
    bar = compiled.module.pull(theta, problem, weights, *found[1:]).theta
    places = [*range(len(FULL)), len(FULL) + 7, len(FULL) + 400]
    for place in places:
        h = 1e-4 * max(theta[0, place], 1e-2)
        ends = []
        for sign in (1.0, -1.0):
            moved = theta.copy()
            moved[0, place] += sign * h
            ends.append(np.sum(weights * solve(moved, rtol=1e-8, keep=False, event=event)[2][0]))
        assert_allclose(bar[0, place], (ends[0] - ends[1]) / (2 * h), rtol=1e-5)


def test_the_equations_show_transport():
    text = equations(PackedBed(elements=1))
    assert r"\frac{\partial^2}{\partial z^2}" in text
    assert "concentration}_{4}" in text


class Mixed(PackedBed):
    """A bed one of whose states has no grid."""

    @property
    def grids(self):
        return {"concentration": ("position", self.grid.nodes)}


class Reading(PackedBed):
    """A bed whose balance reads an initial state."""

    def derivatives(self, time, state, parameters, inputs, settings, rates):
        return self.State(settings.initial_bound, 0.0)


class Misnamed(PackedBed):
    """A bed whose transport names no state."""

    def transport(self, time, parameters, inputs, settings):
        return {"salt": []}


class Misfit(PackedBed):
    """A bed whose operator belongs to another grid."""

    def transport(self, time, parameters, inputs, settings):
        return {"bound": [(spectral_elements(1.0, elements=1).dispersion, 1.0)]}


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (Mixed, "all states lie along one grid; bound has none"),
        (Reading, "reads an initial state"),
        (Misnamed, "names 'salt', which is no state"),
        (Misfit, r"operator has shape \(5, 5\); with 9 nodes"),
    ],
)
def test_transport_that_cannot_be_solved_is_refused_in_a_sentence(model, sentence):
    with pytest.raises(ModelError, match=sentence):
        trace(model(elements=2))
