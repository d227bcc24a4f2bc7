"""Parts that forecasts from data alone share: a regressor's promise, and draws from residuals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

DRAWS = 1000  # draws of a predictive distribution


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
    Draw readings: the prediction of a regressor that missed some rows, plus a residual there.

    Parameters
    ----------
    members : sequence of (predictions, residuals)
        For each part left out: what the regressor that never saw it predicts, shape (rows,), and
        its residuals there, in local sizes of residuals.
    size : array, shape (rows,), or float
        Local size of residuals where it is predicted.
    degrees_of_freedom : int
        Few residuals tell the size of an error only roughly: Student's correction, per draw.
        Three or more give draws with a mean and a variance.
    rng : numpy Generator
    draws : int

    Returns
    -------
    array, shape (draws, rows)

    Notes
    -----
    The jackknife+, Barber et al. (2021), doi:10.1214/20-AOS1965.

    Examples
    --------
    >>> members = [(np.array([1.0, 2.0]), [0.1]), (np.array([1.0, 2.0]), [-0.1])]
    >>> rng = np.random.default_rng(1)
    >>> jackknife_draws(members, size=1.0, degrees_of_freedom=3, rng=rng).shape
    (1000, 2)
    """
    centres = np.array([predicted for predicted, _ in members])
    who = rng.permutation(np.arange(draws) % len(members))
    residuals = np.empty((draws, centres.shape[1]))
    for place, (_, own) in enumerate(members):
        chosen = who == place
        residuals[chosen] = rng.choice(own, size=(chosen.sum(), centres.shape[1]))
    residuals *= np.sqrt(degrees_of_freedom / rng.chisquare(degrees_of_freedom, size=(draws, 1)))
    return centres[who] + residuals * size


def standardised(inputs: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """
    Subtract the mean of what was seen and divide by its standard deviation.

    Parameters
    ----------
    inputs, seen : array, shape (rows, columns)
        What to bring to the scale, and what sets it; a constant column is only shifted.

    Examples
    --------
    >>> standardised(np.array([[3.0]]), np.array([[0.0], [2.0]])).tolist()
    [[2.0]]
    """
    spread = seen.std(axis=0)
    return (inputs - seen.mean(axis=0)) / np.where(spread > 0, spread, 1.0)


class LatentComponents(BaseEstimator, RegressorMixin):
    """
    Partial least squares for one response; it stops early when nothing is left to explain.

    Parameters
    ----------
    components : int
        How many at most.

    Examples
    --------
    >>> rows = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
    >>> LatentComponents(2).fit(rows, np.array([1.0, 3.0, 5.0])).predict(rows).tolist()
    [1.0, 3.0, 5.0]
    """

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
