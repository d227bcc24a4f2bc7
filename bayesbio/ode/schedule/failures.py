"""Why runs could not be solved: counted by reason, with the parameters of one, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bayesbio.ode.codegen.trace import Trace

REASONS = {
    1: "the step became too small",
    2: "more than the allowed number of steps was needed",
    3: "the state was no longer a finite number",
}
SHOWN = 4  # so many parameters of the worst case are named
RUN, VALUES = 4, 5  # places on a board: counts by code stand in 1 to 3, then run, then theta


def new_board(traced: Trace) -> np.ndarray:
    """
    Make an empty board, on which kernels write which runs they could not solve.

    Shape (5 + width,): unused, counts of the codes 1 to 3, the run of the last failure, and its
    parameters, settings and initial states.
    """
    return np.zeros(VALUES + len(traced.p))


def in_words(
    board: np.ndarray,
    traced: Trace,
    runs: Sequence[str],
    typical: Mapping[str, tuple[float, float]] | None = None,
) -> str:
    """
    Say what a board tells.

    Parameters
    ----------
    board : array
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
    counts = {reason: int(board[code]) for code, reason in REASONS.items() if board[code] > 0}
    if not counts:
        return ""
    values = dict(zip(traced.parameters, board[VALUES:].tolist(), strict=False))
    ordered = sorted(values, key=lambda name: -_distance(values[name], (typical or {}).get(name)))
    units = {name: unit for name, unit in traced.model.units.items() if unit != "1"}
    shown = ", ".join(
        f"{name} = {values[name]:.3g} {units.get(name, '')}".rstrip() for name in ordered[:SHOWN]
    )
    told = ", ".join(f"{reason} ({count})" for reason, count in counts.items())
    run = runs[int(board[RUN])] if int(board[RUN]) < len(runs) else "?"
    return (
        f"{sum(counts.values())} solutions of a run were given up while sampling and tuning: "
        f"{told}; the last of them in run {run}, at {shown}"
    )


def _distance(value: float, typical: tuple[float, float] | None) -> Any:
    if typical is None or not value > 0.0:
        return np.inf if not np.isfinite(value) else 0.0
    mean, sd = typical
    return abs(np.log(value) - mean) / max(sd, 1e-12)
