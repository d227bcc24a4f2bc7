"""The house's own tables: runs, events, profiles and columns beside the measurements."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from bayesbio.data.event import EVENT_KINDS
from bayesbio.data.findings import ColumnUse
from bayesbio.data.importing.columns import ColumnPlan, ReadOptions, plan_quantity
from bayesbio.data.importing.entries import Converter, Dose, Entries, marks
from bayesbio.data.importing.layout import Layout, row_runs, row_times
from bayesbio.data.importing.rows import read_rows
from bayesbio.data.importing.sheets.blocks import Block, Column
from bayesbio.data.importing.sheets.cells import Reading, plain_text
from bayesbio.data.importing.sheets.headers import snake
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.quantities import key, unknown_name
from bayesbio.errors import DataError, UnitError, nearest_name

TABLES = ("runs", "measurements", "events", "profiles", "columns", "feeds", "plan")


def tables_of(names: list[str]) -> dict[str, str]:
    """
    Find the house's tables among the names of files or sheets.

    Examples
    --------
    >>> tables_of(["Runs", "measurements", "notes"])
    {'runs': 'Runs', 'measurements': 'measurements'}
    """
    plain = {re.sub(r"\s+", "", name).lower(): name for name in names}
    return {table: plain[table] for table in TABLES if table in plain}


def read_columns_table(block: Block) -> dict[str, Any]:
    """Read columns.csv: how a foreign sheet's columns map (column, quantity, unit, role)."""
    by_key = {key(column.header): column for column in block.columns}
    if "column" not in by_key:
        raise DataError(
            f"{block.name} has no column 'column'; expected the columns column, quantity, unit, "
            "role."
        )
    mapping: dict[str, Any] = {}
    for row in range(len(block)):
        cell = {name: plain_text(column.cells[row]) for name, column in by_key.items()}
        if cell["column"]:
            mapping[cell["column"]] = {
                "quantity": cell.get("quantity") or cell.get("role") or cell["column"],
                "unit": cell.get("unit") or None,
                "role": cell.get("role") or None,
            }
    return mapping


def read_runs(layout: Layout, options: ReadOptions, entries: Entries) -> list[str]:
    """Read runs.csv: the static settings and covariates of each run; give the runs in order."""
    block, named = layout.block, layout.run
    if named is None:
        keys = {key(column.header): column for column in reversed(block.columns)}
        named = next((keys[word] for word in options.dialect.headers["run"] if word in keys), None)
    if named is None:
        there = ", ".join(repr(name) for name in block.header if name)
        raise DataError(f"{block.name} has no column 'run'; its columns are {there}.")
    names = [plain_text(cell) for cell in named.cells]
    twice = sorted({name for name in set(names) if name and names.count(name) > 1})
    if twice:
        entries.fail(
            f"{block.name} has several rows for run {twice[0]!r}; one row a run was expected.",
            "Keep one of them.",
            run=twice[0],
        )
    entries.labels |= set(block.header)
    entries.uses.append(ColumnUse(named.header, "run", sheet=block.name))
    reader = _SettingsReader(block, names, options, entries)
    for column in block.columns:
        if column is not named and column.header:
            entries.uses.append(reader.read(column).use(block.name))
    return [name for name in dict.fromkeys(names) if name]


