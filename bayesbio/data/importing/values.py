"""What wide and long tables share: one number of one row becomes an entry in house units."""

from __future__ import annotations

import math
import re
from typing import Any

from bayesbio.data.importing.buffer import Entry, Gathered
from bayesbio.data.importing.sheets.cells import Reading, is_blank, read_cell
from bayesbio.data.importing.sheets.columns import MEASURED, Options, Plan, Survey
from bayesbio.data.importing.sheets.structure import Layout, run_name
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.lookup import Quantity
from bayesbio.errors import UnitError

FLAG_SIGNS = {
    "": "",
    "<": "below",
    "<=": "below",
    "≤": "below",
    "below": "below",
    "lt": "below",
    "bql": "below",
    "left": "below",
    "<lod": "below",
    "<loq": "below",
    "lod": "below",
    "loq": "below",
    "blq": "below",
    ">": "above",
    ">=": "above",
    "≥": "above",
    "above": "above",
    "gt": "above",
    "right": "above",
    "between": "between",
    "interval": "between",
    "excluded": "excluded",
    "exclude": "excluded",
    "outlier": "excluded",
    "invalid": "excluded",
    "rejected": "excluded",
    "=": "",
    "ok": "",
    "valid": "",
    "none": "",
    "normal": "",
    "n": "",
    "0": "",
    "false": "",
    "-": "",
}


class Converter:
    """Conversions to house units, each looked up once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, float | None], tuple[float, float]] = {}

    def __call__(
        self, reading: Reading, unit: str, word: Quantity, to: str | None = None
    ) -> Reading:
        """Give a reading in the quantity's house unit."""
        target = to or word.unit
        given = reading.unit or unit or target
        where = (given, target, word.molar_mass)
        if where not in self._known:
            self._known[where] = units.conversion(*where)
        slope, offset = self._known[where]
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


class Reader:
    """What wide and long tables share."""

    def __init__(
        self,
        survey: Survey,
        layout: Layout,
        options: Options,
        gathered: Gathered,
        runs: list[str],
        times: list[Any],
        keep: list[int],
        only: str | None,
    ) -> None:
        self.survey, self.layout, self.options, self.gathered = survey, layout, options, gathered
        self.runs, self.times, self.keep, self.only = runs, times, keep, only
        self.block, self.convert = survey.block, Converter()

    def replicate(self, row: int) -> int:
        """Give the number of the replicate that a row states, or 0."""
        place = self.layout.places.get("replicate")
        if place is None:
            return 0
        cell = self.block.rows[row][place]
        digits = re.search(r"\d+", run_name(cell)) if not is_blank(cell) else None
        letter = re.fullmatch(r"[A-Za-z]", run_name(cell)) if not is_blank(cell) else None
        if digits:
            return int(digits.group())
        return ord(letter.group().lower()) - 96 if letter else 0

    def add(self, row: int, plan: Plan, reading: Reading, unit: str, replicate: int) -> None:
        """Add one number as an entry, in house units."""
        word = plan.word
        if word is None:
            return
        to = word.amount_unit if plan.role == "bolus" else None
        try:
            house = self.convert(reading, unit, word, to)
        except UnitError as error:
            time = self.times[row]
            self.gathered.fail(
                f"{word.name} at {when(time)} (row {self.block.numbers[row]} of "
                f"{self.block.name}) "
                f"is given in {reading.unit or unit!r}: {error}",
                f"Give it in a unit that can be converted to {word.unit}.",
                self.runs[row],
                time,
                "unit",
            )
            return
        self.gathered.words.setdefault(word.name, word)
        self.gathered.entries.append(
            Entry(
                self.runs[row],
                self.times[row],
                word.name,
                plan.role,
                house.value,
                house.flag,
                house.upper,
                house.sd,
                replicate,
                self.block.numbers[row],
                plan.header,
            )
        )

    def text_in_number(self, row: int, plan: Plan, cell: Any) -> None:
        """Say that a text stands where a number was expected."""
        name = plan.word.name if plan.word is not None else plan.header
        self.gathered.fail(
            f"{name} at {when(self.times[row])} (row {self.block.numbers[row]} of "
            f"{self.block.name}, "
            f"column {plan.header!r}) is {str(cell)!r}; expected a number.",
            "Leave the cell empty if it was not measured, or write '<0.2' for a value "
            "below the limit.",
            self.runs[row],
            self.times[row],
        )

    def undetected(self, plan: Plan, count: int) -> None:
        """Say that cells only state that nothing was detected."""
        if count and plan.word is not None:
            self.gathered.warn(
                f"Column {plan.header!r}: {count} cells say that {plan.word.name} was not detected "
                "without giving the limit; they were read as missing.",
                "Write the limit, such as '<0.2', to use them as values below it.",
            )

    def unit_note(self, plan: Plan) -> None:
        """Say that a unit was assumed, unless the header is the name of the house."""
        if plan.word is not None and plan.note.startswith("no unit given"):
            if plan.header == plan.word.name and plan.unit == plan.word.unit:
                plan.note = ""
            else:
                self.gathered.warn(
                    f"Column {plan.header!r} has no unit; {plan.word.name} was read in "
                    f"{plan.unit}.",
                    f"Give the unit, such as '{plan.header} ({plan.unit})'.",
                )

    def role(self, plan: Plan) -> str:
        """Give the role of a plan, as the table it stands in allows."""
        if self.only is not None and plan.role in MEASURED:
            return self.only
        return plan.role


def read_flag(cell: Any, gathered: Gathered, run: str, number: int) -> str:
    """
    Read a flag in the words of the house or of a laboratory system.

    Examples
    --------
    >>> read_flag("<", Gathered(), "R1", 5)
    'below'
    """
    text = "" if is_blank(cell) else str(cell).strip().lower()
    if text in FLAG_SIGNS:
        return FLAG_SIGNS[text]
    if read_cell(text).kind == "missing":
        return ""
    gathered.fail(
        f"the flag in row {number} is {text!r}; expected blank, below, above, between or excluded.",
        "Correct it, or leave the column out with roles={'flag': 'ignore'}.",
        run,
    )
    return ""
