"""Change-point Bayes factor: a sustained step or ramp with unknown onset time."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import linalg, special

from bayesbio.monitoring.statistics.innovations import RunPredictive

STEEP = 0.5  # of the duration of a run: by then a ramp has reached size one
SIZE = 1.0  # prior standard deviation of a change, in units of the model's scale


@dataclasses.dataclass(frozen=True, eq=False)
class ChangePointEvidence:
    """
    Changes that last: a step, or a ramp, of any one quantity from any moment on.

    With a normal prior of the size of a change, all changes alike, the Bayes factor against no
    change has a closed form: the mean over changes of (1 + n)^-1/2 exp(s^2 / (2 (1 + n))), with n
    the squared length of a direction and s the innovations along it. It follows Shiryaev (1963),
    Theory of Probability and its Applications 8, 22-46, where the hour of a change is unknown too.
    A good run brings a factor of ten against chance one time in ten at most.
    """

    directions: np.ndarray  # of a change of size one, whitened, shape (readings, changes)
    onset: np.ndarray  # shape (changes,) [h]
    quantity_index: np.ndarray  # shape (changes,)

    @classmethod
    def of(cls, run: RunPredictive, width: int, *, duration: float) -> ChangePointEvidence:
        """Give the changes that readings could show, in runs that last so long [h]."""
        moments = np.unique(run.times)
        since = run.times - moments[:, None]
        late = np.array([since >= 0.0, since * (since > 0.0) / (STEEP * duration or 1.0)], float)
        own = run.quantity_index == np.arange(width)[:, None]
        changes = (late[:, :, None] * own).reshape(-1, len(run.times))
        visible = changes.any(axis=1)
        factor = np.linalg.cholesky(run.covariance)
        directions = linalg.solve_triangular(factor, SIZE * changes[visible].T, lower=True)
        onset = np.tile(np.repeat(moments, width), 2)[visible]
        return cls(directions, onset, np.tile(np.arange(width), 2 * len(moments))[visible])

    def evidence(self, white: np.ndarray, times: np.ndarray) -> np.ndarray:
        """
        log10 of the Bayes factor of a change, from what was read until each moment.

        Takes independent standard normal innovations, shape (runs, readings), and their times [h]
        in increasing order; gives shape (runs, moments).
        """
        edges = np.flatnonzero(np.diff(times, prepend=times[0] - 1.0))
        along = np.zeros((len(white), self.directions.shape[1]))
        length, evidence = np.zeros(self.directions.shape[1]), []
        for first, end in zip(edges, [*edges[1:], len(times)], strict=True):
            part = self.directions[first:end]
            along += white[:, first:end] @ part
            length += np.square(part).sum(axis=0)
            shown = length > 0.0  # a change that could have shown by now
            factor = _log_bayes_factor(along[:, shown], length[shown])
            evidence.append(special.logsumexp(factor, axis=1) - np.log(shown.sum()))
        return np.array(evidence).T / np.log(10.0)

    def onset_of(self, white: np.ndarray, quantity: int) -> float:
        """Posterior median of the onset [h] of a change of a quantity, from the first readings."""
        directions = self.directions[: len(white), self.quantity_index == quantity]
        length = np.square(directions).sum(axis=0)
        factor = _log_bayes_factor(white @ directions, length)
        factor = np.where(length > 0.0, factor, -np.inf)
        onset = self.onset[self.quantity_index == quantity]
        order = np.argsort(onset, kind="stable")
        share = np.cumsum(special.softmax(factor)[order])
        return float(onset[order][np.searchsorted(share, 0.5)])


def _log_bayes_factor(along: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Of each change, from innovations along its direction and the squared length of that."""
    return 0.5 * (np.square(along) / (1.0 + length) - np.log1p(length))
