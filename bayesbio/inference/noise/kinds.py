"""The kinds of noise, and which of them a quantity takes when nobody chose one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, override

import numpy as np
import pandas as pd
import pymc as pm
from scipy import special, stats

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference.noise.base import Noise, prior_or_none
from bayesbio.inference.noise.location_scale import SHARE_OF_SPREAD, Scatter
from bayesbio.inference.noise.readings import Readings, place_of, read_rows
from bayesbio.inference.noise.tails import student_t_log_cdf

RELATIVE_NOISE = 0.2  # scale of the default prior of a relative error
CONSTANT_SHARE = 0.1  # scale of the default prior of the constant part, in sd of the readings
SHARE_OF_LARGEST = 1e-3  # smallest sd of a proportional error, in largest readings
LOGNORMAL_FLOOR = 1e-9  # means below it are bent towards zero from above [unit of the quantity]
WIDE_RANGE = 3.0  # readings that span more than this factor have an error that grows with them
USED_UP = 0.05  # a run that falls below this share of its largest reading has used it up
TRACE = 0.02  # smallest sd of what is used up, in largest readings
SMALLEST_VALUE = 1e-300  # stands for a lower band limit of zero where a logarithm is taken


@dataclasses.dataclass(frozen=True)
class Normal(Scatter):
    """Additive normal noise; see `normal`."""

    kind: ClassVar[str] = "normal"


@dataclasses.dataclass(frozen=True)
class Proportional(Scatter):
    """Normal noise that grows with the mean; see `proportional`."""

    floor: float | None = None

    kind: ClassVar[str] = "proportional"
    relative: ClassVar[bool] = True

    def _spread(self, mean: Any, own: Mapping[str, Any], library: Any) -> Any:
        if self.floor is None:
            raise CalibrationError(
                "Proportional noise needs its floor, the standard deviation left at a mean of "
                "zero. Give proportional(floor=...) in the unit of the quantity, or take it from "
                "the data: noise = noise.scaled_to(quantity, rows)."
            )
        return library.sqrt((own["scale"] * mean) ** 2 + self.floor**2)

    def _default_size(self, quantified: np.ndarray) -> float:
        return RELATIVE_NOISE

    def _settled(self, readings: Readings) -> Scatter:
        if self.floor is not None:
            return self
        largest = float(np.max(np.abs(readings.value))) or 1.0
        return dataclasses.replace(self, floor=SHARE_OF_LARGEST * largest)


@dataclasses.dataclass(frozen=True)
class Combined(Scatter):
    """Normal noise with a constant and a proportional part; see `combined`."""

    fraction: Any = None

    kind: ClassVar[str] = "combined"
    parts: ClassVar[tuple[str, ...]] = ("fraction",)

    def _spread(self, mean: Any, own: Mapping[str, Any], library: Any) -> Any:
        if "fraction" not in own:
            raise CalibrationError(
                "Combined noise needs its fraction; parameters has none. Pass "
                "{'noise_<quantity>_fraction': value} too, as the posterior names it."
            )
        return library.sqrt(own["scale"] ** 2 + (own["fraction"] * mean) ** 2)

    def _priors(self, name: str) -> dict[str, Any]:
        priors = super()._priors(name)
        fraction = self.fraction
        priors[f"{name}_fraction"] = (
            pm.HalfNormal.dist(RELATIVE_NOISE) if fraction is None else fraction
        )
        return priors

    def _default_size(self, quantified: np.ndarray) -> float:
        return CONSTANT_SHARE * super()._default_size(quantified) / SHARE_OF_SPREAD

    @override
    def typical_sd(self, quantity: str, mean: np.ndarray, estimates: Mapping[str, Any]) -> Any:
        fraction = float(estimates.get(f"noise_{quantity}_fraction", RELATIVE_NOISE / 2.0))
        return np.hypot(super().typical_sd(quantity, mean, estimates), fraction * mean)


@dataclasses.dataclass(frozen=True)
class LogNormal(Scatter):
    """Normal noise on the log scale; see `lognormal`."""

    kind: ClassVar[str] = "lognormal"
    relative: ClassVar[bool] = True
    _logarithmic: ClassVar[bool] = True

    def _location(self, mean: Any, library: Any) -> Any:
        return np.log(LOGNORMAL_FLOOR) + library.arcsinh(mean / (2.0 * LOGNORMAL_FLOOR))

    def _transformed(self, value: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(value, SMALLEST_VALUE))

    def _known_scales(self, readings: Readings) -> np.ndarray:
        size = np.where(readings.flag == "between", readings.upper, readings.value)
        return np.sqrt(np.log1p((readings.sd / size) ** 2))

    def _distribution(self, location: Any, spread: Any, shape: Any) -> tuple[Any, dict[str, Any]]:
        return pm.LogNormal, {"mu": location, "sigma": spread}

    def _default_size(self, quantified: np.ndarray) -> float:
        return RELATIVE_NOISE

    def _frozen(self, location: Any, spread: Any, shape: Any) -> Any:
        return stats.lognorm(s=spread, scale=np.exp(location))

    def _check(self, quantity: str, rows: pd.DataFrame, readings: Readings) -> None:
        size = np.where(readings.flag == "between", readings.upper, readings.value)
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


@dataclasses.dataclass(frozen=True)
class StudentT(Scatter):
    """Additive noise with heavy tails; see `student_t`."""

    degrees_of_freedom: Any = None

    kind: ClassVar[str] = "student_t"
    parts: ClassVar[tuple[str, ...]] = ("degrees_of_freedom",)

    def _priors(self, name: str) -> dict[str, Any]:
        priors = super()._priors(name)
        if self.degrees_of_freedom is None:
            priors[f"{name}_degrees_of_freedom"] = pm.Gamma.dist(alpha=2.0, beta=0.1)
        elif not isinstance(self.degrees_of_freedom, float | int):
            priors[f"{name}_degrees_of_freedom"] = self.degrees_of_freedom
        return priors

    def _own(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        found = super()._own(parameters)
        if isinstance(self.degrees_of_freedom, float | int):
            found.setdefault("degrees_of_freedom", float(self.degrees_of_freedom))
        if "degrees_of_freedom" not in found:
            raise CalibrationError(
                "Student t noise needs its degrees of freedom; parameters has none. Pass "
                "{'noise_<quantity>_degrees_of_freedom': value} too, or fix them with "
                "student_t(degrees_of_freedom=4.0)."
            )
        return found

    def _log_cdf(self, z: Any, shape: Any) -> Any:
        return student_t_log_cdf(z, shape)

    def _log_density(self, z: np.ndarray, shape: Any) -> np.ndarray:
        constant = special.gammaln(0.5 * (shape + 1.0)) - special.gammaln(0.5 * shape)
        kernel = 0.5 * (shape + 1.0) * np.log1p(z**2 / shape)
        return constant - 0.5 * np.log(np.pi * shape) - kernel

    def _standard(self, shape: Any, size: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.standard_t(shape, size)

    def _distribution(self, location: Any, spread: Any, shape: Any) -> tuple[Any, dict[str, Any]]:
        return pm.StudentT, {"nu": shape, "mu": location, "sigma": spread}

    def _frozen(self, location: Any, spread: Any, shape: Any) -> Any:
        return stats.t(shape, loc=location, scale=spread)


def normal(scale: Any = None) -> Noise:
    """
    Additive normal noise: the same standard deviation everywhere.

    Parameters
    ----------
    scale : unnamed PyMC distribution, optional [unit of the quantity]
        Prior of the standard deviation; default HalfNormal(0.5 x standard deviation of the
        quantified values).

    Returns
    -------
    Noise

    Notes
    -----
    value ~ Normal(mean, scale). Half-normal priors for scales: Gelman (2006),
    doi:10.1214/06-BA117A

    Examples
    --------
    >>> round(float(normal().frozen(4.0, {"noise_glucose": 0.5}).ppf(0.975)), 6)
    4.979982
    """
    return Normal(prior_or_none("normal", scale))


def proportional(scale: Any = None, *, floor: float | None = None) -> Noise:
    """
    Proportional noise: normal, with a standard deviation that is a fraction of the mean.

    Parameters
    ----------
    scale : unnamed PyMC distribution, optional [1]
        Prior of the fraction; default HalfNormal(0.2).
    floor : float, optional [unit of the quantity]
        Standard deviation that is left at a mean of zero; default 0.001 x the largest reading,
        which `Noise.scaled_to` looks up.

    Returns
    -------
    Noise

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
    if floor is not None and not floor > 0:
        raise CalibrationError(
            f"The floor of proportional noise is {floor:g}; expected more than zero, in the unit "
            "of the quantity. Half the detection limit is a good choice."
        )
    return Proportional(prior_or_none("proportional", scale), floor=floor)


