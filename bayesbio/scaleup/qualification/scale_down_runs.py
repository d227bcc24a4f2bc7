"""Runs at two scales for a qualification: responses, conditions, and least squares."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.campaign import Campaign
from bayesbio.data.table import Table
from bayesbio.errors import DataError


def check_margin(margin: float) -> None:
    """Refuse a margin that is not above zero."""
    if not (np.isfinite(margin) and margin > 0):
        raise DataError(
            f"The margin is {margin:g}; it has to be above zero. It is the largest difference that "
            "would not matter to the process, and nothing is equivalent without one."
        )


def runs_of(
    given: Any, response: str, factors: Sequence[str], *, at: float | None, scale: str
) -> tuple[pd.DataFrame, str, list[str]]:
    """Give quantified responses with factors, one row a run; the unit; warnings."""
    unit = ""
    warnings: list[str] = []
    if isinstance(given, Campaign):
        frame, unit, warnings = last_readings(given, response, at=at, scale=scale)
    elif isinstance(given, Table | pd.DataFrame):
        table = Table.of(given, responses=response)
        for name in (response, *factors):
            if name not in list(table):
                raise DataError(
                    f"The {scale} scale has no column {name!r}; it has {', '.join(table)}. Both "
                    "scales need the response and every factor under the same name, in the same "
                    "unit."
                )
        unit = table.column(response).unit
        readings = table.readings(response)
        warnings = _censored(readings["flag"], response, scale)
        frame = table.to_frame().loc[readings.index, [response, *factors]]
        usable = readings["flag"] == ""
        for name in factors:
            usable &= table.flag(name)[readings.index] == ""
        frame = frame[usable]
    else:
        raise DataError(
            f"The {scale} scale came as {type(given).__name__}; give a DataFrame or Table with one "
            "row a run, or a Campaign. Both scales are needed."
        )
    for name in factors:
        if name not in frame:
            raise DataError(
                f"The {scale} scale has no setting {name!r}; it has "
                f"{', '.join(map(str, frame.columns))}. Both scales need every factor under the "
                "same name, in the same unit."
            )
    frame = frame[[response, *factors]].dropna().reset_index(drop=True)
    frame[response] = frame[response].astype(float)
    if frame.empty:
        raise DataError(
            f"The {scale} scale has no run with {response!r}"
            f"{' and ' + ', '.join(factors) if factors else ''}. Equivalence compares two scales; "
            "both need runs."
        )
    return frame, unit, warnings


def _censored(flag: pd.Series, response: str, scale: str) -> list[str]:
    """Say how many readings are only known to lie beyond a limit."""
    count = int(flag.isin(["below", "above", "between"]).sum())
    if not count:
        return []
    return [
        f"{count} readings of {response} at the {scale} scale are known by a limit only and left "
        "out: means and scatter are those of the quantified readings."
    ]


def last_readings(
    campaign: Campaign, response: str, *, at: float | None, scale: str
) -> tuple[pd.DataFrame, str, list[str]]:
    """Give settings of each run with one quantified reading of the response; unit; warnings."""
    frame = campaign.to_frame()
    frame = frame[frame["quantity"] == response]
    warnings = _censored(frame["flag"], response, scale)
    frame = frame[frame["flag"] == ""]
    if frame.empty:
        raise DataError(
            f"No run has a quantified {response!r}; measured were {', '.join(campaign.quantities)}."
        )
    unit = str(frame["unit"].iloc[0])
    rows = []
    for run, part in frame.groupby("run", sort=False):
        times = part["time_h"].to_numpy(float)
        when = times.max() if at is None else times[np.argmin(np.abs(times - at))]
        if at is not None and abs(when - at) > 0.1 * max(abs(at), 1.0):
            continue
        values = part.loc[part["time_h"] == when, "value"].to_numpy(float)
        rows.append({"run": run, response: float(values.mean())})
    settings = campaign.settings_frame()
    return pd.DataFrame(rows, columns=["run", response]).join(settings, on="run"), unit, warnings


def common_conditions(
    tables: Mapping[str, pd.DataFrame], factors: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Find combinations of factors that were run at both scales."""
    if not factors:
        return [()]
    combinations = {
        name: list(dict.fromkeys(map(tuple, table[list(factors)].to_numpy(object).tolist())))
        for name, table in tables.items()
    }
    common = [row for row in combinations["small"] if row in set(combinations["large"])]
    if not common:
        raise DataError(
            f"No combination of {', '.join(factors)} was run at both scales: small has "
            f"{combinations['small'][:4]}, large {combinations['large'][:4]}. Run at least one "
            "condition at both, or check that both use the same names and units."
        )
    return common


def matching(table: pd.DataFrame, factors: Sequence[str], row: Sequence[Any]) -> np.ndarray:
    """Tell which rows were run at one condition."""
    found = np.ones(len(table), bool)
    for factor, value in zip(factors, row, strict=True):
        found &= (table[factor] == value).to_numpy()
    return found


def design(
    table: pd.DataFrame, levels: Mapping[str, Sequence[str]], factors: Sequence[str]
) -> np.ndarray:
    """Constant and main effects: a column per level beyond the first, or the number itself."""
    columns = [np.ones(len(table))]
    for factor in factors:
        if factor in levels:
            texts = table[factor].astype(str).to_numpy()
            columns += [(texts == level).astype(float) for level in levels[factor][1:]]
        else:
            columns.append(table[factor].to_numpy(float))
    return np.column_stack(columns)


@dataclasses.dataclass(frozen=True)
class Fit:
    """Means at the conditions asked, a root of their covariance, and the scatter."""

    mean: np.ndarray
    root: np.ndarray
    squares: float
    freedom: int


def least_squares(design: np.ndarray, values: np.ndarray, asked: np.ndarray, scale: str) -> Fit:
    """Sufficient statistics of a linear model under a flat prior."""
    left, sizes, right = np.linalg.svd(design, full_matrices=False)
    kept = sizes > 1e-10 * sizes[0]
    left, sizes, right = left[:, kept], sizes[kept], right[kept]
    beyond = asked - asked @ right.T @ right
    if np.max(np.abs(beyond), initial=0.0) > 1e-8 * max(1.0, float(np.max(np.abs(asked)))):
        raise DataError(
            f"The runs at the {scale} scale do not determine every condition that is compared. "
            "Leave out a factor, or run the missing combinations."
        )
    scores = left.T @ values
    residual = values - left @ scores
    root = asked @ right.T / sizes
    return Fit(root @ scores, root, float(residual @ residual), len(values) - int(kept.sum()))


def short(value: Any) -> str:
    """Write a setting for a sentence."""
    return f"{value:g}" if isinstance(value, int | float | np.number) else str(value)
