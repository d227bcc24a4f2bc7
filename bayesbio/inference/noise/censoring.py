"""Censored likelihoods: readings below, above or between limits, in numbers and in PyTensor."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import special, stats

from bayesbio.inference.noise.tails import (
    is_symbolic,
    log_probability_between,
    normal_log_cdf,
    student_t_log_cdf,
)


@dataclasses.dataclass(frozen=True)
class Family:
    """
    Symmetric location-scale family: SciPy's distribution for numbers, PyMC's for the sampler.

    Parameters
    ----------
    frozen : callable
        ``frozen(location, scale, *shape)``: the frozen ``scipy.stats`` distribution.
    variable : callable
        ``variable(location, scale, *shape, **size)``: the unnamed PyMC distribution.
    log_tail : callable, optional
        ``log_tail(z, *shape)``: log distribution function of the standardised distribution, numbers
        or PyTensor, accurate far out; by default what SciPy and PyMC have.
    log_quantile : callable, optional
        Its inverse, in numbers; by default the quantile function of `frozen`, which has no digits
        left where probabilities underflow.
    logarithmic : bool
        Whether location and scale are those of the logarithm of a reading.

    Examples
    --------
    >>> round(float(LOGNORMAL.frozen(np.log(4.0), 0.1).median()), 9)
    4.0
    """

    frozen: Callable[..., Any]
    variable: Callable[..., Any]
    log_tail: Callable[..., Any] | None = None
    log_quantile: Callable[..., Any] | None = None
    logarithmic: bool = False

    def log_cdf(self, z: Any, *shape: Any) -> Any:
        """Log distribution function at standardised values; the upper tail is that of -z."""
        if self.log_tail is not None:
            return self.log_tail(z, *shape)
        symbolic = any(map(is_symbolic, (z, *shape)))
        if self.logarithmic:
            z = pt.exp(z) if symbolic else np.exp(z)
        if symbolic:
            return pm.logcdf(self.variable(0.0, 1.0, *shape), z)
        return self.frozen(0.0, 1.0, *shape).logcdf(z)

    def standardised(self, limit: Any, location: Any, scale: Any) -> Any:
        """Give distance of readings from the location in scales; NaN where the limit is open."""
        if self.logarithmic:
            with np.errstate(divide="ignore"):
                limit = pt.log(limit) if is_symbolic(limit) else np.log(limit)
        return (limit - location) / scale

    def draw(self, location: Any, scale: Any, *shape: Any, rng: np.random.Generator) -> np.ndarray:
        """Draw readings, in the broadcast shape; where the location is NaN so are they."""
        size = np.broadcast_shapes(*(np.shape(each) for each in (location, scale, *shape)))
        standard = self.frozen(0.0, 1.0, *shape).rvs(size, random_state=rng)
        if self.logarithmic:
            return np.exp(location + scale * np.log(standard))
        return location + scale * standard


NORMAL = Family(
    frozen=lambda location, scale: stats.norm(location, scale),
    variable=lambda location, scale, **size: pm.Normal.dist(location, scale, **size),
    log_tail=normal_log_cdf,
    log_quantile=special.ndtri_exp,
)
LOGNORMAL = Family(
    frozen=lambda location, scale: stats.lognorm(s=scale, scale=np.exp(location)),
    variable=lambda location, scale, **size: pm.LogNormal.dist(location, scale, **size),
    log_tail=normal_log_cdf,
    log_quantile=special.ndtri_exp,
    logarithmic=True,
)
STUDENT_T = Family(
    frozen=lambda location, scale, degrees: stats.t(degrees, loc=location, scale=scale),
    variable=lambda location, scale, degrees, **size: pm.StudentT.dist(
        nu=degrees, mu=location, sigma=scale, **size
    ),
    log_tail=student_t_log_cdf,
)


def limits_of(flag: np.ndarray, value: np.ndarray, upper: Any = np.nan) -> tuple[Any, Any]:
    """
    Interval that each flagged reading is known to lie in.

    Parameters
    ----------
    flag : text array, shape (rows,)
        below, above, between or excluded; blank where the reading is quantified.
    value, upper : array, shape (rows,)
        Limit, or the lower and the upper one of a band.

    Returns
    -------
    lower, upper : arrays, shape (rows,)
        Infinite where there is no limit: on both sides where a reading is excluded or quantified.

    Examples
    --------
    >>> limits_of(np.array(["below", "between"]), np.array([0.2, 1.0]), np.array([np.nan, 2.0]))
    (array([-inf,   1.]), array([0.2, 2. ]))
    """
    lower = np.where(np.isin(flag, ("above", "between")), value, -np.inf)
    higher = np.where(flag == "below", value, np.where(flag == "between", upper, np.inf))
    return lower, higher


def log_interval_probability(
    family: Family, lower: Any, upper: Any, location: Any, scale: Any, *shape: Any
) -> Any:
    """
    Log probability of a reading between two limits, each of which may be infinite.

    Taken in the nearer tail, so that digits and gradients hold far out; zero where both limits are
    infinite.

    Parameters
    ----------
    family : Family
    lower, upper : arrays or PyTensor variables, shape (rows,) [unit of the reading]
    location, scale, *shape : arrays or PyTensor variables, broadcastable
        Of the family.

    Returns
    -------
    array or PyTensor variable, broadcast shape

    Examples
    --------
    >>> float(np.exp(log_interval_probability(NORMAL, -np.inf, 1.0, 1.0, 2.0)).round(6))
    0.5
    """
    if family.logarithmic and not is_symbolic(lower):
        lower = np.where(np.asarray(lower, dtype=float) > 0.0, lower, -np.inf)
    numeric = not (is_symbolic(lower) or is_symbolic(upper))
    library: Any = np if numeric else pt
    has_lower, has_upper = ~library.isinf(lower), ~library.isinf(upper)
    open_end = 1.0 if family.logarithmic else 0.0  # any number that the family can take
    low = family.standardised(library.where(has_lower, lower, open_end), location, scale)
    high = family.standardised(library.where(has_upper, upper, open_end), location, scale)
    cases: list[tuple[Any, Callable[[], Any]]] = [
        (has_upper & ~has_lower, lambda: family.log_cdf(high, *shape)),
        (has_lower & ~has_upper, lambda: family.log_cdf(-low, *shape)),
        (has_lower & has_upper, lambda: _between(family, low, high, shape)),
    ]
    where: Any = np.where if not is_symbolic(low) and not is_symbolic(high) else pt.where
    found: Any = 0.0 * (low + high)
    for chosen, compute in cases:
        if numeric and np.all(chosen):
            return compute()
        if not numeric or np.any(chosen):
            found = where(chosen, compute(), found)
    return found


def _between(family: Family, low: Any, high: Any, shape: tuple[Any, ...]) -> Any:
    where: Any = pt.where if is_symbolic(low) or is_symbolic(high) else np.where
    right = low + high > 0.0  # of the centre: the upper tail is the smaller one
    first, last = where(right, -high, low), where(right, -low, high)
    return log_probability_between(family.log_cdf(last, *shape), family.log_cdf(first, *shape))


def log_density(family: Family, value: Any, location: Any, scale: Any, *shape: Any) -> Any:
    """
    Log density of quantified readings.

    Examples
    --------
    >>> float(log_density(NORMAL, 1.0, 1.0, 1.0).round(6))
    -0.918939
    """
    if any(map(is_symbolic, (value, location, scale, *shape))):
        return pm.logp(family.variable(location, scale, *shape), value)
    with np.errstate(over="ignore"):  # a reading impossibly far out has log density -inf
        return family.frozen(location, scale, *shape).logpdf(value)


def censored_log_likelihood(
    family: Family,
    flag: np.ndarray,
    value: np.ndarray,
    location: Any,
    scale: Any,
    *shape: Any,
    upper: Any = np.nan,
    truncated_below: float = -np.inf,
) -> Any:
    """
    Log density of quantified readings and log probability of censored ones.

    Parameters
    ----------
    family : Family
    flag, value, upper : arrays, shape (rows,)
        As for `limits_of`; an excluded reading adds zero.
    location, scale, *shape : arrays or PyTensor variables, broadcastable to (..., rows)
        Of the family.
    truncated_below : float
        No reading can lie below it: the family is renormalised to what lies above.

    Returns
    -------
    array or PyTensor variable, shape (..., rows)

    Notes
    -----
    Tobin (1958), doi:10.2307/1907382; the exact tail on each side of a limit.

    Examples
    --------
    >>> flag, value = np.array(["", "below", "excluded"]), np.array([1.0, 1.0, 7.0])
    >>> censored_log_likelihood(NORMAL, flag, value, np.ones(3), 1.0).round(3).tolist()
    [-0.919, -0.693, 0.0]
    """
    flag, value = np.asarray(flag), np.asarray(value, dtype=float)
    quantified = flag == ""
    lower, higher = limits_of(flag, value, upper)
    truncated = np.isfinite(truncated_below)
    if truncated:
        lower = np.where(flag == "excluded", lower, np.maximum(lower, truncated_below))
    known = np.where(quantified, value, 1.0)
    if quantified.all():
        found = log_density(family, known, location, scale, *shape)
    else:
        found = log_interval_probability(family, lower, higher, location, scale, *shape)
        if quantified.any():
            density = log_density(family, known, location, scale, *shape)
            where: Any = pt.where if is_symbolic(density) or is_symbolic(found) else np.where
            found = where(quantified, density, found)
    if truncated:
        possible = np.where(flag == "excluded", -np.inf, truncated_below)
        found = found - log_interval_probability(family, possible, np.inf, location, scale, *shape)
    return found


def draw_between(
    family: Family,
    lower: Any,
    upper: Any,
    location: Any,
    scale: Any,
    *shape: Any,
    rng: np.random.Generator,
) -> np.ndarray:
    """
    Draw readings from a family truncated to an interval, by its inverse distribution function.

    Parameters
    ----------
    family : Family
    lower, upper : arrays, broadcastable [unit of the reading]
        Either may be infinite.
    location, scale, *shape : arrays, broadcastable
    rng : numpy Generator

    Returns
    -------
    array, broadcast shape [unit of the reading]

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> drawn = draw_between(NORMAL, 40.0, 41.0, np.zeros(3), 1.0, rng=rng)
    >>> bool(np.all((drawn > 40.0) & (drawn < 41.0)))
    True
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        low = family.standardised(np.asarray(lower, dtype=float), location, scale)
        high = family.standardised(np.asarray(upper, dtype=float), location, scale)
    if family.logarithmic:
        low = np.where(np.isnan(low), -np.inf, low)  # a limit of zero or less is none
    right = low + high > 0.0
    low, high = np.where(right, -high, low), np.where(right, -low, high)
    first, last = (_log_cdf(family, each, shape) for each in (low, high))
    inside = last + np.log1p(-np.exp(np.minimum(first - last, -1e-300)))
    uniform = rng.uniform(size=np.broadcast_shapes(np.shape(inside), np.shape(location)))
    logs = np.logaddexp(first, np.log(uniform) + inside)
    if family.log_quantile is None:
        drawn = family.frozen(0.0, 1.0, *shape).ppf(np.exp(logs))
    else:
        drawn = family.log_quantile(logs, *shape)
    drawn = np.clip(drawn, low, high)
    found = location + scale * np.where(right, -drawn, drawn)
    return np.exp(found) if family.logarithmic else found


def _log_cdf(family: Family, z: np.ndarray, shape: tuple[Any, ...]) -> np.ndarray:
    """Of the standardised distribution, infinite arguments included."""
    found = family.log_cdf(np.where(np.isinf(z), 0.0, z), *shape)
    return np.where(np.isneginf(z), -np.inf, np.where(np.isposinf(z), 0.0, found))


def report_within(drawn: Any, flag: str, value: Any, upper: Any = np.nan) -> Any:
    """
    Clip readings at the limits beyond which an assay reports nothing but the limit.

    Examples
    --------
    >>> report_within(np.array([0.1, 0.5]), "below", 0.2).tolist()
    [0.2, 0.5]
    """
    lowest = {"below": value, "between": value}.get(flag, -np.inf)
    highest = {"above": value, "between": upper}.get(flag, np.inf)
    return (pt if is_symbolic(drawn) else np).clip(drawn, lowest, highest)
