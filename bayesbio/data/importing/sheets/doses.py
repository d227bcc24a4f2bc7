"""Pharmacometric long tables: doses, readings and covariates in one sheet, as tables of runs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import re
from collections.abc import Callable, Mapping, Sequence

from bayesbio.data.findings import Finding, error, warning
from bayesbio.data.importing.sheets.cells import (
    Cell,
    date_order,
    is_blank,
    plain_text,
    to_clock,
    to_moment,
    to_number,
)
from bayesbio.data.importing.sheets.dialect import Dialect
from bayesbio.data.importing.sheets.files import Sheet
from bayesbio.data.vocabulary.quantities import Quantity, key

NEEDED = ("run", "time", "value")
TELLING = ("amount", "event", "missing", "censored", "kind")
LOOKED_AT = 50  # rows searched for the header
READING, OTHER, RESET, RESET_AND_DOSE = 0, 2, 3, 4  # values of EVID; 1 is a dose
WITH_UNIT = re.compile(r"(.+?)\s*[\[(](.+)[\])]")
FEEDS = ("feed_rate", "cumulative_feed", "feed_output")  # a dose of feed is a volume
MIDNIGHT = dt.timedelta(0)
GAPS = (".", "na", "nan", "n/a")


@dataclasses.dataclass(frozen=True)
class Named:
    """
    What a label of the table means.

    ``name`` is blank where it is left out as asked; ``known`` is whether the vocabulary or the user
    names it, ``new`` whether the vocabulary lacks it.
    """

    name: str
    unit: str = ""
    known: bool = True
    new: bool = False


@dataclasses.dataclass
class DoseTables:
    """The tables of the house that a pharmacometric table holds."""

    sheets: dict[str, Sheet]
    quantities: dict[str, Quantity]  # that no vocabulary knows


def dose_tables(
    sheet: Sheet, dialect: Dialect, meaning: Callable[[str], Named]
) -> DoseTables | None:
    """
    Take a pharmacometric table apart into measurements, events, profiles and runs.

    Rows with EVID 0 are readings, with a limit where CENS says so; rows with an amount are boluses,
    or, with a rate or a duration, step profiles; MDV leaves a reading out; what does not order the
    table is a covariate, constant in each run or not.

    Parameters
    ----------
    sheet : Sheet
    dialect : Dialect
        Its ``[doses]`` names the columns.
    meaning : callable
        Gives the quantity that the user or the vocabulary has for a label such as ``DVID 1``.

    Returns
    -------
    DoseTables, or None
        None if the sheet has no such header.
    """
    for top, row in enumerate(sheet.rows[:LOOKED_AT]):
        places = _places(row, dialect.doses)
        if all(role in places for role in NEEDED) and any(role in places for role in TELLING):
            return _Taker(sheet, top, places, dialect, meaning).tables()
    return None


def _places(row: Sequence[Cell], names: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Find the place of each role in a header; the likelier name of a role goes first."""
    keys = [key(_bare(cell)[0]) for cell in row]
    found: dict[str, int] = {}
    for role, words in names.items():
        there = next((keys.index(word) for word in words if word in keys), None)
        if there is not None and role != "ignored" and there not in found.values():
            found[role] = there
    return found


def _bare(cell: Cell) -> tuple[str, str]:
    """Split a header into its name and its unit."""
    text = plain_text(cell).lstrip("#")
    match = WITH_UNIT.fullmatch(text)
    return (match[1], match[2]) if match else (text, "")


