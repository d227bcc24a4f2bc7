"""Score of runs: weighted evidence of recent innovations (EWMA) and of a lasting change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayesbio.monitoring.statistics.change_detection import ChangePointEvidence
from bayesbio.monitoring.statistics.innovations import (
    Innovation,
    covariances,
    tail_evidence,
    whitened,
)

LASTING = 0.75  # share of the evidence of a lasting change in the score; the rest is recent


def run_scores(
    sizes: np.ndarray,
    innovations: Sequence[Innovation],
    changes: ChangePointEvidence,
    width: int,
    ewma_weight: float,
) -> np.ndarray:
    """
    Score runs that were read at the same moments.

    The weighted mean of two measures of evidence, both in powers of ten: -log10 of the probability
    of such recent innovations by chance, and log10 of the Bayes factor of a lasting change.

    Parameters
    ----------
    sizes : array, shape (runs, readings)
        Innovations of every run.
    innovations : sequence of Innovation
        Of one of them: what was read when, and how innovations of a moment are correlated.
    changes : ChangePointEvidence
        Of these readings.
    width : int
        How many quantities are watched.
    ewma_weight : float

    Returns
    -------
    array, shape (runs, moments)
    """
    total, recent, first = np.zeros((len(sizes), width)), [], 0
    moving = covariances(innovations, width, ewma_weight)
    for each, (read, covariance) in zip(innovations, moving, strict=True):
        part = slice(first, first := first + len(each.quantity_index))
        total[:, each.quantity_index] *= 1.0 - ewma_weight
        total[:, each.quantity_index] += ewma_weight * sizes[:, part]
        recent.append(tail_evidence(total[:, read], covariance[np.ix_(read, read)]))
    times = np.repeat([each.time for each in innovations], [len(each.size) for each in innovations])
    lasting = changes.evidence(whitened(sizes, innovations), times)
    return (1.0 - LASTING) * np.array(recent).T + LASTING * lasting


def simulated_innovations(
    innovations: Sequence[Innovation], draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw innovations of good runs that are read at these moments, shape (draws, readings)."""
    parts = [
        rng.normal(size=(draws, len(each.quantity_index))) @ np.linalg.cholesky(each.correlation).T
        for each in innovations
    ]
    return np.concatenate(parts, axis=1)