def combined(scale: Any = None, *, fraction: Any = None) -> Noise:
    """
    Noise with a constant and a proportional part, both estimated.

    Parameters
    ----------
    scale : unnamed PyMC distribution, optional [unit of the quantity]
        Prior of the standard deviation at a mean of zero; default HalfNormal(0.1 x standard
        deviation of the quantified values).
    fraction : unnamed PyMC distribution, optional [1]
        Prior of the proportional part; default HalfNormal(0.2).

    Returns
    -------
    Noise
        Its unknowns are ``noise_<quantity>`` and ``noise_<quantity>_fraction``.

    Notes
    -----
    value ~ Normal(mean, sqrt(scale^2 + (fraction x mean)^2)), Rocke and Lorenzato (1995),
    doi:10.1080/00401706.1995.10484302

    Examples
    --------
    >>> parameters = {"noise_titer": 0.03, "noise_titer_fraction": 0.1}
    >>> round(float(combined().frozen(0.4, parameters).std()), 6)
    0.05
    """
    return Combined(prior_or_none("combined", scale), fraction=prior_or_none("combined", fraction))


def lognormal(scale: Any = None) -> Noise:
    """
    Noise that is normal on the log scale, around the mean trajectory as its median.

    Parameters
    ----------
    scale : unnamed PyMC distribution, optional [1]
        Prior of the standard deviation of the logarithm, about the coefficient of variation;
        default HalfNormal(0.2).

    Returns
    -------
    Noise

    Notes
    -----
    log(value) ~ Normal(log(median), scale), with log(median) = log(f) + arcsinh(mean / (2 f)) and
    f = 1e-9: equal to the mean wherever it is more than a few f, smooth and positive where a
    solver overshoots zero. Readings of zero or less are refused; readings below a limit belong to
    the flag ``below``. Limpert et al. (2001), doi:10.1641/0006-3568(2001)051[0341:LNDATS]2.0.CO;2

    Examples
    --------
    >>> float(lognormal().draw(2.0, {"noise_titer": 0.0}, np.random.default_rng(1)).round(9))
    2.0
    """
    return LogNormal(prior_or_none("lognormal", scale))


