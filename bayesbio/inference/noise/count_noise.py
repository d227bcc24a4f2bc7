"""Readings that are counts: cells in a chamber, colonies on a plate."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, override

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
from scipy import special, stats

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference.noise.base import Noise, by_name
from bayesbio.inference.noise.censoring import report_within
from bayesbio.inference.noise.readings import place_of, read_rows
from bayesbio.inference.noise.tails import (
    is_symbolic,
    log_probability_between,
    poisson_log_cdf,
    poisson_log_survival,
)

WHOLE = 1e-6  # a count may differ from a whole number by rounding
FLOOR = 1e-9  # counts expected below it are bent towards zero from above


@by_name
@dataclasses.dataclass(frozen=True)
class Counts(Noise):
    """
    Poisson noise: what was read is a number of cells, colonies or particles that were counted.

    Parameters
    ----------
    per_unit : float [1 / unit of the quantity]
        How many are counted where the quantity is one: volume examined over dilution. A chamber
        of 0.1 microlitre at a tenfold dilution counts 10 at a density of 1e6 cells/mL.

    Notes
    -----
    value x per_unit ~ Poisson(mean x per_unit). ``below`` means fewer than the limit, ``above``
    more than it, ``between`` from one limit to the other with both included. Tails through the
    regularised incomplete gamma function, https://dlmf.nist.gov/8.11

    Examples
    --------
    >>> round(float(counts().frozen(4.0, {}).std()), 6)
    2.0
    """

    per_unit: float = 1.0

    kind: ClassVar[str] = "counts"
    relative: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (np.isfinite(self.per_unit) and self.per_unit > 0):
            raise CalibrationError(
                f"counts(per_unit={self.per_unit:g}): expected how many are counted at a value of "
                "one, a number above zero."
            )
        object.__setattr__(self, "per_unit", float(self.per_unit))

    @override
    def scaled_to(self, quantity: str, rows: pd.DataFrame) -> Counts:
        readings = read_rows(quantity, rows)
        number = readings.value * self.per_unit
        off = np.abs(number - np.round(number)) > WHOLE * np.maximum(1.0, np.abs(number))
        wrong = np.flatnonzero(((readings.flag == "") & off) | (number < 0))
        if wrong.size:
            raise DataError(
                f"{place_of(rows, wrong[0])}{quantity} has a value of "
                f"{readings.value[wrong[0]]:g}, which is {number[wrong[0]]:g} counted; counts are "
                "whole numbers of zero or more. Say how many are counted at a value of one, "
                "counts(per_unit=...), or choose lognormal()."
            )
        if np.isfinite(readings.sd).any():
            raise DataError(
                f"{quantity} brings its own sd, but the scatter of counts follows from their "
                "number. Leave the sd column blank, or choose normal()."
            )
        return self

    @override
    def parameters(self, quantity: str, rows: pd.DataFrame) -> dict[str, Any]:
        self.scaled_to(quantity, rows)
        return {}

    @override
    def names(self, quantity: str) -> tuple[str, ...]:
        return ()

    @override
    def units(self, quantity: str, unit: str) -> dict[str, str]:
        return {}

    @override
    def likelihood(
        self, quantity: str, mean: Any, rows: pd.DataFrame, parameters: Mapping[str, Any]
    ) -> None:
        self.scaled_to(quantity, rows)
        readings = read_rows(quantity, rows)
        rate = self._rate(pt.as_tensor(mean), pt)
        first, last = self._counted(readings.value), self._counted(readings.upper)
        for flag in ("", "below", "above", "between"):
            chosen = np.flatnonzero(readings.flag == flag)
            if chosen.size:
                pm.CustomDist(
                    quantity if flag == "" else f"{quantity}_{flag}",
                    rate[chosen],
                    dist=partial(self._reported, flag, first[chosen], last[chosen]),
                    logp=partial(_log_probability_of, flag, first[chosen], last[chosen]),
                    observed=readings.value[chosen],
                )

    @override
    def frozen(self, mean: Any, parameters: Mapping[str, Any]) -> Any:
        return ScaledPoisson(self._rate(np.asarray(mean, dtype=float), np), self.per_unit)

    @override
    def log_likelihood(
        self, mean: Any, rows: pd.DataFrame, parameters: Mapping[str, Any]
    ) -> np.ndarray:
        readings = read_rows("the quantity", rows)
        rate = self._rate(np.asarray(mean, dtype=float), np)
        first, last = self._counted(readings.value), self._counted(readings.upper)
        found = np.empty(rate.shape)
        for flag in ("", "below", "above", "between"):
            chosen = np.flatnonzero(readings.flag == flag)
            if chosen.size:
                found[..., chosen] = _log_probability(
                    flag, first[chosen], last[chosen], rate[..., chosen]
                )
        return found

    @override
    def draw(
        self,
        mean: Any,
        parameters: Mapping[str, Any],
        rng: np.random.Generator,
        *,
        rows: pd.DataFrame | None = None,
    ) -> np.ndarray:
        rate = self._rate(np.asarray(mean, dtype=float), np)
        drawn = rng.poisson(np.where(np.isfinite(rate), rate, 0.0)).astype(float)
        return np.where(np.isfinite(rate), drawn / self.per_unit, np.nan)

    @override
    def describe(self) -> str:
        return f"counts, {self.per_unit:g} counted at a value of one"

    @override
    def typical_sd(self, quantity: str, mean: np.ndarray, estimates: Mapping[str, Any]) -> Any:
        return np.sqrt(self._rate(np.asarray(mean, dtype=float), np)) / self.per_unit

    def _reported(self, flag: str, low: np.ndarray, high: np.ndarray, rate: Any, size: Any) -> Any:
        """Draw counts as an assay with these limits reports them."""
        drawn = pm.Poisson.dist(rate, size=size).astype("float64")
        return report_within(drawn, flag, low, high) / self.per_unit

    def _rate(self, mean: Any, library: Any) -> Any:
        """Count expected; smooth and positive where a solver overshoots zero."""
        expected = mean * self.per_unit
        return FLOOR * library.exp(library.arcsinh(expected / (2.0 * FLOOR)))

    def _counted(self, values: np.ndarray) -> np.ndarray:
        """Numbers that were counted; a limit stays where it is."""
        return _nearly_whole(values * self.per_unit)


def _nearly_whole(number: np.ndarray) -> np.ndarray:
    """Whole numbers where only rounding is in between."""
    nearest = np.round(number)
    return np.where(np.abs(number - nearest) <= WHOLE * np.maximum(1.0, nearest), nearest, number)


@dataclasses.dataclass(frozen=True)
class ScaledPoisson:
    """
    Poisson numbers over a constant, with the methods of a frozen ``scipy.stats`` distribution.

    Examples
    --------
    >>> exact = ScaledPoisson(8.0, 2.0)
    >>> float(exact.mean()), float(exact.var())
    (4.0, 2.0)
    """

    rate: Any
    per_unit: float

    def __getattr__(self, name: str) -> Any:
        """Methods of the Poisson distribution, in the unit of the quantity."""
        poisson, per_unit = stats.poisson(self.rate), self.per_unit
        if name in ("cdf", "sf", "logcdf", "logsf", "pmf", "logpmf"):
            return lambda value: getattr(poisson, name)(_nearly_whole(np.asarray(value) * per_unit))
        if name in ("ppf", "isf", "rvs", "mean", "median", "std"):
            return lambda *given, **options: getattr(poisson, name)(*given, **options) / per_unit
        if name == "var":
            return lambda: poisson.var() / per_unit**2
        raise AttributeError(f"A scaled Poisson distribution has no {name!r}.")


def _log_probability_of(flag: str, low: Any, high: Any, _: Any, rate: Any) -> Any:
    """Call `_log_probability` as PyMC does, with the readings, which are known."""
    return _log_probability(flag, low, high, rate)


def _log_probability(flag: str, low: np.ndarray, high: np.ndarray, rate: Any) -> Any:
    """Log probability of counts, or of those below, above or between limits."""
    library: Any = pt if is_symbolic(rate) else np
    if flag == "":
        return low * library.log(rate) - rate - special.gammaln(low + 1.0)
    if flag == "below":  # fewer than the limit
        return poisson_log_cdf(np.ceil(low) - 1.0, rate)
    if flag == "above":  # more than the limit
        return poisson_log_survival(np.floor(low), rate)
    # from the lower to the upper limit, both included, taken in the tail where it is small
    first, last = np.ceil(low), np.floor(high)
    upper_tail = first > rate
    from_above = log_probability_between(
        poisson_log_survival(first - 1.0, rate), poisson_log_survival(last, rate)
    )
    from_below = log_probability_between(
        poisson_log_cdf(last, rate), poisson_log_cdf(first - 1.0, rate)
    )
    return library.where(upper_tail, from_above, from_below)


counts = Counts
