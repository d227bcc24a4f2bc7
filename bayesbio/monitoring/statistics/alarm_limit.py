"""Alarm limit: distribution of the highest score of a good run, corrected by held-out runs."""

from __future__ import annotations

import dataclasses

import numpy as np

PRIOR_RUNS = 10.0  # weight of the predictive, in held-out runs
TAIL = 0.01  # share of the drawn runs beyond which their tail is continued as an exponential
TEN = np.log(10.0)


@dataclasses.dataclass(frozen=True, eq=False)
class MaximumScoreDistribution:
    """
    Distribution of the highest score of a good run.

    If the predictive holds, -ln p of good runs is exponential with rate theta = 1. Theta has a
    gamma(10, 10) prior, so with n runs its posterior is gamma(10 + n, 10 - sum ln p), and the mean
    of p^theta under it is (rate / (rate - ln p))^shape: a closed form that also allows for how few
    the runs are.
    """

    highest: np.ndarray  # of runs drawn from the predictive, in increasing order
    shape: float  # of the gamma posterior of theta
    rate: float

    @classmethod
    def of(
        cls, drawn: np.ndarray, held_out: np.ndarray, *, left_out: bool = True
    ) -> MaximumScoreDistribution:
        """
        Learn from drawn runs, shape (draws,), and from good runs, shape (runs,).

        Good runs that were not left out may only widen the limit.
        """
        plain = cls(np.sort(drawn), np.inf, np.inf)
        total = float(-np.log([plain.uncorrected(score) for score in held_out]).sum())
        if not left_out:
            total = max(total, float(len(held_out)))
        return cls(plain.highest, PRIOR_RUNS + len(held_out), PRIOR_RUNS + total)

    @property
    def _knee(self) -> float:
        return float(np.quantile(self.highest, 1.0 - TAIL))

    def uncorrected(self, score: float) -> float:
        """Probability that a run drawn from the predictive gets as high."""
        if score > self._knee:
            return float(TAIL * np.exp(-TEN * (score - self._knee)))
        above = len(self.highest) - np.searchsorted(self.highest, score, side="left")
        return float((above + 1.0) / (len(self.highest) + 1.0))

    def probability(self, score: float) -> float:
        """Probability that a good run gets as high."""
        return float((self.rate / (self.rate - np.log(self.uncorrected(score)))) ** self.shape)

    def quantile(self, probability: float) -> float:
        """Score that good runs exceed with a probability."""
        wanted = np.exp(-self.rate * (probability ** (-1.0 / self.shape) - 1.0))
        if wanted >= TAIL:
            return float(np.quantile(self.highest, 1.0 - wanted))
        return self._knee - np.log(wanted / TAIL) / TEN
