"""Logarithms of tail probabilities whose values and gradients stay finite far out in the tail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt
from scipy import special

TINY = 1e-300  # the narrowest band whose probability has a logarithm
UNDERFLOW = 1e-290  # below it, the leading term of the series replaces the incomplete beta function
ONE_HALF = np.float64(0.5)  # PyTensor would take a plain 0.5 in single precision
TERMS = 600  # of the series that stand in for an incomplete gamma function that underflows
SHIFT = 1e-100  # moves an exact zero, where the incomplete beta function has no slope


def normal_log_cdf(z: Any) -> Any:
    """
    Log of the standard normal distribution function, for numbers or PyTensor variables.

    Parameters
    ----------
    z : array or PyTensor variable, any shape [1]
        Standardised values; the upper tail is ``normal_log_cdf(-z)``.

    Returns
    -------
    array or PyTensor variable, same shape [1]

    Notes
    -----
    With PyTensor each side of the switch sees only arguments it can take, so that the side not
    chosen cannot put a NaN into the gradient. Scaled complementary error function: Cody (1969),
    doi:10.1090/S0025-5718-1969-0247736-4

    Examples
    --------
    >>> float(normal_log_cdf(-40.0).round(6))
    -804.608442
    """
    if not is_symbolic(z):
        return special.log_ndtr(np.asarray(z, dtype=float))
    far = pt.lt(z, -1.0)
    left = pt.switch(far, z, -1.0)
    right = pt.switch(far, -1.0, z)
    tail = pt.log(0.5 * pt.erfcx(-left / np.sqrt(2.0))) - 0.5 * left**2
    return pt.switch(far, tail, pt.log1p(-0.5 * pt.erfc(right / np.sqrt(2.0))))


def student_t_log_cdf(z: Any, degrees_of_freedom: Any) -> Any:
    """
    Log of the standard Student t distribution function, for numbers or PyTensor variables.

    Parameters
    ----------
    z : array or PyTensor variable, any shape [1]
        Standardised values; the upper tail is ``student_t_log_cdf(-z, ...)``.
    degrees_of_freedom : broadcastable [1]
        Above zero.

    Returns
    -------
    array or PyTensor variable, broadcast shape [1]

    Notes
    -----
    Near the middle 1/2 + sign(z)/2 I(z^2/(nu + z^2); 1/2, nu/2), in the tails
    I(nu/(nu + z^2); nu/2, 1/2)/2, with I the regularised incomplete beta function: Abramowitz and
    Stegun (1972), 26.7.1, https://dlmf.nist.gov/8.17

    Examples
    --------
    >>> float(student_t_log_cdf(-1e6, 4.0).round(6))
    -54.16343
    """
    symbolic = is_symbolic(z) or is_symbolic(degrees_of_freedom)
    library: Any = pt if symbolic else np
    incomplete_beta = pt.betainc if symbolic else special.betainc
    log_gamma = pt.gammaln if symbolic else special.gammaln
    z, nu = z + SHIFT, degrees_of_freedom + 0.0 * z
    middle = library.abs(z) < 1.0
    near = library.where(middle, z, 0.5)
    outside = library.where(middle, 2.0, z)
    share = incomplete_beta(ONE_HALF, 0.5 * nu, near**2 / (nu + near**2))
    centre = library.log1p(library.sign(near) * share) - np.log(2.0)
    ratio = nu / (nu + outside**2)
    half = 0.5 * incomplete_beta(0.5 * nu, ONE_HALF, ratio)
    kept = half > UNDERFLOW
    leading = (
        0.5 * nu * library.log(ratio)
        - 0.5 * library.log1p(-ratio)
        - library.log(nu)
        - (log_gamma(0.5 * nu) + log_gamma(ONE_HALF) - log_gamma(0.5 * nu + 0.5))
    )
    lower = library.where(kept, library.log(library.where(kept, half, 1.0)), leading)
    upper = library.log1p(-library.where(outside > 0, half, 0.0))
    return library.where(middle, centre, library.where(outside > 0, upper, lower))


def poisson_log_survival(count: np.ndarray, rate: Any) -> Any:
    """
    Log probability that a Poisson number is larger than a count.

    Parameters
    ----------
    count : array of whole numbers, any shape
        From -1 on.
    rate : array or PyTensor variable, broadcastable
        Its mean, above zero.

    Returns
    -------
    array or PyTensor variable, broadcast shape

    Notes
    -----
    The regularised incomplete gamma function P(count + 1, rate), https://dlmf.nist.gov/8.2; where
    that underflows, rate^n exp(-rate) / n! x sum_j rate^j n! / (n + j)! with n = count + 1,
    https://dlmf.nist.gov/8.11

    Examples
    --------
    >>> float(np.exp(poisson_log_survival(np.array(0.0), np.log(4.0))).round(12))
    0.75
    """
    symbolic = is_symbolic(rate)
    library: Any = pt if symbolic else np
    first = np.maximum(count + 1.0, 1.0)
    lower = (pt.gammainc if symbolic else special.gammainc)(first, rate)
    kept = lower > UNDERFLOW
    smaller = library.minimum(rate, 0.99 * first)  # where the series is taken, it is the rate
    orders = np.arange(1, TERMS + 1)
    steps = first[..., None] + orders
    terms = orders * library.log(smaller)[..., None] - np.cumsum(np.log(steps), axis=-1)
    series = library.log1p(library.exp(terms).sum(-1))
    leading = first * library.log(smaller) - smaller - special.gammaln(first + 1.0) + series
    found = library.where(kept, library.log(library.where(kept, lower, 1.0)), leading)
    return library.where(count < 0, 0.0, found)


def poisson_log_cdf(count: np.ndarray, rate: Any) -> Any:
    """
    Log probability that a Poisson number is a count or smaller.

    Parameters
    ----------
    count : array of whole numbers, any shape
        From -1 on, where the probability is zero.
    rate : array or PyTensor variable, broadcastable
        Its mean, above zero.

    Returns
    -------
    array or PyTensor variable, broadcast shape

    Notes
    -----
    Q(count + 1, rate), https://dlmf.nist.gov/8.2; where that underflows, the sum of the
    probabilities themselves from the largest down: exp(-rate) rate^n / n! x sum_j n! / ((n - j)!
    rate^j).

    Examples
    --------
    >>> float(np.exp(poisson_log_cdf(np.array(0.0), np.log(4.0))).round(12))
    0.25
    """
    symbolic = is_symbolic(rate)
    library: Any = pt if symbolic else np
    last = np.maximum(count, 0.0)
    upper = (pt.gammaincc if symbolic else special.gammaincc)(last + 1.0, rate)
    kept = upper > UNDERFLOW
    larger = library.maximum(rate, 1.01 * last + 1.0)
    orders = np.arange(1, TERMS + 1)
    steps = last[..., None] - orders + 1.0
    logs = np.where(steps > 0, np.cumsum(np.log(np.maximum(steps, 1.0)), axis=-1), -np.inf)
    terms = logs - orders * library.log(larger)[..., None]
    series = library.log1p(library.exp(terms).sum(-1))
    leading = last * library.log(larger) - larger - special.gammaln(last + 1.0) + series
    found = library.where(kept, library.log(library.where(kept, upper, 1.0)), leading)
    return library.where(count < 0, -np.inf, found)


def log_probability_between(log_upper: Any, log_lower: Any) -> Any:
    """
    Log of the difference of two probabilities that are given by their logarithms.

    Parameters
    ----------
    log_upper, log_lower : arrays or PyTensor variables, same shape [1]
        Log probabilities; the first is the larger.

    Returns
    -------
    array or PyTensor variable, same shape [1]

    Notes
    -----
    log(1 - exp(-d)) by Maechler (2012),
    https://cran.r-project.org/web/packages/Rmpfr/vignettes/log1mexp-note.pdf

    Examples
    --------
    >>> float(log_probability_between(np.log(0.75), np.log(0.25)).round(6))
    -0.693147
    """
    library: Any = pt if is_symbolic(log_upper) or is_symbolic(log_lower) else np
    gap = library.maximum(log_upper - log_lower, TINY)
    narrow = gap < np.log(2.0)
    close = library.log(-library.expm1(-library.where(narrow, gap, 1.0)))
    apart = library.log1p(-library.exp(-library.where(narrow, 1.0, gap)))
    return log_upper + library.where(narrow, close, apart)


def is_symbolic(value: Any) -> bool:
    """Tell whether a value is a PyTensor variable rather than numbers."""
    return isinstance(value, pt.Variable)
