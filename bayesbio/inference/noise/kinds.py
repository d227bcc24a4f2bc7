"""Kinds of noise as entries: normal, proportional, combined, lognormal, Student t."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Self, override

import numpy as np
import pandas as pd
import pymc as pm

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference.noise.base import by_name
from bayesbio.inference.noise.censoring import LOGNORMAL, STUDENT_T, Family
from bayesbio.inference.noise.location_scale import SHARE_OF_SPREAD, LocationScale
from bayesbio.inference.noise.readings import Readings, place_of

RELATIVE_NOISE = 0.2  # scale of the default prior of a relative error
CONSTANT_SHARE = 0.1  # scale of the default prior of the constant part, in sd of the readings
SHARE_OF_LARGEST = 1e-3  # smallest sd of a proportional error, in largest readings
SHARE_OF_SMALLEST = 1e-6  # medians of lognormal noise bend towards zero below, in smallest readings
SMALLEST_SHARE = 1e-3  # typical relative errors do not vanish below this share of the largest mean
UNSCALED_FLOOR = 1e-30  # the same, where no data were seen [unit of the quantity]


@by_name
@dataclasses.dataclass(frozen=True)
class Normal(LocationScale):
    """
    Additive normal noise: the same standard deviation everywhere.

    Parameters
    ----------
    scale : unnamed PyMC distribution, optional [unit of the quantity]
        Prior of the standard deviation; default HalfNormal(0.5 x standard deviation of the
        quantified values).

    Notes
    -----
    value ~ Normal(mean, scale). Half-normal priors for scales: Gelman (2006),
    doi:10.1214/06-BA117A

    Examples
    --------
    >>> round(float(normal().frozen(4.0, {"noise_glucose": 0.5}).ppf(0.975)), 6)
    4.979982
    """

    kind: ClassVar[str] = "normal"


@by_name
@dataclasses.dataclass(frozen=True)
class Proportional(LocationScale):
    """
    Proportional noise: normal, with a standard deviation that is a fraction of the mean.

    Parameters
    ----------
    scale : unnamed PyMC distribution, optional [1]
        Prior of the fraction; default HalfNormal(0.2).
    floor : float, optional [unit of the quantity]
        Standard deviation that is left at a mean of zero; default 0.001 x the largest reading,
        which `Noise.scaled_to` looks up.

    Notes
    -----
    value ~ Normal(mean, sqrt((scale x mean)^2 + floor^2)): the constant and the proportional part
    of an assay's error add up in quadrature, Rocke and Lorenzato (1995),
    doi:10.1080/00401706.1995.10484302

    Examples
    --------
    >>> noise = proportional(floor=0.003)
    >>> round(float(noise.frozen(0.04, {"noise_titer": 0.1}).std()), 6)
    0.005
    """

    floor: float | None = dataclasses.field(default=None, kw_only=True)

    kind: ClassVar[str] = "proportional"
    relative: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.floor is not None and not self.floor > 0:
            raise CalibrationError(
                f"The floor of proportional noise is {self.floor:g}; expected more than zero, in "
                "the unit of the quantity. Half the detection limit is a good choice."
            )

    @override
    def spread(self, mean: Any, values: Mapping[str, Any], library: Any) -> Any:
        if self.floor is None:
            raise CalibrationError(
                "Proportional noise needs its floor, the standard deviation left at a mean of "
                "zero. Give proportional(floor=...) in the unit of the quantity, or take it from "
                "the data: noise = noise.scaled_to(quantity, rows)."
            )
        return library.sqrt((values["scale"] * mean) ** 2 + float(self.floor) ** 2)

    @override
    def default_size(self, quantified: np.ndarray) -> float:
        return RELATIVE_NOISE

    @override
    def with_constants(self, readings: Readings) -> Self:
        if self.floor is not None:
            return self
        largest = float(np.max(np.abs(readings.value))) or 1.0
        return dataclasses.replace(self, floor=SHARE_OF_LARGEST * largest)


@by_name
@dataclasses.dataclass(frozen=True)
class Combined(LocationScale):
    """
    Noise with a constant and a proportional part, both estimated.

    Parameters
    ----------
    scale : unnamed PyMC distribution, optional [unit of the quantity]
        Prior of the standard deviation at a mean of zero; default HalfNormal(0.1 x standard
        deviation of the quantified values).
    fraction : float or unnamed PyMC distribution, optional [1]
        Proportional part, fixed, or its prior; default HalfNormal(0.2).

    Notes
    -----
    value ~ Normal(mean, sqrt(scale^2 + (fraction x mean)^2)), with the unknowns
    ``noise_<quantity>`` and ``noise_<quantity>_fraction``; Rocke and Lorenzato (1995),
    doi:10.1080/00401706.1995.10484302

    Examples
    --------
    >>> parameters = {"noise_titer": 0.03, "noise_titer_fraction": 0.1}
    >>> round(float(combined().frozen(0.4, parameters).std()), 6)
    0.05
    """

    fraction: Any = dataclasses.field(default=None, kw_only=True)

    kind: ClassVar[str] = "combined"
    part_priors = {"fraction": lambda: pm.HalfNormal.dist(RELATIVE_NOISE)}

    @override
    def spread(self, mean: Any, values: Mapping[str, Any], library: Any) -> Any:
        return library.sqrt(values["scale"] ** 2 + (values["fraction"] * mean) ** 2)

    @override
    def default_size(self, quantified: np.ndarray) -> float:
        return CONSTANT_SHARE * super().default_size(quantified) / SHARE_OF_SPREAD


@by_name
@dataclasses.dataclass(frozen=True)
class LogNormal(LocationScale):
    """
    Lognormal noise: normal on the log scale, around the mean trajectory as its median.

    Parameters
    ----------
    scale : unnamed PyMC distribution, optional [1]
        Prior of the standard deviation of the logarithm, about the coefficient of variation;
        default HalfNormal(0.2).
    floor : float, optional [unit of the quantity]
        Medians bend towards zero below a few times this; default 1e-6 x the smallest reading or
        limit, which `Noise.scaled_to` looks up.

    Notes
    -----
    log(value) ~ Normal(log(median), scale), with log(median) = log(f) + arcsinh(mean / (2 f)) and
    f the floor: equal to the mean wherever it is more than a few f, smooth and positive where a
    solver overshoots zero. Readings of zero or less are refused; readings below a limit belong to
    the flag ``below``. Limpert et al. (2001), doi:10.1641/0006-3568(2001)051[0341:LNDATS]2.0.CO;2

    Examples
    --------
    >>> float(lognormal().draw(2.0, {"noise_titer": 0.0}, np.random.default_rng(1)).round(9))
    2.0
    """

    floor: float | None = dataclasses.field(default=None, kw_only=True)

    kind: ClassVar[str] = "lognormal"
    relative: ClassVar[bool] = True
    family: ClassVar[Family] = LOGNORMAL

    @override
    def location(self, mean: Any, library: Any) -> Any:
        floor = np.float64(UNSCALED_FLOOR if self.floor is None else self.floor)
        return np.log(floor) + library.arcsinh(mean / (2.0 * floor))

    @override
    def default_size(self, quantified: np.ndarray) -> float:
        return RELATIVE_NOISE

    @override
    def known_scales(self, readings: Readings) -> np.ndarray:
        return np.sqrt(np.log1p((readings.sd / _largest_value(readings)) ** 2))

    @override
    def with_constants(self, readings: Readings) -> Self:
        if self.floor is not None:
            return self
        return dataclasses.replace(
            self, floor=SHARE_OF_SMALLEST * float(np.min(_largest_value(readings)))
        )

    @override
    def typical_sd(self, quantity: str, mean: np.ndarray, estimates: Mapping[str, Any]) -> Any:
        # What a solver leaves of something used up, 1e-9 or so, has no precision of 1e-10.
        smallest = SMALLEST_SHARE * np.nanmax(np.abs(mean), initial=0.0)
        return super().typical_sd(quantity, np.maximum(mean, smallest), estimates)

    @override
    def check(self, quantity: str, rows: pd.DataFrame, readings: Readings) -> None:
        size = _largest_value(readings)
        impossible = np.flatnonzero(size <= 0)
        if not impossible.size:
            return
        limit = " limit of" if readings.flag[impossible[0]] else ""
        raise DataError(
            f"{place_of(rows, impossible[0])}{quantity} has a{limit or ' value of'} "
            f"{size[impossible[0]]:g}; lognormal noise takes values above zero only "
            f"({impossible.size} of {len(size)} rows are not). If the assay could not see it, mark "
            "the row 'below' and give the detection limit as value; otherwise choose "
            f"noise={{{quantity!r}: normal()}} or proportional()."
        )


def _largest_value(readings: Readings) -> np.ndarray:
    """Value, limit, or upper limit of a band, whose lower one may be zero."""
    return np.where(readings.flag == "between", readings.upper, readings.value)


@by_name
@dataclasses.dataclass(frozen=True)
class StudentT(LocationScale):
    """
    Student t noise: additive with heavy tails, robust to outliers.

    Parameters
    ----------
    scale : unnamed PyMC distribution, optional [unit of the quantity]
        Prior of the scale; default HalfNormal(0.5 x standard deviation of the quantified values).
    degrees_of_freedom : float or unnamed PyMC distribution, optional [1]
        Fixed (four is a usual choice, thirty is almost normal), or their prior; default
        Gamma(2, 0.1).

    Notes
    -----
    value ~ StudentT(degrees_of_freedom, mean, scale). Prior: Juarez and Steel (2010),
    doi:10.1198/jbes.2009.07145

    Examples
    --------
    >>> noise = student_t(degrees_of_freedom=4.0)
    >>> round(float(noise.frozen(1.0, {"noise_glucose": 0.5}).ppf(0.975)), 6)
    2.388223
    """

    degrees_of_freedom: Any = dataclasses.field(default=None, kw_only=True)

    kind: ClassVar[str] = "student_t"
    family: ClassVar[Family] = STUDENT_T
    shapes: ClassVar[tuple[str, ...]] = ("degrees_of_freedom",)
    part_priors = {"degrees_of_freedom": lambda: pm.Gamma.dist(alpha=2.0, beta=0.1)}


# The names under which an analysis asks for them.
normal, proportional, combined = Normal, Proportional, Combined
lognormal, student_t = LogNormal, StudentT
