"""Conjugate Bayesian linear regression of one node: normal-inverse-gamma posterior and evidence."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from scipy.special import gammaln, logsumexp

# Default prior of a standardised node: effects have the residual standard deviation, with the
# weight of one observation; so has the residual variance; the intercept is left to the data.
_EFFECT_BATCHES, _INTERCEPT_BATCHES = 1.0, 0.01
_SHAPE, _RATE = 0.5, 0.005


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

    Examples
    --------
    >>> prior = NormalInverseGamma(np.zeros(1), np.eye(1), 1.0, 1.0)
    >>> prior.updated(np.ones((3, 1)), np.array([1.0, 2.0, 3.0])).mean
    array([1.5])
    """

    mean: np.ndarray
    precision: np.ndarray
    shape: float
    rate: float

    @classmethod
    def default_prior(cls, parents: int) -> NormalInverseGamma:
        """Default prior of a standardised node with so many parents."""
        precision = np.diag([_INTERCEPT_BATCHES] + [_EFFECT_BATCHES] * parents)
        return cls(np.zeros(parents + 1), precision, _SHAPE, _RATE)

    def updated(self, rows: np.ndarray, values: np.ndarray) -> NormalInverseGamma:
        """Posterior given a design matrix, shape (n, p), and a response, shape (n,)."""
        precision = self.precision + rows.T @ rows
        mean = np.linalg.solve(precision, self.precision @ self.mean + rows.T @ values)
        residual, shift = values - rows @ mean, mean - self.mean
        squares = residual @ residual + shift @ self.precision @ shift
        return NormalInverseGamma(
            mean, precision, self.shape + 0.5 * len(values), self.rate + 0.5 * float(squares)
        )

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

    def draw(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw effects, shape (count, p), and variances, shape (count,)."""
        variance = self.rate / rng.standard_gamma(self.shape, count)
        white = rng.standard_normal((count, len(self.mean)))
        factor = np.linalg.cholesky(self.precision)
        spread = white @ np.linalg.inv(factor)
        return self.mean + np.sqrt(variance)[:, None] * spread, variance


def log_marginal_likelihood(
    prior: NormalInverseGamma, rows: np.ndarray, values: np.ndarray
) -> float:
    """
    Log marginal likelihood of a response: effects and variance integrated out.

    Parameters
    ----------
    prior : NormalInverseGamma
    rows : array, shape (n, p)
    values : array, shape (n,)

    Returns
    -------
    float

    Notes
    -----
    Bishop (2006), Pattern Recognition and Machine Learning, exercise 3.23: the ratio of the
    normalisers of posterior and prior, times (2 pi)^(-n/2).

    Examples
    --------
    >>> prior = NormalInverseGamma(np.zeros(1), np.eye(1), 0.5, 0.5)
    >>> log_marginal_likelihood(prior, np.ones((1, 1)), np.zeros(1))  # Cauchy
    -1.491303
    """
    posterior = prior.updated(rows, values)
    constant = -0.5 * len(values) * math.log(2.0 * math.pi)
    return posterior.log_normaliser - prior.log_normaliser + constant


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
        One prior of the standardised node for each discount.

        Parameters
        ----------
        parents : sequence of str
            Order of the effects wanted.
        centre, spread : array, shape (1 + parents,)
            Of the node itself, then of the parents in that order.
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
        default = NormalInverseGamma.default_prior(len(position) - 1)
        return [
            default.with_batches(
                standard, products, self.variance / spread[0] ** 2, discount * self.strength
            )
            for discount in self.discounts
        ]


def mixture_weights(
    priors: Sequence[NormalInverseGamma], rows: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, float]:
    """Posterior weights of equally likely priors, and the log marginal likelihood of them all."""
    each = np.array([log_marginal_likelihood(prior, rows, values) for prior in priors])
    total = float(logsumexp(each))
    return np.exp(each - total), total - math.log(len(priors))


def draw_mixture(
    priors: Sequence[NormalInverseGamma],
    weights: np.ndarray,
    rows: np.ndarray,
    values: np.ndarray,
    count: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw effects and variances from the posterior under a weighted mixture of priors."""
    if len(priors) == 1:
        return priors[0].updated(rows, values).draw(count, rng)
    shares = rng.multinomial(count, weights)
    parts = [
        prior.updated(rows, values).draw(share, rng)
        for prior, share in zip(priors, shares.tolist(), strict=True)
        if share
    ]
    mixed = rng.permutation(count)
    return (
        np.concatenate([effects for effects, _ in parts])[mixed],
        np.concatenate([variance for _, variance in parts])[mixed],
    )
