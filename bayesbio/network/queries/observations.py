"""Observed values of runs, standardised; extrapolation beyond the fitted range."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesbio.data.table import Table
from bayesbio.errors import DataError, ModelError, did_you_mean
from bayesbio.network.draws import NetworkDraws
from bayesbio.network.graph.nodes import numbers_for, require_unit

OUTSIDE = ("flag", "refuse")


@dataclasses.dataclass(frozen=True, eq=False)
class Observations:
    """
    What was observed of one or more runs.

    Attributes
    ----------
    values : array, shape (runs, nodes)
        Standardised; NaN where not observed.
    runs : list of str
    outside : array of bool, shape (runs,)
        Whether a value of the run is outside the observed range of the fit.
    warnings : list of str
        Sentences on values outside that range, and on censored values, which are not used.
    """

    values: np.ndarray
    runs: list[str]
    outside: np.ndarray
    warnings: list[str]

    @property
    def patterns(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rows that observe the same nodes, and these nodes, as positions."""
        kinds, member = np.unique(np.isfinite(self.values), axis=0, return_inverse=True)
        return [
            (np.flatnonzero(member.ravel() == number), np.flatnonzero(kind))
            for number, kind in enumerate(kinds)
        ]


def standardise_observations(
    posterior: NetworkDraws, observations: Any, until: float | None, outside: str
) -> Observations:
    """
    Standardise observed values, shape (runs, nodes), with the names of their runs.

    ModelError: a column that is no node (nor "run", nor a group of a Table), with the nearest name;
    a value outside the fitted range where ``outside="refuse"``. DataError: values that are no
    finite numbers, in another unit, or outside the domain of the link.
    """
    frame, warnings = _frame_of(posterior, observations)
    values = np.full((len(frame), len(posterior.names)), np.nan)
    for k, name in enumerate(posterior.names):
        time = posterior.network[name].time
        if name in frame and (until is None or time is None or time <= until):
            values[:, k] = posterior.standardise(name, frame[name])
    runs = [str(name) for name in frame["run"]]
    beyond, sentences = np.zeros(len(frame), bool), []
    for k, name in enumerate(posterior.names):
        for row in np.flatnonzero(np.isfinite(values[:, k])).tolist():
            sentence = _outside(posterior, name, [float(frame[name].iloc[row])])
            if sentence:
                beyond[row] = True
                sentences.append(f"{name} of {runs[row]} {sentence}")
    refuse_outside(sentences, outside)
    return Observations(values, runs, beyond, [*sentences, *warnings])


def _frame_of(posterior: NetworkDraws, observations: Any) -> tuple[pd.DataFrame, list[str]]:
    """Values of nodes and names of runs as one frame of numbers; sentences on what is unused."""
    warnings: list[str] = []
    if observations is None:
        return pd.DataFrame({"run": ["new"]}), warnings
    if isinstance(observations, Mapping):
        for name in observations:
            posterior.network.node(name)
        given = {n: np.atleast_1d(numbers_for(n, v)) for n, v in observations.items()}
        lengths = {len(values) for values in given.values()} or {1}
        if len(lengths - {1}) > 1:
            raise DataError(
                f"Observations came for {sorted(lengths)} runs; give every node one value, or one "
                "for each run."
            )
        count = max(lengths)
        frame = pd.DataFrame(
            {name: np.broadcast_to(v, count) for name, v in given.items()}, index=range(count)
        )
        table = Table.of(frame)
    else:
        table = Table.of(observations)
        frame = table.to_frame()
    unknown = [n for n in table if n not in posterior.network and n not in ("run", *table.groups)]
    if unknown:
        raise ModelError(
            f"Observations hold {unknown[0]!r}, which is no node of the network."
            f"{did_you_mean(unknown[0], posterior.names)} The nodes are "
            f"{', '.join(posterior.names[:12])}{', ...' if len(posterior.names) > 12 else ''}; "
            "leave other columns out."
        )
    columns: dict[str, Any] = {}
    for name in table:
        if name not in posterior.network:
            continue
        require_unit(posterior.network[name], table.unit(name))
        values = numbers_for(name, frame[name])
        if np.isinf(values).any():
            raise DataError(
                f"Node {name!r} was given an infinite value; leave out what is not known."
            )
        flags = table.flag(name)
        censored = int(np.isin(flags, ("below", "above", "between")).sum())
        if censored:
            warnings.append(f"{censored} censored values of {name} are not used.")
        columns[name] = np.where(flags == "", values, np.nan)
    count = len(frame)
    labels = ["new"] if count == 1 else [f"run {k + 1}" for k in range(count)]
    columns["run"] = frame["run"].astype(str) if "run" in frame else labels
    return pd.DataFrame(columns), warnings


def outside_interventions(posterior: NetworkDraws, do: Mapping[str, Any]) -> list[str]:
    """Sentences on values of an intervention outside the fitted range."""
    held = {
        name: np.atleast_1d(numbers_for(name, value))
        for name, value in do.items()
        if not isinstance(value, tuple)
    }
    outside = {name: _outside(posterior, name, values) for name, values in held.items()}
    return [f"do({name}) {sentence}" for name, sentence in outside.items() if sentence]


def outside_grid(
    posterior: NetworkDraws, do: Mapping[str, Any], grid: Mapping[str, np.ndarray]
) -> xr.DataArray:
    """Whether each point of a grid of interventions is outside the fitted range."""
    fixed = {name: value for name, value in do.items() if name not in grid}
    flag = xr.DataArray(bool(outside_interventions(posterior, fixed)))
    for name, values in grid.items():
        each = [bool(_outside(posterior, name, [value])) for value in values.tolist()]
        flag = flag | xr.DataArray(np.array(each), dims=name, coords={name: values})
    return flag


def refuse_outside(sentences: list[str], outside: str) -> None:
    """Raise where a question goes beyond the data and ``outside="refuse"``."""
    if outside not in OUTSIDE:
        raise ModelError(f"outside is {outside!r}; use {' or '.join(OUTSIDE)}.")
    if sentences and outside == "refuse":
        raise ModelError(
            f"{'; '.join(sentences[:3])}. Stay within the data, or ask with outside='flag'."
        )


def _outside(posterior: NetworkDraws, name: str, values: Any) -> str:
    """Sentence on values [unit] of a node outside its fitted range; blank where they are inside."""
    low, high = posterior.observed_range[:, posterior.index(name)]
    margin = 1e-9 * max(abs(low), abs(high), high - low)
    smallest, largest = float(np.nanmin(values)), float(np.nanmax(values))
    if not (smallest < low - margin or largest > high + margin):
        return ""
    reach = f"= {smallest:.4g}" if smallest == largest else f"{smallest:.4g} to {largest:.4g}"
    return f"{reach} is outside the observed range, {low:.4g} to {high:.4g}"
