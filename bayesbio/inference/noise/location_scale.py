"""Noise of a location-scale family: normal, lognormal, Student t, around a mean trajectory."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self, override

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference.noise.base import Noise, prior_or_none
from bayesbio.inference.noise.censoring import (
    NORMAL,
    Family,
    censored_log_likelihood,
    limits_of,
    log_interval_probability,
    report_within,
)
from bayesbio.inference.noise.readings import Readings, read_rows
from bayesbio.inference.priors.distributions import describe, prior_quantiles, registered

SHARE_OF_SPREAD = 0.5  # scale of the default prior of an absolute error, in sd of the readings
HALF_NORMAL_MEDIAN = 0.6744897501960817  # of one with unit scale
GUESS = 0.1  # relative error where nothing else is known


@dataclasses.dataclass(frozen=True)
class LocationScale(Noise):
    """
    Noise of a location-scale family; a kind says which, and how mean and unknowns set its scale.

    A kind is a subclass that names its `kind` and, where it differs from additive normal noise,
    its `family`, the other unknowns (`part_priors`, with a field of each name for a prior or a
    fixed number; `shapes` are those that the family takes), `location` and `spread`.

    Parameters
    ----------
    scale : unnamed PyMC distribution, optional
        Prior of the scale. By default half-normal and scaled to the data, see each kind.
    size : float, optional
        Scale of that half-normal; `scaled_to` sets it.
    known_scale : float, optional [unit of the quantity, or 1 for relative errors]
        The scale itself where every row brings its own ``sd``; `scaled_to` sets it.
    """

    scale: Any = None
    size: float | None = dataclasses.field(default=None, kw_only=True)
    known_scale: float | None = dataclasses.field(default=None, kw_only=True)

    family: ClassVar[Family] = NORMAL
    shapes: ClassVar[tuple[str, ...]] = ()
    part_priors: ClassVar[Mapping[str, Callable[[], Any]]] = {}

    def __post_init__(self) -> None:
        prior_or_none(self.kind, self.scale)
        for part in self.part_priors:
            given = getattr(self, part)
            if not isinstance(given, numbers.Real):
                prior_or_none(self.kind, given)
            elif (number := float(given)) > 0:
                object.__setattr__(self, part, number)
            else:
                raise CalibrationError(
                    f"{self.kind}({part}={number:g}): expected more than zero, or a prior."
                )

    # What kinds differ in ---------------------------------------------------------------------

    def location(self, mean: Any, library: Any) -> Any:
        """Location of the family at a mean."""
        return mean

    def spread(self, mean: Any, values: Mapping[str, Any], library: Any) -> Any:
        """Scale of the family at a mean, from the scale and the other unknowns."""
        return values["scale"]

    def default_size(self, quantified: np.ndarray) -> float:
        """Scale of the half-normal default prior."""
        spread = float(np.std(quantified)) or float(np.max(np.abs(quantified))) or 1.0
        return SHARE_OF_SPREAD * spread

    def known_scales(self, readings: Readings) -> np.ndarray:
        """Scale of the rows that bring their own sd; NaN where they do not."""
        return readings.sd

    def with_constants(self, readings: Readings) -> Self:
        """Copy with the constants that depend on data."""
        return self

    def check(self, quantity: str, rows: pd.DataFrame, readings: Readings) -> None:
        """Refuse rows that cannot have this noise."""

    # The contract -----------------------------------------------------------------------------

    @override
    def scaled_to(self, quantity: str, rows: pd.DataFrame) -> Self:
        readings = read_rows(quantity, rows)
        self.check(quantity, rows, readings)
        scaled = self.with_constants(readings)
        if np.all(np.isfinite(readings.sd)):
            scales = scaled.known_scales(readings)
            return dataclasses.replace(scaled, known_scale=float(np.sqrt(np.mean(scales**2))))
        if self.scale is not None or self.size is not None:
            return scaled
        quantified = readings.value[readings.flag == ""]
        if not quantified.size:
            raise DataError(
                f"Every value of {quantity!r} is censored ({len(readings.value)} rows), so the "
                "data cannot say how large its noise is. Give a prior for it, such as "
                f"noise={{{quantity!r}: {self.kind}(pm.HalfNormal.dist(0.1))}}, or leave "
                f"{quantity!r} out."
            )
        return dataclasses.replace(scaled, size=scaled.default_size(quantified))

    @override
    def names(self, quantity: str) -> tuple[str, ...]:
        return tuple(_name(quantity, part) for part in ("scale", *self.part_priors))

    @override
    def priors(self, quantity: str) -> dict[str, Any]:
        return {_name(quantity, part): prior for part, prior in self._priors().items()}

    @override
    def parameters(self, quantity: str, rows: pd.DataFrame) -> dict[str, Any]:
        priors = self.scaled_to(quantity, rows).priors(quantity)
        return {name: registered(name, prior) for name, prior in priors.items()}

    @override
    def likelihood(
        self, quantity: str, mean: Any, rows: pd.DataFrame, parameters: Mapping[str, Any]
    ) -> None:
        scaled, readings = self.scaled_to(quantity, rows), read_rows(quantity, rows)
        values = scaled._values(parameters)
        location, spread = scaled._located(pt.as_tensor(mean), values, readings, pt)
        shape = [values[part] for part in self.shapes]
        for flag in ("", "below", "above", "between"):
            chosen = np.flatnonzero(readings.flag == flag)
            if chosen.size:
                part = Readings(*(each[chosen] for each in readings))
                everywhere = chosen.size == len(readings.flag)
                arguments = [
                    *(each if everywhere else each[chosen] for each in (location, spread)),
                    *shape,
                ]
                _register(self.family, quantity, flag, arguments, part)

    @override
    def frozen(self, mean: Any, parameters: Mapping[str, Any]) -> Any:
        values, mean = self._values(parameters), np.asarray(mean, dtype=float)
        return self._distribution(mean, values)

    @override
    def log_likelihood(
        self, mean: Any, rows: pd.DataFrame, parameters: Mapping[str, Any]
    ) -> np.ndarray:
        readings = read_rows("the quantity", rows)
        values = {
            part: np.asarray(value, dtype=float)[..., None]
            for part, value in self._values(parameters).items()
        }
        location, spread = self._located(np.asarray(mean, dtype=float), values, readings, np)
        found: np.ndarray = censored_log_likelihood(
            self.family,
            readings.flag,
            readings.value,
            location,
            spread,
            *(values[part] for part in self.shapes),
            upper=readings.upper,
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
        values, mean = self._values(parameters), np.asarray(mean, dtype=float)
        whole = rows is not None and {"value", "flag", "sd"} <= set(rows)
        readings = read_rows("the quantity", rows) if whole and rows is not None else None
        location, spread = self._located(mean, values, readings, np)
        return self.family.draw(location, spread, *(values[part] for part in self.shapes), rng=rng)

    @override
    def describe(self) -> str:
        if self.scale is None and self.size is None and self.known_scale is None:
            return f"{self.kind}, scale from the data"
        known = "" if self.known_scale is None else f", scale known ({self.known_scale:.3g})"
        priors = [f"{part} ~ {describe(prior)}" for part, prior in self._priors().items()]
        return ", ".join([f"{self.kind}{known}", *priors])

    @override
    def typical_sd(self, quantity: str, mean: np.ndarray, estimates: Mapping[str, Any]) -> Any:
        mean = np.asarray(mean, dtype=float)
        values: dict[str, Any] = dict(self._fixed())
        for part in ("scale", *self.part_priors):
            name = _name(quantity, part)
            if name in estimates:
                values[part] = float(estimates[name])
            elif part not in values:
                values[part] = self._prior_median(part, mean)
        with np.errstate(invalid="ignore"):
            sd = self._distribution(mean, values).std()
            scale = self.spread(mean, values, np) + 0.0 * mean
        return np.where(np.isfinite(sd) | ~np.isfinite(mean), sd, scale)

    # Unknowns by part: the scale, and what the kind has beside it ------------------------------

    def _priors(self) -> dict[str, Any]:
        """Priors of what is estimated, by part."""
        priors: dict[str, Any] = {}
        if self.known_scale is None:
            priors["scale"] = pm.HalfNormal.dist(self.size) if self.scale is None else self.scale
        for part, default in self.part_priors.items():
            given = getattr(self, part)
            if not isinstance(given, float):
                priors[part] = default() if given is None else given
        return priors

    def _prior_median(self, part: str, mean: np.ndarray) -> float:
        if part == "scale" and self.scale is None:
            largest = float(np.nanmax(np.abs(mean), initial=0.0)) or 1.0
            guess = GUESS if self.relative else GUESS * largest
            return HALF_NORMAL_MEDIAN * self.size if self.size else guess
        return float(prior_quantiles(self._priors()[part], [0.5])[0])

    def _fixed(self) -> dict[str, float]:
        """Values of what is not estimated, by part."""
        fixed = {} if self.known_scale is None else {"scale": self.known_scale}
        given = {part: getattr(self, part) for part in self.part_priors}
        return fixed | {part: each for part, each in given.items() if isinstance(each, float)}

    @override
    def _needed(self, quantity: str) -> tuple[str, ...]:
        fixed = self._fixed()
        parts = ("scale", *self.part_priors)
        return tuple(_name(quantity, part) for part in parts if part not in fixed)

    def _values(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Give the unknowns by part: those of the posterior before those that are fixed."""
        quantity = self.quantity_of(parameters)
        values: dict[str, Any] = dict(self._fixed())
        for part in ("scale", *self.part_priors):
            name = _name(quantity, part)
            if name in parameters:
                values[part] = parameters[name]
            elif part not in values:
                raise CalibrationError(
                    f"{self.kind.replace('_', ' ').capitalize()} noise needs its "
                    f"{part.replace('_', ' ')}; parameters has none. Pass "
                    f"{{'{_name('<quantity>', part)}': value}} as the posterior names it."
                )
        return values

    def _distribution(self, mean: np.ndarray, values: Mapping[str, Any]) -> Any:
        return self.family.frozen(
            self.location(mean, np),
            self.spread(mean, values, np),
            *(values[part] for part in self.shapes),
        )

    def _located(
        self, mean: Any, values: Mapping[str, Any], readings: Readings | None, library: Any
    ) -> tuple[Any, Any]:
        """Location and scale of each row; a known standard deviation sets the scale."""
        location = self.location(mean, library)
        spread = self.spread(mean, values, library) + library.zeros_like(location)
        if readings is not None:
            known = self.known_scales(readings)
            given = np.isfinite(known)
            if given.any():
                spread = library.where(given, np.where(given, known, 1.0), spread)
        return location, spread


def _name(quantity: str, part: str) -> str:
    return f"noise_{quantity}" if part == "scale" else f"noise_{quantity}_{part}"


def _register(
    family: Family, quantity: str, flag: str, arguments: list[Any], readings: Readings
) -> None:
    """Register rows of one flag: density or exact tail, and draws as an assay reports them."""
    if flag == "":
        pm.modelcontext(None).register_rv(
            family.variable(*arguments), quantity, observed=readings.value
        )
        return
    lower, upper = limits_of(readings.flag, readings.value, readings.upper)
    pm.CustomDist(
        f"{quantity}_{flag}",
        *arguments,
        dist=lambda *given: report_within(
            family.variable(*given[:-1], size=given[-1]), flag, readings.value, readings.upper
        ),
        logp=lambda _, *given: log_interval_probability(family, lower, upper, *given),
        observed=readings.value,
    )
