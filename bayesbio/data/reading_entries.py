"""From a block of cells to entries: one measured value of one run each, in house units."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import math
import re
from typing import Any

import numpy as np

from bayesbio.data import reading_headers as headers
from bayesbio.data import units
from bayesbio.data.columns import ColumnUse
from bayesbio.data.findings import Finding
from bayesbio.data.reading_cells import Reading, is_blank, read_cell, to_moment
from bayesbio.data.reading_columns import MEASURED, Options, Plan, Survey, plan_quantity
from bayesbio.data.reading_layout import Layout, fill_down, lay_out, row_times, run_name
from bayesbio.data.reading_sheets import Block
from bayesbio.data.vocabulary import Quantity, key
from bayesbio.errors import DataError, UnitError

FLAG_SIGNS = {
    "": "", "<": "below", "<=": "below", "≤": "below", "below": "below", "lt": "below", "bql": "below",
    "left": "below", "<lod": "below", "<loq": "below", "lod": "below", "loq": "below", "blq": "below",
    ">": "above", ">=": "above", "≥": "above", "above": "above", "gt": "above", "right": "above",
    "between": "between", "interval": "between", "excluded": "excluded", "exclude": "excluded",
    "outlier": "excluded", "invalid": "excluded", "rejected": "excluded", "=": "", "ok": "", "valid": "",
    "none": "", "normal": "", "n": "", "0": "", "false": "", "-": "",
}  # fmt: skip
FOOTERS = re.compile(
    r"(mean|average|avg|sd|std|stdev|min|max|median|total|sum|count|end of|exported|report|printed|"
    r"signature|reviewed|approved|legend|note|\*|mittelwert)", re.IGNORECASE,
)  # fmt: skip
COVARIATE_WORDS = frozenset(
    "clone strain medium media site project cellline product process feedstrategy scale host organism "
    "bioreactor reactor vessel operatorsite basalmedium feedmedium condition".split()
)


@dataclasses.dataclass
class Entry:
    """One value."""

    run: str
    time: float | dt.datetime
    quantity: str
    role: str
    value: float
    flag: str = ""
    upper: float = math.nan
    sd: float = math.nan
    replicate: int = 0
    row: int = 0
    column: str = ""


@dataclasses.dataclass
class Gathered:
    """Everything that the sheets of one file gave."""

    entries: list[Entry] = dataclasses.field(default_factory=list)
    runs: list[str] = dataclasses.field(default_factory=list)
    settings: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    origins: dict[str, dt.datetime] = dataclasses.field(default_factory=dict)
    words: dict[str, Quantity] = dataclasses.field(default_factory=dict)
    findings: list[Finding] = dataclasses.field(default_factory=list)
    uses: list[ColumnUse] = dataclasses.field(default_factory=list)
    events: list[tuple[str, float | dt.datetime, str, str, float]] = dataclasses.field(
        default_factory=list
    )
    interpolations: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    labels: set[str] = dataclasses.field(default_factory=set)  # headers and analytes met

    def add_run(self, name: str) -> None:
        """Note that a run exists."""
        if name not in self.runs:
            self.runs.append(name)

    def add_setting(self, run: str, name: str, value: Any) -> None:
        """Note a constant of a run."""
        self.settings.setdefault(run, {}).setdefault(name, value)

    def warn(self, what: str, then: str = "", run: str = "") -> None:
        """Note a warning."""
        self.findings.append(Finding("warning", run, None, what, then))

    def fail(
        self, what: str, then: str, run: str = "", time: Any = None, subject: str = "data"
    ) -> None:
        """Note an error."""
        moment = time if isinstance(time, float) else None
        self.findings.append(Finding("error", run, moment, what, then, subject))


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


def preamble_run(block: Block) -> str | None:
    """Find the name of the run in the lines above the header."""
    for word in headers.RUN_WORDS:
        for name, value in block.preamble.items():
            if key(name) == word and not is_blank(value):
                return run_name(value)
    return None


def preamble_origin(block: Block) -> dt.datetime | None:
    """Find in the lines above the header when the run was inoculated."""
    for words in (headers.ORIGIN_WORDS, headers.START_WORDS):
        for name, value in block.preamble.items():
            if key(name) in words:
                moment = to_moment(value, "day")
                if moment is not None:
                    return moment
    return None


def gather(
    block: Block, options: Options, gathered: Gathered, *, default_run: str, only: str | None = None
) -> None:
    """
    Read one block of measurements into entries, settings and findings.

    Parameters
    ----------
    block : Block
    options : Options
    gathered : Gathered
        Is added to.
    default_run : str
        Name of the run where no column gives one.
    only : str, optional
        Role that every quantity gets, such as "profile".
    """
    survey = Survey(block)
    layout = lay_out(survey, options)
    gathered.labels |= set(block.header)
    if not block.rows:
        raise DataError(
            f"{block.name} has a header but no rows; expected one row a sample under the header."
        )
    if layout.time is None:
        raise DataError(no_time(block, options))
    runs = row_runs(survey, layout, default_run)
    times = row_times(layout, survey)
    keep = _rows_with_time(block, survey, layout, runs, times, gathered)
    _note_time(layout, block, gathered)
    for run in dict.fromkeys(runs[row] for row in keep):
        gathered.add_run(run)
    _origins(survey, layout, runs, block, gathered)
    _repeated_rows(survey, layout, runs, times, keep, gathered)
    gathered.uses += layout.uses(survey)
    reader = _LongReader if layout.is_long else _WideReader
    reader(survey, layout, options, gathered, runs, times, keep, only).read()
    _preamble_settings(block, runs, keep, gathered)


def no_time(block: Block, options: Options) -> str:
    """Say that a table has no time."""
    names = ", ".join(repr(name) for name in block.header if name)
    wanted = f" named {options.time!r}" if options.time else ""
    return (
        f"{block.name} has no time column{wanted}; its columns are {names}. Name it, as in "
        "read_campaign(..., time='Culture day'), or head it time_h, Day or Date."
    )


def row_runs(survey: Survey, layout: Layout, default_run: str) -> list[str]:
    """Give the run of every row."""
    if layout.run is None:
        return [default_run] * len(survey.block.rows)
    cells = fill_down(survey.cells[layout.run])
    return [default_run if is_blank(cell) else run_name(cell) for cell in cells]


def _rows_with_time(
    block: Block,
    survey: Survey,
    layout: Layout,
    runs: list[str],
    times: list[Any],
    gathered: Gathered,
) -> list[int]:
    """Keep the rows that have a time; say what happened to the others."""
    keep = []
    taken = layout.taken()
    for row, time in enumerate(times):
        holds = any(
            survey.readings[p][row].kind == "number"
            for p in range(len(block.header))
            if p not in taken or p == layout.places.get("value")
        )
        first = next((str(c) for c in block.rows[row] if not is_blank(c)), "")
        if isinstance(time, (float, dt.datetime)):
            keep.append(row)
        elif FOOTERS.match(first) or (
            not holds and (time is None or len(_filled(block.rows[row])) < 2)
        ):
            if holds:
                gathered.warn(f"Row {block.numbers[row]} of {block.name} ({first!r}) is not a sample "
                              "and was left out.", "It has no time.")  # fmt: skip
        elif time is None and holds:
            gathered.warn(
                f"row {block.numbers[row]} of {block.name} has values but no time and was left out.",
                "Fill in its time to use it.", runs[row],
            )  # fmt: skip
        elif time is not None:
            column = block.header[layout.time or 0]
            gathered.fail(
                f"the time in row {block.numbers[row]} of {block.name} (column {column!r}) is {time!r}; "
                "expected a number, a date or a duration.",
                "Correct the cell, or delete the row.", runs[row],
            )  # fmt: skip
    return keep


def _filled(row: tuple[Any, ...]) -> list[Any]:
    return [cell for cell in row if not is_blank(cell)]


def _note_time(layout: Layout, block: Block, gathered: Gathered) -> None:
    name = block.header[layout.time or 0]
    if layout.kind == "elapsed" and layout.time_note:
        gathered.warn(
            f"Column {name!r} has no unit and was read as hours.",
            "If it counts days, head it 'Day' or give the unit, such as 'time (d)'.",
        )
    if layout.kind == "moment" and layout.order_open:
        gathered.warn(
            f"Dates such as 03/04/2024 in column {name!r} leave open whether the day or the month "
            f"comes first; the {layout.order} was taken to come first.",
            "Write dates as 2024-03-04 to be sure.",
        )


def _origins(
    survey: Survey, layout: Layout, runs: list[str], block: Block, gathered: Gathered
) -> None:
    """Note when each run was inoculated, where the sheet says so."""
    if layout.origin is not None:
        for run, cell in zip(runs, survey.cells[layout.origin], strict=True):
            moment = to_moment(cell, layout.order)
            if moment is not None:
                gathered.origins.setdefault(run, moment)
    moment = preamble_origin(block)
    if moment is not None and layout.kind == "moment":
        for run in dict.fromkeys(runs):
            gathered.origins.setdefault(run, moment)


def _repeated_rows(
    survey: Survey,
    layout: Layout,
    runs: list[str],
    times: list[Any],
    keep: list[int],
    gathered: Gathered,
) -> None:
    """Find rows that are there twice, and a row whose time goes back."""
    block = survey.block
    seen: dict[tuple[Any, ...], int] = {}
    for row in keep:
        content = (runs[row], str(times[row]), *(str(cell).strip() for cell in block.rows[row]))
        if content in seen:
            gathered.fail(
                f"row {block.numbers[row]} of {block.name} repeats row {block.numbers[seen[content]]} "
                f"({_when(times[row])}); each sample was expected once.",
                "Delete one of the two, or number true replicates in a column 'replicate'.",
                runs[row], times[row],
            )  # fmt: skip
        seen.setdefault(content, row)
    last: dict[tuple[str, str], int] = {}
    back = []
    for row in keep:
        series = (
            runs[row],
            str(block.rows[row][layout.places["quantity"]]) if layout.is_long else "",
        )
        before = last.get(series)
        if before is not None and type(times[before]) is type(times[row]):
            back += [(before, row)] if times[row] < times[before] else []
        last[series] = row
    if len(back) == 1 and len(keep) >= 4:  # more than one step back is another order of rows
        before, row = back[0]
        gathered.fail(
            f"time goes back from {_when(times[before])} to {_when(times[row])} in row "
            f"{block.numbers[row]} of {block.name}; times of a run were expected to increase.",
            "Correct the time, or sort the rows if it is right.", runs[row], times[row],
        )  # fmt: skip


def _when(time: Any) -> str:
    return f"{time:g} h" if isinstance(time, float) else str(time)


def _preamble_settings(block: Block, runs: list[str], keep: list[int], gathered: Gathered) -> None:
    """Take what the lines above the header say about the run: clone, strain, medium, site."""
    for name, value in block.preamble.items():
        if key(name) in COVARIATE_WORDS and isinstance(value, str) and len(value) < 60:
            for run in dict.fromkeys(runs[row] for row in keep):
                gathered.add_setting(run, headers.snake(name), value.strip())


class _Reader:
    """What wide and long tables share."""

    def __init__(
        self, survey: Survey, layout: Layout, options: Options, gathered: Gathered,
        runs: list[str], times: list[Any], keep: list[int], only: str | None,
    ) -> None:  # fmt: skip
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
                f"{word.name} at {_when(time)} (row {self.block.numbers[row]} of {self.block.name}) "
                f"is given in {reading.unit or unit!r}: {error}",
                f"Give it in a unit that can be converted to {word.unit}.",
                self.runs[row], time, "unit",
            )  # fmt: skip
            return
        self.gathered.words.setdefault(word.name, word)
        self.gathered.entries.append(
            Entry(
                self.runs[row], self.times[row], word.name, plan.role, house.value, house.flag,
                house.upper, house.sd, replicate, self.block.numbers[row], plan.header,
            )
        )  # fmt: skip

    def text_in_number(self, row: int, plan: Plan, cell: Any) -> None:
        """Say that a text stands where a number was expected."""
        name = plan.word.name if plan.word is not None else plan.header
        self.gathered.fail(
            f"{name} at {_when(self.times[row])} (row {self.block.numbers[row]} of {self.block.name}, "
            f"column {plan.header!r}) is {str(cell)!r}; expected a number.",
            "Leave the cell empty if it was not measured, or write '<0.2' for a value below the limit.",
            self.runs[row], self.times[row],
        )  # fmt: skip

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
                    f"Column {plan.header!r} has no unit; {plan.word.name} was read in {plan.unit}.",
                    f"Give the unit, such as '{plan.header} ({plan.unit})'.",
                )

    def role(self, plan: Plan) -> str:
        """Give the role of a plan, as the table it stands in allows."""
        if self.only is not None and plan.role in MEASURED:
            return self.only
        return plan.role


class _WideReader(_Reader):
    """One column per quantity."""

    def read(self) -> None:
        """Read every column that holds a quantity; say what the others are."""
        plans = self._plans()
        self._several_of_one(plans)
        flags = {p.word.name: p for p in plans if p.part == "flag" and p.word is not None}
        spreads = {
            (p.word.name, p.replicate): p for p in plans if p.part == "sd" and p.word is not None
        }
        uppers = {p.word.name: p for p in plans if p.part == "upper" and p.word is not None}
        for plan in plans:
            if plan.part in ("flag", "sd", "upper", "other"):
                roles = {"flag": "flag", "sd": "sd", "upper": "value_upper", "other": "not used"}
                plan.role = roles[plan.part]
            elif plan.role in MEASURED and plan.word is not None:
                name = plan.word.name
                spread = spreads.get((name, plan.replicate), spreads.get((name, 0)))
                self._read_column(plan, flags.get(name), spread, uppers.get(name))
            elif plan.role == "covariate":
                self._read_covariate(plan)
        self.gathered.uses += [plan.use(self.block.name) for plan in plans]

    def _plans(self) -> list[Plan]:
        plans = []
        taken = self.layout.taken()
        kept_runs = self.runs
        for place, header in enumerate(self.block.header):
            if place in taken:
                continue
            if not header:
                if self.survey.is_numeric(place):
                    self.gathered.warn(
                        f"Column {place + 1} of {self.block.name} holds numbers but has no name; it "
                        "was not used.", "Give it a header to use it.",
                    )  # fmt: skip
                continue
            plan, findings = self._plan(place, header, kept_runs)
            plan.place = place
            plan.role = self.role(plan)
            self.gathered.findings += findings
            self.unit_note(plan)
            plans.append(plan)
        return plans

    def _plan(self, place: int, header: str, runs: list[str]) -> tuple[Plan, list[Finding]]:
        survey, options = self.survey, self.options
        if self.only == "profile" and key(header) == "interpolation":
            return Plan(place, header, note="linear or step"), []
        constant = survey.constant_in(place, runs)
        role = options.role_of(header, None)
        if role == "not used":
            return Plan(place, header, note="left out as told"), []
        if survey.is_empty(place):
            return Plan(place, header, note="empty"), []
        found = headers.understand(header, options.words)
        marks = found.part in ("flag",) and bool(found.words)
        if survey.is_moment(place) and not survey.is_numeric(place):
            return Plan(place, header, note="another time"), []
        name = key(found.name)
        if (
            role is None
            and (name in headers.TIME_WORDS or name in headers.TIME_UNITS)
            and not found.words
        ):
            return Plan(place, header, note="another time"), []
        if marks:
            return Plan(place, header, word=found.words[0], part="flag", role="measurement"), []
        if not survey.is_numeric(place):
            return self._text_column(place, header, constant, role, bool(found.words))
        values = survey.numbers(place)
        if found.words and constant:
            several = len(set(runs)) > 1 and len(values) >= 3 * len(set(runs))
            constant = several and len(np.unique(values)) > 1
        unit = self.block.units[place] or survey.cell_unit(place)
        return plan_quantity(header, unit, values, options, constant=constant)

    def _text_column(
        self, place: int, header: str, constant: bool, role: str | None, known: bool
    ) -> tuple[Plan, list[Finding]]:
        plan = Plan(
            place, header, name=headers.snake(headers.understand(header, self.options.words).name)
        )
        undetected = self.survey.count(place, "undetected") > 0
        texts = self.survey.count(place, "text")
        if known and (undetected or self.survey.count(place, "number")) and texts == 0:
            return plan_quantity(header, self.block.units[place], np.array([]), self.options)
        ignored = key(header) in headers.IGNORED_WORDS
        if role == "covariate" or (constant and not ignored):
            plan.role = "covariate"
            return plan, []
        plan.note = "text"
        if ignored:
            return plan, [Finding("warning", "", None, f"Column {header!r} is not used: it holds text "
                                  "about single samples.", "")]  # fmt: skip
        return plan, [
            Finding(
                "warning", "", None,
                f"Column {header!r} is not used: it holds text that changes within a run.",
                "Text that is the same throughout a run would be kept as a covariate.",
            )
        ]  # fmt: skip

    def _several_of_one(self, plans: list[Plan]) -> None:
        """Number the columns that hold the same quantity; drop a mean that stands beside them."""
        by_name: dict[tuple[str, str], list[Plan]] = {}
        for plan in plans:
            if plan.role in MEASURED and plan.word is not None and plan.part in ("", "mean"):
                by_name.setdefault((plan.word.name, plan.role), []).append(plan)
        for same in by_name.values():
            if len(same) < 2:
                continue
            self._number(same)

    def _number(self, same: list[Plan]) -> None:
        numbered = [p for p in same if p.replicate and p.part == ""]
        plain = [p for p in same if not p.replicate or p.part == "mean"]
        if numbered and len(plain) >= 1:
            for plan in plain:
                if plan.part == "mean" or self._is_mean(plan, numbered):
                    plan.role, plan.note = "not used", "mean of the replicate columns"
            plain = [plan for plan in plain if plan.role != "not used"]
        elif any(p.part == "mean" for p in plain) and any(p.part == "" for p in plain):
            for plan in plain:
                if plan.part == "mean":
                    plan.role, plan.note = "not used", "mean of the other column"
            plain = [plan for plan in plain if plan.role != "not used"]
        kept = [p for p in same if p in numbered or p in plain]
        for plan in plain:
            twin = next((o for o in kept if o is not plan and o.role != "not used" and o.place < plan.place
                         and self._same_values(o, plan)), None)  # fmt: skip
            if twin is not None:
                plan.role, plan.note = "not used", f"the same values as {twin.header!r}"
        kept = [p for p in kept if p.role != "not used"]
        stated = [p.replicate for p in kept]
        if len(kept) > 1 and (0 in stated or len(set(stated)) < len(stated)):
            for number, plan in enumerate(sorted(kept, key=lambda p: p.place), 1):
                plan.replicate = number
            if any(not p.header.startswith(kept[0].header.split(".")[0]) for p in kept):
                names = ", ".join(repr(p.header) for p in kept)
                self.gathered.warn(
                    f"Columns {names} all hold {kept[0].word.name if kept[0].word else ''}; they were "
                    "read as its replicates.",
                    "Leave one out with roles={'<column>': 'ignore'} if that is not so.",
                )

    def _house_values(self, plan: Plan) -> np.ndarray:
        assert plan.word is not None
        return np.array([
            self.convert(r._replace(unit=""), plan.unit, plan.word).value if r.kind == "number" else math.nan
            for r in self.survey.readings[plan.place]
        ])  # fmt: skip

    def _is_mean(self, plan: Plan, numbered: list[Plan]) -> bool:
        values = np.array([self._house_values(p) for p in numbered])
        mean = self._house_values(plan)
        there = np.isfinite(values).sum(axis=0)
        total = np.where(np.isfinite(values), values, 0.0).sum(axis=0)
        both = (there > 0) & np.isfinite(mean)
        if not both.any():
            return True
        expected = total[both] / there[both]
        return bool(np.mean(np.isclose(mean[both], expected, rtol=0.02, atol=1e-3)) > 0.8)

    def _same_values(self, one: Plan, other: Plan) -> bool:
        if one.unit == other.unit:
            return False
        first, second = self._house_values(one), self._house_values(other)
        both = np.isfinite(first) & np.isfinite(second)
        return bool(both.any() and np.allclose(first[both], second[both], rtol=0.05, atol=1e-9))

    def _read_column(
        self, plan: Plan, flag: Plan | None, spread: Plan | None, upper: Plan | None
    ) -> None:
        undetected = 0
        setting: dict[str, set[float]] = {}
        place = plan.place
        for row in self.keep:
            reading = self.survey.readings[place][row]
            if reading.kind == "undetected":
                undetected += 1
            if reading.kind == "text":
                self.text_in_number(row, plan, self.block.rows[row][place])
            if reading.kind != "number":
                continue
            if flag is not None:
                reading = reading._replace(flag=self._flag(row, flag) or reading.flag)
            if spread is not None:
                reading = reading._replace(sd=self._number_in(row, spread, reading.sd))
            if upper is not None:
                reading = reading._replace(upper=self._number_in(row, upper, reading.upper))
            row_flag = self.layout.places.get("flag")
            if row_flag is not None and not reading.flag:
                cell = str(self.block.rows[row][row_flag] or "").strip().lower()
                if FLAG_SIGNS.get(cell) == "excluded":
                    reading = reading._replace(flag="excluded")
            replicate = plan.replicate or self.replicate(row)
            self.add(row, plan, reading, plan.unit, replicate)
            setting.setdefault(self.runs[row], set()).add(reading.value)
        self.undetected(plan, undetected)
        if plan.role == "setting" and any(len(values) > 1 for values in setting.values()):
            name = plan.word.name if plan.word else plan.header
            run = next(run for run, values in setting.items() if len(values) > 1)
            self.gathered.warn(
                f"Column {plan.header!r} ({name}) changes within the run; it was read as a measurement "
                "rather than a setting.", "Keep one value a run if it is a setting.", run,
            )  # fmt: skip
            plan.role = "measurement"
            for entry in self.gathered.entries:
                if entry.column == plan.header and entry.role == "setting":
                    entry.role = "measurement"

    def _flag(self, row: int, flag: Plan) -> str:
        cell = self.block.rows[row][flag.place]
        return read_flag(cell, self.gathered, self.runs[row], self.block.numbers[row])

    def _number_in(self, row: int, plan: Plan, default: float) -> float:
        reading = self.survey.readings[plan.place][row]
        return reading.value if reading.kind == "number" else default

    def _read_covariate(self, plan: Plan) -> None:
        for row in self.keep:
            cell = self.block.rows[row][plan.place]
            if is_blank(cell):
                continue
            reading = self.survey.readings[plan.place][row]
            value: Any = run_name(cell)
            if reading.kind == "number" and not reading.unit and not reading.flag:
                value = reading.value
            self.gathered.add_setting(self.runs[row], plan.name, value)


class _LongReader(_Reader):
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
                f"{plan.word.name} comes in several units ({', '.join(named)}) and {blank} of its rows "
                "have none; expected a unit in every row.",
                "Fill in the unit column.", self.runs[rows[0]], None, "unit",
            )  # fmt: skip
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
        for name, field in (("sd", "sd"), ("value_upper", "upper")):
            if name in places:
                other = self.survey.readings[places[name]][row]
                if other.kind == "number":
                    reading = reading._replace(**{field: other.value})
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
        "Correct it, or leave the column out with roles={'flag': 'ignore'}.", run,
    )  # fmt: skip
    return ""
