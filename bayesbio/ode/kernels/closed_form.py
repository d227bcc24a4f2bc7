"""
Template for process models that give their solution in closed form: no steps, no tape.

It offers the same functions as `entries`, so everything above sees one kind of kernel.
"""

from __future__ import annotations

import numpy as np

from bayesbio.ode.kernels.kernel_interface import (
    OBSERVED,
    STATES,
    allocating,
    entry,
    observe,
    observe_pullback,
    solution,
    solution_pullback,
)
from bayesbio.ode.schedule.bookkeeping import save_count, write_failure
from bayesbio.ode.schedule.segments import Gradients, Record

SOLVED = 0
NOT_FINITE = 3


@entry
def solve(theta, problem, options, log):
    """Evaluate every run at its save times; nothing is recorded."""
    segments = problem.segments
    stored = np.empty((save_count(segments), OBSERVED))
    status = np.empty(theta.shape[0], np.int64)
    for run in range(theta.shape[0]):
        status[run] = evaluate(theta[run], run, segments, stored)
        if status[run] > SOLVED:
            write_failure(run, status[run], theta[run], log)
    nothing = Record(np.empty((0, 0, 0)), np.empty(0, np.int64), np.empty((0, 3)))
    return stored, status, nothing


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
def pull(theta, problem, storedbar, status, record):
    """Gradients by theta; inputs and events play no part in a closed form."""
    segments = problem.segments
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
    return Gradients(
        thetabar, np.zeros_like(problem.triggers), np.zeros_like(problem.amounts),
        np.zeros_like(segments.levels), np.zeros_like(segments.slopes),
        np.zeros_like(segments.amounts),
    )  # fmt: skip


@entry
def sensitivities(theta, problem, status, record):
    """Differentiate everything that was stored by theta: an array (saves, observed, columns)."""
    segments = problem.segments
    table = np.full((save_count(segments), OBSERVED, theta.shape[1]), np.nan)
    weights, y, ybar = np.zeros(OBSERVED), np.empty(STATES), np.empty(STATES)
    for run in range(theta.shape[0]):
        if status[run] > SOLVED:
            continue
        for segment in range(segments.runs[run], segments.runs[run + 1]):
            if segments.saves[segment] < 0:
                continue
            time, rows = segments.edges[segment, 1], table[segments.saves[segment]]
            solution(time, theta[run], y)
            for output in range(OBSERVED):
                weights[output] = 1.0
                ybar[:] = 0.0
                rows[output] = 0.0
                observe_pullback(time, y, theta[run], weights, ybar, rows[output])
                solution_pullback(time, theta[run], ybar, rows[output])
                weights[output] = 0.0
    return table


@entry
def solve_draws(theta, problem, options, span, results):
    """Evaluate a span of draws of theta (draws, runs, width)."""
    stored, status, _ = results
    for draw in range(span[0], span[1]):
        for run in range(theta.shape[1]):
            status[draw, run] = evaluate(theta[draw, run], run, problem.segments, stored[draw])
