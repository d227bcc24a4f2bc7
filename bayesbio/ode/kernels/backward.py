"""Discrete adjoint of a run: gradients pulled back through its steps, jumps and event times."""

from __future__ import annotations

import numpy as np

from bayesbio.ode.kernels.explicit import pull_explicit_step, set_inputs
from bayesbio.ode.kernels.forward import EXPLICIT, after_step, state_before
from bayesbio.ode.kernels.implicit import pull_implicit_step
from bayesbio.ode.kernels.kernel_interface import (
    COLUMNS,
    FACTOR_COLUMNS,
    INPUTS,
    OBSERVED,
    STATES,
    allocating,
    jump,
    jump_pullback,
    observe_pullback,
    rates,
)
from bayesbio.ode.kernels.layout import AT_LIMIT, inputs_of, lay_out
from bayesbio.ode.schedule.segments import STOP


@allocating
def pull_run(p, run, problem, tape, step_index, event_times, storedbar, bars):
    """Adjoint of `solve_run`: adds the gradients to bars, whose theta is that of this run."""
    segments = problem.segments
    layout = lay_out(run, problem, event_times)
    offset = segments.runs[run] + problem.events.runs[run]
    ends = step_index[offset : offset + layout.saves.size]
    adjoint = np.zeros(STATES)
    span = (0, layout.saves.size)
    pull_pieces(span, layout, p, problem, tape, ends, event_times, storedbar, adjoint, bars)
    begin = p.size - STATES
    for i in range(STATES):
        bars.theta[begin + i] += adjoint[i]


@allocating
def pull_pieces(span, layout, p, problem, tape, ends, event_times, storedbar, adjoint, bars):
    """Pull the adjoint of the state after the last piece of a span back to before its first."""
    segments = problem.segments
    through, state = np.zeros(STATES), np.empty(STATES)
    u, ubar, work = np.empty(INPUTS), np.empty(INPUTS), np.empty((9, STATES))
    level, slope = np.empty(INPUTS), np.empty(INPUTS)
    values, factors = np.empty(COLUMNS.size), np.empty(FACTOR_COLUMNS.size)
    carried = 0.0
    for piece in range(span[1] - 1, span[0] - 1, -1):
        source = layout.sources[piece]
        inputs = (inputs_of(piece, layout, problem, level, slope), level, slope)
        by_level, by_slope = np.zeros(INPUTS), np.zeros(INPUTS)
        step_bars = (bars.theta, by_level, by_slope)
        lowest = ends[piece - 1] if piece > 0 else 0
        if layout.saves[piece] >= 0:
            if ends[piece] > lowest:
                after_step(tape[ends[piece] - 1], state)
            else:
                state_before(piece + 1, 0, p, layout, problem, tape, ends, state)
            weights = storedbar[layout.saves[piece]]
            observe_pullback(layout.edges[piece, 1], state, p, weights, adjoint, bars.theta)
        for step in range(ends[piece] - 1, lowest - 1, -1):
            if tape[step, 2] == EXPLICIT:
                pull_explicit_step(tape[step], p, inputs, adjoint, work, u, ubar, step_bars)
            else:
                pull_implicit_step(
                    tape[step], p, inputs, adjoint, work, values, factors, u, ubar, step_bars
                )
        for i in range(INPUTS):
            event = layout.switches[piece, i]
            if event >= 0:
                bars.amounts[event, 0] += by_level[i]
            else:
                bars.levels[source, i] += by_level[i]
                bars.slopes[source, i] += by_slope[i]
        if layout.causes[piece] >= 0:
            state_before(piece, 0, p, layout, problem, tape, ends, state)
            carried = pull_dynamic_event(
                piece, layout, p, problem, event_times, state, carried, adjoint, bars
            )
        else:
            carried = 0.0
        for event in range(layout.jumps[piece, 1] - 1, layout.jumps[piece, 0] - 1, -1):
            state_before(piece, event, p, layout, problem, tape, ends, state)
            kind, amounts, given = segments.kinds[event], segments.amounts[event], segments.given
            jump_pullback(
                kind, state, p, amounts, given[event], adjoint, through, bars.theta,
                bars.segment_amounts[event],
            )  # fmt: skip
            for i in range(STATES):
                adjoint[i] = through[i]


@allocating
def pull_dynamic_event(piece, layout, p, problem, event_times, before, carried, adjoint, bars):
    """
    Pull the adjoint back through the dynamic event at the start of a piece.

    ``before`` is the state just before it. Overwrites the adjoint by that of this state. An event
    whose limit another one jumped over moves with that one: what a later time would add is
    returned, and ``carried`` to the event before.
    """
    events, amounts = problem.events, problem.amounts
    event, time = layout.causes[piece], layout.edges[piece, 0]
    kind = events.kinds[event]
    u, slopes, after = np.empty(INPUTS), np.empty(STATES), np.empty(STATES)
    level, slope = np.empty(INPUTS), np.empty(INPUTS)
    later = carried  # what a later time adds to the result
    for i in range(STATES):
        after[i] = before[i]
    if kind != STOP:
        if kind >= 0:
            jump(kind, before, p, amounts[event], events.given[event], after)
        start = inputs_of(piece, layout, problem, level, slope)
        set_inputs(time, (start, level, slope), u)
        rates(time, after, p, u, slopes)
        for i in range(STATES):
            later -= adjoint[i] * slopes[i]
    if kind >= 0:
        jump_pullback(
            kind, before, p, amounts[event], events.given[event], adjoint, after, bars.theta,
            bars.amounts[event],
        )  # fmt: skip
        for i in range(STATES):
            adjoint[i] = after[i]
    start = inputs_of(piece - 1, layout, problem, level, slope)
    set_inputs(time, (start, level, slope), u)
    rates(time, before, p, u, slopes)
    for i in range(STATES):
        later += adjoint[i] * slopes[i]
    if events.watched[event] < 0:
        if problem.triggers[event] > layout.edges[0, 0]:
            bars.triggers[event] += later
    elif event_times[event, AT_LIMIT] == 0.0:
        return later
    else:
        weights, towards, through = np.zeros(OBSERVED), np.zeros(STATES), np.zeros(p.size)
        weights[events.watched[event]] = 1.0
        observe_pullback(time, before, p, weights, towards, through)
        speed = 0.0
        for i in range(STATES):
            speed += towards[i] * slopes[i]
        later /= speed
        bars.triggers[event] += later
        for i in range(STATES):
            adjoint[i] -= later * towards[i]
        for i in range(p.size):
            bars.theta[i] -= later * through[i]
    return 0.0
