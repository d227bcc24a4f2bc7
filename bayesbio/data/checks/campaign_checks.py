"""Check a campaign: what cannot be, what is unlikely, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd

from bayesbio.data.checks.balances import carbon_findings, filling_findings, volume_findings
from bayesbio.data.checks.plausibility import clock_findings, unit_findings
from bayesbio.data.event import Event
from bayesbio.data.findings import Finding, Findings, error, warning
from bayesbio.data.run import Run
from bayesbio.data.vocabulary import quantities as vocabulary
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.quantities import Quantity, Vocabulary, unknown_name
from bayesbio.errors import UnitError

CONCENTRATIONS = ("g/L", "mol/L", "1e6 cells/mL", "U/L", "mM", "mg/L", "mmol/L")
ROUNDING = 1e-9  # what a spreadsheet leaves of a zero
NOISE = 0.04  # of the largest value of a quantity: how far assay noise carries a reading below zero
SHARE_NOISE = 0.05  # of the upper limit: a viability of 100.5 % is a reading, one of 9800 % a slip
SPREADS = 3.0  # stated standard deviations within which a reading below zero is noise
WITHOUT_NUTRIENTS = ("base", "acid", "antifoam", "water")  # additions that are volume only
JUMP = 6.0  # a slip of the decimal point, less what happens between two samples


def limit_findings(
    run: Run, words: Vocabulary, units: Mapping[str, str], largest: Mapping[str, float]
) -> Iterator[Finding]:
    """
    Find values outside physical limits.

    A reading is the truth and its noise: blank-corrected concentrations fall a little below zero,
    viabilities a little above one. Within the noise of an assay they are readings, noticed and
    kept; far outside they are slips.

    Parameters
    ----------
    run : Run
    words : Vocabulary
    units : mapping of quantity to unit
    largest : mapping of quantity to its largest value in the campaign [unit]

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesbio.data.vocabulary.quantities import shipped
    >>> rows = pd.DataFrame({"time_h": [0.0, 9.0], "quantity": "viability", "value": [1.005, 98.0]})
    >>> found = limit_findings(Run("R1", rows), shipped(), {"viability": "1"}, {"viability": 98.0})
    >>> [finding.severity for finding in found]
    ['warning', 'error']
    """
    rows = run.measurements
    for name, group in rows[rows["flag"] != "excluded"].groupby("quantity", sort=True):
        unit = units.get(str(name), "1")
        word = words.find(str(name)) or Quantity(str(name), unit, lower=None)
        concentration = unit in CONCENTRATIONS
        lower = 0.0 if concentration or word.lower is None else word.lower
        bounded = concentration or word.lower is not None
        upper = np.inf if word.upper is None else word.upper
        low = bounded & (group["value"] < lower - ROUNDING)
        shown = "" if unit == "1" else f" {unit}"
        details = {"run": run.name, "quantity": str(name)}
        for row in group[low | (group["value"] > upper + ROUNDING)].itertuples():
            what = f"{name} at {row.time_h} h is {row.value:g}{shown}"
            if row.value < lower:
                noise = max(NOISE * largest.get(str(name), 0.0), SPREADS * np.nan_to_num(row.sd))
                near = lower - row.value < noise
                yield _too_low(what, concentration, near, row.time_h, details)
            else:
                near = row.value <= upper + SHARE_NOISE * abs(upper)
                yield _too_high(what, word, near, row.time_h, details)


def _too_low(
    what: str, concentration: bool, noise: bool, time: float, details: dict[str, Any]
) -> Finding:
    if noise:
        return warning(
            f"{what}, below zero by no more than the noise of an assay; it is kept as a reading.",
            "Mark it 'below' with the detection limit as value where it was below that, or "
            "'excluded' where it is a slip.",
            time=time,
            **details,
        )
    if concentration:
        return error(
            f"{what}; concentrations are zero or more.",
            "If this is below the assay's detection limit, mark it 'below' in the flag column and "
            "give the limit as value.",
            time=time,
            **details,
        )
    return error(
        f"{what}; it is zero or more by nature.",
        "Correct the value, or mark it 'excluded' in the flag column.",
        time=time,
        **details,
    )


def _too_high(
    what: str, word: Quantity, noise: bool, time: float, details: dict[str, Any]
) -> Finding:
    if noise:
        return warning(
            f"{what}, above {word.upper:g} by no more than the noise of an assay; it is kept as a "
            "reading.",
            "Mark it 'excluded' where it is a slip.",
            time=time,
            **details,
        )
    return error(
        f"{what}; a share is at most {word.upper:g}.",
        f"If the values are percent, head the column '{word.name} (%)'; else correct this one or "
        "mark it 'excluded' in the flag column.",
        time=time,
        **details,
    )


def percent_findings(run: Run) -> Iterator[Finding]:
    """Find fractions that were read as percent."""
    rows = run.measurements
    shares = rows[(rows["quantity"] == "viability") & (rows["flag"] == "")]["value"]
    if len(shares) and 0.0 < float(shares.max()) <= 0.0101:
        yield warning(
            f"viability is never above {100 * float(shares.max()):.3g} %.",
            "If the file gives fractions under a header with %, head the column 'viability (1)'.",
            run=run.name,
            quantity="viability",
        )


def duplicate_findings(run: Run) -> Iterator[Finding]:
    """Find the same quantity, time and replicate twice."""
    rows = run.measurements
    doubled = rows[rows.duplicated(["time_h", "quantity", "replicate"], keep="first")]
    for name, group in doubled.groupby("quantity", sort=True):
        time = float(group["time_h"].iloc[0])
        count = len(rows[(rows["quantity"] == name) & (rows["time_h"] == time)])
        yield error(
            f"{name} at {time} h stands there {count} times with the same replicate number; each "
            "sample was expected once.",
            "Delete the repetition, or number the replicates.",
            run=run.name,
            time=time,
            quantity=str(name),
        )


def jump_findings(run: Run, words: Vocabulary) -> Iterator[Finding]:
    """Find values ten times above or below both of their neighbours."""
    rows = run.measurements[run.measurements["flag"] == ""]
    fed = {event.quantity for event in run.events}
    for name, group in rows.groupby("quantity", sort=True):
        word = words.find(str(name))
        if str(name) in fed or word is None or word.lower is None or len(group) < 3:
            continue
        means = group.groupby("time_h")["value"].mean()
        times, values = means.index.to_numpy(), means.to_numpy()
        before, now, after = values[:-2], values[1:-1], values[2:]
        least, most = np.minimum(before, after), np.maximum(before, after)
        rise = (least <= 0.005 * np.max(values, initial=0.0)) & (now > most)  # is no slip
        high = (now > JUMP * most) & (most > 0)
        low = (now < least / JUMP) & (now > 0)
        for index in np.flatnonzero((high | low) & ~rise):
            yield warning(
                f"{name} at {times[index + 1]:g} h is {now[index]:g} {word.unit}, "
                f"{'far above' if high[index] else 'far below'} its neighbours "
                f"({before[index]:g} and {after[index]:g}).",
                "Such a jump is often a slip by ten: check the decimal point, the dilution and "
                "the unit; mark it 'excluded' if it is wrong.",
                run=run.name,
                time=times[index + 1],
                quantity=str(name),
            )


def _start_and_end(run: Run) -> tuple[float, float] | None:
    times = run.times()
    return (float(min(times[0], 0.0)), float(times[-1])) if len(times) else None


def event_findings(run: Run) -> Iterator[Finding]:
    """Find events before the start or after the end."""
    span = _start_and_end(run)
    start = span[0] if span else 0.0
    for event in run.fixed_events:
        if event.hour < start:
            yield error(
                f"the {event} is before the start of the run at {start:g} h.",
                "Correct the time; what was in the vessel at the start is initial_<state> in the "
                "settings.",
                run=run.name,
                time=event.hour,
            )
        read = span is not None and span[1] > start  # a start alone belongs to a plan
        if span and read and event.hour > span[1] and event.kind not in ("sample", "stop"):
            yield warning(
                f"the {event} is after the last measurement at {span[1]:g} h.",
                "Check its time.",
                run=run.name,
                time=event.hour,
            )


def profile_findings(run: Run) -> Iterator[Finding]:
    """Find profiles that end before the last measurement or start after the first."""
    span = _start_and_end(run)
    if span is None:
        return
    length = max(span[1] - span[0], 1e-9)
    for name, profile in run.profiles.items():
        if len(profile.points) < 2:
            continue
        end, begin = float(profile.times[-1]), float(profile.times[0])
        missing = span[1] - end
        if missing > 1.01 * np.median(np.diff(profile.times)) and missing > 0.01 * length:
            step = profile.interpolation == "step"
            sampled = np.isin(profile.times, run.times()).mean() > 0.5  # read now and then
            severe = missing > 0.1 * length and not (step or sampled)
            rest = "." if severe else f"; until then {profile.values[-1]:g} is held."
            yield (error if severe else warning)(
                f"profile {name} ends at {end:g} h, before the last measurement at {span[1]:g} h.",
                f"Add its value up to {span[1]:g} h{rest}",
                run=run.name,
                time=end,
            )
        if begin - span[0] > 0.1 * length:
            yield warning(
                f"profile {name} starts at {begin:g} h, after the start of the run at "
                f"{span[0]:g} h.",
                f"Add its value at {span[0]:g} h; before it {profile.values[0]:g} is held.",
                run=run.name,
                time=begin,
            )


def feed_findings(run: Run, model: Any) -> Iterator[Finding]:
    """Find feeds that add volume without saying what is in it."""
    named = [n for n in run.settings if n.startswith("feed_") and n not in run.profiles]
    defaults = getattr(model, "setting_defaults", {}) if model is not None else {}
    named += [name for name in defaults if name.startswith("feed_")]
    for name in ("feed_rate", "feed_rate_2"):
        if named or name not in run.profiles or not np.any(run.profiles[name].values > 0):
            continue
        yield warning(
            f"{name} feeds the vessel, but no concentration in the feed is given.",
            "Give it as a setting, such as a column 'feed_glucose (g/L)' in runs.csv.",
            run=run.name,
        )
    held = f"; the setting {named[0]} holds for a feed rate only" if named else ""
    known = {e.hour for e in run.fixed_events if e.kind == "bolus" and e.quantity != "volume"}
    bare: dict[str, list[Event]] = {}
    for event in run.fixed_events:
        volume = event.kind == "bolus" and event.quantity == "volume"
        if volume and event.hour not in known and event.of.lower() not in WITHOUT_NUTRIENTS:
            bare.setdefault(event.of, []).append(event)
    for feed, events in bare.items():
        of = f" of {feed!r}" if feed else ""
        yield warning(
            f"{len(events)} boluses{of} (the first at {events[0].hour:g} h) add volume without a "
            f"concentration or an amount of anything{held}.",
            f"Add a sheet 'feeds' with the columns name, component, concentration and unit, such "
            f"as {feed or 'Feed A'}, glucose, 70, g/L; or add what was given, such as a column "
            "'Glucose bolus (g)'.",
            run=run.name,
            time=events[0].hour,
        )


class RunSet(Protocol):
    """What the checks ask of a campaign."""

    @property
    def findings(self) -> Iterable[Finding]:
        """What reading noticed."""

    @property
    def units(self) -> Mapping[str, str]:
        """House unit of every quantity."""

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of what was measured."""

    def __iter__(self) -> Iterator[Run]: ...
    def to_frame(self) -> pd.DataFrame:
        """Every measurement, one a row."""


