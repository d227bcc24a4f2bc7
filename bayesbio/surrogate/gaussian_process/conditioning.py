"""Conditional (kriging) mean and covariance of a Gaussian process, given its hyperparameters."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import linalg

from bayesbio.errors import CalibrationError, ModelError
from bayesbio.surrogate.gaussian_process.kernels import JITTER, Covariance


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
class GaussianProcessDraws:
    """
    Posterior draws of a Gaussian process: hyperparameters, and inputs that are not known exactly.

    Inputs and outcomes are standardised; draws stand chain after chain.

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
        """Give the inputs of the readings in one draw."""
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
        Compute the standard deviation of the noise of new readings at rows, in one draw.

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

    def _root(self, draw: int, rows: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Lower Cholesky factor of the covariance of readings at rows."""
        total = self.covariance.between(self.parameters[draw], rows, rows)
        total[np.diag_indices(len(rows))] += noise + JITTER
        return _safe_root(total)

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
        Conditional mean and variance of the function at points, given one draw.

        Parameters
        ----------
        draw : int
        points : array of shape (points, columns)
        joint : bool
            Covariance between points, else their variances.
        known_rows, known_values : array, optional
            Further points where the function itself is known.

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
        parameters = self.parameters[draw]
        root = self._root(draw, rows, noise)
        cross = self.covariance.between(parameters, rows, points)
        reach = linalg.solve_triangular(root, cross, lower=True)
        mean = reach.T @ linalg.solve_triangular(root, values, lower=True)
        if joint:
            return mean, self.covariance.between(parameters, points, points) - reach.T @ reach
        spread = self.covariance.variances(parameters, points) - np.sum(reach**2, axis=0)
        return mean, np.maximum(spread, 0.0)

    def left_out(self, draw: int) -> tuple[np.ndarray, np.ndarray]:
        """
        Leave-one-out mean and deviation of every reading, hyperparameters fixed.

        Dubrule (1983), doi:10.1007/BF01033232
        """
        root = self._root(draw, self.rows_of(draw), self.noise_of(draw))
        precision = linalg.cho_solve((root, True), np.eye(len(root)))
        diagonal = np.diag(precision)
        return self.values - precision @ self.values / diagonal, 1.0 / np.sqrt(diagonal)

    def slope_along(self, column: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation, draw by draw, of the slope along a column of known prior variance."""
        variance = self.covariance.trend[1 + column]
        mean, deviation = np.empty(self.draws), np.empty(self.draws)
        for draw in range(self.draws):
            rows = self.rows_of(draw)
            root = (self._root(draw, rows, self.noise_of(draw)), True)
            along = rows[:, column]
            mean[draw] = variance * along @ linalg.cho_solve(root, self.values)
            spread = variance - variance**2 * along @ linalg.cho_solve(root, along)
            deviation[draw] = np.sqrt(max(spread, 0.0))
        return mean, deviation


def thinned(draws: GaussianProcessDraws, most: int) -> np.ndarray:
    """Give indices of evenly spaced draws, shape (chains, draws), at most `most` in all."""
    each = draws.draws // draws.chains
    spaced = np.linspace(0, each - 1, min(each, max(most // draws.chains, 1))).astype(int)
    return np.arange(draws.chains)[:, None] * each + spaced


def draw_function(
    gaussian_process: GaussianProcessDraws,
    draw: int,
    rows: np.ndarray,
    *,
    joint: bool,
    rng: np.random.Generator,
    known_rows: np.ndarray | None = None,
    known_values: np.ndarray | None = None,
) -> np.ndarray:
    """Draw the standardised function at rows from its conditional, given one draw."""
    mean, spread = gaussian_process.condition(
        draw, rows, joint=joint, known_rows=known_rows, known_values=known_values
    )
    normal = rng.standard_normal(len(rows))
    if not joint:
        return mean + np.sqrt(spread) * normal
    values, vectors = np.linalg.eigh(0.5 * (spread + spread.T))
    return mean + vectors @ (np.sqrt(np.maximum(values, 0.0)) * normal)


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
