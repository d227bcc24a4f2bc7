"""Noise with a location and a scale: normal on some scale, or with heavy tails."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, override

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
from scipy import stats

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference.noise.base import Noise
from bayesbio.inference.noise.readings import Readings, read_rows
from bayesbio.inference.noise.tails import log_probability_between, normal_log_cdf
from bayesbio.inference.priors.distributions import describe, registered

SHARE_OF_SPREAD = 0.5  # scale of the default prior of an absolute error, in sd of the readings
GUESS = 0.1  # relative error where nothing else is known
SMALLEST_SHARE = 1e-3  # relative errors do not vanish below this share of the largest mean
HALF_NORMAL_MEDIAN = 0.67
SHAPE = "degrees_of_freedom"


@dataclasses.dataclass(frozen=True)
class Scatter(Noise):
    """
    Noise with a location and a scale, whose standardised readings all have one distribution.

    Parameters
    ----------
    scale : unnamed PyMC distribution, optional
        Prior of the scale. By default half-normal and scaled to the data, see each constructor.
    size : float, optional
        Scale of that half-normal; `scaled_to` finds it.
    known_scale : float, optional [unit of the quantity, or 1 for relative errors]
        The scale itself where every row brings its own ``sd``; `scaled_to` finds it.
    """

    scale: Any = None
    size: float | None = None
    known_scale: float | None = None

    @override
    def scaled_to(self, quantity: str, rows: pd.DataFrame) -> Scatter:
        readings = read_rows(quantity, rows)
        self._check(quantity, rows, readings)
        settled = self._settled(readings)
        if np.all(np.isfinite(readings.sd)):
            scales = settled._known_scales(readings)
            return dataclasses.replace(settled, known_scale=float(np.sqrt(np.mean(scales**2))))
        if self.scale is not None or self.size is not None:
            return settled
        quantified = readings.value[readings.flag == ""]
        if not quantified.size:
            raise DataError(
                f"Every value of {quantity!r} is censored ({len(readings.value)} rows), so the "
                "data cannot say how large its noise is. Give a prior for it, such as "
                f"noise={{{quantity!r}: {self.kind}(pm.HalfNormal.dist(0.1))}}, or leave "
                f"{quantity!r} out."
            )
        return dataclasses.replace(settled, size=settled._default_size(quantified))

    @override
    def parameters(self, quantity: str, rows: pd.DataFrame) -> dict[str, Any]:
        priors = self.scaled_to(quantity, rows).priors(quantity)
        return {name: registered(name, prior) for name, prior in priors.items()}

    @override
    def priors(self, quantity: str) -> dict[str, Any]:
        return self._priors(f"noise_{quantity}")

    @override
    def likelihood(
        self,
        quantity: str,
        mean: Any,
        rows: pd.DataFrame,
        parameters: Mapping[str, Any],
    ) -> None:
        settled = self.scaled_to(quantity, rows)
        readings = read_rows(quantity, rows)
        own = settled._own(parameters)
        location, spread = settled._located(pt.as_tensor(mean), own, readings, pt)
        for flag in ("", "below", "above", "between"):
            place = np.flatnonzero(readings.flag == flag)
            if place.size:
                everywhere = place.size == len(readings.flag)
                at = location if everywhere else location[place]
                width = spread if everywhere else spread[place]
                term = settled._quantified if flag == "" else settled._flagged
                term(
                    quantity,
                    flag,
                    at,
                    width,
                    own.get(SHAPE),
                    Readings(*(part[place] for part in readings)),
                )

    @override
    def frozen(self, mean: Any, parameters: Mapping[str, Any]) -> Any:
        own = self._own(parameters)
        mean = np.asarray(mean, dtype=float)
        return self._frozen(self._location(mean, np), self._spread(mean, own, np), own.get(SHAPE))

    @override
    def log_likelihood(
        self, mean: Any, rows: pd.DataFrame, parameters: Mapping[str, Any]
    ) -> np.ndarray:
        readings = read_rows("the quantity", rows)
        own = {
            part: np.asarray(value, dtype=float)[..., None]
            for part, value in self._own(parameters).items()
        }
        shape = own.get(SHAPE)
        mean = np.asarray(mean, dtype=float)
        location, spread = self._located(mean, own, readings, np)
        lower = (self._transformed(readings.value) - location) / spread
        upper = (self._transformed(readings.upper) - location) / spread
        flags = [readings.flag == flag for flag in ("", "below", "above")]
        with np.errstate(over="ignore"):  # a reading impossibly far out has log density -inf
            density = self._log_density(lower, shape) - np.log(spread)
            if self._logarithmic:
                density = density - self._transformed(readings.value)
            choices = [density, self._log_cdf(lower, shape), self._log_cdf(-lower, shape)]
            return np.select(flags, choices, default=self._log_between(lower, upper, shape))

    @override
    def draw(
        self,
        mean: Any,
        parameters: Mapping[str, Any],
        rng: np.random.Generator,
        *,
        rows: pd.DataFrame | None = None,
    ) -> np.ndarray:
        own = self._own(parameters)
        mean, shape = np.asarray(mean, dtype=float), own.get(SHAPE, 1.0)
        location, spread = self._location(mean, np), self._spread(mean, own, np)
        size = np.broadcast_shapes(np.shape(location), np.shape(spread), np.shape(shape))
        drawn = location + spread * self._standard(shape, size, rng)
        return np.exp(drawn) if self._logarithmic else drawn

    @override
    def describe(self) -> str:
        if self.scale is None and self.size is None and self.known_scale is None:
            return f"{self.kind}, scale from the data"
        known = f"{self.kind}, scale known ({self.known_scale or 0.0:.3g})"
        parts = [
            f"{name.removeprefix('scale_')} ~ {describe(prior)}"
            for name, prior in self._priors("scale").items()
        ]
        return ", ".join([known if self.known_scale is not None else self.kind, *parts])

    @override
    def typical_sd(self, quantity: str, mean: np.ndarray, estimates: Mapping[str, Any]) -> Any:
        size = self.known_scale or (HALF_NORMAL_MEDIAN * self.size if self.size else None)
        size = float(estimates.get(f"noise_{quantity}", size or 0.0)) or None
        largest = float(np.nanmax(np.abs(mean))) or 1.0
        if self.relative:
            return (size or GUESS) * np.maximum(np.abs(mean), SMALLEST_SHARE * largest)
        return np.full_like(mean, size or GUESS * largest)

    # What the kinds of noise differ in --------------------------------------------------------

    _logarithmic: ClassVar[bool] = False

    def _location(self, mean: Any, library: Any) -> Any:
        """Centre of the readings on the scale where they are symmetric."""
        return mean

    def _spread(self, mean: Any, own: Mapping[str, Any], library: Any) -> Any:
        """Scale of the readings there."""
        return own["scale"]

    def _transformed(self, value: np.ndarray) -> np.ndarray:
        """Bring readings to that scale."""
        return value

    def _known_scales(self, readings: Readings) -> np.ndarray:
        """Scale of the rows that bring their own sd; NaN where they do not."""
        return readings.sd

    def _log_cdf(self, z: Any, shape: Any) -> Any:
        return normal_log_cdf(z)

    def _log_density(self, z: np.ndarray, shape: Any) -> np.ndarray:
        return -0.5 * z**2 - 0.5 * np.log(2.0 * np.pi)

    def _standard(self, shape: Any, size: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal(size)

    def _distribution(self, location: Any, spread: Any, shape: Any) -> tuple[Any, dict[str, Any]]:
        """PyMC class and arguments of the readings."""
        return pm.Normal, {"mu": location, "sigma": spread}

    def _frozen(self, location: Any, spread: Any, shape: Any) -> Any:
        """Take the same from scipy.stats, with its parameters set."""
        return stats.norm(location, spread)

    def _priors(self, name: str) -> dict[str, Any]:
        """Priors of what has to be estimated, by name."""
        if self.known_scale is not None:
            return {}
        return {name: pm.HalfNormal.dist(self.size) if self.scale is None else self.scale}

    def _default_size(self, quantified: np.ndarray) -> float:
        """Scale of the half-normal default prior."""
        spread = float(np.std(quantified)) or float(np.max(np.abs(quantified))) or 1.0
        return SHARE_OF_SPREAD * spread

    def _settled(self, readings: Readings) -> Scatter:
        """Copy with the constants that depend on data filled in."""
        return self

    def _check(self, quantity: str, rows: pd.DataFrame, readings: Readings) -> None:
        """Refuse rows that cannot have this noise."""

    # What they share --------------------------------------------------------------------------

    def _own(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        found = super()._own(parameters)
        if "scale" not in found:
            if self.known_scale is None:
                raise CalibrationError(
                    f"{self.kind.capitalize()} noise needs its scale; parameters has none. Pass "
                    "{'noise_<quantity>': value} as the posterior names it."
                )
            found["scale"] = self.known_scale
        return found

    def _located(
        self, mean: Any, own: Mapping[str, Any], readings: Readings, library: Any
    ) -> tuple[Any, Any]:
        """Location and spread of each row, known standard deviations in their place."""
        location = self._location(mean, library)
        spread = self._spread(mean, own, library) + library.zeros_like(location)
        known = self._known_scales(readings)
        has_own = np.isfinite(known)
        if has_own.any():
            spread = library.where(has_own, np.where(has_own, known, 1.0), spread)
        return location, spread

    def _log_between(self, lower: Any, upper: Any, shape: Any) -> Any:
        """Log probability of a standardised band, taken in the tail where it is small."""
        library: Any = pt if isinstance(lower, pt.Variable) else np
        flip = lower + upper > 0
        low, high = library.where(flip, -upper, lower), library.where(flip, -lower, upper)
        return log_probability_between(self._log_cdf(high, shape), self._log_cdf(low, shape))

    def _quantified(
        self, quantity: str, flag: str, location: Any, spread: Any, shape: Any, readings: Readings
    ) -> None:
        """Register the rows that have a value."""
        distribution, arguments = self._distribution(location, spread, shape)
        distribution(quantity, **arguments, observed=readings.value)

    def _flagged(
        self, quantity: str, flag: str, location: Any, spread: Any, shape: Any, readings: Readings
    ) -> None:
        """Register the rows of one flag: exact tail as density, clipped readings as draws."""
        value, upper = readings.value, readings.upper
        lowest = {"below": value, "above": -np.inf, "between": value}[flag]
        highest = {"below": np.inf, "above": value, "between": upper}[flag]
        shapes = () if shape is None else (shape,)

        def reported(location: Any, spread: Any, *rest: Any) -> Any:
            *shape, size = rest
            distribution, arguments = self._distribution(location, spread, *(shape or [None]))
            return pt.clip(distribution.dist(**arguments, size=size), lowest, highest)

        def log_probability(_: Any, location: Any, spread: Any, *rest: Any) -> Any:
            shape = rest[0] if rest else None
            z = (self._transformed(value) - location) / spread
            if flag == "below":
                return self._log_cdf(z, shape)
            if flag == "above":
                return self._log_cdf(-z, shape)
            return self._log_between(z, (self._transformed(upper) - location) / spread, shape)

        pm.CustomDist(
            f"{quantity}_{flag}",
            location,
            spread,
            *shapes,
            dist=reported,
            logp=log_probability,
            observed=value,
        )
