"""What wide and long tables share: one number of one row becomes an entry in house units."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable
from typing import Any

from bayesbio.data.findings import ColumnUse, Finding, error, warning
from bayesbio.data.importing.columns import MEASURED, ColumnPlan, ReadOptions
from bayesbio.data.importing.entries import Entries, Entry
from bayesbio.data.importing.layout import Layout
from bayesbio.data.importing.sheets.cells import Cell, Reading, plain_text
from bayesbio.data.importing.sheets.dialect import Dialect
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.quantities import Quantity
from bayesbio.errors import UnitError


class Converter:
    """Conversions to house units, each looked up once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], tuple[float, float]] = {}

    def __call__(
        self, reading: Reading, unit: str, word: Quantity, to: str | None = None
    ) -> Reading:
        """Give a reading in the quantity's house unit."""
        target = to or word.unit
        given = reading.unit or unit or target
        asked = (given, target, word.name)
        if asked not in self._known:
            self._known[asked] = units.conversion(given, target, word)
        slope, offset = self._known[asked]
        if slope == 1.0 and offset == 0.0:
            return reading
        return reading._replace(
            value=_round(reading.value * slope + offset),
            upper=_round(reading.upper * slope + offset),
            sd=_round(reading.sd * slope),
        )


def _round(value: float) -> float:
    return value if math.isnan(value) else float(f"{value:.15g}")


def when(time: Any) -> str:
    """
    Write a time for a sentence.

    Examples
    --------
    >>> when(48.0)
    '48 h'
    """
    return f"{time:g} h" if isinstance(time, float) else str(time)


NOT_READ = {
    "undetected": (
        "{count} cells say that {name} was not detected without giving the limit; they were read "
        "as missing.",
        "Write the limit, such as '<0.2', to use them as values below it.",
    ),
    "over_range": (
        "{count} cells (such as {example!r}) say that {name} was above the range of the assay "
        "without giving its upper limit; they were read as missing, so high values are rarer in "
        "the campaign than in the vessel.",
        "Write the limit, such as '>20', to use them as values above it.",
    ),
    "out_of_range": (
        "{count} cells (such as {example!r}) say that {name} was outside the range of the assay; "
        "they were read as missing.",
        "Write '<' or '>' with the limit that was passed to use them.",
    ),
}


def marks(
    header: str, name: str, readings: Iterable[Reading], cells: Iterable[Cell]
) -> list[Finding]:
    """
    Find cells that stand for a value without giving it, and numbers that can be read in two ways.

    Parameters
    ----------
    header, name : str
        The column, and the quantity it holds.
    readings, cells
        Its rows.
    """
    examples: dict[str, list[str]] = {}
    for reading, cell in zip(readings, cells, strict=True):
        kind = "doubtful" if reading.doubtful else reading.kind
        if kind in NOT_READ or kind == "doubtful":
            examples.setdefault(kind, []).append(plain_text(cell))
    findings = []
    for kind, texts in examples.items():
        if kind in NOT_READ:
            what, advice = NOT_READ[kind]
            text = what.format(count=len(texts), name=name, example=texts[0])
            findings.append(warning(f"Column {header!r}: {text}", advice, quantity=name))
            continue
        bare = re.sub(r"[^\d,.]", "", texts[0])
        findings.append(
            error(
                f"Column {header!r} holds {len(texts)} numbers such as {texts[0]!r}, and nothing "
                f"in the file tells whether the comma is a decimal sign ({bare.replace(',', '.')}) "
                f"or groups thousands ({bare.replace(',', '')}).",
                "Say which with read_campaign(..., decimal=',') or decimal='.', or write the "
                "numbers without grouping.",
                quantity=name,
            )
        )
    return findings


@dataclasses.dataclass
class Rows:
    """The rows of a block that have a run and a time."""

    layout: Layout
    options: ReadOptions
    entries: Entries
    runs: list[str]
    times: list[Any]
    used: list[int]
    only: str | None = None  # role that every quantity gets, such as profile


