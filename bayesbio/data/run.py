"""One execution of a process: what was measured, set, added and controlled."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.event import Event
from bayesbio.errors import DataError

MEASUREMENT_COLUMNS = ("time_h", "quantity", "value", "replicate", "flag", "sd", "value_upper")
FLAGS = ("", "below", "above", "between", "excluded")
INTERPOLATIONS = ("linear", "step")


@dataclasses.dataclass(frozen=True)
class Profile:
    """
    A measured or planned control over time.

    Parameters
    ----------
    points : sequence of (time [h], value [house unit])
        Times increase strictly.
    interpolation : {"linear", "step"}
        ``linear`` joins the points; ``step`` holds each value until the next point, the last one
        for ever.

    Examples
    --------
    >>> Profile([(0.0, 0.0), (10.0, 1.0)]).at(4.0)
    0.4
    >>> Profile([(0.0, 0.0), (10.0, 1.0)], "step").at(12.0)
    1.0
    """

    points: Sequence[tuple[float, float]]
    interpolation: str = "linear"

    def __post_init__(self) -> None:
        points = tuple((float(time), float(value)) for time, value in self.points)
        object.__setattr__(self, "points", points)
        if not points:
            raise DataError("A profile needs at least one (time, value) point; none came.")
        if self.interpolation not in INTERPOLATIONS:
            raise DataError(
                f"Profile interpolation {self.interpolation!r} is unknown; use 'linear' or 'step'."
            )
        if not np.all(np.isfinite(points)):
            raise DataError("A profile holds a value that is not finite; fill or drop that point.")
        if np.any(np.diff(self.times) <= 0):
            late = self.times[1:][np.diff(self.times) <= 0][0]
            raise DataError(
                f"Profile times must increase; {late:g} h does not come after the point before it. "
                "Sort the rows and remove duplicates."
            )

    @property
    def times(self) -> np.ndarray:
        """Times of the points, shape (n,) [h]."""
        return np.array([time for time, _ in self.points])

    @property
    def values(self) -> np.ndarray:
        """Values at the points, shape (n,) [house unit]."""
        return np.array([value for _, value in self.points])

    def at(self, time: Any) -> Any:
        """Value at a time or array of times [h]; held constant before the first point."""
        if self.interpolation == "linear":
            found = np.interp(time, self.times, self.values)
        else:
            place = np.searchsorted(self.times, np.asarray(time), side="right") - 1
            found = self.values[np.clip(place, 0, None)]
        return float(found) if np.ndim(time) == 0 else found


@dataclasses.dataclass(frozen=True)
class Run:
    """
    One execution of a process, in house units.

    Parameters
    ----------
    name : str
        Its name, unique in the campaign.
    measurements : DataFrame
        Long table with columns time_h, quantity, value and optionally replicate, flag, sd,
        value_upper. Missing values are absent rows.
    settings : mapping
        Constants and covariates of the run: numbers in house units, or text such as a clone.
    events : sequence of Event
    profiles : mapping of input name to Profile
    """

    name: str
    measurements: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    events: Iterable[Event] = ()
    profiles: Mapping[str, Profile] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", str(self.name))
        object.__setattr__(self, "measurements", _complete(self.measurements, self.name))
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))
        object.__setattr__(self, "events", tuple(sorted(self.events, key=_place_in_time)))
        object.__setattr__(self, "profiles", MappingProxyType(dict(self.profiles)))

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of what was measured, in alphabetical order."""
        return tuple(sorted(self.measurements["quantity"].unique()))

    def times(self, quantity: str | None = None) -> np.ndarray:
        """Give the sampling times, shape (n,) [h], of one quantity or of all."""
        rows = self.measurements
        if quantity is not None:
            rows = rows[rows["quantity"] == quantity]
        return np.unique(rows["time_h"].to_numpy(float, copy=True))

    @property
    def fixed_events(self) -> tuple[Event, ...]:
        """Events whose moment and value are numbers, in the order of time."""
        return tuple(event for event in self.events if event.is_fixed)

    def replace(self, **changes: Any) -> Run:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)


def _place_in_time(event: Event) -> float:
    """Hour of an event, for sorting; those whose moment is not known yet come last."""
    return event.hour if np.isfinite(event.hour) else np.inf


@functools.cache
def _nothing() -> pd.DataFrame:
    """Give the measurements of a run without any: thousands of planned runs share their making."""
    return _completed(pd.DataFrame({name: [] for name in ("time_h", "quantity", "value")}), "")


def _complete(measurements: pd.DataFrame, name: str) -> pd.DataFrame:
    """Give a measurement table every column, in order, sorted by time, quantity and replicate."""
    return _nothing().copy() if measurements.empty else _completed(measurements, name)


def _completed(measurements: pd.DataFrame, name: str) -> pd.DataFrame:
    frame = measurements.copy()
    for column in ("time_h", "quantity", "value"):
        if column not in frame:
            raise DataError(
                f"Run {name!r}: the measurements have no column {column!r}; expected time_h, "
                "quantity and value, one measurement a row."
            )
    for column, default in (
        ("replicate", 1),
        ("flag", ""),
        ("sd", np.nan),
        ("value_upper", np.nan),
    ):
        if column not in frame:
            frame[column] = default
    frame = frame.loc[:, list(MEASUREMENT_COLUMNS)]
    frame["time_h"] = frame["time_h"].astype(float)
    frame["value"] = frame["value"].astype(float)
    frame["quantity"] = frame["quantity"].astype("str")
    frame["flag"] = frame["flag"].fillna("").astype("str")
    frame["replicate"] = frame["replicate"].fillna(1).astype(int)
    unknown = sorted(set(frame["flag"]) - set(FLAGS))
    if unknown:
        raise DataError(
            f"Run {name!r}: flag {unknown[0]!r} is unknown; use blank, 'below', 'above', 'between' "
            "or 'excluded'."
        )
    frame = frame[frame["value"].notna()]
    order = ["time_h", "quantity", "replicate"]
    return frame.sort_values(order, kind="stable", ignore_index=True)
