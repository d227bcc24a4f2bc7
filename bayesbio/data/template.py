"""A template: a workbook with the expected sheets and one example run, and the same as CSV."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

from bayesbio.errors import DataError

EXAMPLE = "EXAMPLE (not read)"
README = (
    ("What goes where",),
    ("runs", "one row a run: its name, then settings and covariates (numbers with unit, or text)"),
    (
        "measurements",
        "one row a sample: run, day, then one column per quantity with its unit; what was fed at "
        "that moment stands in the same row, in a column named after the feed",
    ),
    ("feeds", "what a feed holds: one row a component, such as Feed A, glucose, 70, g/L"),
    (
        "events",
        "optional, what else was done at one moment: bolus (an amount: g, mmol, L, or mL of a "
        "feed), sample (volume removed), switch (an input changes), inoculation (a state is set)",
    ),
    ("profiles", "optional, controls over time: linear between the rows, or step"),
    (
        "plan",
        "optional, runs to predict: bayesbio predict posterior.nc campaign.xlsx; days, feeds, and "
        "starting values where you know them",
    ),
    ("columns", "optional: how columns of another name map (column, quantity, unit, role)"),
    ("", ""),
    (EXAMPLE, "rows of this run show how it is meant; they are never read. Write below them."),
    ("Below a limit", "write <0.2; above one, >200. Leave empty what was not measured or fed."),
    (
        "Units",
        "stand in the headers, where a list offers others: mM or g/L, mL or L, h or d, % or "
        "fraction. Aliases such as VCD are known.",
    ),
    ("Read it", "bayesbio check campaign.xlsx, or read_campaign('campaign.xlsx')"),
)
RUNS = (("run", "clone", "initial_volume (L)"), (EXAMPLE, "clone A", 1.0))
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
        "Feed A (mL)",
        "Glucose bolus (mL)",
        "Base (mL)",
        "Sample volume (mL)",
    ),
    (EXAMPLE, 0, 0.32, 98.5, 5.6, 5.4, 0.10, 0.9, "<10", 1.000, None, None, None, 5),
    (EXAMPLE, 1, 0.68, 98.4, 5.1, 4.9, 0.41, 1.4, 12.4, None, None, None, None, 5),
    (EXAMPLE, 2, 1.46, 98.1, 4.3, 4.1, 0.92, 2.0, 30.1, None, None, None, 1, 5),
    (EXAMPLE, 3, 3.05, 97.8, 3.1, 3.0, 1.55, 2.8, 71.0, 0.986, 30, None, 1, 5),
    (EXAMPLE, 4, 5.63, 97.3, 4.2, 2.9, 2.02, 3.4, 160.0, None, None, 5, 1, 5),
    (EXAMPLE, 6, 10.9, 96.0, 3.8, 1.5, 2.61, 4.6, 505.0, 1.013, 30, None, 2, 5),
    (EXAMPLE, 8, 12.8, 92.4, 2.9, 1.4, 2.74, 5.5, 1010.0, None, 30, 5, 1, 5),
    (EXAMPLE, 10, 11.2, 84.0, 3.2, 0.6, 2.58, 6.3, 1540.0, 1.071, None, None, None, 5),
)
FEEDS = (
    ("name", "component", "concentration", "unit"),
    ("Feed A", "glucose", 70, "g/L"),
    ("Feed A", "glutamine", 40, "mM"),
    ("Glucose bolus", "glucose", 400, "g/L"),
)
EVENTS = (
    ("run", "time (d)", "kind", "quantity", "value", "unit"),
    (EXAMPLE, 5, "bolus", "Feed A", 10, "mL"),
    (EXAMPLE, 5, "bolus", "glutamine", 2, "mmol"),
)
PROFILES = (
    ("run", "time (d)", "quantity", "value", "unit", "interpolation"),
    (EXAMPLE, 0, "temperature", 36.8, "degC", "step"),
    (EXAMPLE, 5, "temperature", 33.0, "degC", "step"),
)
PLAN = (
    ("run", "time (d)", "Feed A (mL)", "Glucose bolus (mL)", "initial_volume (L)"),
    *((EXAMPLE, day, 30 if day in (3, 6, 8) else None, None, 1.0) for day in range(11)),
)
COLUMNS = (("column", "quantity", "unit", "role"),)
SHEETS: dict[str, tuple[tuple[Any, ...], ...]] = {
    "runs": RUNS,
    "measurements": MEASUREMENTS,
    "feeds": FEEDS,
    "events": EVENTS,
    "profiles": PROFILES,
    "plan": PLAN,
    "columns": COLUMNS,
}
CONCENTRATIONS = ("g/L", "mM", "mg/L", "mol/L", "%")
CHOICES: dict[
    str, dict[str, tuple[str, ...]]
] = {  # what a list in Excel offers under a header of each sheet
    "feeds": {
        "component": ("glucose", "glutamine", "glutamate", "asparagine", "lactate", "glycerol"),
        "unit": CONCENTRATIONS,
    },
    "events": {
        "kind": ("bolus", "sample", "switch", "inoculation"),
        "unit": ("mL", "L", "g", "mg", "mmol", "mol"),
    },
    "profiles": {
        "quantity": ("temperature", "ph", "feed_rate", "dissolved_oxygen", "stirrer_speed"),
        "unit": ("degC", "K", "1", "mL/h", "mL/d", "L/h", "%", "rpm"),
        "interpolation": ("step", "linear"),
    },
    "columns": {"role": ("measurement", "profile", "setting", "bolus", "sample", "ignore")},
}
UNITS = {  # what the list in a header offers
    "time": ("d", "h"),
    "viable_cell_density": ("1e6 cells/mL", "cells/mL"),
    "viability": ("%", "1"),
    **dict.fromkeys(("glucose", "glutamine", "lactate", "ammonium"), ("g/L", "mM", "mg/L")),
    "titer": ("mg/L", "g/L"),
    **dict.fromkeys(("volume", "initial_volume"), ("L", "mL")),
    **dict.fromkeys(("Feed A", "Glucose bolus"), ("mL", "L", "mL/d", "mL/h")),
    **dict.fromkeys(("Base", "Sample volume"), ("mL", "L")),
}
LAST_ROW = 500  # to which lists are offered


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
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     sheets = sorted(each.name for each in write_template(directory).parent.iterdir())
    >>> sheets
    ['campaign.xlsx', 'csv']
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
        _dress(page, name)
    book.save(workbook)
    for name, rows in SHEETS.items():
        with open(tables / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    return workbook


def _dress(page: Any, name: str) -> None:
    """Make a sheet easy to fill: a header that stays, lists to choose from, a grey example."""
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    bold, grey = Font(bold=True), Font(italic=True, color="808080")
    for column in page.iter_cols():
        letter, head = get_column_letter(column[0].column), str(column[0].value or "")
        page.column_dimensions[letter].width = 20
        column[0].font, column[0].alignment = bold, Alignment(wrap_text=True, vertical="top")
        bare = head.split(" (")[0]
        if bare in UNITS and name in SHEETS:
            _offer(page, f"{letter}1", [f"{bare} ({unit})" for unit in UNITS[bare]])
        if (choices := CHOICES.get(name, {}).get(head)) is not None:
            _offer(page, f"{letter}2:{letter}{LAST_ROW}", choices)
        elif head == "run" and name not in ("runs", "plan"):
            _offer(page, f"{letter}2:{letter}{LAST_ROW}", "runs!$A$2:$A$500")
    for row in page.iter_rows(min_row=2):
        if name in SHEETS and row[0].value == EXAMPLE:
            for cell in row:
                cell.font = grey
    if name in SHEETS:
        page.freeze_panes = "C2" if page.max_column > 4 else "A2"
    else:
        page.column_dimensions["B"].width = 100


def _offer(page: Any, cells: str, choices: Any) -> None:
    """Offer a list in some cells; anything else may still be written."""
    from openpyxl.worksheet.datavalidation import DataValidation

    listed = choices if isinstance(choices, str) else '"' + ",".join(choices) + '"'
    offer = DataValidation(type="list", formula1=listed, allow_blank=True, showErrorMessage=False)
    page.add_data_validation(offer)
    offer.add(cells)
