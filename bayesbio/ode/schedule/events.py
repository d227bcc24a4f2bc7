"""Schedules: events, input profiles and sampling times of runs as segments for the solvers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from bayesbio.data import Above, Below, Event, Profile
from bayesbio.errors import DataError, ModelError, did_you_mean
from bayesbio.ode.codegen.trace import Trace
from bayesbio.ode.schedule.segments import STOP, SWITCH, Segments

FIRST_KINDS = ("inoculation",)  # a measurement at the same time comes after these
WITHOUT_JUMP = {"switch": SWITCH, "stop": STOP}


@dataclasses.dataclass(frozen=True)
class Plan:
    """One run to be solved: its output times, profiles and events."""

    name: str
    times: np.ndarray
    profiles: Mapping[str, Profile]
    events: Iterable[Event]

    @property
    def fixed_events(self) -> list[Event]:
        """Events that are laid out before the run; a stop is not among them."""
        return [event for event in self.events if event.is_fixed and event.kind != "stop"]

    @property
    def dynamic_events(self) -> list[Event]:
        """Events whose time or amount depends on parameters or on the state, and stops."""
        return [event for event in self.events if not event.is_fixed or event.kind == "stop"]

    @property
    def start(self) -> float:
        """Time at which the run starts [h]."""
        return min(0.0, float(self.times.min()))


def schedule(traced: Trace, plans: Sequence[Plan]) -> Segments:
    """
    Lay the plans of several runs out as segments.

    Time zero is the start of a run, unless its first output is earlier. Saves are numbered run
    by run in the order of the times. An output at the time of an event is the state before it; an
    inoculation comes before the output.

    Raises
    ------
    DataError
        An event before the start, a profile that ends too early, an unknown quantity.
    ModelError
        An input without a profile, events or profiles for a closed form.
    """
    rows: list[tuple[float, float, int, list[float], list[float]]] = []
    jumps: list[tuple[int, np.ndarray, np.ndarray]] = []
    runs, first_jumps, saved = [0], [], 0
    for plan in plans:
        _check_closed_form(traced, plan)
        start, stop = plan.start, plan.times.max()
        events = _grouped(traced, plan, start)
        profiles = _profiles(traced, plan, start, stop)
        output_times = {time: saved + place for place, time in enumerate(plan.times)}
        edges = {start, *output_times, *(time for time, *_ in events if time <= stop)}
        for profile in profiles:
            edges |= {time for time in profile.times if start < time < stop}
        ordered = sorted(edges)

        def add(
            span: tuple[float, float],
            save: int,
            before: list[tuple[int, np.ndarray, np.ndarray]],
            profiles: list[Profile] = profiles,
        ) -> None:
            first_jumps.append(len(jumps))
            jumps.extend(before)
            rows.append((*span, save, *_inputs(profiles, *span)))

        last = start
        waiting: list[tuple[int, np.ndarray, np.ndarray]] = []
        for time in ordered:
            here = [event for event in events if event[0] == time]
            first = [event[2:] for event in here if event[1] in FIRST_KINDS]
            later = [event[2:] for event in here if event[1] not in FIRST_KINDS]
            if time > last:
                save = -1 if first else output_times.get(time, -1)
                add((last, time), save, waiting)
                waiting = []
            if first or time == start:
                waiting += first
                if time in output_times:
                    add((time, time), output_times[time], waiting)
                    waiting = []
            waiting += later
            last = time
        saved += len(plan.times)
        runs.append(len(rows))
    first_jumps.append(len(jumps))
    states, inputs = len(traced.states), len(traced.inputs)
    return Segments(
        runs=np.array(runs, np.int64),
        edges=np.array([row[:2] for row in rows], float).reshape(len(rows), 2),
        saves=np.array([row[2] for row in rows], np.int64),
        levels=np.array([row[3] for row in rows], float).reshape(len(rows), inputs),
        slopes=np.array([row[4] for row in rows], float).reshape(len(rows), inputs),
        jumps=np.array(first_jumps, np.int64),
        kinds=np.array([jump[0] for jump in jumps], np.int64),
        amounts=np.array([jump[1] for jump in jumps], float).reshape(len(jumps), states),
        given=np.array([jump[2] for jump in jumps], float).reshape(len(jumps), states),
    )


def _check_closed_form(traced: Trace, plan: Plan) -> None:
    if traced.derivatives is None and plan.events:
        raise ModelError(
            f"Run {plan.name!r} has events, but {type(traced.model).__name__} gives its solution "
            "in closed form, which knows none. Use a model with derivatives, or drop the events."
        )


def _inputs(profiles: list[Profile], begin: float, end: float) -> tuple[list[float], list[float]]:
    """Level at the beginning of a segment and slope along it, for each input."""
    levels, slopes = [], []
    for profile in profiles:
        level = float(profile.at(begin))
        slope = 0.0
        if profile.interpolation == "linear" and end > begin:
            slope = (float(profile.at(end)) - level) / (end - begin)
        levels.append(level)
        slopes.append(slope)
    return levels, slopes


def _profiles(traced: Trace, plan: Plan, start: float, stop: float) -> list[Profile]:
    """Find a profile for each input of the model, switches included."""
    found = []
    defaults = getattr(traced.model, "input_defaults", {})
    for name in traced.inputs:
        switches = sorted(
            (event.hour, event.amount)
            for event in plan.fixed_events
            if event.kind == "switch" and event.quantity == name
        )
        profile = plan.profiles.get(name)
        if profile is None and name in defaults:
            profile = Profile([(start, defaults[name])], "step")
        if profile is None and switches and switches[0][0] <= start:
            profile = Profile([switches[0]], "step")
        if profile is None:
            raise ModelError(
                f"Run {plan.name!r}: the input {name!r} of {type(traced.model).__name__} has no "
                f"profile. Give profiles={{{name!r}: Profile([(time, value), ...], 'step')}} or a "
                f"column {name} with the role 'profile'."
            )
        if profile.interpolation == "linear" and len(profile.points) > 1:
            last = profile.times[-1]
            if last < stop * (1 - 1e-12) and not switches:
                raise DataError(
                    f"Run {plan.name!r}: the profile of {name!r} ends at {last:g} h, the run at "
                    f"{stop:g} h. Add a point at or after {stop:g} h, or make it a 'step' profile, "
                    "whose last value holds."
                )
        found.append(_switched(profile, switches))
    return found


def _switched(profile: Profile, switches: list[tuple[float, float]]) -> Profile:
    """Profile with the value of each switch from its time on."""
    if not switches:
        return profile
    first = switches[0][0]
    points = [point for point in profile.points if point[0] < first]
    if profile.interpolation == "step" or not points:
        return Profile([*points, *dict(switches).items()], "step")
    # a linear profile that is switched: approach the switch, then hold
    eps = 1e-9 * max(1.0, abs(first))
    points.append((first - eps, float(profile.at(first))))
    held = []
    for place, (time, value) in enumerate(switches):
        held.append((time, value))
        if place + 1 < len(switches):
            held.append((switches[place + 1][0] - eps, value))
        else:
            held.append((max(time, profile.times[-1]) + 1e9, value))
    return Profile([*points, *held], "linear")


def _grouped(
    traced: Trace, plan: Plan, start: float
) -> list[tuple[float, str, int, np.ndarray, np.ndarray]]:
    """Jumps of a run in the order in which they happen: rows of one time and kind are one."""
    grouped: dict[tuple[float, str], list[Event]] = {}
    for event in plan.fixed_events:
        if event.hour < start:
            raise DataError(
                f"Run {plan.name!r}: the event {event.kind!r} of {event.quantity!r} at "
                f"{event.hour:g} h lies before the start of the run ({start:g} h). Correct the "
                "time, or put what was there at the start into initial_<state>."
            )
        check_event(traced, plan.name, event)
        if event.kind != "switch":
            grouped.setdefault((event.hour, event.kind), []).append(event)
    jumps = []
    for (time, kind), events in grouped.items():
        amounts, given = np.zeros(len(traced.states)), np.zeros(len(traced.states))
        for event in events:
            if event.quantity not in traced.fields:
                continue  # something added that the model does not follow
            amounts[traced.fields[event.quantity]] += event.amount
            given[traced.fields[event.quantity]] = 1.0
        jumps.append((time, kind, traced.kinds.index(kind), amounts, given))
    return sorted(jumps, key=lambda jump: (jump[0], jump[2]))


def check_event(traced: Trace, run: str, event: Event) -> None:
    """Refuse an event that a model cannot follow."""
    name = type(traced.model).__name__
    if event.kind == "switch":
        if event.quantity not in traced.inputs:
            raise DataError(
                f"Run {run!r}: a switch of {event.quantity!r}, which is no input of {name}; its "
                f"inputs: {_listed(traced.inputs)}."
            )
    elif event.kind in traced.refusals:
        when = f", {event.hour:g} h" if np.isfinite(event.hour) else ""
        raise ModelError(f"Run {run!r}{when}: {traced.refusals[event.kind]}")
    elif event.kind not in (*traced.kinds, *WITHOUT_JUMP):
        raise DataError(
            f"Run {run!r}: event kind {event.kind!r} is unknown; known: "
            f"{_listed((*traced.kinds, *WITHOUT_JUMP))}."
        )
    if isinstance(event.time, Below | Above):
        watched = event.time.quantity
        if watched not in traced.observed_names:
            hint = did_you_mean(watched, traced.observed_names)
            raise ModelError(
                f"Run {run!r}: the {event} waits for a quantity that is no state or output of "
                f"{name}.{hint} It has {_listed(traced.observed_names)}."
            )
        place = traced.place(watched)
        if place.stop - place.start > 1:
            raise ModelError(
                f"Run {run!r}: the {event} waits for {watched}, which is an array along a grid; "
                "watch one number, such as an output of the model."
            )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
