"""Whether a prediction leaves what was studied: settings, groups, inputs and times of the runs."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

from bayesbio.data import Campaign, Columns, Run, convert
from bayesbio.data.plan import feeds_of
from bayesbio.data.vocabulary import quantities as vocabulary
from bayesbio.mechanistic import ProcessModel

TOLERANCE = 1e-9  # share of the range studied within which a value counts as inside


def outside_studied(
    runs: Sequence[Run], campaign: Campaign, until: float, model: ProcessModel
) -> list[list[str]]:
    """
    Name what of each run lies outside the campaign that was calibrated on; profiles by input.

    Examples
    --------
    >>> from bayesbio.mechanistic import BatchCulture
    >>> known = Campaign([Run("R1", settings={"pH": 6.8}), Run("R2", settings={"pH": 7.2})])
    >>> outside_studied([Run("R3", settings={"pH": 7.6})], known, 10.0, BatchCulture())
    [['pH is 7.6, studied were 6.8 to 7.2']]
    """
    columns = Columns(campaign.columns)
    clock = columns.unit_of("time", role="time") or "h"
    added: dict[str, list[float]] = {}
    named: dict[str, list[float]] = {}  # volumes of feeds with a name
    for run in campaign:
        for event in _boluses(run):
            added.setdefault(event.quantity, []).append(event.value)
            if event.of and event.quantity == "volume":
                named.setdefault(event.of, []).append(event.value)
    held = feeds_of(campaign)
    ends = [float(run.times().max()) for run in campaign if len(run.times())]
    numbers: dict[str, list[float]] = {}
    labels: dict[str, set[str]] = {}
    for run in campaign:
        for name, value in run.settings.items():
            if isinstance(value, Real):
                numbers.setdefault(name, []).append(float(value))
            else:
                labels.setdefault(name, set()).add(str(value))
    inputs: dict[str, list[float]] = {}
    for run in campaign:
        for name, profile in run.profiles.items():
            if name in model.inputs:
                inputs.setdefault(name, []).extend(float(value) for _, value in profile.points)
    found = []
    for run in runs:
        reasons = []
        for name, value in run.settings.items():
            if isinstance(value, Real) and name in numbers:
                reasons += _beyond(name, [float(value)], numbers[name])
            elif name in labels and str(value) not in labels[name]:
                reasons.append(f"{name} is {value!r}, studied were {_listed(labels[name])}")
        for name, profile in run.profiles.items():
            if name in inputs:
                points = [float(value) for _, value in profile.points]
                reasons += _beyond(name, points, inputs[name])
        for name in dict.fromkeys(event.quantity for event in _boluses(run)):
            if name not in added:
                reasons.append(f"a bolus of {name} was added to no run studied")
                continue
            word = vocabulary.find(name)
            house = "" if word is None else word.amount_unit
            unit = columns.unit_of(name, role="bolus") or house
            given = [
                event.value
                for event in _boluses(run)
                if event.quantity == name and event.of not in named
            ]
            planned, studied = (
                [float(convert(v, house, unit, quantity=name)) if house else v for v in values]
                for values in (given, added[name])
            )
            if given:
                reasons += _beyond(f"a bolus of {name}", planned, studied, f" {unit}".rstrip())
        reasons += _feeds_beyond(run, named, held, columns.unit_of("volume", role="bolus") or "L")
        if ends and until > max(ends) * (1.0 + TOLERANCE):
            last, end = (float(convert(hour, "h", clock)) for hour in (until, max(ends)))
            reasons.append(f"{last:g} {clock} come after the last reading, {end:g} {clock}")
        found.append(reasons)
    return found


def _feeds_beyond(
    run: Run,
    named: dict[str, list[float]],
    held: dict[str, dict[str, float]],
    unit: str,
) -> list[str]:
    """Say where feeds with a name leave the volumes and the contents that were studied."""
    reasons = []
    contents = feeds_of([run])
    for feed, volumes in named.items():
        given = [e.value for e in _boluses(run) if e.of == feed and e.quantity == "volume"]
        if not given:
            continue
        planned, studied = ([float(convert(v, "L", unit)) for v in v_s] for v_s in (given, volumes))
        reasons += _beyond(f"a bolus of {feed}", planned, studied, f" {unit}")
        for what, value in contents.get(feed, {}).items() if feed in held else ():
            known = held.get(feed, {}).get(what, 0.0)
            word = vocabulary.find(what)
            shown = "" if word is None else f" {word.unit}"
            reasons += _beyond(f"{what} in {feed}", [value], [known], shown)
    return reasons


def _boluses(run: Run) -> list[Any]:
    """Additions of a run whose amount is known."""
    return [event for event in run.fixed_events if event.kind == "bolus"]


def _beyond(
    name: str, values: Sequence[float], studied: Sequence[float], unit: str = ""
) -> list[str]:
    """Say where values leave the range that was studied."""
    low, high = min(studied), max(studied)
    slack = TOLERANCE * max(abs(low), abs(high))
    outside = [value for value in values if not low - slack <= value <= high + slack]
    if not outside:
        return []
    among = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    verb = "was" if low == high else "were"
    return [f"{name} is {outside[0]:g}{unit}, studied {verb} {among}{unit}"]


def _listed(labels: set[str]) -> str:
    return ", ".join(sorted(labels)[:5])
