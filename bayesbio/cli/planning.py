"""A plan on the command line: what is missing, times in the unit of the sheet, answers as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from bayesbio.errors import DataError

if TYPE_CHECKING:
    from bayesbio.data import Columns, Plan
    from bayesbio.inference import Verdict


def require_complete(plan: Plan, calibration: Any) -> None:
    """
    Refuse a plan that leaves out what the prediction needs, all of it in one message.

    Raises
    ------
    DataError
        With every missing setting, start, profile and correction, in the words of columns.
    """
    units, runs = calibration.model.units, list(plan.campaign)
    missing = [str(item) for item in plan.findings.errors.merged()]
    asked = {name for item in missing for name in item.replace("'", " ").split()}
    columns = [
        f"'{name} ({units.get(name.removeprefix('initial_'), '1')})'"
        for name in calibration.predictor.missing(runs)
        if name not in asked
    ]
    if columns:
        names = ", ".join(run.name for run in runs)
        noun = "a column" if len(columns) == 1 else "columns"
        missing.append(f"For each run ({names}) the plan needs {noun} {', '.join(columns)}.")
    if missing:
        raise DataError("The plan cannot be predicted yet.\n" + "\n".join(missing))


def sheet_clock(*columns: Columns) -> str | None:
    """Find the unit of time of the first sheet that has one; None where none says it."""
    stated = (each.unit_of("time", role="time") for each in columns)
    return next((unit for unit in stated if unit), None)


def hours_until(until: float | None, *columns: Columns) -> float | None:
    """
    Read --until in the unit of time of the sheets.

    Raises
    ------
    DataError
        Where no sheet says whether it counts hours or days.
    """
    from bayesbio.data import convert

    if until is None:
        return None
    clock = sheet_clock(*columns)
    if clock is None and not any(len(each) for each in columns):
        clock = "h"  # runs that came from no sheet are in house units
    if clock is None:
        raise DataError(
            f"--until {until:g} may be hours or days: no sheet says which. Head the time column "
            "'Day' or 'time (h)' in the plan."
        )
    return float(convert(until, clock, "h"))


def last_hour(calibration: Any) -> float:
    """When the longest run that was fitted ends [h]."""
    return max((float(run.times().max()) for run in calibration.campaign), default=0.0)


def as_in_sheet(prediction: xr.Dataset, *columns: Columns) -> xr.Dataset:
    """Convert a prediction to the units and the time of a user's sheets, the first that says."""
    from bayesbio.data import convert
    from bayesbio.errors import UnitError

    shown = prediction.copy()
    for name, values in prediction.data_vars.items():
        house = str(values.attrs.get("units", "1"))
        stated = (each.unit_of(str(name)) for each in columns)
        unit = next((unit for unit in stated if unit), house)
        if unit == house or name == "outside":
            continue
        try:
            converted = convert(values.to_numpy(), house, unit, quantity=str(name))
        except UnitError:
            continue
        shown[name] = (values.dims, converted, {**values.attrs, "units": unit})
    clock = sheet_clock(*columns) or "h"
    hours = prediction["time"].to_numpy()
    return shown.assign_coords(time=("time", convert(hours, "h", clock), {"units": clock}))


def write_answer(prediction: xr.Dataset, shown: xr.Dataset, path: Path, notes: list[str]) -> int:
    """
    Write a prediction of a plan as CSV, Excel and figure beside each other; give the rows.

    The workbook opens with the medians, one column a quantity, and ends with what is to be known.
    """
    import pandas as pd

    from bayesbio.cli.tabulating import safe_table, table_of, write_csv
    from bayesbio.report import draw_courses

    rows = write_csv(shown, path)
    table = safe_table(table_of(shown))
    table["quantity"] = table["quantity"] + " (" + table.pop("unit") + ")"
    index = [name for name in table.columns if name == "run" or name.startswith("time_")]
    medians = table.pivot_table(index=index, columns="quantity", values="eti_50").reset_index()
    with pd.ExcelWriter(path.with_suffix(".xlsx"), engine="openpyxl") as book:
        medians.to_excel(book, sheet_name="medians", index=False)
        table.to_excel(book, sheet_name="intervals", index=False)
        pd.DataFrame({"notes": notes}).to_excel(book, sheet_name="notes", index=False)
    draw_courses(prediction).savefig(path.with_suffix(".png"), dpi=150)
    return rows


def notes_of(prediction: xr.Dataset, verdict: Verdict) -> list[str]:
    """Sentences beside a prediction: starts that were drawn, what leaves the runs studied."""
    notes = [
        f"Starting values that the plan does not give, taken from the runs fitted: {starts}. "
        "State them in columns such as 'initial_glucose (g/L)' for a narrower answer."
        for starts in prediction.attrs.get("unstated_starts", ())
    ]
    notes += [
        f"Leaves what was studied: {reason}." for reason in prediction["outside"].attrs["reasons"]
    ]
    if not verdict.passed:
        notes.append("The fit behind this prediction did not pass its checks; see its report.")
    return notes