def check(campaign: RunSet, model: Any = None, *, signals: Iterable[str] = ()) -> Findings:
    """
    Check a campaign: what cannot be, what is unlikely, and what to do about it.

    Parameters
    ----------
    campaign : Campaign
    model : process model, optional
        Also asks for the inputs, settings and measurements that this model needs.
    signals : names, optional
        Measured quantities that say something about the model through a calibration curve.

    Returns
    -------
    Findings
        What reading noticed and what is noticed now; errors stop a calibration, warnings are
        carried into the report.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesbio.data import Campaign
    >>> rows = pd.DataFrame({"time_h": [0.0, 48.0], "quantity": "glucose", "value": [6.0, -0.3]})
    >>> check(Campaign([Run("R07", rows)])).errors[0].what
    'glucose at 48.0 h is -0.3 g/L; concentrations are zero or more.'
    """
    words = vocabulary.extended(model=model)
    findings: list[Finding] = [*campaign.findings, *_names(campaign, words)]
    frame = campaign.to_frame()
    frame = frame[frame["flag"] != "excluded"]
    largest = frame.groupby("quantity")["value"].max().to_dict()
    for run in campaign:
        findings += limit_findings(run, words, campaign.units, largest)
        findings += percent_findings(run)
        findings += duplicate_findings(run)
        findings += jump_findings(run, words)
        findings += event_findings(run)
        findings += profile_findings(run)
        findings += volume_findings(run)
        findings += filling_findings(run)
        findings += carbon_findings(run)
        findings += feed_findings(run, model)
        findings += clock_findings(run)
    findings += unit_findings(frame, words, campaign.quantities)
    findings += _censored(frame)
    if model is not None:
        findings += _for_model(campaign, model, tuple(signals))
    return Findings(findings)


