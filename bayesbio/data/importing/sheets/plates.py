"""Plate readers: wells as rows with times in columns, blanks, and readings above the range."""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bayesbio.data.importing.sheets.cells import (
    Cell,
    decimal_evidence,
    is_blank,
    plain_text,
    to_duration,
    to_number,
)
from bayesbio.data.importing.sheets.dialect import Dialect
from bayesbio.data.importing.sheets.files import Sheet

WELL = re.compile(r"[A-P](0?[1-9]|1\d|2[0-4])")
PLATE_ROW = re.compile(r"[A-P]")
WORDED = re.compile(  # '0 h 30 min'
    r"(?:(?P<h>\d+(?:\.\d+)?)\s*h(?:ours?|rs?)?)?\s*(?:(?P<m>\d+(?:\.\d+)?)\s*min(?:utes?)?)?"
    r"\s*(?:(?P<s>\d+(?:\.\d+)?)\s*s(?:ec)?)?",
    re.IGNORECASE,
)
BLANK = re.compile(r"\b(blank|blk|negative control|media? only|medium only)\b", re.IGNORECASE)
CORRECTED = re.compile(r"blank[ -]?(corrected|subtracted)|corrected by blank", re.IGNORECASE)
CONTENT = ("content", "contents", "group", "layout")
CHANNEL = ("channel", "filterset", "filtername", "signal", "read", "measurement")
FEWEST = 3  # wells, or times, that make a table
HEAD = 4  # rows above the wells in which the times stand
EMISSION = re.compile(r"(?<![\d.])\d{3}\s*[,/-]\s*\d{3}(?![\d.])")  # 485,528
WAVELENGTHS = (200, 1100)  # nm


class Well(NamedTuple):
    """One reading of a well; ``number`` is its row in the file."""

    run: str
    time: Cell
    quantity: str
    value: Cell
    content: str
    number: int


class Plate(NamedTuple):
    """The readings of a plate, below each other, and what is said of them."""

    time: str  # the header of the times
    wells: list[Well]
    said: list[str]


def wells_in_rows(
    sheet: Sheet, dialect: Dialect, channels: Callable[[str], str] | None = None
) -> Plate | None:
    """
    Read tables with a well in each row and the times in columns.

    Parameters
    ----------
    sheet : Sheet
    dialect : Dialect
    channels : callable, optional
        Gives the name of a channel from its code or header.

    Returns
    -------
    Plate or None
        None where there is no such table.

    Examples
    --------
    >>> from bayesbio.data.importing.sheets.dialect import dialect_named
    >>> rows = [("Time [s]", 0, 900, 1800), *((well, 0.1, 0.2, 0.3) for well in ("A1", "A2", "A3"))]
    >>> plate = wells_in_rows(Sheet("OD600", tuple(rows), (1, 2, 3, 4)), dialect_named(None))
    >>> plate.time, plate.wells[1][:4]
    ('Time [s]', ('A1', 900, 'optical density', 0.2))
    """
    rows, numbers, name = sheet.rows, sheet.numbers, sheet.name
    wells: list[Well] = []
    said: list[str] = []
    header = "time"
    for first, last in _groups(rows):
        found = _times(rows, first, dialect)
        if found is None:
            continue
        header, times, top = found
        beside = [plain_text(cell) for cell in rows[top]]
        keys = [re.sub(r"[^a-z]", "", text.lower()) for text in beside]
        content = next((keys.index(word) for word in CONTENT if word in keys), None)
        channel = next((keys.index(word) for word in CHANNEL if word in keys), None)
        corrected = {place for place in times if CORRECTED.search(beside[place])}
        if corrected and len(corrected) < len(times):
            said.append("blank-corrected readings were taken, raw ones left out")
            times = {place: time for place, time in times.items() if place in corrected}
        quantity, how = measured(rows, top, name)
        for number in range(first, last):
            row = rows[number]
            what = plain_text(row[channel]) if channel is not None else quantity
            what = channels(what) if channels is not None and channel is not None else what
            group = plain_text(row[content]) if content is not None else ""
            wells += [
                Well(_well(row) or "", time, what, row[place], group, numbers[number])
                for place, time in times.items()
            ]
        what = f", of {quantity}{how}" if channel is None else " and their channels"
        said.append(f"{len({well.run for well in wells})} wells in rows{what}")
        decimal = _decimal(wells)
        wells, blanks = without_blanks(wells, corrected=bool(corrected), decimal=decimal)
        said += blanks
    return Plate(header, wells, said) if wells else None


