"""How readings of the titer scatter: normal or Student-t, censored, true zeros, assay error."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, override

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import special

from bayesbio.errors import ModelError
from bayesbio.inference.noise.tails import (
    is_symbolic,
    log_probability_between,
    normal_log_cdf,
    student_t_log_cdf,
)


@dataclasses.dataclass(frozen=True)
class Gaussian:
    """
    Normal scatter, on the scale of the model (of log titer, or of titer).

    Readings flagged below, above or between limits count with the exact probability.

    Parameters
    ----------
    assay : float or str, optional
        Known standard deviation of the assay, added to what is estimated: on the natural scale in
        the unit of the titer, on the log scale as a share of it (0.05 is 5 %). A name is a column
        that holds it [unit of the titer]. Where cultures were assayed repeatedly it need not be
        known: let the culture vary (``varying=["run"]``), and what is left is the assay.

    Examples
    --------
    >>> Gaussian(assay=0.05).assay
    0.05
    """

    assay: float | str | None = None

    unknown_names: ClassVar[tuple[str, ...]] = ("noise",)

    def __post_init__(self) -> None:
        if isinstance(self.assay, float | int) and not self.assay >= 0.0:
            raise ModelError(f"The assay error is {self.assay}; expected zero or more.")

    def unknowns(self) -> dict[str, Any]:
        """Register the unknowns, standardised, in the current ``pm.Model``."""
        return {"noise_score": pm.HalfNormal("noise_score", 1.0)}

    def log_density(self, score: Any, values: Mapping[str, Any]) -> Any:
        """Log density of a standardised residual."""
        return -0.5 * score**2 - 0.5 * np.log(2.0 * np.pi)

    def log_cdf(self, score: Any, values: Mapping[str, Any]) -> Any:
        """Log probability of a standardised residual below this."""
        return normal_log_cdf(score)

    def draw(
        self, shape: tuple[int, ...], values: Mapping[str, Any], rng: np.random.Generator
    ) -> np.ndarray:
        """Draw standardised residuals."""
        return rng.standard_normal(shape)


@dataclasses.dataclass(frozen=True)
class StudentT(Gaussian):
    """
    Student-t scatter, so that single odd readings weigh less; degrees of freedom above 2.

    Juarez and Steel (2010), doi:10.1002/jae.1113

    Examples
    --------
    >>> StudentT().unknown_names
    ('noise', 'degrees_of_freedom')
    """

    unknown_names: ClassVar[tuple[str, ...]] = ("noise", "degrees_of_freedom")

    @override
    def unknowns(self) -> dict[str, Any]:
        beyond = pm.Gamma("degrees_above_2", 2.0, 0.1)
        freedom = pm.Deterministic("degrees_of_freedom", 2.0 + beyond)
        return {**super().unknowns(), "degrees_of_freedom": freedom}

    @override
    def log_density(self, score: Any, values: Mapping[str, Any]) -> Any:
        freedom = values["degrees_of_freedom"]
        library: Any = pt if is_symbolic(score) or is_symbolic(freedom) else np
        log_gamma = pt.gammaln if library is pt else special.gammaln
        return (
            log_gamma(0.5 * (freedom + 1.0))
            - log_gamma(0.5 * freedom)
            - 0.5 * library.log(np.pi * freedom)
            - 0.5 * (freedom + 1.0) * library.log1p(score**2 / freedom)
        )

    @override
    def log_cdf(self, score: Any, values: Mapping[str, Any]) -> Any:
        return student_t_log_cdf(score, values["degrees_of_freedom"])

    @override
    def draw(
        self, shape: tuple[int, ...], values: Mapping[str, Any], rng: np.random.Generator
    ) -> np.ndarray:
        freedom = np.broadcast_to(values["degrees_of_freedom"], shape)
        return rng.standard_t(freedom)


@dataclasses.dataclass(frozen=True)
class Hurdle:
    """
    True zeros: a culture makes product or it does not, and if it does, so much.

    The probability of making product has a regression of its own on the main effects of the
    factors (logit), with the same kind of prior. On the natural scale what is made is above zero
    (truncated). A reading below a limit is either of the two.

    Parameters
    ----------
    made : Gaussian or StudentT
        Scatter of the titer where there is product.

    Examples
    --------
    >>> Hurdle(StudentT()).made.unknown_names
    ('noise', 'degrees_of_freedom')
    """

    made: Gaussian = dataclasses.field(default_factory=Gaussian)


FAMILIES = {family.__name__: family for family in (Gaussian, StudentT)}


@dataclasses.dataclass(frozen=True, eq=False)
class Readings:
    """
    Readings on the standardised scale of the model.

    Parameters
    ----------
    value : array, shape (rows,)
        NaN for a zero of a hurdle on the log scale.
    flag : text array, shape (rows,)
        Blank, below, above, between or zero.
    assay : array, shape (rows,)
        Known standard deviation of the assay, zero where it is not given.
    floor : float
        Zero titer on this scale; -inf on the log scale.
    upper : array, shape (rows,)
        Upper limit of readings between limits, whose lower one is the value; NaN elsewhere.
    """

    value: np.ndarray
    flag: np.ndarray
    assay: np.ndarray
    floor: float
    upper: np.ndarray

    def select(self, rows: np.ndarray) -> Readings:
        """Keep some rows."""
        own = {name: getattr(self, name)[rows] for name in ("value", "flag", "assay", "upper")}
        return dataclasses.replace(self, **own)


def log_likelihood(
    family: Gaussian,
    readings: Readings,
    location: Any,
    noise: Any,
    values: Mapping[str, Any],
    *,
    makes: Any = None,
) -> dict[str, Any]:
    """
    Log probability of the readings, kind of row by kind of row.

    Parameters
    ----------
    family : Gaussian or StudentT
    readings : Readings
    location : PyTensor vector (rows,) or array, shape (draws, rows)
    noise : scalar variable or array, shape (draws, 1)
        Standard deviation of a culture around its location.
    values : mapping of name to variable or array
        Further unknowns of the family.
    makes : like `location`, optional
        Logit of making product, for a hurdle.

    Returns
    -------
    dict of flag to (..., rows of that flag)
    """
    told: dict[str, Any] = {}
    for flag in ("", "below", "above", "between", "zero"):
        rows = np.flatnonzero(readings.flag == flag)
        if not rows.size:
            continue
        everywhere = rows.size == len(readings.flag)
        at = location if everywhere else location[..., rows]
        library: Any = pt if is_symbolic(location) else np
        assay = readings.assay[rows]
        spread = library.sqrt(noise**2 + assay**2) if assay.any() else noise
        logit = None if makes is None else (makes if everywhere else makes[..., rows])
        if flag == "zero":
            told[flag] = -_softplus(logit, library)
            continue
        score = (readings.value[rows] - at) / spread
        if flag == "":
            one = family.log_density(score, values) - library.log(spread)
        elif flag == "below":
            one = family.log_cdf(score, values)
        elif flag == "above":
            one = family.log_cdf(-score, values)
        else:
            # Seen from the nearer tail, where the difference of two probabilities is not lost.
            end = (readings.upper[rows] - at) / spread
            turned = score + end > 0.0
            one = log_probability_between(
                family.log_cdf(library.where(turned, -score, end), values),
                family.log_cdf(library.where(turned, -end, score), values),
            )
        if logit is not None:
            if np.isfinite(readings.floor):  # what is made is above zero
                nothing = (readings.floor - at) / spread
                if flag == "below":
                    one = log_probability_between(one, family.log_cdf(nothing, values))
                one = one - family.log_cdf(-nothing, values)
            one = one - _softplus(-logit, library)
            if flag == "below":
                one = library.logaddexp(one, -_softplus(logit, library))
        told[flag] = one
    return told


def _softplus(x: Any, library: Any) -> Any:
    return library.log1p(library.exp(-library.abs(x))) + library.maximum(x, 0.0)
