"""Wide tables: one column per quantity, with replicates, means, spreads and flags beside it."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from bayesbio.data.findings import ColumnUse, Finding, warning
from bayesbio.data.importing.columns import MEASURED, ColumnPlan, ReadOptions, plan_quantity
from bayesbio.data.importing.doses import counts_up
from bayesbio.data.importing.entries import (
    Converter,
    Dose,
    Entries,
    Entry,
    flag_word,
    marks,
    when,
)
from bayesbio.data.importing.layout import Layout
from bayesbio.data.importing.sheets.blocks import Column
from bayesbio.data.importing.sheets.cells import Cell, Reading, is_blank, plain_text
from bayesbio.data.importing.sheets.headers import snake
from bayesbio.data.vocabulary.quantities import key
from bayesbio.errors import UnitError

FLOWS = ("feed_rate", "feed_rate_2", "base_feed_rate")
PER_DAY = re.compile(r"/\s*(d|day|days|Tag)$")  # a blank day is one without a feed
PARTS = {"flag": "flag", "sd": "sd", "upper": "value_upper", "other": "not used"}


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
        if plan.feed:
            kind = "rate" if plan.role == "profile" else "counter" if plan.counts else "added"
            self.entries.doses.append(Dose(run, time, plan.feed, kind, house.value))
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

    def dosed(self, plan: ColumnPlan, rows: Iterable[int], readings: Sequence[Reading]) -> None:
        """Tell volumes of a feed that were added each time from a counter, which never falls."""
        if not plan.feed or plan.role != "bolus":
            return
        series: dict[str, list[tuple[Any, float | None]]] = {}
        for row in rows:
            reading = readings[row]
            value = reading.value if reading.kind == "number" else None
            series.setdefault(self.runs[row], []).append((self.times[row], value))
        plan.counts = counts_up(plan.header, series.values(), dosed=plan.dosed)
        known = self.options.feed_key(plan.feed) in self.options.feeds
        how = "a counter" if plan.counts else "volumes added each time"
        plan.note = f"{plan.note}; {how}".strip("; ") + f" of {plan.feed}"
        if plan.counts and not known and plan.feed not in ("base", "acid"):
            plan.role, plan.word = "measurement", self.options.words.quantity("cumulative_feed")
            plan.feed, plan.counts, plan.note = "", False, "never falls, so a counter"
        elif known and not plan.counts and _rises(series.values()):
            self.entries.warn(
                f"Column {plan.header!r} never falls; each number was read as what was added of "
                f"{plan.feed!r} then.",
                f"If it counts what was added since the start, head it '{plan.feed} total "
                f"({plan.unit})'.",
            )

    def report(self, plans: Iterable[ColumnPlan]) -> list[ColumnUse]:
        """Report how columns were understood."""
        return [plan.use(self.block.name) for plan in plans]


def _rises(series: Iterable[Sequence[tuple[Any, float | None]]]) -> bool:
    """Whether all that is written rises from row to row, in three rows or more."""
    filled = [[value for _, value in run if value is not None] for run in series]
    filled = [values for values in filled if any(values)]
    return bool(filled) and all(
        len(values) > 2 and all(a < b for a, b in itertools.pairwise(values)) for values in filled
    )


class WideReader(Reader):
    """One column per quantity."""

    def read(self) -> None:
        """Read every column that holds a quantity; report what the others are."""
        plans = self._plans()
        self._several_of_one(plans)
        beside: dict[tuple[str, str, int], ColumnPlan] = {}
        for plan in plans:
            if plan.part in PARTS:
                plan.role = PARTS[plan.part]
                if plan.word is not None:
                    beside[plan.part, plan.word.name, plan.replicate] = plan
        for plan in plans:
            if plan.part in PARTS:
                continue
            if plan.role in MEASURED and plan.word is not None:
                self._read_column(plan, beside)
            elif plan.role == "covariate":
                self._read_covariate(plan)
        self.entries.uses += self.report(plans)

    def _column(self, plan: ColumnPlan) -> Column:
        return self.block.columns[plan.index]

    def _plans(self) -> list[ColumnPlan]:
        plans = []
        others = {id(column) for column in self.layout.others()}
        for index, column in enumerate(self.block.columns):
            if id(column) not in others:
                continue
            if not column.header:
                if column.is_numeric:
                    self.entries.warn(
                        f"Column {column.index + 1} of {self.block.name} holds numbers but has no "
                        "name; it was not used.",
                        "Give it a header to use it.",
                    )
                continue
            plan, findings = self._plan(column)
            plan.index = index
            plan.role = self.role(plan)
            self.dosed(plan, self.used, column.readings)
            self.entries.findings += findings
            self.unit_note(plan)
            plans.append(plan)
        return plans

    def _plan(self, column: Column) -> tuple[ColumnPlan, list[Finding]]:
        options, header, dialect = self.options, column.header, self.options.dialect
        plan = ColumnPlan(-1, header)
        if self.only == "profile" and key(header) == "interpolation":
            plan.note = "linear or step"
            return plan, []
        constant = column.is_constant_in(self.runs)
        role = options.role_of(header, None)
        named = options.headers.read(header)
        timely = role is None and dialect.is_time(named.name) and not named.words
        if role == "not used":
            plan.note = "left out as asked"
        elif column.is_empty:
            plan.note = "empty"
        elif (column.is_moment and not column.is_numeric) or timely:
            plan.note = "another time"
        if plan.note:
            return plan, []
        if named.part == "flag" and named.words:
            plan.word, plan.part, plan.role = named.words[0], "flag", "measurement"
            return plan, []
        if not column.is_numeric:
            return self._text_column(column, constant, role, bool(named.words))
        values = column.numbers
        if named.words and constant:
            runs = len(set(self.runs))
            constant = runs > 1 and len(values) >= 3 * runs and len(np.unique(values)) > 1
        titles = (self.block.name, column.group)
        dosed = any(dialect.sheets["feeds"].match(key(title)) for title in titles)
        unit = column.unit or column.cell_unit or (column.group_unit if dosed else "")
        return plan_quantity(header, unit, values, options, constant=constant, dosed=dosed)

    def _text_column(
        self, column: Column, constant: bool, role: str | None, known: bool
    ) -> tuple[ColumnPlan, list[Finding]]:
        header = column.header
        if known and column.counts["text"] == 0:
            return plan_quantity(header, column.unit, np.array([]), self.options)
        plan = ColumnPlan(-1, header, name=snake(self.options.headers.read(header).name))
        ignored = self.options.dialect.is_a("ignored", header)
        if role == "covariate" or (constant and not ignored):
            plan.role = "covariate"
            return plan, []
        plan.note = "text"
        what = "holds text about single samples" if ignored else "holds text that changes within a"
        return plan, [
            warning(
                f"Column {header!r} is not used: it {what}{'' if ignored else ' run'}.",
                ""
                if ignored
                else "Text that is the same throughout a run would be kept as a covariate.",
            )
        ]

    def _several_of_one(self, plans: list[ColumnPlan]) -> None:
        """Give replicate numbers to columns of one quantity; drop a mean beside them."""
        by_name: dict[tuple[str, str], list[ColumnPlan]] = {}
        for plan in plans:
            if plan.role in ("bolus", "sample") or plan.feed:  # two feeds at one time add up
                continue
            if plan.role in MEASURED and plan.word is not None and plan.part in ("", "mean"):
                by_name.setdefault((plan.word.name, plan.role), []).append(plan)
        for same in by_name.values():
            self._leave_out_after_feeds(same)
            same = [plan for plan in same if plan.role != "not used"]
            if len(same) > 1:
                self._number(same)

    def _leave_out_after_feeds(self, same: list[ColumnPlan]) -> None:
        """Leave out what was read, or worked out, after the feed where there is a value before."""
        pattern = self.options.dialect.sheets["after_feed"]
        after = [
            plan
            for plan in same
            if pattern.search(plan.header) or pattern.search(self._column(plan).group)
        ]
        for plan in after if len(after) < len(same) else ():
            plan.role, plan.note = (
                "not used",
                "after the feed or sample; the value before it is used",
            )

    def _number(self, same: list[ColumnPlan]) -> None:
        numbered = [p for p in same if p.replicate and p.part == ""]
        plain = [p for p in same if p not in numbered]
        beside = any(p.part == "" for p in plain)
        for plan in plain:
            if numbered and (plan.part == "mean" or self._is_mean(plan, numbered)):
                plan.role, plan.note = "not used", "mean of the replicate columns"
            elif not numbered and beside and plan.part == "mean":
                plan.role, plan.note = "not used", "mean of the other column"
        for plan in plain:
            earlier = [p for p in same if p.index < plan.index and p.role != "not used"]
            if plan.role == "not used":
                continue
            if twin := next((other for other in earlier if self._same_values(other, plan)), None):
                plan.role, plan.note = "not used", f"the same values as {twin.header!r}"
        rest = [p for p in same if p.role != "not used"]
        stated = [p.replicate for p in rest]
        if len(rest) < 2 or (0 not in stated and len(set(stated)) == len(stated)):
            return
        for number, plan in enumerate(sorted(rest, key=lambda p: p.index), 1):
            plan.replicate = number
        if any(not p.header.startswith(rest[0].header.split(".")[0]) for p in rest):
            name = rest[0].word.name if rest[0].word else ""
            self.entries.warn(
                f"Columns {', '.join(repr(p.header) for p in rest)} all hold {name}; they were "
                "read as its replicates.",
                "Leave one out with roles={'<column>': 'ignore'} if that is not so.",
                quantity=name,
            )

    def _house_values(self, plan: ColumnPlan) -> np.ndarray:
        assert plan.word is not None
        word, unit = plan.word, plan.unit
        return np.array(
            [
                self.convert(r._replace(unit=""), unit, word).value
                if r.kind == "number"
                else math.nan
                for r in self._column(plan).readings
            ]
        )

    def _is_mean(self, plan: ColumnPlan, numbered: list[ColumnPlan]) -> bool:
        values = np.array([self._house_values(p) for p in numbered])
        mean = self._house_values(plan)
        there = np.isfinite(values).sum(axis=0)
        total = np.where(np.isfinite(values), values, 0.0).sum(axis=0)
        both = (there > 0) & np.isfinite(mean)
        if not both.any():
            return True
        expected = total[both] / there[both]
        return bool(np.mean(np.isclose(mean[both], expected, rtol=0.02, atol=1e-3)) > 0.8)

    def _same_values(self, one: ColumnPlan, other: ColumnPlan) -> bool:
        if one.unit == other.unit:
            return False
        first, second = self._house_values(one), self._house_values(other)
        both = np.isfinite(first) & np.isfinite(second)
        return bool(both.any() and np.allclose(first[both], second[both], rtol=0.05, atol=1e-9))

    def _read_column(
        self, plan: ColumnPlan, beside: dict[tuple[str, str, int], ColumnPlan]
    ) -> None:
        """Read the values of a quantity with the flag, spread and upper limit beside them."""
        assert plan.word is not None
        column, name = self._column(plan), plan.word.name
        parts = {
            part: beside.get((part, name, plan.replicate), beside.get((part, name, 0)))
            for part in ("flag", "sd", "upper")
        }
        setting: dict[str, set[float]] = {}
        first = len(self.entries.values)
        daily = plan.role == "profile" and name in FLOWS and bool(PER_DAY.search(plan.unit))
        if daily and any(column.readings[row].kind == "missing" for row in self.used):
            plan.note = f"{plan.note}; a blank day is one without a feed".strip("; ")
        for row in self.used:
            reading = column.readings[row]
            if reading.kind == "text":
                self.text_in_number(row, plan, column.cells[row])
            if reading.kind != "number":
                if daily and reading.kind == "missing":
                    self.add(row, plan, reading._replace(value=0.0), plan.unit, 0)
                continue
            if (flag := parts["flag"]) is not None:
                stated = self.flag(row, self._column(flag).cells[row])
                reading = reading._replace(flag=stated or reading.flag)
            reading = self._with_number(row, reading, sd=parts["sd"], upper=parts["upper"])
            whole = plain_text(self.layout.cell("flag", row)).lower()
            if not reading.flag and self.options.dialect.flags.get(whole) == "excluded":
                reading = reading._replace(flag="excluded")
            self.add(row, plan, reading, plan.unit, plan.replicate or self.replicate(row))
            setting.setdefault(self.runs[row], set()).add(reading.value)
        self.marks(
            plan,
            [column.readings[row] for row in self.used],
            [column.cells[row] for row in self.used],
        )
        changing = [run for run, values in setting.items() if len(values) > 1]
        if plan.role == "setting" and changing:
            self.entries.warn(
                f"Column {plan.header!r} ({name}) changes within the run; it was read as a "
                "measurement rather than a setting.",
                "Keep one value a run if it is a setting.",
                run=changing[0],
                quantity=name,
            )
            plan.role = "measurement"
            for entry in self.entries.values[first:]:
                entry.role = "measurement"

    def _with_number(self, row: int, reading: Reading, **parts: ColumnPlan | None) -> Reading:
        for part, plan in parts.items():
            other = None if plan is None else self._column(plan).readings[row]
            if other is not None and other.kind == "number":
                detail: dict[str, Any] = {part: other.value}
                reading = reading._replace(**detail)
        return reading

    def _read_covariate(self, plan: ColumnPlan) -> None:
        column = self._column(plan)
        for row in self.used:
            cell, reading = column.cells[row], column.readings[row]
            if is_blank(cell):
                continue
            value: Any = plain_text(cell)
            if reading.kind == "number" and not reading.unit and not reading.flag:
                value = reading.value
            self.entries.add_setting(self.runs[row], plan.name, value)
