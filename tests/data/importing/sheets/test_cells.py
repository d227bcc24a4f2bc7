import math

import numpy as np
import pytest

from bayesbio.data.importing.sheets.cells import (
    decimal_evidence,
    is_blank,
    plain_text,
    read_cell,
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
