"""Predictions as a table that a spreadsheet opens."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr


def table_of(prediction: xr.Dataset) -> pd.DataFrame:
    """Sum up a prediction: one row for each run, time and quantity that was predicted."""
    parts = []
    for name, values in prediction.data_vars.items():
        if set(values.dims) != {"chain", "draw", "run", "time"}:
            continue  # courses along a grid do not fit into a table
        draws = values.transpose("chain", "draw", "run", "time").to_numpy()
        draws = draws.reshape(-1, *draws.shape[2:])
        runs, times = np.nonzero(np.isfinite(draws).any(axis=0))
        kept = draws[:, runs, times]
        columns = {"mean": np.nanmean(kept, axis=0)}
        for percent in (5, 25, 50, 75, 95):
            columns[f"q{percent:02d}"] = np.nanquantile(kept, percent / 100, axis=0)
        part = pd.DataFrame(
            {
                "run": values["run"].to_numpy()[runs],
                "time_h": values["time"].to_numpy()[times],
                "quantity": str(name),
                "unit": values.attrs.get("units", ""),
                **columns,
            }
        )
        parts.append(part)
    table = pd.concat(parts, ignore_index=True)
    order = {str(name): place for place, name in enumerate(prediction["run"].to_numpy())}
    return table.sort_values(
        ["run", "quantity", "time_h"],
        key=lambda column: column.map(order) if column.name == "run" else column,
        ignore_index=True,
    )
