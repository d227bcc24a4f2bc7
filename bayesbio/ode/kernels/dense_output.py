"""
Dense output from recorded steps, and forward sensitivities of all that was stored.

States between steps come from the methods' own continuous extensions, of order 4 (Tsitouras 2011,
doi:10.1016/j.camwa.2011.06.002) and 3 (Steinebach 2020, doi:10.1007/978-3-030-53905-4_6).
Derivatives are those of the accepted steps, as the adjoint's: the map from reading to reading is
pulled back once for every state, then the maps are joined forwards.
"""

from __future__ import annotations

import numpy as np

from bayesbio.ode.kernels.backward import pull_pieces
from bayesbio.ode.kernels.explicit import set_inputs
from bayesbio.ode.kernels.forward import EXPLICIT, SOLVED, after_step, state_before
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
from bayesbio.ode.schedule.bookkeeping import save_count
from bayesbio.ode.schedule.segments import Gradients


@allocating
def continuous_extension(row, share, p, inputs, u, last, state):
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
def interpolate(theta, problem, status, record, first, times, stored):
    """
    Fill what is observed at any times of every run, between the steps that are on the tape.

    The times of a run, in order, are those from ``first[run]`` on; one at the time of an event
    sees the state before it, as a save does.
    """
    state, last, u = np.empty(STATES), np.empty(STATES), np.empty(INPUTS)
    level, slope = np.empty(INPUTS), np.empty(INPUTS)
    for run in range(theta.shape[0]):
        p, tape = theta[run], record.tape[run]
        if status[run] > SOLVED:
            stored[first[run] : first[run + 1]] = np.nan
            continue
        layout = lay_out(run, problem, record.event_times)
        offset = problem.segments.runs[run] + problem.events.runs[run]
        ends = record.step_index[offset : offset + layout.saves.size]
        piece, step = 0, 0
        for row in range(first[run], first[run + 1]):
            time = times[row]
            while piece < layout.saves.size - 1 and layout.edges[piece, 1] < time:
                piece += 1
            step = max(step, ends[piece - 1] if piece > 0 else 0)
            while step < ends[piece] - 1 and tape[step, 0] + tape[step, 1] < time:
                step += 1
            if step < ends[piece]:
                inputs = (inputs_of(piece, layout, problem, level, slope), level, slope)
                share = (time - tape[step, 0]) / tape[step, 1]
                continuous_extension(tape[step], share, p, inputs, u, last, state)
            else:  # a piece without a step: the start, or after a stop
                state_before(piece + 1, 0, p, layout, problem, tape, ends, state)
            observe(time, state, p, stored[row])


@entry
def sensitivities(theta, problem, status, record):
    """
    Differentiate everything that was stored by what its run depends on.

    Returns an array (saves, observed, columns): theta, then the triggers of the dynamic events of
    the run, then their amounts, event by event. Not-a-number for a run that failed.
    """
    events = problem.events
    most = 0
    for run in range(theta.shape[0]):
        most = max(most, events.runs[run + 1] - events.runs[run])
    width = theta.shape[1] + most * (1 + STATES)
    table = np.full((save_count(problem.segments), OBSERVED, width), np.nan)
    for run in range(theta.shape[0]):
        if status[run] <= SOLVED:
            sensitivities_of_run(
                theta[run], run, problem, record.tape[run], record.step_index, record.event_times,
                table,
            )  # fmt: skip
    return table


@allocating
def sensitivities_of_run(p, run, problem, tape, step_index, event_times, table):
    """Join the maps from reading to reading of one run."""
    segments, events = problem.segments, problem.events
    first_event, last_event = events.runs[run], events.runs[run + 1]
    count, width = last_event - first_event, table.shape[2]
    layout = lay_out(run, problem, event_times)
    offset = segments.runs[run] + events.runs[run]
    ends = step_index[offset : offset + layout.saves.size]
    by_state, by_value = np.empty((STATES, STATES)), np.empty((STATES, width))
    total, observed = np.zeros((STATES, width)), np.empty(OBSERVED)
    begin = p.size - STATES
    for i in range(STATES):
        total[i, begin + i] = 1.0
    state, weights = np.empty(STATES), np.zeros((table.shape[0], OBSERVED))
    triggerbar, amountbar = np.zeros_like(problem.triggers), np.zeros_like(problem.amounts)
    levelbar, slopebar = np.zeros_like(segments.levels), np.zeros_like(segments.slopes)
    segmentbar = np.zeros_like(segments.amounts)
    first = 0
    for piece in range(layout.saves.size):
        save = layout.saves[piece]
        if save < 0:
            continue
        by_state[:] = 0.0
        by_value[:] = 0.0
        for i in range(STATES):
            by_state[i, i] = 1.0
            triggerbar[first_event:last_event] = 0.0
            amountbar[first_event:last_event] = 0.0
            bars = Gradients(
                by_value[i, : p.size], triggerbar, amountbar, levelbar, slopebar, segmentbar
            )
            span = (first, piece + 1)
            pull_pieces(
                span, layout, p, problem, tape, ends, event_times, weights, by_state[i], bars
            )
            for event in range(count):
                by_value[i, p.size + event] = triggerbar[first_event + event]
                column = p.size + count + event * STATES
                by_value[i, column : column + STATES] = amountbar[first_event + event]
        total = by_state @ total + by_value
        first = piece + 1
        state_before(piece + 1, 0, p, layout, problem, tape, ends, state)
        for i in range(STATES):
            table[save, i] = total[i]
        observed[:] = 0.0
        for output in range(STATES, OBSERVED):
            observed[output] = 1.0
            towards, by_parameter = np.zeros(STATES), np.zeros(p.size)
            observe_pullback(layout.edges[piece, 1], state, p, observed, towards, by_parameter)
            table[save, output] = towards @ total
            for i in range(p.size):
                table[save, output, i] += by_parameter[i]
            observed[output] = 0.0
