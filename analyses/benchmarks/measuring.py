"""What the benchmarks share: timing, work-precision curves, ratios at equal accuracy, files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

REPORTS = Path(__file__).parents[2] / "reports" / "benchmarks"

Curve = list[tuple[float, float, float]]  # (tolerance, error, seconds)


def best_seconds(
    call: Callable[[], Any],
    *,
    budget: float = 1.0,
    least: int = 5,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """
    Shortest of repeated calls: the time that other work on the machine disturbs least.

    Calls of many milliseconds are better timed by ``time.process_time`` on a machine with other
    work.
    """
    call()
    best, spent, calls = np.inf, 0.0, 0
    while spent < budget or calls < least:
        start = clock()
        call()
        last = clock() - start
        best, spent, calls = min(best, last), spent + last, calls + 1
    return float(best)


def curve(
    solve: Callable[[float], Any],
    tolerances: Sequence[float],
    error_of: Callable[[Any], float],
    *,
    repeats: int = 1,
    budget: float = 1.0,
) -> Curve:
    """Error and time of a solver over its tolerances; a call may do the same work repeatedly."""
    rows = []
    for tolerance in tolerances:
        try:
            error = error_of(solve(tolerance))
        except (RuntimeError, ValueError, ArithmeticError) as failure:
            print(f"  tolerance {tolerance:g}: {failure}")
            continue
        seconds = best_seconds(lambda at=tolerance: solve(at), budget=budget) / repeats
        rows.append((tolerance, error, seconds))
        print(f"  tolerance {tolerance:.0e}: error {error:.1e}, {1e3 * seconds:.3f} ms", flush=True)
    return rows


def seconds_at(rows: Curve, error: float) -> float | None:
    """Time a solver needs for an error, between its measured points; None outside of them."""
    usable = sorted((e, s) for _, e, s in rows if np.isfinite(e) and e > 0)
    if not usable or not usable[0][0] <= error:
        return None
    errors = np.array([e for e, _ in usable])
    seconds = np.array([s for _, s in usable])
    return float(np.exp(np.interp(np.log(error), np.log(errors), np.log(seconds))))


def ratios(ours: Curve, peers: dict[str, Curve], errors: Sequence[float]) -> dict[str, float]:
    """Our time over each peer's at equal error: geometric mean over the errors both reach."""
    found = {}
    for peer, rows in peers.items():
        logs = [
            np.log(mine / theirs)
            for error in errors
            if (mine := seconds_at(ours, error)) and (theirs := seconds_at(rows, error))
        ]
        if logs:
            found[peer] = float(np.exp(np.mean(logs)))
    return found


def write_case(case: str, found: dict[str, float], **more: Any) -> Path:
    """
    Write the ratios of a case, and whatever a reader needs to judge them.

    What an earlier run found of the case stays, unless this one found it anew.
    """
    REPORTS.mkdir(parents=True, exist_ok=True)
    path = REPORTS / f"{case}.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for key, value in {"ratios": found, **more}.items():
        merges = isinstance(value, dict) and isinstance(known.get(key), dict)
        known[key] = {**known[key], **value} if merges else value
    path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    print(f"{path.name}: {json.dumps(found, indent=1)}")
    return path
