"""Events whose moment or size is a parameter, or waits for a limit: closed forms and gradients."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from bayesbio.data import Campaign, Profile, Run
from bayesbio.errors import DataError, ModelError, SolveError
from bayesbio.ode import Above, Below, Event, sensitivities, simulate, trajectories

TIGHT = {"rtol": 1e-11, "atol": 1e-12}
TIMES = np.array([1.0, 4.0, 7.0, 10.0])
RATE, START = 0.3, 2.0


def amounts(decay, events, times=TIMES, profiles=None, **parameters):
    """Amounts along one run of dx/dt = supply - rate x, and when it stopped."""
    course = simulate(
        decay,
        parameters={"rate": RATE, "initial_amount": START, **parameters},
        profiles=profiles,
        events=events,
        times=times,
        **TIGHT,
    )
    stop = float(course["stop_time"].squeeze()) if "stop_time" in course else None
    return course["amount"].squeeze().to_numpy(), stop


def decayed(start, hours, supply=0.0):
    return supply / RATE + (start - supply / RATE) * np.exp(-RATE * hours)


def test_a_bolus_happens_at_the_time_that_a_parameter_holds(decay):
    found, _ = amounts(decay, [Event("feeding", "bolus", "amount", "dose")], feeding=3.0, dose=5.0)
    expected = decayed(START, TIMES) + np.where(TIMES > 3.0, decayed(5.0, TIMES - 3.0), 0.0)
    assert_allclose(found, expected, rtol=1e-9)


def test_a_delay_is_added_to_the_time(decay):
    events = [Event(2.5, "bolus", "amount", 5.0, delay="lag")]
    assert_allclose(
        amounts(decay, events, lag=1.25)[0],
        amounts(decay, [Event(3.75, "bolus", "amount", 5.0)])[0],
        rtol=1e-9,
    )


def test_a_moved_switch_holds_until_the_next_fixed_one(decay):
    events = [
        Event("on", "switch", "supply", 0.9),
        Event(6.0, "switch", "supply", 0.0),
    ]
    found, _ = amounts(decay, events, on=2.0)
    at_six = decayed(decayed(START, 2.0), 4.0, supply=0.9)
    expected = [
        decayed(START, 1.0),
        decayed(decayed(START, 2.0), 2.0, supply=0.9),
        decayed(at_six, 1.0),
        decayed(at_six, 4.0),
    ]
    assert_allclose(found, expected, rtol=1e-9)


def test_an_event_beyond_the_end_never_happens_and_one_before_the_start_happens_there(decay):
    events = [Event("when", "bolus", "amount", 1.0)]
    assert_allclose(amounts(decay, events, when=11.0)[0], decayed(START, TIMES), rtol=1e-9)
    assert_allclose(amounts(decay, events, when=-2.0)[0], decayed(START + 1.0, TIMES), rtol=1e-9)


def test_a_stop_holds_what_was_reached_at_the_limit(decay):
    found, stop = amounts(decay, [Event(Below("amount", 0.5), "stop")])
    assert stop == pytest.approx(np.log(START / 0.5) / RATE, rel=1e-10)
    assert_allclose(found, np.maximum(decayed(START, TIMES), 0.5), rtol=1e-9)


def test_a_stop_may_wait_for_an_output_and_ends_later_events(decay):
    events = [Event(Below("double", 1.0), "stop"), Event(8.0, "bolus", "amount", 9.0)]
    found, stop = amounts(decay, events)
    assert stop == pytest.approx(np.log(START / 0.5) / RATE, rel=1e-10)
    assert found[-1] == pytest.approx(0.5, rel=1e-9)


def test_a_limit_that_is_not_reached_stops_nothing(decay):
    found, stop = amounts(decay, [Event(Below("amount", 1e-9), "stop")])
    assert np.isnan(stop)
    assert_allclose(found, decayed(START, TIMES), rtol=1e-9)


def test_a_limit_that_an_event_jumps_over_is_reached_there(decay):
    events = [Event(2.0, "halving", "amount", 1.0), Event(Below("amount", 0.7), "stop")]
    _, stop = amounts(decay, events)
    assert stop == 2.0


def test_reaching_a_limit_may_feed_and_feeding_may_end_at_another(decay):
    events = [
        Event(Below("amount", 1.0), "switch", "supply", 1.2),
        Event(Above("amount", 1.5), "stop"),
    ]
    _, stop = amounts(decay, events)
    first = np.log(START / 1.0) / RATE
    second = np.log((1.2 / RATE - 1.0) / (1.2 / RATE - 1.5)) / RATE
    assert stop == pytest.approx(first + second, rel=1e-9)


def test_two_events_may_wait_for_the_same_limit(decay):
    events = [
        Event(Below("amount", 1.0), "bolus", "amount", 0.5),
        Event(Below("amount", 1.0), "switch", "supply", 0.6),
        Event(Below("double", 2.0), "stop", delay=0.0),
    ]
    found, stop = amounts(decay, events[:2])
    first = np.log(START) / RATE
    later = decayed(1.5, TIMES - first, supply=0.6)
    assert_allclose(found, np.where(first < TIMES, later, decayed(START, TIMES)), rtol=1e-9)
    assert amounts(decay, events)[1] == pytest.approx(first, rel=1e-9)


def test_an_event_that_rearms_happens_at_every_fall_below_its_limit(decay):
    refill = Event(Below("amount", 1.0), "bolus", "amount", 0.5, rearms=True)
    found, _ = amounts(decay, [refill])
    first, again = np.log(START) / RATE, np.log(1.5) / RATE
    since = np.where(first < TIMES, (TIMES - first) % again, TIMES)
    assert_allclose(found, decayed(np.where(first < TIMES, 1.5, START), since), rtol=1e-8)
    single, _ = amounts(decay, [Event(Below("amount", 1.0), "bolus", "amount", 0.5)])
    assert single[-1] < 1.0 < found[-1]


def test_a_run_that_uses_up_the_repetitions_of_an_event_is_refused(decay):
    tiny = Event(Below("amount", 1.0), "bolus", "amount", 0.01, rearms=True)
    last = (np.log(START) + 99 * np.log(1.01)) / RATE
    with pytest.raises(SolveError, match=f"waits for amount has happened 100 times by {last:.4g}"):
        amounts(decay, [tiny])


def test_the_times_of_repetitions_have_derivatives(decay):
    refill = Event(Below("amount", "lower"), "bolus", "amount", 0.5, rearms=True)
    readings = pd.DataFrame({"time_h": TIMES, "quantity": "amount", "value": 1.0})
    campaign = Campaign(
        [Run("A", readings, profiles={"supply": Profile([(0.0, 0.0)], "step")}, events=[refill])]
    )
    values = {"rate": RATE, "initial_amount": START, "lower": 1.0}
    found = sensitivities(decay, campaign, values, by=["lower"], **TIGHT)["amount"]
    ends = [amounts(decay, [refill], lower=1.0 + step)[0] for step in (-1e-5, 1e-5)]
    assert_allclose(found.to_numpy().ravel(), (ends[1] - ends[0]) / 2e-5, rtol=1e-5, atol=1e-7)


def test_draws_stop_each_at_its_own_time(decay):
    rates = xr.DataArray([[0.2, 0.3, 0.4]], dims=("chain", "draw"))
    course = simulate(
        decay,
        parameters={"rate": rates},
        settings={"initial_amount": START},
        events=[Event(Below("amount", 0.5), "stop")],
        times=TIMES,
        **TIGHT,
    )
    assert course["stop_time"].dims == ("chain", "draw", "run")
    assert_allclose(course["stop_time"].squeeze(), np.log(4.0) / np.array([0.2, 0.3, 0.4]))


EVERY_KIND = (
    Event("feeding", "bolus", "amount", "dose"),
    Event(0.5, "switch", "supply", "level", delay="lag"),
    Event(Below("amount", "low"), "bolus", "amount", 0.8),
    Event(Above("double", "high"), "switch", "supply", 0.05),
    Event("harvest", "stop"),
)
VALUES = {
    "rate": 0.3,
    "feeding": 2.2,
    "dose": 0.7,
    "level": 0.21,
    "lag": 3.1,
    "low": 1.25,
    "high": 5.2,
    "harvest": 9.2,
}


LOOKS = np.array([1.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 9.0, 10.0])


def busy_runs():
    """Runs in which everything is open."""
    frame = pd.DataFrame({"time_h": LOOKS, "quantity": "amount", "value": 1.0})
    ramp = {"supply": Profile([(0.0, 0.0), (4.0, 0.4), (12.0, 0.0)])}
    steep = {"supply": Profile([(0.0, 0.0), (4.0, 1.6), (12.0, 1.6)])}
    settings = {"initial_amount": START}
    runs = [
        Run("all", frame, settings, events=EVERY_KIND, profiles=ramp),
        Run("some", frame, settings, events=EVERY_KIND[:3]),
        Run("rising", frame, settings, events=EVERY_KIND[3:], profiles=steep),
    ]
    return Campaign(runs)


WEIGHTS = np.random.default_rng(3).normal(size=3 * len(LOOKS))


@pytest.fixture(scope="module")
def weighted(decay):
    """Value and gradients of a sum over runs in which everything is open, compiled once."""
    names = [*VALUES, "initial_amount"]
    inputs = {name: pt.dscalar(name) for name in names}
    course = trajectories(decay, busy_runs(), inputs, **TIGHT)["amount"]
    total = (WEIGHTS * course).sum()
    gradients = pytensor.grad(total, list(inputs.values()))
    function = pytensor.function(list(inputs.values()), [total, *gradients, course])
    return names, function


def test_every_kind_of_event_happens_in_the_run_that_the_gradients_are_tested_on(weighted):
    names, function = weighted
    point = [*VALUES.values(), START]
    for name in names:
        moved = list(point)
        moved[names.index(name)] *= 1.01
        assert np.any(np.abs(function(*moved)[-1] - function(*point)[-1]) > 1e-6), name


@pytest.mark.parametrize("name", [*VALUES, "initial_amount"])
def test_gradients_through_moved_and_waiting_events_agree_with_differences(weighted, name):
    names, function = weighted
    point = np.array([*VALUES.values(), START])
    place = names.index(name)
    exact = function(*point)[1 + place]
    h = 1e-5 * point[place]
    ends = []
    for sign in (1.0, -1.0):
        moved = point.copy()
        moved[place] += sign * h
        ends.append(function(*moved)[0])
    assert exact == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-5, abs=1e-7)


def test_sensitivities_through_every_kind_of_event_are_those_of_the_adjoint(decay, weighted):
    names, function = weighted
    point = [*VALUES.values(), START]
    values = dict(zip(names, point, strict=True))
    found = sensitivities(decay, busy_runs(), values, by=names, **TIGHT)["amount"]
    joined = WEIGHTS @ found.to_numpy().reshape(len(WEIGHTS), -1)
    assert_allclose(joined, function(*point)[1:-1], rtol=1e-9)


def test_shifting_time_shifts_every_event(decay):
    """Nothing here depends on the clock: shifting events and looks by 5 h changes nothing."""
    events = [Event("feeding", "bolus", "amount", 1.0), Event(Below("amount", 0.6), "stop")]
    late = [Event("feeding", "bolus", "amount", 1.0, delay=5.0), events[1]]
    begin = [Event(5.0, "inoculation", "amount", START)]
    plain, stop = amounts(decay, events, feeding=3.0)
    shifted, later = amounts(decay, [*begin, *late], TIMES + 5.0, feeding=3.0, initial_amount=0.0)
    assert_allclose(shifted, plain, rtol=1e-8)
    assert later == pytest.approx(stop + 5.0, rel=1e-9)


@pytest.mark.parametrize(
    ("event", "error", "sentence"),
    [
        (Event("feeding", "bolus", "amount", 1.0), ModelError, "depends on 'feeding'"),
        (Event(Below("amuont", 1.0), "stop"), ModelError, "Did you mean 'amount'"),
        (Event(Below("amount", 1.0), "switch", "stirring", 1.0), DataError, "no input of"),
        (Event("rate", "dance", "amount", 1.0), DataError, "'dance' is unknown"),
    ],
)
def test_an_open_event_that_does_not_fit_is_refused_in_a_sentence(decay, event, error, sentence):
    with pytest.raises(error, match=sentence):
        amounts(decay, [event])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((np.nan, "bolus", "glucose", 1.0), "finite numbers"),
        ((Below("glucose", np.inf), "stop"), "finite numbers"),
        (("at noon", "bolus", "glucose", 1.0), "the name of a parameter"),
        ((4.0, "bolus", "", 1.0), "names no quantity"),
        ((Below("glucose", 1.0), "stop", "", 0.0, 2.0), "cannot be delayed"),
    ],
)
def test_an_event_that_makes_no_sense_is_refused_when_made(arguments, sentence):
    with pytest.raises(DataError, match=sentence):
        Event(*arguments)


def test_open_events_survive_a_file_and_count_in_the_hash():
    runs = [Run("R1", settings={"initial_amount": 1.0}, events=EVERY_KIND)]
    campaign = Campaign(runs)
    again = Campaign.from_dict(campaign.to_dict())
    assert again["R1"].events == campaign["R1"].events
    assert again.hash == campaign.hash
    assert Campaign([runs[0].replace(events=EVERY_KIND[1:])]).hash != campaign.hash