class _Taker:
    """Takes one table apart."""

    def __init__(
        self,
        sheet: Sheet,
        top: int,
        places: dict[str, int],
        dialect: Dialect,
        meaning: Callable[[str], Named],
    ) -> None:
        self.sheet, self.places, self.meaning = sheet, places, meaning
        self.header = sheet.rows[top]
        self.rows = list(zip(sheet.numbers[top + 1 :], sheet.rows[top + 1 :], strict=True))
        self.ignored = dialect.doses.get("ignored", ())
        self.findings: list[Finding] = []
        self.quantities: dict[str, Quantity] = {}
        self.readings: list[tuple[int, tuple[Cell, ...]]] = []
        self.doses: list[tuple[int, tuple[Cell, ...]]] = []
        self.infusions: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
        self.starts: dict[str, float] = {}
        self.ends: dict[str, float] = {}
        dates = [row[self.places.get("date", self.places["time"])] for _, row in self.rows]
        self.order = date_order(dates) or "month"
        self.origins: dict[str, dt.datetime] = {}
        for _, row in self.rows:
            subject, moment = plain_text(row[self.places["run"]]), self._moment(row)
            if moment is not None:
                self.origins[subject] = min(moment, self.origins.get(subject, moment))
        self.read_in = self._compartments()
        self.time_unit = "h" if self.origins else _bare(self.header[places["time"]])[1]

    def cell(self, row: Sequence[Cell], role: str) -> Cell:
        """Give the cell of a role; None where it is a gap."""
        cell = row[self.places[role]] if role in self.places else None
        gap = isinstance(cell, str) and cell.strip().lower() in GAPS
        return None if gap or is_blank(cell) else cell

    def time(self, row: Sequence[Cell]) -> Cell:
        """Give the time of a row; hours since the first row of its subject where it is dated."""
        moment = self._moment(row)
        if moment is None:
            return row[self.places["time"]]
        start = self.origins[plain_text(row[self.places["run"]])]
        return (moment - start).total_seconds() / 3600.0

    def _hour(self, row: Sequence[Cell]) -> float | None:
        """Give the time of a row as a number, or None."""
        time = self.time(row)
        return to_number(time) if isinstance(time, str) else time

    def _moment(self, row: Sequence[Cell]) -> dt.datetime | None:
        """Give the date of a row with its time of day, where there is one."""
        clock, date = row[self.places["time"]], self.cell(row, "date")
        dated = clock if date is None else date
        moment = to_moment(dated, self.order)
        return moment if moment is None or date is None else moment + (to_clock(clock) or MIDNIGHT)

    def number(self, row: Sequence[Cell], role: str) -> float | None:
        """Give a number, or None."""
        cell = self.cell(row, role)
        return to_number(cell) if isinstance(cell, str) else cell

    def tables(self) -> DoseTables:
        """Take every row, then give the tables."""
        courses: dict[str, int] = {}
        runs: list[str] = []
        for number, row in self.rows:
            subject = plain_text(row[self.places["run"]])
            event = self.number(row, "event")
            amount = self.number(row, "amount")
            if event in (RESET, RESET_AND_DOSE):
                courses[subject] = courses.get(subject, 1) + 1
            course = courses.get(subject, 1)
            run = subject if course == 1 else f"{subject}/{course}"
            runs.append(run)
            hour = self._hour(row)
            if hour is not None:
                self.starts[run] = min(hour, self.starts.get(run, hour))
                self.ends[run] = max(hour, self.ends.get(run, hour))
            dosed = event in (1, RESET_AND_DOSE) or (event is None and bool(amount))
            if dosed:
                self._dose(number, run, row, amount)
            elif self._is_reading(row):
                self._reading(number, run, row)
        if courses:
            self.findings.append(
                warning(
                    f"{self.sheet.name}: {len(courses)} subjects are reset (EVID 3 or 4); what "
                    "follows is a run of its own, such as "
                    f"{next(iter(courses))}/2.",
                )
            )
        self._unnamed()
        covariates, profiles = self._covariates(runs)
        time = f"time ({self.time_unit})" if self.time_unit else "time"
        sheets = {
            "measurements": self._sheet(
                ("run", time, "quantity", "value", "unit", "flag", "value_upper"), self.readings
            ),
            "runs": covariates,
            "events": self._sheet(("run", time, "kind", "quantity", "value", "unit"), self.doses),
            "profiles": self._sheet(
                ("run", time, "quantity", "value", "unit", "interpolation"),
                [*self._steps(runs), *profiles],
            ),
        }
        sheets["measurements"] = dataclasses.replace(
            sheets["measurements"], findings=(*self.sheet.findings, *self.findings)
        )
        filled = {table: page for table, page in sheets.items() if len(page.rows) > 1}
        return DoseTables({"measurements": sheets["measurements"], **filled}, self.quantities)

    def _sheet(
        self, header: tuple[str, ...], rows: Sequence[tuple[int, tuple[Cell, ...]]]
    ) -> Sheet:
        numbers = (0, *(number for number, _ in rows))
        return Sheet(self.sheet.name, (header, *(row for _, row in rows)), numbers, headed=True)

    def _label(self, row: Sequence[Cell]) -> str:
        """Name the quantity of a reading as the table does: 'glucose', 'DVID 2' or 'DV'."""
        role = "kind"
        if role not in self.places and self._several("compartment"):
            role = "compartment"
        kind = plain_text(self.cell(row, role)) if role in self.places else ""
        if not kind or (role == "kind" and not self._several("kind") and kind.isdigit()):
            return _bare(self.header[self.places["value"]])[0]
        return f"{_bare(self.header[self.places[role]])[0]} {kind}" if kind.isdigit() else kind

    def _compartments(self) -> dict[str, str]:
        """Give the label of what is read in each compartment, where it is one known quantity."""
        labels: dict[str, set[str]] = {}
        for _, row in self.rows:
            place = plain_text(self.cell(row, "compartment"))
            if place and self._is_reading(row) and self.cell(row, "value") is not None:
                labels.setdefault(place, set()).add(self._label(row))
        single = {place: next(iter(names)) for place, names in labels.items() if len(names) == 1}
        return {place: label for place, label in single.items() if self.meaning(label).known}

    def _several(self, role: str) -> bool:
        """Whether readings differ in a role."""
        if role not in self.places:
            return False
        seen = {plain_text(self.cell(row, role)) for _, row in self.rows if self._is_reading(row)}
        return len(seen - {""}) > 1

    def _is_reading(self, row: Sequence[Cell]) -> bool:
        """Whether a row is a reading that counts."""
        event, missing = self.number(row, "event"), self.number(row, "missing")
        dosed = event is None and bool(self.number(row, "amount"))
        return event in (None, READING) and not dosed and not missing

    def _named(self, label: str, unit: str) -> Named:
        """Give the meaning of a label; one that nobody knows becomes a quantity of its own."""
        named = self.meaning(label)
        if named.new:
            own = named.unit or unit or "1"
            self.quantities.setdefault(named.name, Quantity(named.name, own, lower=None))
            return dataclasses.replace(named, unit=own)
        return dataclasses.replace(named, unit=named.unit or unit)

    def _reading(self, number: int, run: str, row: Sequence[Cell]) -> None:
        value, limit = self.cell(row, "value"), self.cell(row, "limit")
        censored = self.number(row, "censored") or 0
        flag, upper = "", None
        if censored > 0:
            flag, value, limit = "below", limit if value in (None, 0, "0") else value, limit
            low = to_number(plain_text(limit))
            high = to_number(plain_text(value))
            if low is not None and high is not None and low < high:
                flag, value, upper = "between", low, high
        elif censored < 0:
            flag = "above"
            low, high = to_number(plain_text(value)), to_number(plain_text(limit))
            if low is not None and high is not None and low < high:
                flag, upper = "between", high
        if value is None:
            return
        named = self._named(self._label(row), _bare(self.header[self.places["value"]])[1])
        if named.name:
            entry = (run, self.time(row), named.name, value, named.unit, flag, upper)
            self.readings.append((number, entry))

    def _dosed(self, row: Sequence[Cell]) -> Named:
        """Name the quantity of a dose: by its column, its compartment, or the only reading."""
        head, unit = _bare(self.header[self.places["amount"]])
        named = self.meaning(head)
        if named.known:
            return dataclasses.replace(named, unit=named.unit or unit)
        place = plain_text(self.cell(row, "compartment"))
        if place in self.read_in:
            return self._named(self.read_in[place], unit)
        column = _bare(self.header[self.places["compartment"]])[0] if place else ""
        label = f"{column} {place}" if place.isdigit() else place
        several = self._several("kind") or self._several("compartment")
        only = "" if several else self._label(row)
        for text in filter(None, (label, only)):
            named = self.meaning(text)
            if named.known:
                if named.name not in FEEDS:
                    return dataclasses.replace(named, unit=unit)
                if not unit:
                    self._once("doses of feed have no unit and were read as L.")
                return Named("volume", unit or "L")
        name = f"{label} dose" if several and label else "dose"
        return self._named(name, unit)

    def _dose(self, number: int, run: str, row: Sequence[Cell], amount: float | None) -> None:
        time, start = self.time(row), self._hour(row)
        if not amount:
            return
        named = self._dosed(row)
        rate, duration = self.number(row, "rate"), self.number(row, "duration")
        if self.number(row, "steady"):
            self._once(
                "SS says that doses went on before the first row; these are not known and were "
                "not added."
            )
        if rate is not None and rate < 0:
            self._once("RATE below zero leaves the rate to a model; such doses are boluses here.")
            rate = None
        if duration is None and rate:
            duration = amount / rate
        every, more = self.number(row, "interval"), int(self.number(row, "additional") or 0)
        if start is None and (duration or more):
            self.findings.append(
                error(
                    f"Row {number} of {self.sheet.name} gives a rate or further doses at "
                    f"{plain_text(time)!r}; expected a number for its time.",
                    "Give TIME in hours since the start.",
                    run=run,
                )
            )
            return
        for count in range(more + 1 if every else 1):
            when: Cell = time if not count else (start or 0.0) + count * (every or 0.0)
            if duration:
                begin = (start or 0.0) + count * (every or 0.0)
                steps = self.infusions.setdefault((run, named.name, named.unit), [])
                steps += [(begin, amount / duration), (begin + duration, -amount / duration)]
            else:
                self.doses.append((number, (run, when, "bolus", named.name, amount, named.unit)))

    def _steps(self, runs: Sequence[str]) -> list[tuple[int, tuple[Cell, ...]]]:
        """Give infusions as the steps of their rate; what overlaps adds up."""
        rows: list[tuple[int, tuple[Cell, ...]]] = []
        infused = {(name, unit) for _, name, unit in self.infusions}
        for run, (name, unit) in itertools.product(dict.fromkeys(runs), sorted(infused)):
            steps = [(self.starts.get(run, 0.0), 0.0), *self.infusions.get((run, name, unit), ())]
            rated = "feed_rate" if name == "volume" else f"{name.removesuffix('_dose')}_dose_rate"
            rated = "dose_rate" if name == "dose" else rated
            per = f"{unit or '1'}/{self.time_unit or 'h'}"
            if rated != "feed_rate":
                self.quantities.setdefault(rated, Quantity(rated, per, lower=None))
            level, by_time = 0.0, dict[float, float]()
            for time, change in sorted(steps):
                level += change
                by_time[time] = level if abs(level) > 1e-12 else 0.0
            last = self.ends.get(run, 0.0)
            if last > max(by_time):
                by_time[last] = 0.0
            rows += [(0, (run, time, rated, rate, per, "step")) for time, rate in by_time.items()]
        return rows

    def _covariates(self, runs: Sequence[str]) -> tuple[Sheet, list[tuple[int, tuple[Cell, ...]]]]:
        """Give columns that order nothing: constant in each run, or as they change in time."""
        names = list(dict.fromkeys(runs))
        table: list[list[Cell]] = [["run", *names]]
        profiles: list[tuple[int, tuple[Cell, ...]]] = []
        for place, cell in enumerate(self.header):
            name, unit = _bare(cell)
            if place in self.places.values() or key(name) in self.ignored or not name:
                continue
            seen: dict[str, dict[str, Cell]] = {run: {} for run in names}
            for run, (_, row) in zip(runs, self.rows, strict=True):
                if not is_blank(row[place]) and plain_text(row[place]).lower() not in GAPS:
                    seen[run].setdefault(plain_text(row[place]), row[place])
            if all(len(values) < 2 for values in seen.values()):
                table.append(
                    [plain_text(cell), *(next(iter(v.values()), None) for v in seen.values())]
                )
                continue
            rows = self._changing(place, name, unit, runs)
            profiles += rows
            if not rows:
                self.findings.append(
                    warning(f"Column {name!r} is not used: it holds text that changes in a run.")
                )
        turned = tuple(zip(*table, strict=True))
        numbers = tuple(range(len(turned)))
        return Sheet(self.sheet.name, turned, numbers, headed=True), profiles

    def _changing(
        self, place: int, name: str, unit: str, runs: Sequence[str]
    ) -> list[tuple[int, tuple[Cell, ...]]]:
        """Give a covariate that changes in time as a step profile, row by row where it changes."""
        named = self._named(name, unit)
        rows: list[tuple[int, tuple[Cell, ...]]] = []
        last: dict[str, float] = {}
        for run, (number, row) in zip(runs, self.rows, strict=True):
            value = to_number(plain_text(row[place]))
            if value is not None and last.get(run) != value:
                last[run] = value
                time = self.time(row)
                rows.append((number, (run, time, named.name, value, named.unit, "step")))
        return rows

    def _unnamed(self) -> None:
        """Ask for the names of what nobody knows."""
        read = (row for _, row in self.rows if self._is_reading(row))
        labels = dict.fromkeys(map(self._label, read))
        unknown = [label for label in labels if not self.meaning(label).known]
        if unknown:
            first = unknown[0]
            self.findings.append(
                warning(
                    f"{self.sheet.name} does not say what {', '.join(unknown)} is; it was kept "
                    "as a quantity of that name.",
                    f"Name it, as in columns={{{first!r}: 'glucose [g/L]'}}; a dose likewise, "
                    f"as in columns={{'AMT': 'glucose [g]'}}.",
                )
            )

    def _once(self, what: str) -> None:
        found = warning(f"{self.sheet.name}: {what}")
        if found not in self.findings:
            self.findings.append(found)
