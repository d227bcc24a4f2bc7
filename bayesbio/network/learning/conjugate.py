"""Conjugate Bayesian linear regression of one node: normal-inverse-gamma posterior and evidence."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln, logsumexp

# Default prior of a standardised node. One precision for the effects, in units of one over the
# residual variance, would charge a strong effect to the scatter: (effect^2 * precision) adds to the
# residual sum of squares. So several are weighed by their marginal likelihood, a mixture of
# g-priors: Liang et al. (2008), doi:10.1198/016214507000001337.
EFFECT_PRECISIONS = tuple(float(value) for value in 10.0 ** np.arange(1, -7, -1))
# Intercept and variance are left to the data, density ~ 1 / variance: with its normal prior in
# units of the variance, a flat intercept takes half off the shape.
_INTERCEPT_PRECISION = 0.01
_SHAPE, _RATE = -0.49, 1e-9


@dataclasses.dataclass(frozen=True, eq=False)
class NormalInverseGamma:
    """
    Intercept and effects given the variance normal, the variance inverse-gamma.

    effects | variance ~ N(mean, variance * precision^-1), variance ~ IG(shape, rate).

    Parameters
    ----------
    mean : array, shape (p,)
        Intercept first.
    precision : array, shape (p, p)
        In units of one over the variance: the number of batches the prior is worth.
    shape, rate : float

    Notes
    -----
    Murphy (2007), Conjugate Bayesian analysis of the Gaussian distribution; Bishop (2006), Pattern
    Recognition and Machine Learning, section 3.5.
    """

    mean: np.ndarray
    precision: np.ndarray
    shape: float
    rate: float

    def with_batches(
        self, mean: np.ndarray, gram: np.ndarray, variance: float, weight: float
    ) -> NormalInverseGamma:
        """Posterior given pseudo-batches: their fit (p,), mean product of rows (p, p), variance."""
        precision = self.precision + weight * gram
        centre = np.linalg.solve(precision, self.precision @ self.mean + weight * gram @ mean)
        shift, off = centre - self.mean, centre - mean
        squares = weight * (variance + off @ gram @ off) + shift @ self.precision @ shift
        return NormalInverseGamma(
            centre, precision, self.shape + 0.5 * weight, self.rate + 0.5 * float(squares)
        )

    @property
    def log_normaliser(self) -> float:
        """Log normalising constant of the density, without powers of 2 pi."""
        return float(
            gammaln(self.shape)
            - self.shape * math.log(self.rate)
            - 0.5 * np.linalg.slogdet(self.precision)[1]
        )


def default_priors(parents: int) -> list[NormalInverseGamma]:
    """Equally likely default priors of a standardised node with so many parents."""
    return [
        NormalInverseGamma(
            np.zeros(parents + 1),
            np.diag([_INTERCEPT_PRECISION] + [precision] * parents),
            _SHAPE,
            _RATE,
        )
        for precision in (EFFECT_PRECISIONS if parents else EFFECT_PRECISIONS[:1])
    ]


@dataclasses.dataclass(frozen=True, eq=False)
class NodePrior:
    """
    Power prior of a node: pseudo-batches after the links of the nodes.

    Parameters
    ----------
    parents : sequence of str
    mean : array, shape (1 + parents,)
        Intercept and effects.
    gram : array, shape (1 + parents, 1 + parents)
        Mean over pseudo-batches of (1, parents)^T (1, parents).
    variance : float
        Residual variance of the node around its fit.
    strength : float
        The number of batches the pseudo-batches are worth at most.
    discounts : sequence of float, each 0 to 1
        Factors on the strength; several are weighed by their marginal likelihood.
    source : str
        Where it comes from.

    Notes
    -----
    Ibrahim and Chen (2000), doi:10.1214/ss/1009212673.

    Examples
    --------
    >>> NodePrior(["feed"], np.array([0.0, 2.0]), np.eye(2), 0.1, strength=4.0).discounts
    (1.0,)
    """

    parents: Sequence[str]
    mean: np.ndarray
    gram: np.ndarray
    variance: float
    strength: float
    discounts: Sequence[float] = (1.0,)
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parents", tuple(self.parents))
        object.__setattr__(self, "discounts", tuple(float(value) for value in self.discounts))

    def candidates(
        self, parents: Sequence[str], centre: np.ndarray, spread: np.ndarray
    ) -> list[NormalInverseGamma]:
        """
        Priors of the standardised node: one for each discount and default prior.

        Effects in the order of `parents`; `centre` and `spread` are of the node itself, then of
        them.
        """
        position = [0] + [1 + list(self.parents).index(name) for name in parents]
        mean, gram = self.mean[position], self.gram[np.ix_(position, position)]
        # x = centre + spread z: rows (1, z) are rows (1, x) times this matrix.
        shift = np.zeros_like(gram)
        shift[0, 0] = 1.0
        shift[0, 1:] = -centre[1:] / spread[1:]
        shift[1:, 1:] = np.diag(1.0 / spread[1:])
        slopes = mean[1:] * spread[1:] / spread[0]
        start = (mean[0] + mean[1:] @ centre[1:] - centre[0]) / spread[0]
        standard = np.concatenate([[start], slopes])
        products = shift.T @ gram @ shift
        return [
            default.with_batches(
                standard, products, self.variance / spread[0] ** 2, discount * self.strength
            )
            for discount in self.discounts
            for default in default_priors(len(position) - 1)
        ]


@dataclasses.dataclass(frozen=True, eq=False)
class PriorMixture:
    """
    Equally likely normal-inverse-gamma priors of one node, their posteriors computed together.

    Attributes
    ----------
    mean : array, shape (priors, p)
    precision : array, shape (priors, p, p)
    shape, rate, log_normaliser : array, shape (priors,)

    Notes
    -----
    The evidence is the ratio of the normalisers of posterior and prior, times (2 pi)^(-n/2):
    Bishop (2006), Pattern Recognition and Machine Learning, exercise 3.23.

    Examples
    --------
    >>> prior = NormalInverseGamma(np.zeros(1), np.eye(1), 0.5, 0.5)
    >>> PriorMixture.of([prior]).log_evidence(np.ones((1, 1)), np.zeros(1))  # Cauchy
    -1.491303
    """

    mean: np.ndarray
    precision: np.ndarray
    shape: np.ndarray
    rate: np.ndarray
    log_normaliser: np.ndarray

    @classmethod
    def of(cls, priors: Sequence[NormalInverseGamma]) -> PriorMixture:
        """Stack priors."""
        fields = [field.name for field in dataclasses.fields(cls)]
        return cls(*(np.array([getattr(prior, name) for prior in priors]) for name in fields))

    def updated(
        self, rows: np.ndarray, values: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """
        Posterior under each prior for many tables: rows (tables, n, p), values (tables, n).

        Returns
        -------
        log_evidence : array, shape (priors, tables)
            Of each prior, less log(priors): their log-sum-exp is that of the mixture.
        mean, precision : array, shape (priors, tables, p[, p])
        shape : array, shape (priors,)
        rate : array, shape (priors, tables)
        """
        turned = np.swapaxes(rows, 1, 2)
        precision = self.precision[:, None] + turned @ rows
        pull = (self.precision @ self.mean[:, :, None])[:, None] + turned @ values[:, :, None]
        mean = np.linalg.solve(precision, pull)[..., 0]
        residual = values - (rows @ mean[..., None])[..., 0]
        shift = mean - self.mean[:, None]
        charged = (shift[..., None, :] @ self.precision[:, None] @ shift[..., None])[..., 0, 0]
        rate = self.rate[:, None] + 0.5 * ((residual**2).sum(axis=-1) + charged)
        shape = self.shape + 0.5 * values.shape[1]
        normaliser = (
            gammaln(shape)[:, None]
            - shape[:, None] * np.log(rate)
            - 0.5 * np.linalg.slogdet(precision)[1]
        )
        constant = 0.5 * values.shape[1] * math.log(2.0 * math.pi) + math.log(len(self.shape))
        evidence = normaliser - self.log_normaliser[:, None] - constant
        return evidence, mean, precision, shape, rate

    def log_evidence(self, rows: np.ndarray, values: np.ndarray) -> float:
        """Log marginal likelihood of one table under the mixture."""
        return float(logsumexp(self.updated(rows[None], values[None])[0]))

    def draw(
        self, rows: np.ndarray, values: np.ndarray, rng: np.random.Generator, *, count: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw effects, shape (count * tables, p), and variances, given each table."""
        evidence, means, precisions, shapes, rates = self.updated(rows, values)
        tables = np.repeat(np.arange(len(rows)), count)
        races = evidence[:, tables] + rng.gumbel(size=(len(shapes), len(tables)))
        chosen = np.argmax(races, axis=0)  # one prior, with probability in proportion
        variance = rates[chosen, tables] / rng.standard_gamma(shapes[chosen])
        white = rng.standard_normal((len(tables), means.shape[-1], 1))
        if count == 1:
            factor = np.swapaxes(np.linalg.cholesky(precisions[chosen, tables]), -1, -2)
            spread = np.linalg.solve(factor, white)[..., 0]
        else:  # few factors serve many draws
            factor = np.swapaxes(np.linalg.cholesky(precisions), -1, -2)
            spread = (np.linalg.inv(factor)[chosen, tables] @ white)[..., 0]
        return means[chosen, tables] + np.sqrt(variance)[:, None] * spread, variance
