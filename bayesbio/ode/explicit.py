"""
Explicit integration (Tsit5) over a schedule of segments, and the exact adjoint of its steps.

The forward pass keeps a tape of accepted steps; the backward pass treats them as given, so the
gradient is the exact gradient of the numbers that the likelihood saw (the discrete adjoint;
Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I, doi:10.1007/978-3-540-78862-1).
This file is also the template of every generated module: the kernels imported below are
replaced by those of the model.
"""

from __future__ import annotations

import math

import numpy as np

from bayesbio.ode.kernel_interface import (
    INPUTS,
    OBSERVED,
    STATES,
    compiled,
    jump,
    jump_pullback,
    observe,
    observe_pullback,
    rates,
    rates_pullback,
)
from bayesbio.ode.tableaus import (
    A21,
    A31,
    A32,
    A41,
    A42,
    A43,
    A51,
    A52,
    A53,
    A54,
    A61,
    A62,
    A63,
    A64,
    A65,
    B1,
    B2,
    B3,
    B4,
    B5,
    B6,
    C2,
    C3,
    C4,
    C5,
    E1,
    E2,
    E3,
    E4,
    E5,
    E6,
    E7,
)

# --- template ---
SOLVED = 0
STEP_TOO_SMALL = 1
TOO_MANY_STEPS = 2
NOT_FINITE = 3

MAXIMUM_STEPS = 20_000  # attempts in one run; a run that needs more is stiff or has exploded
FIRST_CAPACITY = 512  # rows of tape a run; grows when a run needs more
ROW = 2 + 7 * STATES  # a row of tape: time, step, state, six stages


