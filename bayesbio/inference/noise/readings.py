"""Readings of one quantity as arrays, checked before anything is computed from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from bayesbio.errors import DataError


class Readings(NamedTuple):
    """The rows of one quantity as plain arrays, shape (rows,)."""

    value: np.ndarray
    upper: np.ndarray
    flag: np.ndarray
    sd: np.ndarray


def read_rows(quantity: str, rows: pd.DataFrame) -> Readings:
    """Take the arrays out of a frame and check that they can be used."""

    def column(name: str) -> np.ndarray:
        if name not in rows:
            return np.full(len(rows), np.nan)
        return rows[name].to_numpy(float, copy=True)

    value, upper, sd = column("value"), column("value_upper"), column("sd")
    flag = rows["flag"].to_numpy(str) if len(rows) else np.zeros(0, dtype=str)
    for wrong, what, what_to_do in (
        (~np.isfinite(value), "has no finite value", "Leave out rows without a value."),
        ((sd <= 0) | np.isinf(sd), "has an sd that is not above zero", "Leave unknown sd blank."),
        (
            (flag == "between") & ~(upper > value),
            "is flagged 'between' but value_upper is not above value",
            "Give the band as value and value_upper.",
        ),
        (flag == "excluded", "is excluded", "Leave out excluded rows."),
    ):
        if np.any(wrong):
            raise DataError(
                f"{place_of(rows, np.flatnonzero(wrong)[0])}{quantity} {what}. {what_to_do}"
            )
    return Readings(value, upper, flag, sd)


def place_of(rows: pd.DataFrame, place: int) -> str:
    """Run and hour of a row, as the beginning of a sentence."""
    if "run" not in rows or "time_h" not in rows:
        return f"Row {place + 1}: "
    row = rows.iloc[place]
    return f"Run {row['run']!r} at {row['time_h']:g} h: "
