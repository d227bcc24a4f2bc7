"""From a sheet to a block: preamble, header and unit row, and columns whose cells are read once."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import re
import statistics
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from bayesbio.data.findings import Finding, warning
from bayesbio.data.importing.sheets.cells import (
    FORMAT_WORDS,
    Cell,
    Reading,
    date_order,
    decimal_evidence,
    is_blank,
    plain_text,
    read_cell,
    to_duration,
    to_moment,
    to_number,
)
from bayesbio.data.importing.sheets.dialect import Dialect
from bayesbio.data.importing.sheets.files import Sheet
from bayesbio.data.vocabulary import units

MEASURED = re.compile(r"[<>≤≥]?\s*(?!10?\s*[eE^]\s*\d|10\s*\(|10\s*\*\*)\d[\d.,]*\s*(%|[A-Za-z°])")
HEADER_WITHIN = 200  # rows searched for the header
LONGEST_HEADER = 120  # characters; a longer text is prose


@dataclasses.dataclass(eq=False)
class Column:
    """One column of a block: its header, its unit from a row of units, and its cells."""

    index: int
    header: str
    unit: str
    cells: list[Cell]
    readings: list[Reading]
    group: str = ""  # what stands above several headers, such as 'Feed volume (mL)'

    @property
    def group_unit(self) -> str:
        """The unit at the end of what stands above, or blank."""
        found = re.search(r"[\[(]([^()\[\]]+)[\])]\s*$", self.group)
        return found.group(1) if found and units.is_unit(found.group(1)) else ""

    @functools.cached_property
    def filled(self) -> list[Cell]:
        """Cells that are not blank."""
        return [cell for cell in self.cells if not is_blank(cell)]

    @functools.cached_property
    def counts(self) -> Counter[str]:
        """How many readings there are of each kind."""
        return Counter(reading.kind for reading in self.readings)

    @property
    def is_empty(self) -> bool:
        """Whether it holds nothing."""
        return len(self.cells) == self.counts["missing"]

    @property
    def is_numeric(self) -> bool:
        """Whether most of what it holds are numbers."""
        texts = self.counts["text"]
        numbers = sum(self.counts.values()) - texts - self.counts["missing"]
        return numbers > 0 and numbers > texts

    @functools.cached_property
    def moments(self) -> list[dt.datetime | None]:
        """Its cells as dates, in the order that the whole column shows; the day first if open."""
        order = date_order(self.cells) or "day"
        return [
            to_moment(cell, order) if reading.kind == "text" else None
            for cell, reading in zip(self.cells, self.readings, strict=True)
        ]

    @functools.cached_property
    def is_moment(self) -> bool:
        """Whether most of its cells are dates."""
        dated = sum(moment is not None for moment in self.moments)
        return bool(self.filled) and dated > 0.6 * len(self.filled)

    @functools.cached_property
    def is_duration(self) -> bool:
        """Whether most of its cells are hours and minutes."""
        timed = sum(to_duration(cell) is not None for cell in self.filled)
        return bool(self.filled) and timed > 0.6 * len(self.filled)

    @property
    def numbers(self) -> np.ndarray:
        """Its numbers."""
        return np.array([r.value for r in self.readings if r.kind == "number"])

    @property
    def cell_unit(self) -> str:
        """The unit that every number carries in its own cell, or blank."""
        stated = [r.unit for r in self.readings if r.kind == "number"]
        return stated[0] if stated and all(stated) else ""

    def is_constant_in(self, runs: Sequence[str]) -> bool:
        """Whether it has one value in each run."""
        seen: dict[str, str] = {}
        for run, cell in zip(runs, self.cells, strict=True):
            if not is_blank(cell) and seen.setdefault(run, str(cell).strip()) != str(cell).strip():
                return False
        return True


@dataclasses.dataclass(eq=False)
class Block:
    """A sheet taken apart: preamble, and columns with their cells read once."""

    name: str
    columns: list[Column]
    numbers: tuple[int, ...]  # row numbers in the file, counted from 1
    preamble: dict[str, Cell]
    decimal: str
    findings: tuple[Finding, ...] = ()

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column.header for column in self.columns)

    def __len__(self) -> int:
        return len(self.numbers)

    def row(self, number: int) -> tuple[Cell, ...]:
        """Give the cells of a row."""
        return tuple(column.cells[number] for column in self.columns)


def joined(columns: Sequence[Column]) -> Column:
    """Join columns into one key of a run, such as 'K4/1'."""
    cells: list[Cell] = [
        "/".join(plain_text(cell) for cell in row)
        for row in zip(*(fill_down(column.cells) for column in columns), strict=True)
    ]
    header = ", ".join(column.header for column in columns)
    return dataclasses.replace(columns[0], header=header, cells=cells)


def fill_down(cells: Sequence[Cell]) -> list[Cell]:
    """
    Repeat a name down to the next one, as in merged cells.

    Examples
    --------
    >>> fill_down(["R1", None, "R2"])
    ['R1', 'R1', 'R2']
    """
    filled: list[Cell] = []
    last: Cell = None
    for cell in cells:
        last = last if is_blank(cell) else cell
        filled.append(last)
    return filled


def take_apart(
    sheet: Sheet, understood: Callable[[str], bool], dialect: Dialect, decimal: str | None = None
) -> Block | None:
    """
    Find header, unit row, data and preamble of a sheet; None if it holds no table.

    Parameters
    ----------
    sheet : Sheet
    understood : callable
        Tells whether a text is the name of a column that is known.
    dialect : Dialect
        The words in place of numbers.
    decimal : {".", ","}, optional
        The decimal sign; found from all cells by default.
    """
    rows = list(sheet.rows)
    if sheet.headed:
        top: int | None = 0
    else:
        rows = [_uncomment(row) for row in rows]
        top = _header_row(rows, understood, dialect)
    if top is None:
        return None
    header = tuple(map(plain_text, rows[top]))
    unit_texts, first = ("",) * len(header), top + 1
    if first < len(rows) and _is_unit_row(rows[first], header, dialect):
        unit_texts, first = tuple(map(plain_text, rows[first])), first + 1
    body = [
        (number, row)
        for number, row in zip(sheet.numbers[first:], rows[first:], strict=True)
        # blank rows, and the header again, as on a new printed page
        if not all(is_blank(cell) for cell in row)
        and not (row[0] == rows[top][0] and tuple(map(plain_text, row)) == header)
    ]
    cells = [[row[index] for _, row in body] for index in range(len(header))]
    if any(_may_be_grouped(cell) for column in cells for cell in column):
        evidence = [decimal_evidence(column) for column in cells]
    else:
        evidence = [{",": 0, ".": 0, "open": 0}] * len(cells)
    usual, doubt = _decimal(evidence, sheet.delimiter)
    columns, groups = [], _groups(rows[top - 1] if top else (), header)
    for index, (name, unit, column) in enumerate(zip(header, unit_texts, cells, strict=True)):
        own = evidence[index]
        clear = own[","] != own["."]  # what a column shows goes before what the sheet shows
        sign, open_sign = _decimal([own], "") if clear else (usual, doubt)
        if decimal is not None:
            sign, open_sign = decimal, False
        readings = [read_cell(cell, sign, dialect.cells, doubt=open_sign) for cell in column]
        columns.append(Column(index, name, unit, column, readings, groups[index]))
    filled = [c for c in columns if c.header or not all(map(is_blank, c.cells))]
    numbers = tuple(number for number, _ in body)
    preamble = _preamble(rows[:top])
    findings = (*sheet.findings, *_sentinels(filled))
    return Block(sheet.name, filled, numbers, preamble, decimal or usual, findings)


def _groups(above: Sequence[Cell], header: Sequence[str]) -> list[str]:
    """Give the text above each header, where a row names groups of several columns."""
    named = [plain_text(cell) for cell in above]
    if sum(map(bool, named)) < 2 or not any(map(bool, named[2:])):
        return [""] * len(header)
    last, groups = "", []
    for index in range(len(header)):
        last = (named[index] if index < len(named) else "") or last
        groups.append(last)
    return groups


def _sentinels(columns: list[Column]) -> list[Finding]:
    """Say which numbers, such as -9999, were read as gaps."""
    found = []
    for column in columns:
        filled = zip(column.cells, column.readings, strict=True)
        gaps = [plain_text(c) for c, r in filled if r.kind == "missing" and not is_blank(c)]
        marks = [text for text in gaps if text.startswith("-999")]
        if marks:
            found.append(
                warning(
                    f"Column {column.header!r} holds {marks[0]} in {len(marks)} cells, which marks "
                    "a missing value; they were left out.",
                    "Leave such cells empty to be sure.",
                )
            )
    return found


def _may_be_grouped(cell: Cell) -> bool:
    """Whether a cell has a comma, or several dots: else the dot is its decimal sign."""
    return isinstance(cell, str) and ("," in cell or cell.count(".") > 1)


def _decimal(evidence: Sequence[dict[str, int]], delimiter: str) -> tuple[str, bool]:
    """Give the decimal sign that most texts show, and whether 1,234 stays in doubt."""
    commas, dots = (sum(each[sign] for each in evidence) for sign in ",.")
    if commas != dots:
        return ("," if commas > dots else "."), False
    if delimiter == ";" and any(each["open"] for each in evidence):
        return ",", False  # the comma is not free to separate cells where it is the decimal sign
    return ".", True


def _uncomment(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """Drop the sign of a comment line, keeping what it says."""
    first = next((i for i, cell in enumerate(row) if not is_blank(cell)), 0)
    if row and isinstance(row[first], str) and re.match(r"\s*(#+|//|%%)\s*\S", row[first][:200]):
        return (*row[:first], re.sub(r"^\s*(#+|//|%%)\s*", "", row[first]), *row[first + 1 :])
    return row


def _header_row(
    rows: list[tuple[Cell, ...]], understood: Callable[[str], bool], dialect: Dialect
) -> int | None:
    """Find the row whose texts are understood best; else the first full row of texts."""
    best, best_score = None, 0.0
    widths = [sum(not is_blank(cell) for cell in row) for row in rows]
    usual = statistics.mode(sorted(widths, reverse=True)) if widths else 0
    fallback = None
    for number, row in enumerate(rows[:HEADER_WITHIN]):
        texts = [cell for cell in row if _may_be_a_name(cell, dialect)]
        if not texts or len(texts) < 0.6 * widths[number]:
            continue
        if (
            fallback is None
            and widths[number] >= max(min(2, usual), usual - 1)
            and number + 1 < len(rows)
        ):
            fallback = number
        known = sum(understood(plain_text(text)) for text in texts)
        if known < min(2, usual):
            continue
        if known == max(widths[:HEADER_WITHIN]):
            return number  # every cell is understood: the rows below need not be searched
        score = known + 0.001 * len(texts)
        if score > best_score:
            best, best_score = number, score
    return best if best is not None else fallback


def _may_be_a_name(cell: Cell, dialect: Dialect) -> bool:
    """Whether a cell is text that is neither prose, a number, a date nor a gap such as n.d."""
    if not isinstance(cell, str) or not cell.strip() or len(cell) > LONGEST_HEADER:
        return False
    text = cell.strip().lower()
    if text in dialect.cells and not text.isalpha():  # a column may be named x, or error
        return False
    if to_moment(cell) is not None:
        return False
    return not re.fullmatch(
        r"[<>≤≥]?\s*[-+.,\d][\d.,'\s]*(e[-+]?\d+)?\s*([a-z%°µ][^\s]{0,10})?", text
    )


def _is_unit_row(cells: Sequence[Cell], header: Sequence[str], dialect: Dialect) -> bool:
    """Whether a row holds units: at least one, and nothing but units, dashes and formats."""
    texts = []
    for cell, name in zip(cells, header, strict=True):
        if is_blank(cell):
            continue
        if not isinstance(cell, str) or len(cell) > units.LONGEST:
            return False
        if dialect.is_a("run", name) and re.match(r"\s*\w", cell):
            return False  # run 'A' of clone 'K' is not in ampere and kelvin
        texts.append(plain_text(cell).strip("[](){} "))
    known = 0
    for text in texts:
        if to_number(text) is not None or MEASURED.match(text):
            return False
        if text and not FORMAT_WORDS.fullmatch(text):
            known += 1 if units.is_unit(text) else -1
    return known >= 1 and known >= 0.5 * len(texts)


def _preamble(rows: list[tuple[Cell, ...]]) -> dict[str, Cell]:
    """Read pairs of key and value above the header: side by side, or split by a colon."""
    pairs: dict[str, Cell] = {}
    for row in rows:
        filled = [cell for cell in row if not is_blank(cell)]
        if not filled or not isinstance(filled[0], str):
            continue
        text = filled[0][: 2 * LONGEST_HEADER].strip()
        if len(filled) >= 2:
            for name, value in zip(filled[::2], filled[1::2], strict=False):
                if isinstance(name, str):
                    pairs.setdefault(name[:LONGEST_HEADER].strip().rstrip(":= "), value)
        elif match := re.match(r"([^:=]{2,40})\s*[:=]\s+?(.+)|([^:=]{2,40})[:=](\S.*)", text):
            name = match.group(1) or match.group(3)
            pairs.setdefault(name.strip(), (match.group(2) or match.group(4)).strip())
    return pairs
