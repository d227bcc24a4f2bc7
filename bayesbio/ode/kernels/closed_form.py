"""
Template for process models that give their solution in closed form: no steps, no tape.

It offers the same functions as `driver`, so everything above sees one kind of kernel.
"""

from __future__ import annotations

import numpy as np

from bayesbio.ode.kernels.kernel_interface import (
    OBSERVED,
    STATES,
    allocating,
    compiled,
    entry,
    observe,
    observe_pullback,
    solution,
    solution_pullback,
)

# --- template ---
SOLVED = 0
NOT_FINITE = 3


@entry
def solve(theta, segments, movable, moments, sizes, board, rtol, atol, method, keep):
    """Evaluate every run at its save times; the tape and marks stay empty."""
    stored = np.empty((save_count(segments), OBSERVED))
    status = np.empty(theta.shape[0], np.int64)
    for run in range(theta.shape[0]):
        status[run] = evaluate(theta[run], run, segments, stored)
        if status[run] > SOLVED:
            board[status[run]] += 1.0
            board[4] = run
            for i in range(min(theta.shape[1], board.size - 5)):
                board[5 + i] = theta[run, i]
    return stored, status, np.empty((0, 0, 0)), np.empty(0, np.int64), np.empty((0, 3))


@allocating
def evaluate(p, run, segments, stored):
    """Evaluate one run."""
    y = np.empty(STATES)
    first, last = segments.runs[run], segments.runs[run + 1]
    for segment in range(first, last):
        if segments.saves[segment] >= 0:
            time = segments.edges[segment, 1]
            solution(time, p, y)
            for i in range(STATES):
                if not abs(y[i]) < 1e300:
                    for failed in range(first, last):
                        if segments.saves[failed] >= 0:
                            stored[segments.saves[failed]] = np.nan
                    return NOT_FINITE
            observe(time, y, p, stored[segments.saves[segment]])
    return SOLVED


@entry
def pull(theta, segments, movable, moments, sizes, storedbar, status, tape, marks, fired):
    """Gradients by theta; inputs and events play no part in a closed form."""
    thetabar = np.zeros_like(theta)
    y = np.empty(STATES)
    ybar = np.empty(STATES)
    for run in range(theta.shape[0]):
        if status[run] != SOLVED:
            thetabar[run] = np.nan
            continue
        p, pbar = theta[run], thetabar[run]
        for segment in range(segments.runs[run], segments.runs[run + 1]):
            if segments.saves[segment] >= 0:
                time = segments.edges[segment, 1]
                solution(time, p, y)
                ybar[:] = 0.0
                observe_pullback(time, y, p, storedbar[segments.saves[segment]], ybar, pbar)
                solution_pullback(time, p, ybar, pbar)
    none = np.zeros_like(segments.levels)
    idle = np.zeros_like(moments), np.zeros_like(sizes)
    return thetabar, idle[0], idle[1], none, none.copy(), np.zeros_like(segments.amounts)


@entry
def sensitivities(theta, segments, movable, moments, sizes, status, tape, marks, fired):
    """Differentiate everything that was stored by theta: an array (saves, observed, columns)."""
    found = np.full((save_count(segments), OBSERVED, theta.shape[1]), np.nan)
    weights, y, ybar = np.zeros(OBSERVED), np.empty(STATES), np.empty(STATES)
    for run in range(theta.shape[0]):
        if status[run] > SOLVED:
            continue
        for segment in range(segments.runs[run], segments.runs[run + 1]):
            if segments.saves[segment] < 0:
                continue
            time, rows = segments.edges[segment, 1], found[segments.saves[segment]]
            solution(time, theta[run], y)
            for output in range(OBSERVED):
                weights[output] = 1.0
                ybar[:] = 0.0
                rows[output] = 0.0
                observe_pullback(time, y, theta[run], weights, ybar, rows[output])
                solution_pullback(time, theta[run], ybar, rows[output])
                weights[output] = 0.0
    return found


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
    """Evaluate draws `first` to `last` of theta (draws, runs, width)."""
    for draw in range(first, last):
        for run in range(theta.shape[1]):
            status[draw, run] = evaluate(theta[draw, run], run, segments, stored[draw])
