import datetime as dt
import math

import numpy as np
import pytest

from bayesbio.data.importing.sheets.cells import (
    date_order,
    decimal_evidence,
    is_blank,
    plain_text,
    read_cell,
    to_clock,
    to_duration,
    to_moment,
    to_number,
)
from bayesbio.data.importing.sheets.dialect import dialect_named

WORDS = dialect_named(None).cells


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.234,5", 1234.5),
        ("1,234.5", 1234.5),
        ("12,500,000", 12.5e6),
        ("1'440", 1440.0),
        ("1 440", 1440.0),
        ("−0.5", -0.5),
        (",5", 0.5),
        ("1.2E-3", 0.0012),
        ("7 E5", 7e5),
        ("1.2.3", None),
        ("R1", None),
        ("1" * 200, None),
    ],
)
def test_numbers_are_read_in_every_notation(text, value):
    assert to_number(text) == value


@pytest.mark.parametrize(
    ("text", "kind", "value", "flag"),
    [
        ("<0.2", "number", 0.2, "below"),
        ("≥ 7", "number", 7.0, "above"),
        ("< LLOQ [0.5]", "number", 0.5, "below"),
        (">ULOQ (10)", "number", 10.0, "above"),
        ("above UQL = 5", "number", 5.0, "above"),
        ("1.5 ± 0.1", "number", 1.5, ""),
        ("2 .. 3", "number", 2.0, "between"),
        ("4.2*", "number", 4.2, ""),
        ("98 %", "number", 98.0, ""),
        ("n.d.", "undetected", math.nan, ""),
        ("<<<", "undetected", math.nan, ""),
        (">ULOQ", "over_range", math.nan, ""),
        ("OVR", "over_range", math.nan, ""),
        ("over", "over_range", math.nan, ""),
        (">>>>", "over_range", math.nan, ""),
        ("o.o.r.", "out_of_range", math.nan, ""),
        ("#DIV/0!", "missing", math.nan, ""),
        ("", "missing", math.nan, ""),
        ("abc", "text", math.nan, ""),
        ("9" * 1_000_000, "text", math.nan, ""),
    ],
)
def test_a_cell_is_a_number_a_limit_a_gap_or_text(text, kind, value, flag):
    reading = read_cell(text, words=WORDS)
    assert (reading.kind, reading.flag) == (kind, flag)
    assert reading.value == value or math.isnan(value)


@pytest.mark.parametrize(
    ("cell", "kind"),
    [
        (None, "missing"),
        (np.nan, "missing"),
        (10**400, "text"),
        (True, "text"),
        (np.int64(3), "number"),
    ],
    ids=str,
)
def test_stored_values_are_taken_as_they_are(cell, kind):
    assert read_cell(cell).kind == kind


def test_texts_alone_tell_the_decimal_sign():
    assert decimal_evidence([0.5, 7.05, "1,234"]) == {",": 0, ".": 0, "open": 1}
    assert decimal_evidence(["1,234,567", "1.234.567"]) == {",": 1, ".": 1, "open": 0}


def test_a_number_that_can_be_read_in_two_ways_is_marked_in_a_doubtful_sheet():
    assert read_cell("1,234", doubt=True).doubtful and not read_cell("1,234").doubtful
    assert read_cell("<1,234", doubt=True).doubtful
    assert not read_cell("1,23", doubt=True).doubtful


def test_names_are_one_line_without_control_characters():
    assert plain_text("R\x1b[31m1\n\t[/x]") == "R [31m1 [/x]"
    assert is_blank(" \t") and not is_blank(0)


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
