"""The columns that order a table: which is the run, the time, the replicate, and is it long."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import re
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bayesbio.data.findings import ColumnUse
from bayesbio.data.importing.columns import ReadOptions, find_header
from bayesbio.data.importing.run_key import (
    FEWEST,
    courses,
    of_samples,
    parallel,
    restarts,
    restarts_within,
    times_of_samples,
)
from bayesbio.data.importing.sheets.blocks import Block, Column, fill_down, joined
from bayesbio.data.importing.sheets.cells import (
    Cell,
    Reading,
    date_order,
    is_blank,
    plain_text,
    to_clock,
    to_duration,
    to_moment,
)
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.quantities import key

DETAILS = ("replicate", "flag", "sd", "value_upper")
LONG = ("quantity", "value", "unit")
SAMPLES = ("sampleid", "samplename", "sample", "sampleno", "samplenumber")
STRUCTURAL = ("run", "time", *DETAILS, *LONG)
EXCEL_EPOCH = dt.datetime(1899, 12, 30)
SERIAL_DATES = (20000, 80000)  # days since the epoch of Excel: 1954 to 2119
HOURS_IN = {"h": 1.0, "d": 24.0, "min": 1.0 / 60.0, "s": 1.0 / 3600.0, "week": 168.0}
DAYS_APART, WEEKS_APART = 3, 14  # days between samples that cultures have, and have not
DATE_FORMAT = re.compile(  # what comes first in 'Date (mm/dd/yyyy)'
    r"\b(m{1,2}|month|monat|d{1,2}|day|tag|t{2}|j{2})[-/. ]+"
    r"(?:m{1,2}|month|monat|d{1,2}|day|tag)\b",
    re.IGNORECASE,
)
LABELLED_TIME = re.compile(
    r"(?:(?P<day>day|d|tag|wd|dag|jour)|(?P<h>hour|h)|(?P<week>week|w)|t|time)?\.?\s*[_#-]?\s*"
    r"(?P<number>-?\d+(?:[.,]\d+)?)\s*(?P<unit>h|hrs?|hours?|d|days?|min|std|tage?)?",
    re.IGNORECASE,
)


@dataclasses.dataclass
class Layout:
    """The ordering columns of a block; None where there is none."""

    block: Block
    run: Column | None = None
    time: Column | None = None
    clock: Column | None = None  # a time of day that belongs to a column of dates
    kind: str = "elapsed"  # or "moment"
    time_unit: str = "h"
    time_note: str = ""
    origin: Column | None = None  # a column that says when the run was inoculated
    roles: dict[str, Column] = dataclasses.field(default_factory=dict)
    order: str = "day"
    order_open: str = ""  # "likely" or "open" where dates leave it to be asked
    samples: Column | None = None  # names that say the run, or its time
    run_note: str = ""  # why these rows are a run

    @property
    def is_long(self) -> bool:
        """Tell whether each row is one value of a named quantity."""
        return "quantity" in self.roles and "value" in self.roles

    def cell(self, role: str, row: int) -> Cell:
        """Give the cell of a row in the column of a role; None without such a column."""
        return self.roles[role].cells[row] if role in self.roles else None

    def others(self) -> list[Column]:
        """Give the columns that do not order the table."""
        single = (self.run, self.time, self.clock, self.origin, self.samples)
        taken = {id(column) for column in (*single, *self.roles.values())}
        return [column for column in self.block.columns if id(column) not in taken]

    def uses(self) -> list[ColumnUse]:
        """Report the ordering columns."""
        elapsed = self.kind == "elapsed"
        uses = []
        for column, role, quantity, unit, house, note in (
            (self.run, "run", "", "", "", self.run_note),
            (
                self.time,
                "time",
                "time",
                self.time_unit if elapsed else "",
                "h" if elapsed else "",
                self.time_note if elapsed else "date and time",
            ),
            (self.clock, "time", "", "", "", "time of day"),
            (self.origin, "time", "", "", "", "time zero"),
        ):
            if column is not None:
                name = self.block.name
                uses.append(ColumnUse(column.header, role, quantity, unit, house, 0, note, name))
        return uses + [
            ColumnUse(column.header, role, sheet=self.block.name)
            for role, column in self.roles.items()
        ]


def lay_out(block: Block, options: ReadOptions) -> Layout:
    """Find the ordering columns of a block."""
    return _Finder(block, options).layout()


class _Finder:
    """Finds the ordering columns of one block."""

    def __init__(self, block: Block, options: ReadOptions) -> None:
        self.block, self.options, self.dialect = block, options, options.dialect
        self.stated = {
            id(column): role
            for column in block.columns
            if (role := _stated_role(column.header, options))
        }
        self.keys = {
            id(column): key(options.headers.read(column.header).name if column.header else "")
            for column in block.columns
        }

    def layout(self) -> Layout:
        layout = Layout(self.block)
        for role in (*DETAILS, *LONG):
            column = self._as_stated(role) or self._first(role)
            if column is not None:
                layout.roles[role] = column
        if not layout.is_long:
            for role in (*LONG, "sd", "value_upper"):
                layout.roles.pop(role, None)
        if "flag" not in layout.roles and (marked := self._exclusions()) is not None:
            layout.roles["flag"] = marked
        self._choose_time(layout)
        layout.run = self._run(layout)
        if layout.run is not None:
            layout.roles = {r: c for r, c in layout.roles.items() if c is not layout.run}
        self._replicate_of_runs(layout)
        return layout

    def _as_stated(self, role: str) -> Column | None:
        return next((c for c in self.block.columns if self.stated.get(id(c)) == role), None)

    def _named(self, role: str) -> list[Column]:
        """Give the columns whose name is listed for a role and which have no other."""
        names = self.dialect.headers[role]
        listed = [c for c in self.block.columns if self.keys[id(c)] in names]
        free = [column for column in listed if id(column) not in self.stated]
        return sorted(free, key=lambda column: names.index(self.keys[id(column)]))

    def _first(self, role: str) -> Column | None:
        return next((column for column in self._named(role) if _suits(column, role)), None)

    def _exclusions(self) -> Column | None:
        """Give a column of marks, such as x or yes, as flags of excluded rows."""
        marked, unmarked = (self.dialect.sheets[name] for name in ("marked", "unmarked"))
        for column in self._named("excluded"):
            texts = [plain_text(cell) for cell in column.cells]
            marks = [bool(marked.fullmatch(text)) for text in texts]
            if any(marks) and all(
                mark or unmarked.fullmatch(text) for mark, text in zip(marks, texts, strict=True)
            ):
                flags = dataclasses.replace(column, cells=["excluded" * mark for mark in marks])
                self.block.columns[self.block.columns.index(column)] = flags
                self.keys[id(flags)] = self.keys[id(column)]
                return flags
        return None

    def _choose_time(self, layout: Layout) -> None:
        """Choose the finest time column; elapsed time goes before days, and days before dates."""
        chosen = self._as_stated("time")
        if self.options.time is not None:
            index = find_header(self.block.header, self.options.time)
            chosen = self.block.columns[index] if index is not None else chosen
        columns = self.block.columns if chosen is None else [chosen]
        clocks = [] if chosen is not None else self._clocks()
        candidates: list[tuple[int, int, int, str]] = []
        for number, column in enumerate(columns):
            name = self.keys[id(column)]
            if column.is_empty or column in clocks:
                continue
            momentary = name in self.dialect.headers["moment"]
            if chosen is None and (
                id(column) in self.stated or not (momentary or self.dialect.is_time(name))
            ):
                continue
            kind = _kind_of_time(column, momentary)
            if chosen is None and (kind is None or self._measures_something_else(column)):
                continue
            distinct = len({str(cell).strip() for cell in column.filled})
            rank = 2 if kind != "elapsed" else 0 if name in self.dialect.headers["time"] else 1
            rank += 3 if self.dialect.time_units.get(name) == "year" else 0
            if kind == "elapsed" and self.dialect.sheets["ordinal"].fullmatch(column.header):
                rank = 2  # the third time point is not the third hour
            candidates.append((-distinct, rank, number, kind or "elapsed"))
        for column in self._named("inoculation"):
            if column.is_moment and column is not chosen:
                layout.origin = column
        first = not candidates or self.dialect.table.get("sample_times", False)
        if chosen is None and first and (found := times_of_samples(self._samples())) is not None:
            layout.time, layout.time_note = found, "the day or hour in the names of samples"
            layout.samples = self._at(found.index)
            return
        if not candidates:
            return
        _, _, number, layout.kind = min(candidates)
        hours = [c for c in candidates if c[3] == "elapsed" and c[1] == 0]
        if layout.kind == "moment" and hours:  # hours since the start say more than the calendar
            number, layout.kind = hours[0][2], "elapsed"
        layout.time = columns[number]
        if layout.kind == "moment":
            dated = [columns[number] for _, _, number, kind in candidates if kind == "moment"]
            self._read_dates(layout, layout.time, dated)
        else:
            self._read_unit(layout, layout.time)

    def _read_dates(self, layout: Layout, time: Column, dated: list[Column]) -> None:
        """Find the time of day that belongs to dates, and the order of day and month."""
        layout.clock = self._clock_beside(time)
        others = [c for c in self.block.columns if self.stated.get(id(c)) != "other"]
        layout.order = self._stated_order(time) or next(
            (order for column in (*dated, *others) if (order := date_order(column.cells))), ""
        )
        if not layout.order and self.block.decimal == ",":
            layout.order = "day"  # who writes decimal commas writes the day first
        if not layout.order:
            layout.order, layout.order_open = order_by_gaps(time.cells)

    def _stated_order(self, time: Column) -> str:
        """Give what comes first in dates as the user, the header or its unit row says."""
        target = str(self.options.target_of(time.header) or "")
        for text in (target, time.unit, time.header):
            match = DATE_FORMAT.search(text)
            if match:
                return "day" if match[1][0].lower() in "dtj" else "month"
        return ""

    def _read_unit(self, layout: Layout, time: Column) -> None:
        """Find the unit of elapsed time: as stated, in its name, or hours."""
        header = self.options.headers.read(time.header, time.unit or None)
        given = _stated_unit(time.header, self.options) or header.unit or time.cell_unit or None
        if given is not None and units.spell(given) != "1" and units.same_dimension(given, "h"):
            layout.time_unit = given
            return
        usual = self.dialect.time_units.get(self.keys[id(time)])
        seen = self._unit_beside_dates(time)
        if seen is not None and seen[0] != usual:
            layout.time_unit = seen[0]
            layout.time_note = f"unit as {seen[1]!r} shows"
            return
        layout.time_unit = usual or "h"
        clockwise = not time.is_numeric and time.is_duration
        layout.time_note = "" if usual or clockwise else "no unit given, taken for h"

    def _unit_beside_dates(self, time: Column) -> tuple[str, str] | None:
        """Compare elapsed times with the dates beside them: the unit, and the column of dates."""
        for column in self._named("moment"):
            if column is time or not column.is_moment:
                continue
            pairs = [
                (reading.value, moment)
                for reading, moment in zip(time.readings, column.moments, strict=True)
                if reading.kind == "number" and moment is not None
            ]
            steps = [
                ((there - here).total_seconds() / 3600.0, later - earlier)
                for (earlier, here), (later, there) in itertools.pairwise(pairs)
                if later > earlier and there > here
            ]
            if len(steps) < 3:
                continue
            hours = statistics.median(hour / step for hour, step in steps)
            for unit, long in HOURS_IN.items():
                if abs(hours / long - 1.0) < 0.02:
                    return unit, column.header
        return None

    def _measures_something_else(self, column: Column) -> bool:
        """Tell a time from a quantity that shares its letter by the unit: 'T / °C' is no time."""
        header = self.options.headers.read(column.header, column.unit or None)
        if header.unit is None or units.spell(header.unit) == "1":
            return False
        return bool(header.words) and not units.same_dimension(header.unit, "h")

    def _clocks(self) -> list[Column]:
        """Find times of day, which stand beside a column of bare dates."""
        if not any(_is_bare(c) for c in self._named("moment") if c.is_moment):
            return []
        return [
            column
            for column in self._named("clock")
            if not column.is_numeric
            and column.filled
            and all(to_clock(cell) is not None for cell in column.filled)
        ]

    def _clock_beside(self, time: Column) -> Column | None:
        """Find the column of times of day that belongs to a column of dates."""
        if not _is_bare(time):
            return None
        for column in self.block.columns:
            name = self.keys[id(column)]
            timely = any(name in self.dialect.headers[role] for role in ("moment", "time"))
            if column is time or not timely or column.is_numeric:
                continue
            clocks = sum(to_clock(cell) is not None for cell in column.filled)
            if column.filled and clocks > 0.6 * len(column.filled):
                return column
        return None

    def _run(self, layout: Layout) -> Column | None:
        """Choose the column whose names keep samples apart and still have several times each."""
        named = [find_header(self.block.header, name) for name in self.options.run_key]
        columns = [self.block.columns[index] for index in named if index is not None]
        if columns:
            return columns[0] if len(columns) == 1 else joined(columns)
        stated = self._as_stated("run")
        if stated is not None:
            return stated
        free = layout.others()
        candidates = [
            c for c in self._named("run") if c in free and not c.is_empty and not c.is_moment
        ]
        when = [column for column in (layout.time, layout.clock) if column is not None]
        series = [*when, *([layout.roles["quantity"]] if "quantity" in layout.roles else [])]
        scored = []
        for rank, column in enumerate(candidates):
            runs = [str(cell) for cell in fill_down(column.cells)]
            doubled = len(runs) - _distinct(runs, series)
            lonely = bool(when) and _distinct(runs, when) < 2 * len(set(runs))
            scored.append((lonely and len(candidates) > 1, doubled, rank))
        times = row_times(layout)
        if not scored:
            found = self._key(layout, None, times)
            if found is not None:
                return found
            by_samples = of_samples([*self._samples(), *layout.others()])
            if by_samples is None:
                return self._restarting(layout, times)
            layout.run_note = by_samples[1]
            layout.samples = self._at(by_samples[0].index)
            return by_samples[0]
        chosen = candidates[min(scored)[-1]]
        others = [column for column in candidates if column is not chosen]
        apart = parallel(chosen, others, times) if others else None
        if apart is None:
            doubtful = min(scored)[1] > 0 or "replicate" in layout.roles
            found = self._key(layout, chosen, times) if doubtful else None
            return found or self._again(layout, chosen, times)
        layout.run_note = apart[1]
        return apart[0]

    def _at(self, index: int) -> Column | None:
        """Give the column of a place in the sheet."""
        return next((column for column in self.block.columns if column.index == index), None)

    def _samples(self) -> list[Column]:
        """Give the columns that name samples."""
        return [c for c in self.block.columns if self.keys[id(c)] in SAMPLES]

    def _restarting(self, layout: Layout, times: Sequence[Any]) -> Column | None:
        """Give the runs of a wide table without names whose clock starts again a number each."""
        if layout.time is None or layout.is_long or "replicate" in layout.roles:
            return None
        numbers = restarts(self.block, times)
        if numbers is None:
            return None
        layout.run_note = f"the clock starts again {numbers[-1] - 1} times"
        return Column(-1, "row order", "", [str(number) for number in numbers], [])

    def _again(self, layout: Layout, run: Column, times: Sequence[Any]) -> Column:
        """Give each batch of a vessel that was used again a run of its own."""
        if layout.time is None or layout.is_long or "replicate" in layout.roles:
            return run
        last: dict[str, float] = {}
        back = False
        for name, time in zip(fill_down(run.cells), times, strict=True):
            if isinstance(time, float):
                back = back or time < last.get(str(name), time)
                last[str(name)] = time
        found = restarts_within(run, self.block, times) if back else None
        if found is None:
            return run
        layout.run_note = found[1]
        return found[0]

    def _key(self, layout: Layout, run: Column | None, times: Sequence[Any]) -> Column | None:
        """Find the fewest names that, with run and replicate column, part rows into courses."""
        analyte = layout.roles.get("quantity")
        rows = [
            (time, "" if analyte is None else str(analyte.cells[row]))
            if isinstance(time, float | dt.datetime)
            else None
            for row, time in enumerate(times)
        ]
        names = [
            column
            for column in layout.others()
            if not (column.is_empty or column.is_moment or column is run)
            and self._may_name_vessels(column)
        ]
        names.sort(key=lambda column: column.is_numeric)
        thing = run is not None and self.dialect.is_a("vessel", run.header)
        found = courses(run, names, layout.roles.get("replicate"), rows, assays=thing)
        if found is None:
            return None
        layout.run_note = found[1]
        return found[0]

    def _may_name_vessels(self, column: Column) -> bool:
        """Whether a column holds names, or the numbers or levels of a few vessels."""
        if self.dialect.is_a("identifier", column.header):
            return True
        if self.dialect.is_a("ignored", column.header):
            return False
        if not column.is_numeric:
            return True
        levels = {str(cell) for cell in column.filled}
        measured = self.options.headers.read(column.header).words
        return not measured and FEWEST * len(levels) <= len(self.block)

    def _replicate_of_runs(self, layout: Layout) -> None:
        """Leave a replicate column that keeps runs apart, not samples, to the covariates."""
        column = layout.roles.get("replicate")
        if column is None or layout.run is None:
            return
        runs = [str(cell) for cell in fill_down(layout.run.cells)]
        values = {str(cell).strip() for cell in column.filled}
        if len(values) > 1 and column.is_constant_in(runs):
            del layout.roles["replicate"]


def _distinct(runs: Sequence[str], columns: Sequence[Column]) -> int:
    """Count the rows that a run and some columns keep apart."""
    return len({(run, *(str(c.cells[row]) for c in columns)) for row, run in enumerate(runs)})


def _is_bare(column: Column) -> bool:
    """Tell whether the dates of a column have no time of day."""
    return all(moment is None or moment.time() == dt.time(0) for moment in column.moments)


def _stated_role(header: str, options: ReadOptions) -> str | None:
    """Give the structural role that the user named for a column, if any."""
    if not header:
        return None
    target = options.target_of(header)
    if isinstance(target, Mapping):
        target = target.get("role") or target.get("quantity")
    if target is None:
        role = options.role_of(header, None)
        return role if role is None or role in STRUCTURAL else "other"
    bare = re.sub(r"[\[(].*", "", str(target)).strip().lower()
    return bare if bare in STRUCTURAL else "other"


def _stated_unit(header: str, options: ReadOptions) -> str | None:
    target = options.target_of(header)
    if isinstance(target, Mapping):
        return target.get("unit")
    match = re.search(r"[\[(](.+)[\])]", str(target))
    return match.group(1) if match else None


def _suits(column: Column, role: str) -> bool:
    if column.is_empty and role != "flag":
        return False
    if role in ("quantity", "unit"):
        return not column.is_numeric and not column.is_moment
    if role in ("value", "sd", "value_upper"):
        return column.is_numeric or column.counts["number"] > 0
    return True


def _kind_of_time(column: Column, momentary: bool) -> str | None:
    if column.is_moment:
        return "moment"
    if column.is_numeric:
        numbers, (first, last) = column.numbers, SERIAL_DATES
        serial = momentary and len(numbers) and numbers.min() > first and numbers.max() < last
        return "moment" if serial else "elapsed"
    if column.is_duration:
        return "elapsed"
    labelled = sum(_labelled(cell) is not None for cell in column.filled)
    return "elapsed" if column.filled and labelled > 0.8 * len(column.filled) else None


def _labelled(cell: Cell) -> re.Match[str] | None:
    """Read a time such as 'Day 3'."""
    if not isinstance(cell, str) or len(cell) > 40:
        return None
    return LABELLED_TIME.fullmatch(cell.strip())


def order_by_gaps(cells: Sequence[Cell]) -> tuple[str, str]:
    """
    Choose what comes first in dates such as 03/04/2024 by the days between samples.

    Returns
    -------
    order : {"day", "month"}
    open : str
        Blank where both give the same hours; "likely" where one gives samples a few days apart and
        the other months; else "open".

    Examples
    --------
    >>> order_by_gaps(["2/1/2024", "2/2/2024", "2/3/2024"])
    ('month', 'likely')
    >>> order_by_gaps(["2/1/2024", "3/2/2024"]), order_by_gaps(["2/1/2024 8:00", "2/1/2024 9:00"])
    (('month', 'open'), ('month', ''))
    """
    gaps: dict[str, list[int]] = {}
    for order in ("month", "day"):
        dates = sorted({m.toordinal() for cell in cells if (m := to_moment(cell, order))})
        gaps[order] = [after - before for before, after in itertools.pairwise(dates)]
    if gaps["month"] == gaps["day"]:
        return "month", ""
    usual = {order: statistics.median(found) if found else 0 for order, found in gaps.items()}
    short, long = sorted(usual, key=lambda order: usual[order])
    return short, "likely" if usual[short] <= DAYS_APART and usual[long] >= WEEKS_APART else "open"


def row_runs(layout: Layout, default: str, *, merged: bool = True) -> list[str]:
    """Give the run of every row; ``merged`` repeats a name down to the next one."""
    if layout.run is None:
        return [default] * len(layout.block)
    cells = fill_down(layout.run.cells) if merged else layout.run.cells
    return [plain_text(cell) or default for cell in cells]


def row_times(layout: Layout) -> list[float | dt.datetime | str | None]:
    """Read the time of every row: hours, a moment, None if blank, the text if it is no time."""
    column = layout.time
    if column is None:
        return [None] * len(layout.block)
    times: list[Any] = []
    for row, (cell, reading) in enumerate(zip(column.cells, column.readings, strict=True)):
        time: Any = None
        if not is_blank(cell):
            if layout.kind == "moment":
                time = _moment(cell, layout.order)
                clock = None if layout.clock is None else to_clock(layout.clock.cells[row])
                time = time + clock if time is not None and clock is not None else time
            else:
                time = _hours(cell, reading, layout.time_unit)
            time = str(cell) if time is None else time
        times.append(time)
    return times


def _moment(cell: Cell, order: str) -> dt.datetime | None:
    if isinstance(cell, int | float) and SERIAL_DATES[0] < cell < SERIAL_DATES[1]:
        return EXCEL_EPOCH + dt.timedelta(seconds=round(float(cell) * 86400.0))
    return to_moment(cell, order)


def _hours(cell: Cell, reading: Reading, unit: str) -> float | None:
    if reading.kind == "number" and not reading.flag:
        given = reading.unit or unit
        if not units.same_dimension(given, "h"):
            return None
        return float(units.convert(reading.value, given, "h"))
    hours = to_duration(cell)
    match = _labelled(cell)
    if hours is None and match:
        number = float(match["number"].replace(",", "."))
        label = next((name for name in ("day", "h", "week") if match[name]), unit)
        return float(units.convert(number, match["unit"] or label, "h"))
    return hours
