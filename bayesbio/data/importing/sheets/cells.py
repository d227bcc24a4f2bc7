"""One cell of a sheet: a number, a limit, an interval, a date, a duration, a gap, or text."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from dateutil import parser

Cell = Any  # str, float, datetime or None, as files give them

LONGEST = 100  # characters of a cell that may be a number
NUMBER = r"[+-]?(?:\d[\d.,'’\u00a0\u202f ]*|[.,]\d+)(?:\s?[eE][+-]?\d+)?"
PLAIN = re.compile(NUMBER)
SIMPLE = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,20})?")
GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([.,]\d{3})+")
LIMIT = re.compile(rf"(<=|>=|≤|≥|<|>|&lt;|&gt;)\s*({NUMBER})\s*(.*)")
INTERVAL = re.compile(rf"({NUMBER})\s*(?:\.\.|…|–| to )\s*({NUMBER})")
WITH_SD = re.compile(rf"({NUMBER})\s*(?:±|\+/-|\+-)\s*({NUMBER})")
WITH_UNIT = re.compile(rf"({NUMBER})\s*([A-Za-z%°µμ].*)")
FORMAT_WORDS = re.compile(
    r"(hh?[:.]mm([:.]ss)?|[dmy]{1,4}[-./][dmy]{1,4}[-./][dmy]{2,4}.*|text|string|id|#|name|date|"
    r"date.?time|datetime|iso.*|number|num|-)",
    re.IGNORECASE,
)
NAMED_LIMIT = re.compile(
    r"(?:(?P<below><|below)\s*(?:LOD|LOQ|LLOQ|LLOD|DL|QL)|(?P<above>>|above)\s*(?:ULOQ|UQL|LOL))"
    r"\s*[(\[=:]?\s*[<>=]?\s*(?P<limit>\d[^()\[\]]*)[)\]]?",
    re.I,
)
BELOW = {"<", "<=", "≤", "&lt;"}
NOT_VALUES = ("undetected", "over_range", "out_of_range")  # readings without a number


class Reading(NamedTuple):
    """
    What one cell holds.

    ``kind`` is number, missing, undetected, over_range, out_of_range or text; ``flag`` is blank,
    below, above or between; ``doubtful`` marks 1,234 in a sheet that leaves the decimal sign open.
    """

    kind: str
    value: float = math.nan
    flag: str = ""
    upper: float = math.nan
    sd: float = math.nan
    unit: str = ""
    doubtful: bool = False


GAP = Reading("missing")
TEXT = Reading("text")


def to_number(text: str, decimal: str = ".") -> float | None:
    """
    Read a number with either decimal sign and with thousands, or give None.

    Parameters
    ----------
    text : str
    decimal : {".", ","}
        The decimal sign of the sheet; it decides only where the text itself leaves it open.

    Examples
    --------
    >>> to_number("1.234,5"), to_number("1,234"), to_number("1,234", ","), to_number("0,5")
    (1234.5, 1234.0, 1.234, 0.5)
    """
    text = text.strip().replace("\u2212", "-")
    if len(text) > LONGEST or not PLAIN.fullmatch(text):
        return None
    text = re.sub(r"(?<=\d)['’\u00a0\u202f ](?=\d{3}(?!\d))", "", text)
    text = re.sub(r"\s(?=[eE])", "", text)
    comma, dot = text.count(","), text.count(".")
    if comma and dot:
        thousands = "," if text.rfind(".") > text.rfind(",") else "."
        text = text.replace(thousands, "")
    elif comma + dot:
        sign = "," if comma else "."
        if GROUPED.fullmatch(text) and (text.count(sign) > 1 or sign != decimal):
            text = text.replace(sign, "")
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def decimal_evidence(cells: Iterable[Cell]) -> dict[str, int]:
    """
    Count what the texts of a column say about the decimal sign.

    Numbers that are stored as numbers say nothing about how texts are written.

    Returns
    -------
    dict
        Sure decimal commas, sure decimal dots, and texts such as 1,234 that may be either.

    Examples
    --------
    >>> decimal_evidence(["0,5", "1,234", 0.5])
    {',': 1, '.': 0, 'open': 1}
    """
    counts = {",": 0, ".": 0, "open": 0}
    for cell in cells:
        if not isinstance(cell, str) or len(cell) > LONGEST or not ("," in cell or "." in cell):
            continue
        text = re.sub(r"^[<>=≤≥\s]+|\s*[A-Za-z%°].*$", "", cell.strip())
        if not PLAIN.fullmatch(text):
            continue
        last = "," if text.rfind(",") > text.rfind(".") else "."
        if text.count(last) > 1:  # 1.234.567 groups by dots
            counts["." if last == "," else ","] += 1
        elif ("," in text and "." in text) or not GROUPED.fullmatch(text):
            counts[last] += 1
        else:
            counts["open"] += last == ","
    return counts


def read_cell(
    cell: Cell, decimal: str = ".", words: Mapping[str, str] | None = None, *, doubt: bool = False
) -> Reading:
    """
    Read what a cell holds.

    Parameters
    ----------
    cell : str, number, datetime or None
    decimal : {".", ","}
        Decimal sign of the sheet.
    words : mapping of text to kind, optional
        Texts in place of a number, as in the dialect.
    doubt : bool
        The sheet leaves its decimal sign open: mark 1,234.

    Returns
    -------
    Reading

    Examples
    --------
    >>> read_cell("<0.2")[:3]
    ('number', 0.2, 'below')
    >>> read_cell("< LOQ (5 mg/L)")[:3], read_cell(">ULOQ (10)")[:3]
    (('number', 5.0, 'below'), ('number', 10.0, 'above'))
    >>> read_cell("n.d.", words={"n.d.": "undetected"}).kind, read_cell("4.2 g/L").unit
    ('undetected', 'g/L')
    """
    if cell is None:
        return GAP
    if isinstance(cell, (int, float, np.integer, np.floating)) and not isinstance(cell, bool):
        try:
            value = float(cell)
            if value <= -999.0 and (words or {}).get(f"{value:g}") == "missing":
                return GAP
        except OverflowError:
            return TEXT
        return Reading("number", value) if math.isfinite(value) else GAP
    if not isinstance(cell, str) or len(cell) > LONGEST:
        return TEXT
    if decimal == "." and not cell.startswith("-99") and SIMPLE.fullmatch(cell):
        return Reading("number", float(cell))
    text = cell.strip().rstrip("*†‡ ")
    if match := NAMED_LIMIT.fullmatch(text):  # '<LOQ (5)' is '<5'
        text = f"{'<' if match['below'] else '>'}{match['limit']}"
    if not text:
        return GAP
    kind = (words or {}).get(text.lower())
    if kind is not None:
        return GAP if kind == "missing" else Reading(kind)
    if re.fullmatch(r"[<>]{2,}", text):
        return Reading("over_range" if text[0] == ">" else "undetected")
    reading = _number(text, decimal)
    if doubt and reading.kind == "number" and decimal_evidence([text])["open"]:
        return reading._replace(doubtful=True)
    return reading


def _number(text: str, decimal: str) -> Reading:
    """Read a number, a limit, a number with its spread or unit, or an interval."""
    plain = to_number(text, decimal)
    if plain is not None:
        return Reading("number", plain) if math.isfinite(plain) else GAP
    if match := LIMIT.fullmatch(text):
        limit = to_number(match.group(2), decimal)
        if limit is not None:
            flag = "below" if match.group(1) in BELOW else "above"
            return Reading("number", limit, flag, unit=match.group(3).strip())
    for pattern in (WITH_SD, INTERVAL):
        if match := pattern.fullmatch(text):
            first, second = (to_number(part, decimal) for part in match.groups())
            if first is None or second is None:
                continue
            if pattern is WITH_SD:
                return Reading("number", first, sd=second)
            if first < second:
                return Reading("number", first, "between", upper=second)
    if match := WITH_UNIT.fullmatch(text):
        stated, unit = to_number(match.group(1), decimal), match.group(2).strip()
        if stated is not None and len(unit) <= 20 and len(unit.split()) <= 3:
            return Reading("number", stated, unit=unit)
    return TEXT


def is_blank(cell: Cell) -> bool:
    """
    Tell whether a cell is empty.

    Examples
    --------
    >>> is_blank(" "), is_blank(0.0)
    (True, False)
    """
    if cell is None:
        return True
    if isinstance(cell, str):
        return not cell.strip()
    return isinstance(cell, float) and math.isnan(cell)


def plain_text(cell: Cell) -> str:
    """
    Give a cell as one line of text: whole numbers without point, control characters as spaces.

    Examples
    --------
    >>> plain_text(3.0), plain_text(" R 1 "), plain_text(None)
    ('3', 'R 1', '')
    """
    if is_blank(cell):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", str(cell)).strip()


LONGEST_DATE = 60  # characters of a date with its time
DATE = re.compile(
    r"(?P<a>\d{1,4})(?P<sep>[-/.])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{1,4})(?!\d)"
    r"|\d{1,2}[-\s./]*[A-Za-zä]{3,9}\.?[-\s.,/]*\d{2,4}(?!\d)"
    r"|[A-Za-zä]{3,9}\.?\s+\d{1,2},?\s+\d{4}(?!\d)"
)
CLOCK = re.compile(
    r"(?P<h>\d{1,2})[:h](?P<m>\d{2})(?::(?P<s>\d{2})(?:[.,]\d+)?)?\s*(?:[AaPp]\.?[Mm]\.?)?"
    r"\s*(?:Uhr)?\s*(?:Z|UTC|[+-]\d{2}:?\d{2})?"
)
DURATION = re.compile(r"(?:(\d+)\s*(?:d|days?|\.)[ ,]*)?(\d+):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?")
WEEKDAY = re.compile(
    r"^(mon|tues?|wednes|thurs?|fri|satur|sun|mo|di|mi|do|fr|sa|so|wed|thu|sat)(day|tag)?[.,]\s*",
    re.IGNORECASE,
)
COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})[ T_-](\d{2})(\d{2})(\d{2})")  # 20260314 093000
MIDNIGHT = dt.datetime(2000, 1, 1)


class _Words(parser.parserinfo):
    """English and German months."""

    MONTHS = [  # noqa: RUF012 - as dateutil declares it
        ("Jan", "January", "Januar"),
        ("Feb", "February", "Februar"),
        ("Mar", "March", "Mrz", "Mär", "März"),
        ("Apr", "April"),
        ("May", "Mai"),
        ("Jun", "June", "Juni"),
        ("Jul", "July", "Juli"),
        ("Aug", "August"),
        ("Sep", "Sept", "September"),
        ("Oct", "October", "Okt", "Oktober"),
        ("Nov", "November"),
        ("Dec", "December", "Dez", "Dezember"),
    ]


WORDS = _Words()


def date_order(cells: Iterable[Any]) -> str | None:
    """
    Tell whether dates such as 03/04/2024 put the day or the month first; None if it stays open.

    Examples
    --------
    >>> date_order(["03/04/2024", "17/04/2024"]), date_order(["03/04/2024"])
    ('day', None)
    """
    for cell in cells:
        match = DATE.match(cell.strip()) if isinstance(cell, str) else None
        if match and match["a"] and len(match["a"]) < 3:
            if match["sep"] == "." or int(match["a"]) > 12:
                return "day"
            if int(match["b"]) > 12:
                return "month"
    return None


def to_moment(cell: Any, order: str = "day") -> dt.datetime | None:
    """
    Read a date, with or without a time of day, in UTC where a zone is given; None if it is none.

    Parameters
    ----------
    cell : str, datetime or None
    order : {"day", "month"}
        What comes first in 03/04/2024.

    Examples
    --------
    >>> to_moment("2024-03-01 08:30").isoformat(), to_moment("1.3.24 8:30").isoformat()
    ('2024-03-01T08:30:00', '2024-03-01T08:30:00')
    """
    if isinstance(cell, dt.datetime):
        return _without_zone(cell) if cell == cell else None  # NaT is unlike itself
    if isinstance(cell, dt.date):
        return dt.datetime(cell.year, cell.month, cell.day)
    text = cell.strip() if isinstance(cell, str) and len(cell) <= LONGEST_DATE else ""
    text = WEEKDAY.sub("", text) if text[:1].isalpha() else text
    match = DATE.match(text)
    if not match:
        return _compact(text)
    rest = text[match.end() :].strip(" ,T\u00a0")
    if rest and not CLOCK.fullmatch(rest):
        return None
    if match["c"] and not {len(match["a"]), len(match["c"])} & {2, 4}:
        return None
    year_first = len(match["a"] or "") == 4
    day_first = not year_first and (order == "day" or match["sep"] == ".")
    try:
        date = parser.parse(match.group(), WORDS, dayfirst=day_first, yearfirst=year_first)
    except (ValueError, OverflowError):
        return None
    if match["a"] and not year_first and date.day != int(match["a" if day_first else "b"]):
        return None  # dateutil exchanges day and month where the month is above 12
    clock = to_clock(rest) if rest else dt.timedelta(0)
    return None if clock is None else dt.datetime(date.year, date.month, date.day) + clock


def _compact(text: str) -> dt.datetime | None:
    """Read a date and time without any sign between their digits."""
    match = COMPACT.fullmatch(text)
    try:
        return dt.datetime(*map(int, match.groups())) if match else None  # type: ignore[arg-type]
    except ValueError:
        return None


def _without_zone(moment: dt.datetime) -> dt.datetime:
    zone = moment.utcoffset()
    return moment if zone is None else (moment - zone).replace(tzinfo=None)


def to_clock(cell: Any) -> dt.timedelta | None:
    """
    Read a time of day as the time since midnight; None if the cell is none.

    Examples
    --------
    >>> to_clock("2:30 PM").total_seconds() / 3600
    14.5
    """
    if isinstance(cell, dt.datetime | dt.time):
        return dt.timedelta(hours=cell.hour, minutes=cell.minute, seconds=cell.second)
    text = cell.strip() if isinstance(cell, str) and len(cell) <= LONGEST_DATE else ""
    match = CLOCK.fullmatch(text)
    if match is None or int(match["h"]) > 24:
        return None
    plain = re.sub(r"\s*Uhr", "", text).replace(",", ".")
    plain = re.sub(r"^(\d{1,2})h", r"\1:", plain)
    try:
        return _without_zone(parser.parse(plain, WORDS, default=MIDNIGHT)) - MIDNIGHT
    except (ValueError, OverflowError):
        return None


def to_duration(cell: Any) -> float | None:
    """
    Read an elapsed time such as 26:30:00 or 1.02:30:00 in hours; None if the cell is none.

    Examples
    --------
    >>> to_duration("26:30:00"), to_duration("1 d 02:30")
    (26.5, 26.5)
    """
    if isinstance(cell, dt.timedelta):
        return cell.total_seconds() / 3600.0
    if isinstance(cell, dt.time):
        return cell.hour + cell.minute / 60.0 + cell.second / 3600.0
    text = cell.strip() if isinstance(cell, str) and len(cell) <= LONGEST_DATE else ""
    match = DURATION.fullmatch(text)
    if not match:
        return None
    days, hours, minutes, seconds, fraction = match.groups()
    parts = int(seconds or 0) + float(f"0.{fraction}" if fraction else 0)
    return 24.0 * int(days or 0) + int(hours) + int(minutes) / 60.0 + parts / 3600.0
