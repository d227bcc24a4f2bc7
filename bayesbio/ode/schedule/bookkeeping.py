"""Bookkeeping that every kind of kernel shares: rows to store, and the log of failures."""

from __future__ import annotations

from bayesbio.ode.kernels.kernel_interface import compiled
from bayesbio.ode.schedule.failure_log import FIRST, RECORDS, RING, add_atomically


@compiled
def save_count(segments):
    """How many rows of states and outputs the segments store."""
    highest = -1
    for row in segments.saves:
        highest = max(highest, row)
    return highest + 1


@compiled
def write_failure(run, status, p, log):
    """Count a failed run in the log, by its code, and leave its values there."""
    add_atomically(log, status, 1.0)  # type: ignore[call-arg]
    ticket = add_atomically(log, RECORDS, 1.0)
    width = (log.size - FIRST) // RING
    begin = FIRST + width * (int(ticket) % RING)
    log[begin] = run
    for i in range(min(p.size, width - 1)):
        log[begin + 1 + i] = p[i]
