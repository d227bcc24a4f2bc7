"""
One explicit step (Tsit5) and its exact adjoint.

The backward pass treats accepted steps as given, so the gradient is the exact gradient of the
numbers that the likelihood saw (the discrete adjoint; Hairer, Norsett & Wanner, Solving Ordinary
Differential Equations I, doi:10.1007/978-3-540-78862-1). With `implicit` and `driver` this file is
the template of every generated module: the kernels imported below are replaced by the model's.
"""

from __future__ import annotations

import math

from bayesbio.ode.kernels.kernel_interface import INPUTS, STATES, compiled, rates, rates_pullback
from bayesbio.ode.kernels.tableaus import (
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


@compiled
def set_inputs(time, inputs, u):
    """Evaluate the inputs (start of the segment, levels, slopes), linear within a segment."""
    start, level, slope = inputs
    for i in range(INPUTS):
        u[i] = level[i] + slope[i] * (time - start)


@compiled
def explicit_step(time, h, y, p, inputs, u, k, new, error):
    """
    Take one step from y, where k[0] holds the rates at its start.

    Fills the stages k[1] to k[6], the new state and the error estimate. Returns an estimate of
    h times the largest eigenvalue, from the two stages at the end of the step (Hairer & Wanner,
    Solving Ordinary Differential Equations II, IV.2, doi:10.1007/978-3-642-05221-7).
    """
    k1, k2, k3, k4, k5, k6, k7 = k[0], k[1], k[2], k[3], k[4], k[5], k[6]
    for i in range(STATES):
        new[i] = y[i] + h * (A21 * k1[i])
    set_inputs(time + C2 * h, inputs, u)
    rates(time + C2 * h, new, p, u, k2)
    for i in range(STATES):
        new[i] = y[i] + h * (A31 * k1[i] + A32 * k2[i])
    set_inputs(time + C3 * h, inputs, u)
    rates(time + C3 * h, new, p, u, k3)
    for i in range(STATES):
        new[i] = y[i] + h * (A41 * k1[i] + A42 * k2[i] + A43 * k3[i])
    set_inputs(time + C4 * h, inputs, u)
    rates(time + C4 * h, new, p, u, k4)
    for i in range(STATES):
        inner = A51 * k1[i] + A52 * k2[i] + A53 * k3[i] + A54 * k4[i]
        new[i] = y[i] + h * inner
    set_inputs(time + C5 * h, inputs, u)
    rates(time + C5 * h, new, p, u, k5)
    for i in range(STATES):
        inner = A61 * k1[i] + A62 * k2[i] + A63 * k3[i] + A64 * k4[i] + A65 * k5[i]
        error[i] = y[i] + h * inner  # the last stage's argument, kept for the estimate below
    set_inputs(time + h, inputs, u)
    rates(time + h, error, p, u, k6)
    apart = 0.0
    for i in range(STATES):
        inner = B1 * k1[i] + B2 * k2[i] + B3 * k3[i] + B4 * k4[i]
        new[i] = y[i] + h * (inner + B5 * k5[i] + B6 * k6[i])
        apart += (new[i] - error[i]) ** 2
    rates(time + h, new, p, u, k7)
    faster = 0.0
    for i in range(STATES):
        faster += (k7[i] - k6[i]) ** 2
        inner = E1 * k1[i] + E2 * k2[i] + E3 * k3[i] + E4 * k4[i]
        error[i] = h * (inner + E5 * k5[i] + E6 * k6[i] + E7 * k7[i])
    return h * math.sqrt(faster / apart) if apart > 0.0 else 0.0


@compiled
def after_explicit_step(row, state):
    """State at the end of a step on the tape."""
    h, y, k = row[1], row[3 : 3 + STATES], row[3 + STATES :].reshape(6, STATES)
    for i in range(STATES):
        inner = B1 * k[0, i] + B2 * k[1, i] + B3 * k[2, i] + B4 * k[3, i]
        state[i] = y[i] + h * (inner + B5 * k[4, i] + B6 * k[5, i])


@compiled
def pull_explicit_step(row, p, inputs, adjoint, work, u, ubar, bars):
    """Pull the adjoint of the state back through one step on the tape."""
    time, h = row[0], row[1]
    y, k = row[3 : 3 + STATES], row[3 + STATES :].reshape(6, STATES)
    k1, k2, k3, k4, k5 = k[0], k[1], k[2], k[3], k[4]
    y1, y2, y3, y4, y5, y6 = work[0], work[1], work[2], work[3], work[4], work[5]
    state, w = work[6], work[7]
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


@compiled
def pull_stage(time, inputs, y, p, w, ybar, u, ubar, bars):
    """Pull one stage's evaluation of the rates back."""
    start, level, slope = inputs
    pbar, levelbar, slopebar = bars
    set_inputs(time, inputs, u)
    for i in range(INPUTS):
        ubar[i] = 0.0
    rates_pullback(time, y, p, u, w, ybar, pbar, ubar)
    for i in range(INPUTS):
        levelbar[i] += ubar[i]
        slopebar[i] += ubar[i] * (time - start)
