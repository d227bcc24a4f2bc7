"""The score of a run, moment by moment, and how high it gets in good runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import linalg

from bayesbio.monitoring.statistics.change_detection import Sustained
from bayesbio.monitoring.statistics.innovations import Surprise, covariances, surprisal

LASTING = 0.75  # share of the evidence of a lasting change in the score; the rest is recent


def scored(
    sizes: np.ndarray,
    found: Sequence[Surprise],
    sustained: Sustained,
    width: int,
    smoothing: float,
) -> np.ndarray:
    """
    Score runs that were read at the same moments.

    Parameters
    ----------
    sizes : array, shape (runs, readings)
        Surprises of every run.
    found : sequence of Surprise
        Of one of them: what was read when, and how surprises of a moment go together.
    sustained : Sustained
        Changes that these readings could show.
    width : int
        How many quantities there are.
    smoothing : float
        Weight of the newest surprise.

    Returns
    -------
    array, shape (runs, moments)
        Weighted mean of two measures of evidence, both in powers of ten: -log10 of the probability
        that chance brings such recent surprises, and log10 of the Bayes factor of a change that
        lasts.

    Examples
    --------
    >>> from bayesbio.monitoring.statistics.innovations import Expected, surprises
    >>> run = Expected(np.arange(3.0), np.zeros(3, int), np.full(3, 9.0), np.zeros(3), np.eye(3), 9)
    >>> found, sustained = surprises(run), Sustained.of(run, 1, duration=2.0)
    >>> bool((scored(np.full((1, 3), 4.0), found, sustained, 1, 0.3) > 1.0).all())
    True
    """
    if not found:
        return np.zeros((len(sizes), 0))
    total, recent, white, first = np.zeros((len(sizes), width)), [], np.empty_like(sizes), 0
    moving = covariances(found, width, smoothing)
    for each, (read, covariance) in zip(found, moving, strict=True):
        part = slice(first, first := first + len(each.places))
        total[:, each.places] *= 1.0 - smoothing
        total[:, each.places] += smoothing * sizes[:, part]
        recent.append(surprisal(total[:, read], covariance[np.ix_(read, read)]))
        factor = np.linalg.cholesky(each.correlation)
        white[:, part] = linalg.solve_triangular(factor, sizes[:, part].T, lower=True).T
    times = np.concatenate([np.full(len(each.places), each.time) for each in found])
    lasting = sustained.evidence(white, times)
    return (1.0 - LASTING) * np.array(recent).T + LASTING * lasting


def by_chance(found: Sequence[Surprise], draws: int, rng: np.random.Generator) -> np.ndarray:
    """
    Draw surprises of good runs that are read at these moments, shape (draws, readings).

    Examples
    --------
    >>> one = Surprise(0.0, np.array([0]), np.array([2.0]), np.eye(1), *np.ones((3, 1)))
    >>> by_chance([one], 4, np.random.default_rng(1)).shape
    (4, 1)
    """
    parts = [
        rng.normal(size=(draws, len(each.places))) @ np.linalg.cholesky(each.correlation).T
        for each in found
    ]
    return np.concatenate(parts, axis=1) if parts else np.zeros((draws, 0))
