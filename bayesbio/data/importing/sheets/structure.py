"""The columns that order a table: which is the run, the time, the replicate, and is it long."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

from bayesbio.data.column_report import ColumnUse
from bayesbio.data.importing.sheets import headers
from bayesbio.data.importing.sheets.cells import (
    Cell,
    date_order,
    is_blank,
    read_cell,
    to_clock,
    to_duration,
    to_moment,
)
from bayesbio.data.importing.sheets.columns import Options, Survey, find_header
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.lookup import key

STRUCTURAL = ("run", "time", "replicate", "flag", "sd", "value_upper", "quantity", "value", "unit")
CLOCK_WORDS = (
    "time",
    "t",
    "clocktime",
    "timeofday",
    "uhrzeit",
    "zeit",
    "sampletime",
    "samplingtime",
    "collectiontime",
    "hour",
    "heure",
    "clock",
    "drawtime",
    "probenahmezeit",
)
LABELLED_TIME = re.compile(
    r"(?:day|d|tag|wd|t|time|hour|h|week|w|dag|jour)?\.?\s*[_#-]?\s*(-?\d+(?:[.,]\d+)?)\s*"
    r"(h|hrs?|hours?|d|days?|min|std|tage?)?",
    re.IGNORECASE,
)
WORDS = {
    "replicate": headers.REPLICATE_WORDS,
    "flag": headers.FLAG_WORDS,
    "sd": headers.SD_WORDS,
    "value_upper": headers.UPPER_WORDS,
    "quantity": headers.QUANTITY_WORDS,
    "value": headers.VALUE_WORDS,
    "unit": headers.UNIT_WORDS,
}


@dataclasses.dataclass
class Layout:
    """Where the ordering columns stand; None where there is none."""

    run: int | None = None
    time: int | None = None
    clock: int | None = None  # a time of day that belongs to a column of dates
    kind: str = "elapsed"  # or "moment"
    time_unit: str = "h"
    time_note: str = ""
    origin: int | None = None  # a column that says when the run was inoculated
    places: dict[str, int] = dataclasses.field(default_factory=dict)
    order: str = "day"
    order_open: bool = False

    @property
    def is_long(self) -> bool:
        """Tell whether each row is one value of a named quantity."""
        return "quantity" in self.places and "value" in self.places

    def taken(self) -> set[int]:
        """Give the places that are spoken for."""
        single = {self.run, self.time, self.clock, self.origin} - {None}
        return {place for place in single if place is not None} | set(self.places.values())

    def uses(self, survey: Survey) -> list[ColumnUse]:
        """Say it for the user."""
        names, sheet = survey.block.header, survey.block.name
        said = []
        if self.run is not None:
            said.append(ColumnUse(names[self.run], "run", sheet=sheet))
        if self.time is not None:
            unit = self.time_unit if self.kind == "elapsed" else ""
            note = self.time_note if self.kind == "elapsed" else "date and time"
            house = "h" if self.kind == "elapsed" else ""
            said.append(ColumnUse(names[self.time], "time", "time", unit, house, 0, note, sheet))
        if self.clock is not None:
            said.append(ColumnUse(names[self.clock], "time", note="time of day", sheet=sheet))
        if self.origin is not None:
            said.append(ColumnUse(names[self.origin], "time", note="time zero", sheet=sheet))
        said += [ColumnUse(names[p], role, sheet=sheet) for role, p in self.places.items()]
        return said


def lay_out(survey: Survey, options: Options) -> Layout:
    """Find the ordering columns of a block."""
    layout = Layout()
    names = survey.block.header
    told = {place: role for place in range(len(names)) if (role := _told(names[place], options))}
    keys = [key(_name(name, options)) for name in names]
    for role, words in WORDS.items():
        chosen = next((place for place, given in told.items() if given == role), None)
        if chosen is None:
            chosen = _first(keys, words, told, lambda p, role=role: _suits(survey, p, role))
        if chosen is not None:
            layout.places[role] = chosen
    if not layout.is_long:
        for role in ("quantity", "value", "unit", "sd", "value_upper"):
            layout.places.pop(role, None)
    _choose_time(layout, survey, options, told, keys)
    _choose_run(layout, survey, options, told, keys)
    if layout.run is not None and layout.run in layout.places.values():
        layout.places = {r: p for r, p in layout.places.items() if p != layout.run}
    _replicate_of_runs(layout, survey)
    return layout


def _replicate_of_runs(layout: Layout, survey: Survey) -> None:
    """Leave a replicate column that tells runs apart, not samples, to the covariates."""
    place = layout.places.get("replicate")
    if place is None or layout.run is None:
        return
    runs = [str(cell) for cell in fill_down(survey.cells[layout.run])]
    values = {str(cell).strip() for cell in survey.filled(place)}
    if len(values) > 1 and survey.constant_in(place, runs):
        del layout.places["replicate"]


def _told(header: str, options: Options) -> str | None:
    """Give the structural role that the user named for a column, if any."""
    if not header:
        return None
    target: Any = None
    for name, value in options.columns.items():
        if key(name) == key(header) and (name == header or " ".join(name.split()) == header):
            target = value
    if isinstance(target, Mapping):
        target = target.get("role") or target.get("quantity")
    if target is not None:
        bare = re.sub(r"[\[(].*", "", str(target)).strip().lower()
        return bare if bare in STRUCTURAL else "other"
    role = options.role_of(header, None)
    if role is None:
        return None
    return role if role in STRUCTURAL else "other"


def _name(header: str, options: Options) -> str:
    return headers.understand(header, options.words).name if header else ""


def _first(
    keys: list[str], words: Sequence[str], told: Mapping[int, str], suits: Any
) -> int | None:
    for word in words:
        for place, found in enumerate(keys):
            if found == word and place not in told and suits(place):
                return place
    return None


def _suits(survey: Survey, place: int, role: str) -> bool:
    if survey.is_empty(place) and role != "flag":
        return False
    if role in ("quantity", "unit"):
        return not survey.is_numeric(place) and not survey.is_moment(place)
    if role in ("value", "sd", "value_upper"):
        return survey.is_numeric(place) or survey.count(place, "number") > 0
    return True


def _choose_time(
    layout: Layout, survey: Survey, options: Options, told: Mapping[int, str], keys: list[str]
) -> None:
    """Choose the finest time column; elapsed time goes before days, and days before dates."""
    chosen = next((place for place, role in told.items() if role == "time"), None)
    if options.time is not None:
        found = find_header(survey.block.header, options.time)
        chosen = found if found is not None else chosen
    candidates: list[tuple[int, int, int, str]] = []
    clocks = _clocks(survey, keys) if chosen is None else set()
    for place, name in enumerate(keys):
        if place in clocks:
            continue
        if survey.is_empty(place) or (chosen is not None and place != chosen):
            continue
        if chosen is None and place in told:
            continue
        timely = name in headers.TIME_WORDS or name in headers.TIME_UNITS
        momentary = name in headers.MOMENT_WORDS
        if not (timely or momentary) and chosen is None:
            continue
        kind = _kind_of_time(survey, place, momentary)
        if chosen is None and (kind is None or _measures_something_else(survey, place, options)):
            continue
        distinct = len({str(cell).strip() for cell in survey.filled(place)})
        rank = (
            0 if kind == "elapsed" and name in headers.TIME_WORDS else 1 if kind == "elapsed" else 2
        )
        rank += 3 if headers.TIME_UNITS.get(name) == "year" else 0
        candidates.append((-distinct, rank, place, kind or "elapsed"))
    moments = [place for *_, place, kind in candidates if kind == "moment"]
    for name, place in ((k, p) for p, k in enumerate(keys)):
        if name in headers.ORIGIN_WORDS and survey.is_moment(place) and place != chosen:
            layout.origin = place
    if not candidates:
        return
    _, _, layout.time, layout.kind = min(candidates)
    elapsed = [c for c in candidates if c[3] == "elapsed" and c[1] == 0]
    if layout.kind == "moment" and elapsed:  # hours since the start say more than the calendar
        layout.time, layout.kind = elapsed[0][2], "elapsed"
    if layout.kind == "moment" and layout.time in moments:
        _add_clock(layout, survey, keys)
        cells = [cell for place in moments for cell in survey.cells[place]]
        order = date_order(cells)
        layout.order_open = order is None and any(_slashed(cell) for cell in cells)
        layout.order = order or ("day" if survey.block.decimal == "," else "month")
        if layout.order_open and layout.time is not None:
            layout.order = _tighter_order(survey.cells[layout.time], layout.order)
    else:
        header = headers.understand(
            survey.block.header[layout.time], options.words, survey.block.units[layout.time] or None
        )
        told_unit = _told_unit(survey.block.header[layout.time], options)
        given = told_unit or header.unit or survey.cell_unit(layout.time) or None
        if given is not None and units.spell(given) != "1" and units.same_dimension(given, "h"):
            layout.time_unit = given
        else:
            usual = headers.TIME_UNITS.get(keys[layout.time])
            layout.time_unit = usual or "h"
            clockwise = survey.is_duration(layout.time) and not survey.is_numeric(layout.time)
            layout.time_note = "" if usual or clockwise else "no unit given, taken for h"


def _measures_something_else(survey: Survey, place: int, options: Options) -> bool:
    """Tell a time from a quantity that shares its letter by the unit: 'T / °C' is no time."""
    said = headers.understand(
        survey.block.header[place], options.words, survey.block.units[place] or None
    )
    if said.unit is None or units.spell(said.unit) == "1":
        return False
    return bool(said.words) and not units.same_dimension(said.unit, "h")


def _clocks(survey: Survey, keys: list[str]) -> set[int]:
    """Find times of day, which stand beside a column of bare dates."""
    dated = False
    for place, name in enumerate(keys):
        if name in headers.MOMENT_WORDS and survey.is_moment(place):
            moments = [to_moment(cell) for cell in survey.filled(place)]
            dated |= all(moment is None or moment.time() == dt.time(0) for moment in moments)
    if not dated:
        return set()
    return {
        place
        for place, name in enumerate(keys)
        if name in CLOCK_WORDS
        and not survey.is_numeric(place)
        and survey.filled(place)
        and all(to_clock(cell) is not None for cell in survey.filled(place))
    }


def _told_unit(header: str, options: Options) -> str | None:
    for name, target in options.columns.items():
        if name == header and isinstance(target, Mapping):
            return target.get("unit")
        if name == header:
            match = re.search(r"[\[(](.+)[\])]", str(target))
            return match.group(1) if match else None
    return None


def _kind_of_time(survey: Survey, place: int, momentary: bool) -> str | None:
    if survey.is_moment(place):
        return "moment"
    if survey.is_numeric(place):
        numbers = survey.numbers(place)
        serial = momentary and numbers.min() > 20000 and numbers.max() < 80000
        return "moment" if serial else "elapsed"
    if survey.is_duration(place):
        return "elapsed"
    filled = survey.filled(place)
    labelled = sum(isinstance(c, str) and bool(LABELLED_TIME.fullmatch(c.strip())) for c in filled)
    return "elapsed" if filled and labelled > 0.8 * len(filled) else None


def _add_clock(layout: Layout, survey: Survey, keys: list[str]) -> None:
    """Join a column of dates with a column of times of day."""
    dates = [to_moment(cell) for cell in survey.cells[layout.time or 0]]
    if any(date is not None and date.time() != dt.time(0) for date in dates):
        return
    for place, name in enumerate(keys):
        timely = name in headers.MOMENT_WORDS or name in headers.TIME_WORDS
        if place == layout.time or not timely or survey.is_numeric(place):
            continue
        filled = survey.filled(place)
        if filled and sum(to_clock(c) is not None for c in filled) > 0.6 * len(filled):
            layout.clock = place
            return


def _slashed(cell: Cell) -> bool:
    return isinstance(cell, str) and bool(re.match(r"\d{1,2}[/-]\d{1,2}[/-]\d{2,4}", cell.strip()))


def _tighter_order(cells: list[Cell], usual: str) -> str:
    """Choose the order of day and month that gives the shorter span, as a run is short."""
    spans = {}
    for order in ("day", "month"):
        moments = [m for cell in cells if (m := to_moment(cell, order)) is not None]
        spans[order] = (max(moments) - min(moments)) if moments else dt.timedelta.max
    if spans["day"] == spans["month"]:
        return usual
    return min(spans, key=lambda order: spans[order])


def _choose_run(
    layout: Layout, survey: Survey, options: Options, told: Mapping[int, str], keys: list[str]
) -> None:
    """Choose the column whose names keep samples apart and still have several times each."""
    if options.run is not None:
        found = find_header(survey.block.header, options.run)
        if found is not None:
            layout.run = found
            return
    layout.run = next((place for place, role in told.items() if role == "run"), None)
    if layout.run is not None:
        return
    taken = layout.taken()
    candidates = []
    for rank, word in enumerate(headers.RUN_WORDS):
        for place, name in enumerate(keys):
            named = name == word and place not in told and place not in taken
            if named and not survey.is_empty(place) and not survey.is_moment(place):
                candidates.append((rank, place))
    if not candidates:
        return
    scored = []
    for rank, place in candidates:
        runs = [str(cell) for cell in fill_down(survey.cells[place])]
        doubled = _doubled(survey, runs, layout.time, layout.clock, layout.places.get("quantity"))
        when = [p for p in (layout.time, layout.clock) if p is not None]
        times = {(run, *(str(survey.cells[p][row]) for p in when)) for row, run in enumerate(runs)}
        lonely = bool(when) and len(times) < 2 * len(set(runs)) and len(candidates) > 1
        scored.append((lonely, doubled, rank, place))
    layout.run = min(scored)[-1]


def _doubled(survey: Survey, runs: Sequence[str], *places: int | None) -> int:
    """Count the rows that a run and some columns do not tell apart."""
    apart = [place for place in places if place is not None]
    rows = {(run, *(str(survey.cells[p][row]) for p in apart)) for row, run in enumerate(runs)}
    return len(runs) - len(rows)


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


def run_name(cell: Cell) -> str:
    """
    Give the name of a run as text.

    Examples
    --------
    >>> run_name(3.0), run_name(" R1 ")
    ('3', 'R1')
    """
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return re.sub(r"\s+", " ", str(cell)).strip()


def row_times(layout: Layout, survey: Survey) -> list[float | dt.datetime | str | None]:
    """Read the time of every row: hours, a moment, None if blank, the text if it is no time."""
    if layout.time is None:
        return [None] * len(survey.block.rows)
    made: list[float | dt.datetime | str | None] = []
    for row, cell in enumerate(survey.cells[layout.time]):
        if is_blank(cell):
            made.append(None)
        elif layout.kind == "moment":
            moment = _moment(cell, layout.order)
            if moment is not None and layout.clock is not None:
                clock = to_clock(survey.cells[layout.clock][row])
                moment = moment + clock if clock is not None else moment
            made.append(moment if moment is not None else str(cell))
        else:
            hours = _hours(cell, layout.time_unit, survey.block.decimal)
            made.append(hours if hours is not None else str(cell))
    return made


def _moment(cell: Cell, order: str) -> dt.datetime | None:
    if isinstance(cell, (int, float)) and 20000 < cell < 80000:  # a serial date of Excel
        return dt.datetime(1899, 12, 30) + dt.timedelta(seconds=round(float(cell) * 86400.0))
    return to_moment(cell, order)


def _hours(cell: Cell, unit: str, decimal: str) -> float | None:
    reading = read_cell(cell, decimal)
    if reading.kind == "number" and not reading.flag:
        given = reading.unit or unit
        if not units.same_dimension(given, "h"):
            return None
        return float(units.convert(reading.value, given, "h"))
    hours = to_duration(cell)
    if hours is not None:
        return hours
    match = LABELLED_TIME.fullmatch(cell.strip()) if isinstance(cell, str) else None
    if match:
        number = float(match.group(1).replace(",", "."))
        return float(units.convert(number, match.group(2) or unit, "h"))
    return None
