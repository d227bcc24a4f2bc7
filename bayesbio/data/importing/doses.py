"""Doses of feeds: volumes, counters and flows become boluses and a feed rate with its contents."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bayesbio.data.importing.columns import ReadOptions
from bayesbio.data.importing.entries import HOUR, Dose, Entries, Entry
from bayesbio.data.importing.feeds import Feed, find_feed
from bayesbio.data.vocabulary.quantities import Quantity

COUNTER = re.compile(r"cum|total|sum|counter|since|seit|gesamt", re.I)
EACH_TIME = re.compile(r"bolus|added each|daily|dosed", re.I)
SPARSE = 0.6  # of the rows of a run: a counter is read at most of them, boluses are rare
VOLUME_ONLY = ("base", "acid", "Antifoam", "antifoam", "water", "Water")
LOGGED = 40  # rows of a run: nobody adds a feed by hand as often
MOST = 100  # boluses of one feed in one run, where a counter becomes boluses
EVERY = 6.0  # hours between the boluses that stand for a second flow


def counts_up(
    header: str, series: Iterable[Sequence[tuple[Any, float | None]]], *, dosed: bool = False
) -> bool:
    """
    Tell a counter of what was added since the start from volumes that were added each time.

    Parameters
    ----------
    header : str
    series : for each run, pairs of time and value; None where nothing is written
    dosed : bool
        Whether the sheet says that volumes were added: only a log is then a counter.

    Examples
    --------
    >>> counts_up("Feed A", [[(0, 0.0), (24, 20.0), (48, 45.0)]])
    True
    >>> counts_up("Feed A", [[(0, None), (24, 20.0), (48, None), (72, 25.0), (96, None)]])
    False
    """
    if COUNTER.search(header):
        return True
    runs = [sorted(run, key=lambda row: row[0]) for run in series]
    filled = [[value for _, value in run if value is not None] for run in runs]
    filled = [values for values in filled if any(values)]
    rows = sum(map(len, runs))
    longest = max(map(len, filled), default=0)
    if not filled or EACH_TIME.search(header) or (dosed and longest < LOGGED):
        return False
    if any(b < a for values in filled for a, b in zip(values, values[1:], strict=False)):
        return False
    if all(len(set(values)) == 1 for values in filled):
        return False
    return sum(map(len, filled)) > SPARSE * rows or all(values[0] == 0.0 for values in filled)


def read_doses(
    entries: Entries, feeds: Mapping[tuple[str, str], Feed], options: ReadOptions
) -> None:
    """Turn what was added of feeds into boluses, and what flows into a feed rate."""
    series: dict[tuple[str, str, str], list[Dose]] = {}
    for dose in entries.doses:
        series.setdefault((dose.run, dose.feed, dose.kind), []).append(dose)
    flows: dict[str, dict[str, list[Dose]]] = {}
    stated = _stated(entries, series, feeds, options)
    for (run, name, kind), doses in series.items():
        doses.sort(key=lambda dose: dose.time)
        feed = find_feed(name, feeds, options, run) or stated.get((run, name))
        if kind == "rate":
            flows.setdefault(run, {})[name] = doses
            continue
        for time, volume in _each(doses) if kind == "counter" else _given(doses):
            _add(entries, run, time, name, volume, feed)
    for run, rates in flows.items():
        _flow(entries, run, rates, feeds, options)


def _stated(
    entries: Entries,
    series: Mapping[tuple[str, str, str], Sequence[Dose]],
    feeds: Mapping[tuple[str, str], Feed],
    options: ReadOptions,
) -> dict[tuple[str, str], Feed]:
    """
    Take settings such as feed_glucose for what a feed holds, where a run has one such feed.

    Not for a component of which amounts are given beside the volumes: they are what was fed.
    """
    added = {(e.run, e.quantity, e.time) for e in entries.values if e.role == "bolus"}
    held: dict[str, dict[str, float]] = {}
    named = {run: dict(settings) for run, settings in entries.settings.items()}
    for entry in entries.values:
        if entry.role == "setting":
            named.setdefault(entry.run, {}).setdefault(entry.quantity, entry.value)
    for run, settings in named.items():
        held[run] = {
            name.removeprefix("feed_"): float(value)
            for name, value in settings.items()
            if name.startswith("feed_") and isinstance(value, int | float)
        }
    unknown: dict[str, list[str]] = {}
    for run, name, kind in series:
        if kind != "rate" and name not in VOLUME_ONLY and not find_feed(name, feeds, options, run):
            unknown.setdefault(run, []).append(name)
    return {
        (run, names[0]): Feed(names[0], left, _words(left, options))
        for run, names in unknown.items()
        if len(names) == 1
        and (
            left := {
                what: amount
                for what, amount in held.get(run, {}).items()
                if not any(
                    (run, what, dose.time) in added
                    for kind in ("added", "counter")
                    for dose in series.get((run, names[0], kind), ())
                )
            }
        )
    }


def _words(contents: Mapping[str, float], options: ReadOptions) -> dict[str, Quantity]:
    return {name: options.words.quantity(name) for name in contents if options.words.find(name)}


def _given(doses: list[Dose]) -> list[tuple[Any, float]]:
    return [(dose.time, dose.value) for dose in doses if dose.value > 0]


def _each(doses: list[Dose]) -> list[tuple[Any, float]]:
    """Give what a counter rose by, each in the middle of its interval."""
    kept = doses[:: max(1, math.ceil(len(doses) / MOST))]
    kept = kept if not doses or kept[-1] is doses[-1] else [*kept, doses[-1]]
    first = [(kept[0].time, kept[0].value)] if kept and kept[0].value > 0 else []
    rises = [
        (before.time + (after.time - before.time) / 2, after.value - before.value)  # type: ignore[operator]
        for before, after in zip(kept, kept[1:], strict=False)
    ]
    return [(time, rise) for time, rise in (*first, *rises) if rise > 0]


def _add(
    entries: Entries, run: str, time: Any, name: str, volume: float, feed: Feed | None
) -> None:
    """Add the bolus of a volume: the liquid, and what it brings along."""
    contents = {} if feed is None else feed.contents
    added = {"volume": volume} | {what: volume * amount for what, amount in contents.items()}
    if feed is not None:
        entries.words |= {what: word for what, word in feed.words.items() if what in contents}
    for what, amount in added.items():
        entries.events.append((run, time, "bolus", what, float(f"{amount:.12g}"), name))


def _flow(
    entries: Entries,
    run: str,
    rates: dict[str, list[Dose]],
    feeds: Mapping[tuple[str, str], Feed],
    options: ReadOptions,
) -> None:
    """Give a run its feed rate with what the feed holds; further flows become boluses."""
    flowing = {name: doses for name, doses in rates.items() if any(d.value > 0 for d in doses)}
    flowing = flowing or dict(list(rates.items())[:1])
    inputs = ["feed_rate", *(["feed_rate_2"] if "feed_rate_2" in options.inputs else [])]
    if len(inputs) < len(flowing):  # the largest flow stays one
        flowing = dict(sorted(flowing.items(), key=lambda item: -_total(item[1])))
    for (name, doses), quantity in zip(flowing.items(), inputs, strict=False):
        feed = find_feed(name, feeds, options, run)
        entries.values += [
            Entry(run, dose.time, quantity, "profile", dose.value, column=name) for dose in doses
        ]
        entries.words.setdefault(quantity, options.words.quantity(quantity))
        for what, amount in (feed.contents if feed is not None else {}).items():
            entries.add_setting(run, f"feed_{what}", amount)
    for name in list(flowing)[len(inputs) :]:
        feed = find_feed(name, feeds, options, run)
        for time, volume in _as_boluses(flowing[name]):
            _add(entries, run, time, name, volume, feed)
        entries.warn(
            f"{name!r} flows beside {next(iter(flowing))!r}, and a model has one flow with one "
            f"composition; {name!r} was turned into boluses every {EVERY:g} h.",
            "Give it as volumes (mL) where it was added at once.",
            run=run,
        )


def _hours(start: Any, end: Any) -> float:
    span = end - start
    return span.total_seconds() / HOUR if isinstance(span, dt.timedelta) else float(span)


def _later(time: Any, hours: float) -> Any:
    return time + dt.timedelta(hours=hours) if isinstance(time, dt.datetime) else time + hours


def _total(doses: list[Dose]) -> float:
    """Volume that a flow brings in until its last row [L]."""
    return sum(a.value * _hours(a.time, b.time) for a, b in zip(doses, doses[1:], strict=False))


def _as_boluses(doses: list[Dose]) -> list[tuple[Any, float]]:
    """Cut a flow, constant between its rows, into boluses in the middle of equal intervals."""
    found = []
    for dose, after in zip(doses, doses[1:], strict=False):
        length = _hours(dose.time, after.time)
        if dose.value <= 0 or length <= 0:
            continue
        count = max(1, round(length / EVERY))
        step = length / count
        found += [
            (_later(dose.time, (number + 0.5) * step), dose.value * step) for number in range(count)
        ]
    return found
