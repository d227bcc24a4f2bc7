"""Score of runs: weighted evidence of recent innovations (EWMA) and of a lasting change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy import linalg

from bayesbio.monitoring.statistics.change_detection import ChangePointEvidence
from bayesbio.monitoring.statistics.innovations import (
    Innovation,
    RunPredictive,
    covariances,
    tail_evidence,
)


class Reference(Protocol):
    """What is watched, and how long a run lasts [h]."""

    @property
    def quantities(self) -> tuple[str, ...]:
        """What is watched."""

    @property
    def duration(self) -> float:
        """Duration of a run [h]."""


LASTING = 0.75  # share of the evidence of a lasting change in the score; the rest is recent


def run_scores(
    sizes: np.ndarray,
    found: Sequence[Innovation],
    run: RunPredictive,
    reference: Reference,
    ewma_weight: float,
) -> np.ndarray:
    """
    Score runs that were read at the same moments.

    Parameters
    ----------
    sizes : array, shape (runs, readings)
        Innovations of every run.
    found : sequence of Innovation
        Of one of them: what was read when, and how innovations of a moment go together.
    run : RunPredictive
        Predictive of these readings.
    reference : HistoricalReference or MechanisticReference
    ewma_weight : float
        Weight of the newest innovation.

    Returns
    -------
    array, shape (runs, moments)
        Weighted mean of two measures of evidence, both in powers of ten: -log10 of the probability
        of such recent innovations by chance, and log10 of the Bayes factor of a lasting change.
    """
    if not found:
        return np.zeros((len(sizes), 0))
    width = len(reference.quantities)
    total, recent, white, first = np.zeros((len(sizes), width)), [], np.empty_like(sizes), 0
    moving = covariances(found, width, ewma_weight)
    for each, (read, covariance) in zip(found, moving, strict=True):
        part = slice(first, first := first + len(each.quantity_index))
        total[:, each.quantity_index] *= 1.0 - ewma_weight
        total[:, each.quantity_index] += ewma_weight * sizes[:, part]
        recent.append(tail_evidence(total[:, read], covariance[np.ix_(read, read)]))
        factor = np.linalg.cholesky(each.correlation)
        white[:, part] = linalg.solve_triangular(factor, sizes[:, part].T, lower=True).T
    times = np.concatenate([np.full(len(each.quantity_index), each.time) for each in found])
    changes = ChangePointEvidence.of(run, width, duration=reference.duration)
    lasting = changes.evidence(white, times)
    return (1.0 - LASTING) * np.array(recent).T + LASTING * lasting


def simulated_innovations(
    found: Sequence[Innovation], draws: int, rng: np.random.Generator
) -> np.ndarray:
    """
    Draw innovations of good runs that are read at these moments, shape (draws, readings).

    Examples
    --------
    >>> one = Innovation(0.0, np.array([0]), np.array([2.0]), np.eye(1), *np.ones((3, 1)))
    >>> simulated_innovations([one], 4, np.random.default_rng(1)).shape
    (4, 1)
    """
    parts = [
        rng.normal(size=(draws, len(each.quantity_index))) @ np.linalg.cholesky(each.correlation).T
        for each in found
    ]
    return np.concatenate(parts, axis=1) if parts else np.zeros((draws, 0))
