"""Probabilities of boxes under a normal distribution, for many draws at once."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

# Numbers held in memory at once.
_BLOCK = 4_000_000


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
    Give the probability that a normal vector lies within limits.

    Exact for one dimension, Gauss-Legendre quadrature for two, quasi-Monte Carlo above.

    Parameters
    ----------
    mean : array, shape (draws, cases, m)
    covariance : array, shape (draws, m, m)
    lower, upper : array, shape (m,)
        May be infinite.
    points : int
        Nodes of the quadrature, or quasi-random points.
    random_seed : int

    Returns
    -------
    array, shape (draws, cases)

    Notes
    -----
    Separation of variables: Genz (1992), doi:10.1080/10618600.1992.10477010.

    Examples
    --------
    >>> box_probability(np.zeros((1, 1, 2)), np.array([[[1.0, 0.5], [0.5, 1.0]]]),
    ...                 np.zeros(2), np.full(2, np.inf))  # 1/4 + asin(1/2) / (2 pi) = 1/3
    array([[0.333333]])
    """
    draws, cases, width = mean.shape
    if width == 2:
        nodes, weights = np.polynomial.legendre.leggauss(points)
        unit, weights = 0.5 * (nodes[:, None] + 1.0), 0.5 * weights
    elif width > 2:
        engine = qmc.Sobol(width - 1, rng=np.random.default_rng(random_seed))
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
        result[part] = _separated(mean[part], factor[part], lower, upper, unit) @ weights
    return result


def _separated(
    mean: np.ndarray, factor: np.ndarray, lower: np.ndarray, upper: np.ndarray, unit: np.ndarray
) -> np.ndarray:
    """Give the product of conditional probabilities, shape (draws, cases, points)."""
    draws, cases, width = mean.shape
    white = np.empty((draws, cases, len(unit), width - 1)) if width > 1 else None
    chance: np.ndarray | float = 1.0
    for k in range(width):
        centre = mean[:, :, k, None]
        if white is not None and k:
            centre = centre + np.einsum("scpj,sj->scp", white[..., :k], factor[:, k, :k])
        scale = factor[:, k, k, None, None]
        low, high = (lower[k] - centre) / scale, (upper[k] - centre) / scale
        # From the nearer tail, so that small probabilities keep their digits.
        flip = low > 0.0
        first = ndtr(np.where(flip, -high, low))
        share = ndtr(np.where(flip, -low, high)) - first
        chance = chance * share
        if white is not None and k < width - 1:
            place = unit[:, k]
            inside = first + np.where(flip, 1.0 - place, place) * share
            drawn = ndtri(np.clip(inside, 1e-300, 1.0 - 1e-16))
            white[..., k] = np.where(flip, -drawn, drawn)
    return np.broadcast_to(chance, (draws, cases, len(unit)))
