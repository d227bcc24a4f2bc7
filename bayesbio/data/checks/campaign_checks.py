"""Check a campaign: what cannot be, what is unlikely, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd

from bayesbio.data.checks.balances import carbon_findings, volume_findings
from bayesbio.data.findings import Finding, Findings
from bayesbio.data.run import Run
from bayesbio.data.vocabulary import lookup as vocabulary
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.lookup import Vocabulary, unknown_name
from bayesbio.data.vocabulary.terms import Quantity
from bayesbio.errors import UnitError

CONCENTRATIONS = ("g/L", "mol/L", "1e6 cells/mL", "U/L", "mM", "mg/L", "mmol/L")
ROUNDING = 1e-9  # what a spreadsheet leaves of a zero
JUMP = 6.0  # a slip of the decimal point, less what happens between two samples


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
    found: list[Finding] = [*campaign.findings]
    found += _names(campaign, words)
    for run in campaign:
        found += _values(run, words, campaign)
        found += _tiny_shares(run)
        found += _duplicates(run)
        found += _jumps(run, words)
        found += _events(run, words)
        found += _profiles(run)
        found += volume_findings(run)
        found += carbon_findings(run)
        found += _feeds(run, model)
    found += _censored(campaign)
    if model is not None:
        found += _for_model(campaign, model, words, tuple(signals))
    return Findings(found)


def _names(campaign: RunSet, words: Vocabulary) -> Iterator[Finding]:
    """Find unknown names near known ones, and units that do not fit."""
    named = dict.fromkeys(campaign.quantities)
    named |= {name: None for run in campaign for name in run.profiles}
    for name in named:
        word = words.find(name)
        unit = campaign.units.get(name, "1")
        if word is None:
            guess = words.typo(name)
            if guess is not None:
                yield Finding("error", "", None, unknown_name(name, guess, unit), "")
            continue
        try:
            fits = units.same_dimension(unit, word.unit, of=word)
        except UnitError:
            fits = False
        if not fits:
            yield Finding(
                "error",
                "",
                None,
                f"{name} is given in {unit!r}; expected a unit that can be converted to "
                f"{word.unit}.",
                "Correct the unit, or give the quantity another name.",
                "unit",
            )


def _word(name: str, words: Vocabulary, unit: str) -> Quantity:
    found = words.find(name)
    return found if found is not None else Quantity(name, unit, lower=None)


def _values(run: Run, words: Vocabulary, campaign: RunSet) -> Iterator[Finding]:
    """Find values outside the physical limits."""
    rows = run.measurements[run.measurements["flag"] != "excluded"]
    for name, group in rows.groupby("quantity", sort=True):
        unit = campaign.units.get(str(name), "1")
        word = _word(str(name), words, unit)
        concentration = unit in CONCENTRATIONS
        lower = 0.0 if concentration else word.lower
        for time, value in zip(group["time_h"], group["value"], strict=True):
            if lower is not None and value < lower - ROUNDING:
                yield _too_low(run.name, str(name), time, value, unit, concentration)
            if word.upper is not None and value > word.upper + ROUNDING:
                yield _too_high(run.name, str(name), time, value, word)


def _tiny_shares(run: Run) -> Iterator[Finding]:
    """Find fractions that were read as percent."""
    rows = run.measurements
    shares = rows[(rows["quantity"] == "viability") & (rows["flag"] == "")]["value"]
    if len(shares) and 0.0 < float(shares.max()) <= 0.0101:
        yield Finding(
            "warning",
            run.name,
            None,
            f"viability is never above {100 * float(shares.max()):.3g} %.",
            "If the file gives fractions under a header with %, head the column 'viability (1)'.",
        )


def _too_low(
    run: str, name: str, time: float, value: float, unit: str, concentration: bool
) -> Finding:
    shown = "" if unit == "1" else f" {unit}"
    if concentration:
        return Finding(
            "error",
            run,
            float(time),
            f"{name} at {time} h is {value:g}{shown}; concentrations are zero or more.",
            "If this is below the assay's detection limit, mark it 'below' in the flag "
            "column and give "
            "the limit as value.",
        )
    return Finding(
        "error",
        run,
        float(time),
        f"{name} at {time} h is {value:g}{shown}; it is zero or more by nature.",
        "Correct the value, or mark it 'excluded' in the flag column.",
    )


def _too_high(run: str, name: str, time: float, value: float, word: Quantity) -> Finding:
    return Finding(
        "error",
        run,
        float(time),
        f"{name} at {time} h is {value:g}; a share is at most {word.upper:g}.",
        f"If the values are percent, head the column '{name} (%)'; else correct this one "
        "or mark it "
        "'excluded' in the flag column.",
    )


def _duplicates(run: Run) -> Iterator[Finding]:
    """Find the same quantity, time and replicate twice."""
    rows = run.measurements
    doubled = rows[rows.duplicated(["time_h", "quantity", "replicate"], keep="first")]
    for name, group in doubled.groupby("quantity", sort=True):
        time = float(group["time_h"].iloc[0])
        yield Finding(
            "error",
            run.name,
            time,
            f"{name} at {time} h stands there "
            f"{len(rows[(rows['quantity'] == name) & (rows['time_h'] == time)])} "
            "times with the same replicate number; each sample was expected once.",
            "Delete the repetition, or number the replicates.",
        )


def _jumps(run: Run, words: Vocabulary) -> Iterator[Finding]:
    """Find values ten times above or below both of their neighbours."""
    rows = run.measurements[run.measurements["flag"] == ""]
    fed = {event.quantity for event in run.events}
    for name, group in rows.groupby("quantity", sort=True):
        word = words.find(str(name))
        if str(name) in fed or word is None or word.lower is None or len(group) < 3:
            continue
        means = group.groupby("time_h")["value"].mean()
        times, values = means.index.to_numpy(), means.to_numpy()
        scale = float(np.max(values, initial=0.0))
        for i in range(1, len(values) - 1):
            before, now, after = values[i - 1], values[i], values[i + 1]
            if min(before, after) <= 0.005 * scale and now > max(before, after):
                continue  # a rise from nothing is no slip
            high = now > JUMP * max(before, after) and max(before, after) > 0
            low = now < min(before, after) / JUMP and now >= 0
            if high or (low and now > 0):
                yield Finding(
                    "warning",
                    run.name,
                    float(times[i]),
                    f"{name} at {times[i]:g} h is {now:g} {word.unit}, "
                    f"{'far above' if high else 'far below'} "
                    f"its neighbours ({before:g} and {after:g}).",
                    "Such a jump is often a slip by ten: check the decimal point, the "
                    "dilution and the unit; mark it 'excluded' if it is wrong.",
                )


def _start_and_end(run: Run) -> tuple[float, float] | None:
    times = run.times()
    return (float(min(times[0], 0.0)), float(times[-1])) if len(times) else None


def _events(run: Run, words: Vocabulary) -> Iterator[Finding]:
    """Find events before the start or of unknown quantities."""
    span = _start_and_end(run)
    start = span[0] if span else 0.0
    for event in run.fixed_events:
        if event.hour < start:
            yield Finding(
                "error",
                run.name,
                event.hour,
                f"the {event} is before the start of the run at {start:g} h.",
                "Correct the time; what was in the vessel at the start is "
                "initial_<state> in the settings.",
            )
        if span and event.hour > span[1] and event.kind not in ("sample", "stop"):
            yield Finding(
                "warning",
                run.name,
                event.hour,
                f"the {event} is after the last measurement at {span[1]:g} h.",
                "Check its time.",
            )


def _profiles(run: Run) -> Iterator[Finding]:
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
        typical = float(np.median(np.diff(profile.times)))
        if missing > 1.01 * typical and missing > 0.01 * length:
            step = profile.interpolation == "step"
            sampled = np.isin(profile.times, run.times()).mean() > 0.5  # read now and then
            severe = missing > 0.1 * length and not (step or sampled)
            yield Finding(
                "error" if severe else "warning",
                run.name,
                end,
                f"profile {name} ends at {end:g} h, before the last measurement at {span[1]:g} h.",
                f"Add its value up to {span[1]:g} h"
                + ("." if severe else f"; until then {profile.values[-1]:g} is held."),
            )
        if begin - span[0] > 0.1 * length:
            yield Finding(
                "warning",
                run.name,
                begin,
                f"profile {name} starts at {begin:g} h, after the start of the run at "
                f"{span[0]:g} h.",
                f"Add its value at {span[0]:g} h; before it {profile.values[0]:g} is held.",
            )


def _feeds(run: Run, model: Any) -> Iterator[Finding]:
    """Find feeds that add volume without saying what is in it."""
    named = [n for n in run.settings if n.startswith("feed_") and n not in run.profiles]
    defaults = getattr(model, "setting_defaults", {}) if model is not None else {}
    named += [name for name in defaults if name.startswith("feed_")]
    pumps = [name for name in ("feed_rate", "feed_rate_2") if name in run.profiles]
    for name in pumps:
        if named or not np.any(run.profiles[name].values > 0):
            continue
        yield Finding(
            "warning",
            run.name,
            None,
            f"{name} feeds the vessel, but no concentration in the feed is given.",
            "Give it as a setting, such as a column 'feed_glucose (g/L)' in runs.csv.",
        )
    by_time: dict[float, set[str]] = {}
    for event in run.fixed_events:
        if event.kind == "bolus":
            by_time.setdefault(event.hour, set()).add(event.quantity)
    bare = [time for time, added in by_time.items() if added <= {"volume"}]
    if bare:
        held = f"; the setting {named[0]} holds for a feed rate only" if named else ""
        yield Finding(
            "warning",
            run.name,
            bare[0],
            f"{len(bare)} boluses (the first at {bare[0]:g} h) add volume without a concentration "
            f"or an amount of anything{held}.",
            "Add rows with what they contain, such as glucose in g at the same time.",
        )


def _censored(campaign: RunSet) -> Iterator[Finding]:
    """Find quantities of which no value was inside the limits of the assay."""
    frame = campaign.to_frame()
    frame = frame[frame["flag"] != "excluded"]
    if frame.empty:
        return
    whole = frame["flag"].isin(["below", "above"])
    if bool(whole.all()):
        yield Finding(
            "error",
            "",
            None,
            "All values of the campaign are below or above a limit of their assay; at "
            "least some measured "
            "values were expected.",
            "Check the flag column and the limits.",
        )
        return
    for name, group in frame.groupby("quantity", sort=True):
        if group["flag"].isin(["below", "above"]).all():
            yield Finding(
                "warning",
                "",
                None,
                f"All {len(group)} values of {name} are below or above a limit; they say "
                "only that much.",
                "Expect a wide posterior for what only this quantity informs, or leave it out with "
                "select(quantities=...).",
            )
        elif len(group) > 1 and (group["value"] == 0.0).all():
            yield Finding(
                "warning",
                "",
                None,
                f"All {len(group)} values of {name} are zero; nothing can be learned from them.",
                "Look whether it is the right column; where zero stands for less than the assay "
                "sees, write it as '<' and the limit.",
            )


def _for_model(
    campaign: RunSet, model: Any, words: Vocabulary, signals: Iterable[str]
) -> Iterator[Finding]:
    """Find what the model needs and a run does not have."""
    known = (*model.State._fields, *getattr(model, "output_names", ()))
    measured = [name for name in campaign.quantities if name in (*known, *signals)]
    if not measured:
        yield Finding(
            "error",
            "",
            None,
            "None of the measured quantities "
            f"({', '.join(campaign.quantities) or 'none'}) is a state or "
            f"output of the model ({', '.join(known)}).",
            "Map the columns with columns={...}, or choose another model.",
        )
    inputs = set(getattr(model, "inputs", ())) - set(getattr(model, "input_defaults", {}))
    settings = set(getattr(model, "settings", ())) - set(getattr(model, "setting_defaults", {}))
    feeds = {name for name in getattr(model, "inputs", ()) if "feed" in name}
    for run in campaign:
        switched = {event.quantity for event in run.events if event.kind == "switch"}
        for name in sorted(inputs - set(run.profiles) - switched - set(run.settings)):
            yield Finding(
                "error",
                run.name,
                None,
                f"The model needs the profile {name} [{model.units.get(name, '1')}], "
                "which the run does "
                "not have.",
                "Add it to profiles.csv, or as a column with roles={...: 'profile'}.",
            )
        for name in sorted(settings - set(run.settings)):
            feed = name.startswith("feed_")
            fed = feeds & (set(run.profiles) | switched) or not feeds
            idle = feed and not fed
            what = "A feed without a concentration: the" if feed else "The"
            yield Finding(
                "warning" if idle else "error",
                run.name,
                None,
                f"{what} model needs the setting {name} [{model.units.get(name, '1')}], "
                "which the run "
                "does not have.",
                f"Add a column '{name} ({model.units.get(name, '1')})' to runs.csv.",
            )
