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

    Parameters
    ----------
    highest : array, shape (draws,)
        Of runs drawn from the predictive, in increasing order.
    shape, rate : float
        Of the gamma posterior of theta, the exponent by which good runs that were left out say that
        such probabilities p have to be corrected: p^theta.

    Notes
    -----
    If the predictive holds, -ln p of good runs is exponential with rate theta = 1. Theta has a
    gamma(10, 10) prior, so with n runs its posterior is gamma(10 + n, 10 - sum ln p), and the mean
    of p^theta under it is (rate / (rate - ln p))^shape: a closed form that also allows for how few
    the runs are.

    Examples
    --------
    >>> drawn = -np.log10(np.random.default_rng(1).uniform(size=4000))
    >>> chance = MaximumScoreDistribution.of(drawn, drawn[:40])
    >>> bool(0.03 < chance.probability(1.301) < 0.08)
    True
    """

    highest: np.ndarray
    shape: float
    rate: float

    @classmethod
    def of(
        cls, drawn: np.ndarray, held_out: np.ndarray, *, left_out: bool = True
    ) -> MaximumScoreDistribution:
        """
        Learn from drawn runs and from good runs that were left out.

        Parameters
        ----------
        drawn : array, shape (draws,)
        held_out : array, shape (runs,)
        left_out : bool
            Whether they were left out; else they may only widen the limit.
        """
        plain = cls(np.sort(drawn), np.inf, np.inf)
        innovation = -np.log([plain.uncorrected(score) for score in held_out])
        total = (
            float(innovation.sum()) if left_out else float(max(innovation.sum(), len(innovation)))
        )
        return cls(plain.highest, PRIOR_RUNS + len(held_out), PRIOR_RUNS + total)

    def uncorrected(self, score: float) -> float:
        """Probability that a run drawn from the predictive gets as high."""
        knee = float(np.quantile(self.highest, 1.0 - TAIL))
        if score > knee:
            return float(TAIL * np.exp(-TEN * (score - knee)))
        above = len(self.highest) - np.searchsorted(self.highest, score, side="left")
        return float((above + 1.0) / (len(self.highest) + 1.0))

    def probability(self, score: float) -> float:
        """Probability that a good run gets as high."""
        innovation = -np.log(self.uncorrected(score))
        return float((self.rate / (self.rate + innovation)) ** self.shape)

    def quantile(self, probability: float) -> float:
        """Score that good runs exceed with a probability."""
        innovation = self.rate * (probability ** (-1.0 / self.shape) - 1.0)
        wanted = np.exp(-innovation)
        if wanted >= TAIL:
            return float(np.quantile(self.highest, 1.0 - wanted))
        knee = float(np.quantile(self.highest, 1.0 - TAIL))
        return knee - np.log(wanted / TAIL) / TEN
