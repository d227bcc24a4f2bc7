"""One Gaussian process: draws of its hyperparameters, and the function given them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import xarray as xr
from scipy import linalg, optimize

from bayesbio.errors import CalibrationError, ModelError
from bayesbio.inference.mcmc.density import FunctionDensity
from bayesbio.inference.mcmc.nutpie_backend import NoUTurn
from bayesbio.inference.mcmc.sampling import sample
from bayesbio.surrogate.gaussian_process.covariance import JITTER, Covariance, Evidence, Linear

STARTS = 6  # points from which a mode is searched
APART = 0.05  # modes closer than this, in prior standard deviations, are one
# Prior medians and standard deviations on the log scale, of standardised outcomes and inputs that
# span one unit. Chosen on analytic test functions; see analyses/multi_fidelity.py.
AMPLITUDE = (0.0, 2.5)
AMPLITUDE_ABOVE = (-2.0, 2.0)  # of what is particular to a fidelity: it resembles the one below
ROUGHNESS = (-2.5, 1.0)
LENGTH_SCALE = (0.5, 1.2)  # grows with the root of the number of inputs
LENGTH_SCALE_BELOW = (1.2, 0.8)  # along the fidelity below, which has deviation one: nearly a line
SLOPES = (float(np.log(0.1)), 1.5)
NOISE = (float(np.log(0.1)), 1.0)
NOISE_SLOPE = (0.0, 1.0)


@dataclasses.dataclass(frozen=True)
class Latent:
    """
    Values of one column that are known only as a normal distribution.

    Parameters
    ----------
    column : int
        Column of the inputs.
    rows : int array of shape (unknown,)
        Rows in which it is unknown.
    mean : array of shape (unknown,)
    root : array of shape (unknown, unknown)
        Lower triangle; the covariance is root root^T.
    """

    column: int
    rows: np.ndarray
    mean: np.ndarray
    root: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class ProcessDraws:
    """
    A Gaussian process with posterior draws of everything it is uncertain about.

    All numbers are standardised. Draws run over chains first.

    Parameters
    ----------
    covariance : Covariance
    rows : array of shape (n, columns)
        Inputs of the readings.
    values : array of shape (n,)
        Readings.
    known_noise : array of shape (n,)
        Known variance of each reading.
    noise_design : array of shape (n, k)
        The estimated part of the noise has log standard deviation noise_design @ eta.
    parameters : array of shape (draws, parameters)
        Of the covariance, on the log scale.
    eta : array of shape (draws, k)
    latent : array of shape (draws, unknown)
        Unknown values of the column of the fidelity below.
    chains : int
    diverging, energy : array of shape (draws,)
    log_peak : float
        Largest log posterior density found.
    latent_rows : int array of shape (unknown,)
    latent_column : int
    """

    covariance: Covariance
    rows: np.ndarray
    values: np.ndarray
    known_noise: np.ndarray
    noise_design: np.ndarray
    parameters: np.ndarray
    eta: np.ndarray
    latent: np.ndarray
    chains: int
    diverging: np.ndarray
    energy: np.ndarray
    log_peak: float
    latent_rows: np.ndarray
    latent_column: int

    @property
    def draws(self) -> int:
        """Number of draws in all chains."""
        return len(self.parameters)

    def rows_of(self, draw: int) -> np.ndarray:
        """Give inputs of the readings in one draw."""
        if not len(self.latent_rows):
            return self.rows
        rows = self.rows.copy()
        rows[self.latent_rows, self.latent_column] = self.latent[draw]
        return rows

    def noise_of(self, draw: int) -> np.ndarray:
        """Variance of the noise of every reading in one draw."""
        if not self.eta.shape[1]:
            return self.known_noise
        return self.known_noise + np.exp(2.0 * self.noise_design @ self.eta[draw])

    def new_noise(self, draw: int, rows: np.ndarray) -> np.ndarray:
        """
        Give the deviation of the noise of new readings at rows, in one draw.

        Raises
        ------
        ModelError
            If the noise is known reading by reading.
        """
        parts = self.eta.shape[1]
        if parts:
            design = np.column_stack([np.ones(len(rows)), 2.0 * rows[:, : parts - 1]])
            return np.exp(design @ self.eta[draw])
        if not np.allclose(self.known_noise, self.known_noise[0]):
            raise ModelError(
                "The noise is known reading by reading, so that of a new reading is not. Predict "
                "the function (noise=False), or fit with noise='varying'."
            )
        return np.full(len(rows), np.sqrt(self.known_noise[0]))

    def condition(
        self,
        draw: int,
        points: np.ndarray,
        *,
        joint: bool = False,
        known_rows: np.ndarray | None = None,
        known_values: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """
        Give the function at points, one draw of the hyperparameters given.

        Parameters
        ----------
        draw : int
        points : array of shape (points, columns)
        joint : bool
            Give the covariance between points, else their variances.
        known_rows, known_values : array, optional
            Where the function itself is known besides.

        Returns
        -------
        mean : array of shape (points,)
        variance : array of shape (points,) or (points, points)
        """
        rows, values, noise = self.rows_of(draw), self.values, self.noise_of(draw)
        if known_rows is not None and known_values is not None and len(known_rows):
            rows = np.vstack([rows, known_rows])
            values = np.concatenate([values, known_values])
            noise = np.concatenate([noise, np.zeros(len(known_rows))])
        own = self.parameters[draw]
        total = self.covariance.between(own, rows, rows)
        total[np.diag_indices(len(rows))] += noise + JITTER
        root = _safe_root(total)
        cross = self.covariance.between(own, rows, points)
        reach = linalg.solve_triangular(root, cross, lower=True)
        mean = reach.T @ linalg.solve_triangular(root, values, lower=True)
        if joint:
            return mean, self.covariance.between(own, points, points) - reach.T @ reach
        spread = self.covariance.variances(own, points) - np.sum(reach**2, axis=0)
        return mean, np.maximum(spread, 0.0)

    def left_out(self, draw: int) -> tuple[np.ndarray, np.ndarray]:
        """
        Mean and deviation of every reading from all others, hyperparameters kept.

        Dubrule (1983), doi:10.1007/BF01033232
        """
        rows = self.rows_of(draw)
        total = self.covariance.between(self.parameters[draw], rows, rows)
        total[np.diag_indices(len(rows))] += self.noise_of(draw) + JITTER
        precision = linalg.cho_solve((_safe_root(total), True), np.eye(len(rows)))
        own = np.diag(precision)
        return self.values - precision @ self.values / own, 1.0 / np.sqrt(own)

    def slope_along(self, column: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation, draw by draw, of the slope along a column of known prior variance."""
        variance = self.covariance.trend[1 + column]
        mean, deviation = np.empty(self.draws), np.empty(self.draws)
        for draw in range(self.draws):
            rows = self.rows_of(draw)
            total = self.covariance.between(self.parameters[draw], rows, rows)
            total[np.diag_indices(len(rows))] += self.noise_of(draw) + JITTER
            root = (_safe_root(total), True)
            along = rows[:, column]
            mean[draw] = variance * along @ linalg.cho_solve(root, self.values)
            spread = variance - variance**2 * along @ linalg.cho_solve(root, along)
            deviation[draw] = np.sqrt(max(spread, 0.0))
        return mean, deviation

    def to_dataset(self) -> xr.Dataset:
        """Hold all arrays that `from_dataset` needs, for an archive."""
        return xr.Dataset(
            {
                "trend": ("trend_column", self.covariance.trend),
                "rows": (("row", "column"), self.rows),
                "values": ("row", self.values),
                "known_noise": ("row", self.known_noise),
                "noise_design": (("row", "noise_part"), self.noise_design),
                "parameters": (("sample", "parameter"), self.parameters),
                "eta": (("sample", "noise_part"), self.eta),
                "latent": (("sample", "unknown"), self.latent),
                "diverging": ("sample", self.diverging),
                "energy": ("sample", self.energy),
                "latent_rows": ("unknown", self.latent_rows),
                "chains": ((), self.chains),
                "log_peak": ((), self.log_peak),
                "latent_column": ((), self.latent_column),
            }
        )

    @classmethod
    def from_dataset(cls, stored: xr.Dataset, covariance: Covariance) -> ProcessDraws:
        """Rebuild what `to_dataset` held."""
        arrays: dict[str, Any] = {str(name): stored[name].to_numpy() for name in stored.data_vars}
        chains, latent_column = int(arrays.pop("chains")), int(arrays.pop("latent_column"))
        return cls(
            covariance=dataclasses.replace(covariance, trend=arrays.pop("trend")),
            log_peak=float(arrays.pop("log_peak")),
            chains=chains,
            latent_column=latent_column,
            **arrays,
        )


