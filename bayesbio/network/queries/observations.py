"""What was read of a run, on the scales of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesbio.data.table import Table
from bayesbio.errors import DataError
from bayesbio.network.graph.nodes import numbers_for
from bayesbio.network.posterior import NetworkPosterior


def scored(
    posterior: NetworkPosterior, evidence: Any, until: float | None
) -> tuple[np.ndarray, list[str]]:
    """Standardise evidence, shape (runs, nodes), and name its runs."""
    if evidence is None:
        return np.full((1, len(posterior.names)), np.nan), ["new"]
    flags: dict[str, np.ndarray] = {}
    if isinstance(evidence, Table):
        frame = evidence.to_frame()
        flags = {name: evidence.flag(name) for name in frame if name in posterior.network}
    elif isinstance(evidence, pd.DataFrame):
        frame = evidence
    else:
        for name in evidence:
            posterior.network.node(name)
        given = {name: np.atleast_1d(numbers_for(name, v)) for name, v in dict(evidence).items()}
        lengths = {len(values) for values in given.values()} or {1}
        if len(lengths - {1}) > 1:
            raise DataError(
                f"Evidence came for {sorted(lengths)} runs; give every node one value, or one for "
                "each run."
            )
        frame = pd.DataFrame(
            {name: np.broadcast_to(values, max(lengths)) for name, values in given.items()},
            index=range(max(lengths)),
        )
    scores = np.full((len(frame), len(posterior.names)), np.nan)
    for k, name in enumerate(posterior.names):
        time = posterior.network[name].time
        if name not in frame or (until is not None and time is not None and time > until):
            continue
        values = np.array(frame[name], dtype=float)
        if name in flags:
            values[flags[name] != ""] = np.nan
        scores[:, k] = posterior.scores(name, values)
    if "run" in frame:
        return scores, [str(name) for name in frame["run"]]
    return scores, ["new"] if len(frame) == 1 else [f"run {k + 1}" for k in range(len(frame))]


def outside_observed_range(
    posterior: NetworkPosterior, scores: np.ndarray, runs: Sequence[str]
) -> list[str]:
    """Tell which readings, shape (runs, nodes), lie beyond what the network was fitted to."""
    told = []
    for k, name in enumerate(posterior.names):
        low, high = posterior.observed_range[:, k]
        for run in np.flatnonzero(np.isfinite(scores[:, k])).tolist():
            value = float(posterior.values(name, scores[run, k]))
            margin = 1e-9 * max(abs(low), abs(high), high - low)
            if value < low - margin or value > high + margin:
                told.append(
                    f"{name} = {value:.4g} ({runs[run]}) is outside what was observed, "
                    f"{low:.4g} to {high:.4g}"
                )
    return told


def draw_coords(posterior: NetworkPosterior) -> dict[str, Any]:
    """Give the coordinates of chains and draws."""
    return {
        "chain": np.arange(posterior.chains),
        "draw": np.arange(posterior.draws // posterior.chains),
    }