def is_endpoint(rows: Sequence[Sequence[Cell]]) -> bool:
    """
    Tell whether a sheet holds a plate that was read once: a matrix, or a list of wells.

    Examples
    --------
    >>> is_endpoint([(None, "1", "2", "3"), ("A", "0.1", "0.2", "0.1"), ("B", "0.2", "0.2", "0.1")])
    True
    """
    for number, row in enumerate(rows[:-1]):
        filled = [plain_text(cell) for cell in row if not is_blank(cell)]
        counted = len(filled) >= FEWEST and filled == [str(n + 1) for n in range(len(filled))]
        below = [plain_text(cell) for cell in rows[number + 1] if not is_blank(cell)]
        if counted and below and below[0] == "A":
            return True
    places = range(max(map(len, rows), default=0))
    return any(
        sum(bool(WELL.fullmatch(plain_text(row[place]))) for row in rows if len(row) > place)
        >= FEWEST * 2
        for place in places
    )


def _well(row: Sequence[Cell]) -> str | None:
    """Give the well that a row begins with, in one cell or as a letter and a number."""
    there = itertools.filterfalse(is_blank, row)
    filled = [plain_text(cell) for cell in itertools.islice(there, 2)]
    if filled and WELL.fullmatch(filled[0]):
        return filled[0]
    if len(filled) == 2 and PLATE_ROW.fullmatch(filled[0]) and WELL.fullmatch("".join(filled)):
        return "".join(filled)
    return None


def _groups(rows: Sequence[Sequence[Cell]]) -> Iterator[tuple[int, int]]:
    """Give the first row and the one behind the last of wells that follow each other."""
    first = None
    for number, row in enumerate([*rows, ()]):
        if _well(row) is not None:
            first = number if first is None else first
            continue
        if first is not None and number - first >= FEWEST:
            yield first, number
        first = None


def _times(
    rows: Sequence[Sequence[Cell]], first: int, dialect: Dialect
) -> tuple[str, dict[int, Cell], int] | None:
    """Find above the wells the header of times, the time of each column, and the header row."""
    for number in range(first - 1, max(-1, first - 1 - HEAD), -1):
        row = rows[number]
        texts = [place for place, cell in enumerate(row) if _heads_a_time(cell, dialect)]
        if not texts:
            continue
        label = plain_text(row[texts[0]])
        times = {
            place: cell
            for place, cell in enumerate(row)
            if place > texts[0]
            and (to_number(plain_text(cell)) is not None or _hours(cell) is not None)
        }
        if len(times) < FEWEST:
            continue
        if any(to_number(plain_text(cell)) is None for cell in times.values()):
            times = {place: _hours(cell) for place, cell in times.items()}
            label = "Time [h]"
        heads = (n for n in range(number, max(-1, number - HEAD), -1) if _is_head(rows[n]))
        if (head := next(heads, None)) is not None:
            return label.strip(" ->"), times, head
        above = number - 1
        wide = sum(isinstance(cell, str) for cell in rows[above]) if above >= 0 else 0
        named = above if wide >= FEWEST and not _is_counter(rows[above]) else number
        return label.strip(" ->"), times, named
    return None


def _heads_a_time(cell: Cell, dialect: Dialect) -> bool:
    text = plain_text(cell).strip(" ->:")
    return isinstance(cell, str) and dialect.is_time(re.sub(r"[\[(].*", "", text).strip())


def _is_head(row: Sequence[Cell]) -> bool:
    """Whether a row names the contents or the channels of wells."""
    keys = {re.sub(r"[^a-z]", "", cell.lower()) for cell in row if isinstance(cell, str)}
    return bool(keys & {*CONTENT, *CHANNEL})


def _is_counter(row: Sequence[Cell]) -> bool:
    return plain_text(row[0]).lower().startswith("cycle")


def _hours(cell: Cell) -> float | None:
    """Read 0 h 30 min as hours."""
    text = plain_text(cell)
    match = WORDED.fullmatch(text)
    if text and match and any(match.groups()):
        hours, minutes, seconds = (float(part or 0) for part in match.groups())
        return hours + minutes / 60.0 + seconds / 3600.0
    return to_duration(cell)


def _decimal(wells: Sequence[Well]) -> str:
    """Give the decimal sign of readings."""
    signs = decimal_evidence(well.value for well in wells)
    return "," if signs[","] > signs["."] else "."


