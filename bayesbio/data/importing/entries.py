"""Entries, one value each in house units, and the runs they make: times, replicates, profiles."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from bayesbio.data.event import Event
from bayesbio.data.findings import ColumnUse, Finding, error, warning
from bayesbio.data.importing.sheets.cells import Cell, Reading, plain_text
from bayesbio.data.importing.sheets.dialect import Dialect
from bayesbio.data.run import Profile, Run
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.quantities import Quantity

HOUR = 3600.0


@dataclasses.dataclass
class Entry:
    """One value, in the house unit of its quantity."""

    run: str
    time: float | dt.datetime
    quantity: str
    role: str
    value: float
    flag: str = ""
    upper: float = math.nan
    sd: float = math.nan
    replicate: int = 0
    column: str = ""


@dataclasses.dataclass
class Dose:
    """A volume of a feed that was added [L], a count of it since the start [L], or a flow [L/h]."""

    run: str
    time: float | dt.datetime
    feed: str
    kind: str  # added, counter or rate
    value: float


@dataclasses.dataclass
class Entries:
    """Everything that the sheets of one file gave."""

    values: list[Entry] = dataclasses.field(default_factory=list)
    runs: dict[str, None] = dataclasses.field(default_factory=dict)  # in the order they were met
    settings: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    origins: dict[str, dt.datetime] = dataclasses.field(default_factory=dict)
    words: dict[str, Quantity] = dataclasses.field(default_factory=dict)
    findings: list[Finding] = dataclasses.field(default_factory=list)
    uses: list[ColumnUse] = dataclasses.field(default_factory=list)
    events: list[tuple[str, float | dt.datetime, str, str, float, str]] = dataclasses.field(
        default_factory=list
    )
    doses: list[Dose] = dataclasses.field(default_factory=list)
    times: list[tuple[str, float | dt.datetime]] = dataclasses.field(default_factory=list)
    interpolations: dict[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    labels: set[str] = dataclasses.field(default_factory=set)  # headers and analytes met

    def add_setting(self, run: str, name: str, value: Any) -> None:
        """Add a constant of a run; the first value holds."""
        self.settings.setdefault(run, {}).setdefault(name, value)

    def warn(self, what: str, what_to_do: str = "", **details: Any) -> None:
        """Add a warning."""
        self.findings.append(warning(what, what_to_do, **details))

    def fail(self, what: str, what_to_do: str, *, time: Any = None, **details: Any) -> None:
        """Add an error."""
        hour = time if isinstance(time, float) else None
        self.findings.append(error(what, what_to_do, time=hour, **details))


def assemble(entries: Entries, order: list[str]) -> tuple[list[Run], dict[str, str]]:
    """
    Make runs of everything that was read.

    Parameters
    ----------
    entries : Entries
        Findings are added to it.
    order : list of str
        Runs in the order that a table of runs states; others follow in natural order.

    Returns
    -------
    runs : list of Run
    units : dict
        House unit of every quantity that was read.
    """
    origins = _starts(entries)
    by_run: dict[str, list[Entry]] = {name: [] for name in entries.runs}
    for entry in entries.values:
        entry.time = _hours(entry.time, origins.get(entry.run))
        by_run.setdefault(entry.run, []).append(entry)
    events: dict[str, list[Event]] = {}
    for run, time, kind, quantity, value, feed in entries.events:
        by_run.setdefault(run, [])
        hour = _hours(time, origins.get(run))
        events.setdefault(run, []).append(Event(hour, kind, quantity, value, of=feed))
    names = dict.fromkeys([*order, *sorted(by_run, key=natural)])
    runs = [_run(name, by_run.get(name, []), events.get(name, []), entries) for name in names]
    return runs, {name: word.unit for name, word in entries.words.items()}


def hours_of_runs(entries: Entries) -> dict[str, tuple[float, ...]]:
    """
    Hours of the rows of each run, those without readings too; asked before `assemble`.

    Examples
    --------
    >>> hours_of_runs(Entries(times=[("R1", 24.0), ("R1", 0.0)]))
    {'R1': (0.0, 24.0)}
    """
    origins, hours = _starts(entries), dict[str, set[float]]()
    for run, time in entries.times:
        hours.setdefault(run, set()).add(_hours(time, origins.get(run)))
    return {run: tuple(sorted(found)) for run, found in hours.items()}


def natural(name: str) -> tuple[tuple[int, float, str], ...]:
    """
    Sort key in which R2 comes before R10.

    Examples
    --------
    >>> sorted(["R10", "R2"], key=natural)
    ['R2', 'R10']
    """
    pieces = re.split(r"(\d+)", name)
    return tuple((0, float(p), "") if p.isdecimal() else (1, 0.0, p.lower()) for p in pieces if p)


def _starts(entries: Entries) -> dict[str, dt.datetime]:
    """Find time zero of each run that is dated: its inoculation, else its first moment."""
    starts = dict(entries.origins)
    moments: dict[str, list[dt.datetime]] = {}
    for entry in entries.values:
        if isinstance(entry.time, dt.datetime):
            moments.setdefault(entry.run, []).append(entry.time)
    measured = set(moments)
    others = [(run, time) for run, time, *_ in entries.events]
    for run, time in (*entries.times, *others):
        if isinstance(time, dt.datetime) and run not in measured:
            moments.setdefault(run, []).append(time)
    for run, dated in moments.items():
        starts.setdefault(run, min(dated))
    return starts


def _hours(time: float | dt.datetime, start: dt.datetime | None) -> float:
    if not isinstance(time, dt.datetime):
        return float(time)
    return float(f"{(time - (start or time)).total_seconds() / HOUR:.12g}")


def _run(name: str, values: list[Entry], events: list[Event], entries: Entries) -> Run:
    settings = dict(entries.settings.get(name, {}))
    rows: list[Entry] = []
    points: dict[str, dict[float, list[float]]] = {}
    for entry in values:
        time = float(entry.time) if not isinstance(entry.time, dt.datetime) else 0.0
        if entry.role == "setting":
            settings.setdefault(entry.quantity, entry.value)
        elif entry.role == "profile":
            points.setdefault(entry.quantity, {}).setdefault(time, []).append(entry.value)
        elif entry.role in ("bolus", "sample"):
            if entry.value > 0:
                quantity = "volume" if entry.role == "sample" else entry.quantity
                events.append(Event(time, entry.role, quantity, entry.value))
        else:
            rows.append(entry)
    profiles = {
        quantity: _profile(name, quantity, values, entries) for quantity, values in points.items()
    }
    return Run(name, _frame(name, rows, entries), settings, events, profiles)


def _profile(
    run: str, quantity: str, values: Mapping[float, list[float]], entries: Entries
) -> Profile:
    word = entries.words.get(quantity)
    usual = word.interpolation if word is not None else "linear"
    stated = entries.interpolations
    how = stated.get((run, quantity), stated.get((run, "*"), usual))
    several = [time for time, same in values.items() if len({round(v, 12) for v in same}) > 1]
    if several:
        entries.warn(
            f"profile {quantity} has several values at {several[0]:g} h; their mean was taken.",
            "Keep one value at each time.",
            run=run,
        )
    points = tuple((time, sum(same) / len(same)) for time, same in sorted(values.items()))
    return Profile(points, how)


def _frame(run: str, rows: list[Entry], entries: Entries) -> pd.DataFrame:
    """Make the measurement table of a run; number values that share time and quantity."""
    groups: dict[tuple[float, str], list[Entry]] = {}
    for entry in rows:
        groups.setdefault((float(f"{entry.time:.12g}"), entry.quantity), []).append(entry)
    unnumbered: dict[str, list[float]] = {}
    for (time, quantity), same in groups.items():
        stated = [entry.replicate for entry in same]
        if len(same) == 1:
            same[0].replicate = max(stated[0], 1)
        elif 0 in stated or len(set(stated)) < len(stated):
            same.sort(key=lambda e: (e.replicate, e.value, e.flag))
            for number, entry in enumerate(same, 1):
                entry.replicate = number
            unnumbered.setdefault(quantity, []).append(time)
    if unnumbered:
        names = ", ".join(sorted(unnumbered))
        count = sum(map(len, unnumbered.values()))
        first = min(next(iter(unnumbered.values())))
        entries.warn(
            f"{names}: {count} times have several values (the first at {first:g} h) without a "
            "number of the replicate; they were read as replicates.",
            "Number them in a column 'replicate', or give samples before and after a feed their "
            "own times.",
            run=run,
        )
    columns = {"time_h": "time", "value_upper": "upper"}
    wanted = ("time_h", "quantity", "value", "replicate", "flag", "sd", "value_upper")
    return pd.DataFrame(
        {name: [getattr(entry, columns.get(name, name)) for entry in rows] for name in wanted}
    )


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
