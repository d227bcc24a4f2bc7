"""One-step-ahead innovations of a run, and their multivariate EWMA."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import linalg, special

LEAST_TAIL = 1e-290  # probability below which tails are continued by their leading term


@dataclasses.dataclass(frozen=True, eq=False)
class RunPredictive:
    """
    Joint predictive of the readings of one run, on the scale of the model, in time order.

    Parameters
    ----------
    times : array, shape (readings,) [h]
    quantity_index : array of int, shape (readings,)
        Which quantity each is.
    reading, mean : array, shape (readings,)
        What was read, and what the predictive expects before any reading.
    covariance : array, shape (readings, readings)
    freedom : float
        Degrees of freedom of the multivariate t whose scale matrix that is.
    """

    times: np.ndarray
    quantity_index: np.ndarray
    reading: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    freedom: float


@dataclasses.dataclass(frozen=True, eq=False)
class Innovation:
    """
    What the readings of one moment add to all before them.

    Parameters
    ----------
    time : float [h]
    quantity_index : array of int, shape (n,)
        Which quantities were read.
    size : array, shape (n,)
        Standard normal each, if the predictive holds, and independent of every earlier moment.
    correlation : array, shape (n, n)
        Of `size`.
    reading, expected, spread : array, shape (n,)
        What was read, its conditional mean and standard deviation, on the scale of the model.
    """

    time: float
    quantity_index: np.ndarray
    size: np.ndarray
    correlation: np.ndarray
    reading: np.ndarray
    expected: np.ndarray
    spread: np.ndarray


def innovations_of(run: RunPredictive) -> list[Innovation]:
    """
    Give one-step-ahead innovations of a run, moment by moment.

    Parameters
    ----------
    run : RunPredictive

    Returns
    -------
    list of Innovation
        One for each time at which something was read.

    Notes
    -----
    Readings of a moment given all before are a multivariate t; its radius is mapped to that of a
    normal by probability, so that sizes are exactly normal and independent when the predictive
    holds (Rosenblatt 1952, Annals of Mathematical Statistics 23, 470-472).

    Examples
    --------
    >>> run = RunPredictive(np.array([0.0, 24.0]), np.zeros(2, int), np.ones(2), np.zeros(2),
    ...                np.array([[1.0, 0.8], [0.8, 1.0]]), 1e9)
    >>> [round(float(each.size[0]), 3) for each in innovations_of(run)]
    [1.0, 0.333]
    """
    if not len(run.reading):
        return []
    factor = np.linalg.cholesky(run.covariance)
    white = linalg.solve_triangular(factor, run.reading - run.mean, lower=True)
    edges = np.flatnonzero(np.diff(run.times, prepend=run.times[0] - 1.0))
    found, distance = [], 0.0
    for first, end in zip(edges, [*edges[1:], len(run.times)], strict=True):
        part = slice(first, end)
        lower, own = factor[part, part], white[part]
        innovation, covariance = lower @ own, lower @ lower.T
        scale = np.sqrt(np.diag(covariance))
        square = float(own @ own)
        inflation = (run.freedom + distance) / (run.freedom + first)
        radius = _radius(square / inflation, end - first, run.freedom + first)
        stretch = np.sqrt(radius / square) if square > 0.0 else 0.0
        found.append(
            Innovation(
                float(run.times[first]),
                run.quantity_index[part],
                stretch * innovation / scale,
                covariance / np.outer(scale, scale),
                run.reading[part],
                run.reading[part] - innovation,
                np.sqrt(inflation) * scale,
            )
        )
        distance += square
    return found


def _radius(square: float, size: int, freedom: float) -> float:
    """Squared radius of a normal that is exceeded as often as this one of a multivariate t."""
    tail = special.fdtrc(size, freedom, square / size)
    return float(special.chdtri(size, tail)) if tail > LEAST_TAIL else square


@dataclasses.dataclass(frozen=True, eq=False)
class EwmaStep:
    """
    Exponentially weighted innovations of one moment.

    Parameters
    ----------
    time : float [h]
    average : array, shape (quantities,)
        Weighted innovations_of, in standard deviations of their own; NaN before the first reading.
    contribution : array, shape (quantities,)
        Shares of the squared distance: they add up to it.
    score : float
        -log10 of the smaller tail probability: of the distance, or of the largest innovation of a
        quantity given the others.
    """

    time: float
    average: np.ndarray
    contribution: np.ndarray
    score: float


def ewma(found: Sequence[Innovation], width: int, ewma_weight: float) -> list[EwmaStep]:
    """
    Add innovations up by a multivariate exponentially weighted moving average.

    Parameters
    ----------
    found : sequence of Innovation
    width : int
        How many quantities there are.
    ewma_weight : float
        Weight of the newest innovation, between 0 and 1.

    Returns
    -------
    list of EwmaStep

    Notes
    -----
    z <- (1 - lambda) z + lambda u for the quantities that were read; distance z' S^-1 z with the
    exact covariance S of z, chi-squared with as many degrees of freedom as quantities have been
    read. Lowry, Woodall, Champ and Rigdon (1992), Technometrics 34, 46-53. A fault that shows in
    one quantity is found sooner in (S^-1 z)_j / sqrt(S^-1)_jj, what a quantity adds to all others
    (Hawkins 1991, Technometrics 33, 61-75); the largest counts with the probability that one of so
    many gets there.

    Examples
    --------
    >>> one = Innovation(0.0, np.array([0]), np.array([2.0]), np.eye(1), *np.ones((3, 1)))
    >>> ewma([one], 1, 0.3)[0].average.tolist()
    [2.0]
    """
    total, kept = np.zeros(width), []
    for each, (read, covariance) in zip(found, covariances(found, width, ewma_weight), strict=True):
        total[each.quantity_index] = (1.0 - ewma_weight) * total[
            each.quantity_index
        ] + ewma_weight * each.size
        inner = covariance[np.ix_(read, read)]
        share = np.zeros(width)
        share[read] = total[read] * np.linalg.solve(inner, total[read])
        average = np.full(width, np.nan)
        average[read] = total[read] / np.sqrt(np.diag(inner))
        kept.append(EwmaStep(each.time, average, share, float(tail_evidence(total[read], inner))))
    return kept


def covariances(
    found: Sequence[Innovation], width: int, ewma_weight: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """
    Give which quantities have been read by each moment, and the covariance of weighted innovations.

    Examples
    --------
    >>> one = Innovation(0.0, np.array([0]), np.array([2.0]), np.eye(1), *np.ones((3, 1)))
    >>> [covariance.tolist() for _, covariance in covariances([one], 1, 0.5)]
    [[[0.25]]]
    """
    covariance = np.zeros((width, width))
    for each in found:
        keep = np.ones(width)
        keep[each.quantity_index] = 1.0 - ewma_weight
        covariance = keep[:, None] * covariance * keep
        covariance[np.ix_(each.quantity_index, each.quantity_index)] += (
            ewma_weight**2 * each.correlation
        )
        yield np.diag(covariance) > 0.0, covariance


def tail_evidence(total: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """
    -log10 of the smaller probability: of the distance, or of the largest single innovation.

    Parameters
    ----------
    total : array, shape (..., quantities)
    covariance : array, shape (quantities, quantities)

    Examples
    --------
    >>> round(float(tail_evidence(np.array([1.96]), np.eye(1))), 2)
    1.3
    """
    size = len(covariance)
    inverse = np.linalg.inv(covariance)
    pulled = total @ inverse
    whole = _far_out((total * pulled).sum(axis=-1), size)
    largest = (np.abs(pulled) / np.sqrt(np.diag(inverse))).max(axis=-1)
    one = np.log(2.0) + special.log_ndtr(-largest)
    among = np.log(-np.expm1(size * np.log1p(-np.exp(np.maximum(one, -25.0)))))
    single = -np.where(one > -25.0, among, one + np.log(size)) / np.log(10.0)
    return np.maximum(whole, single)


def _far_out(square: np.ndarray | float, size: int) -> np.ndarray:
    """-log10 of the tail probability of chi-squared, also where that is too small to be held."""
    half = 0.5 * np.asarray(square, float)
    tail = special.gammaincc(0.5 * size, half)
    far = tail < LEAST_TAIL
    if not far.any():
        return -np.log10(tail)
    beyond = half - (0.5 * size - 1.0) * np.log(np.maximum(half, 1.0)) + special.gammaln(0.5 * size)
    return np.where(far, beyond / np.log(10.0), -np.log10(np.where(far, 1.0, tail)))
