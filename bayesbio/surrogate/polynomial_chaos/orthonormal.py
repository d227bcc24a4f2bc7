"""Polynomials that are orthonormal under the distribution of one uncertain input."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy import stats

from bayesbio.errors import ModelError

HIGHEST_DEGREE = 20
LIGHT_TAILS = {"gamma", "expon", "chi2"}  # unbounded, yet moments of every order determine the law


@dataclasses.dataclass(frozen=True)
class OrthonormalBasis:
    """
    Polynomials p_0, p_1, ... of one input, with mean of p_j(X) p_k(X) = 1 if j = k, else 0.

    A uniform input gets Legendre polynomials, a normal one Hermite polynomials. Inputs that are
    bounded (beta, triangular, truncated) or have light tails (gamma, exponential) get polynomials
    computed numerically, so that a function linear in them stays linear. Every other input, such as
    a lognormal one, is mapped to a standard normal by its quantiles first.

    Parameters
    ----------
    distribution : frozen continuous SciPy distribution
        Distribution of the input.
    through_normal : bool
        Whether values are mapped to standard normal scores first.
    location, scale : float
        Centre and spread that are taken off before the recurrence.
    centres, couplings : array of shape (HIGHEST_DEGREE + 1,)
        a_k and b_k of the three-term recurrence b_(k+1) p_(k+1) = (t - a_k) p_k - b_k p_(k-1).

    Notes
    -----
    Xiu and Karniadakis (2002), doi:10.1137/S1064827501387826; the recurrence of an arbitrary
    distribution by the discretised Stieltjes procedure, Gautschi (1982), doi:10.1137/0903018

    Examples
    --------
    >>> from scipy.stats import uniform
    >>> basis = OrthonormalBasis.of(uniform(0.0, 2.0))
    >>> basis.evaluate([0.0, 1.0, 2.0], degree=1)[:, 1]
    array([-1.732...,  0.   ,  1.732...])
    """

    distribution: Any
    through_normal: bool
    location: float
    scale: float
    centres: np.ndarray
    couplings: np.ndarray

    @classmethod
    def of(cls, distribution: Any, *, name: str = "input") -> OrthonormalBasis:
        """Choose the polynomials of a distribution; `name` is used in error messages."""
        family = checked_family(distribution, name)
        order = np.arange(HIGHEST_DEGREE + 1, dtype=float)
        if family == "uniform":
            low, high = distribution.support()
            couplings = order / np.sqrt(np.maximum(4.0 * order**2 - 1.0, 1.0))
            middle, half = (low + high) / 2.0, (high - low) / 2.0
            return cls(distribution, False, middle, half, np.zeros_like(order), couplings)
        if family in LIGHT_TAILS or np.all(np.isfinite(distribution.support())):
            scores = np.linspace(-20.0, 20.0, 2001)  # the trapezoid rule converges exponentially
            nodes = from_normal(scores, distribution)
            weights = stats.norm.pdf(scores) / np.sum(stats.norm.pdf(scores))
            if np.all(np.isfinite(nodes)) and np.ptp(nodes) > 0:
                return cls._numerical(distribution, nodes, weights)
        return cls(distribution, True, 0.0, 1.0, np.zeros_like(order), np.sqrt(order))

    @classmethod
    def _numerical(
        cls, distribution: Any, nodes: np.ndarray, weights: np.ndarray
    ) -> OrthonormalBasis:
        """Build the recurrence from a fine discretisation of the distribution."""
        location = float(weights @ nodes)
        scale = float(np.sqrt(weights @ (nodes - location) ** 2))
        values = (nodes - location) / scale
        centres, couplings = np.zeros(HIGHEST_DEGREE + 1), np.zeros(HIGHEST_DEGREE + 1)
        before, now = np.zeros_like(values), np.ones_like(values)
        for k in range(HIGHEST_DEGREE + 1):
            centres[k] = weights @ (values * now**2)
            following = (values - centres[k]) * now - couplings[k] * before
            norm = np.sqrt(weights @ following**2)
            if k < HIGHEST_DEGREE:
                couplings[k + 1] = norm
            before, now = now, following / norm
        return cls(distribution, False, location, scale, centres, couplings)

    def evaluate(self, values: object, *, degree: int) -> np.ndarray:
        """
        Evaluate the polynomials up to a degree.

        Parameters
        ----------
        values : array of shape (points,)
            Values of the input, in its own unit.
        degree : int
            Highest degree, at most `HIGHEST_DEGREE`.

        Returns
        -------
        array of shape (points, degree + 1)
        """
        values = np.asarray(values, dtype=float)
        if self.through_normal:
            values = to_normal(values, self.distribution)
        values = (values - self.location) / self.scale
        polynomials = np.ones((len(values), degree + 1))
        before = np.zeros_like(values)
        for k in range(degree):
            following = (values - self.centres[k]) * polynomials[:, k] - self.couplings[k] * before
            before = polynomials[:, k]
            polynomials[:, k + 1] = following / self.couplings[k + 1]
        return polynomials


def checked_family(distribution: Any, name: str) -> str:
    """
    Name the family of a frozen continuous distribution.

    Raises
    ------
    ModelError
        If it is no frozen continuous SciPy distribution, or its parameters are out of range.
    """
    family = getattr(distribution, "dist", None)
    if not isinstance(family, stats.rv_continuous):
        raise ModelError(
            f"The distribution of {name!r} is {distribution!r}; a frozen continuous SciPy "
            "distribution is needed, such as scipy.stats.norm(36.8, 0.2) or "
            "scipy.stats.uniform(6.8, 0.4), which spans 6.8 to 7.2."
        )
    middle = np.asarray(distribution.median())
    if middle.shape != () or not np.isfinite(middle):
        raise ModelError(
            f"The distribution of {name!r}, {family.name} with {distribution.args} "
            f"{distribution.kwds}, has no median: its parameters are out of range or are arrays. "
            "Give one number for each parameter, and a scale above zero."
        )
    return str(family.name)


def to_normal(values: np.ndarray, distribution: Any) -> np.ndarray:
    """Map values of a distribution to standard normal scores, exact in both tails."""
    below, above = distribution.cdf(values), distribution.sf(values)
    return np.where(below < above, stats.norm.ppf(below), stats.norm.isf(above))


def from_normal(scores: np.ndarray, distribution: Any) -> np.ndarray:
    """Map standard normal scores to values of a distribution, exact in both tails."""
    below, above = stats.norm.cdf(scores), stats.norm.sf(scores)
    return np.where(scores < 0.0, distribution.ppf(below), distribution.isf(above))
