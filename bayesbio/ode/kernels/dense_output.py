"""
What else a tape tells: states between the steps, and derivatives of all that was stored.

States between steps come from the methods' own continuous extensions, of order 4 (Tsitouras 2011,
doi:10.1016/j.camwa.2011.06.002) and 3 (Steinebach 2020, doi:10.1007/978-3-030-53905-4_6).
Derivatives are those of the accepted steps, as the adjoint's: the map from reading to reading is
pulled back once for every state, then the maps are joined forwards.
"""

from __future__ import annotations

import numpy as np

from bayesbio.ode.kernels.driver import (
    EXPLICIT,
    SOLVED,
    after_step,
    pull_pieces,
    save_count,
    state_before,
)
from bayesbio.ode.kernels.explicit import set_inputs
from bayesbio.ode.kernels.kernel_interface import (
    INPUTS,
    OBSERVED,
    STATES,
    allocating,
    entry,
    observe,
    observe_pullback,
    rates,
)
from bayesbio.ode.kernels.layout import inputs_of, lay_out
from bayesbio.ode.kernels.tableaus import DENSE, STIFF_A, STIFF_H


# --- template ---
@allocating
def between_steps(row, share, p, inputs, u, last, state):
    """State at a share of a step on the tape, by the continuous extension of its method."""
    time, h = row[0], row[1]
    y, k = row[3 : 3 + STATES], row[3 + STATES :].reshape(6, STATES)
    if row[2] == EXPLICIT:
        after_step(row, state)
        set_inputs(time + h, inputs, u)
        rates(time + h, state, p, u, last)
        weights = np.empty(7)
        for stage in range(7):
            total = 0.0
            for power in range(3, -1, -1):
                total = total * share + DENSE[stage, power]
            weights[stage] = h * share * total
        for i in range(STATES):
            total = y[i] + weights[6] * last[i]
            for stage in range(6):
                total += weights[stage] * k[stage, i]
            state[i] = total
    else:
        for i in range(STATES):
            rise, one, two = k[5, i], 0.0, 0.0
            for stage in range(5):
                rise += STIFF_A[5, stage] * k[stage, i]
                one += STIFF_H[0, stage] * k[stage, i]
                two += STIFF_H[1, stage] * k[stage, i]
            state[i] = y[i] + share * (rise + (1.0 - share) * (one + share * two))


@entry
def read_between(
    theta, segments, movable, sizes, status, tape, marks, fired, looks, times, stored
):  # fmt: skip
    """
    Fill what is observed at any times of every run, between the steps that are on the tape.

    The times of a run, in order, are those from ``looks[run]`` on; one at the moment of an event
    sees the state before it, as a save does.
    """
    state, last, u = np.empty(STATES), np.empty(STATES), np.empty(INPUTS)
    level, slope = np.empty(INPUTS), np.empty(INPUTS)
    for run in range(theta.shape[0]):
        p = theta[run]
        if status[run] > SOLVED:
            stored[looks[run] : looks[run + 1]] = np.nan
            continue
        layout = lay_out(run, segments, movable, fired)
        offset = segments.runs[run] + movable.runs[run]
        ends = marks[offset : offset + layout.saves.size]
        piece, step = 0, 0
        for look in range(looks[run], looks[run + 1]):
            time = times[look]
            while piece < layout.saves.size - 1 and layout.edges[piece, 1] < time:
                piece += 1
            step = max(step, ends[piece - 1] if piece > 0 else 0)
            while step < ends[piece] - 1 and tape[run, step, 0] + tape[run, step, 1] < time:
                step += 1
            if step < ends[piece]:
                row = tape[run, step]
                inputs = (inputs_of(piece, layout, segments, sizes, level, slope), level, slope)
                between_steps(row, (time - row[0]) / row[1], p, inputs, u, last, state)
            else:  # a piece without a step: the start, or after a stop
                state_before(
                    piece + 1, 0, p, layout, segments, movable, sizes, tape[run], ends, state
                )
            observe(time, state, p, stored[look])


@entry
def sensitivities(theta, segments, movable, moments, sizes, status, tape, marks, fired):
    """
    Differentiate everything that was stored by what its run holds.

    Returns an array (saves, observed, columns): theta, then the moments of the movable events of
    the run, then their sizes, event by event. Not-a-number for a run that failed.
    """
    most = 0
    for run in range(theta.shape[0]):
        most = max(most, movable.runs[run + 1] - movable.runs[run])
    width = theta.shape[1] + most * (1 + STATES)
    found = np.full((save_count(segments), OBSERVED, width), np.nan)
    for run in range(theta.shape[0]):
        if status[run] <= SOLVED:
            sensitivities_of_run(
                theta[run], run, segments, movable, moments, sizes, fired, tape[run], marks, found
            )
    return found


@allocating
def sensitivities_of_run(
    p, run, segments, movable, moments, sizes, fired, tape, marks, found
):  # fmt: skip
    """Join the maps from reading to reading of one run."""
    first_event, last_event = movable.runs[run], movable.runs[run + 1]
    events, width = last_event - first_event, found.shape[2]
    layout = lay_out(run, segments, movable, fired)
    offset = segments.runs[run] + movable.runs[run]
    ends = marks[offset : offset + layout.saves.size]
    by_state, by_value = np.empty((STATES, STATES)), np.empty((STATES, width))
    total, observed = np.zeros((STATES, width)), np.empty(OBSERVED)
    begin = p.size - STATES
    for i in range(STATES):
        total[i, begin + i] = 1.0
    state, weights = np.empty(STATES), np.zeros((found.shape[0], OBSERVED))
    momentbar, sizebar = np.zeros_like(moments), np.zeros_like(sizes)
    levelbar, slopebar = np.zeros_like(segments.levels), np.zeros_like(segments.slopes)
    amountbar = np.zeros_like(segments.amounts)
    first = 0
    for piece in range(layout.saves.size):
        save = layout.saves[piece]
        if save < 0:
            continue
        by_state[:] = 0.0
        by_value[:] = 0.0
        for i in range(STATES):
            by_state[i, i] = 1.0
            momentbar[first_event:last_event] = 0.0
            sizebar[first_event:last_event] = 0.0
            pull_pieces(
                first, piece + 1, layout, p, run, segments, movable, moments, sizes, fired, tape,
                marks, weights, by_state[i], by_value[i, : p.size], momentbar, sizebar, levelbar,
                slopebar, amountbar,
            )  # fmt: skip
            for event in range(events):
                by_value[i, p.size + event] = momentbar[first_event + event]
                place = p.size + events + event * STATES
                by_value[i, place : place + STATES] = sizebar[first_event + event]
        total = by_state @ total + by_value
        first = piece + 1
        state_before(piece + 1, 0, p, layout, segments, movable, sizes, tape, ends, state)
        for i in range(STATES):
            found[save, i] = total[i]
        observed[:] = 0.0
        for output in range(STATES, OBSERVED):
            observed[output] = 1.0
            towards, by_parameter = np.zeros(STATES), np.zeros(p.size)
            observe_pullback(layout.edges[piece, 1], state, p, observed, towards, by_parameter)
            found[save, output] = towards @ total
            for i in range(p.size):
                found[save, output, i] += by_parameter[i]
            observed[output] = 0.0
