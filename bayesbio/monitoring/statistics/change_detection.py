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

    Parameters
    ----------
    directions : array, shape (readings, changes)
        What each change of size one would add to every reading, once whitened by the predictive.

    Notes
    -----
    With a normal prior of the size of a change, all changes alike, the Bayes factor against no
    change has a closed form: the mean over changes of (1 + n)^-1/2 exp(s^2 / (2 (1 + n))), with n
    the squared length of a direction and s the innovations along it. It follows Shiryaev (1963),
    Theory of Probability and its Applications 8, 22-46, where the hour of a change is unknown too.
    A good run brings a factor of ten against chance one time in ten at most.

    Examples
    --------
    >>> times = np.array([0.0, 24.0, 48.0, 72.0])
    >>> zero = np.zeros(4)
    >>> run = RunPredictive(times, zero.astype(int), zero, zero, 0.04 * np.eye(4), np.inf)
    >>> sustained = ChangePointEvidence.of(run, 1, duration=72.0)
    >>> late = sustained.evidence(np.array([[0.0, 0.0, 4.0, 4.0], np.zeros(4)]), times)
    >>> late.shape, bool(late[0, 3] > 3.0 > 0.0 > late[1, 3])
    ((2, 4), True)
    """

    directions: np.ndarray

    @classmethod
    def of(cls, run: RunPredictive, width: int, *, duration: float) -> ChangePointEvidence:
        """Give the changes that readings could show, in runs that last so long [h]."""
        if not len(run.times):
            return cls(np.zeros((0, 0)))
        since = run.times - np.unique(run.times)[:, None]
        late = np.array([since >= 0.0, since * (since > 0.0) / (STEEP * duration or 1.0)], float)
        own = run.quantity_index == np.arange(width)[:, None]
        changes = (late[:, :, None] * own).reshape(-1, len(run.times))
        factor = np.linalg.cholesky(run.covariance)
        kept = changes[changes.any(axis=1)].T
        return cls(linalg.solve_triangular(factor, SIZE * kept, lower=True))

    def evidence(self, white: np.ndarray, times: np.ndarray) -> np.ndarray:
        """
        Weigh changes against none, moment by moment.

        Parameters
        ----------
        white : array, shape (runs, readings)
            Innovations, independent and standard normal in a good run.
        times : array, shape (readings,) [h]
            In increasing order.

        Returns
        -------
        array, shape (runs, moments)
            log10 of the Bayes factor, from what was read until then.
        """
        edges = np.flatnonzero(np.diff(times, prepend=times[0] - 1.0))
        along = np.zeros((len(white), self.directions.shape[1]))
        length, told = np.zeros(self.directions.shape[1]), []
        for first, end in zip(edges, [*edges[1:], len(times)], strict=True):
            part = self.directions[first:end]
            along += white[:, first:end] @ part
            length += np.square(part).sum(axis=0)
            shown = length > 0.0  # a change that could have shown by now
            factor = np.square(along[:, shown]) / (1.0 + length[shown]) - np.log1p(length[shown])
            told.append(special.logsumexp(0.5 * factor, axis=1) - np.log(shown.sum()))
        return np.array(told).T / np.log(10.0)
