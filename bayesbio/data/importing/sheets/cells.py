"""One cell of a sheet: a number, a limit, an interval, a gap, or text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

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
        except OverflowError:
            return TEXT
        return Reading("number", value) if math.isfinite(value) else GAP
    if not isinstance(cell, str) or len(cell) > LONGEST:
        return TEXT
    if decimal == "." and SIMPLE.fullmatch(cell):
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
