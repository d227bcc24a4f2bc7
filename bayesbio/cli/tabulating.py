"""Predictions as a table that a spreadsheet opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

DRAWS = ("chain", "draw")
PERCENT = (5, 25, 50, 75, 95)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_csv(prediction: xr.Dataset, path: Path) -> int:
    """Write a prediction as CSV, and return the number of rows."""
    table = safe_table(table_of(prediction))
    table.to_csv(path, index=False)
    return len(table)


def safe_table(table: pd.DataFrame) -> pd.DataFrame:
    """Give a table whose texts no spreadsheet takes for formulas."""
    return table.assign(**{name: table[name].map(as_text) for name in table.select_dtypes("str")})


def as_text(cell: Any) -> Any:
    """
    Text that a spreadsheet does not take for a formula: a quote stands before a formula's start.

    Examples
    --------
    >>> as_text("=cmd|x"), as_text("R1")
    ("'=cmd|x", 'R1')
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell


def table_of(prediction: xr.Dataset) -> pd.DataFrame:
    """
    Summarise a prediction: one row for each quantity at each point of its other dimensions.

    Columns are the dimensions (``time`` with its unit, as ``time_h``), quantity, unit, mean,
    ``eti_5`` to ``eti_95``, and ``outside`` where the prediction says what lies outside the data.
    """
    outside = prediction.get("outside")
    clock = prediction["time"].attrs.get("units", "h") if "time" in prediction.coords else "h"
    names = [name for name in prediction.data_vars if set(DRAWS) <= set(prediction[name].dims)]
    widest = max((prediction[name].ndim for name in names), default=0)
    parts = []
    for name in names:
        values = prediction[name].transpose(*DRAWS, ...)
        if values.ndim < widest:
            continue  # a part of the prediction without its own row, such as an event's time
        dims = [str(dim) for dim in values.dims[2:]]
        draws = values.to_numpy().reshape(-1, *values.shape[2:])
        at = np.nonzero(np.isfinite(draws).any(axis=0))
        finite = np.moveaxis(draws, 0, -1)[at].T
        part = pd.DataFrame(
            {
                dim: prediction[dim].to_numpy()[index] if dim in prediction.coords else index
                for dim, index in zip(dims, at, strict=True)
            }
        ).rename(columns={"time": f"time_{clock}"})
        part["quantity"], part["unit"] = str(name), str(values.attrs.get("units", ""))
        part["mean"] = np.nanmean(finite, axis=0)
        quantiles = np.nanquantile(finite, np.array(PERCENT) / 100, axis=0)
        for percent, row in zip(PERCENT, quantiles, strict=True):
            part[f"eti_{percent}"] = row
        if outside is not None:
            flags = outside.broadcast_like(values.isel(chain=0, draw=0)).transpose(*dims)
            part["outside"] = flags.to_numpy()[at]
        parts.append(part.assign(_first=at[0]))
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values(["_first", "quantity"], kind="stable", ignore_index=True).drop(
        columns="_first"
    )
