"""
Integration of one run over its pieces: step control, events, and the tape.

Starts explicit; where the step is limited by stability rather than by accuracy, the rest of the
run is integrated implicitly. A step on the tape says which method took it.
"""

from __future__ import annotations

import numpy as np

from bayesbio.ode.kernels.explicit import after_explicit_step, explicit_step, set_inputs
from bayesbio.ode.kernels.implicit import after_implicit_step, implicit_step
from bayesbio.ode.kernels.kernel_interface import (
    COLUMNS,
    FACTOR_COLUMNS,
    INPUTS,
    OBSERVED,
    QUASI_POSITIVE,
    STATES,
    allocating,
    compiled,
    jump,
    observe,
    rates,
)
from bayesbio.ode.kernels.layout import (
    apply_events,
    event_function,
    inputs_of,
    lay_out,
    measure_distances,
    record_event,
    triggered,
)
from bayesbio.ode.kernels.step_control import (
    bracketed_root,
    error_norm,
    first_step,
    share_before_zero,
    write_step,
)

SOLVED_STIFF = -1  # solved, with implicit steps
SOLVED = 0
STEP_TOO_SMALL = 1
TOO_MANY_STEPS = 2
NOT_FINITE = 3

AUTO, EXPLICIT, IMPLICIT = 0, 1, 2  # methods; also what a row of tape says of its step

MAXIMUM_STEPS = 20_000  # attempts in one run; a run that needs more has exploded
STABILITY_LIMIT = 3.25  # h times eigenvalue near the edge of the explicit method's stability
STIFF_STEPS = 15  # so many steps at that limit make a run stiff


