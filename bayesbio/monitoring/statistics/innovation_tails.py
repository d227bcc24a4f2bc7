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
    Law of the innovations of each quantity, learned from good runs that were left out.

    A predictive is normal around what it expects; a substrate near its end, or a probe that jumps
    now and then, is not. Without this, rare large innovations of one quantity would set
    the limit of all.
    The law is a mixture of Student-t ones by how likely each is. What happens in a run happens to
    many of its readings, so a run counts as much as a few of its readings: few runs never rule
    heavy tails out, and a innovation beyond all of theirs is not taken for impossible.

    Parameters
    ----------
    scale, weight : array, shape (quantities, laws)
        Of Student's t with the degrees of freedom `FREEDOMS`; weights sum to one.

    Examples
    --------
    >>> drawn = np.random.default_rng(1).standard_t(4.0, size=2000)
    >>> found = [Innovation(0.0, np.array([0]), np.array([x]), np.eye(1), *np.ones((3, 1)))
    ...          for x in drawn]
    >>> marginals = InnovationTails.of([[each] for each in found], 1)
    >>> float(marginals.freedom[0])
    4.0
    >>> mapped = np.array([each.size[0] for each in marginals.normal(found)])
    >>> bool(np.abs(drawn).max() > 8.0 > 4.5 > np.abs(mapped).max())
    True
    """

    scale: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, runs: Sequence[Sequence[Innovation]], width: int) -> InnovationTails:
        """Learn from the innovations of good runs, each a sequence of moments."""
        laws = []
        for place in range(width):
            each = [
                np.concatenate([found.size[found.quantity_index == place] for found in run])
                for run in runs
                if len(run)
            ]
            read = sum(len(sizes) > 0 for sizes in each)
            laws.append(_likely(np.concatenate(each or [np.zeros(0)]), read))
        scale, weight = (np.array(part) for part in zip(*laws, strict=True))
        return cls(scale, weight)

    @property
    def freedom(self) -> np.ndarray:
        """Most likely degrees of freedom, shape (quantities,)."""
        return np.array(FREEDOMS)[self.weight.argmax(axis=1)]

    def normal(self, found: Sequence[Innovation]) -> list[Innovation]:
        """Map innovations to standard normal ones, tail probability by tail probability."""
        mapped = []
        for each in found:
            size = [
                np.interp(abs(one), SIZES, self._mapped[place])
                for one, place in zip(each.size, each.quantity_index, strict=True)
            ]
            mapped.append(dataclasses.replace(each, size=np.copysign(size, each.size)))
        return mapped

    def reach(self, probability: float) -> np.ndarray:
        """Give the innovation that is exceeded with a probability, before mapping; by quantity."""
        wanted = stats.norm.isf(probability)
        return np.array([np.interp(wanted, mapped, SIZES) for mapped in self._mapped])

    @functools.cached_property
    def _mapped(self) -> np.ndarray:
        """Normal innovations as likely as those of `SIZES`, shape (quantities, sizes)."""
        tail = sum(
            weight[:, None] * _law(freedom).sf(SIZES / scale[:, None])
            for freedom, scale, weight in zip(FREEDOMS, self.scale.T, self.weight.T, strict=True)
        )
        return stats.norm.isf(np.maximum(tail, LEAST_TAIL))


def _law(freedom: float) -> stats.rv_frozen:
    return stats.norm() if np.isinf(freedom) else stats.t(freedom)


def _log_density(square: np.ndarray, freedom: float) -> np.ndarray:
    """Log density of Student's t with unit scale, but for what all laws share."""
    if np.isinf(freedom):
        return -0.5 * square - 0.5 * np.log(2.0)
    half = 0.5 * (freedom + 1.0)
    level = special.gammaln(half) - special.gammaln(0.5 * freedom) - 0.5 * np.log(freedom)
    return level - half * np.log1p(square / freedom)


def _likely(sizes: np.ndarray, runs: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the most likely scale of each law, and how likely the law is, each shape (laws,)."""
    prior = -0.5 * np.square(np.log(SCALES) / UNSURE)
    square = np.square(sizes / SCALES[:, None])
    fits = np.array([_log_density(square, freedom).sum(axis=1) for freedom in FREEDOMS])
    fits -= len(sizes) * np.log(SCALES)
    best = (fits + prior).max(axis=1)
    weight = np.exp((best - best.max()) * min(1.0, COUNTS * runs / max(len(sizes), 1)))
    return SCALES[(fits + prior).argmax(axis=1)], weight / weight.sum()