def student_t(scale: Any = None, *, degrees_of_freedom: Any = None) -> Noise:
    """
    Additive noise with heavy tails, which an outlier does not impress much.

    Parameters
    ----------
    scale : unnamed PyMC distribution, optional [unit of the quantity]
        Prior of the scale; default HalfNormal(0.5 x standard deviation of the quantified values).
    degrees_of_freedom : float or unnamed PyMC distribution, optional [1]
        Fixed, or their prior; default Gamma(2, 0.1).

    Returns
    -------
    Noise

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
    fixed = isinstance(degrees_of_freedom, float | int)
    if fixed and not degrees_of_freedom > 0:
        raise CalibrationError(
            f"Student t noise came with {degrees_of_freedom:g} degrees of freedom; expected more "
            "than zero. Four is a usual choice, thirty is almost normal."
        )
    degrees = degrees_of_freedom if fixed else prior_or_none("student_t", degrees_of_freedom)
    return StudentT(prior_or_none("student_t", scale), degrees_of_freedom=degrees)


def default_noise(rows: pd.DataFrame) -> Noise:
    """
    Choose the noise of a quantity that nobody chose one for.

    Where every reading and limit is above zero and the quantified values span more than a factor
    of three, the error grows with the value: lognormal, or, where something is used up in a run
    (it ends below a twentieth of what it was), proportional with a floor of a fiftieth of the
    largest reading, because traces are read with no such relative precision. Otherwise, and where
    every row brings its own ``sd``, normal.

    Parameters
    ----------
    rows : DataFrame
        As for `Noise.scaled_to`; with ``run`` and ``time_h`` where runs are to be told apart.

    Returns
    -------
    Noise

    Examples
    --------
    >>> default_noise(pd.DataFrame({"value": [0.3, 8.0], "flag": ["", ""]})).kind
    'lognormal'
    >>> default_noise(pd.DataFrame({"value": [0.93, 0.98], "flag": ["", ""]})).kind
    'normal'
    """
    readings = read_rows("the quantity", rows)
    quantified = readings.value[readings.flag == ""]
    limits = np.where(readings.flag == "between", readings.upper, readings.value)
    if not quantified.size or np.any(limits <= 0) or np.all(np.isfinite(readings.sd)):
        return normal()
    if quantified.max() <= WIDE_RANGE * quantified.min():
        return normal()
    if _is_used_up(rows[readings.flag == ""]):
        return proportional(floor=TRACE * float(quantified.max()))
    return lognormal()


def _is_used_up(rows: pd.DataFrame) -> bool:
    """Whether the readings of some run fall from their largest to next to nothing."""
    runs = rows.groupby("run", sort=False) if "run" in rows else [("", rows)]
    for _, part in runs:
        ordered = part.sort_values("time_h", kind="stable") if "time_h" in part else part
        values = ordered["value"].to_numpy(float)
        if values[values.argmax() :].min() < USED_UP * values.max():
            return True
    return False