def without_blanks(
    wells: list[Well], *, corrected: bool = False, decimal: str = "."
) -> tuple[list[Well], list[str]]:
    """
    Subtract the mean of the blanks at each time unless that was done, and leave the blanks out.

    Examples
    --------
    >>> read = [Well("A1", 0, "OD", 0.05, "Blank B", 1), Well("A2", 0, "OD", 0.25, "Sample X1", 2)]
    >>> [round(well.value, 3) for well in without_blanks(read)[0]]
    [0.2]
    """
    blanks: dict[tuple[str, str], list[float]] = {}
    for well in wells:
        value = to_number(plain_text(well.value), decimal)
        if BLANK.search(well.content) and value is not None:
            blanks.setdefault((well.quantity, str(well.time)), []).append(value)
    names = dict.fromkeys(well.run for well in wells if BLANK.search(well.content))
    cultures = [well for well in wells if not BLANK.search(well.content)]
    if not blanks or not cultures:
        return wells, []
    if corrected:
        return cultures, [f"the blanks ({', '.join(names)}) are no cultures and were left out"]
    kept = []
    for well in cultures:
        blank = blanks.get((well.quantity, str(well.time)))
        value = to_number(plain_text(well.value), decimal)
        lower = None if blank is None or value is None else value - statistics.fmean(blank)
        kept.append(well if lower is None else well._replace(value=float(f"{lower:.9g}")))
    usual = statistics.fmean(value for values in blanks.values() for value in values)
    return kept, [f"the blank ({', '.join(names)}; {usual:.3g} on average) was subtracted"]


def above_range(
    wells: list[Well], words: Mapping[str, str], decimal: str = "."
) -> tuple[list[Well], list[str]]:
    """
    Read words such as OVRFLW as above the highest reading of the plate: the range reaches so far.

    Examples
    --------
    >>> read = [Well("A1", 0, "OD", 1.5, "", 1), Well("A1", 1, "OD", "OVRFLW", "", 2)]
    >>> above_range(read, {"ovrflw": "over_range"})[0][1].value
    '>1.5'
    """
    highest: dict[str, float] = {}
    for well in wells:
        value = to_number(plain_text(well.value), decimal)
        if value is not None:
            highest[well.quantity] = max(value, highest.get(well.quantity, value))
    found, count, example = [], 0, ""
    for well in wells:
        over = words.get(plain_text(well.value).lower()) == "over_range"
        if over and well.quantity in highest:
            count, example = count + 1, plain_text(well.value)
            well = well._replace(value=f">{highest[well.quantity]:g}")
        found.append(well)
    if not count:
        return wells, []
    said = f"{count} readings ({example}) were read as above the highest one of the plate"
    return found, [said]


def measured(rows: Sequence[Sequence[Cell]], top: int, name: str) -> tuple[str, str]:
    """Say what a plate reads: the wavelength in its header, above it, or in the sheet's name."""
    near = []
    for row in rows[max(0, top - 1) : top + 1]:
        texts = [plain_text(cell) for cell in row if not is_blank(cell)]
        near += [text for text in texts if len(texts) == 1 or to_number(text) is None]
    above = [
        " ".join(map(plain_text, row))
        for row in reversed(rows[:top])
        if re.search(r"wave ?length|absorbance|\bOD\b", plain_text(row[0]), re.IGNORECASE)
    ]
    for text in (*near, *above, name):
        if len(text) < 60 and (emitted := EMISSION.search(text)):
            return "fluorescence_" + re.sub(r"\D+", "_", emitted[0]), ""
        light = re.search(r"(?<![\d.])(\d{3,4})(?![\d.])", text) if len(text) < 60 else None
        if light and WAVELENGTHS[0] <= int(light[1]) <= WAVELENGTHS[1]:
            return "optical density", f" (absorbance at {light[1]} nm)"
    return "optical density", " (taken for absorbance: nothing beside the table names it)"


def as_rows(plate: Plate) -> tuple[tuple[str, ...], list[tuple[Cell, ...]], list[int]]:
    """Give header, rows and row numbers of a long table."""
    content = any(well.content for well in plate.wells)
    glows = any(unit_of(well.quantity) for well in plate.wells)
    header = ("run", plate.time, "quantity", "value", *(("unit",) * glows))
    rows = [
        (
            *(well.run, well.time, well.quantity, well.value),
            *((unit_of(well.quantity),) * glows),
            *((well.content,) * content),
        )
        for well in plate.wells
    ]
    header = (*header, *(("content",) * content))
    return header, rows, [well.number for well in plate.wells]


def unit_of(quantity: str) -> str:
    """
    Give the unit of what readers count in units of their own; blank for anything else.

    Examples
    --------
    >>> unit_of("fluorescence_485_528"), unit_of("optical density")
    ('a.u.', '')
    """
    return "a.u." if quantity.startswith(("fluorescence", "scattered_light")) else ""


def checked(plate: Plate, dialect: Dialect) -> Plate:
    """Read what is above the range, and say it."""
    wells, said = above_range(plate.wells, dialect.cells, _decimal(plate.wells))
    return Plate(plate.time, wells, [*plate.said, *said])
