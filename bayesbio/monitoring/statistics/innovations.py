"""One-step-ahead innovations of a run, and their multivariate EWMA."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import linalg, special

LEAST_TAIL = 1e-290  # probability below which tails are continued by their leading term


@dataclasses.dataclass(frozen=True, eq=False)
class RunPredictive:
    """Joint predictive, a multivariate t, of the readings of one run in time order, scaled."""

    times: np.ndarray  # shape (readings,) [h]
    quantity_index: np.ndarray  # shape (readings,)
    reading: np.ndarray  # shape (readings,)
    mean: np.ndarray  # shape (readings,), before any reading
    covariance: np.ndarray  # scale matrix, shape (readings, readings)
    freedom: float


@dataclasses.dataclass(frozen=True, eq=False)
class Innovation:
    """What the readings of one moment add to all before them."""

    time: float  # [h]
    quantity_index: np.ndarray  # which quantities were read, shape (n,)
    size: np.ndarray  # standard normal, and independent of every earlier moment
    correlation: np.ndarray  # of `size`, shape (n, n)
    reading: np.ndarray
    expected: np.ndarray  # conditional mean
    spread: np.ndarray  # conditional standard deviation


def innovations_of(run: RunPredictive) -> list[Innovation]:
    """
    One-step-ahead innovations, one for each time at which something was read.

    Readings of a moment given all before are a multivariate t; its radius is mapped to that of a
    normal by probability, so that sizes are exactly normal and independent when the predictive
    holds (Rosenblatt 1952, Annals of Mathematical Statistics 23, 470-472).
    """
    if not len(run.reading):
        return []
    factor = np.linalg.cholesky(run.covariance)
    white = linalg.solve_triangular(factor, run.reading - run.mean, lower=True)
    edges = np.flatnonzero(np.diff(run.times, prepend=run.times[0] - 1.0))
    innovations, distance = [], 0.0
    for first, end in zip(edges, [*edges[1:], len(run.times)], strict=True):
        part = slice(first, end)
        lower, own = factor[part, part], white[part]
        innovation, covariance = lower @ own, lower @ lower.T
        scale = np.sqrt(np.diag(covariance))
        square = float(own @ own)
        inflation = (run.freedom + distance) / (run.freedom + first)
        radius = _radius(square / inflation, end - first, run.freedom + first)
        stretch = np.sqrt(radius / square) if square > 0.0 else 0.0
        innovations.append(
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
    return innovations


def _radius(square: float, size: int, freedom: float) -> float:
    """Squared radius of a normal that is exceeded as often as this one of a multivariate t."""
    tail = special.fdtrc(size, freedom, square / size)
    return float(special.chdtri(size, tail)) if tail > LEAST_TAIL else square


def joined_sizes(innovations: Sequence[Innovation]) -> np.ndarray:
    """All innovations of a run, shape (readings,)."""
    return np.concatenate([each.size for each in innovations])


def whitened(sizes: np.ndarray, innovations: Sequence[Innovation]) -> np.ndarray:
    """Decorrelate sizes, shape (runs, readings), of runs that were read at these moments."""
    white, first = np.empty_like(sizes), 0
    for each in innovations:
        part = slice(first, first := first + len(each.quantity_index))
        factor = np.linalg.cholesky(each.correlation)
        white[:, part] = linalg.solve_triangular(factor, sizes[:, part].T, lower=True).T
    return white


@dataclasses.dataclass(frozen=True, eq=False)
class EwmaStep:
    """Exponentially weighted innovations of one moment."""

    time: float  # [h]
    contribution: np.ndarray  # shares of the squared distance, shape (quantities,)
    score: float  # see `tail_evidence`


def ewma(innovations: Sequence[Innovation], width: int, ewma_weight: float) -> list[EwmaStep]:
    """
    Multivariate exponentially weighted moving average (EWMA) of innovations.

    z <- (1 - lambda) z + lambda u for the quantities that were read; distance z' S^-1 z with the
    exact covariance S of z, chi-squared with as many degrees of freedom as quantities have been
    read. Lowry, Woodall, Champ and Rigdon (1992), Technometrics 34, 46-53.
    """
    total, steps = np.zeros(width), []
    moving = covariances(innovations, width, ewma_weight)
    for each, (read, covariance) in zip(innovations, moving, strict=True):
        at = each.quantity_index
        total[at] = (1.0 - ewma_weight) * total[at] + ewma_weight * each.size
        inner, share = covariance[np.ix_(read, read)], np.zeros(width)
        share[read] = total[read] * np.linalg.solve(inner, total[read])
        steps.append(EwmaStep(each.time, share, float(tail_evidence(total[read], inner))))
    return steps


def covariances(
    innovations: Sequence[Innovation], width: int, ewma_weight: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """By moment: which quantities have been read, and the covariance of weighted innovations."""
    covariance = np.zeros((width, width))
    for each in innovations:
        keep = np.ones(width)
        keep[each.quantity_index] = 1.0 - ewma_weight
        covariance = keep[:, None] * covariance * keep
        covariance[np.ix_(each.quantity_index, each.quantity_index)] += (
            ewma_weight**2 * each.correlation
        )
        yield np.diag(covariance) > 0.0, covariance


def tail_evidence(total: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """
    -log10 of the smaller tail probability: of the distance, or of the largest single innovation.

    A fault that shows in one quantity is detected sooner in (S^-1 z)_j / sqrt(S^-1)_jj, what a
    quantity adds to all others (Hawkins 1991, Technometrics 33, 61-75); the largest counts with the
    probability that one of so many gets there. Shape of `total` (..., quantities).
    """
    size = len(covariance)
    inverse = np.linalg.inv(covariance)
    pulled = total @ inverse
    whole = _chi_squared_evidence((total * pulled).sum(axis=-1), size)
    largest = (np.abs(pulled) / np.sqrt(np.diag(inverse))).max(axis=-1)
    one = np.log(2.0) + special.log_ndtr(-largest)
    among = np.log(-np.expm1(size * np.log1p(-np.exp(np.maximum(one, -25.0)))))
    single = -np.where(one > -25.0, among, one + np.log(size)) / np.log(10.0)
    return np.maximum(whole, single)


def _chi_squared_evidence(square: np.ndarray | float, size: int) -> np.ndarray:
    """-log10 of the tail probability of chi-squared, also where that is too small to be held."""
    half = 0.5 * np.asarray(square, float)
    tail = special.gammaincc(0.5 * size, half)
    far = tail < LEAST_TAIL
    if not far.any():
        return -np.log10(tail)
    beyond = half - (0.5 * size - 1.0) * np.log(np.maximum(half, 1.0)) + special.gammaln(0.5 * size)
    return np.where(far, beyond / np.log(10.0), -np.log10(np.where(far, 1.0, tail)))
