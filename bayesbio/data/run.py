"""One execution of a process: what was measured, set, added and controlled."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, overload

import numpy as np
import pandas as pd

from bayesbio.data.event import Event
from bayesbio.errors import DataError


class FrozenFrame:
    """
    Descriptor of a dataclass field that holds a DataFrame which nobody can change from outside.

    Reading it gives a shallow copy: pandas copies on write, so this costs microseconds and what a
    caller changes stays with the caller.

    Examples
    --------
    >>> class Record:
    ...     table = FrozenFrame()
    >>> record = Record()
    >>> record.table = pd.DataFrame({"a": [1.0]})
    >>> frame = record.table
    >>> frame.loc[0, "a"] = 9.0
    >>> record.table["a"].tolist()
    [1.0]
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, record: None, owner: type) -> None: ...
    @overload
    def __get__(self, record: object, owner: type) -> pd.DataFrame: ...
    def __get__(self, record: Any, owner: type) -> pd.DataFrame | None:
        """Give a copy-on-write view; None, the default of the field, on the class itself."""
        return None if record is None else record.__dict__[self.name].copy(deep=False)

    def __set__(self, record: Any, frame: pd.DataFrame | None) -> None:
        record.__dict__[self.name] = pd.DataFrame() if frame is None else frame


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
            value = np.interp(time, self.times, self.values)
        else:
            index = np.searchsorted(self.times, np.asarray(time), side="right") - 1
            value = self.values[np.clip(index, 0, None)]
        return float(value) if np.ndim(time) == 0 else value


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """
    One execution of a process, in house units.

    Runs are equal where their content is, up to the twelfth digit and the order of rows.

    Parameters
    ----------
    name : str
        Its name, unique in the campaign.
    measurements : DataFrame
        Long table with columns time_h, quantity, value and optionally replicate, flag, sd,
        value_upper. Missing values are absent rows. Reading it gives a copy: a run never changes.
    settings : mapping
        Constants and covariates of the run: numbers in house units, or text such as a clone.
    events : sequence of Event
    profiles : mapping of input name to Profile

    Examples
    --------
    >>> rows = pd.DataFrame({"time_h": [0.0, 24.0], "quantity": "titer", "value": [0.1, 0.4]})
    >>> run = Run("R1", rows)
    >>> copied = run.measurements
    >>> copied.loc[0, "value"] = 99.0
    >>> run.measurements["value"].tolist(), run == Run("R1", rows)
    ([0.1, 0.4], True)
    """

    name: str
    measurements: FrozenFrame = FrozenFrame()
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    events: Iterable[Event] = ()
    profiles: Mapping[str, Profile] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", str(self.name))
        object.__setattr__(self, "measurements", _complete(self.measurements, self.name))
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))
        object.__setattr__(self, "events", tuple(sorted(self.events, key=_order_in_time)))
        object.__setattr__(self, "profiles", MappingProxyType(dict(self.profiles)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and (self is other or self.content == other.content)

    def __hash__(self) -> int:
        return hash(self.content)

    def __reduce__(self) -> tuple[Any, ...]:
        return Run.from_dict, (self.to_dict(),)

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

    @functools.cached_property
    def content(self) -> str:
        """Canonical JSON text: twelve digits, sorted rows; the same for the same content."""
        rows = sorted(
            [str(v) if isinstance(v, str) else _digits(v) for v in row]
            for row in self.measurements.itertuples(index=False)
        )
        settings = {name: _setting_digits(self.settings[name]) for name in sorted(self.settings)}
        events = sorted(
            ([_digits(part) for part in event.to_list()] for event in self.events),
            key=lambda row: [str(part) for part in row],
        )
        profiles = {
            name: [profile.interpolation, [[_digits(v) for v in p] for p in profile.points]]
            for name, profile in sorted(self.profiles.items())
        }
        return json.dumps(
            {
                "name": self.name,
                "measurements": rows,
                "settings": settings,
                "events": events,
                "profiles": profiles,
            },
            sort_keys=True,
            ensure_ascii=True,
        )

    @property
    def hash(self) -> str:
        """Sha256 of the content, as hexadecimal text."""
        return hashlib.sha256(self.content.encode("ascii")).hexdigest()

    def replace(self, **changes: Any) -> Run:
        """Return a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Give the whole content as plain lists and dictionaries, ready for JSON."""
        rows = self.measurements
        table = {
            name: [None if isinstance(v, float) and np.isnan(v) else v for v in rows[name].tolist()]
            for name in MEASUREMENT_COLUMNS
        }
        return {
            "name": self.name,
            "measurements": table,
            "settings": {
                name: value.item() if isinstance(value, np.generic) else value
                for name, value in self.settings.items()
            },
            "events": [event.to_dict() for event in self.events],
            "profiles": {
                name: {
                    "points": [list(point) for point in profile.points],
                    "interpolation": profile.interpolation,
                }
                for name, profile in self.profiles.items()
            },
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Run:
        """Rebuild a run from what `to_dict` gave."""
        measurements = pd.DataFrame(dict(content["measurements"]))
        for name in ("sd", "value_upper"):
            measurements[name] = pd.to_numeric(measurements[name]).astype(float)
        return cls(
            content["name"],
            measurements,
            settings=content["settings"],
            events=[Event.from_dict(event) for event in content["events"]],
            profiles={
                name: Profile(tuple((t, v) for t, v in profile["points"]), profile["interpolation"])
                for name, profile in content["profiles"].items()
            },
        )


def _digits(value: Any) -> Any:
    """Round a number to twelve significant digits as text, so that float noise does not count."""
    if isinstance(value, Mapping):
        return [[name, _digits(part)] for name, part in value.items()]
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    return format(float(value) + 0.0, ".12g")


def _setting_digits(value: Any) -> Any:
    """Digits of a number; a text that looks like a number, such as level '1', is marked as text."""
    if not isinstance(value, str):
        return _digits(value)
    try:
        float(value)
    except ValueError:
        return value
    return {"text": value}


def _order_in_time(event: Event) -> float:
    """Hour of an event, for sorting; those whose moment is not known yet come last."""
    return event.hour if np.isfinite(event.hour) else np.inf


@functools.cache
def _nothing() -> pd.DataFrame:
    """Give the measurements of a run without any: thousands of planned runs share their making."""
    return _completed(pd.DataFrame({name: [] for name in ("time_h", "quantity", "value")}), "")


def _complete(measurements: pd.DataFrame, name: str) -> pd.DataFrame:
    """Give a measurement table every column, in order, sorted by time, quantity and replicate."""
    return _nothing() if measurements.empty else _completed(measurements, name)


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