@compiled
def set_inputs(time, start, level, slope, u):
    """Evaluate the inputs, which are linear within a segment."""
    for i in range(INPUTS):
        u[i] = level[i] + slope[i] * (time - start)


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
def solve_run(p, run, segments, rtol, atol, keep, stored, tape, marks):
    """
    Integrate one run.

    Writes states and outputs into `stored` at the save of each segment, accepted steps into
    `tape` (while there is room, if `keep`) and the count of steps at the end of each segment into
    `marks`. Returns a status and the number of accepted steps, which may exceed the tape's rows.
    """
    first, last = segments.runs[run], segments.runs[run + 1]
    y = np.empty(STATES)
    new = np.empty(STATES)
    error = np.empty(STATES)
    u = np.empty(INPUTS)
    k1, k2, k3, k4 = np.empty(STATES), np.empty(STATES), np.empty(STATES), np.empty(STATES)
    k5, k6, k7 = np.empty(STATES), np.empty(STATES), np.empty(STATES)
    begin = p.size - STATES
    for i in range(STATES):
        y[i] = p[begin + i]
    status = SOLVED
    steps = 0
    attempts = 0
    step = 0.0
    before = 1e-4  # the error of the step before, for the controller
    for segment in range(first, last):
        start, stop = segments.edges[segment, 0], segments.edges[segment, 1]
        level, slope = segments.levels[segment], segments.slopes[segment]
        for event in range(segments.jumps[segment], segments.jumps[segment + 1]):
            kind = segments.kinds[event]
            jump(kind, y, p, segments.amounts[event], segments.given[event], new)
            for i in range(STATES):
                y[i] = new[i]
        for i in range(STATES):
            if not abs(y[i]) < 1e300:
                status = NOT_FINITE
        if status != SOLVED:
            break
        if stop > start:
            time = start
            set_inputs(time, start, level, slope, u)
            rates(time, y, p, u, k1)
            if step <= 0.0:
                step = first_step(y, k1, stop - start, rtol, atol)
            smallest = 1e-14 * max(abs(stop), stop - start)
            while time < stop:
                h = step
                reaches = time + 1.01 * h >= stop
                if reaches:
                    h = stop - time
                elif time + 2.0 * h > stop:
                    h = 0.5 * (stop - time)
                for i in range(STATES):
                    new[i] = y[i] + h * (A21 * k1[i])
                set_inputs(time + C2 * h, start, level, slope, u)
                rates(time + C2 * h, new, p, u, k2)
                for i in range(STATES):
                    new[i] = y[i] + h * (A31 * k1[i] + A32 * k2[i])
                set_inputs(time + C3 * h, start, level, slope, u)
                rates(time + C3 * h, new, p, u, k3)
                for i in range(STATES):
                    new[i] = y[i] + h * (A41 * k1[i] + A42 * k2[i] + A43 * k3[i])
                set_inputs(time + C4 * h, start, level, slope, u)
                rates(time + C4 * h, new, p, u, k4)
                for i in range(STATES):
                    inner = A51 * k1[i] + A52 * k2[i] + A53 * k3[i] + A54 * k4[i]
                    new[i] = y[i] + h * inner
                set_inputs(time + C5 * h, start, level, slope, u)
                rates(time + C5 * h, new, p, u, k5)
                for i in range(STATES):
                    inner = A61 * k1[i] + A62 * k2[i] + A63 * k3[i] + A64 * k4[i] + A65 * k5[i]
                    new[i] = y[i] + h * inner
                set_inputs(time + h, start, level, slope, u)
                rates(time + h, new, p, u, k6)
                for i in range(STATES):
                    inner = B1 * k1[i] + B2 * k2[i] + B3 * k3[i] + B4 * k4[i]
                    new[i] = y[i] + h * (inner + B5 * k5[i] + B6 * k6[i])
                rates(time + h, new, p, u, k7)
                for i in range(STATES):
                    inner = E1 * k1[i] + E2 * k2[i] + E3 * k3[i] + E4 * k4[i]
                    error[i] = h * (inner + E5 * k5[i] + E6 * k6[i] + E7 * k7[i])
                size = error_norm(y, new, error, rtol, atol)
                attempts += 1
                if size <= 1.0:
                    if keep and steps < tape.shape[0]:
                        row = tape[steps]
                        row[0], row[1] = time, h
                        for i in range(STATES):
                            row[2 + i] = y[i]
                            row[2 + STATES + i] = k1[i]
                            row[2 + 2 * STATES + i] = k2[i]
                            row[2 + 3 * STATES + i] = k3[i]
                            row[2 + 4 * STATES + i] = k4[i]
                            row[2 + 5 * STATES + i] = k5[i]
                            row[2 + 6 * STATES + i] = k6[i]
                    steps += 1
                    for i in range(STATES):
                        y[i] = new[i]
                        k1[i] = k7[i]
                    time = stop if reaches else time + h
                    change = min(5.0, max(0.2, 0.9 * max(size, 1e-10) ** -0.17 * before**0.04))
                    before = max(size, 1e-4)
                    # a step cut short by the segment's end says little about the next one
                    if h == step or change < 1.0 or h * change > step:
                        step = h * change
                elif size < 1e300:
                    step = h * min(1.0, max(0.2, 0.9 * size**-0.2))
                else:
                    step = 0.1 * h
                if time < stop and step < smallest:
                    status = STEP_TOO_SMALL if size < 1e300 else NOT_FINITE
                    break
                if attempts >= MAXIMUM_STEPS and time < stop:
                    status = TOO_MANY_STEPS
                    break
            if status != SOLVED:
                break
        marks[segment] = steps
        if segments.saves[segment] >= 0:
            observe(stop, y, p, stored[segments.saves[segment]])
    if status != SOLVED:
        for segment in range(first, last):
            if segments.saves[segment] >= 0:
                stored[segments.saves[segment]] = np.nan
    return status, steps


