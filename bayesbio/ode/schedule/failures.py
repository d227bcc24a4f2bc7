"""Why runs could not be solved: counted by reason, with the parameters of one, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bayesbio.ode.codegen.trace import Trace
from bayesbio.ode.schedule.failure_log import FIRST, RECORDS, RING

REASONS = {
    1: "the step became too small",
    2: "more than the allowed number of steps was needed",
    3: "the state was no longer a finite number",
}
SHOWN = 4  # so many parameters of the last failure are named


def new_failure_log(traced: Trace) -> np.ndarray:
    """Make an empty log, in which kernels write which runs they could not solve."""
    return np.zeros(FIRST + RING * (1 + len(traced.p)))


def failure_records(log: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Run and values of the failures that a log still holds, oldest first."""
    records = log[FIRST:].reshape(RING, -1)
    count = int(log[RECORDS])
    rows = [records[ticket % RING] for ticket in range(max(0, count - RING), count)]
    return [(int(row[0]), row[1:]) for row in rows]


def failure_sentence(
    log: np.ndarray,
    traced: Trace,
    runs: Sequence[str],
    typical: Mapping[str, tuple[float, float]] | None = None,
) -> str:
    """
    Summarise a log of failures in a sentence.

    Parameters
    ----------
    log : array
        See `new_failure_log`.
    traced : Trace
    runs : sequence of str
        Their names.
    typical : mapping of parameter to (mean, sd), optional
        Of the logarithm of the parameter in the posterior: the parameters that lie furthest out
        are named first.

    Returns
    -------
    str
        Empty where every run was solved.
    """
    counts = {reason: int(log[code]) for code, reason in REASONS.items() if log[code] > 0}
    if not counts:
        return ""
    run, row = failure_records(log)[-1]
    values = dict(zip(traced.parameters, row.tolist(), strict=False))
    ordered = sorted(values, key=lambda name: -_distance(values[name], (typical or {}).get(name)))
    units = {name: unit for name, unit in traced.model.units.items() if unit != "1"}
    shown = ", ".join(
        f"{name} = {values[name]:.3g} {units.get(name, '')}".rstrip() for name in ordered[:SHOWN]
    )
    reasons = ", ".join(f"{reason} ({count})" for reason, count in counts.items())
    return (
        f"{sum(counts.values())} solutions of a run were given up while sampling and tuning: "
        f"{reasons}; the last of them in run {runs[run] if run < len(runs) else '?'}, at {shown}"
    )


def _distance(value: float, typical: tuple[float, float] | None) -> Any:
    if typical is None or not value > 0.0:
        return np.inf if not np.isfinite(value) else 0.0
    mean, sd = typical
    return abs(np.log(value) - mean) / max(sd, 1e-12)
