"""From entries to runs: times since the start, replicates, profiles, events and settings."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

import pandas as pd

from bayesbio.data.event import Event
from bayesbio.data.importing.buffer import Entry, Gathered
from bayesbio.data.run import Profile, Run

HOUR = 3600.0


def assemble(gathered: Gathered, order: list[str]) -> tuple[list[Run], dict[str, str]]:
    """
    Make runs of everything that was gathered.

    Parameters
    ----------
    gathered : Gathered
        Findings are added to it.
    order : list of str
        Runs in the order that a table of runs states; others follow in natural order.

    Returns
    -------
    runs : list of Run
    units : dict
        House unit of every quantity that was read.
    """
    origins = _starts(gathered)
    by_run: dict[str, list[Entry]] = {name: [] for name in gathered.runs}
    for entry in gathered.entries:
        entry.time = _hours(entry.time, origins.get(entry.run))
        by_run.setdefault(entry.run, []).append(entry)
    events: dict[str, list[Event]] = {}
    for run, time, kind, quantity, value in gathered.events:
        by_run.setdefault(run, [])
        events.setdefault(run, []).append(
            Event(_hours(time, origins.get(run)), kind, quantity, value)
        )
    rest = sorted((name for name in by_run if name not in order), key=natural)
    runs = [
        _run(name, by_run.get(name, []), events.get(name, []), gathered) for name in [*order, *rest]
    ]
    return runs, {name: word.unit for name, word in gathered.words.items()}


def natural(name: str) -> tuple[tuple[int, float, str], ...]:
    """
    Sort key in which R2 comes before R10.

    Examples
    --------
    >>> sorted(["R10", "R2"], key=natural)
    ['R2', 'R10']
    """
    pieces = re.split(r"(\d+)", name)
    return tuple((0, float(p), "") if p.isdigit() else (1, 0.0, p.lower()) for p in pieces if p)


def _starts(gathered: Gathered) -> dict[str, dt.datetime]:
    """Find time zero of each run that is dated: its inoculation, else its first moment."""
    starts = dict(gathered.origins)
    moments: dict[str, list[dt.datetime]] = {}
    for entry in gathered.entries:
        if isinstance(entry.time, dt.datetime):
            moments.setdefault(entry.run, []).append(entry.time)
    for run, time, *_ in gathered.events:
        if isinstance(time, dt.datetime) and run not in moments:
            moments.setdefault(run, []).append(time)
    for run, found in moments.items():
        starts.setdefault(run, min(found))
    return starts


def _hours(time: float | dt.datetime, start: dt.datetime | None) -> float:
    if not isinstance(time, dt.datetime):
        return float(time)
    return float(f"{(time - (start or time)).total_seconds() / HOUR:.12g}")


def _run(name: str, entries: list[Entry], events: list[Event], gathered: Gathered) -> Run:
    settings = dict(gathered.settings.get(name, {}))
    rows: list[Entry] = []
    points: dict[str, dict[float, list[float]]] = {}
    for entry in entries:
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
        quantity: _profile(name, quantity, values, gathered) for quantity, values in points.items()
    }
    return Run(name, _frame(name, rows, gathered), settings, events, profiles)


def _profile(
    run: str, quantity: str, values: Mapping[float, list[float]], gathered: Gathered
) -> Profile:
    word = gathered.words.get(quantity)
    usual = word.interpolation if word is not None else "linear"
    told = gathered.interpolations
    how = told.get((run, quantity), told.get((run, "*"), usual))
    several = [time for time, found in values.items() if len({round(v, 12) for v in found}) > 1]
    if several:
        gathered.warn(
            f"profile {quantity} has several values at {several[0]:g} h; their mean was taken.",
            "Keep one value at each time.",
            run,
        )
    points = tuple((time, sum(found) / len(found)) for time, found in sorted(values.items()))
    return Profile(points, how)


def _frame(run: str, rows: list[Entry], gathered: Gathered) -> pd.DataFrame:
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
        quantity, times = next(iter(unnumbered.items()))
        names = ", ".join(sorted(unnumbered))
        count = sum(len(found) for found in unnumbered.values())
        gathered.warn(
            f"{names}: {count} times have several values (the first at {min(times):g} h) without a "
            "number of the replicate; they were read as replicates.",
            "Number them in a column 'replicate', or give samples before and after a "
            "feed their own "
            "times.",
            run,
        )
    return pd.DataFrame(
        {
            "time_h": [entry.time for entry in rows],
            "quantity": [entry.quantity for entry in rows],
            "value": [entry.value for entry in rows],
            "replicate": [entry.replicate for entry in rows],
            "flag": [entry.flag for entry in rows],
            "sd": [entry.sd for entry in rows],
            "value_upper": [entry.upper for entry in rows],
        }
    )
