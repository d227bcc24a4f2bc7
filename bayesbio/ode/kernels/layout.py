"""
Pieces of one run, cut where its dynamic events fall, and the change of state at their starts.

Event times may depend on parameters or on the state, so segments are split at run time. An event
that moves by dt gives the state f_before dt and takes f_after dt from it; the time of one that
waits for a limit follows from the implicit function theorem.
"""

from __future__ import annotations

import numpy as np

from bayesbio.ode.kernels.kernel_interface import (
    INPUTS,
    STATES,
    allocating,
    compiled,
    jump,
    observe,
)
from bayesbio.ode.schedule.segments import STOP, SWITCH, Layout

TIME, AT_LIMIT, RANK = 0, 1, 2  # columns of `event_times`
NEVER = np.inf


@allocating
def known_event_times(problem):
    """Event times as known before a run: given ones, and never for what waits for a limit."""
    events = problem.events
    event_times = np.empty((events.kinds.size, 3))
    for event in range(events.kinds.size):
        event_times[event, AT_LIMIT] = event_times[event, RANK] = 0.0
        event_times[event, TIME] = problem.triggers[event] if events.watched[event] < 0 else NEVER
    return event_times


@allocating
def lay_out(run, problem, event_times):
    """Cut the segments of a run at the times of its dynamic events."""
    segments, events = problem.segments, problem.events
    first, last = segments.runs[run], segments.runs[run + 1]
    order = in_order(events.runs[run], events.runs[run + 1], event_times)
    pieces = last - first + order.size
    edges, jumps = np.empty((pieces, 2)), np.empty((pieces, 2), np.int64)
    saves, sources = np.empty(pieces, np.int64), np.empty(pieces, np.int64)
    causes = np.empty(pieces, np.int64)
    switches, switched = np.empty((pieces, INPUTS), np.int64), np.empty(INPUTS, np.int64)
    for piece in range(pieces):  # those that are left over take no time, at the end
        edges[piece, 0] = edges[piece, 1] = segments.edges[last - 1, 1]
        saves[piece], sources[piece], causes[piece] = -1, last - 1, -1
        jumps[piece, 0] = jumps[piece, 1] = 0
        for i in range(INPUTS):
            switches[piece, i] = switched[i] = -1
    piece = 0
    position = 0
    cause = -1
    stopped = False
    start = segments.edges[first, 0]
    for segment in range(first, last):
        end = segments.edges[segment, 1]
        begin, after = segments.jumps[segment], segments.jumps[segment + 1]
        if not stopped:
            start = segments.edges[segment, 0]
        while True:
            cut = False
            time = end
            if position < order.size and not stopped:
                time = max(event_times[order[position], TIME], segments.edges[segment, 0])
                cut = time < end
            edges[piece, 0] = start
            edges[piece, 1] = start if stopped else time if cut else end
            sources[piece], causes[piece] = segment, cause
            if not stopped:
                jumps[piece, 0], jumps[piece, 1] = begin, after
            for i in range(INPUTS):
                event = switched[i]
                if event >= 0 and event_times[event, TIME] >= events.overridden[segment, i]:
                    switches[piece, i] = event
            cause = -1
            piece += 1
            if not cut:
                saves[piece - 1] = segments.saves[segment]
                break
            cause = order[position]
            start, begin = time, after
            position += 1
            if events.kinds[cause] == SWITCH:
                switched[events.inputs[cause]] = cause
            stopped = events.kinds[cause] == STOP
    return Layout(edges, saves, jumps, sources, causes, switches)


@compiled
def record_event(event, time, at_limit, event_times):
    """Record when an event that waited happened, after every other so far."""
    rank = 0.0
    for other in range(event_times.shape[0]):
        rank = max(rank, event_times[other, RANK])
    event_times[event, TIME], event_times[event, AT_LIMIT] = time, at_limit
    event_times[event, RANK] = rank + 1.0


@allocating
def in_order(first, last, event_times):
    """Dynamic events of a run in the order in which they happen."""
    order = np.empty(last - first, np.int64)
    for event in range(first, last):
        position = event - first
        while position > 0 and happens_before(event_times[event], event_times[order[position - 1]]):
            order[position] = order[position - 1]
            position -= 1
        order[position] = event
    return order


@compiled
def happens_before(one, other):
    """Whether one event happens before another; at the same time what caused it comes first."""
    if one[TIME] == other[TIME]:
        return one[RANK] < other[RANK]
    return one[TIME] < other[TIME]


@compiled
def inputs_of(piece, layout, problem, level, slope):
    """Fill level and slope of the inputs along a piece; gives the time at which they count."""
    segments, source = problem.segments, layout.sources[piece]
    for i in range(INPUTS):
        event = layout.switches[piece, i]
        if event >= 0:
            level[i], slope[i] = problem.amounts[event, 0], 0.0
        else:
            level[i], slope[i] = segments.levels[source, i], segments.slopes[source, i]
    return segments.edges[source, 0]


@compiled
def apply_events(piece, layout, problem, p, y, work):
    """Change the state y by the events at the start of a piece."""
    segments, events = problem.segments, problem.events
    for event in range(layout.jumps[piece, 0], layout.jumps[piece, 1]):
        jump(segments.kinds[event], y, p, segments.amounts[event], segments.given[event], work)
        for i in range(STATES):
            y[i] = work[i]
    cause = layout.causes[piece]
    if cause >= 0 and events.kinds[cause] >= 0:
        jump(events.kinds[cause], y, p, problem.amounts[cause], events.given[cause], work)
        for i in range(STATES):
            y[i] = work[i]


@compiled
def event_function(event, time, y, p, problem, observed):
    """Distance of what an event watches to its limit; positive before it is reached."""
    observe(time, y, p, observed)
    watched = observed[problem.events.watched[event]]
    return problem.events.signs[event] * (problem.triggers[event] - watched)


@compiled
def is_armed(event, time, events, event_times):
    """Whether what has to happen before an event did so earlier than a time."""
    previous = events.previous[event]
    return previous < 0 or event_times[previous, TIME] < time


@compiled
def triggered(run, besides, time, y, p, problem, event_times, distances, observed):
    """Find a waiting event, besides one, whose limit was not reached before and is now; or -1."""
    events = problem.events
    first = events.runs[run]
    for event in range(first, events.runs[run + 1]):
        waits = events.watched[event] >= 0 and event_times[event, TIME] == NEVER
        waits = waits and event != besides and distances[event - first] > 0.0
        waits = waits and is_armed(event, time, events, event_times)
        if waits and event_function(event, time, y, p, problem, observed) <= 0.0:
            return event
    return -1


@compiled
def measure_distances(run, time, y, p, problem, distances, observed):
    """Update the distances to the limits of the waiting events of a run."""
    events = problem.events
    first = events.runs[run]
    for event in range(first, events.runs[run + 1]):
        if events.previous[event] >= 0:  # a repetition watches what the first did
            distances[event - first] = distances[events.previous[event] - first]
        elif events.watched[event] >= 0:
            distances[event - first] = event_function(event, time, y, p, problem, observed)
