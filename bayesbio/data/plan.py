"""Plans: runs that have not been done yet, with the days at which they are to be predicted."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesbio.data.campaign import Campaign
from bayesbio.data.checks.campaign_checks import check, model_needs
from bayesbio.data.findings import Findings
from bayesbio.data.importing.campaign_reader import Source, import_campaign
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


def read_plan(path: Source, *, model: Any, **reading: Any) -> Plan:
    """
    Read planned runs: settings, feeds, profiles and days; readings are not expected.

    Parameters
    ----------
    path : path or paths
        As `read_campaign` takes it; a workbook needs no sheet of measurements.
    model : process model
        What is going to predict; what it needs is asked for.
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
    imported = import_campaign(path, model=model, **reading)
    if not imported.runs:
        raise DataError("The plan names no run; expected one row a run or a day.")
    campaign = Campaign(
        imported.runs, units=imported.units, findings=imported.findings, columns=imported.columns
    )
    needed = [*check(campaign).errors, *model_needs(campaign, model)]
    noticed = [item for item in imported.findings if "without measurements" not in item.what]
    return Plan(campaign, dict(imported.times), Findings([*noticed, *needed]))
