"""How far the surprises of good runs really reach, quantity by quantity."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import stats

from bayesbio.titer.innovations import LEAST_TAIL, Surprise

FREEDOMS = (3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 30.0, np.inf)  # of Student's t; the last is normal
SCALES = np.geomspace(0.5, 2.0, 57)
UNSURE = 0.22  # prior standard deviation of the logarithm of a scale
HEAVY = 1.0  # log likelihood that heavy tails have to gain before they are believed


@dataclasses.dataclass(frozen=True, eq=False)
class Marginals:
    """
    Student-t law of the surprises of each quantity, learned from good runs that were left out.

    A predictive is normal around what it expects; a substrate near its end, or a probe that jumps
    now and then, is not. Without this, rare large surprises of one quantity set the limit for all.

    Parameters
    ----------
    freedom, scale : array, shape (quantities,)

    Examples
    --------
    >>> drawn = np.random.default_rng(1).standard_t(4.0, size=2000)
    >>> found = [Surprise(0.0, np.array([0]), np.array([x]), np.eye(1), *np.ones((3, 1)))
    ...          for x in drawn]
    >>> marginals = Marginals.of([found], 1)
    >>> float(marginals.freedom[0])
    4.0
    >>> mapped = np.array([each.size[0] for each in marginals.normal(found)])
    >>> bool(np.abs(drawn).max() > 8.0 > 4.5 > np.abs(mapped).max())
    True
    """

    freedom: np.ndarray
    scale: np.ndarray

    @classmethod
    def exact(cls, width: int) -> Marginals:
        """Take the predictive at its word."""
        return cls(np.full(width, np.inf), np.ones(width))

    @classmethod
    def of(cls, runs: Sequence[Sequence[Surprise]], width: int) -> Marginals:
        """Learn from the surprises of good runs, each a sequence of moments."""
        moments = [each for run in runs for each in run]
        places = np.concatenate([each.places for each in moments] or [np.zeros(0, int)])
        sizes = np.concatenate([each.size for each in moments] or [np.zeros(0)])
        found = [_most_likely(sizes[places == place]) for place in range(width)]
        return cls(*np.array(found).T)

    def normal(self, found: Sequence[Surprise]) -> list[Surprise]:
        """Map surprises to standard normal ones, tail probability by tail probability."""
        return [
            dataclasses.replace(
                each, size=_normal(each.size, self.freedom[each.places], self.scale[each.places])
            )
            for each in found
        ]

    def reach(self, probability: float) -> np.ndarray:
        """Give the surprise that is exceeded with a probability, before mapping; by quantity."""
        return np.array(
            [
                scale * _law(freedom).isf(probability)
                for freedom, scale in zip(self.freedom, self.scale, strict=True)
            ]
        )


def _law(freedom: float) -> stats.rv_frozen:
    return stats.norm() if np.isinf(freedom) else stats.t(freedom)


def _most_likely(sizes: np.ndarray) -> tuple[float, float]:
    """Posterior mode of freedom and scale."""
    choices = []
    for freedom in FREEDOMS:
        law = _law(freedom)
        for scale in SCALES:
            fit = law.logpdf(sizes / scale).sum() - len(sizes) * np.log(scale)
            fit -= 0.5 * (np.log(scale) / UNSURE) ** 2 + HEAVY * np.isfinite(freedom)
            choices.append((fit, freedom, scale))
    _, freedom, scale = max(choices)
    return freedom, scale


def _normal(sizes: np.ndarray, freedom: np.ndarray, scale: np.ndarray) -> np.ndarray:
    mapped = sizes / scale
    heavy = np.isfinite(freedom)
    tail = stats.t.sf(np.abs(mapped[heavy]), freedom[heavy])
    mapped[heavy] = np.sign(mapped[heavy]) * stats.norm.isf(np.maximum(tail, LEAST_TAIL))
    return mapped
