"""Predictions that leave what was studied."""

import pandas as pd

from bayesbio.calibrate.predicting.extrapolation import outside_studied
from bayesbio.data import Campaign, Profile, Run
from bayesbio.mechanistic import FedBatchCulture

ROWS = pd.DataFrame({"time_h": [1.0, 48.0], "quantity": "biomass", "value": [0.3, 5.0]})
FEED = {"feed_rate": Profile([(0.0, 0.1), (10.0, 0.3)], "step"), "stirrer": Profile([(0.0, 1.0)])}
KNOWN = Campaign([Run("R1", ROWS, {"pH": 7.0, "clone": "a"}, profiles=FEED)])


def reasons(settings=None, profiles=None, until=48.0):
    run = Run("new", settings=settings or {}, profiles=profiles or {})
    return outside_studied([run], KNOWN, until, FedBatchCulture())[0]


def test_inside_there_is_nothing_to_say():
    assert reasons({"pH": 7.0, "clone": "a"}, FEED) == []


def test_settings_groups_inputs_and_hours_are_compared():
    assert reasons({"pH": 7.2}) == ["pH is 7.2, studied was 7"]
    assert reasons({"clone": "b"}) == ["clone is 'b', studied were a"]
    assert reasons(until=50.0) == ["50 h come after the last reading, 48 h"]
    faster = {"feed_rate": Profile([(0.0, 0.4)]), "stirrer": Profile([(0.0, 9.0)])}
    assert reasons(profiles=faster) == ["feed_rate is 0.4, studied were 0.1 to 0.3"]
