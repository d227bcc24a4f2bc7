"""Check a campaign: what cannot be, what is unlikely, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import pandas as pd

from bayesbio.data.checks.balances import carbon_findings, volume_findings
from bayesbio.data.checks.run_checks import (
    duplicate_findings,
    event_findings,
    feed_findings,
    jump_findings,
    limit_findings,
    percent_findings,
    profile_findings,
)
from bayesbio.data.findings import Finding, Findings, error, warning
from bayesbio.data.run import Run
from bayesbio.data.vocabulary import quantities as vocabulary
from bayesbio.data.vocabulary import units
from bayesbio.data.vocabulary.quantities import Vocabulary, unknown_name
from bayesbio.errors import UnitError


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
        findings += carbon_findings(run)
        findings += feed_findings(run, model)
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
