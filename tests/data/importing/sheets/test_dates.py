import datetime as dt

import pytest

from bayesbio.data.importing.sheets.dates import date_order, to_clock, to_duration, to_moment

MARCH = dt.datetime(2024, 3, 1)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-03-01", MARCH),
        ("2024-03-01T08:30:00Z", MARCH.replace(hour=8, minute=30)),
        ("2024-03-01 08:30+02:00", MARCH.replace(hour=6, minute=30)),
        ("01.03.2024 8:30 Uhr", MARCH.replace(hour=8, minute=30)),
        ("1.3.24", MARCH),
        ("01-Mar-2024 08:30 PM", MARCH.replace(hour=20, minute=30)),
        ("1. März 2024", MARCH),
        ("March 1, 2024", MARCH),
        ("2024/03/01 08:30:15,5", dt.datetime(2024, 3, 1, 8, 30, 15, 500000)),
        ("31.02.2024", None),
        ("1.2.3", None),
        ("2024", None),
        ("12.5", None),
        ("Batch 1", None),
        ("01.03.2024 soon", None),
        ("1" * 100, None),
    ],
)
def test_moments_are_read_as_laboratories_write_them(text, moment):
    assert to_moment(text) == moment


def test_the_order_of_day_and_month_is_found_or_left_open():
    assert to_moment("03/04/2024", "month") == dt.datetime(2024, 3, 4)
    assert to_moment("03/04/2024", "day") == dt.datetime(2024, 4, 3)
    assert to_moment("17/04/2024", "month") is None
    assert date_order(["03/04/2024", "04/17/2024"]) == "month"
    assert date_order(["03.04.2024"]) == "day"


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("8:30", 8.5),
        ("8h30", 8.5),
        ("08:30:36 pm", 20.51),
        ("12:00 AM", 0.0),
        ("99:30", None),
        ("x", None),
    ],
)
def test_times_of_day_are_read(text, hours):
    clock = to_clock(text)
    assert clock is None if hours is None else clock.total_seconds() / 3600 == pytest.approx(hours)


def test_durations_are_read():
    assert to_duration("26:30:00") == 26.5 and to_duration("1.02:30:00") == 26.5
    assert to_duration(dt.timedelta(days=1)) == 24.0 and to_duration("soon") is None
