"""Events whose moment or size depends on parameters or on the state, as arrays for the solvers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bayesbio.data import Above, Below, Event
from bayesbio.ode.codegen.trace import Trace
from bayesbio.ode.schedule.events import WITHOUT_JUMP, Plan, check_event
from bayesbio.ode.schedule.segments import SWITCH, Movable, Segments


@dataclasses.dataclass(frozen=True)
class Openings:
    """
    What is open about movable events: numbers that are known, and names that add to them.

    Attributes
    ----------
    moments : float array, shape (movable,)
    sizes : float array, shape (movable, states)
    named : sequence of (array, place, name, run)
        Where in ``moments`` or ``sizes`` the value of a name in a run is added.
    """

    moments: np.ndarray
    sizes: np.ndarray
    named: Sequence[tuple[str, tuple[int, ...], str, int]]

    def filled(self, values: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Moments and sizes for values of shape (draws, runs), one row a draw."""
        draws = len(next(iter(values.values())))
        found = {
            "moments": np.tile(self.moments, (draws, 1)),
            "sizes": np.tile(self.sizes, (draws, 1, 1)),
        }
        for array, place, name, run in self.named:
            where: Any = (slice(None), *place)
            found[array][where] += values[name][:, run]
        return found["moments"], found["sizes"]


def names_in(events: Iterable[Event]) -> dict[str, str]:
    """Names that moments and sizes of events depend on, and the quantity each is a value of."""
    found: dict[str, str] = {}
    for event in events:
        if isinstance(event.time, Below | Above):
            if isinstance(event.time.limit, str):
                found.setdefault(event.time.limit, event.time.quantity)
        elif isinstance(event.time, str):
            found.setdefault(event.time, "time")
        if isinstance(event.delay, str):
            found.setdefault(event.delay, "time")
        if isinstance(event.value, str):
            found.setdefault(event.value, event.quantity)
    return found


def movable_events(
    traced: Trace, plans: Sequence[Plan], segments: Segments
) -> tuple[Movable, Openings]:
    """
    Lay the movable events of several runs out as arrays.

    Raises
    ------
    DataError, ModelError
        An event that the model cannot follow.
    """
    states, inputs = len(traced.states), len(traced.inputs)
    runs, moments, sizes, given = [0], [], [], []
    rows: list[tuple[int, int, int, float]] = []
    named: list[tuple[str, tuple[int, ...], str, int]] = []
    for run, plan in enumerate(plans):
        for events in _together(traced, plan):
            first, place = events[0], len(rows)
            watched, sign = -1, 0.0
            if isinstance(first.time, Below | Above):
                watched = traced.place(first.time.quantity).start
                sign = 1.0 if isinstance(first.time, Above) else -1.0
                parts: tuple[float | str, ...] = (first.time.limit,)
            else:
                parts = (first.time, first.delay)
            moments.append(sum(part for part in parts if not isinstance(part, str)))
            named += [("moments", (place,), part, run) for part in parts if isinstance(part, str)]
            amounts, set_here = np.zeros(states), np.zeros(states)
            jumps = first.kind not in WITHOUT_JUMP
            kind = traced.kinds.index(first.kind) if jumps else WITHOUT_JUMP[first.kind]
            target = traced.inputs.index(first.quantity) if kind == SWITCH else -1
            for event in events:
                if jumps and event.quantity in traced.fields:
                    field = traced.fields[event.quantity]
                    set_here[field] = 1.0
                    for column in range(field.start, field.stop):
                        _add(event, amounts, place, column, run, named)
            if kind == SWITCH:
                _add(first, amounts, place, 0, run, named)
            rows.append((kind, target, watched, sign))
            sizes.append(amounts)
            given.append(set_here)
        runs.append(len(rows))
    count = len(rows)
    columns = np.array(rows, float).reshape(count, 4).T
    movable = Movable(
        runs=np.array(runs, np.int64),
        kinds=columns[0].astype(np.int64),
        inputs=columns[1].astype(np.int64),
        watched=columns[2].astype(np.int64),
        signs=columns[3].copy(),
        given=np.array(given, float).reshape(count, states),
        overridden=_overridden(traced, plans, segments, inputs),
    )
    openings = Openings(
        np.array(moments, float), np.array(sizes, float).reshape(count, states), tuple(named)
    )
    return movable, openings


def _together(traced: Trace, plan: Plan) -> list[list[Event]]:
    """Movable events of a run; those of one moment and kind are one, but for switches."""
    groups: dict[Any, list[Event]] = {}
    for place, event in enumerate(plan.movable_events):
        check_event(traced, plan.name, event)
        apart = place if event.kind in WITHOUT_JUMP else None
        groups.setdefault((event.time, event.delay, event.kind, apart), []).append(event)
    return list(groups.values())


def _add(
    event: Event,
    amounts: np.ndarray,
    place: int,
    column: int,
    run: int,
    named: list[tuple[str, tuple[int, ...], str, int]],
) -> None:
    """Add the value of an event to a column of its amounts, or its name to what is named."""
    if isinstance(event.value, str):
        named.append(("sizes", (place, column), event.value, run))
    else:
        amounts[column] += event.value


def _overridden(
    traced: Trace, plans: Sequence[Plan], segments: Segments, inputs: int
) -> np.ndarray:
    """Time of the last switch of each input at a fixed time, for every segment."""
    found = np.full((len(segments.saves), inputs), -np.inf)
    for run, plan in enumerate(plans):
        rows = slice(segments.runs[run], segments.runs[run + 1])
        starts = segments.edges[rows, 0]
        for event in plan.fixed_events:
            if event.kind == "switch":
                column = found[rows, traced.inputs.index(event.quantity)]
                column[starts >= event.hour] = event.hour
    return found