@compiled
def pull_run(p, run, segments, tape, marks, storedbar, pbar, levelbar, slopebar, amountbar):
    """Adjoint of `solve_run`: adds the gradients to pbar, levelbar, slopebar and amountbar."""
    first, last = segments.runs[run], segments.runs[run + 1]
    adjoint = np.zeros(STATES)
    through = np.zeros(STATES)
    state = np.empty(STATES)
    u = np.empty(INPUTS)
    ubar = np.empty(INPUTS)
    w = np.empty(STATES)
    y1, y2, y3 = np.empty(STATES), np.empty(STATES), np.empty(STATES)
    y4, y5, y6 = np.empty(STATES), np.empty(STATES), np.empty(STATES)
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
            row = tape[step]
            time, h = row[0], row[1]
            y = row[2 : 2 + STATES]
            k1 = row[2 + STATES : 2 + 2 * STATES]
            k2 = row[2 + 2 * STATES : 2 + 3 * STATES]
            k3 = row[2 + 3 * STATES : 2 + 4 * STATES]
            k4 = row[2 + 4 * STATES : 2 + 5 * STATES]
            k5 = row[2 + 5 * STATES : 2 + 6 * STATES]
            for i in range(STATES):
                inner = A61 * k1[i] + A62 * k2[i] + A63 * k3[i] + A64 * k4[i] + A65 * k5[i]
                state[i] = y[i] + h * inner
                w[i] = h * B6 * adjoint[i]
            pull_stage(time + h, inputs, state, p, w, y6, u, ubar, bars)
            for i in range(STATES):
                inner = A51 * k1[i] + A52 * k2[i] + A53 * k3[i] + A54 * k4[i]
                state[i] = y[i] + h * inner
                w[i] = h * (B5 * adjoint[i] + A65 * y6[i])
            pull_stage(time + C5 * h, inputs, state, p, w, y5, u, ubar, bars)
            for i in range(STATES):
                state[i] = y[i] + h * (A41 * k1[i] + A42 * k2[i] + A43 * k3[i])
                w[i] = h * (B4 * adjoint[i] + A64 * y6[i] + A54 * y5[i])
            pull_stage(time + C4 * h, inputs, state, p, w, y4, u, ubar, bars)
            for i in range(STATES):
                state[i] = y[i] + h * (A31 * k1[i] + A32 * k2[i])
                w[i] = h * (B3 * adjoint[i] + A63 * y6[i] + A53 * y5[i] + A43 * y4[i])
            pull_stage(time + C3 * h, inputs, state, p, w, y3, u, ubar, bars)
            for i in range(STATES):
                state[i] = y[i] + h * (A21 * k1[i])
                inner = A62 * y6[i] + A52 * y5[i] + A42 * y4[i] + A32 * y3[i]
                w[i] = h * (B2 * adjoint[i] + inner)
            pull_stage(time + C2 * h, inputs, state, p, w, y2, u, ubar, bars)
            for i in range(STATES):
                inner = A61 * y6[i] + A51 * y5[i] + A41 * y4[i] + A31 * y3[i] + A21 * y2[i]
                w[i] = h * (B1 * adjoint[i] + inner)
            pull_stage(time, inputs, y, p, w, y1, u, ubar, bars)
            for i in range(STATES):
                adjoint[i] += y1[i] + y2[i] + y3[i] + y4[i] + y5[i] + y6[i]
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
def pull_stage(time, inputs, y, p, w, ybar, u, ubar, bars):
    """Pull one stage's evaluation of the rates back."""
    start, level, slope = inputs
    pbar, levelbar, slopebar = bars
    set_inputs(time, start, level, slope, u)
    for i in range(INPUTS):
        ubar[i] = 0.0
    rates_pullback(time, y, p, u, w, ybar, pbar, ubar)
    for i in range(INPUTS):
        levelbar[i] += ubar[i]
        slopebar[i] += ubar[i] * (time - start)


@compiled
def after_step(row, state):
    """State at the end of a step on the tape."""
    for i in range(STATES):
        inner = B1 * row[2 + STATES + i] + B2 * row[2 + 2 * STATES + i]
        inner += B3 * row[2 + 3 * STATES + i] + B4 * row[2 + 4 * STATES + i]
        inner += B5 * row[2 + 5 * STATES + i] + B6 * row[2 + 6 * STATES + i]
        state[i] = row[2 + i] + row[1] * inner


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


@compiled
def solve(theta, segments, rtol, atol, keep):
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
                theta[run], run, segments, rtol, atol, keep, stored, tape[run], marks
            )
            needed = max(needed, steps)
        if not keep or needed <= capacity:
            return stored, status, tape, marks
        capacity = needed


@compiled
def pull(theta, segments, storedbar, status, tape, marks):
    """Gradients by theta, levels, slopes and amounts; not-a-number for a run that failed."""
    thetabar = np.zeros_like(theta)
    levelbar = np.zeros_like(segments.levels)
    slopebar = np.zeros_like(segments.slopes)
    amountbar = np.zeros_like(segments.amounts)
    for run in range(theta.shape[0]):
        if status[run] == SOLVED:
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


@compiled
def solve_draws(theta, segments, rtol, atol, first, last, stored, status):
    """Solve draws `first` to `last` of theta (draws, runs, width) without a tape."""
    tape = np.empty((0, ROW))
    marks = np.zeros(segments.saves.size, np.int64)
    for draw in range(first, last):
        for run in range(theta.shape[1]):
            status[draw, run], _ = solve_run(
                theta[draw, run], run, segments, rtol, atol, False, stored[draw], tape, marks
            )
