"""How readings scatter around a mean: normal, proportional, lognormal, Student t."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
from scipy import special, stats

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference.priors import describe, register
from bayesbio.inference.tails import log_probability_between, normal_log_cdf, student_t_log_cdf

RELATIVE_NOISE = 0.2  # scale of the default prior of a relative error
SHARE_OF_SPREAD = 0.5  # scale of the default prior of an absolute error, in sd of the readings
SHARE_OF_LARGEST = 1e-3  # smallest sd of a proportional error, in largest readings
LOGNORMAL_FLOOR = 1e-9  # means below it are bent towards zero from above [unit of the quantity]
WIDE_RANGE = 3.0  # readings that span more than this factor have an error that grows with them
USED_UP = 0.05  # a run that falls below this share of its largest reading has used it up
TRACE = 0.02  # smallest sd of what is used up, in largest readings
SMALLEST_VALUE = 1e-300  # stands for a lower band limit of zero where a logarithm is taken


class Readings(NamedTuple):
    """The rows of one quantity as plain arrays, shape (rows,)."""

    value: np.ndarray
    upper: np.ndarray
    flag: np.ndarray
    sd: np.ndarray


@dataclasses.dataclass(frozen=True)
class Noise:
    """
    How readings of one quantity scatter around its mean trajectory.

    Made by `normal`, `proportional`, `lognormal` or `student_t`. The same formulas serve the
    sampler (PyTensor) and predictions (numpy). Flagged rows count exactly: ``below`` with the
    probability of a reading under the limit, ``above`` with that over it, ``between`` with that of
    the band from ``value`` to ``value_upper``.

    Parameters
    ----------
    scale : unnamed PyMC distribution, optional
        Prior of the scale. By default half-normal and scaled to the data, see each constructor.
    size : float, optional
        Scale of that half-normal; `scaled_to` finds it.
    known_scale : float, optional [unit of the quantity, or 1 for relative errors]
        The scale itself where every row brings its own ``sd``; `scaled_to` finds it.

    Notes
    -----
    A row with an ``sd`` [unit of the quantity] uses it in place of the estimated scale; lognormal
    noise turns it into sqrt(log(1 + (sd / value)^2)), which has the same coefficient of variation.
    Where every row has one, nothing is left to estimate, and new readings scatter with the root
    mean square of them.

    Examples
    --------
    >>> frozen = lognormal().frozen(4.0, {"noise_titer": 0.1})
    >>> round(float(frozen.median()), 9)
    4.0
    """

    scale: Any = None
    size: float | None = None
    known_scale: float | None = None

    kind: ClassVar[str] = "noise"

    # What a reader may call -----------------------------------------------------------------

    def scaled_to(self, quantity: str, rows: pd.DataFrame) -> Noise:
        """
        Check the rows and settle what the data decide: default prior, floor, known scale.

        Parameters
        ----------
        quantity : str
            Name, for messages.
        rows : DataFrame
            Rows of that quantity as from ``campaign.to_frame(details=True)``, without excluded
            ones: value, flag and, where known, value_upper, sd, run, time_h.

        Returns
        -------
        Noise
            A copy that needs no data any more: `frozen` and `draw` follow from it alone.

        Raises
        ------
        DataError
            If a row cannot have this noise, or nothing in the data says how large the noise is.

        Examples
        --------
        >>> rows = pd.DataFrame({"value": [1.0, 3.0], "flag": ["", ""]})
        >>> normal().scaled_to("glucose", rows).size
        0.5
        """
        readings = _readings(quantity, rows)
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

    def parameters(self, quantity: str, rows: pd.DataFrame) -> dict[str, Any]:
        """
        Register the unknowns of the noise in the current ``pm.Model``.

        Parameters
        ----------
        quantity : str
            Gives the names ``noise_<quantity>`` (and ``noise_<quantity>_degrees_of_freedom``).
        rows : DataFrame
            As for `scaled_to`.

        Returns
        -------
        dict of name to random variable
            Without the scale where every row brings its own ``sd``.

        Raises
        ------
        DataError
            As `scaled_to`.
        """
        settled = self.scaled_to(quantity, rows)
        priors = settled._priors(f"noise_{quantity}")
        return {name: register(name, prior) for name, prior in priors.items()}

    def likelihood(
        self,
        quantity: str,
        mean: Any,
        rows: pd.DataFrame,
        parameters: Mapping[str, Any],
    ) -> None:
        """
        Register the readings in the current ``pm.Model``.

        The terms are called ``<quantity>`` and, where such rows occur, ``<quantity>_below``,
        ``<quantity>_above`` and ``<quantity>_between``; the flagged ones simulate what an assay
        with these limits would report.

        Parameters
        ----------
        quantity : str
            Name of the terms.
        mean : PyTensor vector, shape (rows,) [unit of the quantity]
            Mean trajectory at the rows; any finite value gives a finite density.
        rows : DataFrame
            As for `scaled_to`, in the same order.
        parameters : mapping of name to random variable
            What `parameters` returned.

        Raises
        ------
        DataError
            As `scaled_to`.
        """
        settled = self.scaled_to(quantity, rows)
        readings = _readings(quantity, rows)
        scale, shape = settled._scale_and_shape(parameters)
        location, spread = settled._located(pt.as_tensor(mean), scale, readings, pt)
        for flag in ("", "below", "above", "between"):
            place = np.flatnonzero(readings.flag == flag)
            if place.size:
                everywhere = place.size == len(readings.flag)
                at = location if everywhere else location[place]
                width = spread if everywhere else spread[place]
                term = settled._quantified if flag == "" else settled._flagged
                term(
                    quantity, flag, at, width, shape, Readings(*(part[place] for part in readings))
                )

    def frozen(self, mean: Any, parameters: Mapping[str, Any]) -> Any:
        """
        Distribution of readings around a mean, as a frozen ``scipy.stats`` distribution.

        Parameters
        ----------
        mean : array, any shape [unit of the quantity]
            Mean trajectory (median, for lognormal noise).
        parameters : mapping of name to array, broadcastable with ``mean``
            ``noise_<quantity>`` (and ``..._degrees_of_freedom``), as the posterior names them.

        Returns
        -------
        frozen scipy.stats distribution

        Raises
        ------
        CalibrationError
            If the scale is missing, or the noise was never scaled to data where it has to be.
        """
        scale, shape = self._scale_and_shape(parameters)
        mean = np.asarray(mean, dtype=float)
        return self._frozen(self._location(mean, np), self._spread(mean, scale, np), shape)

    def log_likelihood(
        self, mean: Any, rows: pd.DataFrame, parameters: Mapping[str, Any]
    ) -> np.ndarray:
        """
        Log density of quantified rows and log probability of flagged ones, in plain numbers.

        Parameters
        ----------
        mean : array, shape (..., rows) [unit of the quantity]
            Mean trajectory at the rows; leading axes are draws.
        rows : DataFrame
            As for `scaled_to`, in the same order.
        parameters : mapping of name to array, shape (...)
            One value a draw, without an axis for the rows.

        Returns
        -------
        array, shape (..., rows)

        Examples
        --------
        >>> rows = pd.DataFrame({"value": [0.2], "flag": ["below"]})
        >>> float(normal().log_likelihood([0.2], rows, {"noise_glucose": 0.1}).round(6)[0])
        -0.693147
        """
        readings = _readings("the quantity", rows)
        scale, shape = self._scale_and_shape(parameters)
        if scale is not None:
            scale = np.asarray(scale, dtype=float)[..., None]
        if shape is not None:
            shape = np.asarray(shape, dtype=float)[..., None]
        mean = np.asarray(mean, dtype=float)
        location, spread = self._located(mean, scale, readings, np)
        lower = (self._transformed(readings.value) - location) / spread
        upper = (self._transformed(readings.upper) - location) / spread
        flags = [readings.flag == flag for flag in ("", "below", "above")]
        with np.errstate(over="ignore"):  # a reading impossibly far out has log density -inf
            density = self._log_density(lower, shape) - np.log(spread)
            if self._logarithmic:
                density = density - self._transformed(readings.value)
            choices = [density, self._log_cdf(lower, shape), self._log_cdf(-lower, shape)]
            return np.select(flags, choices, default=self._log_between(lower, upper, shape))

    def draw(
        self, mean: Any, parameters: Mapping[str, Any], rng: np.random.Generator
    ) -> np.ndarray:
        """
        Draw new readings around a mean.

        Parameters
        ----------
        mean : array, any shape [unit of the quantity]
            Mean trajectory; NaN stays NaN.
        parameters : mapping of name to array, broadcastable with ``mean``
            As for `frozen`.
        rng : numpy Generator
            Source of chance.

        Returns
        -------
        array, broadcast shape [unit of the quantity]
        """
        scale, shape = self._scale_and_shape(parameters)
        mean = np.asarray(mean, dtype=float)
        location, spread = self._location(mean, np), self._spread(mean, scale, np)
        size = np.broadcast_shapes(np.shape(location), np.shape(spread), np.shape(shape))
        drawn = location + spread * self._standard(shape, size, rng)
        return np.exp(drawn) if self._logarithmic else drawn

    def describe(self) -> str:
        """
        Say in words what the noise is and which priors it has.

        Examples
        --------
        >>> rows = pd.DataFrame({"value": [1.0, 3.0], "flag": ["", ""]})
        >>> normal().scaled_to("glucose", rows).describe()
        'normal, scale ~ HalfNormal(0, 0.5)'
        """
        if self.scale is None and self.size is None and self.known_scale is None:
            return f"{self.kind}, scale from the data"
        known = f"{self.kind}, scale known ({self.known_scale or 0.0:.3g})"
        parts = [f"{name} ~ {describe(prior)}" for name, prior in self._priors("scale").items()]
        return ", ".join([known if self.known_scale is not None else self.kind, *parts])

    def to_dict(self) -> dict[str, Any]:
        """
        Describe the noise by plain numbers, enough to predict with it again.

        A prior given as a PyMC distribution is left out: after sampling, the posterior has taken
        its place.
        """
        kept = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if isinstance(getattr(self, field.name), float | int)
        }
        return {"kind": self.kind, **kept}

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Noise:
        """
        Make the noise that `to_dict` described.

        Raises
        ------
        CalibrationError
            If its kind is unknown.

        Examples
        --------
        >>> Noise.from_dict(lognormal().to_dict()) == lognormal()
        True
        """
        kinds = {noise.kind: noise for noise in (Normal, Proportional, LogNormal, StudentT)}
        content = dict(content)
        kind = content.pop("kind", None)
        if kind not in kinds:
            raise CalibrationError(
                f"Noise of kind {kind!r} is unknown; expected one of {', '.join(kinds)}. Was the "
                "file written by a newer bayesbio? Install that version to read it."
            )
        return kinds[kind](**content)

    # What the kinds of noise differ in --------------------------------------------------------

    _logarithmic: ClassVar[bool] = False

    def _location(self, mean: Any, library: Any) -> Any:
        """Centre of the readings on the scale where they are symmetric."""
        return mean

    def _spread(self, mean: Any, scale: Any, library: Any) -> Any:
        """Scale of the readings there."""
        return scale

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

    def _settled(self, readings: Readings) -> Noise:
        """Copy with the constants that depend on data filled in."""
        return self

    def _check(self, quantity: str, rows: pd.DataFrame, readings: Readings) -> None:
        """Refuse rows that cannot have this noise."""

    # What they share --------------------------------------------------------------------------

    def _scale_and_shape(self, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
        """Find scale and degrees of freedom among the parameters of one quantity."""
        scales = [name for name in parameters if not name.endswith("_degrees_of_freedom")]
        shapes = [name for name in parameters if name.endswith("_degrees_of_freedom")]
        if len(scales) > 1 or len(shapes) > 1:
            raise CalibrationError(
                f"The noise of one quantity came with {len(parameters)} parameters "
                f"({', '.join(parameters)}); expected noise_<quantity> and, for Student t noise, "
                "noise_<quantity>_degrees_of_freedom. Pass only those of this quantity."
            )
        if not scales and self.known_scale is None:
            raise CalibrationError(
                f"{self.kind.capitalize()} noise needs its scale; parameters has none. Pass "
                "{'noise_<quantity>': value} as the posterior names it."
            )
        scale = parameters[scales[0]] if scales else self.known_scale
        return scale, parameters[shapes[0]] if shapes else None

    def _located(self, mean: Any, scale: Any, readings: Readings, library: Any) -> tuple[Any, Any]:
        """Location and spread of each row, known standard deviations in their place."""
        location = self._location(mean, library)
        spread = self._spread(mean, scale, library) + library.zeros_like(location)
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


@dataclasses.dataclass(frozen=True)
class Normal(Noise):
    """Additive normal noise; see `normal`."""

    kind: ClassVar[str] = "normal"


@dataclasses.dataclass(frozen=True)
class Proportional(Noise):
    """Normal noise that grows with the mean; see `proportional`."""

    floor: float | None = None

    kind: ClassVar[str] = "proportional"

    def _spread(self, mean: Any, scale: Any, library: Any) -> Any:
        if self.floor is None:
            raise CalibrationError(
                "Proportional noise needs its floor, the standard deviation left at a mean of "
                "zero. Give proportional(floor=...) in the unit of the quantity, or take it from "
                "the data: noise = noise.scaled_to(quantity, rows)."
            )
        return library.sqrt((scale * mean) ** 2 + self.floor**2)

    def _default_size(self, quantified: np.ndarray) -> float:
        return RELATIVE_NOISE

    def _settled(self, readings: Readings) -> Noise:
        if self.floor is not None:
            return self
        largest = float(np.max(np.abs(readings.value))) or 1.0
        return dataclasses.replace(self, floor=SHARE_OF_LARGEST * largest)


@dataclasses.dataclass(frozen=True)
class LogNormal(Noise):
    """Normal noise on the log scale; see `lognormal`."""

    kind: ClassVar[str] = "lognormal"
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
            f"{_where(rows, impossible[0])}{quantity} has a{limit or ' value of'} "
            f"{size[impossible[0]]:g}; lognormal noise takes values above zero only "
            f"({impossible.size} of {len(size)} rows are not). If the assay could not see it, mark "
            "the row 'below' and give the detection limit as value; otherwise choose "
            f"noise={{{quantity!r}: normal()}} or proportional()."
        )


@dataclasses.dataclass(frozen=True)
class StudentT(Noise):
    """Additive noise with heavy tails; see `student_t`."""

    degrees_of_freedom: Any = None

    kind: ClassVar[str] = "student_t"

    def _priors(self, name: str) -> dict[str, Any]:
        priors = super()._priors(name)
        if self.degrees_of_freedom is None:
            priors[f"{name}_degrees_of_freedom"] = pm.Gamma.dist(alpha=2.0, beta=0.1)
        elif not isinstance(self.degrees_of_freedom, float | int):
            priors[f"{name}_degrees_of_freedom"] = self.degrees_of_freedom
        return priors

    def _scale_and_shape(self, parameters: Mapping[str, Any]) -> tuple[Any, Any]:
        scale, shape = super()._scale_and_shape(parameters)
        if shape is None and isinstance(self.degrees_of_freedom, float | int):
            shape = float(self.degrees_of_freedom)
        if shape is None:
            raise CalibrationError(
                "Student t noise needs its degrees of freedom; parameters has none. Pass "
                "{'noise_<quantity>_degrees_of_freedom': value} too, or fix them with "
                "student_t(degrees_of_freedom=4.0)."
            )
        return scale, shape

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
    return Normal(_prior("normal", scale))


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
    return Proportional(_prior("proportional", scale), floor=floor)


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
    return LogNormal(_prior("lognormal", scale))


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
    degrees = degrees_of_freedom if fixed else _prior("student_t", degrees_of_freedom)
    return StudentT(_prior("student_t", scale), degrees_of_freedom=degrees)


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
    readings = _readings("the quantity", rows)
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


def _prior(kind: str, prior: Any) -> Any:
    """Accept an unnamed PyMC distribution or nothing."""
    if prior is None or (isinstance(prior, pt.Variable) and prior.owner is not None):
        return prior
    raise CalibrationError(
        f"{kind}({prior!r}): expected an unnamed PyMC distribution as prior, such as "
        "pm.HalfNormal.dist(0.1). A known standard deviation belongs in the data's sd column."
    )


def _readings(quantity: str, rows: pd.DataFrame) -> Readings:
    """Take the arrays out of a frame and check that they can be used."""

    def column(name: str) -> np.ndarray:
        if name not in rows:
            return np.full(len(rows), np.nan)
        return rows[name].to_numpy(float, copy=True)

    value, upper, sd = column("value"), column("value_upper"), column("sd")
    flag = rows["flag"].to_numpy(str) if len(rows) else np.zeros(0, dtype=str)
    for wrong, what, what_to_do in (
        (~np.isfinite(value), "has no finite value", "Leave out rows without a value."),
        ((sd <= 0) | np.isinf(sd), "has an sd that is not above zero", "Leave unknown sd blank."),
        (
            (flag == "between") & ~(upper > value),
            "is flagged 'between' but value_upper is not above value",
            "Give the band as value and value_upper.",
        ),
        (flag == "excluded", "is excluded", "Leave out excluded rows."),
    ):
        if np.any(wrong):
            raise DataError(
                f"{_where(rows, np.flatnonzero(wrong)[0])}{quantity} {what}. {what_to_do}"
            )
    return Readings(value, upper, flag, sd)


def _where(rows: pd.DataFrame, place: int) -> str:
    """Run and hour of a row, as the beginning of a sentence."""
    if "run" not in rows or "time_h" not in rows:
        return f"Row {place + 1}: "
    row = rows.iloc[place]
    return f"Run {row['run']!r} at {row['time_h']:g} h: "
