"""Readings that are counts: cells in a chamber, colonies on a plate."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, override

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
from scipy import special, stats

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference.noise.base import Noise
from bayesbio.inference.noise.readings import place_of, read_rows
from bayesbio.inference.noise.tails import (
    is_symbolic,
    log_probability_between,
    poisson_log_cdf,
    poisson_log_survival,
)

WHOLE = 1e-6  # a count may differ from a whole number by rounding
FLOOR = 1e-9  # counts expected below it are bent towards zero from above


@dataclasses.dataclass(frozen=True)
class Counts(Noise):
    """Poisson noise of counted cells or colonies; see `counts`."""

    per_unit: float = 1.0

    kind: ClassVar[str] = "counts"
    relative: ClassVar[bool] = True

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
            place = np.flatnonzero(readings.flag == flag)
            if not place.size:
                continue
            low, high = first[place], last[place]
            limits = _limits(flag, low, high)

            def reported(
                rate: Any, size: Any, flag: str = flag, limits: tuple[Any, Any] = limits
            ) -> Any:
                drawn = pm.Poisson.dist(rate, size=size).astype("float64")
                return (drawn if flag == "" else pt.clip(drawn, *limits)) / self.per_unit

            def log_probability(
                _: Any, rate: Any, flag: str = flag, low: Any = low, high: Any = high
            ) -> Any:
                return _log_probability(flag, low, high, rate)

            pm.CustomDist(
                quantity if flag == "" else f"{quantity}_{flag}",
                rate[place],
                dist=reported,
                logp=log_probability,
                observed=readings.value[place],
            )

    @override
    def frozen(self, mean: Any, parameters: Mapping[str, Any]) -> Any:
        if self.per_unit != 1.0:
            raise CalibrationError(
                "Counts at per_unit other than one have no scipy distribution in the unit of the "
                "quantity; use draw or log_likelihood, or frozen of counts() at mean * per_unit."
            )
        return stats.poisson(self._rate(np.asarray(mean, dtype=float), np))

    @override
    def log_likelihood(
        self, mean: Any, rows: pd.DataFrame, parameters: Mapping[str, Any]
    ) -> np.ndarray:
        readings = read_rows("the quantity", rows)
        rate = self._rate(np.asarray(mean, dtype=float), np)
        first, last = self._counted(readings.value), self._counted(readings.upper)
        found = np.empty(rate.shape)
        for flag in ("", "below", "above", "between"):
            place = np.flatnonzero(readings.flag == flag)
            if place.size:
                found[..., place] = _log_probability(
                    flag, first[place], last[place], rate[..., place]
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
        return np.sqrt(np.maximum(np.abs(mean) * self.per_unit, 1.0)) / self.per_unit

    def _rate(self, mean: Any, library: Any) -> Any:
        """Count expected; smooth and positive where a solver overshoots zero."""
        expected = mean * self.per_unit
        return FLOOR * library.exp(library.arcsinh(expected / (2.0 * FLOOR)))

    def _counted(self, values: np.ndarray) -> np.ndarray:
        """Numbers that were counted; a limit stays where it is."""
        number = values * self.per_unit
        nearest = np.round(number)
        return np.where(
            np.abs(number - nearest) <= WHOLE * np.maximum(1.0, nearest), nearest, number
        )


def _limits(flag: str, low: np.ndarray, high: np.ndarray) -> tuple[Any, Any]:
    """Where reported counts stop."""
    return {"below": (low, np.inf), "above": (-np.inf, low), "between": (low, high)}.get(
        flag, (-np.inf, np.inf)
    )


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


def counts(per_unit: float = 1.0) -> Noise:
    """
    Poisson noise: what was read is a number of cells, colonies or particles that were counted.

    Parameters
    ----------
    per_unit : float [1 / unit of the quantity]
        How many are counted where the quantity is one: volume examined over dilution. A chamber
        of 0.1 microlitre at a tenfold dilution counts 10 at a density of 1e6 cells/mL.

    Returns
    -------
    Noise
        Nothing is left to estimate.

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
    if not (np.isfinite(per_unit) and per_unit > 0):
        raise CalibrationError(
            f"counts(per_unit={per_unit:g}): expected how many are counted at a value of one, a "
            "number above zero."
        )
    return Counts(float(per_unit))
