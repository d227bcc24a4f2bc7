"""What is read off the tape: states between steps, and derivatives at every reading."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from bayesbio.data import Below, Campaign, Event, Profile, Run
from bayesbio.errors import ModelError
from bayesbio.mechanistic import BatchReactor, GrowthCurve
from bayesbio.ode import sensitivities, simulate
from bayesbio.ode import sensitivity as module

HELD = 1e9  # a tolerance at which every step is accepted: the turns of the feed set the steps


@pytest.mark.parametrize(("method", "order"), [("explicit", 5), ("implicit", 4)])
def test_halving_the_step_shows_the_order_of_the_continuous_extension(fed_batch, method, order):
    """One order above the extension's: its error within one step."""

    def between(count, times, **options):
        turns = np.concatenate([[0.0, 1e-3], np.linspace(0.0, 96.0, count + 1)[1:]])
        feed = {"feed_rate": Profile([(time, 0.004 * time / 96.0) for time in turns])}
        given = {key: fed_batch[key] for key in ("model", "parameters", "settings")}
        course = simulate(**given, profiles=feed, times=times, method=method, **options)
        return course.drop_vars("volume").to_array().squeeze().to_numpy()

    errors = []
    for count in (24, 48, 96):
        inside = 96.0 / count * (np.arange(1, count) + 0.4)
        times = np.concatenate([inside, [96.0]])
        rough = between(count, times, rtol=HELD, atol=HELD, dense=True)
        exact = between(count, times, rtol=1e-12, atol=1e-14)
        errors.append(np.abs(rough / exact - 1.0)[:, :-1].max())
    orders = np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
    assert np.all(orders > order - 0.5), orders


def test_reading_between_steps_sees_events_as_stepping_does(fed_batch):
    times = np.union1d(fed_batch["times"], np.linspace(0.0, 336.0, 200))
    given = {**fed_batch, "times": times, "rtol": 1e-9, "atol": 1e-12}
    stepped, read = (simulate(**given, dense=dense) for dense in (False, True))
    for name in stepped:
        assert_allclose(read[name], stepped[name], rtol=1e-6, atol=1e-9)


def test_after_a_stop_the_reading_between_steps_holds(decay):
    given = dict(
        parameters={"rate": [[0.2, 0.3]]},
        settings={"initial_amount": 2.0},
        events=[Event(Below("amount", 0.5), "stop"), Event(0.0, "inoculation", "amount", 2.0)],
        times=np.linspace(0.0, 10.0, 101),
        rtol=1e-9,
    )
    stepped, read = (simulate(decay, **given, dense=dense) for dense in (False, True))
    assert_allclose(read["amount"], stepped["amount"], rtol=1e-7)
    assert_allclose(read["stop_time"], stepped["stop_time"], rtol=1e-8)


def test_sensitivities_solve_the_variational_equations(decay):
    """dx/dt = supply - rate x in closed form, at ragged times and values by run."""
    runs = [
        Run(name, pd.DataFrame({"time_h": t, "quantity": "amount", "value": 1.0}))
        for name, t in (("R1", [1.0, 4.0]), ("R2", [2.0]))
    ]
    rates, start = np.array([0.3, 0.5]), 2.0
    found = sensitivities(
        decay,
        Campaign(runs),
        {"rate": rates, "initial_amount": start},
        by=("rate", "initial_amount"),
        rtol=1e-11,
        atol=1e-13,
    )
    for run, times in enumerate(([1.0, 4.0], [2.0])):
        t = np.array(times)
        left = np.exp(-rates[run] * t)
        mine = found.isel(run=run).sel(time=times)
        assert_allclose(mine["amount"].sel(parameter="rate"), -start * t * left, rtol=1e-9)
        assert_allclose(mine["double"].sel(parameter="rate"), -2 * start * t * left, rtol=1e-9)
        assert_allclose(mine["amount"].sel(parameter="initial_amount"), left, rtol=1e-9)
    assert np.all(np.isnan(found["amount"].sel(run="R2", time=[1.0, 4.0])))


@pytest.mark.parametrize("method", ["explicit", "implicit"])
def test_pulling_readings_back_one_by_one_gives_the_same(fed_batch, method, monkeypatch):
    run = Run(
        "R1",
        settings=fed_batch["settings"],
        profiles=fed_batch["profiles"],
        events=tuple(fed_batch["events"]),
    )
    given = fed_batch["model"], Campaign([run]), fed_batch["parameters"]
    options = {"times": fed_batch["times"], "method": method}
    joined = sensitivities(*given, **options)
    monkeypatch.setattr(module, "FEW_STATES", 0)
    one_by_one = sensitivities(*given, **options)
    for name in joined:
        scale = np.abs(joined[name]).max(dim="time")
        assert_allclose(joined[name] / scale, one_by_one[name] / scale, rtol=1e-9, atol=1e-12)


def test_a_closed_form_is_differentiated():
    model = GrowthCurve()
    values = {name: model.defaults[name].centre for name in model.Parameters._fields}
    campaign = Campaign([Run("R1", settings={"initial_biomass": 0.1})])
    name = "maximum_growth_rate"
    found = sensitivities(model, campaign, values, times=[5.0, 10.0])
    ends = []
    for sign in (1.0, -1.0):
        moved = {**values, name: values[name] + sign * 1e-6}
        ends.append(simulate(model, parameters=moved, campaign=campaign, times=[5.0, 10.0]))
    for quantity in found:
        slope = (ends[0][quantity] - ends[1][quantity]).squeeze() / 2e-6
        assert_allclose(found[quantity].sel(parameter=name)[0], slope, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"by": ["growth"]}, "by='growth'.*rate_constant_1"),
        ({"times": None}, "has no times"),
        ({"parameters": {"rate_constant_1": [[0.5, 0.6]], "rate_constant_2": 0.1}}, "1 x 2 draws"),
    ],
)
def test_what_cannot_be_differentiated_is_refused_in_a_sentence(changes, sentence):
    given = {
        "parameters": {"rate_constant_1": 0.5, "rate_constant_2": 0.1},
        "campaign": Campaign([Run("R1", settings={"initial_concentration_a": 1.0})]),
        "times": [1.0],
    }
    with pytest.raises(ModelError, match=sentence):
        sensitivities(BatchReactor(isothermal=True), **{**given, **changes})