@dataclasses.dataclass
class _SettingsReader:
    """Reads columns of settings, one row a run."""

    block: Block
    names: list[str]
    options: ReadOptions
    entries: Entries
    convert: Converter = dataclasses.field(default_factory=Converter)

    def read(self, column: Column) -> ColumnPlan:
        """Read one column: numbers in house units, moments of inoculation, or text."""
        header, dialect = column.header, self.options.dialect
        plan = ColumnPlan(column.index, header, name=snake(header))
        known = bool(column.counts["number"] and self.options.headers.read(header).words)
        if column.is_empty:
            plan.note = "empty"
        elif column.is_moment:
            self._moments(column, plan)
        elif column.is_numeric or known:
            return self._numbers(column)
        elif self.options.role_of(header, None) == "not used" or dialect.is_a("ignored", header):
            plan.note = "text"
        else:
            plan.role = "covariate"
            for name, cell, reading in zip(self.names, column.cells, column.readings, strict=True):
                if reading.kind != "missing":
                    self.entries.add_setting(name, plan.name, plain_text(cell))
        return plan

    def _moments(self, column: Column, plan: ColumnPlan) -> None:
        dated = {n: m for n, m in zip(self.names, column.moments, strict=True) if m is not None}
        dialect = self.options.dialect
        if dialect.is_a("inoculation", column.header) or dialect.is_a("start", column.header):
            self.entries.origins |= dated
            plan.role, plan.name, plan.note = "time", "", "time zero"
            return
        plan.role = "covariate"
        for name, moment in dated.items():
            self.entries.add_setting(name, plan.name, moment.isoformat(sep=" "))

    def _numbers(self, column: Column) -> ColumnPlan:
        plan, findings = plan_quantity(
            column.header, column.unit, column.numbers, self.options, constant=True
        )
        self.entries.findings += findings
        if plan.role == "not used":
            return plan
        if plan.word is not None:
            plan.role = "setting"
            if plan.note.startswith("no unit given") and column.header == plan.word.name:
                plan.note = "" if plan.unit == plan.word.unit else plan.note
        subject = plan.word.name if plan.word is not None else plan.name
        self.entries.findings += marks(column.header, subject, column.readings, column.cells)
        for name, cell, reading in zip(self.names, column.cells, column.readings, strict=True):
            if reading.kind == "text":
                self.entries.fail(
                    f"the setting {plan.header!r} in {self.block.name} is {str(cell)!r}; expected "
                    "a number.",
                    "Correct the cell, or leave it empty.",
                    run=name,
                )
            elif reading.kind == "number":
                self._setting(name, plan, reading)
        return plan

    def _setting(self, run: str, plan: ColumnPlan, reading: Reading) -> None:
        if plan.word is None:
            self.entries.add_setting(run, plan.name, reading.value)
            return
        try:
            value = self.convert(reading, plan.unit, plan.word).value
        except UnitError as problem:
            self.entries.fail(
                f"setting {plan.word.name} is given in {reading.unit or plan.unit!r}: {problem}",
                f"Give it in {plan.word.unit}.",
                run=run,
                subject="unit",
            )
            return
        self.entries.words.setdefault(plan.word.name, plan.word)
        self.entries.add_setting(run, plan.word.name, value)


def read_events(layout: Layout, options: ReadOptions, entries: Entries, default_run: str) -> None:
    """Read events.csv: run, time, kind, quantity, value, unit; one row per quantity."""
    block = layout.block
    if not len(block):
        return
    by_key = {key(column.header): column for column in reversed(block.columns)}
    kinds = options.dialect.headers["event_kind"]
    kind = next((by_key[word] for word in kinds if word in by_key), None)
    value = layout.roles.get("value", by_key.get("value"))
    entries.labels |= set(block.header)
    for wanted, column in (("time", layout.time), ("kind", kind), ("value", value)):
        if column is None:
            names = ", ".join(repr(name) for name in block.header if name)
            raise DataError(
                f"{block.name} has no column {wanted!r}; expected run, time_h, kind, quantity, "
                f"value, unit, and found {names}."
            )
    assert kind is not None and value is not None
    entries.uses += layout.uses()
    entries.uses.append(ColumnUse(kind.header, "event", sheet=block.name))
    entries.findings += marks(value.header, "the amount", value.readings, value.cells)
    reader = _EventReader(block, options, entries)
    times, runs = row_times(layout), row_runs(layout, default_run, merged=False)
    for row, time in enumerate(times):
        cells = {
            name: plain_text(by_key[name].cells[row]) if name in by_key else ""
            for name in ("quantity", "unit")
        }
        if time is None or isinstance(time, str):
            reader.fail(
                row,
                runs[row],
                f"has {time!r} for a time; expected a number or a date.",
                "Fill in the time.",
            )
            continue
        event = reader.read(row, runs[row], kind.cells[row], cells, value)
        if event is None:
            continue
        if event[0] == "bolus" and event[1] == "volume" and key(cells["quantity"]) != "volume":
            feed = cells["quantity"] or "feed"
            entries.doses.append(Dose(runs[row], time, feed, "added", event[2]))
        else:
            entries.events.append((runs[row], time, *event, ""))