def _names(campaign: RunSet, words: Vocabulary) -> Iterator[Finding]:
    """Find unknown names near known ones, and units that do not fit."""
    names = dict.fromkeys(campaign.quantities)
    names |= {name: None for run in campaign for name in run.profiles}
    for name in names:
        word = words.find(name)
        unit = campaign.units.get(name, "1")
        if word is None:
            guess = words.typo(name)
            if guess is not None:
                yield error(unknown_name(name, guess, unit), quantity=name)
            continue
        try:
            fits = units.same_dimension(unit, word.unit, of=word)
        except UnitError:
            fits = False
        if not fits:
            yield error(
                f"{name} is given in {unit!r}; expected a unit that can be converted to "
                f"{word.unit}.",
                "Correct the unit, or give the quantity another name.",
                subject="unit",
                quantity=name,
            )


def _censored(frame: pd.DataFrame) -> Iterator[Finding]:
    """Find quantities of which no value was inside the limits of the assay."""
    if frame.empty:
        return
    censored = frame["flag"].isin(["below", "above"])
    if censored.all():
        yield error(
            "All values of the campaign are below or above a limit of their assay; at least some "
            "measured values were expected.",
            "Check the flag column and the limits.",
        )
        return
    for name, group in frame.groupby("quantity", sort=True):
        if censored[group.index].all():
            yield warning(
                f"All {len(group)} values of {name} are below or above a limit; they say only that "
                "much.",
                "Expect a wide posterior for what only this quantity informs, or leave it out with "
                "select(quantities=...).",
                quantity=str(name),
            )
        elif len(group) > 1 and (group["value"] == 0.0).all():
            yield warning(
                f"All {len(group)} values of {name} are zero; nothing can be learned from them.",
                "Look whether it is the right column; where zero stands for less than the assay "
                "sees, write it as '<' and the limit.",
                quantity=str(name),
            )


