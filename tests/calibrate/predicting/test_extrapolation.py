"""Predictions that leave what was studied."""

import pandas as pd

from bayesbio.calibrate.predicting.extrapolation import outside_studied
from bayesbio.data import Campaign, Columns, ColumnUse, Event, Profile, Run
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


def test_boluses_and_days_are_compared_in_the_units_of_the_sheet():
    uses = [ColumnUse("Day", "time", "time", "d", "h")]
    uses += [ColumnUse("Feed A (mL)", "bolus", "volume", "mL", "L")]
    fed = [Event(9.0, "bolus", "volume", 0.06), Event(24.0, "bolus", "volume", 0.1)]
    known = Campaign([Run("R1", ROWS, events=fed)], columns=Columns(uses))
    more = [Event(9.0, "bolus", "volume", 0.15), Event(9.0, "bolus", "substrate", 1.0)]
    assert outside_studied([Run("new", events=more)], known, 72.0, FedBatchCulture()) == [
        [
            "a bolus of volume is 150 mL, studied were 60 to 100 mL",
            "a bolus of substrate was added to no run studied",
            "3 d come after the last reading, 2 d",
        ]
    ]
    assert outside_studied([Run("new", events=fed)], known, 48.0, FedBatchCulture()) == [[]]


def test_a_feed_beyond_the_volumes_or_contents_studied_is_named():
    def fed(volume, glucose):
        amounts = [("volume", volume), ("glucose", volume * glucose)]
        return [Event(72.0, "bolus", what, value, of="Feed A") for what, value in amounts]

    known = Campaign([Run("R1", events=fed(0.06, 70.0)), Run("R2", events=fed(0.1, 70.0))])
    plans = [Run("more", events=fed(0.15, 70.0)), Run("richer", events=fed(0.08, 90.0))]
    more, richer = outside_studied(plans, known, 72.0, FedBatchCulture())
    assert more == ["a bolus of Feed A is 0.15 L, studied were 0.06 to 0.1 L"]
    assert richer == ["glucose in Feed A is 90 g/L, studied was 70 g/L"]
    amounts = [
        Event(72.0, "bolus", "volume", 0.06, of="Feed A"),
        Event(72.0, "bolus", "glucose", 4.2),
    ]
    apart = Campaign([Run("R1", events=amounts)])
    same = [Run("same", events=fed(0.06, 70.0))]
    assert outside_studied(same, apart, 72.0, FedBatchCulture()) == [[]]