@dataclasses.dataclass
class _EventReader:
    """Reads the rows of a table of events."""

    block: Block
    options: ReadOptions
    entries: Entries
    convert: Converter = dataclasses.field(default_factory=Converter)

    def fail(self, row: int, run: str, what: str, what_to_do: str, subject: str = "data") -> None:
        """Add an error about a row."""
        number = self.block.numbers[row]
        text = f"row {number} of {self.block.name} {what}"
        self.entries.fail(text, what_to_do, run=run, subject=subject)

    def read(
        self, row: int, run: str, given: Any, cells: dict[str, str], value: Column
    ) -> tuple[str, str, float] | None:
        """Give kind, quantity and value of one row, in house units; None if it has an error."""
        kind = self._kind(row, run, plain_text(given))
        if kind is None or kind == "stop":
            return None if kind is None else (kind, "", 0.0)
        reading = value.readings[row]
        if reading.kind != "number":
            self.fail(
                row,
                run,
                f"gives the event {kind!r} the value {value.cells[row]!r}; expected a number.",
                "Fill in the amount.",
            )
            return None
        text = cells["quantity"] or ("volume" if kind == "sample" else "")
        header = self.options.headers.read(text, cells["unit"] or None)
        if kind == "bolus" and not header.words and self.options.is_feed(text):
            header = header._replace(words=(self.options.words.quantity("volume"),))
        if not header.words:
            guess = unknown_name(text, self.options.words.nearest(text))
            self.entries.fail(
                guess, f"It stands in row {self.block.numbers[row]} of {self.block.name}.", run=run
            )
            return None
        word, unit = header.words[0], cells["unit"] or header.unit or ""
        if unit and not units.is_unit(unit):
            self.fail(
                row,
                run,
                f"has the unit {unit!r}, which is not known here; expected one "
                f"like {word.amount_unit}.",
                "Correct it.",
                "unit",
            )
            return None
        by_amount = kind in ("bolus", "sample")
        if by_amount and unit and word.name != "volume" and units.same_dimension(unit, "L"):
            word = self.options.words.quantity("volume")
        target = word.amount_unit if by_amount else word.unit
        try:
            amount = self.convert(reading, unit, word, target).value
        except UnitError:
            advice = (
                "a bolus is an amount" if kind == "bolus" else f"a {kind} is expected to be one"
            )
            self.fail(
                row,
                run,
                f"has a {kind} of {word.name} that is given in {unit!r}; {advice} "
                f"in a unit like {target}.",
                "Correct value and unit.",
                "unit",
            )
            return None
        if amount < 0 and by_amount:
            self.fail(
                row,
                run,
                f"has a {kind} of {word.name} of {amount:g} {target}; amounts are zero or more.",
                "Correct the sign; what is taken out is a sample.",
            )
            return None
        self.entries.words.setdefault(word.name, word)
        return kind, word.name, amount

    def _kind(self, row: int, run: str, given: str) -> str | None:
        kinds = (*EVENT_KINDS, *self.options.event_kinds)
        if given.lower() in kinds:
            return given.lower()
        same = next((kind for kind in kinds if key(kind) == key(given) and key(given)), None)
        known = self.options.dialect.event_kinds.get(key(given)) or same
        if known is None:
            near = nearest_name(given, kinds)
            hint = f" Did you mean {near}?" if near else ""
            self.fail(
                row,
                run,
                f"has the kind of event {given!r}; expected one of {', '.join(kinds)}.{hint}",
                "Correct it.",
            )
        return known


def read_profiles(layout: Layout, options: ReadOptions, entries: Entries, default_run: str) -> None:
    """Read profiles.csv: run, time, quantity, value, unit, interpolation; or one column each."""
    block = layout.block
    if not len(block):
        return
    before = len(entries.uses)
    read_rows(layout, options, entries, default_run=default_run, only="profile")
    names = {use.column: use.quantity for use in entries.uses[before:]}
    stated = next((c for c in block.columns if key(c.header) == "interpolation"), None)
    if stated is None:
        return
    for row, run in enumerate(row_runs(layout, default_run, merged=False)):
        given = plain_text(stated.cells[row]).lower()
        name = names.get(plain_text(layout.cell("quantity", row)), "") if layout.is_long else "*"
        meaning = options.dialect.interpolations.get(given)
        if meaning is not None:
            entries.interpolations.setdefault((run, name), meaning)
        elif given:
            entries.fail(
                f"the interpolation in row {block.numbers[row]} of {block.name} is {given!r}; "
                "expected linear or step.",
                "Correct it.",
                run=run,
            )
