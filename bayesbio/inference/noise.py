"""How readings scatter around a trajectory: what every kind of noise has in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
from scipy import stats

from bayesbio.errors import CalibrationError, DataError
from bayesbio.inference.priors import describe, register
from bayesbio.inference.readings import Readings, read_rows
from bayesbio.inference.tails import log_probability_between, normal_log_cdf

SHARE_OF_SPREAD = 0.5  # scale of the default prior of an absolute error, in sd of the readings


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
    >>> from bayesbio.inference import lognormal
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
        >>> from bayesbio.inference import normal
        >>> rows = pd.DataFrame({"value": [1.0, 3.0], "flag": ["", ""]})
        >>> normal().scaled_to("glucose", rows).size
        0.5
        """
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
        readings = read_rows(quantity, rows)
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
        >>> from bayesbio.inference import normal
        >>> rows = pd.DataFrame({"value": [0.2], "flag": ["below"]})
        >>> float(normal().log_likelihood([0.2], rows, {"noise_glucose": 0.1}).round(6)[0])
        -0.693147
        """
        readings = read_rows("the quantity", rows)
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
        >>> from bayesbio.inference import normal
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
        >>> from bayesbio.inference import lognormal
        >>> Noise.from_dict(lognormal().to_dict()) == lognormal()
        True
        """
        kinds = {noise.kind: noise for noise in Noise.__subclasses__()}
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
