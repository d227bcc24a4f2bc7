"""Plans: runs that have not been done yet, with the days at which they are to be predicted."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from bayesbio.data.campaign import Campaign
from bayesbio.data.checks.campaign_checks import check, feed_findings, model_needs
from bayesbio.data.findings import Findings
from bayesbio.data.importing.campaign_reader import Source, import_campaign
from bayesbio.data.run import Run
from bayesbio.errors import DataError


@dataclasses.dataclass(frozen=True)
class Plan:
    """
    Planned runs, and the times at which to predict them.

    Parameters
    ----------
    campaign : Campaign
        Settings, feeds and profiles; a reading at 0 h is a starting value.
    times : mapping of run to hours
        Times of the rows of the plan, those without readings too.
    findings : Findings
        Errors are what the model needs and the plan does not give.
    """

    campaign: Campaign
    times: Mapping[str, tuple[float, ...]]
    findings: Findings = Findings()

    def hours(self, last: float) -> np.ndarray:
        """
        Every time of the plan, shape (n,) [h]; day by day until ``last`` where it has no rows.

        Feeds after ``last`` are covered too.
        """
        rows = {hour for hours in self.times.values() for hour in hours}
        if len(rows) > 1:
            return np.unique(list(rows))
        fed = [event.hour for run in self.campaign for event in run.fixed_events]
        ends = [float(p.times[-1]) for run in self.campaign for p in run.profiles.values()]
        last = max([last, *fed, *ends])
        return np.unique([*np.arange(0.0, last, 24.0), last])


def read_plan(path: Source, *, model: Any, like: Campaign | None = None, **reading: Any) -> Plan:
    """
    Read planned runs: settings, feeds, profiles and days; readings are not expected.

    Parameters
    ----------
    path : path or paths
        As `read_campaign` takes it; a workbook needs no sheet of measurements, and of one with a
        sheet 'plan' beside its runs that sheet is read.
    model : process model
        What is going to predict; what it needs is asked for.
    like : Campaign, optional
        Runs whose feeds hold the same under the same name.
    **reading
        Further arguments of `read_campaign`: run, time, columns, roles, quantities.

    Returns
    -------
    Plan
        ``plan.findings.errors`` holds everything that is missing.

    Raises
    ------
    DataError, UnitError
        If the file cannot be understood.

    Examples
    --------
    >>> import pandas as pd
    >>> from bayesbio.mechanistic import MammalianFedBatch
    >>> sheet = pd.DataFrame({"Run": "N1", "Day": [0, 7], "Start volume (L)": 2.0})
    >>> read_plan(sheet, model=MammalianFedBatch(feed=False)).times
    {'N1': (0.0, 168.0)}
    """
    known = {} if like is None else feeds_of(like)
    imported = import_campaign(path, model=model, planned=True, known_feeds=known, **reading)
    if not imported.runs:
        raise DataError("The plan names no run; expected one row a run or a day.")
    campaign = Campaign(
        imported.runs, units=imported.units, findings=imported.findings, columns=imported.columns
    )
    needed = [*check(campaign).errors, *model_needs(campaign, model)]
    noticed = [item for item in imported.findings if "without measurements" not in item.what]
    noticed += [item for run in campaign for item in feed_findings(run, model)]
    return Plan(campaign, dict(imported.times), Findings([*noticed, *needed]))


def feeds_of(campaign: Iterable[Run]) -> dict[str, dict[str, float]]:
    """
    Work out what a litre of each feed held, from boluses of feeds with a name.

    Returns
    -------
    dict of feed to dict of quantity to amount [amount unit of the quantity/L]

    Examples
    --------
    >>> from bayesbio.data import Event
    >>> bolus = [("volume", 0.06), ("glucose", 4.2)]
    >>> events = [Event(72.0, "bolus", what, value, of="Feed A") for what, value in bolus]
    >>> feeds_of(Campaign([Run("R1", events=events)]))
    {'Feed A': {'glucose': 70.0}}
    """
    held: dict[str, dict[str, float]] = {}
    for run in campaign:
        doses: dict[tuple[str, float], dict[str, float]] = {}
        for event in run.fixed_events:
            if event.kind == "bolus" and event.of:
                doses.setdefault((event.of, event.hour), {})[event.quantity] = event.amount
        for (name, _), amounts in doses.items():
            volume = amounts.pop("volume", 0.0)
            if volume > 0 and amounts:
                found = {what: float(f"{value / volume:.9g}") for what, value in amounts.items()}
                held.setdefault(name, found)
    return held
