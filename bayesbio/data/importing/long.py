"""Long tables: one row per value, with the name of its quantity beside it."""

from __future__ import annotations

import collections
import dataclasses

import numpy as np

from bayesbio.data.column_report import ColumnUse
from bayesbio.data.importing.sheets import headers
from bayesbio.data.importing.sheets.cells import Reading, is_blank
from bayesbio.data.importing.sheets.columns import MEASURED, Plan, plan_quantity
from bayesbio.data.importing.sheets.structure import run_name
from bayesbio.data.importing.values import Reader, read_flag
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.lookup import Quantity, key


class LongReader(Reader):
    """One row per value, with the name of its quantity beside it."""

    def read(self) -> None:
        """Read every row; say how each analyte was understood."""
        places = self.layout.places
        analytes: dict[str, list[int]] = {}
        for row in self.keep:
            cell = self.block.rows[row][places["quantity"]]
            if not is_blank(cell):
                analytes.setdefault(run_name(cell), []).append(row)
        self.gathered.labels |= set(analytes)
        others: list[ColumnUse] = []
        taken = self.layout.taken()
        for place, header in enumerate(self.block.header):
            if place in taken or not header:
                continue
            others.append(self._other(place, header).use(self.block.name))
        said = [self._analyte(name, rows).use(self.block.name) for name, rows in analytes.items()]
        self.gathered.uses += said + others

    def _analyte(self, name: str, rows: list[int]) -> Plan:
        survey, places = self.survey, self.layout.places
        readings = {row: survey.readings[places["value"]][row] for row in rows}
        stated = [self._unit(row) for row in rows]
        named = collections.Counter(unit for unit in stated if unit)
        usual = named.most_common(1)[0][0] if named else ""
        values = np.array([r.value for r in readings.values() if r.kind == "number"])
        role = self.options.role_of(name, None)
        if role == "not used":
            return Plan(-1, name, note="left out as told")
        numeric = any(reading.kind in ("number", "undetected") for reading in readings.values())
        if not numeric and any(reading.kind == "text" for reading in readings.values()):
            return self._text_analyte(name, rows)
        plan, findings = plan_quantity(name, usual, values, self.options)
        plan.role = self.role(plan)
        self.gathered.findings += findings
        self.unit_note(plan)
        if plan.role not in MEASURED or plan.word is None:
            return plan
        undetected = 0
        constant: dict[str, set[float]] = {}
        if plan.role == "setting":
            for row in rows:
                constant.setdefault(self.runs[row], set()).add(readings[row].value)
            if any(len(v) > 1 for v in constant.values()):
                plan.role = "measurement"
        blank = sum(not unit for unit in stated)
        if blank and len(named) > 1:
            self.gathered.fail(
                f"{plan.word.name} comes in several units ({', '.join(named)}) and "
                f"{blank} of its rows "
                "have none; expected a unit in every row.",
                "Fill in the unit column.",
                self.runs[rows[0]],
                None,
                "unit",
            )
        for row in rows:
            reading = readings[row]
            undetected += reading.kind == "undetected"
            if reading.kind == "text":
                self.text_in_number(row, plan, self.block.rows[row][places["value"]])
            if reading.kind != "number":
                continue
            unit = self._unit(row) or plan.unit
            if unit != usual and not self._comparable(unit, plan.word):
                unit = unit if self._unit(row) else plan.unit
            self.add(
                row, plan, self._detailed(row, reading), unit, plan.replicate or self.replicate(row)
            )
        self.undetected(plan, undetected)
        return plan

    def _comparable(self, unit: str, word: Quantity) -> bool:
        return units.is_unit(unit) and units.same_dimension(
            unit, word.unit, molar_mass=word.molar_mass
        )

    def _unit(self, row: int) -> str:
        place = self.layout.places.get("unit")
        cell = self.block.rows[row][place] if place is not None else None
        text = "" if is_blank(cell) else str(cell).strip()
        if text in ("-", "–", "n/a", "N/A", "NA", "none"):
            return ""
        return text

    def _detailed(self, row: int, reading: Reading) -> Reading:
        """Add flag, spread and upper limit from their columns."""
        places = self.layout.places
        if "flag" in places:
            cell = self.block.rows[row][places["flag"]]
            flag = read_flag(cell, self.gathered, self.runs[row], self.block.numbers[row])
            reading = reading._replace(flag=flag or reading.flag)
        if "sd" in places:
            other = self.survey.readings[places["sd"]][row]
            reading = reading._replace(sd=other.value if other.kind == "number" else reading.sd)
        if "value_upper" in places:
            other = self.survey.readings[places["value_upper"]][row]
            upper = other.value if other.kind == "number" else reading.upper
            reading = reading._replace(upper=upper)
        return reading

    def _text_analyte(self, name: str, rows: list[int]) -> Plan:
        """Keep a text result that is the same throughout each run, such as a clone."""
        plan = Plan(-1, name, name=headers.snake(name), note="text")
        cells: dict[str, set[str]] = {}
        for row in rows:
            cells.setdefault(self.runs[row], set()).add(
                run_name(self.block.rows[row][self.layout.places["value"]])
            )
        word = headers.understand(name, self.options.words)
        if word.words:
            for row in rows:
                cell = self.block.rows[row][self.layout.places["value"]]
                self.text_in_number(row, dataclasses.replace(plan, word=word.words[0]), cell)
            return plan
        if all(len(values) == 1 for values in cells.values()):
            plan.role, plan.note = "covariate", ""
            for run, values in cells.items():
                self.gathered.add_setting(run, plan.name, next(iter(values)))
            return plan
        self.gathered.warn(f"{name!r} is not used: its results are text.")
        return plan

    def _other(self, place: int, header: str) -> Plan:
        """Keep further columns of a long table that are the same throughout each run."""
        plan = Plan(place, header, name=headers.snake(header))
        if self.only == "profile" and key(header) == "interpolation":
            plan.note = "linear or step"
            return plan
        if self.options.role_of(header, None) == "not used" or self.survey.is_empty(place):
            plan.note = "empty" if self.survey.is_empty(place) else "left out as told"
            return plan
        ignored = key(header) in headers.IGNORED_WORDS or self.survey.is_moment(place)
        if (
            not ignored
            and self.survey.constant_in(place, self.runs)
            and not self.survey.is_numeric(place)
        ):
            plan.role = "covariate"
            for row in self.keep:
                cell = self.block.rows[row][place]
                if not is_blank(cell):
                    self.gathered.add_setting(self.runs[row], plan.name, run_name(cell))
        elif not self.survey.is_numeric(place) and not self.survey.is_moment(place):
            self.gathered.warn(
                f"Column {header!r} is not used: it holds text about single results."
            )
        return plan
