"""
Integration of runs over their segments: step control, events, the tape and its way back.

Starts explicit; where the step is limited by stability rather than by accuracy, the rest of the
run is integrated implicitly. A step on the tape says which method took it.
"""

from __future__ import annotations

import math

import numpy as np

from bayesbio.ode.explicit import (
    after_explicit_step,
    explicit_step,
    pull_explicit_step,
    set_inputs,
)
from bayesbio.ode.implicit import after_implicit_step, implicit_step, pull_implicit_step
from bayesbio.ode.kernel_interface import (
    COLUMNS,
    FACTOR_COLUMNS,
    INPUTS,
    OBSERVED,
    STATES,
    compiled,
    entry,
    jump,
    jump_pullback,
    observe,
    observe_pullback,
    rates,
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
def solve_run(p, run, segments, rtol, atol, method, keep, stored, tape, marks):
    """
    Integrate one run.

    Writes states and outputs into `stored` at the save of each segment, accepted steps into
    `tape` (while there is room, if `keep`) and the count of steps at the end of each segment into
    `marks`. Returns a status and the number of accepted steps, which may exceed the tape's rows.
    """
    first, last = segments.runs[run], segments.runs[run + 1]
    y, new, error = np.empty(STATES), np.empty(STATES), np.empty(STATES)
    u, k = np.empty(INPUTS), np.empty((7, STATES))
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
    for segment in range(first, last):
        start, stop = segments.edges[segment, 0], segments.edges[segment, 1]
        inputs = (start, segments.levels[segment], segments.slopes[segment])
        for event in range(segments.jumps[segment], segments.jumps[segment + 1]):
            kind = segments.kinds[event]
            jump(kind, y, p, segments.amounts[event], segments.given[event], new)
            for i in range(STATES):
                y[i] = new[i]
        for i in range(STATES):
            if not abs(y[i]) < 1e300:
                status = NOT_FINITE
        if status > SOLVED:
            break
        if stop > start:
            time = start
            set_inputs(time, inputs, u)
            rates(time, y, p, u, k[0])
            if step <= 0.0:
                step = first_step(y, k[0], stop - start, rtol, atol)
            smallest = 1e-14 * max(abs(stop), stop - start)
            while time < stop:
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
                if size <= 1.0:
                    if keep and steps < tape.shape[0]:
                        row = tape[steps]
                        row[0], row[1], row[2] = time, h, IMPLICIT if implicit else EXPLICIT
                        stages = row[3 + STATES :].reshape(6, STATES)
                        for i in range(STATES):
                            row[3 + i] = y[i]
                            for stage in range(6):
                                stages[stage, i] = k[stage, i]
                    steps += 1
                    time = stop if reaches else time + h
                    for i in range(STATES):
                        y[i] = new[i]
                        k[0, i] = k[6, i]
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
                    # a step cut short by the segment's end says little about the next one
                    if h == step or change < 1.0 or h * change > step:
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
        marks[segment] = steps
        if segments.saves[segment] >= 0:
            observe(stop, y, p, stored[segments.saves[segment]])
    if status > SOLVED:
        for segment in range(first, last):
            if segments.saves[segment] >= 0:
                stored[segments.saves[segment]] = np.nan
    return status, steps


@compiled
def pull_run(p, run, segments, tape, marks, storedbar, pbar, levelbar, slopebar, amountbar):
    """Adjoint of `solve_run`: adds the gradients to pbar, levelbar, slopebar and amountbar."""
    first, last = segments.runs[run], segments.runs[run + 1]
    adjoint, through, state = np.zeros(STATES), np.zeros(STATES), np.empty(STATES)
    u, ubar, work = np.empty(INPUTS), np.empty(INPUTS), np.empty((9, STATES))
    values, factors = np.empty(COLUMNS.size), np.empty(FACTOR_COLUMNS.size)
    for segment in range(last - 1, first - 1, -1):
        start = segments.edges[segment, 0]
        inputs = (start, segments.levels[segment], segments.slopes[segment])
        bars = (pbar, levelbar[segment], slopebar[segment])
        lowest = marks[segment - 1] if segment > first else 0
        if segments.saves[segment] >= 0:
            state_at_end(p, first, segment, segments, tape, marks, state)
            weights = storedbar[segments.saves[segment]]
            observe_pullback(segments.edges[segment, 1], state, p, weights, adjoint, pbar)
        for step in range(marks[segment] - 1, lowest - 1, -1):
            if tape[step, 2] == EXPLICIT:
                pull_explicit_step(tape[step], p, inputs, adjoint, work, u, ubar, bars)
            else:
                pull_implicit_step(
                    tape[step], p, inputs, adjoint, work, values, factors, u, ubar, bars
                )
        for event in range(segments.jumps[segment + 1] - 1, segments.jumps[segment] - 1, -1):
            state_before_event(p, first, segment, event, segments, tape, marks, state)
            kind, amounts, given = segments.kinds[event], segments.amounts[event], segments.given
            jump_pullback(
                kind, state, p, amounts, given[event], adjoint, through, pbar, amountbar[event]
            )
            for i in range(STATES):
                adjoint[i] = through[i]
    begin = p.size - STATES
    for i in range(STATES):
        pbar[begin + i] += adjoint[i]


@compiled
def after_step(row, state):
    """State at the end of a step on the tape."""
    if row[2] == EXPLICIT:
        after_explicit_step(row, state)
    else:
        after_implicit_step(row, state)


@compiled
def state_at_end(p, first, segment, segments, tape, marks, state):
    """State at the end of a segment: after its last step, or its start where it has no steps."""
    lowest = marks[segment - 1] if segment > first else 0
    if marks[segment] > lowest:
        after_step(tape[marks[segment] - 1], state)
    else:
        every = segments.jumps[segment + 1]
        state_before_event(p, first, segment, every, segments, tape, marks, state)


@compiled
def state_before_event(p, first, segment, event, segments, tape, marks, state):
    """State at the start of a segment, just before one of its events."""
    before = segment  # segments from here on took no step before the event
    while before > first:
        lowest = marks[before - 2] if before - 1 > first else 0
        if marks[before - 1] > lowest:
            break
        before -= 1
    if before > first:
        after_step(tape[marks[before - 1] - 1], state)
    else:
        begin = p.size - STATES
        for i in range(STATES):
            state[i] = p[begin + i]
    after = np.empty(STATES)
    for place in range(segments.jumps[before], event):
        kind = segments.kinds[place]
        jump(kind, state, p, segments.amounts[place], segments.given[place], after)
        for i in range(STATES):
            state[i] = after[i]


@entry
def solve(theta, segments, rtol, atol, method, keep):
    """
    Solve every run once.

    Returns what was stored (saves, observed), a status a run, the tape (runs, rows, width) and
    the marks of its segments.
    """
    count = theta.shape[0]
    stored = np.empty((save_count(segments), OBSERVED))
    status = np.empty(count, np.int64)
    marks = np.zeros(segments.saves.size, np.int64)
    capacity = FIRST_CAPACITY if keep else 0
    while True:
        tape = np.empty((count, capacity, ROW))
        needed = 0
        for run in range(count):
            status[run], steps = solve_run(
                theta[run], run, segments, rtol, atol, method, keep, stored, tape[run], marks
            )
            needed = max(needed, steps)
        if not keep or needed <= capacity:
            return stored, status, tape, marks
        capacity = needed


@entry
def pull(theta, segments, storedbar, status, tape, marks):
    """Gradients by theta, levels, slopes and amounts; not-a-number for a run that failed."""
    thetabar = np.zeros_like(theta)
    levelbar = np.zeros_like(segments.levels)
    slopebar = np.zeros_like(segments.slopes)
    amountbar = np.zeros_like(segments.amounts)
    for run in range(theta.shape[0]):
        if status[run] <= SOLVED:
            pull_run(
                theta[run], run, segments, tape[run], marks, storedbar,
                thetabar[run], levelbar, slopebar, amountbar,
            )  # fmt: skip
        else:
            thetabar[run] = np.nan
    return thetabar, levelbar, slopebar, amountbar


@compiled
def save_count(segments):
    """How many rows of states and outputs the segments store."""
    highest = -1
    for place in segments.saves:
        highest = max(highest, place)
    return highest + 1


@entry
def solve_draws(theta, segments, rtol, atol, method, first, last, stored, status):
    """Solve draws `first` to `last` of theta (draws, runs, width) without a tape."""
    tape = np.empty((0, ROW))
    marks = np.zeros(segments.saves.size, np.int64)
    for draw in range(first, last):
        for run in range(theta.shape[1]):
            status[draw, run], _ = solve_run(
                theta[draw, run],
                run,
                segments,
                rtol,
                atol,
                method,
                False,
                stored[draw],
                tape,
                marks,
            )
