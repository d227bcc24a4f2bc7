"""Events whose time or amount depends on parameters or on the state, as arrays for the solvers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bayesbio.data import Above, Below, Event
from bayesbio.ode.codegen.trace import Trace
from bayesbio.ode.schedule.events import WITHOUT_JUMP, Plan, check_event, schedule
from bayesbio.ode.schedule.segments import SWITCH, DynamicEvents, Problem, Segments

MOST_REPEATS = 100  # how often an event that re-arms can happen in a run


@dataclasses.dataclass(frozen=True)
class EventParameters:
    """
    Triggers and amounts of dynamic events: known numbers, and names whose values add to them.

    Attributes
    ----------
    triggers : float array, shape (events,)
    amounts : float array, shape (events, states)
    named : sequence of (array, index, name, run)
        Where in ``triggers`` or ``amounts`` the value of a name in a run is added.
    """

    triggers: np.ndarray
    amounts: np.ndarray
    named: Sequence[tuple[str, tuple[int, ...], str, int]]

    def filled(self, values: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Triggers and amounts for values of shape (draws, runs), one row a draw."""
        draws = len(next(iter(values.values())))
        arrays = {
            "triggers": np.tile(self.triggers, (draws, 1)),
            "amounts": np.tile(self.amounts, (draws, 1, 1)),
        }
        for array, index, name, run in self.named:
            where: Any = (slice(None), *index)
            arrays[array][where] += values[name][:, run]
        return arrays["triggers"], arrays["amounts"]


def names_in(events: Iterable[Event]) -> dict[str, str]:
    """Names that times and amounts of events depend on, and the quantity each is a value of."""
    names: dict[str, str] = {}
    for event in events:
        if isinstance(event.time, Below | Above):
            if isinstance(event.time.limit, str):
                names.setdefault(event.time.limit, event.time.quantity)
        elif isinstance(event.time, str):
            names.setdefault(event.time, "time")
        if isinstance(event.delay, str):
            names.setdefault(event.delay, "time")
        if isinstance(event.value, str):
            names.setdefault(event.value, event.quantity)
    return names


def dynamic_events(
    traced: Trace, plans: Sequence[Plan], segments: Segments
) -> tuple[DynamicEvents, EventParameters]:
    """
    Lay the dynamic events of several runs out as arrays.

    Raises
    ------
    DataError, ModelError
        An event that the model cannot follow.
    """
    states, inputs = len(traced.states), len(traced.inputs)
    runs, triggers, amounts, given = [0], [], [], []
    rows: list[tuple[int, int, int, float, int]] = []
    named: list[tuple[str, tuple[int, ...], str, int]] = []
    for run, plan in enumerate(plans):
        for events in _together(traced, plan):
            first, row, begun = events[0], len(rows), len(named)
            watched, sign = -1, 0.0
            if isinstance(first.time, Below | Above):
                watched = traced.place(first.time.quantity).start
                sign = 1.0 if isinstance(first.time, Above) else -1.0
                parts: tuple[float | str, ...] = (first.time.limit,)
            else:
                parts = (first.time, first.delay)
            triggers.append(sum(part for part in parts if not isinstance(part, str)))
            named += [("triggers", (row,), part, run) for part in parts if isinstance(part, str)]
            added, is_given = np.zeros(states), np.zeros(states)
            jumps = first.kind not in WITHOUT_JUMP
            kind = traced.kinds.index(first.kind) if jumps else WITHOUT_JUMP[first.kind]
            target = traced.inputs.index(first.quantity) if kind == SWITCH else -1
            for event in events:
                if jumps and event.quantity in traced.fields:
                    field = traced.fields[event.quantity]
                    is_given[field] = 1.0
                    for column in range(field.start, field.stop):
                        _add(event, added, row, column, run, named)
            if kind == SWITCH:
                _add(first, added, row, 0, run, named)
            times = MOST_REPEATS if first.rearms else 1
            rows += [
                (kind, target, watched, sign, row + time - 1 if time else -1)
                for time in range(times)
            ]
            triggers += [triggers[-1]] * (times - 1)
            amounts += [added] * times
            given += [is_given] * times
            named += [
                (array, (row + time, *index[1:]), name, run)
                for array, index, name, run in named[begun:]
                for time in range(1, times)
            ]
        runs.append(len(rows))
    count = len(rows)
    columns = np.array(rows, float).reshape(count, 5).T
    events_of_runs = DynamicEvents(
        runs=np.array(runs, np.int64),
        kinds=columns[0].astype(np.int64),
        inputs=columns[1].astype(np.int64),
        watched=columns[2].astype(np.int64),
        signs=columns[3].copy(),
        previous=columns[4].astype(np.int64),
        given=np.array(given, float).reshape(count, states),
        overridden=_overridden(traced, plans, segments, inputs),
    )
    event_parameters = EventParameters(
        np.array(triggers, float), np.array(amounts, float).reshape(count, states), tuple(named)
    )
    return events_of_runs, event_parameters


def _together(traced: Trace, plan: Plan) -> list[list[Event]]:
    """Dynamic events of a run; those of one time and kind are one, but for switches."""
    groups: dict[Any, list[Event]] = {}
    for number, event in enumerate(plan.dynamic_events):
        check_event(traced, plan.name, event)
        apart = number if event.kind in WITHOUT_JUMP else None
        groups.setdefault((event.time, event.delay, event.kind, event.rearms, apart), []).append(
            event
        )
    return list(groups.values())


def _add(
    event: Event,
    amounts: np.ndarray,
    row: int,
    column: int,
    run: int,
    named: list[tuple[str, tuple[int, ...], str, int]],
) -> None:
    """Add the value of an event to a column of its amounts, or its name to what is named."""
    if isinstance(event.value, str):
        named.append(("amounts", (row, column), event.value, run))
    else:
        amounts[column] += event.value


def _overridden(
    traced: Trace, plans: Sequence[Plan], segments: Segments, inputs: int
) -> np.ndarray:
    """Time of the last switch of each input at a fixed time, for every segment."""
    last = np.full((len(segments.saves), inputs), -np.inf)
    for run, plan in enumerate(plans):
        rows = slice(segments.runs[run], segments.runs[run + 1])
        starts = segments.edges[rows, 0]
        for event in plan.fixed_events:
            if event.kind == "switch":
                column = last[rows, traced.inputs.index(event.quantity)]
                column[starts >= event.hour] = event.hour
    return last


def problem_of(traced: Trace, plans: Sequence[Plan]) -> tuple[Problem, EventParameters]:
    """
    Lay several runs out for the kernels.

    The triggers and amounts of the problem lack the values of names that they depend on; these are
    in the event parameters.
    """
    segments = schedule(traced, plans)
    events, event_parameters = dynamic_events(traced, plans, segments)
    problem = Problem(segments, events, event_parameters.triggers, event_parameters.amounts)
    return problem, event_parameters
