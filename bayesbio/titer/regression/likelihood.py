"""Likelihood of titer readings: normal or Student-t, censoring, assay error, hurdle for zeros."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, override

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import special, stats

from bayesbio.errors import ModelError
from bayesbio.inference.noise.censoring import (
    NORMAL,
    STUDENT_T,
    Family,
    censored_log_likelihood,
    draw_between,
)
from bayesbio.inference.noise.tails import is_symbolic

SMALLEST = 1e-300  # probability of being positive below which a mean is taken to be zero


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """
    Normal residuals of the transformed titer.

    Readings flagged below, above or between limits count with the exact probability.

    Parameters
    ----------
    assay : float or str, optional
        Known standard deviation of the assay, added to what is estimated: without a transform in
        the unit of the titer, of log titer as a share of it (0.05 is 5 %). A name is a column
        that holds it [unit of the titer]. Where cultures were assayed repeatedly it need not be
        known: let the culture vary (``varying=["run"]``), and the residual is the assay's.

    Examples
    --------
    >>> Gaussian(assay=0.05).assay
    0.05
    """

    assay: float | str | None = None

    unknown_names: ClassVar[tuple[str, ...]] = ("noise",)
    residuals: ClassVar[Family] = NORMAL

    def __post_init__(self) -> None:
        if isinstance(self.assay, float | int) and not self.assay >= 0.0:
            raise ModelError(f"The assay error is {self.assay}; expected zero or more.")

    def unknowns(self) -> dict[str, Any]:
        """Register the unknowns, standardised, in the current ``pm.Model``."""
        return {"noise_score": pm.HalfNormal("noise_score", 1.0)}

    def shape(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Shape parameters of `residuals` among the unknowns."""
        return ()

    def partial_mean(self, start: np.ndarray, values: Mapping[str, Any]) -> np.ndarray:
        """Integral of z times the density of a standardised residual z, from `start` upwards."""
        return stats.norm.pdf(start)


