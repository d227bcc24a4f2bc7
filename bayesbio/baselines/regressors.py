"""Regressors of the baselines, over tables and over the readings of runs; jackknife+ draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from scipy import interpolate
from sklearn.base import BaseEstimator, RegressorMixin, clone

DRAWS = 1000  # draws of a predictive distribution
WINDOW = 0.15  # width of the window in which the size of residuals is averaged, in time ranges
SMALLEST_ERROR = 0.05  # least local size of residuals, in mean sizes
SPLINE_KNOTS = 5


class Regressor(Protocol):
    """A scikit-learn regressor, or what looks like one."""

    def fit(self, features: np.ndarray, target: np.ndarray) -> Any:
        """Learn from features, shape (rows, columns), and readings, shape (rows,)."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict readings, shape (rows,)."""


def jackknife_draws(
    members: Sequence[tuple[np.ndarray, Any]],
    *,
    size: np.ndarray | float,
    degrees_of_freedom: int,
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> np.ndarray:
    """
    Jackknife+ draws: the prediction of a regressor that missed some rows, plus a residual there.

    Parameters
    ----------
    members : sequence of (predictions, residuals)
        For each part left out: what the regressor that never saw it predicts, shape (rows,), and
        its residuals there, in local sizes of residuals.
    size : array, shape (rows,), or float
        Local size of residuals where it is predicted.
    degrees_of_freedom : int
        Few residuals estimate the size of an error only roughly: Student's correction, per draw.
        Three or more give draws with a mean and a variance.
    rng : numpy Generator
    draws : int

    Returns
    -------
    array, shape (draws, rows)

    Notes
    -----
    Barber et al. (2021), doi:10.1214/20-AOS1965.
    """
    centres = np.array([predicted for predicted, _ in members])
    who = rng.permutation(np.arange(draws) % len(members))
    residuals = np.empty((draws, centres.shape[1]))
    for number, (_, seen) in enumerate(members):
        chosen = who == number
        residuals[chosen] = rng.choice(seen, size=(chosen.sum(), centres.shape[1]))
    residuals *= np.sqrt(degrees_of_freedom / rng.chisquare(degrees_of_freedom, size=(draws, 1)))
    return centres[who] + residuals * size


def standardised(inputs: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """
    Subtract the mean of what was `seen` and divide by its sd; a constant column is only shifted.

    Examples
    --------
    >>> standardised(np.array([[3.0]]), np.array([[0.0], [2.0]])).tolist()
    [[2.0]]
    """
    spread = seen.std(axis=0)
    return (inputs - seen.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


class LatentComponents(BaseEstimator, RegressorMixin):
    """Partial least squares for one response; it stops early when nothing is left to explain."""

    def __init__(self, components: int = 1) -> None:
        self.components = components

    def fit(self, features: np.ndarray, target: np.ndarray) -> LatentComponents:
        """Learn from features, shape (rows, columns), and readings, shape (rows,)."""
        self.centre_, self.level_ = features.mean(axis=0), target.mean()
        left, response = features - self.centre_, target - self.level_
        nothing = 1e-10 * np.linalg.norm(left) * np.linalg.norm(response)
        directions, loadings, slopes = [], [], []
        for _ in range(self.components):
            direction = left.T @ response
            if np.linalg.norm(direction) <= nothing:
                break
            direction /= np.linalg.norm(direction)
            score = left @ direction
            directions.append(direction)
            loadings.append(left.T @ score / (score @ score))
            slopes.append(response @ score / (score @ score))
            left = left - np.outer(score, loadings[-1])
            response = response - slopes[-1] * score
        self.slope_ = np.zeros(features.shape[1])
        if directions:
            w, p = np.array(directions).T, np.array(loadings).T
            self.slope_ = w @ np.linalg.solve(p.T @ w, np.array(slopes))
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict readings, shape (rows,)."""
        return self.level_ + (features - self.centre_) @ self.slope_


class MeanCourse:
    """Mean over runs of their readings, interpolated; of the runs that lasted that long."""

    def __init__(self, run: np.ndarray) -> None:
        self.run = run

    def fit(self, features: np.ndarray, target: np.ndarray) -> MeanCourse:
        """Learn from features, time first."""
        self.courses = []
        for name in np.unique(self.run):
            rows = self.run == name
            times, index = np.unique(features[rows, 0], return_inverse=True)
            self.courses.append((times, np.bincount(index, target[rows]) / np.bincount(index)))
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict readings, shape (rows,)."""
        time = features[:, 0]
        values = np.array([np.interp(time, times, course) for times, course in self.courses])
        lasted = np.array([time <= times[-1] for times, _ in self.courses])
        lasted |= ~lasted.any(axis=0)
        return np.sum(values * lasted, axis=0) / lasted.sum(axis=0)


class OnSplines:
    """Linear regressor on splines of time, features, and features times time, standardised."""

    def __init__(self, time: np.ndarray, regressor: Any, *, weight: float = 1.0) -> None:
        self.first, self.last = time.min(), max(time.max(), time.min() + 1.0)
        self.regressor, self.weight = regressor, weight

    def fit(self, features: np.ndarray, target: np.ndarray) -> OnSplines:
        """Learn from features, time first."""
        columns = _expanded(features, first=self.first, last=self.last)
        self.centre, self.scale = columns.mean(axis=0), columns.std(axis=0)
        self.scale[self.scale <= 1e-12 * np.abs(self.centre)] = np.inf  # constant: no information
        self.scale[SPLINE_KNOTS + 2 :] /= self.weight
        self.regressor.fit((columns - self.centre) / self.scale, target)
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict readings, shape (rows,)."""
        columns = _expanded(features, first=self.first, last=self.last)
        return self.regressor.predict((columns - self.centre) / self.scale)


class Process:
    """Gaussian process whose last column says which run a reading is from."""

    def __init__(self, process: Any, run: np.ndarray) -> None:
        self.process, self.run = process, run

    def fit(self, features: np.ndarray, target: np.ndarray) -> Process:
        """Learn from features, time first."""
        self.seen = features
        columns = np.column_stack([standardised(features, features), self.run])
        self.process = clone(self.process).fit(columns, target)
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict readings, shape (rows,)."""
        new_run = np.full(len(features), -1)
        columns = np.column_stack([standardised(features, self.seen), new_run])
        return self.process.predict(columns)


class LocalSize:
    """Mean absolute residual around a time."""

    def __init__(self, time: np.ndarray, size: np.ndarray) -> None:
        self.time, self.known = time, size
        self.window = WINDOW * (np.ptp(time) or 1.0)

    def __call__(self, time: np.ndarray) -> np.ndarray:
        """Give the size at times [h], shape (times,)."""
        # Times beyond the last reading take the size there.
        inside = np.clip(time, self.time.min(), self.time.max())
        weight = np.exp(-0.5 * ((inside[:, None] - self.time) / self.window) ** 2)
        least = SMALLEST_ERROR * self.known.mean() or 1e-12
        return np.maximum(weight @ self.known / weight.sum(axis=1), least)


def _expanded(inputs: np.ndarray, *, first: float, last: float) -> np.ndarray:
    """Cubic splines of time, constant beyond its range; features; features times time."""
    time, features = inputs[:, :1], inputs[:, 1:]
    inner = np.linspace(first, last, SPLINE_KNOTS)
    knots = np.concatenate([[first] * 3, inner, [last] * 3])
    inside = np.clip(time[:, 0], first, last)
    splines = interpolate.BSpline.design_matrix(inside, knots, 3).toarray()
    return np.hstack([splines, features, features * time])
