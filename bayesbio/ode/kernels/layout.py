"""
The pieces of one run, cut where its movable events fall, and what happens at their starts.

Moments are in the hands of the sampler, so the cutting is compiled with the solver. An event that
moves by dt gives the state f_before dt and takes f_after dt from it; one that waits for a limit
moves as the implicit function theorem says.
"""

from __future__ import annotations

import numpy as np

from bayesbio.ode.kernels.explicit import set_inputs
from bayesbio.ode.kernels.kernel_interface import (
    INPUTS,
    OBSERVED,
    STATES,
    allocating,
    compiled,
    jump,
    jump_pullback,
    observe,
    observe_pullback,
    rates,
)
from bayesbio.ode.schedule.segments import STOP, SWITCH, Layout

# --- template ---
MOMENT, AT_LIMIT, RANK = 0, 1, 2  # columns of `fired`
NEVER = np.inf


@allocating
def moments_before(movable, moments):
    """Tell the moments as known before a run: times, and never for what waits for a limit."""
    fired = np.empty((movable.kinds.size, 3))
    for event in range(movable.kinds.size):
        fired[event, AT_LIMIT] = fired[event, RANK] = 0.0
        fired[event, MOMENT] = moments[event] if movable.watched[event] < 0 else NEVER
    return fired


@allocating
def lay_out(run, segments, movable, fired):
    """Cut the segments of a run at the moments of its movable events."""
    first, last = segments.runs[run], segments.runs[run + 1]
    order = in_order(movable.runs[run], movable.runs[run + 1], fired)
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
    place = 0
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
            moment = end
            if place < order.size and not stopped:
                moment = max(fired[order[place], MOMENT], segments.edges[segment, 0])
                cut = moment < end
            edges[piece, 0] = start
            edges[piece, 1] = start if stopped else moment if cut else end
            sources[piece], causes[piece] = segment, cause
            if not stopped:
                jumps[piece, 0], jumps[piece, 1] = begin, after
            for i in range(INPUTS):
                event = switched[i]
                if event >= 0 and fired[event, MOMENT] >= movable.overridden[segment, i]:
                    switches[piece, i] = event
            cause = -1
            piece += 1
            if not cut:
                saves[piece - 1] = segments.saves[segment]
                break
            cause = order[place]
            start, begin = moment, after
            place += 1
            if movable.kinds[cause] == SWITCH:
                switched[movable.inputs[cause]] = cause
            stopped = movable.kinds[cause] == STOP
    return Layout(edges, saves, jumps, sources, causes, switches)


@compiled
def note(event, time, at_limit, fired):
    """Write down when an event that waited happened, after every other so far."""
    rank = 0.0
    for other in range(fired.shape[0]):
        rank = max(rank, fired[other, RANK])
    fired[event, MOMENT], fired[event, AT_LIMIT], fired[event, RANK] = time, at_limit, rank + 1.0


@allocating
def in_order(first, last, fired):
    """Movable events of a run in the order in which they happen."""
    order = np.empty(last - first, np.int64)
    for event in range(first, last):
        place = event - first
        while place > 0 and happens_before(fired[event], fired[order[place - 1]]):
            order[place] = order[place - 1]
            place -= 1
        order[place] = event
    return order


@compiled
def happens_before(one, other):
    """Whether one event happens before another; at the same moment what caused it comes first."""
    if one[MOMENT] == other[MOMENT]:
        return one[RANK] < other[RANK]
    return one[MOMENT] < other[MOMENT]


@compiled
def inputs_of(piece, layout, segments, sizes, level, slope):
    """Fill level and slope of the inputs along a piece; gives the time at which they count."""
    source = layout.sources[piece]
    start = segments.edges[source, 0]
    for i in range(INPUTS):
        event = layout.switches[piece, i]
        if event >= 0:
            level[i], slope[i] = sizes[event, 0], 0.0
        else:
            level[i], slope[i] = segments.levels[source, i], segments.slopes[source, i]
    return start