@dataclasses.dataclass(frozen=True)
class StudentT(Gaussian):
    """
    Student-t residuals, so that single outliers weigh less; degrees of freedom above 2.

    Juarez and Steel (2010), doi:10.1002/jae.1113

    Examples
    --------
    >>> StudentT().unknown_names
    ('noise', 'degrees_of_freedom')
    """

    unknown_names: ClassVar[tuple[str, ...]] = ("noise", "degrees_of_freedom")
    residuals: ClassVar[Family] = STUDENT_T

    @override
    def unknowns(self) -> dict[str, Any]:
        beyond = pm.Gamma("degrees_above_2", 2.0, 0.1)
        freedom = pm.Deterministic("degrees_of_freedom", 2.0 + beyond)
        return {**super().unknowns(), "degrees_of_freedom": freedom}

    @override
    def shape(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        return (values["degrees_of_freedom"],)

    @override
    def partial_mean(self, start: np.ndarray, values: Mapping[str, Any]) -> np.ndarray:
        freedom = values["degrees_of_freedom"]
        return stats.t.pdf(start, freedom) * (freedom + start**2) / (freedom - 1.0)


@dataclasses.dataclass(frozen=True)
class Hurdle:
    """
    Hurdle model for true zeros: a logistic regression of product at all, and of how much if any.

    The probability of product has a regression on the main effects of the factors (logit), with
    the same kind of prior. Without a transform the positive part is truncated at zero. A reading
    below a limit is either of the two.

    Parameters
    ----------
    positive : Gaussian or StudentT
        Residuals of the titer where there is product.

    Examples
    --------
    >>> Hurdle(StudentT()).positive.unknown_names
    ('noise', 'degrees_of_freedom')
    """

    positive: Gaussian = dataclasses.field(default_factory=Gaussian)


@dataclasses.dataclass(frozen=True, eq=False)
class Readings:
    """Readings on the standardised scale of the model."""

    value: np.ndarray  # NaN for a zero of a hurdle, shape (rows,)
    flag: np.ndarray  # blank, below, above, between or zero (a true zero of a hurdle)
    assay: np.ndarray  # known standard deviation of the assay, zero where it is not given
    upper: np.ndarray  # upper limit of readings between limits, whose lower one is the value

    @property
    def quantified(self) -> np.ndarray:
        """Values that are neither limits nor true zeros, NaN elsewhere."""
        return np.where(self.flag == "", self.value, np.nan)

    def select(self, rows: np.ndarray) -> Readings:
        """Keep some rows."""
        return Readings(*(getattr(self, f.name)[rows] for f in dataclasses.fields(self)))


@dataclasses.dataclass(frozen=True)
class ReadingDistribution:
    """
    Distribution of a reading given its linear predictor: density, probabilities, draws and mean.

    Likelihood and predictions both come from here. Where readings cannot be below zero, the
    distribution ends there: with a hurdle the positive part is truncated (Cragg 1971,
    doi:10.2307/1909582), without one the probability of less than zero is that of reading zero
    (Tobin 1958, doi:10.2307/1907382).
    """

    family: Gaussian
    zero: float  # zero titer on the scale of the location; -inf for log titer
    bounded: bool  # no reading can be below zero
    hurdle: bool

    @property
    def truncated(self) -> bool:
        """Whether the positive part of a hurdle ends at zero."""
        return self.hurdle and self.bounded and bool(np.isfinite(self.zero))

    def standardised(self, centre: float, spread: float) -> ReadingDistribution:
        """Give the same distribution on the standardised scale of the model."""
        return dataclasses.replace(self, zero=(self.zero - centre) / spread)

    def log_likelihood(
        self,
        readings: Readings,
        location: Any,
        noise: Any,
        values: Mapping[str, Any],
        production_logit: Any = None,
    ) -> dict[str, Any]:
        """
        Log probability of readings by flag, shape (..., rows of that flag).

        Symbolic or for arrays: location and production_logit (of a hurdle) of shape (..., rows),
        noise of a culture around its location, and further unknowns of the family.
        """
        result: dict[str, Any] = {}
        for flag in ("", "below", "above", "between", "zero"):
            rows = np.flatnonzero(readings.flag == flag)
            if not rows.size:
                continue
            everywhere = rows.size == len(readings.flag)
            at = location if everywhere else location[..., rows]
            library: Any = pt if is_symbolic(location) else np
            assay = readings.assay[rows]
            spread = library.sqrt(noise**2 + assay**2) if assay.any() else noise
            logit = production_logit
            logit = logit if logit is None or everywhere else logit[..., rows]
            if flag == "zero":
                result[flag] = -_softplus(logit, library)
                continue
            one = censored_log_likelihood(
                self.family.residuals,
                readings.flag[rows],
                readings.value[rows],
                at,
                spread,
                *self.family.shape(values),
                upper=readings.upper[rows],
                truncated_below=self.zero if self.truncated else -np.inf,
            )
            if logit is not None:
                one = one - _softplus(-logit, library)
                if flag == "below":
                    one = library.logaddexp(one, -_softplus(logit, library))
            result[flag] = one
        return result

    def draw(
        self,
        location: np.ndarray,
        spread: Any,
        values: Mapping[str, Any],
        rng: np.random.Generator,
        production_logit: np.ndarray | None = None,
    ) -> np.ndarray:
        """Draw readings on the scale of `location`; `spread` includes the assay."""
        residuals, shape = self.family.residuals, self.family.shape(values)
        if self.truncated:
            drawn = draw_between(residuals, self.zero, np.inf, location, spread, *shape, rng=rng)
            drawn = np.maximum(drawn, np.nextafter(self.zero, np.inf))  # rounding
        else:
            drawn = residuals.draw(location, spread, *shape, rng=rng)
            drawn = np.maximum(drawn, self.zero) if self.bounded else drawn
        if production_logit is None:
            return drawn
        produced = rng.uniform(size=drawn.shape) < special.expit(production_logit)
        return np.where(produced, drawn, self.zero)

    def mean(
        self,
        location: np.ndarray,
        spread: Any,
        values: Mapping[str, Any],
        production_logit: np.ndarray | None = None,
    ) -> np.ndarray:
        """Mean of readings on the scale of `location`; of log titer, where there is product."""
        mean = location
        if self.bounded and np.isfinite(self.zero):
            start = (self.zero - location) / spread
            share = np.exp(self.family.residuals.log_cdf(-start, *self.family.shape(values)))
            excess = (location - self.zero) * share + spread * self.family.partial_mean(
                start, values
            )
            if self.truncated:
                # far below zero the quotient is lost to rounding; it is a small share of the spread
                excess = np.where(share > SMALLEST, excess / np.maximum(share, SMALLEST), 0.0)
            mean = self.zero + np.maximum(excess, 0.0)
        if production_logit is not None and np.isfinite(self.zero):
            mean = self.zero + (mean - self.zero) * special.expit(production_logit)
        return mean


def _softplus(x: Any, library: Any) -> Any:
    return library.log1p(library.exp(-library.abs(x))) + library.maximum(x, 0.0)
