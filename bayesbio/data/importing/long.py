"""Long tables: one row per value, with the name of its quantity beside it."""

from __future__ import annotations

import collections
import dataclasses
from typing import Any

import numpy as np

from bayesbio.data.importing.columns import MEASURED, ColumnPlan, plan_quantity
from bayesbio.data.importing.sheets.blocks import Column
from bayesbio.data.importing.sheets.cells import Reading, is_blank, plain_text
from bayesbio.data.importing.sheets.headers import snake
from bayesbio.data.importing.wide import Reader
from bayesbio.data.vocabulary.quantities import key

NO_UNIT = ("-", "–", "n/a", "N/A", "NA", "none")


class LongReader(Reader):
    """One row per value, with the name of its quantity beside it."""

    def read(self) -> None:
        """Read every row; report how each analyte was understood."""
        self.values = self.layout.roles["value"]
        header = self.options.headers.read(self.values.header, self.values.unit or None)
        self.own_unit = header.unit or ""
        analytes: dict[str, list[int]] = {}
        for row in self.used:
            name = plain_text(self.layout.cell("quantity", row))
            if name:
                analytes.setdefault(name, []).append(row)
        self.entries.labels |= set(analytes)
        others = [self._other(column) for column in self.layout.others() if column.header]
        read = [self._analyte(name, rows) for name, rows in analytes.items()]
        self.entries.uses += self.report([*read, *others])

    def _analyte(self, name: str, rows: list[int]) -> ColumnPlan:
        readings = [self.values.readings[row] for row in rows]
        kinds = {reading.kind for reading in readings}
        stated = [self._unit(row) or self.own_unit for row in rows]
        named = collections.Counter(unit for unit in stated if unit)
        usual = named.most_common(1)[0][0] if named else ""
        if self.options.role_of(name, None) == "not used":
            return ColumnPlan(-1, name, note="left out as asked")
        if kinds <= {"text", "missing"} and "text" in kinds:
            return self._text_analyte(name, rows)
        values = np.array([r.value for r in readings if r.kind == "number"])
        plan, findings = plan_quantity(name, usual, values, self.options)
        plan.role = self.role(plan)
        self.dosed(plan, rows, self.values.readings)
        self.entries.findings += findings
        self.unit_note(plan)
        if plan.role not in MEASURED or plan.word is None:
            return plan
        if plan.role == "setting":
            constant: dict[str, set[float]] = {}
            for row, reading in zip(rows, readings, strict=True):
                constant.setdefault(self.runs[row], set()).add(reading.value)
            if any(len(values) > 1 for values in constant.values()):
                plan.role = "measurement"
        blank = sum(not unit for unit in stated)
        if blank and len(named) > 1:
            self.entries.fail(
                f"{plan.word.name} comes in several units ({', '.join(named)}) and {blank} of its "
                "rows have none; expected a unit in every row.",
                "Fill in the unit column.",
                run=self.runs[rows[0]],
                subject="unit",
                quantity=plan.word.name,
            )
        for row, reading, unit in zip(rows, readings, stated, strict=True):
            if reading.kind == "text":
                self.text_in_number(row, plan, self.values.cells[row])
            if reading.kind == "number":
                replicate = plan.replicate or self.replicate(row)
                self.add(row, plan, self._detailed(row, reading), unit or plan.unit, replicate)
        self.marks(plan, readings, [self.values.cells[row] for row in rows])
        return plan

    def _unit(self, row: int) -> str:
        text = plain_text(self.layout.cell("unit", row))
        return "" if text in NO_UNIT else text

    def _detailed(self, row: int, reading: Reading) -> Reading:
        """Add flag, spread and upper limit from their columns."""
        if "flag" in self.layout.roles:
            flag = self.flag(row, self.layout.cell("flag", row))
            reading = reading._replace(flag=flag or reading.flag)
        for part, role in (("sd", "sd"), ("upper", "value_upper")):
            column = self.layout.roles.get(role)
            if column is not None and column.readings[row].kind == "number":
                detail: dict[str, Any] = {part: column.readings[row].value}
                reading = reading._replace(**detail)
        return reading

    def _text_analyte(self, name: str, rows: list[int]) -> ColumnPlan:
        """Keep a text result that is the same throughout each run, such as a clone."""
        plan = ColumnPlan(-1, name, name=snake(name), note="text")
        words = self.options.headers.read(name).words
        if words:
            for row in rows:
                if self.values.readings[row].kind == "text":
                    named = dataclasses.replace(plan, word=words[0])
                    self.text_in_number(row, named, self.values.cells[row])
            return plan
        texts: dict[str, set[str]] = {}
        for row in rows:
            texts.setdefault(self.runs[row], set()).add(plain_text(self.values.cells[row]))
        if all(len(values) == 1 for values in texts.values()):
            plan.role, plan.note = "covariate", ""
            for run, values in texts.items():
                self.entries.add_setting(run, plan.name, next(iter(values)))
            return plan
        self.entries.warn(f"{name!r} is not used: its results are text.")
        return plan

    def _other(self, column: Column) -> ColumnPlan:
        """Keep further columns of a long table that are the same throughout each run."""
        header = column.header
        plan = ColumnPlan(-1, header, name=snake(header))
        if self.only == "profile" and key(header) == "interpolation":
            plan.note = "linear or step"
        elif column.is_empty:
            plan.note = "empty"
        elif self.options.role_of(header, None) == "not used":
            plan.note = "left out as asked"
        if plan.note or column.is_numeric:
            return plan
        ignored = self.options.dialect.is_a("ignored", header) or column.is_moment
        if not ignored and column.is_constant_in(self.runs):
            plan.role = "covariate"
            for row in self.used:
                if not is_blank(column.cells[row]):
                    value = plain_text(column.cells[row])
                    self.entries.add_setting(self.runs[row], plan.name, value)
        elif not column.is_moment:
            self.entries.warn(f"Column {header!r} is not used: it holds text about single results.")
        return plan
