"""One node given its parents: the exact normal-inverse-gamma posterior and its evidence."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import gammaln, logsumexp

# What is believed of a standardised node before data: effects of about the size of its scatter,
# worth one batch; a scatter worth one batch; an intercept that the data decide.
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
        In units of one over the variance: how many batches the belief is worth.
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
    def weak(cls, parents: int) -> NormalInverseGamma:
        """Give the default belief of a standardised node with so many parents."""
        precision = np.diag([_INTERCEPT_BATCHES] + [_EFFECT_BATCHES] * parents)
        return cls(np.zeros(parents + 1), precision, _SHAPE, _RATE)

    def updated(self, rows: np.ndarray, values: np.ndarray) -> NormalInverseGamma:
        """Learn from rows, shape (n, p), and values, shape (n,)."""
        precision = self.precision + rows.T @ rows
        mean = np.linalg.solve(precision, self.precision @ self.mean + rows.T @ values)
        residual, moved = values - rows @ mean, mean - self.mean
        lost = residual @ residual + moved @ self.precision @ moved
        return NormalInverseGamma(
            mean, precision, self.shape + 0.5 * len(values), self.rate + 0.5 * float(lost)
        )

    def with_batches(
        self, mean: np.ndarray, gram: np.ndarray, scatter: float, weight: float
    ) -> NormalInverseGamma:
        """Learn from pseudo-batches: their fit (p,), mean product of rows (p, p), and scatter."""
        precision = self.precision + weight * gram
        centre = np.linalg.solve(precision, self.precision @ self.mean + weight * gram @ mean)
        moved, off = centre - self.mean, centre - mean
        lost = weight * (scatter + off @ gram @ off) + moved @ self.precision @ moved
        return NormalInverseGamma(
            centre, precision, self.shape + 0.5 * weight, self.rate + 0.5 * float(lost)
        )

    @property
    def log_normaliser(self) -> float:
        """Logarithm of the constant by which the density is divided, without powers of 2 pi."""
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


def log_evidence(prior: NormalInverseGamma, rows: np.ndarray, values: np.ndarray) -> float:
    """
    Give the log probability density of the values, effects and variance integrated out.

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
    >>> log_evidence(prior, np.ones((1, 1)), np.zeros(1))  # a Cauchy of scale sqrt(2) at 0
    -1.491303
    """
    posterior = prior.updated(rows, values)
    constant = -0.5 * len(values) * math.log(2.0 * math.pi)
    return posterior.log_normaliser - prior.log_normaliser + constant


@dataclasses.dataclass(frozen=True, eq=False)
class NodePrior:
    """
    What is known of a node before data, told as pseudo-batches on the scales of the nodes.

    Parameters
    ----------
    parents : sequence of str
    mean : array, shape (1 + parents,)
        Intercept and effects.
    gram : array, shape (1 + parents, 1 + parents)
        Mean over pseudo-batches of (1, parents)^T (1, parents).
    scatter : float
        Variance of the node around its fit.
    strength : float
        How many batches the pseudo-batches are worth at most.
    discounts : sequence of float, each 0 to 1
        Factors on the strength; where there are several, evidence weighs them.
    source : str
        Where it comes from.

    Notes
    -----
    A power prior: Ibrahim and Chen (2000), doi:10.1214/ss/1009212673.

    Examples
    --------
    >>> NodePrior(["feed"], np.array([0.0, 2.0]), np.eye(2), 0.1, strength=4.0).discounts
    (1.0,)
    """

    parents: Sequence[str]
    mean: np.ndarray
    gram: np.ndarray
    scatter: float
    strength: float
    discounts: Sequence[float] = (1.0,)
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parents", tuple(self.parents))
        object.__setattr__(self, "discounts", tuple(float(value) for value in self.discounts))

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain data, ready for JSON."""
        arrays = {"mean": self.mean.tolist(), "gram": self.gram.tolist()}
        lists = {"parents": list(self.parents), "discounts": list(self.discounts)}
        return {**dataclasses.asdict(self), **arrays, **lists}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> NodePrior:
        """Rebuild what `to_dict` gave."""
        arrays = {name: np.array(content[name], float) for name in ("mean", "gram")}
        return cls(**{**content, **arrays})

    def candidates(
        self, parents: Sequence[str], centre: np.ndarray, spread: np.ndarray
    ) -> list[NormalInverseGamma]:
        """
        Give one belief on standardised scales for each discount.

        Parameters
        ----------
        parents : sequence of str
            Order of the effects wanted.
        centre, spread : array, shape (1 + parents,)
            Of the node itself, then of the parents in that order.
        """
        place = [0] + [1 + list(self.parents).index(name) for name in parents]
        mean, gram = self.mean[place], self.gram[np.ix_(place, place)]
        # x = centre + spread z: rows (1, z) are rows (1, x) times this matrix.
        shift = np.zeros_like(gram)
        shift[0, 0] = 1.0
        shift[0, 1:] = -centre[1:] / spread[1:]
        shift[1:, 1:] = np.diag(1.0 / spread[1:])
        slopes = mean[1:] * spread[1:] / spread[0]
        start = (mean[0] + mean[1:] @ centre[1:] - centre[0]) / spread[0]
        standard = np.concatenate([[start], slopes])
        products = shift.T @ gram @ shift
        weak = NormalInverseGamma.weak(len(place) - 1)
        return [
            weak.with_batches(
                standard, products, self.scatter / spread[0] ** 2, discount * self.strength
            )
            for discount in self.discounts
        ]


def mixture_weights(
    beliefs: Sequence[NormalInverseGamma], rows: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, float]:
    """Weigh beliefs by evidence (equal before data); give weights and the log evidence."""
    evidence = np.array([log_evidence(belief, rows, values) for belief in beliefs])
    together = float(logsumexp(evidence))
    return np.exp(evidence - together), together - math.log(len(beliefs))


def draw_mixture(
    beliefs: Sequence[NormalInverseGamma],
    weights: np.ndarray,
    rows: np.ndarray,
    values: np.ndarray,
    count: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw effects and variances from the posteriors of weighted beliefs."""
    if len(beliefs) == 1:
        return beliefs[0].updated(rows, values).draw(count, rng)
    shares = rng.multinomial(count, weights)
    parts = [
        belief.updated(rows, values).draw(share, rng)
        for belief, share in zip(beliefs, shares.tolist(), strict=True)
        if share
    ]
    mixed = rng.permutation(count)
    return (
        np.concatenate([effects for effects, _ in parts])[mixed],
        np.concatenate([variance for _, variance in parts])[mixed],
    )
