"""
Template for process models that give their solution in closed form: no steps, no tape.

It offers the same functions as `explicit`, so everything above sees one kind of kernel.
"""

from __future__ import annotations

import numpy as np

from bayesbio.ode.kernel_interface import (
    OBSERVED,
    STATES,
    compiled,
    observe,
    observe_pullback,
    solution,
    solution_pullback,
)

# --- template ---
SOLVED = 0
NOT_FINITE = 3


@compiled
def solve(
    theta, runs, edges, saves, levels, slopes, jumps, kinds, amounts, given, rtol, atol, keep
):
    """Evaluate every run at its save times; the tape and marks stay empty."""
    stored = np.empty((save_count(saves), OBSERVED))
    status = np.empty(theta.shape[0], np.int64)
    for run in range(theta.shape[0]):
        status[run] = evaluate(theta[run], runs[run], runs[run + 1], edges, saves, stored)
    return stored, status, np.empty((0, 0, 0)), np.empty(0, np.int64)


@compiled
def evaluate(p, first, last, edges, saves, stored):
    """Evaluate one run."""
    y = np.empty(STATES)
    for segment in range(first, last):
        if saves[segment] >= 0:
            time = edges[segment, 1]
            solution(time, p, y)
            for i in range(STATES):
                if not abs(y[i]) < 1e300:
                    for failed in range(first, last):
                        if saves[failed] >= 0:
                            stored[saves[failed]] = np.nan
                    return NOT_FINITE
            observe(time, y, p, stored[saves[segment]])
    return SOLVED


@compiled
def pull(
    theta,
    runs,
    edges,
    saves,
    levels,
    slopes,
    jumps,
    kinds,
    amounts,
    given,
    storedbar,
    status,
    tape,
    marks,
):
    """Gradients by theta; inputs and events play no part in a closed form."""
    thetabar = np.zeros_like(theta)
    y = np.empty(STATES)
    ybar = np.empty(STATES)
    for run in range(theta.shape[0]):
        if status[run] != SOLVED:
            thetabar[run] = np.nan
            continue
        for segment in range(runs[run], runs[run + 1]):
            if saves[segment] >= 0:
                time = edges[segment, 1]
                solution(time, theta[run], y)
                ybar[:] = 0.0
                observe_pullback(
                    time, y, theta[run], storedbar[saves[segment]], ybar, thetabar[run]
                )
                solution_pullback(time, theta[run], ybar, thetabar[run])
    return thetabar, np.zeros_like(levels), np.zeros_like(slopes), np.zeros_like(amounts)


@compiled
def save_count(saves):
    """How many rows of states and outputs a schedule stores."""
    highest = -1
    for place in saves:
        highest = max(highest, place)
    return highest + 1


@compiled
def solve_draws(
    theta,
    runs,
    edges,
    saves,
    levels,
    slopes,
    jumps,
    kinds,
    amounts,
    given,
    rtol,
    atol,
    first,
    last,
    stored,
    status,
):
    """Evaluate draws `first` to `last` of theta (draws, runs, width)."""
    for draw in range(first, last):
        for run in range(theta.shape[1]):
            status[draw, run] = evaluate(
                theta[draw, run], runs[run], runs[run + 1], edges, saves, stored[draw]
            )
