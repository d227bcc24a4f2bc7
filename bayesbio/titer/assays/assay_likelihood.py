"""The probability of several readings of one sample, its titer integrated out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesbio.data.table import Table
from bayesbio.errors import DataError
from bayesbio.inference.noise.tails import is_symbolic, log_probability_between, normal_log_cdf

NODES, WEIGHTS = np.polynomial.hermite.hermgauss(24)  # for readings below a limit


@dataclasses.dataclass(frozen=True, eq=False)
class JointReadings:
    """
    Readings of several assays on the scale of the model, each shape (rows, assays).

    Parameters
    ----------
    value : array
        Quantified readings, zero elsewhere.
    read : array of bool
        Which are quantified.
    low, high : array
        Limits of readings that are known to lie below, above or between; infinite elsewhere.
    """

    value: np.ndarray
    read: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def limited(self) -> np.ndarray:
        """Which readings are known by a limit only."""
        return np.isfinite(self.low) | np.isfinite(self.high)

    def scaled(self, centre: np.ndarray, spread: np.ndarray) -> JointReadings:
        """Give readings in spreads above a centre."""
        value, low, high = ((each - centre) / spread for each in (self.value, self.low, self.high))
        return JointReadings(value, self.read, low, high)

    def log_probability(self, reading: Any, error: Any) -> Any:
        """
        Log probability that assays read within their limits, summed over the assays of a row.

        Parameters
        ----------
        reading : array or PyTensor variable, shape (rows, ..., assays)
            What they would read without error.
        error : broadcastable
        """
        symbolic = is_symbolic(reading) or is_symbolic(error)
        library: Any = pt if symbolic else np
        shape = (len(self.low), *(1,) * (reading.ndim - 2), self.low.shape[1])
        low, high = self.low.reshape(shape), self.high.reshape(shape)
        from_below, to_above = np.isfinite(low), np.isfinite(high)
        over = (reading - np.where(from_below, low, 0.0)) / error
        under = (np.where(to_above, high, 0.0) - reading) / error
        told = library.where(from_below, normal_log_cdf(over), 0.0)
        told = library.where(to_above, normal_log_cdf(under), told)
        both = from_below & to_above
        if both.any():
            # From whichever tail is the smaller, so that nothing cancels.
            far = over < 0.0
            wider = library.where(far, normal_log_cdf(over), normal_log_cdf(under))
            less = library.where(far, normal_log_cdf(-under), normal_log_cdf(-over))
            told = library.where(both, log_probability_between(wider, less), told)
        return told.sum(axis=-1)


def joint_readings(names: Iterable[str], scale: str, table: Table) -> JointReadings:
    """Give readings on the scale of the model, quantified or known by a limit."""
    names = tuple(names)
    value = np.array([table[name] for name in names], dtype=float).T
    upper = np.array([table.upper(name) for name in names], dtype=float).T
    flags = np.array([table.flag(name) for name in names]).T
    known, between = np.isfinite(value) & (flags != "excluded"), flags == "between"
    if (known & between & ~(upper > value)).any():
        raise DataError(
            f"{int((known & between & ~(upper > value)).sum())} readings are flagged 'between' "
            "without an upper limit above the lower one; give it (value_upper in a sheet, uppers= "
            "of a Table), or flag them 'above'."
        )
    if scale == "log":
        wrong = known & (value <= 0.0) & ~(between & (value == 0.0))
        if wrong.any():
            raise DataError(
                f"{int(wrong.sum())} readings are zero or less and have no logarithm. Flag them "
                "'below' with the limit as value, or use scale='natural'."
            )
        with np.errstate(divide="ignore"):  # between nothing and a limit is below it
            value = np.log(np.where(known, value, 1.0))
            upper = np.log(np.where(known & between, upper, 1.0))
    read = known & (flags == "")
    low = np.where(known & (between | (flags == "above")), value, -np.inf)
    high = np.where(known & (flags == "below"), value, np.where(known & between, upper, np.inf))
    return JointReadings(np.where(read, value, 0.0), read, low, high)


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
    readings: JointReadings, location: Any, between: Any, error: Any, start: Any, rise: Any
) -> Any:
    """
    Log probability of each row's readings, the titer integrated out.

    The quantified readings of a row are normal with covariance between^2 slope slope' +
    diag(error^2): the matrix-determinant lemma and the Sherman-Morrison formula. What is known by a
    limit counts with its probability, averaged over the titer given the others.
    """
    library: Any = pt if is_symbolic(location) else np
    seen = readings.read.astype(float)
    residual = readings.value - start - rise * location[:, None]
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
    rows = np.flatnonzero(readings.limited.any(axis=1))
    if not rows.size:
        return told
    middle = (location + variance * pull)[rows]
    at = middle[:, None] + library.sqrt(2.0 * variance[rows])[:, None] * NODES
    part = JointReadings(*(each[rows] for each in dataclasses.astuple(readings)))
    inside = part.log_probability(start + rise * at[:, :, None], error)
    inside = inside + np.log(WEIGHTS) - 0.5 * np.log(np.pi)
    top = inside.max(axis=1)
    extra = top + library.log(library.exp(inside - top[:, None]).sum(axis=1))
    if library is pt:
        return pt.inc_subtensor(told[rows], extra)
    told[rows] += extra
    return told