@compiled
def enter(piece, layout, segments, movable, sizes, p, y, work):
    """Change the state y by what happens at the start of a piece."""
    for event in range(layout.jumps[piece, 0], layout.jumps[piece, 1]):
        jump(segments.kinds[event], y, p, segments.amounts[event], segments.given[event], work)
        for i in range(STATES):
            y[i] = work[i]
    cause = layout.causes[piece]
    if cause >= 0 and movable.kinds[cause] >= 0:
        jump(movable.kinds[cause], y, p, sizes[cause], movable.given[cause], work)
        for i in range(STATES):
            y[i] = work[i]


@compiled
def gap(event, time, y, p, movable, moments, observed):
    """Distance of what an event watches to its limit; positive before it is reached."""
    observe(time, y, p, observed)
    return movable.signs[event] * (moments[event] - observed[movable.watched[event]])


@compiled
def reached(run, besides, time, y, p, movable, moments, fired, gaps, observed):
    """Find a waiting event, besides one, whose limit was not reached before and is now; or -1."""
    first = movable.runs[run]
    for event in range(first, movable.runs[run + 1]):
        waits = movable.watched[event] >= 0 and fired[event, MOMENT] == NEVER
        waits = waits and event != besides and gaps[event - first] > 0.0
        if waits and gap(event, time, y, p, movable, moments, observed) <= 0.0:
            return event
    return -1


@compiled
def measure_gaps(run, time, y, p, movable, moments, gaps, observed):
    """Update the distances to the limits of the waiting events of a run."""
    first = movable.runs[run]
    for event in range(first, movable.runs[run + 1]):
        if movable.watched[event] >= 0:
            gaps[event - first] = gap(event, time, y, p, movable, moments, observed)


@allocating
def pull_cause(
    piece, layout, segments, movable, moments, sizes, fired, p, before, carried, adjoint, pbar,
    momentbar, sizebar,
):  # fmt: skip
    """
    Pull the adjoint back through the movable event at the start of a piece.

    ``before`` is the state just before it. Overwrites the adjoint by that of this state. An event
    whose limit another one jumped over moves with that one: what a later moment would add is
    returned, and ``carried`` to the event before.
    """
    event, time = layout.causes[piece], layout.edges[piece, 0]
    kind = movable.kinds[event]
    u, slopes, after = np.empty(INPUTS), np.empty(STATES), np.empty(STATES)
    level, slope = np.empty(INPUTS), np.empty(INPUTS)
    later = carried  # what a later moment adds to the result
    for i in range(STATES):
        after[i] = before[i]
    if kind != STOP:
        if kind >= 0:
            jump(kind, before, p, sizes[event], movable.given[event], after)
        start = inputs_of(piece, layout, segments, sizes, level, slope)
        set_inputs(time, (start, level, slope), u)
        rates(time, after, p, u, slopes)
        for i in range(STATES):
            later -= adjoint[i] * slopes[i]
    if kind >= 0:
        jump_pullback(
            kind, before, p, sizes[event], movable.given[event], adjoint, after, pbar,
            sizebar[event],
        )  # fmt: skip
        for i in range(STATES):
            adjoint[i] = after[i]
    start = inputs_of(piece - 1, layout, segments, sizes, level, slope)
    set_inputs(time, (start, level, slope), u)
    rates(time, before, p, u, slopes)
    for i in range(STATES):
        later += adjoint[i] * slopes[i]
    if movable.watched[event] < 0:
        if moments[event] > layout.edges[0, 0]:
            momentbar[event] += later
    elif fired[event, AT_LIMIT] == 0.0:
        return later
    else:
        weights, towards, through = np.zeros(OBSERVED), np.zeros(STATES), np.zeros(p.size)
        weights[movable.watched[event]] = 1.0
        observe_pullback(time, before, p, weights, towards, through)
        speed = 0.0
        for i in range(STATES):
            speed += towards[i] * slopes[i]
        later /= speed
        momentbar[event] += later
        for i in range(STATES):
            adjoint[i] -= later * towards[i]
        for i in range(p.size):
            pbar[i] -= later * through[i]
    return 0.0
