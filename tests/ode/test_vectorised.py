"""Runs solved side by side without compiling: against closed forms, a bolus, and a stiff end."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from bayesbio.data import Below, Event, Profile
from bayesbio.errors import ModelError
from bayesbio.mechanistic import BatchCulture, FedBatchCulture, GrowthCurve, MammalianFedBatch
from bayesbio.ode.codegen.trace import trace
from bayesbio.ode.schedule.events import Plan
from bayesbio.ode.vectorised import VectorisedRuns

TIMES = np.linspace(0.0, 24.0, 9)


def values_of(traced, **given):
    intervals = traced.model.defaults
    middle = {name: np.sqrt(known.low * known.high) for name, known in intervals.items()}
    return np.array([{**middle, **given}[name] for name in traced.names])


def test_a_batch_that_runs_out_of_substrate_agrees_with_a_stiff_solver():
    traced = trace(BatchCulture())
    theta = values_of(
        traced,
        maximum_growth_rate=0.4,
        substrate_monod_constant=0.01,
        initial_biomass=0.1,
        initial_substrate=10.0,
    )
    given = dict(zip(traced.names, theta, strict=True))
    found = VectorisedRuns(traced, [Plan("A", TIMES, {}, [])]).solve(theta[None, None])[0]

    def slopes(_, y):
        growth = 0.4 * y[1] / (0.01 + y[1]) * y[0]
        return growth, -growth / given["cell_yield"]

    exact = solve_ivp(slopes, (0, 24), (0.1, 10.0), "LSODA", TIMES, rtol=1e-10, atol=1e-12).y.T
    np.testing.assert_allclose(found[:3, :2], exact[:3], rtol=2e-3)
    np.testing.assert_allclose(found[:, :2], exact, rtol=0.04, atol=0.02)  # after it ran out


def test_values_and_runs_are_solved_as_if_each_were_alone():
    model = FedBatchCulture()
    traced = trace(model)
    fed = {"feed_rate": Profile([(0.0, 0.0), (10.0, 0.02)], "step")}
    plans = [
        Plan("A", TIMES, fed, [Event(6.0, "bolus", "substrate", 4.0)]),
        Plan("B", np.array([0.0, 5.0, 11.0]), fed, []),
    ]
    start = {"initial_biomass": 0.2, "initial_substrate": 8.0, "initial_volume": 1.0}
    theta = np.array(
        [
            [
                values_of(traced, maximum_growth_rate=rate, feed_substrate=100.0, **start)
                for _ in plans
            ]
            for rate in (0.2, 0.4)
        ]
    )
    together = VectorisedRuns(traced, plans).solve(theta)
    for number, plan in enumerate(plans):
        alone = VectorisedRuns(traced, [plan])
        place = slice(0, 9) if number == 0 else slice(9, 12)
        for value in range(2):
            lone = alone.solve(theta[value : value + 1, number : number + 1])[0]
            np.testing.assert_allclose(together[value, place], lone, rtol=1e-4)
    before, after = together[0, 1, 1], together[0, 3, 1]
    assert np.isfinite([before, after]).all()
    volume = traced.names.index("initial_volume") - traced.names.index("initial_biomass")
    np.testing.assert_allclose(together[:, 8, volume], 1.0 + 0.02 * 14.0, rtol=1e-9)


def test_near_values_share_a_jacobian_and_agree():
    traced = trace(BatchCulture())
    theta = values_of(traced, initial_biomass=0.1, initial_substrate=10.0)
    near = np.array([[theta], [theta * (1 + 1e-4)]])
    runs = VectorisedRuns(traced, [Plan("A", TIMES, {}, [])])
    np.testing.assert_allclose(runs.solve(near), runs.solve(near, near=True), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "events"),
    [
        (GrowthCurve(), []),
        (MammalianFedBatch(feed=False), [Event(Below("glucose", 1.0), "bolus", "glucose", 2.0)]),
    ],
)
def test_what_needs_a_compiled_model_is_refused(model, events):
    with pytest.raises(ModelError, match="compil"):
        VectorisedRuns(trace(model), [Plan("A", TIMES, {}, events)])
