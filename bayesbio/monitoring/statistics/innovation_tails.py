"""Tails of the innovations of good runs: mixtures of Student-t, quantity by quantity."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from scipy import special, stats

from bayesbio.monitoring.statistics.innovations import LEAST_TAIL, Innovation

FREEDOMS = (2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 30.0, np.inf)  # of Student's t; last is normal
SCALES = np.geomspace(0.5, 2.0, 57)
COUNTS = 10.0  # readings that a run counts for
UNSURE = 0.22  # prior standard deviation of the logarithm of a scale
SIZES = np.concatenate([np.linspace(0.0, 12.0, 240, endpoint=False), np.geomspace(12.0, 1e6, 200)])


@dataclasses.dataclass(frozen=True, eq=False)
class InnovationTails:
    """
    Distribution of the innovations of each quantity, learned from good runs that were left out.

    A predictive is normal around what it expects; a substrate near its end, or a probe that jumps
    now and then, is not, and rare large innovations of one quantity would set the limit of all. The
    distribution is a mixture of Student-t ones by how likely each is. A run counts as much as a few
    of its readings: few runs never rule heavy tails out, and an innovation beyond all of theirs is
    not taken for impossible.
    """

    scale: np.ndarray  # of Student's t with `FREEDOMS`, shape (quantities, len(FREEDOMS))
    weight: np.ndarray  # of the same shape, rows sum to one

    @classmethod
    def of(cls, runs: Sequence[Sequence[Innovation]], width: int) -> InnovationTails:
        """Learn from the innovations of good runs, each a sequence of moments."""
        laws = []
        for quantity in range(width):
            each = [
                np.concatenate([one.size[one.quantity_index == quantity] for one in run])
                for run in runs
                if len(run)
            ]
            read = sum(len(sizes) > 0 for sizes in each)
            laws.append(_mixture(np.concatenate(each or [np.zeros(0)]), read))
        scale, weight = (np.array(part) for part in zip(*laws, strict=True))
        return cls(scale, weight)

    @property
    def freedom(self) -> np.ndarray:
        """Most likely degrees of freedom, shape (quantities,)."""
        return np.array(FREEDOMS)[self.weight.argmax(axis=1)]

    def normal(self, innovations: Sequence[Innovation]) -> list[Innovation]:
        """Map innovations to standard normal ones, tail probability by tail probability."""
        return [
            dataclasses.replace(
                each,
                size=np.array(
                    [
                        np.copysign(np.interp(abs(one), SIZES, self._mapped[quantity]), one)
                        for one, quantity in zip(each.size, each.quantity_index, strict=True)
                    ]
                ),
            )
            for each in innovations
        ]

    def reach(self, probability: float) -> np.ndarray:
        """Give the innovation that is exceeded with a probability, before mapping; by quantity."""
        wanted = stats.norm.isf(probability)
        return np.array([np.interp(wanted, mapped, SIZES) for mapped in self._mapped])

    @functools.cached_property
    def _mapped(self) -> np.ndarray:
        """Normal innovations as likely as those of `SIZES`, shape (quantities, sizes)."""
        tail = sum(
            weight[:, None] * stats.t(freedom).sf(SIZES / scale[:, None])
            for freedom, scale, weight in zip(FREEDOMS, self.scale.T, self.weight.T, strict=True)
        )
        return stats.norm.isf(np.maximum(tail, LEAST_TAIL))


def _log_density(square: np.ndarray, freedom: float) -> np.ndarray:
    """Log density of Student's t with unit scale, but for what all laws share."""
    if np.isinf(freedom):
        return -0.5 * square - 0.5 * np.log(2.0)
    half = 0.5 * (freedom + 1.0)
    level = special.gammaln(half) - special.gammaln(0.5 * freedom) - 0.5 * np.log(freedom)
    return level - half * np.log1p(square / freedom)


def _mixture(sizes: np.ndarray, runs: int) -> tuple[np.ndarray, np.ndarray]:
    """Most likely scale for each of `FREEDOMS`, and the weight of each."""
    prior = -0.5 * np.square(np.log(SCALES) / UNSURE)
    square = np.square(sizes / SCALES[:, None])
    fits = np.array([_log_density(square, freedom).sum(axis=1) for freedom in FREEDOMS])
    fits -= len(sizes) * np.log(SCALES)
    best = (fits + prior).max(axis=1)
    weight = np.exp((best - best.max()) * min(1.0, COUNTS * runs / max(len(sizes), 1)))
    return SCALES[(fits + prior).argmax(axis=1)], weight / weight.sum()
