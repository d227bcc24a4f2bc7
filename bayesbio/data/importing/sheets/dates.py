"""Moments, times of day and durations, as laboratories type them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from typing import Any

from dateutil import parser

LONGEST = 60  # characters of a date with its time
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
    text = cell.strip() if isinstance(cell, str) and len(cell) <= LONGEST else ""
    match = DATE.match(text)
    if not match:
        return None
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
    text = cell.strip() if isinstance(cell, str) and len(cell) <= LONGEST else ""
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
    text = cell.strip() if isinstance(cell, str) and len(cell) <= LONGEST else ""
    match = DURATION.fullmatch(text)
    if not match:
        return None
    days, hours, minutes, seconds, fraction = match.groups()
    parts = int(seconds or 0) + float(f"0.{fraction}" if fraction else 0)
    return 24.0 * int(days or 0) + int(hours) + int(minutes) / 60.0 + parts / 3600.0
