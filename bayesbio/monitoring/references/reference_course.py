"""The usual course of every quantity: a power, a mean and a spread for every day."""

from __future__ import annotations

import dataclasses

import numpy as np

POWERS = (1.0, 0.5, 0.0)  # of Box and Cox: as it is, square root, logarithm
SMALLEST_SPREAD = 0.1  # of a day, in the typical spread of its quantity
NEIGHBOURS = 1.0  # reach of the ewma_weight of spreads, in days of the clock
BORROWED = 3.0  # readings that the spread of neighbouring days counts for
BENT = 1e-3  # penalty that carries a mean course over days without readings


@dataclasses.dataclass(frozen=True, eq=False)
class ReferenceCourse:
    """Mean course and spread of one quantity in good runs."""

    days: np.ndarray  # shape (days,) [h]
    power: float  # of Box and Cox, on which scale the rest is
    least: float  # readings below it count as this much, where the scale needs positive ones
    mean: np.ndarray  # shape (days,)
    spread: np.ndarray  # shape (days,)

    @classmethod
    def of(cls, times: np.ndarray, values: np.ndarray, days: np.ndarray) -> ReferenceCourse:
        """Learn from the readings of several runs, times and values of shape (readings,)."""
        positive = values[values > 0.0]
        candidates = POWERS if len(positive) == len(values) else POWERS[:1]
        least = 0.5 * float(positive.min()) if len(positive) else 0.0
        weights = _between(times, days)
        found = []
        for power in candidates:
            scaled = forward(values, power)
            mean = _mean(weights, scaled)
            spread = _spread(weights, scaled - weights @ mean)
            size = weights @ spread
            fit = -np.log(size).sum() - 0.5 * np.square((scaled - weights @ mean) / size).sum()
            if power < 1.0:
                fit += (power - 1.0) * np.log(values).sum()
            found.append((fit, power, mean, spread))
        _, power, mean, spread = max(found, key=lambda each: each[0])
        return cls(days, power, least, mean, spread)

    def deviation(self, times: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Give readings as spreads above the mean course at their own hour."""
        weights = _between(times, self.days)
        held = np.maximum(values, self.least) if self.power < 1.0 else values
        return (forward(held, self.power) - weights @ self.mean) / (weights @ self.spread)

    def value(self, times: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Give readings that lie so many spreads above the mean course."""
        weights = _between(times, self.days)
        return backward(weights @ self.mean + deviation * (weights @ self.spread), self.power)


def forward(values: np.ndarray, power: float) -> np.ndarray:
    """Transform by a power of Box and Cox: 0 is the logarithm, 1 changes nothing."""
    if power == 1.0:
        return np.asarray(values, float)
    return np.log(values) if power == 0.0 else (np.power(values, power) - 1.0) / power


def backward(scaled: np.ndarray, power: float) -> np.ndarray:
    """Undo `forward`."""
    if power == 1.0:
        return np.asarray(scaled, float)
    if power == 0.0:
        return np.exp(scaled)
    return np.power(np.maximum(1.0 + power * np.asarray(scaled), 0.0), 1.0 / power)


def _between(times: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Weights of the days around each time, shape (times, days): linear between, held outside."""
    if len(days) == 1:
        return np.ones((len(times), 1))
    inside = np.clip(times, days[0], days[-1])
    left = np.clip(np.searchsorted(days, inside, side="right") - 1, 0, len(days) - 2)
    share = (inside - days[left]) / (days[left + 1] - days[left])
    weights = np.zeros((len(times), len(days)))
    weights[np.arange(len(times)), left] = 1.0 - share
    weights[np.arange(len(times)), left + 1] += share
    return weights


def _mean(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Least squares, bent as little as possible where nothing was read."""
    length = weights.shape[1]
    system = weights.T @ weights
    if length > 2:
        bend = np.diff(np.eye(length), 2, axis=0)
        system = system + BENT * bend.T @ bend
    system = system + 1e-9 * np.trace(system) / length * np.eye(length)
    level = values.mean()
    return level + np.linalg.solve(system, weights.T @ (values - level))


def _spread(weights: np.ndarray, away: np.ndarray) -> np.ndarray:
    """Estimate the standard deviation of each day, with help of the days beside it."""
    count = weights.sum(axis=0)
    square = weights.T @ np.square(away)
    place = np.arange(len(count))
    near = np.exp(-0.5 * np.square((place[:, None] - place) / NEIGHBOURS))
    around = (near @ square) / np.maximum(near @ count, 1e-9)
    lost = count / np.maximum(count - 1.0, 0.5)  # to the mean
    variance = (square * lost + BORROWED * around) / (count + BORROWED)
    typical = np.sqrt(np.average(variance, weights=np.maximum(count, 1e-9)))
    if typical == 0.0:
        typical = 1e-6 * max(np.abs(away).max(), 1.0)
    return np.maximum(np.sqrt(variance), SMALLEST_SPREAD * typical)
