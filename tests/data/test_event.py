import math

import pytest

from bayesbio.data import Above, Below, Event
from bayesbio.errors import DataError


@pytest.mark.parametrize(
    "event",
    [
        Event(72.0, "bolus", "glucose", 4.0),
        Event("induction_time", "switch", "feed_rate", 0.02, delay="pump_delay"),
        Event(Below("glucose", "limit"), "stop"),
        Event(Above("lactate", 4.0), "switch", "feed_rate", 0.0),
    ],
    ids=str,
)
def test_an_event_survives_plain_data(event):
    assert Event.from_dict(event.to_dict()) == event


def test_only_numbers_have_an_hour():
    assert Event(3.0, "bolus", "glucose", 1.0, delay=0.5).hour == 3.5
    assert math.isnan(Event("start", "bolus", "glucose", 1.0).hour)
    assert Event("start", "bolus", "glucose", "dose").names == ("start", "dose")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((float("nan"), "bolus", "glucose", 1.0), "must be finite numbers"),
        (("not a name", "bolus", "glucose", 1.0), "expected a number, or the name"),
        ((1.0, "bolus"), "names no quantity"),
        ((Below("glucose", 0.1), "stop", "", 0.0, 2.0), "cannot be delayed"),
    ],
)
def test_an_event_that_cannot_be_is_refused(arguments, sentence):
    with pytest.raises(DataError, match=sentence):
        Event(*arguments)
