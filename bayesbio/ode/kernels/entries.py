"""What is called from outside: solve all runs, pull gradients back, solve many draws."""

from __future__ import annotations

import numpy as np

from bayesbio.ode.kernels.backward import pull_run
from bayesbio.ode.kernels.forward import SOLVED, solve_run
from bayesbio.ode.kernels.kernel_interface import OBSERVED, STATES, entry
from bayesbio.ode.kernels.layout import TIME, known_event_times
from bayesbio.ode.schedule.bookkeeping import save_count, write_failure
from bayesbio.ode.schedule.failure_log import CAPACITY
from bayesbio.ode.schedule.segments import Gradients, Problem, Record

FIRST_CAPACITY = 512  # rows of tape a run; grows when a run needs more
ROW = 3 + 7 * STATES  # a row of tape: time, step, method, state, six stages


@entry
def solve(theta, problem, options, log):
    """
    Solve every run once; failures are written to the log (see `failure_log`).

    Returns what was stored (saves, observed), a status a run, and the `Record` of the solution.
    The log remembers how many rows of tape were needed, so that later calls have room at once.
    """
    count = theta.shape[0]
    segments, events = problem.segments, problem.events
    stored = np.empty((save_count(segments), OBSERVED))
    status = np.empty(count, np.int64)
    step_index = np.zeros(segments.saves.size + events.kinds.size, np.int64)
    capacity = max(FIRST_CAPACITY, int(log[CAPACITY])) if options.keep else 0
    while True:
        tape = np.empty((count, capacity, ROW))
        event_times = known_event_times(problem)
        needed = 0
        for run in range(count):
            status[run], steps = solve_run(
                theta[run], run, problem, options, stored, tape[run], step_index, event_times
            )
            needed = max(needed, steps)
        if not options.keep or needed <= capacity:
            for run in range(count):
                if status[run] > SOLVED:
                    write_failure(run, status[run], theta[run], log)
            return stored, status, Record(tape, step_index, event_times)
        capacity = needed + needed // 4
        log[CAPACITY] = capacity


@entry
def pull(theta, problem, storedbar, status, record):
    """Discrete adjoint of `solve`: `Gradients`; not-a-number by theta for a run that failed."""
    segments = problem.segments
    bars = Gradients(
        np.zeros_like(theta), np.zeros_like(problem.triggers), np.zeros_like(problem.amounts),
        np.zeros_like(segments.levels), np.zeros_like(segments.slopes),
        np.zeros_like(segments.amounts),
    )  # fmt: skip
    for run in range(theta.shape[0]):
        if status[run] > SOLVED:
            bars.theta[run] = np.nan
            continue
        of_run = Gradients(
            bars.theta[run], bars.triggers, bars.amounts, bars.levels, bars.slopes,
            bars.segment_amounts,
        )  # fmt: skip
        pull_run(
            theta[run], run, problem, record.tape[run], record.step_index, record.event_times,
            storedbar, of_run,
        )  # fmt: skip
    return bars


@entry
def solve_draws(theta, problem, options, span, results):
    """
    Solve a span of draws of theta (draws, runs, width), without a tape.

    Triggers and amounts of the problem have one row a draw; fills the results stored, status and
    the times of dynamic events.
    """
    stored, status, happened = results
    events = problem.events
    tape = np.empty((0, 0))
    step_index = np.zeros(problem.segments.saves.size + events.kinds.size, np.int64)
    for draw in range(span[0], span[1]):
        here = Problem(problem.segments, events, problem.triggers[draw], problem.amounts[draw])
        event_times = known_event_times(here)
        for run in range(theta.shape[1]):
            status[draw, run], _ = solve_run(
                theta[draw, run], run, here, options, stored[draw], tape, step_index, event_times
            )
        for event in range(events.kinds.size):
            happened[draw, event] = event_times[event, TIME]
