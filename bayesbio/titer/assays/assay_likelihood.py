"""Marginal likelihood of several readings of one sample, its titer integrated out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytensor.tensor as pt

from bayesbio.data.table import Table
from bayesbio.errors import DataError, ModelError
from bayesbio.inference.noise.censoring import NORMAL, limits_of, log_interval_probability
from bayesbio.inference.noise.tails import is_symbolic
from bayesbio.titer.regression.response_transform import TRANSFORMS

NODES, WEIGHTS = np.polynomial.hermite.hermgauss(24)  # for readings below a limit


@dataclasses.dataclass(frozen=True)
class AssaySpecification:
    """Assays of one titer, the reference first; see `bayesbio.titer.JointTiter`."""

    titer: str
    others: Iterable[str]
    factors: Iterable[str] = ()
    transform: str = "log"

    def __post_init__(self) -> None:
        for name in ("others", "factors"):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given))
        if self.transform not in TRANSFORMS:
            raise ModelError(f"The transform is {self.transform!r}; expected 'log' or 'identity'.")
        if not self.others or self.titer in self.others:
            raise ModelError(
                f"Beside {self.titer!r} came {list(self.others)}; expected one or more other "
                "columns."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The reference, then the others."""
        return (self.titer, *self.others)


@dataclasses.dataclass(frozen=True, eq=False)
class AssayReadings:
    """Transformed readings of several assays, each shape (rows, assays)."""

    value: np.ndarray  # quantified readings, zero elsewhere
    read: np.ndarray  # which are quantified
    low: np.ndarray  # limits of readings below, above or between; infinite elsewhere
    high: np.ndarray

    @property
    def limited(self) -> np.ndarray:
        """Which readings are known by a limit only."""
        return np.isfinite(self.low) | np.isfinite(self.high)

    def scaled(self, centre: np.ndarray, spread: np.ndarray) -> AssayReadings:
        """Give readings in spreads above a centre."""
        value, low, high = ((each - centre) / spread for each in (self.value, self.low, self.high))
        return AssayReadings(value, self.read, low, high)

    def log_probability(self, reading: Any, error: Any) -> Any:
        """Log probability that assays read within their limits, summed over the assays of a row."""
        shape = (len(self.low), *(1,) * (reading.ndim - 2), self.low.shape[1])
        low, high = self.low.reshape(shape), self.high.reshape(shape)
        return log_interval_probability(NORMAL, low, high, reading, error).sum(axis=-1)


def assay_readings(model: AssaySpecification, table: Table) -> AssayReadings:
    """Give transformed readings, quantified or known by a limit."""
    names = model.names
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
    if model.transform == "log":
        wrong = known & (value <= 0.0) & ~(between & (value == 0.0))
        if wrong.any():
            raise DataError(
                f"{int(wrong.sum())} readings are zero or less and have no logarithm. Flag them "
                "'below' with the limit as value, or use transform='identity'."
            )
        with np.errstate(divide="ignore"):  # between nothing and a limit is below it
            value = np.log(np.where(known, value, 1.0))
            upper = np.log(np.where(known & between, upper, 1.0))
    read = known & (flags == "")
    low, high = limits_of(np.where(known, flags, ""), value, upper)
    return AssayReadings(np.where(read, value, 0.0), read, low, high)


def titer_given(
    value: np.ndarray,
    read: np.ndarray,
    location: Any,
    between: Any,
    error: Any,
    start: Any,
    rise: Any,
) -> tuple[Any, Any]:
    """Conditional mean and variance of the titer given quantified readings of one row, by draw."""
    weight = read / error**2
    precision = (weight * rise**2).sum(axis=-1)
    pull = (weight * rise * (value - start - rise * location[:, None])).sum(axis=-1)
    variance = 1.0 / (1.0 / between**2 + precision)
    return location + variance * pull, variance


def marginal_log_likelihood(
    readings: AssayReadings, location: Any, between: Any, error: Any, start: Any, rise: Any
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
    log_density = (
        -0.5 * (weight * residual**2).sum(axis=1)
        - (seen * (0.5 * np.log(2.0 * np.pi) + library.log(error))).sum(axis=1)
        - 0.5 * library.log(1.0 + between**2 * precision)
        + 0.5 * variance * pull**2
    )
    rows = np.flatnonzero(readings.limited.any(axis=1))
    if not rows.size:
        return log_density
    middle = (location + variance * pull)[rows]
    at = middle[:, None] + library.sqrt(2.0 * variance[rows])[:, None] * NODES
    part = AssayReadings(*(each[rows] for each in dataclasses.astuple(readings)))
    inside = part.log_probability(start + rise * at[:, :, None], error)
    inside = inside + np.log(WEIGHTS) - 0.5 * np.log(np.pi)
    top = inside.max(axis=1)
    extra = top + library.log(library.exp(inside - top[:, None]).sum(axis=1))
    if library is pt:
        return pt.inc_subtensor(log_density[rows], extra)
    log_density[rows] += extra
    return log_density
