import numpy as np
import pandas as pd
import pytest

from bayesbio.data import Event, Profile, Run
from bayesbio.data.checks.balances import carbon_findings, fed, filling_findings, volume_findings


@pytest.mark.parametrize(("how", "litres"), [("linear", 2 * 8 + 4.0), ("step", 1 * 2 + 3 * 6.0)])
def test_a_flow_is_integrated_as_it_is_interpolated(how, litres):
    profile = Profile([(0.0, 1.0), (2.0, 3.0), (8.0, 3.0)], how)
    exact = np.trapezoid([1, 3, 3], [0, 2, 8]) if how == "linear" else litres
    assert fed(profile, 0.0, 8.0) == pytest.approx(exact)
    assert fed(profile, 5.0, 5.0) == 0.0


def volumes(*values, **changes):
    times = [0.0, 10.0][: len(values)]
    rows = pd.DataFrame({"time_h": times, "quantity": "volume", "value": values})
    return Run("R1", rows, **changes)


def test_volumes_that_feeds_and_samples_explain_close():
    feed = {"feed_rate": Profile([(0.0, 0.02), (10.0, 0.02)])}
    sample = [Event(5.0, "sample", "volume", 0.1)]
    assert not list(volume_findings(volumes(1.0, 1.1, profiles=feed, events=sample)))
    (finding,) = volume_findings(volumes(1.0, 2.1, profiles=feed, events=sample))
    assert finding.time == 10.0 and "add up to 1.1 L" in finding.what


def test_carbon_from_nowhere_is_noticed():
    table = {"time_h": [0.0, 0.0, 9.0, 9.0], "quantity": ["glucose", "ethanol"] * 2}
    closed = pd.DataFrame({**table, "value": [10.0, 0.0, 0.0, 5.1]})
    assert not list(carbon_findings(Run("R1", closed)))
    (finding,) = carbon_findings(Run("R1", closed.assign(value=[10.0, 0.0, 0.0, 51.0])))
    assert "carbon balance does not close" in finding.what


def filled(settings=None, rate=0.0, events=(), until=120.0):
    profiles = {"feed_rate": Profile([(0.0, rate), (until, 0.0)], "step")} if rate else {}
    run = Run("R1", settings=settings or {}, events=events, profiles=profiles)
    return [f"{item.what} {item.what_to_do}" for item in filling_findings(run)]


def test_a_feed_into_a_vessel_of_unknown_volume_is_asked():
    feed = [Event(72.0, "bolus", "volume", 0.06, of="Feed A")]
    assert "Feed A is added, and no volume" in filled(events=feed)[0]
    assert not filled({"initial_volume": 2.0}, events=feed) and not filled()


def test_more_feed_than_a_vessel_holds_is_said_with_the_likely_slip():
    assert "head the column (mL/d)" in filled({"initial_volume": 2.0}, rate=0.06)[0]
    assert not filled({"initial_volume": 2.0}, rate=0.006)
    assert not filled({"initial_volume": 2.0, "perfusion": "yes"})


def test_samples_larger_than_the_vessel_are_said():
    taken = [Event(hour, "sample", "volume", 1.5) for hour in (24.0, 48.0)]
    assert "samples take 3 L out of 2 L" in filled({"initial_volume": 2.0}, events=taken)[0]