def _safe_root(total: np.ndarray) -> np.ndarray:
    """Lower Cholesky factor; a nearly singular matrix gets the least addition that helps."""
    scale = float(np.mean(np.diag(total)))
    for extra in (0.0, 1e-12, 1e-10, 1e-8):
        try:
            return linalg.cholesky(total + extra * scale * np.eye(len(total)), lower=True)
        except linalg.LinAlgError:
            continue
    raise CalibrationError(
        "The readings are so close to each other, for the length scales found, that their "
        "covariance cannot be inverted. Leave out near duplicates, or let noise be estimated."
    )


def prior_of(
    covariance: Covariance, *, inputs: int, noise_parts: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """
    Prior means and standard deviations of all log parameters.

    Parameters
    ----------
    covariance : Covariance
    inputs : int
        Number of inputs; a further column is the fidelity below.
    noise_parts : int
        Parameters of the noise.

    Returns
    -------
    centre, spread : array of shape (parameters + noise_parts,)
    """
    pairs: list[tuple[float, float]] = []
    for term in covariance.terms:
        if isinstance(term, Linear):
            pairs.append(SLOPES)
            continue
        pairs.append(AMPLITUDE_ABOVE if term.name == "difference" else AMPLITUDE)
        pairs += [ROUGHNESS] * len(term.extra)
        for column in term.columns:
            centre, spread = LENGTH_SCALE if column < inputs else LENGTH_SCALE_BELOW
            pairs.append((centre + (0.5 * np.log(inputs) if column < inputs else 0.0), spread))
    pairs += [NOISE if part == 0 else NOISE_SLOPE for part in range(noise_parts)]
    found = np.array(pairs)
    return found[:, 0], found[:, 1]


class _Target:
    """Log posterior of hyperparameters, noise and unknown values, with its gradient."""

    def __init__(
        self,
        covariance: Covariance,
        rows: np.ndarray,
        values: np.ndarray,
        known_noise: np.ndarray,
        noise_design: np.ndarray,
        inputs: int,
        latent: Latent | None,
    ) -> None:
        self.parts = noise_design.shape[1]
        self.centre, self.spread = prior_of(covariance, inputs=inputs, noise_parts=self.parts)
        self.size, self.latent = covariance.size, latent
        self.known_noise, self.design = known_noise, noise_design
        self.unknown = 0 if latent is None else len(latent.rows)
        if latent is not None:
            self.column = rows[:, latent.column].copy()
        self.evidence = Evidence(
            covariance, rows, values, moving=None if latent is None else latent.column
        )

    @property
    def dimension(self) -> int:
        return len(self.centre) + self.unknown

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        own, white = point[: len(self.centre)], point[len(self.centre) :]
        away = (own - self.centre) / self.spread
        if np.max(np.abs(away)) > 12.0:
            return -np.inf, np.zeros_like(point)
        noise = self.known_noise
        estimated = np.zeros_like(noise)
        if self.parts:
            estimated = np.exp(2.0 * np.minimum(self.design @ own[self.size :], 30.0))
            noise = noise + estimated
        if self.latent is not None:
            column = self.column.copy()
            column[self.latent.rows] = self.latent.mean + self.latent.root @ white
            self.evidence.move(column)
        found = self.evidence(own[: self.size], noise)
        if found is None:
            return -np.inf, np.zeros_like(point)
        value, slope, by_noise, by_column = found
        gradient = np.empty_like(point)
        gradient[: self.size] = slope
        gradient[self.size : len(self.centre)] = self.design.T @ (2.0 * estimated * by_noise)
        gradient[: len(self.centre)] -= away / self.spread
        value -= 0.5 * float(away @ away)
        if self.latent is not None:
            gradient[len(self.centre) :] = self.latent.root.T @ by_column[self.latent.rows] - white
            value -= 0.5 * float(white @ white)
        return value, gradient


def find_modes(
    target: _Target, *, random_seed: int, starts: int = STARTS
) -> list[tuple[float, np.ndarray]]:
    """Search modes from the prior median and from draws around it; the most plausible first."""
    rng = np.random.default_rng(random_seed)
    size = len(target.centre)

    def downhill(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = target(point)
        return (-value, -gradient) if np.isfinite(value) else (1e10, np.zeros_like(point))

    modes = []
    for start in range(starts):
        point = np.zeros(target.dimension)
        point[:size] = target.centre
        if start:
            point[:size] += 0.7 * target.spread * rng.standard_normal(size)
        found = optimize.minimize(
            downhill, point, jac=True, method="L-BFGS-B", options={"maxiter": 300}
        )
        modes.append((-float(found.fun), found.x))
    return sorted(modes, key=lambda mode: -mode[0])


def starting_modes(
    target: _Target, modes: list[tuple[float, np.ndarray]], chains: int
) -> list[np.ndarray]:
    """Give each chain a mode, so that modes have chains in proportion to their evidence."""
    width = np.ones(target.dimension)
    width[: len(target.centre)] = target.spread
    distinct: list[np.ndarray] = []
    evidence = []
    for value, point in modes:
        if any(np.max(np.abs(point - other) / width) < APART for other in distinct):
            continue
        curvature = np.empty((target.dimension, target.dimension))
        for place in range(target.dimension):
            step = np.zeros(target.dimension)
            step[place] = 1e-3 * width[place]
            curvature[place] = (target(point - step)[1] - target(point + step)[1]) / 2e-3
        curvature *= width
        if not np.isfinite(curvature).all():
            continue
        # No direction is wider than its prior: a flat mode is not let grow without bound.
        eigenvalues = np.maximum(np.linalg.eigvalsh((curvature + curvature.T) / 2.0), 1.0)
        distinct.append(point)
        evidence.append(value - 0.5 * np.log(eigenvalues).sum())
    if not distinct:
        return [modes[0][1]] * chains
    order = np.argsort(evidence)[::-1]
    shares = np.exp(np.array(evidence)[order] - max(evidence))
    places = np.searchsorted(np.cumsum(shares), (np.arange(chains) + 0.5) / chains * shares.sum())
    return [distinct[order[place]] for place in places]


def log_peak(
    covariance: Covariance,
    rows: np.ndarray,
    values: np.ndarray,
    known_noise: np.ndarray,
    noise_design: np.ndarray,
    *,
    inputs: int,
    random_seed: int,
) -> float:
    """Largest log posterior density of the hyperparameters, to compare scales of the outcome."""
    target = _Target(covariance, rows, values, known_noise, noise_design, inputs, None)
    return find_modes(target, random_seed=random_seed, starts=3)[0][0]


def sample_process(
    covariance: Covariance,
    rows: np.ndarray,
    values: np.ndarray,
    *,
    known_noise: np.ndarray,
    noise_design: np.ndarray,
    inputs: int,
    latent: Latent | None = None,
    draws: int,
    tune: int,
    chains: int,
    random_seed: int,
) -> ProcessDraws:
    """
    Draw everything a Gaussian process is uncertain about from its posterior.

    Chains start from modes in proportion to their share of the posterior (by Laplace's
    approximation): a chain seldom crosses from one to another. The function itself is integrated
    out exactly, so only hyperparameters (and unknown values of the column of the fidelity below)
    are sampled.

    Parameters
    ----------
    covariance : Covariance
    rows, values, known_noise, noise_design : array
        As in `ProcessDraws`.
    inputs : int
        Number of inputs.
    latent : Latent, optional
        Values of the last column that are not known exactly.
    draws, tune, chains, random_seed : int
        As in `bayesbio.inference.sample`.

    Returns
    -------
    ProcessDraws
    """
    target = _Target(covariance, rows, values, known_noise, noise_design, inputs, latent)
    modes = find_modes(target, random_seed=random_seed)
    good = starting_modes(target, modes, chains)
    rng = np.random.default_rng((random_seed, 1))
    start = np.array([point + 0.1 * rng.standard_normal(target.dimension) for point in good])
    for chain in range(chains):
        if not np.isfinite(target(start[chain])[0]):
            start[chain] = modes[0][1] + 1e-3 * rng.standard_normal(target.dimension)
    tree = sample(
        FunctionDensity(target, target.dimension),
        draws=draws,
        tune=tune,
        chains=chains,
        cores=1,  # Python computes the density: two chains at a time would wait for each other
        random_seed=random_seed,
        start=start,
        sampler=NoUTurn(on_divergence=(0.99,)),
    )
    points = tree["posterior/point"].to_numpy().reshape(chains * draws, -1)
    size, hyper = covariance.size, len(target.centre)
    unknown = np.empty((len(points), 0))
    latent_rows = np.empty(0, int)
    if latent is not None:
        unknown = latent.mean + points[:, hyper:] @ latent.root.T
        latent_rows = latent.rows
    return ProcessDraws(
        covariance=covariance,
        rows=rows,
        values=values,
        known_noise=known_noise,
        noise_design=noise_design,
        parameters=points[:, :size],
        eta=points[:, size:hyper],
        latent=unknown,
        chains=chains,
        diverging=tree["sample_stats/diverging"].to_numpy().ravel(),
        energy=tree["sample_stats/energy"].to_numpy().ravel(),
        log_peak=modes[0][0],
        latent_rows=latent_rows,
        latent_column=-1 if latent is None else latent.column,
    )
