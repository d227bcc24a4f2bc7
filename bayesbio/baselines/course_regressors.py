"""Regressors over the readings of several runs: time first, then what is known of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import interpolate

from bayesbio.baselines.regressors import standardised

WINDOW = 0.15  # width of the window in which the size of residuals is averaged, in time ranges
SMALLEST_ERROR = 0.05  # least local size of residuals, in mean sizes
SPLINE_KNOTS = 5


class MeanCourse:
    """
    Mean over runs of their readings, interpolated.

    Examples
    --------
    >>> rows = np.array([[0.0], [1.0], [0.0], [1.0]])
    >>> course = MeanCourse(np.array([0, 0, 1, 1])).fit(rows, np.array([0.0, 2.0, 2.0, 4.0]))
    >>> course.predict(np.array([[0.5]])).tolist()
    [2.0]
    """

    def __init__(self, run: np.ndarray) -> None:
        self.run = run

    def fit(self, features: np.ndarray, target: np.ndarray) -> MeanCourse:
        """Learn from features (time first), shape (rows, columns), and readings, shape (rows,)."""
        self.courses = []
        for name in np.unique(self.run):
            rows = self.run == name
            times, place = np.unique(features[rows, 0], return_inverse=True)
            self.courses.append((times, np.bincount(place, target[rows]) / np.bincount(place)))
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predict readings, shape (rows,)."""
        time = features[:, 0]
        values = np.array([np.interp(time, times, course) for times, course in self.courses])
        lasted = np.array([time <= times[-1] for times, _ in self.courses])
        lasted |= ~lasted.any(axis=0)
        return np.sum(values * lasted, axis=0) / lasted.sum(axis=0)


class OnSplines:
    """
    Linear regressor on splines of time, features, and features times time, standardised.

    Examples
    --------
    >>> from bayesbio.baselines.regressors import LatentComponents
    >>> rows = np.linspace(0.0, 10.0, 21)[:, None]
    >>> fitted = OnSplines(rows[:, 0], LatentComponents(6)).fit(rows, rows[:, 0])
    >>> round(float(fitted.predict(np.array([[5.0]]))[0]), 3)
    5.0
    """

    def __init__(self, time: np.ndarray, regressor: Any, *, weight: float = 1.0) -> None:
        self.first, self.last = time.min(), max(time.max(), time.min() + 1.0)
        self.regressor, self.weight = regressor, weight

    def fit(self, features: np.ndarray, target: np.ndarray) -> OnSplines:
        """Learn from features (time first), shape (rows, columns), and readings, shape (rows,)."""
        columns = _expanded(features, first=self.first, last=self.last)
        self.centre, self.scale = columns.mean(axis=0), columns.std(axis=0)
        self.scale[self.scale <= 1e-12 * np.abs(self.centre)] = np.inf  # constant: tells nothing
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
        """Learn from features (time first), shape (rows, columns), and readings, shape (rows,)."""
        from sklearn.base import clone

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
    """
    Mean absolute residual around a time.

    Examples
    --------
    >>> float(LocalSize(np.array([0.0, 1.0]), np.array([2.0, 2.0]))(np.array([0.5]))[0])
    2.0
    """

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
