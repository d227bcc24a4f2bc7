"""The probability of several readings of one sample, its titer integrated out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesbio.data.table import Table
from bayesbio.errors import DataError
from bayesbio.inference.tails import is_symbolic, normal_log_cdf

NODES, WEIGHTS = np.polynomial.hermite.hermgauss(24)  # for readings below a limit


def joint_readings(
    names: Iterable[str], scale: str, table: Table
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give readings on the scale of the model, and which are quantified and below a limit."""
    names = tuple(names)
    values = np.array([table[name] for name in names], dtype=float).T
    flags = np.array([table.flag(name) for name in names]).T
    if np.isin(flags, ["above", "between"]).any():
        raise DataError(
            "Readings flagged 'above' or 'between' came; a bridge between assays takes quantified "
            "readings and those below a limit. Flag them 'excluded', or dilute and measure again."
        )
    below = (flags == "below") & np.isfinite(values)
    read = np.isfinite(values) & (flags == "")
    known = below | read
    if scale == "log":
        if (values[known] <= 0.0).any():
            raise DataError(
                f"{int((values[known] <= 0.0).sum())} readings are zero or less and have no "
                "logarithm. Flag them 'below' with the limit as value, or use scale='natural'."
            )
        values = np.log(np.where(known, values, 1.0))
    return np.where(known, values, 0.0), read, below


def titer_given(
    value: np.ndarray,
    read: np.ndarray,
    location: Any,
    between: Any,
    error: Any,
    start: Any,
    rise: Any,
) -> tuple[Any, Any]:
    """Mean and variance of the titer given quantified readings of one row, draw by draw."""
    weight = read / error**2
    precision = (weight * rise**2).sum(axis=-1)
    pull = (weight * rise * (value - start - rise * location[:, None])).sum(axis=-1)
    variance = 1.0 / (1.0 / between**2 + precision)
    return location + variance * pull, variance


def joint_log_likelihood(
    value: np.ndarray,
    read: np.ndarray,
    below: np.ndarray,
    location: Any,
    between: Any,
    error: Any,
    start: Any,
    rise: Any,
) -> Any:
    """
    Log probability of each row's readings, the titer integrated out.

    The readings of a row are normal with covariance between^2 slope slope' + diag(error^2): the
    matrix-determinant lemma and the Sherman-Morrison formula.
    """
    library: Any = pt if is_symbolic(location) else np
    seen = read.astype(float)
    residual = value - start - rise * location[:, None]
    weight = seen / error**2
    precision = (weight * rise**2).sum(axis=1)
    pull = (weight * rise * residual).sum(axis=1)
    variance = 1.0 / (1.0 / between**2 + precision)
    told = (
        -0.5 * (weight * residual**2).sum(axis=1)
        - (seen * (0.5 * np.log(2.0 * np.pi) + library.log(error))).sum(axis=1)
        - 0.5 * library.log(1.0 + between**2 * precision)
        + 0.5 * variance * pull**2
    )
    rows = np.flatnonzero(below.any(axis=1))
    if not rows.size:
        return told
    middle = (location + variance * pull)[rows]
    at = middle[:, None] + library.sqrt(2.0 * variance[rows])[:, None] * NODES
    reading = start + rise * at[:, :, None]
    tails = normal_log_cdf((value[rows][:, None, :] - reading) / error)
    inside = library.where(below[rows][:, None, :], tails, 0.0).sum(axis=2)
    inside = inside + np.log(WEIGHTS) - 0.5 * np.log(np.pi)
    top = inside.max(axis=1)
    extra = top + library.log(library.exp(inside - top[:, None]).sum(axis=1))
    if library is pt:
        return pt.inc_subtensor(told[rows], extra)
    told[rows] += extra
    return told
