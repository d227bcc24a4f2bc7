"""One cell of a sheet: numbers, limits, gaps, moments and durations as laboratories type them."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

Cell = Any  # str, float, datetime or None, as files give them

MISSING = frozenset(
    [
        "",
        "-",
        "--",
        "---",
        "–",
        "—",
        ".",
        "..",
        "...",
        "?",
        "na",
        "n/a",
        "n.a.",
        "n.a",
        "nan",
        "null",
        "none",
        "nil",
        "missing",
        "void",
        "empty",
        "#n/a",
        "#na",
        "#div/0!",
        "#value!",
        "#ref!",
        "#num!",
        "#name?",
        "#null!",
        "nm",
        "n.m.",
        "not measured",
        "not determined",
        "not analysed",
        "not analyzed",
        "not sampled",
        "not tested",
        "no sample",
        "no data",
        "no value",
        "failed",
        "error",
        "pending",
        "tbd",
        "x",
        "inf",
        "-inf",
        "-nan(ind)",
        "over",
        "ovr",
        "out of range",
        "o.o.r.",
        "nicht gemessen",
        "<na>",
        "nat",
    ]
)
UNDETECTED = frozenset(
    [
        "n.d.",
        "nd",
        "n.d",
        "n. d.",
        "not detected",
        "none detected",
        "bdl",
        "blq",
        "bloq",
        "bql",
        "blod",
        "lod",
        "loq",
        "<lod",
        "< lod",
        "<loq",
        "< loq",
        "<lloq",
        "< lloq",
        "<llod",
        "<dl",
        "< dl",
        "<bg",
        "below lod",
        "below loq",
        "below detection",
        "below detection limit",
        "below limit",
        "n.q.",
        "nq",
        "n.n.",
        "n.b.",
        "trace",
        "traces",
        "nicht nachweisbar",
        "u.n.g.",
        ">uloq",
        "> uloq",
        "aloq",
    ]
)
NUMBER = r"[+-]?(?:\d[\d.,'’\u00a0\u202f ]*|[.,]\d+)(?:\s?[eE][+-]?\d+)?"
PLAIN = re.compile(NUMBER)
SIMPLE = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,15})?")
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
    r"(?:<|below)\s*(?:LOD|LOQ|LLOQ|LLOD|DL|QL)\s*[(\[=:]?\s*[<=]?\s*(\d[^()\[\]]*)[)\]]?", re.I
)
BELOW = {"<", "<=", "≤", "&lt;"}


class Reading(NamedTuple):
    """
    What one cell says.

    ``kind`` is number, missing, undetected or text; ``flag`` is blank, below, above or between.
    """

    kind: str
    value: float = math.nan
    flag: str = ""
    upper: float = math.nan
    sd: float = math.nan
    unit: str = ""


GAP = Reading("missing")


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
    if not PLAIN.fullmatch(text):
        return None
    text = re.sub(r"(?<=\d)['’\u00a0\u202f ](?=\d{3}(?!\d))", "", text)
    text = re.sub(r"\s(?=[eE])", "", text)
    comma, dot = text.count(","), text.count(".")
    if comma and dot:
        thousands = "," if text.rfind(".") > text.rfind(",") else "."
        text = text.replace(thousands, "")
    elif comma + dot:
        sign = "," if comma else "."
        grouped = re.fullmatch(rf"[+-]?[1-9]\d{{0,2}}(\{sign}\d{{3}})+", text)
        if grouped and (text.count(sign) > 1 or sign != decimal):
            text = text.replace(sign, "")
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def decimal_sign(cells: Iterable[Cell], delimiter: str) -> str:
    """
    Find the decimal sign of a sheet from all of its cells.

    Examples
    --------
    >>> decimal_sign(["0,5", "1,25", "Batch 1"], ";")
    ','
    """
    commas = dots = open_commas = 0
    for cell in cells:
        if isinstance(cell, (float, int)):
            dots += isinstance(cell, float)
            continue
        if not isinstance(cell, str) or not ("," in cell or "." in cell):
            continue
        text = re.sub(r"^[<>=≤≥\s]+|\s*[A-Za-z%°].*$", "", cell.strip())
        if not PLAIN.fullmatch(text):
            continue
        last = "," if text.rfind(",") > text.rfind(".") else "."
        sure = ("," in text and "." in text) or not re.fullmatch(
            r"[+-]?[1-9]\d{0,2}([.,]\d{3})+", text
        )
        if text.count(last) > 1:
            last, sure = ("." if last == "," else ","), True
        commas += sure and last == ","
        dots += sure and last == "."
        open_commas += not sure and last == ","
    if commas != dots:
        return "," if commas > dots else "."
    return "," if open_commas and delimiter in (";", "\t") else "."


def read_cell(cell: Cell, decimal: str = ".") -> Reading:
    """
    Say what a cell holds.

    Parameters
    ----------
    cell : str, number, datetime or None
    decimal : {".", ","}
        Decimal sign of the sheet.

    Returns
    -------
    Reading

    Examples
    --------
    >>> read_cell("<0.2")[:3]
    ('number', 0.2, 'below')
    >>> read_cell("< LOQ (5 mg/L)")[:3]
    ('number', 5.0, 'below')
    >>> read_cell("n.d.").kind, read_cell("4.2 g/L").unit
    ('undetected', 'g/L')
    """
    if cell is None:
        return GAP
    if isinstance(cell, (bool, np.bool_)):
        return Reading("text")
    if isinstance(cell, (int, float, np.integer, np.floating)):
        value = float(cell)
        return Reading("number", value) if math.isfinite(value) else GAP
    if not isinstance(cell, str):
        return Reading("text")
    if decimal == "." and SIMPLE.fullmatch(cell):
        return Reading("number", float(cell))
    text = cell.strip().rstrip("*†‡ ")
    if match := NAMED_LIMIT.fullmatch(text):  # '<LOQ (5)' is '<5'
        text = f"<{match.group(1)}"
    if text.lower() in MISSING:
        return GAP
    if text.lower() in UNDETECTED:
        return Reading("undetected")
    plain = to_number(text, decimal)
    if plain is not None:
        return Reading("number", plain) if math.isfinite(plain) else GAP
    if match := LIMIT.fullmatch(text):
        limit = to_number(match.group(2), decimal)
        if limit is not None:
            flag = "below" if match.group(1) in BELOW else "above"
            return Reading("number", limit, flag, unit=match.group(3).strip())
    if match := WITH_SD.fullmatch(text):
        middle, sd = (to_number(part, decimal) for part in match.groups())
        if middle is not None and sd is not None:
            return Reading("number", middle, sd=sd)
    if match := INTERVAL.fullmatch(text):
        low, high = (to_number(part, decimal) for part in match.groups())
        if low is not None and high is not None and low < high:
            return Reading("number", low, "between", upper=high)
    if match := WITH_UNIT.fullmatch(text):
        stated = to_number(match.group(1), decimal)
        if stated is not None and _short(match.group(2)):
            return Reading("number", stated, unit=match.group(2).strip())
    return Reading("text")


def _short(text: str) -> bool:
    return len(text) <= 20 and len(text.split()) <= 3


DATE = re.compile(
    r"(?P<a>\d{1,4})(?P<sep>[-/.])(?P<b>\d{1,2})(?P=sep)(?P<c>\d{1,4})"
    r"|(?P<day>\d{1,2})[-\s./]*(?P<month>[A-Za-z]{3,9})\.?[-\s.,/]*(?P<year>\d{2,4})"
    r"|(?P<month2>[A-Za-z]{3,9})\.?\s+(?P<day2>\d{1,2}),?\s+(?P<year2>\d{4})"
)
CLOCK = re.compile(
    r"(?P<h>\d{1,2})[:h](?P<m>\d{2})(?::(?P<s>\d{2})(?P<f>[.,]\d+)?)?\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
    r"\s*(?:Uhr)?\s*(?P<zone>Z|UTC|[+-]\d{2}:?\d{2})?"
)
DURATION = re.compile(r"(?:(\d+)\s*(?:d|days?|\.)[ ,]*)?(\d+):(\d{2})(?::(\d{2})(?:[.,](\d+))?)?")
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan",
            "feb",
            "mar mrz mär",
            "apr",
            "may mai",
            "jun",
            "jul",
            "aug",
            "sep",
            "oct okt",
            "nov",
            "dec dez",
        ),
        1,
    )
    for name in names.split()
}


def date_order(cells: Iterable[Cell]) -> str | None:
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
            if match["sep"] == ".":
                return "day"
            if int(match["a"]) > 12:
                return "day"
            if int(match["b"]) > 12:
                return "month"
    return None


def to_moment(cell: Cell, order: str = "day") -> dt.datetime | None:
    """
    Read a date, with or without a time of day; None if the cell is none.

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
        if cell != cell:  # NaT
            return None
        zone = cell.utcoffset()
        return (cell - zone).replace(tzinfo=None) if zone is not None else cell
    if isinstance(cell, dt.date):
        return dt.datetime(cell.year, cell.month, cell.day)
    if not isinstance(cell, str):
        return None
    text = cell.strip()
    match = DATE.match(text)
    if not match:
        return None
    if match["a"]:
        first, second, third = match["a"], match["b"], match["c"]
        if len(first) == 4:
            year, month, day = first, second, third
        elif order == "month" and match["sep"] != ".":
            month, day, year = first, second, third
        else:
            day, month, year = first, second, third
    else:
        day, year = match["day"] or match["day2"], match["year"] or match["year2"]
        month = str(MONTHS.get((match["month"] or match["month2"])[:3].lower(), 0))
    if len(year) not in (2, 4) or not (1 <= int(month) <= 12):
        return None
    rest = text[match.end() :].strip(" ,T\u00a0")
    hours = CLOCK.fullmatch(rest) if rest else None
    if rest and hours is None:
        return None
    try:
        moment = dt.datetime(int(year) + (2000 if len(year) == 2 else 0), int(month), int(day))
    except ValueError:
        return None
    return moment + _clock(hours) if hours else moment


