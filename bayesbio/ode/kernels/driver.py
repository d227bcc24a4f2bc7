"""
Integration of runs over their segments: step control, events, the tape and its way back.

Starts explicit; where the step is limited by stability rather than by accuracy, the rest of the
run is integrated implicitly. A step on the tape says which method took it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from bayesbio.ode.kernels.explicit import (
    after_explicit_step,
    explicit_step,
    pull_explicit_step,
    set_inputs,
)
from bayesbio.ode.kernels.implicit import after_implicit_step, implicit_step, pull_implicit_step
from bayesbio.ode.kernels.kernel_interface import (
    COLUMNS,
    FACTOR_COLUMNS,
    INPUTS,
    OBSERVED,
    STATES,
    allocating,
    compiled,
    entry,
    jump,
    jump_pullback,
    observe,
    observe_pullback,
    rates,
)
from bayesbio.ode.kernels.layout import (
    MOMENT,
    enter,
    gap,
    inputs_of,
    lay_out,
    measure_gaps,
    moments_before,
    note,
    pull_cause,
    reached,
)

# --- template ---
SOLVED_STIFF = -1  # solved, with implicit steps
SOLVED = 0
STEP_TOO_SMALL = 1
TOO_MANY_STEPS = 2
NOT_FINITE = 3

AUTO, EXPLICIT, IMPLICIT = 0, 1, 2  # methods; also what a row of tape says of its step

MAXIMUM_STEPS = 20_000  # attempts in one run; a run that needs more has exploded
FIRST_CAPACITY = 512  # rows of tape a run; grows when a run needs more
ROW = 3 + 7 * STATES  # a row of tape: time, step, method, state, six stages
STABILITY_LIMIT = 3.25  # h times eigenvalue near the edge of the explicit method's stability
STIFF_STEPS = 15  # so many steps at that limit make a run stiff


@compiled
def error_norm(y, new, error, rtol, atol):
    """Root mean square of the error estimate in units of the tolerance."""
    total = 0.0
    for i in range(STATES):
        scaled = error[i] / (atol + rtol * max(abs(y[i]), abs(new[i])))
        total += scaled * scaled
    return math.sqrt(total / STATES)


@compiled
def first_step(y, slope, length, rtol, atol):
    """Length of a cautious first step, from the size of the state and of its slope."""
    size = 0.0
    speed = 0.0
    for i in range(STATES):
        scale = atol + rtol * abs(y[i])
        size += (y[i] / scale) ** 2
        speed += (slope[i] / scale) ** 2
    if size < 1e-10 or speed < 1e-10 or not speed < 1e300:
        return 1e-3 * length
    return min(length, 0.01 * math.sqrt(size / speed))


@compiled
def between(near, far, high, low):
    """Where a line through both ends of a bracket is zero; its middle where that is outside."""
    middle = (near * low - far * high) / (low - high)
    return middle if near < middle < far else 0.5 * (near + far)


@compiled
def write_step(time, h, method, y, k, row):
    """Write an accepted step on its row of the tape."""
    row[0], row[1], row[2] = time, h, method
    stages = row[3 + STATES :].reshape(6, STATES)
    for i in range(STATES):
        row[3 + i] = y[i]
        for stage in range(6):
            stages[stage, i] = k[stage, i]


@allocating
def solve_run(
    p, run, segments, movable, moments, sizes, fired, rtol, atol, method, keep, stored, tape, marks
):
    """
    Integrate one run.

    Writes states and outputs into `stored` at the save of each piece, accepted steps into `tape`
    (while there is room, if `keep`), the count of steps at the end of each piece into `marks` and
    the moments of events that wait for a limit into `fired`. Returns a status and the number of
    accepted steps, which may exceed the tape's rows.
    """
    waiting = movable.runs[run + 1] - movable.runs[run]
    y, new, error = np.empty(STATES), np.empty(STATES), np.empty(STATES)
    u, k = np.empty(INPUTS), np.empty((7, STATES))
    level, slope = np.empty(INPUTS), np.empty(INPUTS)
    gaps, observed = np.empty(waiting), np.empty(OBSERVED)
    for event in range(waiting):
        gaps[event] = -1.0
    values, factors = np.empty(COLUMNS.size), np.empty(FACTOR_COLUMNS.size)
    work = np.empty((2, STATES))
    begin = p.size - STATES
    for i in range(STATES):
        y[i] = p[begin + i]
    implicit = method == IMPLICIT
    limited = 0  # steps at the limit of stability
    relaxed = 0  # steps in a row that are not
    status = SOLVED
    steps = 0
    attempts = 0
    step = 0.0
    before = 1e-4  # the error of the step before, for the controller
    searching = -1  # the event whose limit lies within the step
    tries = kept = rounds = 0
    h = near = far = high = low = beyond = fine = 0.0
    reaches = False
    for event in range(movable.runs[run], movable.runs[run + 1]):
        if np.isnan(moments[event]):
            status = NOT_FINITE
    layout = lay_out(run, segments, movable, fired)
    offset = segments.runs[run] + movable.runs[run]
    for piece in range(layout.saves.size):
        if status > SOLVED:
            break
        start = layout.edges[piece, 0]
        enter(piece, layout, segments, movable, sizes, p, y, new)
        for i in range(STATES):
            if not abs(y[i]) < 1e300:
                status = NOT_FINITE
        if status > SOLVED:
            break
        if waiting > 0:
            event = reached(run, -1, start, y, p, movable, moments, fired, gaps, observed)
            if event >= 0 and start > layout.edges[0, 0]:
                note(event, start, 0.0, fired)
                layout = lay_out(run, segments, movable, fired)
            measure_gaps(run, start, y, p, movable, moments, gaps, observed)
        stop = layout.edges[piece, 1]
        if stop > start:
            time = start
            inputs = (inputs_of(piece, layout, segments, sizes, level, slope), level, slope)
            set_inputs(time, inputs, u)
            rates(time, y, p, u, k[0])
            if step <= 0.0:
                step = first_step(y, k[0], stop - start, rtol, atol)
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
                    done = implicit_step(
                        time, h, y, p, inputs, u, k, new, error, values, factors, work
                    )
                    size = error_norm(y, new, error, rtol, atol) if done else np.inf
                    power = 1.25  # of the explicit controller's exponents: one order less
                else:
                    stiffness = explicit_step(time, h, y, p, inputs, u, k, new, error)
                    size = error_norm(y, new, error, rtol, atol)
                    power = 1.0
                attempts += 1
                if searching >= 0:
                    # regula falsi (Illinois) on the result of the step itself: the state at the
                    # limit is one of the method, so that its derivative holds
                    tries += 1
                    value = gap(searching, time + h, new, p, movable, moments, observed)
                    if value > 0.0:
                        near, high = h, value
                        low = 0.5 * low if kept > 0 else low
                        kept = 1
                    else:
                        far, low, beyond = h, value, value
                        high = 0.5 * high if kept < 0 else high
                        kept = -1
                    if -beyond > fine and far - near > 1e-15 * max(abs(time), far) and tries < 99:
                        h = between(near, far, high, low)
                        continue
                    if h != far:
                        h = far
                        continue
                if size <= 1.0 and rounds < waiting:
                    event = reached(
                        run, searching, time + h, new, p, movable, moments, fired, gaps, observed
                    )
                    if event >= 0:
                        searching, tries, kept, rounds = event, 0, 0, rounds + 1
                        near, far, high = 0.0, h, gaps[event - movable.runs[run]]
                        low = gap(event, time + h, new, p, movable, moments, observed)
                        beyond, fine = low, 1e-13 * (high - low + abs(moments[event]))
                        h = between(near, far, high, low)
                        continue
                cut = searching >= 0
                if cut:
                    reaches = True
                    stop = time + h
                    at_limit = 1.0
                    while searching >= 0:  # the one searched for, then those at the same moment
                        note(searching, stop, at_limit, fired)
                        at_limit = 0.0
                        searching = reached(
                            run, -1, stop, new, p, movable, moments, fired, gaps, observed
                        )
                    layout = lay_out(run, segments, movable, fired)
                rounds = 0
                if size <= 1.0 or cut:
                    if keep and steps < tape.shape[0]:
                        write_step(time, h, IMPLICIT if implicit else EXPLICIT, y, k, tape[steps])
                    steps += 1
                    time = stop if reaches else time + h
                    for i in range(STATES):
                        y[i] = new[i]
                        k[0, i] = k[6, i]
                    if waiting > 0:
                        measure_gaps(run, time, y, p, movable, moments, gaps, observed)
                    if stiffness > STABILITY_LIMIT:
                        limited, relaxed = limited + 1, 0
                    else:
                        relaxed += 1
                        if relaxed > 6:
                            limited = 0
                    if method == AUTO and not implicit and limited >= STIFF_STEPS:
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
        marks[offset + piece] = steps
        if layout.saves[piece] >= 0:
            observe(stop, y, p, stored[layout.saves[piece]])
    if status > SOLVED:
        for segment in range(segments.runs[run], segments.runs[run + 1]):
            if segments.saves[segment] >= 0:
                stored[segments.saves[segment]] = np.nan
    return status, steps


@allocating
def pull_run(
    p, run, segments, movable, moments, sizes, fired, tape, marks, storedbar, pbar, momentbar,
    sizebar, levelbar, slopebar, amountbar,
):  # fmt: skip
    """Adjoint of `solve_run`: adds the gradients to what ends in bar."""
    layout = lay_out(run, segments, movable, fired)
    adjoint = np.zeros(STATES)
    pull_pieces(
        0, layout.saves.size, layout, p, run, segments, movable, moments, sizes, fired, tape, marks,
        storedbar, adjoint, pbar, momentbar, sizebar, levelbar, slopebar, amountbar,
    )  # fmt: skip
    begin = p.size - STATES
    for i in range(STATES):
        pbar[begin + i] += adjoint[i]


@allocating
def pull_pieces(
    first, last, layout, p, run, segments, movable, moments, sizes, fired, tape, marks, storedbar,
    adjoint, pbar, momentbar, sizebar, levelbar, slopebar, amountbar,
):  # fmt: skip
    """Pull the adjoint of the state after piece ``last - 1`` back to before piece ``first``."""
    offset = segments.runs[run] + movable.runs[run]
    marks = marks[offset : offset + layout.saves.size]
    through, state = np.zeros(STATES), np.empty(STATES)
    u, ubar, work = np.empty(INPUTS), np.empty(INPUTS), np.empty((9, STATES))
    level, slope = np.empty(INPUTS), np.empty(INPUTS)
    values, factors = np.empty(COLUMNS.size), np.empty(FACTOR_COLUMNS.size)
    carried = 0.0
    for piece in range(last - 1, first - 1, -1):
        source = layout.sources[piece]
        inputs = (inputs_of(piece, layout, segments, sizes, level, slope), level, slope)
        by_level, by_slope = np.zeros(INPUTS), np.zeros(INPUTS)
        bars = (pbar, by_level, by_slope)
        lowest = marks[piece - 1] if piece > 0 else 0
        if layout.saves[piece] >= 0:
            if marks[piece] > lowest:
                after_step(tape[marks[piece] - 1], state)
            else:
                state_before(piece + 1, 0, p, layout, segments, movable, sizes, tape, marks, state)
            weights = storedbar[layout.saves[piece]]
            observe_pullback(layout.edges[piece, 1], state, p, weights, adjoint, pbar)
        for step in range(marks[piece] - 1, lowest - 1, -1):
            if tape[step, 2] == EXPLICIT:
                pull_explicit_step(tape[step], p, inputs, adjoint, work, u, ubar, bars)
            else:
                pull_implicit_step(
                    tape[step], p, inputs, adjoint, work, values, factors, u, ubar, bars
                )
        for i in range(INPUTS):
            event = layout.switches[piece, i]
            if event >= 0:
                sizebar[event, 0] += by_level[i]
            else:
                levelbar[source, i] += by_level[i]
                slopebar[source, i] += by_slope[i]
        if layout.causes[piece] >= 0:
            state_before(piece, 0, p, layout, segments, movable, sizes, tape, marks, state)
            carried = pull_cause(
                piece, layout, segments, movable, moments, sizes, fired, p, state, carried, adjoint,
                pbar, momentbar, sizebar,
            )  # fmt: skip
        else:
            carried = 0.0
        for event in range(layout.jumps[piece, 1] - 1, layout.jumps[piece, 0] - 1, -1):
            state_before(piece, event, p, layout, segments, movable, sizes, tape, marks, state)
            kind, amounts, given = segments.kinds[event], segments.amounts[event], segments.given
            jump_pullback(
                kind, state, p, amounts, given[event], adjoint, through, pbar, amountbar[event]
            )
            for i in range(STATES):
                adjoint[i] = through[i]


@compiled
def after_step(row, state):
    """State at the end of a step on the tape."""
    if row[2] == EXPLICIT:
        after_explicit_step(row, state)
    else:
        after_implicit_step(row, state)


@allocating
def state_before(piece, event, p, layout, segments, movable, sizes, tape, marks, state):
    """State at the start of a piece, before one of its jumps (before all of them for event 0)."""
    before = piece  # pieces from here on took no step before that moment
    while before > 0:
        lowest = marks[before - 2] if before > 1 else 0
        if marks[before - 1] > lowest:
            break
        before -= 1
    if before > 0:
        after_step(tape[marks[before - 1] - 1], state)
    else:
        begin = p.size - STATES
        for i in range(STATES):
            state[i] = p[begin + i]
    after = np.empty(STATES)
    for place in range(before, piece):
        enter(place, layout, segments, movable, sizes, p, state, after)
    for place in range(layout.jumps[piece, 0] if event > 0 else 0, event):
        jump(segments.kinds[place], state, p, segments.amounts[place], segments.given[place], after)
        for i in range(STATES):
            state[i] = after[i]


@entry
def solve(theta, segments, movable, moments, sizes, board, rtol, atol, method, keep):
    """
    Solve every run once; what cannot be solved is counted on the board (see `failures`).

    Returns what was stored (saves, observed), a status a run, the tape (runs, rows, width), the
    marks of its pieces and when each movable event happened. Runs share nothing that is written,
    so that `emission` makes a second function of this one, with the runs side by side.
    """
    count = theta.shape[0]
    steps = np.empty(count, np.int64)
    stored = np.empty((save_count(segments), OBSERVED))
    status = np.empty(count, np.int64)
    marks = np.zeros(segments.saves.size + movable.kinds.size, np.int64)
    capacity = FIRST_CAPACITY if keep else 0
    while True:
        tape = np.empty((count, capacity, ROW))
        fired = moments_before(movable, moments)
        for run in prange(count):
            status[run], steps[run] = solve_run(
                theta[run], run, segments, movable, moments, sizes, fired, rtol, atol, method,
                keep, stored, tape[run], marks,
            )  # fmt: skip
        needed = steps.max()
        if not keep or needed <= capacity:
            for run in range(count):
                if status[run] > SOLVED:
                    write_failure(run, status[run], theta[run], board)
            return stored, status, tape, marks, fired
        capacity = needed


@entry
def pull(theta, segments, movable, moments, sizes, storedbar, status, tape, marks, fired):
    """
    Gradients by theta, moments, sizes, levels, slopes and amounts.

    Not-a-number by theta for a run that failed.
    """
    thetabar = np.zeros_like(theta)
    momentbar, sizebar = np.zeros_like(moments), np.zeros_like(sizes)
    levelbar = np.zeros_like(segments.levels)
    slopebar = np.zeros_like(segments.slopes)
    amountbar = np.zeros_like(segments.amounts)
    for run in prange(theta.shape[0]):
        if status[run] <= SOLVED:
            pull_run(
                theta[run], run, segments, movable, moments, sizes, fired, tape[run], marks,
                storedbar, thetabar[run], momentbar, sizebar, levelbar, slopebar, amountbar,
            )  # fmt: skip
        else:
            thetabar[run] = np.nan
    return thetabar, momentbar, sizebar, levelbar, slopebar, amountbar


@compiled
def write_failure(run, status, p, board):
    """Count a failed run on the board, by its code, and leave its values there."""
    board[status] += 1.0
    board[4] = run
    for i in range(min(p.size, board.size - 5)):
        board[5 + i] = p[i]


@compiled
def save_count(segments):
    """How many rows of states and outputs the segments store."""
    highest = -1
    for place in segments.saves:
        highest = max(highest, place)
    return highest + 1


@entry
def solve_draws(
    theta, segments, movable, moments, sizes, rtol, atol, method, first, last, stored, status,
    happened,
):  # fmt: skip
    """Solve draws `first` to `last` of theta (draws, runs, width) without a tape."""
    tape = np.empty((0, 0))
    marks = np.zeros(segments.saves.size + movable.kinds.size, np.int64)
    for draw in range(first, last):
        fired = moments_before(movable, moments[draw])
        for run in range(theta.shape[1]):
            status[draw, run], _ = solve_run(
                theta[draw, run], run, segments, movable, moments[draw], sizes[draw], fired, rtol,
                atol, method, False, stored[draw], tape, marks,
            )  # fmt: skip
        for event in range(movable.kinds.size):
            happened[draw, event] = fired[event, MOMENT]