def _for_model(campaign: RunSet, model: Any, signals: Iterable[str]) -> Iterator[Finding]:
    """Find what the model needs and a run does not have."""
    known = (*model.State._fields, *getattr(model, "output_names", ()))
    if not set(campaign.quantities) & {*known, *signals}:
        yield error(
            "None of the measured quantities "
            f"({', '.join(campaign.quantities) or 'none'}) is a state or output of the model "
            f"({', '.join(known)}).",
            "Map the columns with columns={...}, or choose another model.",
        )
    yield from model_needs(campaign, model)
    inputs = set(getattr(model, "inputs", ()))
    for run in campaign:
        for name in sorted({"feed_rate", "bleed_rate", "perfusion_rate"} - inputs):
            if name in run.profiles and np.any(run.profiles[name].values > 0):
                yield warning(
                    f"{name} flows, and this model has no such flow: its volume and what it brings "
                    "are left out.",
                    "Choose the option of the model that has it, such as feed=true.",
                    run=run.name,
                )


def model_needs(campaign: Iterable[Run], model: Any) -> Iterator[Finding]:
    """
    Find the inputs and settings that a model needs and a run does not have.

    Examples
    --------
    >>> from bayesbio.mechanistic import BatchReactor
    >>> next(model_needs([Run("R1")], BatchReactor())).what
    'The model needs the profile jacket_temperature [K], which the run does not have.'
    """
    inputs = set(getattr(model, "inputs", ())) - set(getattr(model, "input_defaults", {}))
    settings = set(getattr(model, "settings", ())) - set(getattr(model, "setting_defaults", {}))
    feeds = {name for name in getattr(model, "inputs", ()) if "feed" in name}
    for run in campaign:
        switched = {event.quantity for event in run.events if event.kind == "switch"}
        for name in sorted(inputs - set(run.profiles) - switched - set(run.settings)):
            yield error(
                f"The model needs the profile {name} [{model.units.get(name, '1')}], which the run "
                "does not have.",
                "Add it to profiles.csv, or as a column with roles={...: 'profile'}.",
                run=run.name,
            )
        for name in sorted(settings - set(run.settings)):
            feed = name.startswith("feed_")
            fed = feeds & (set(run.profiles) | switched) or not feeds
            what = "A feed without a concentration: the" if feed else "The"
            yield (warning if feed and not fed else error)(
                f"{what} model needs the setting {name} [{model.units.get(name, '1')}], which the "
                "run does not have.",
                f"Add a column '{name} ({model.units.get(name, '1')})' to runs.csv.",
                run=run.name,
            )
