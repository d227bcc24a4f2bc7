"""Probabilities of boxes under a normal distribution, for many draws at once."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

# Numbers in one array at once: as many as a processor keeps near.
_BLOCK = 20_000


def box_probability(
    mean: np.ndarray,
    covariance: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    *,
    points: int = 64,
    random_seed: int = 0,
) -> np.ndarray:
    """
    Give the probability that a normal vector lies within limits, shape (draws, cases).

    Exact for one dimension, Gauss-Legendre quadrature for two, quasi-Monte Carlo above, with so
    many points. `mean` has shape (draws, cases, m), `covariance` (draws, m, m), limits (m,), maybe
    infinite. Separation of variables: Genz (1992), doi:10.1080/10618600.1992.10477010.

    Examples
    --------
    >>> box_probability(np.zeros((1, 1, 2)), np.array([[[1.0, 0.5], [0.5, 1.0]]]),
    ...                 np.zeros(2), np.full(2, np.inf))  # 1/4 + asin(1/2) / (2 pi) = 1/3
    array([[0.333333]])
    """
    draws, cases, width = mean.shape
    rng = np.random.default_rng(random_seed)
    if width == 2:
        nodes, weights = np.polynomial.legendre.leggauss(points)
        unit, weights = 0.5 * (nodes[:, None] + 1.0), 0.5 * weights
    elif width > 2:
        engine = qmc.Sobol(width - 1, scramble=False)
        unit = engine.random_base2(int(np.ceil(np.log2(points))))
        weights = np.full(len(unit), 1.0 / len(unit))
    else:
        unit, weights = np.zeros((1, 0)), np.ones(1)
    scale = np.diagonal(covariance, axis1=1, axis2=2)
    jitter = 1e-13 * np.where(scale > 0.0, scale, 1e-300)
    factor = np.linalg.cholesky(covariance + jitter[:, :, None] * np.eye(width))
    result = np.empty((draws, cases))
    step = max(1, _BLOCK // (cases * len(unit)))
    for start in range(0, draws, step):
        part = slice(start, start + step)
        nodes_of = np.broadcast_to(unit, (len(mean[part]), *unit.shape))
        if width > 2:  # shifted anew for each draw, so that errors average out over draws
            nodes_of = (nodes_of + rng.uniform(size=(len(nodes_of), 1, width - 1))) % 1.0
        result[part] = _separated(mean[part], factor[part], lower, upper, nodes_of) @ weights
    return result


def _separated(
    mean: np.ndarray, factor: np.ndarray, lower: np.ndarray, upper: np.ndarray, unit: np.ndarray
) -> np.ndarray:
    """Give the product of conditional probabilities, shape (draws, cases, points)."""
    draws, cases, width = mean.shape
    points = unit.shape[1]
    white = np.empty((width - 1, draws, cases, points))
    chance = np.ones((draws, cases, 1))
    for k in range(width):
        centre = mean[:, :, k, None]
        for j in range(k):
            centre = centre + white[j] * factor[:, k, j, None, None]
        scale = factor[:, k, k, None, None]
        low, high = (lower[k] - centre) / scale, (upper[k] - centre) / scale
        first: np.ndarray | float = 0.0
        sign = 1.0
        if np.isinf(upper[k]):
            share, sign = ndtr(-low), -1.0
        elif np.isinf(lower[k]):
            share = ndtr(high)
        else:
            first = ndtr(low)
            share = ndtr(high) - first
        chance = chance * share
        if k < width - 1:
            inside = unit[:, None, :, k] * share
            inside += first
            np.clip(inside, 1e-300, 1.0 - 1e-16, out=inside)
            ndtri(inside, out=white[k])
            white[k] *= sign
    return np.broadcast_to(chance, (draws, cases, points))
