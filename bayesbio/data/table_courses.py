"""Runs of a table: courses where it has a time column, else one reading a run."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesbio.data.run import Run
from bayesbio.data.table import Table
from bayesbio.data.vocabulary.units import convert
from bayesbio.errors import DataError

TIME_UNITS = {"time_h": "h", "time": "h", "hour": "h", "hours": "h", "day": "day", "days": "day"}


def runs_of_table(table: Table) -> tuple[list[Run], dict[str, str]]:
    """
    Give the runs of a table and the units of their quantities.

    Parameters
    ----------
    table : Table
        Its first group names the runs. A column named time_h, time, hour(s) or day(s) makes its
        rows samples; without one, each row is a run that was read at 0 h. Flags stay with their
        values; excluded cells are left out.

    Returns
    -------
    runs : list of Run
    units : dict of quantity to unit

    Raises
    ------
    DataError
        If no column holds numbers.
    """
    time = next((name for name in table if name.lower() in TIME_UNITS), None)
    group = next((name for name in table.groups if name != time), None)
    names = None if group is None else pd.Series(table[group]).astype(str)
    if time is not None and names is not None and names.duplicated().any():
        unit = table.unit(time) or TIME_UNITS[time.lower()]
        hours = np.asarray(convert(table[time].astype(float), unit, "h"))
    else:
        hours = np.zeros(len(table))
        if names is None or names.duplicated().any():
            names = pd.Series([f"row {number + 1}" for number in range(len(table))])
    numbers = [c.name for c in table.columns if c.is_number and c.name not in (time, group)]
    if not numbers:
        raise DataError(
            "The table has no columns of numbers that could be readings of runs; its columns are "
            f"{', '.join(table)}. Give columns that were set or measured."
        )
    parts = [
        pd.DataFrame(
            {
                "run": names,
                "time_h": hours,
                "quantity": name,
                "value": table[name],
                "flag": table.flag(name),
                "value_upper": table.upper(name),
            }
        )
        for name in numbers
    ]
    long = pd.concat(parts, ignore_index=True).dropna(subset=["value", "time_h"])
    long = long[long["flag"] != "excluded"]
    runs = [Run(name, long[long["run"] == name]) for name in dict.fromkeys(names)]
    return runs, {name: table.unit(name) or "1" for name in numbers}
