"""
One implicit step for stiff stretches, and its exact adjoint.

Rodas4P2: a Rosenbrock method of six stages, orders 4 and 3, L-stable and stiffly accurate
(Steinebach 2020, doi:10.1007/978-3-030-53905-4_6). A step takes one exact Jacobian and one
factorisation; nothing is iterated, so the adjoint is exact to rounding. The Jacobian is part of the
scheme: its derivative enters as the `curvature` of the rates.
"""

from __future__ import annotations

from bayesbio.ode.kernels.explicit import pull_stage, set_inputs
from bayesbio.ode.kernels.kernel_interface import (
    INPUTS,
    STATES,
    compiled,
    curvature,
    drift,
    drift_pullback,
    jacobian,
    rates,
)
from bayesbio.ode.kernels.sparse_lu import (
    backward_error,
    factorise,
    solve_factorised,
    solve_transposed,
)
from bayesbio.ode.kernels.tableaus import GAMMA, STIFF_A, STIFF_C, STIFF_D, STIFF_G

POOR = 1e-9  # backward error of a linear solve beyond which the step is tried again, shorter


@compiled
def implicit_step(time, h, y, p, inputs, u, k, new, error, workspace):
    """
    Take one implicit step from y.

    Fills the stages k[0] to k[5], the new state and the error estimate. The workspace holds the
    Jacobian's values, its factors and two rows of states. Returns whether the linear equations
    could be solved well.
    """
    values, factors, work = workspace
    right, moving = work[0], work[1]
    set_inputs(time, inputs, u)
    jacobian(time, y, p, u, values)
    shift = 1.0 / (h * GAMMA)
    if not factorise(values, shift, factors, right):
        return False
    drift(time, y, p, u, inputs[2], moving)
    for stage in range(6):
        for i in range(STATES):
            new[i] = y[i]
            right[i] = h * STIFF_D[stage] * moving[i]
        for j in range(stage):
            a, g = STIFF_A[stage, j], STIFF_G[stage, j] / h
            for i in range(STATES):
                new[i] += a * k[j, i]
                right[i] += g * k[j, i]
        moment = time + STIFF_C[stage] * h
        set_inputs(moment, inputs, u)
        rates(moment, new, p, u, error)
        for i in range(STATES):
            right[i] += error[i]
            k[stage, i] = right[i]
        solve_factorised(factors, k[stage], error)
        if stage == 0 and not backward_error(values, shift, k[stage], right) < POOR:
            return False
    for i in range(STATES):
        error[i] = k[5, i]
        new[i] += error[i]
    return True


@compiled
def after_implicit_step(row, state):
    """State at the end of an implicit step on the tape."""
    y, k = row[3 : 3 + STATES], row[3 + STATES :].reshape(6, STATES)
    for i in range(STATES):
        total = k[5, i]
        for j in range(5):
            total += STIFF_A[5, j] * k[j, i]
        state[i] = y[i] + total


@compiled
def pull_implicit_step(row, p, inputs, adjoint, work, values, factors, u, ubar, bars):
    """Pull the adjoint of the state back through one implicit step on the tape."""
    time, h = row[0], row[1]
    y, k = row[3 : 3 + STATES], row[3 + STATES :].reshape(6, STATES)
    start, _, slope = inputs
    pbar, levelbar, slopebar = bars
    state, through, moving = work[6], work[7], work[8]
    set_inputs(time, inputs, u)
    jacobian(time, y, p, u, values)
    factorise(values, 1.0 / (h * GAMMA), factors, through)
    for i in range(STATES):
        work[5, i] = adjoint[i]
        moving[i] = 0.0
        for stage in range(5):
            work[stage, i] = STIFF_A[5, stage] * adjoint[i]
    for stage in range(5, -1, -1):
        w = work[stage]
        solve_transposed(factors, w, through)
        for i in range(STATES):
            state[i] = y[i]
            moving[i] += h * STIFF_D[stage] * w[i]
        for j in range(stage):
            a = STIFF_A[stage, j]
            for i in range(STATES):
                state[i] += a * k[j, i]
        pull_stage(time + STIFF_C[stage] * h, inputs, state, p, w, through, u, ubar, bars)
        for i in range(STATES):
            adjoint[i] += through[i]
        for j in range(stage):
            a, g = STIFF_A[stage, j], STIFF_G[stage, j] / h
            for i in range(STATES):
                work[j, i] += a * through[i] + g * w[i]
    set_inputs(time, inputs, u)
    for i in range(INPUTS):
        ubar[i] = 0.0
    curvature(time, y, p, u, k, work, adjoint, pbar, ubar)
    drift_pullback(time, y, p, u, slope, moving, adjoint, pbar, ubar, slopebar)
    for i in range(INPUTS):
        levelbar[i] += ubar[i]
        slopebar[i] += ubar[i] * (time - start)
