"""Something done to a run at a moment: given, estimated, or reached."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from bayesbio.errors import DataError

__all__ = ["EVENT_KINDS", "Above", "Below", "Event"]

EVENT_KINDS = ("bolus", "sample", "inoculation", "switch", "stop")


@dataclasses.dataclass(frozen=True)
class Below:
    """
    The moment at which a quantity falls below a limit.

    Parameters
    ----------
    quantity : str
        A state or an output of the model.
    limit : float or str [unit of the quantity]
        The limit, or the name of a parameter or setting that holds it. A run that starts below it
        waits until the quantity falls through the limit.

    Examples
    --------
    >>> Event(Below("glucose", 0.1), "stop").time.limit
    0.1
    """

    quantity: str
    limit: float | str


@dataclasses.dataclass(frozen=True)
class Above:
    """
    The moment at which a quantity rises above a limit.

    Parameters
    ----------
    quantity : str
        A state or an output of the model.
    limit : float or str [unit of the quantity]
        The limit, or the name of a parameter or setting that holds it. A run that starts above it
        waits until the quantity rises through the limit.

    Examples
    --------
    >>> Event(Above("lactate", 4.0), "switch", "feed_rate", 0.0).time.quantity
    'lactate'
    """

    quantity: str
    limit: float | str


@dataclasses.dataclass(frozen=True)
class Event:
    """
    Something done to a run at one moment.

    Parameters
    ----------
    time : float, str, Below or Above [h]
        When it happens: a time, the name of a parameter or setting that holds it, or the first
        moment at which a quantity passes a limit.
    kind : str
        ``bolus`` (value = amount added: g, mol or L), ``sample`` (value = volume removed, L),
        ``inoculation`` (sets a state), ``switch`` (an input takes the value from then on) or
        ``stop`` (the run ends; what was reached is held). A model may understand further kinds.
    quantity : str
        What is added, removed, set or switched; nothing for a stop. Same run, time and kind: one
        event.
    value : float or str [house unit of the quantity or its amount]
        How much, or the name of a parameter or setting that holds it.
    delay : float or str [h]
        Added to the time, or the name of a parameter or setting that holds it.
    rearms : bool
        Whether it happens each time the quantity passes the limit, such as a refill whenever
        glucose falls below 1 g/L; by default the first time only.
    of : str
        Name of the feed that a bolus is part of, such as "Feed A"; blank where it has none.

    Examples
    --------
    >>> Event(72.0, "bolus", "glucose", 4.0).quantity
    'glucose'
    >>> Event(Below("glucose", 1.0), "bolus", "glucose", 5.0, rearms=True).is_fixed
    False
    >>> Event("induction_time", "switch", "inducer_feed", 0.02).names
    ('induction_time',)
    >>> Event(72.0, "bolus", "glucose", 4.0, delay="pump_delay").is_fixed
    False
    """

    time: float | str | Below | Above
    kind: str
    quantity: str = ""
    value: float | str = 0.0
    delay: float | str = 0.0
    rearms: bool = False
    of: str = ""

    def __post_init__(self) -> None:
        parts = {"time": self.time, "value": self.value, "delay": self.delay}
        if isinstance(self.time, Below | Above):
            parts = {"limit": self.time.limit, "value": self.value}
            if self.delay != 0.0:
                raise DataError(
                    f"{self._words} happens when {self.time.quantity} reaches its limit; it cannot "
                    "be delayed from there. Leave the delay out, or choose another limit."
                )
        elif self.rearms:
            raise DataError(
                f"{self._words} has the time {_shown(self.time)}, which comes once; only an event "
                "that waits for a limit, Below(...) or Above(...), can happen again (rearms=True)."
            )
        for what, part in parts.items():
            if isinstance(part, str):
                if not part.isidentifier():
                    raise DataError(
                        f"{self._words} has the {what} {part!r}; expected a number, or the name "
                        "of a parameter or setting that holds it."
                    )
            elif not _is_finite(part):
                raise DataError(
                    f"{self._words} has time {_shown(self.time)} and value {self.value}; both must "
                    "be finite numbers. Fill the empty cell or drop the row."
                )
        if not self.quantity and self.kind != "stop":
            raise DataError(
                f"{self._words} names no quantity: say what is added, removed, set or switched."
            )

    @property
    def _words(self) -> str:
        return f"Event {self.kind!r}" + (f" of {self.quantity!r}" if self.quantity else "")

    @property
    def is_fixed(self) -> bool:
        """Whether moment and value are numbers, known before the run."""
        return not self.names and not isinstance(self.time, Below | Above)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of parameters or settings that its moment and value depend on."""
        first = self.time.limit if isinstance(self.time, Below | Above) else self.time
        parts = (first, self.delay, self.value)
        return tuple(dict.fromkeys(part for part in parts if isinstance(part, str)))

    @property
    def hour(self) -> float:
        """When it happens, delay included, where that is a number; else not-a-number [h]."""
        if isinstance(self.time, str | Below | Above) or isinstance(self.delay, str):
            return float("nan")
        return self.time + self.delay

    @property
    def amount(self) -> float:
        """Its value where that is a number; else not-a-number [house unit]."""
        return float("nan") if isinstance(self.value, str) else float(self.value)

    def __str__(self) -> str:
        """Say it in words, for messages."""
        what = f"{self.kind} of {self.quantity}" if self.quantity else self.kind
        named = f" ({self.of})" if self.of else ""
        return f"{what}{named} at {_shown(self.time)}"

    def to_list(self) -> list[Any]:
        """Moment, kind, quantity and value as plain data; the rest where it is given."""
        row = [_moment(self.time), self.kind, self.quantity, self.value]
        rest = [*([self.delay] if self.delay != 0.0 else []), *["rearms"] * self.rearms]
        return [*row, *rest, *([f"of {self.of}"] if self.of else [])]

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `from_dict` reads."""
        return {**dataclasses.asdict(self), "time": _moment(self.time)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Event:
        """Rebuild what `to_dict` wrote."""
        content = dict(content)
        if isinstance(content["time"], Mapping):
            side = {"below": Below, "above": Above}[content["time"]["side"]]
            content["time"] = side(content["time"]["quantity"], content["time"]["limit"])
        return cls(**content)


def _moment(time: Any) -> Any:
    if isinstance(time, Below | Above):
        return {"side": type(time).__name__.lower(), **dataclasses.asdict(time)}
    return time


def _shown(time: Any) -> str:
    if isinstance(time, Below | Above):
        return f"{time.quantity} {type(time).__name__.lower()} {time.limit}"
    return str(time) if isinstance(time, str) else f"{time:g} h"


def _is_finite(value: Any) -> bool:
    try:
        return bool(np.isfinite(value))
    except TypeError:
        return False
