import numpy as np
import pandas as pd
import pytest

from bayesbio.data import Event, Profile, Run
from bayesbio.data.checks.balances import carbon_findings, fed, volume_findings


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