@allocating
def solve_run(p, run, problem, options, stored, tape, step_index, event_times):
    """
    Integrate one run.

    Writes states and outputs into `stored` at the save of each piece, accepted steps into `tape`
    (while there is room, if they are kept), the count of steps at the end of each piece into
    `step_index` and the times of events that wait for a limit into `event_times`. Returns a status
    and the number of accepted steps, which may exceed the tape's rows.
    """
    segments, events = problem.segments, problem.events
    waiting = events.runs[run + 1] - events.runs[run]
    y, new, error = np.empty(STATES), np.empty(STATES), np.empty(STATES)
    u, k = np.empty(INPUTS), np.empty((7, STATES))
    level, slope = np.empty(INPUTS), np.empty(INPUTS)
    distances, observed = np.empty(waiting), np.empty(OBSERVED)
    for event in range(waiting):
        distances[event] = -1.0
    values, factors = np.empty(COLUMNS.size), np.empty(FACTOR_COLUMNS.size)
    work = np.empty((2, STATES))
    workspace = (values, factors, work)
    begin = p.size - STATES
    for i in range(STATES):
        y[i] = p[begin + i]
    implicit = options.method == IMPLICIT
    limited = 0  # steps at the limit of stability
    relaxed = 0  # steps in a row that are not
    status = SOLVED
    steps = 0
    attempts = 0
    step = 0.0
    before = 1e-4  # the error of the step before, for the controller
    searching = -1  # the event whose limit lies within the step
    tries = side = rounds = 0
    h = near = far = high = low = beyond = fine = 0.0
    reaches = False
    for event in range(events.runs[run], events.runs[run + 1]):
        if np.isnan(problem.triggers[event]):
            status = NOT_FINITE
    layout = lay_out(run, problem, event_times)
    offset = segments.runs[run] + events.runs[run]
    for piece in range(layout.saves.size):
        if status > SOLVED:
            break
        start = layout.edges[piece, 0]
        apply_events(piece, layout, problem, p, y, new)
        for i in range(STATES):
            if not abs(y[i]) < 1e300:
                status = NOT_FINITE
        if status > SOLVED:
            break
        if waiting > 0:
            event = triggered(run, -1, start, y, p, problem, event_times, distances, observed)
            if event >= 0 and start > layout.edges[0, 0]:
                record_event(event, start, 0.0, event_times)
                layout = lay_out(run, problem, event_times)
            measure_distances(run, start, y, p, problem, distances, observed)
        stop = layout.edges[piece, 1]
        if stop > start:
            time = start
            inputs = (inputs_of(piece, layout, problem, level, slope), level, slope)
            set_inputs(time, inputs, u)
            rates(time, y, p, u, k[0])
            if step <= 0.0:
                step = first_step(y, k[0], stop - start, options)
            smallest = 1e-14 * max(abs(stop), stop - start)
            while time < stop:
                if searching < 0:
                    h = step
                    reaches = time + 1.01 * h >= stop
                    if reaches:
                        h = stop - time
                    elif time + 2.0 * h > stop:
                        h = 0.5 * (stop - time)
                stiffness = 0.0
                if implicit:
                    done = implicit_step(time, h, y, p, inputs, u, k, new, error, workspace)
                    size = error_norm(y, new, error, options) if done else np.inf
                    power = 1.25  # of the explicit controller's exponents: one order less
                else:
                    stiffness = explicit_step(time, h, y, p, inputs, u, k, new, error)
                    size = error_norm(y, new, error, options)
                    power = 1.0
                attempts += 1
                if searching >= 0:
                    # regula falsi (Illinois) on the result of the step itself: the state at the
                    # limit is one of the method, so that its derivative holds
                    tries += 1
                    value = event_function(searching, time + h, new, p, problem, observed)
                    if value > 0.0:
                        near, high = h, value
                        low = 0.5 * low if side > 0 else low
                        side = 1
                    else:
                        far, low, beyond = h, value, value
                        high = 0.5 * high if side < 0 else high
                        side = -1
                    if -beyond > fine and far - near > 1e-15 * max(abs(time), far) and tries < 99:
                        h = bracketed_root(near, far, high, low)
                        continue
                    if h != far:
                        h = far
                        continue
                share = 1.0
                if QUASI_POSITIVE and size <= 1.0 and searching < 0:
                    share = share_before_zero(
                        time, h, y, new, p, inputs, u, options, work[0], work[1]
                    )
                if size <= 1.0 and share == 1.0 and rounds < waiting:
                    event = triggered(
                        run, searching, time + h, new, p, problem, event_times, distances, observed
                    )
                    if event >= 0:
                        searching, tries, side, rounds = event, 0, 0, rounds + 1
                        near, far, high = 0.0, h, distances[event - events.runs[run]]
                        low = event_function(event, time + h, new, p, problem, observed)
                        beyond, fine = low, 1e-13 * (high - low + abs(problem.triggers[event]))
                        h = bracketed_root(near, far, high, low)
                        continue
                cut = searching >= 0
                if cut:
                    reaches = True
                    stop = time + h
                    at_limit = 1.0
                    while searching >= 0:  # the one searched for, then those at the same time
                        record_event(searching, stop, at_limit, event_times)
                        at_limit = 0.0
                        searching = triggered(
                            run, -1, stop, new, p, problem, event_times, distances, observed
                        )
                    layout = lay_out(run, problem, event_times)
                rounds = 0
                if (size <= 1.0 and share == 1.0) or cut:
                    if options.keep and steps < tape.shape[0]:
                        write_step(time, h, IMPLICIT if implicit else EXPLICIT, y, k, tape[steps])
                    steps += 1
                    time = stop if reaches else time + h
                    for i in range(STATES):
                        y[i] = new[i]
                        k[0, i] = k[6, i]
                    if waiting > 0:
                        measure_distances(run, time, y, p, problem, distances, observed)
                    if stiffness > STABILITY_LIMIT:
                        limited, relaxed = limited + 1, 0
                    else:
                        relaxed += 1
                        if relaxed > 6:
                            limited = 0
                    if options.method == AUTO and not implicit and limited >= STIFF_STEPS:
                        implicit = True
                    if implicit:
                        status = SOLVED_STIFF
                    size = max(size, 1e-10)
                    change = 0.9 * size ** (-0.17 * power) * before ** (0.04 * power)
                    change = min(5.0, max(0.2, change))
                    before = max(size, 1e-4)
                    # a step cut short by the piece's end says little about the next one
                    if not cut and (h == step or change < 1.0 or h * change > step):
                        step = h * change
                elif share < 1.0:
                    step = h * max(0.1, 0.8 * share)
                elif size < 1e300:
                    step = h * min(1.0, max(0.2, 0.9 * size ** (-0.2 * power)))
                else:
                    step = (0.25 if implicit else 0.1) * h
                if time < stop and step < smallest:
                    status = STEP_TOO_SMALL if size < 1e300 else NOT_FINITE
                    break
                if attempts >= MAXIMUM_STEPS and time < stop:
                    status = TOO_MANY_STEPS
                    break
            if status > SOLVED:
                break
        step_index[offset + piece] = steps
        if layout.saves[piece] >= 0:
            observe(stop, y, p, stored[layout.saves[piece]])
    if status > SOLVED:
        for segment in range(segments.runs[run], segments.runs[run + 1]):
            if segments.saves[segment] >= 0:
                stored[segments.saves[segment]] = np.nan
    return status, steps


@compiled
def after_step(row, state):
    """State at the end of a step on the tape."""
    if row[2] == EXPLICIT:
        after_explicit_step(row, state)
    else:
        after_implicit_step(row, state)


@allocating
def state_before(piece, event, p, layout, problem, tape, ends, state):
    """State at the start of a piece, before one of its jumps (before all of them for event 0)."""
    before = piece  # pieces from here on took no step before that time
    while before > 0:
        lowest = ends[before - 2] if before > 1 else 0
        if ends[before - 1] > lowest:
            break
        before -= 1
    if before > 0:
        after_step(tape[ends[before - 1] - 1], state)
    else:
        begin = p.size - STATES
        for i in range(STATES):
            state[i] = p[begin + i]
    after = np.empty(STATES)
    for skipped in range(before, piece):
        apply_events(skipped, layout, problem, p, state, after)
    segments = problem.segments
    for past in range(layout.jumps[piece, 0] if event > 0 else 0, event):
        jump(segments.kinds[past], state, p, segments.amounts[past], segments.given[past], after)
        for i in range(STATES):
            state[i] = after[i]
