"""Covariance of days and quantities from few runs with gaps: separable, with room to differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from scipy import linalg
from scipy.special import gammaln

WEIGHTS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 32.0)  # of the separable form, in runs a run
FREEDOMS = (0.5, 1.0, 2.0, 4.0, 8.0, 32.0)  # of the predictive, in runs a run
FOLDS = 20
ROUNDS = 20  # of expectation and maximisation
AGAIN = 4  # of them, from the form of all runs, where a fold is left out
LOOSE = 3  # rounds that free what lasts from the separable form
SPLITS = 3  # of what lasts in a run and what is noise of an assay, each time
FLIPS = 2  # of days and quantities, each time
MEMORY = 0.25  # time over which a run remembers, in durations: centre of the prior
NUGGET = 0.1  # share of what lasts that is not remembered: centre of the prior
SETTLED = 0.01  # change of a correlation that does not matter
SMALLEST = 1e-3  # variance that no reading falls short of


@dataclasses.dataclass(frozen=True, eq=False)
class Predictive:
    """Multivariate t for the standardised readings of a run, days first."""

    mean: np.ndarray  # shape (cells,)
    covariance: np.ndarray  # scale matrix, with the uncertainty of the mean
    freedom: float  # degrees of freedom

    def distance(self, run: np.ndarray) -> tuple[int, float, float]:
        """Give readings, squared distance and log determinant of what was read of a run."""
        seen = np.isfinite(run)
        size = int(seen.sum())
        if not size:
            return 0, 0.0, 0.0
        factor = np.linalg.cholesky(self.covariance[np.ix_(seen, seen)])
        white = linalg.solve_triangular(factor, run[seen] - self.mean[seen], lower=True)
        return size, float(white @ white), 2.0 * float(np.log(np.diag(factor)).sum())


@dataclasses.dataclass(frozen=True, eq=False)
class MatrixTFit:
    """What standardised runs tell of the next one."""

    predictive: Predictive  # of a new run
    held_out: tuple[Predictive, ...]  # without the runs of each fold
    weight: float  # what the separable form counts for, in runs a run


def fit_matrix_t(
    runs: np.ndarray, days: np.ndarray, folds: Sequence[tuple[np.ndarray, np.ndarray]] = ()
) -> MatrixTFit:
    """
    Learn mean and covariance of standardised runs, shape (runs, days, quantities) with NaN gaps.

    Each fold holds the runs standardised without those of it, and which belong to it; without
    folds, runs are left out as they are. Runs are normal around a mean. Their covariance is that of
    what lasts in a run, with an inverse-Wishart prior around U x V (days, quantities), plus N, the
    noise of each assay; U and V have inverse-Wishart priors of their own. What the prior counts
    for, and how sure it is of the scale of a run (the degrees of freedom), is chosen by the
    predictive density of runs that were left out. Given that, the predictive is a multivariate t in
    closed form. U and V come by alternating: Dutilleul (1999), Journal of Statistical Computation
    and Simulation 64, 105-123; what lasts, N and gaps by expectation and maximisation.
    """
    number = len(runs)
    if not folds:
        folds = [(runs, fold) for fold in divided(number)]
    prior = _remembering(days)
    whole = _moments(runs, prior, None, ROUNDS)
    parts = [_moments(each[~fold], prior, whole.form, AGAIN) for each, fold in folds]
    choices = []
    for weight in WEIGHTS:
        apart, covariances = [], [part.covariance(weight) for part in parts]
        for part, covariance, (each, fold) in zip(parts, covariances, folds, strict=True):
            given = part.predictive(covariance)
            apart += [given.distance(run.ravel()) for run in each[fold]]
        for freedom in FREEDOMS:
            told = _log_density(np.array(apart), freedom * number)
            choices.append((told, weight, freedom, covariances))
    _, weight, freedom, covariances = max(choices, key=lambda choice: choice[0])
    return MatrixTFit(
        whole.predictive(whole.covariance(weight), freedom * number),
        tuple(
            part.predictive(covariance, freedom * number)
            for part, covariance in zip(parts, covariances, strict=True)
        ),
        weight,
    )


def divided(number: int) -> list[np.ndarray]:
    """Divide runs into at most twenty folds, truth values of shape (runs,)."""
    place = np.arange(number) % min(FOLDS, number)
    return [place == each for each in range(place.max() + 1)]


@dataclasses.dataclass(frozen=True, eq=False)
class _Form:
    """U, V and N of a separable covariance with noise."""

    days: np.ndarray
    quantities: np.ndarray
    noise: np.ndarray

    @property
    def lasting(self) -> np.ndarray:
        return np.kron(self.days, self.quantities)

    @property
    def covariance(self) -> np.ndarray:
        return self.lasting + np.diag(np.tile(self.noise, len(self.days)))


@dataclasses.dataclass(frozen=True, eq=False)
class _Moments:
    """Mean, covariance as it was seen, separable form, and readings behind each cell."""

    mean: np.ndarray
    scatter: np.ndarray
    form: _Form
    counts: np.ndarray

    def covariance(self, weight: float) -> np.ndarray:
        """Add what lasts in a run, free around the separable form, and the noise of each assay."""
        form = self.form
        lasting, noise = form.lasting, np.tile(form.noise, len(form.days))
        for _ in range(LOOSE):
            moment, _ = _split(self.scatter, lasting, noise)
            lasting = (weight * form.lasting + moment) / (1.0 + weight)
        return lasting + np.diag(noise)

    def predictive(self, covariance: np.ndarray, freedom: float = 1.0) -> Predictive:
        unsure = np.sqrt(1.0 + 1.0 / (self.counts + 1.0))
        covariance = covariance * np.outer(unsure, unsure) + SMALLEST * np.eye(len(covariance))
        return Predictive(self.mean, covariance, freedom)


def _moments(runs: np.ndarray, prior: np.ndarray, form: _Form | None, rounds: int) -> _Moments:
    """Fit the separable form, gaps at their conditional moments under it."""
    number, length, width = runs.shape
    flat = runs.reshape(number, -1)
    seen = np.isfinite(flat)
    filled, unsure = np.where(seen, flat, 0.0), np.zeros((length * width,) * 2)
    patterns: dict[bytes, list[int]] = {}
    for place in np.flatnonzero(~seen.all(axis=1)):
        patterns.setdefault(seen[place].tobytes(), []).append(int(place))
    mean = np.zeros(length * width)
    if form is None:
        form = _Form(prior, 0.7 * np.eye(width), np.full(width, 0.3))
    for _ in range(rounds):
        before = form.covariance
        unsure[:] = 0.0
        for members in patterns.values():
            known = seen[members[0]]
            absent = ~known
            cross = before[np.ix_(absent, known)]
            slope = linalg.solve(before[np.ix_(known, known)], cross.T, assume_a="pos").T
            left = before[np.ix_(absent, absent)] - slope @ cross.T
            unsure[np.ix_(absent, absent)] += len(members) * left
            for row in members:
                filled[row, absent] = mean[absent] + slope @ (flat[row, known] - mean[known])
        mean = filled.sum(axis=0) / (number + 1.0)  # one run's worth of zero
        around = filled - mean
        scatter = (around.T @ around + unsure) / max(number - 1, 1)
        form = _separable(scatter, max(number - 1, 1), prior, form)
        if np.abs(form.covariance - before).max() < SETTLED:
            break
    return _Moments(mean, scatter, form, seen.sum(axis=0).astype(float))


def _log_density(apart: np.ndarray, freedom: float) -> float:
    """Sum log densities of runs under a multivariate t, from their distances."""
    size, distance, determinant = apart.T
    half = 0.5 * (freedom + size)
    return float(
        np.sum(
            gammaln(half)
            - gammaln(0.5 * freedom)
            - 0.5 * size * np.log(freedom * np.pi)
            - 0.5 * determinant
            - half * np.log1p(distance / freedom)
        )
    )


def _remembering(days: np.ndarray) -> np.ndarray:
    """Correlation of days that fades with the time between them."""
    apart = np.abs(days[:, None] - days) / (MEMORY * (np.ptp(days) or 1.0))
    return (1.0 - NUGGET) * np.exp(-apart) + NUGGET * np.eye(len(days))


def _separable(scatter: np.ndarray, number: int, prior: np.ndarray, form: _Form) -> _Form:
    """Fit U x V + N to the scatter of so many runs, from a start."""
    length, width = len(prior), len(form.noise)
    for _ in range(SPLITS):
        moment, noisy = _split(scatter, form.lasting, np.tile(form.noise, length))
        days, quantities = _alternating(moment, number, prior, form.days, width)
        own = np.maximum(noisy.reshape(length, width).mean(axis=0), SMALLEST)
        form = _Form(days, quantities, own)
    return form


def _split(
    scatter: np.ndarray, lasting: np.ndarray, noise: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Conditional second moments of the lasting part, and of noise by cell, given a scatter."""
    share = linalg.solve(lasting + np.diag(noise), lasting, assume_a="pos").T
    rest = np.eye(len(scatter)) - share
    # Joseph's form: symmetric and positive definite whatever the rounding
    moment = share @ (scatter + np.diag(noise)) @ share.T + rest @ lasting @ rest.T
    return _symmetric(moment), ((rest @ scatter) * rest).sum(axis=1) + noise * np.diag(share)


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    return 0.5 * (matrix + matrix.T)


def _alternating(
    moment: np.ndarray, number: int, prior: np.ndarray, days: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find posterior modes of U and V given the second moment of what lasts."""
    length = len(prior)
    blocks = moment.reshape(length, width, length, width)
    own_days, own_quantities = length + 1.0, width + 1.0
    quantities = np.eye(width)
    for _ in range(FLIPS):
        inner = np.tensordot(blocks, np.linalg.inv(days), axes=([0, 2], [0, 1]))
        quantities = _symmetric(own_quantities * np.eye(width) + number * inner) / (
            own_quantities + number * length
        )
        inner = np.tensordot(blocks, np.linalg.inv(quantities), axes=([1, 3], [0, 1]))
        days = _symmetric(own_days * prior + number * inner) / (own_days + number * width)
    return days, quantities
