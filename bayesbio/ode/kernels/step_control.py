"""
Step control: error norm, first step, positivity, root bracketing, and rows of the tape.

A component that the equations keep from falling below zero (the rates are quasi-positive there)
cannot cross zero: a step that carries it below is an artefact of its length and is tried again,
shorter (Shampine, Thompson, Kierzenka & Byrne 2005, doi:10.1016/j.amc.2004.12.011). Without this a
saturation constant far below the change of a step is stepped over.
"""

from __future__ import annotations

import math

from bayesbio.ode.kernels.explicit import set_inputs
from bayesbio.ode.kernels.kernel_interface import STATES, compiled, rates

BELOW_ZERO = 10.0  # absolute tolerances by which a component may undershoot zero


@compiled
def error_norm(y, new, error, options):
    """Root mean square of the error estimate in units of the tolerance."""
    total = 0.0
    for i in range(STATES):
        scaled = error[i] / (options.atol + options.rtol * max(abs(y[i]), abs(new[i])))
        total += scaled * scaled
    return math.sqrt(total / STATES)


@compiled
def first_step(y, slope, length, options):
    """Length of a cautious first step, from the size of the state and of its slope."""
    size = 0.0
    speed = 0.0
    for i in range(STATES):
        scale = options.atol + options.rtol * abs(y[i])
        size += (y[i] / scale) ** 2
        speed += (slope[i] / scale) ** 2
    if size < 1e-10 or speed < 1e-10 or not speed < 1e300:
        return 1e-3 * length
    return min(length, 0.01 * math.sqrt(size / speed))


@compiled
def share_before_zero(time, h, y, new, p, inputs, u, options, state, slope):
    """
    Share of a step at which the first component crosses zero that cannot; 1 where none does.

    Looks at components that end below zero by more than the tolerance: what the rates say on the
    line from y to new where the component is zero must explain at least half of where it ends.
    """
    allowed = -BELOW_ZERO * options.atol
    earliest = 1.0
    for i in range(STATES):
        if new[i] < allowed <= y[i]:
            share = max(y[i], 0.0) / (max(y[i], 0.0) - new[i])
            for j in range(STATES):
                state[j] = y[j] + share * (new[j] - y[j])
            state[i] = 0.0
            set_inputs(time + share * h, inputs, u)
            rates(time + share * h, state, p, u, slope)
            if h * slope[i] > 0.5 * new[i]:
                earliest = min(earliest, share)
    return earliest


@compiled
def bracketed_root(near, far, high, low):
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