def _clock(match: re.Match[str]) -> dt.timedelta:
    hours = int(match["h"])
    if match["half"]:
        hours = hours % 12 + (12 if match["half"][0] in "pP" else 0)
    seconds = float(match["s"] or 0) + float((match["f"] or "0").replace(",", "."))
    shift = dt.timedelta(hours=hours, minutes=int(match["m"]), seconds=seconds)
    zone = match["zone"]
    if zone and zone not in ("Z", "UTC"):
        digits = zone.replace(":", "")
        behind = dt.timedelta(hours=int(digits[1:3]), minutes=int(digits[3:5]))
        shift -= behind if digits[0] == "+" else -behind
    return shift


def to_clock(cell: Cell) -> dt.timedelta | None:
    """
    Read a time of day as the time since midnight; None if the cell is none.

    Examples
    --------
    >>> to_clock("2:30 PM").total_seconds() / 3600
    14.5
    """
    if isinstance(cell, dt.datetime):
        return dt.timedelta(hours=cell.hour, minutes=cell.minute, seconds=cell.second)
    if isinstance(cell, dt.time):
        return dt.timedelta(hours=cell.hour, minutes=cell.minute, seconds=cell.second)
    match = CLOCK.fullmatch(cell.strip()) if isinstance(cell, str) else None
    return _clock(match) if match else None


def to_duration(cell: Cell) -> float | None:
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
    match = DURATION.fullmatch(cell.strip()) if isinstance(cell, str) else None
    if not match:
        return None
    days, hours, minutes, seconds, fraction = match.groups()
    parts = int(seconds or 0) + float(f"0.{fraction}" if fraction else 0)
    return 24.0 * int(days or 0) + int(hours) + int(minutes) / 60.0 + parts / 3600.0


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
