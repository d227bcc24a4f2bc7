"""Runs in whichever form they come: a campaign, runs, a table or a sheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from bayesbio.data import Campaign, Run, Table, read_campaign
from bayesbio.errors import DataError

TIME_NAMES = {"time_h": 1.0, "time": 1.0, "hour": 1.0, "hours": 1.0, "day": 24.0, "days": 24.0}


def campaign_from(given: Any) -> Campaign:
    """
    Make a campaign of what holds runs.

    Parameters
    ----------
    given : Campaign, Run, iterable of Run, Table or DataFrame
        A table with a time column holds courses, one row a sample; without one, each row is a run
        that was read once, at its end. A DataFrame is read as a sheet.

    Returns
    -------
    Campaign

    Raises
    ------
    DataError
        If it holds no runs.

    Examples
    --------
    >>> campaign_from(Run("R1")).names
    ('R1',)
    """
    if isinstance(given, Campaign):
        return given
    if isinstance(given, Run):
        return Campaign([given])
    if isinstance(given, Table):
        return _from_table(given)
    if isinstance(given, pd.DataFrame):
        return read_campaign(given)
    if isinstance(given, Mapping):
        given = list(given.values())
    if isinstance(given, Iterable) and not isinstance(given, str):
        runs = list(given)
        if runs and all(isinstance(run, Run) for run in runs):
            return Campaign(runs)
    raise DataError(
        f"{type(given).__name__} {given!r:.60} holds no runs; give a Campaign, runs, a Table or a "
        "DataFrame (or a Calibration to monitor against)."
    )


def _from_table(table: Table) -> Campaign:
    """Make runs of a table: courses where it has times, else one row a run."""
    frame = table.to_frame()
    timing = next((name for name in frame if name.lower() in TIME_NAMES), None)
    named = [name for name in table.groups if name != timing]
    names = frame[named[0]].astype(str) if named else pd.Series(dtype=str)
    if timing is not None and named and names.duplicated().any():
        unit = table.unit(timing)
        factor = {"h": 1.0, "d": 24.0, "day": 24.0}.get(unit, TIME_NAMES[timing.lower()])
        times = frame[timing].astype(float) * factor
    else:
        times = pd.Series(0.0, index=frame.index)
        if not named or names.duplicated().any():
            names = pd.Series([f"row {n + 1}" for n in range(len(frame))], index=frame.index)
    numbers = [c.name for c in table.columns if c.is_number and c.name not in (timing, *named[:1])]
    if not numbers:
        raise DataError(
            "The table has no columns of numbers to monitor; its columns are "
            f"{', '.join(table)}. Give columns that were set or measured."
        )
    long = frame[numbers].assign(run=names, time_h=times)
    long = long.melt(["run", "time_h"], var_name="quantity").dropna(subset=["value", "time_h"])
    for name in table.flags:
        flagged = names[table.flag(name) == "excluded"]
        long = long[~((long["quantity"] == name) & long["run"].isin(flagged))]
    runs = [
        Run(str(name), long.loc[long["run"] == name, ["time_h", "quantity", "value"]])
        for name in dict.fromkeys(names)
    ]
    units = {name: table.unit(name) or "1" for name in numbers}
    return Campaign(runs, units=units)