class Reader:
    """What wide and long tables share."""

    def __init__(self, rows: Rows) -> None:
        self.layout, self.options, self.entries = rows.layout, rows.options, rows.entries
        self.runs, self.times, self.used, self.only = rows.runs, rows.times, rows.used, rows.only
        self.block, self.convert = rows.layout.block, Converter()

    def replicate(self, row: int) -> int:
        """Give the number of the replicate that a row states, or 0."""
        text = plain_text(self.layout.cell("replicate", row))
        if digits := re.search(r"\d{1,9}", text):
            return int(digits.group())
        return ord(text.lower()) - 96 if re.fullmatch(r"[A-Za-z]", text) else 0

    def add(self, row: int, plan: ColumnPlan, reading: Reading, unit: str, replicate: int) -> None:
        """Add one number as an entry, in house units."""
        word = plan.word
        if word is None:
            return
        to = word.amount_unit if plan.role == "bolus" else None
        run, time, number = self.runs[row], self.times[row], self.block.numbers[row]
        try:
            house = self.convert(reading, unit, word, to)
        except UnitError as problem:
            self.entries.fail(
                f"{word.name} at {when(time)} (row {number} of {self.block.name}) is given in "
                f"{reading.unit or unit!r}: {problem}",
                f"Give it in a unit that can be converted to {word.unit}.",
                run=run,
                time=time,
                subject="unit",
                quantity=word.name,
            )
            return
        self.entries.words.setdefault(word.name, word)
        self.entries.values.append(
            Entry(
                run,
                time,
                word.name,
                plan.role,
                house.value,
                house.flag,
                house.upper,
                house.sd,
                replicate,
                plan.header,
            )
        )

    def text_in_number(self, row: int, plan: ColumnPlan, cell: Cell) -> None:
        """Say that a text stands where a number was expected."""
        name = plan.word.name if plan.word is not None else plan.header
        shown = str(cell) if len(str(cell)) <= 60 else f"{str(cell)[:60]}..."
        self.entries.fail(
            f"{name} at {when(self.times[row])} (row {self.block.numbers[row]} of "
            f"{self.block.name}, column {plan.header!r}) is {shown!r}; expected a number.",
            "Leave the cell empty if it was not measured, or write '<0.2' for a value below the "
            "limit.",
            run=self.runs[row],
            time=self.times[row],
            quantity=name,
        )

    def marks(self, plan: ColumnPlan, readings: Iterable[Reading], cells: Iterable[Cell]) -> None:
        """Report cells without a value, and numbers that can be read in two ways."""
        if plan.word is not None:
            self.entries.findings += marks(plan.header, plan.word.name, readings, cells)

    def unit_note(self, plan: ColumnPlan) -> None:
        """Say that a unit was assumed, unless the header is the name of the house."""
        if plan.word is None or not plan.note.startswith("no unit given"):
            return
        if plan.header == plan.word.name and plan.unit == plan.word.unit:
            plan.note = ""
            return
        self.entries.warn(
            f"Column {plan.header!r} has no unit; {plan.word.name} was read in {plan.unit}.",
            f"Give the unit, such as '{plan.header} ({plan.unit})'.",
            quantity=plan.word.name,
        )

    def role(self, plan: ColumnPlan) -> str:
        """Give the role of a plan, as the table it stands in allows."""
        return self.only if self.only is not None and plan.role in MEASURED else plan.role

    def flag(self, row: int, cell: Cell) -> str:
        """Read a flag in the words of the house or of a laboratory system."""
        text = plain_text(cell).lower()
        flag = flag_word(text, self.options.dialect)
        if flag is None:
            self.entries.fail(
                f"the flag in row {self.block.numbers[row]} is {text!r}; expected blank, below, "
                "above, between or excluded.",
                "Correct it, or leave the column out with roles={'flag': 'ignore'}.",
                run=self.runs[row],
            )
        return flag or ""

    def report(self, plans: Iterable[ColumnPlan]) -> list[ColumnUse]:
        """Report how columns were understood."""
        return [plan.use(self.block.name) for plan in plans]


def flag_word(text: str, dialect: Dialect) -> str | None:
    """
    Give the flag that a text in lower case means; None if it means none.

    Examples
    --------
    >>> from bayesbio.data.importing.sheets.dialect import dialect_named
    >>> flag_word("<", dialect_named(None)), flag_word("belw", dialect_named(None))
    ('below', None)
    """
    if text in dialect.flags:
        return dialect.flags[text]
    return "" if dialect.cells.get(text) == "missing" else None
