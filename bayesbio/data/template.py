"""A template: a workbook with the expected sheets and one example run, and the same as CSV."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

from bayesbio.errors import DataError

README = (
    ("What goes where",),
    ("runs", "one row a run: its name, then settings and covariates (numbers with unit, or text)"),
    ("measurements", "one row a sample: run, time, then one column per quantity with its unit"),
    (
        "events",
        "what was done at one moment: bolus (an amount: g, mmol, L), sample (volume removed), "
        "switch (an input changes), inoculation (a state is set)",
    ),
    ("profiles", "controls over time: linear between the rows, or step"),
    ("columns", "optional: how columns of another name map (column, quantity, unit, role)"),
    ("", ""),
    ("Below a limit", "write <0.2; above one, >200. Leave empty what was not measured."),
    (
        "Units",
        "any that fit: mM or g/L, mL or L, h or d, % or fraction. Aliases such as VCD are known.",
    ),
    ("Read it", "bayesbio check campaign.xlsx, or read_campaign('campaign.xlsx')"),
)
RUNS = (
    ("run", "clone", "initial_volume (L)", "feed_glucose (g/L)", "feed_glutamine (g/L)"),
    ("example 1", "clone A", 1.0, 70.0, 6.0),
)
MEASUREMENTS = (
    (
        "run",
        "time (d)",
        "viable_cell_density (1e6 cells/mL)",
        "viability (%)",
        "glucose (g/L)",
        "glutamine (mM)",
        "lactate (g/L)",
        "ammonium (mM)",
        "titer (mg/L)",
        "volume (L)",
    ),
    ("example 1", 0, 0.32, 98.5, 5.6, 5.4, 0.10, 0.9, "<10", 1.000),
    ("example 1", 1, 0.68, 98.4, 5.1, 4.9, 0.41, 1.4, 12.4, None),
    ("example 1", 2, 1.46, 98.1, 4.3, 4.1, 0.92, 2.0, 30.1, None),
    ("example 1", 3, 3.05, 97.8, 3.1, 3.0, 1.55, 2.8, 71.0, 0.985),
    ("example 1", 4, 5.63, 97.3, 4.9, 2.4, 2.02, 3.4, 160.0, None),
    ("example 1", 6, 10.9, 96.0, 3.8, 1.5, 2.61, 4.6, 505.0, 1.030),
    ("example 1", 8, 12.8, 92.4, 2.9, 0.9, 2.74, 5.5, 1010.0, None),
    ("example 1", 10, 11.2, 84.0, 2.2, 0.6, 2.58, 6.3, 1540.0, 1.110),
)
EVENTS = (
    ("run", "time (d)", "kind", "quantity", "value", "unit"),
    ("example 1", 3, "sample", "volume", 15, "mL"),
    ("example 1", 3, "bolus", "glucose", 3.0, "g"),
    ("example 1", 3, "bolus", "volume", 10, "mL"),
)
PROFILES = (
    ("run", "time (d)", "quantity", "value", "unit", "interpolation"),
    ("example 1", 0, "feed_rate", 0.0, "mL/h", "step"),
    ("example 1", 4, "feed_rate", 0.9, "mL/h", "step"),
    ("example 1", 10, "feed_rate", 0.9, "mL/h", "step"),
)
COLUMNS = (("column", "quantity", "unit", "role"),)
SHEETS: dict[str, tuple[tuple[Any, ...], ...]] = {
    "runs": RUNS,
    "measurements": MEASUREMENTS,
    "events": EVENTS,
    "profiles": PROFILES,
    "columns": COLUMNS,
}


def write_template(directory: str | os.PathLike[str]) -> Path:
    """
    Write a workbook with the expected sheets and one example run, and the same tables as CSV.

    Parameters
    ----------
    directory : path
        Is made if it is not there. A file of the same name is never overwritten.

    Returns
    -------
    Path
        The workbook, ``campaign.xlsx``; the CSV tables stand beside it in ``csv``.

    Raises
    ------
    DataError
        If there already is a campaign.xlsx, whose content would be lost.

    Examples
    --------
    >>> import tempfile
    >>> from bayesbio.data import read_campaign
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     campaign = read_campaign(write_template(directory))
    >>> campaign.names, len(campaign.findings)
    (('example 1',), 0)
    """
    import openpyxl

    folder = Path(directory)
    tables = folder / "csv"
    tables.mkdir(parents=True, exist_ok=True)
    workbook = folder / "campaign.xlsx"
    for path in (workbook, *(tables / f"{name}.csv" for name in SHEETS)):
        if path.exists():
            raise DataError(f"{path} is already there; choose another directory or move it.")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in {"read me": README, **SHEETS}.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
        for letter in "ABCDEFGHIJ":
            page.column_dimensions[letter].width = 20
    book.save(workbook)
    for name, rows in SHEETS.items():
        with open(tables / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    return workbook
