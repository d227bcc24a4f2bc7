"""Hyperparameters of Gaussian processes: priors, posterior modes, draws by no-U-turn sampling."""

from __future__ import annotations

import numpy as np
from scipy import optimize

from bayesbio.inference.mcmc.density import FunctionDensity
from bayesbio.inference.mcmc.nutpie_backend import NoUTurn
from bayesbio.inference.mcmc.sampling import sample
from bayesbio.surrogate.gaussian_process.conditioning import GaussianProcessDraws, Latent
from bayesbio.surrogate.gaussian_process.kernels import Covariance, Linear, MarginalLikelihood

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
    centre, spread = np.array(pairs).T
    return centre, spread


class HyperparameterPosterior:
    """Log posterior of hyperparameters, noise and unknown values, with its gradient."""

    def __init__(
        self,
        covariance: Covariance,
        rows: np.ndarray,
        values: np.ndarray,
        known_noise: np.ndarray,
        noise_design: np.ndarray,
        inputs: int,
        latent: Latent | None = None,
    ) -> None:
        self.covariance, self.rows, self.values = covariance, rows, values
        self.parts = noise_design.shape[1]
        self.centre, self.spread = prior_of(covariance, inputs=inputs, noise_parts=self.parts)
        self.size, self.latent = covariance.size, latent
        self.known_noise, self.design = known_noise, noise_design
        self.unknown = 0 if latent is None else len(latent.rows)
        if latent is not None:
            self.column = rows[:, latent.column].copy()
        self.likelihood = MarginalLikelihood(
            covariance, rows, values, moving=None if latent is None else latent.column
        )

    @property
    def dimension(self) -> int:
        """Number of unknowns."""
        return len(self.centre) + self.unknown

    def __call__(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate log density and gradient; -inf where the covariance is not positive definite."""
        theta, white = point[: len(self.centre)], point[len(self.centre) :]
        away = (theta - self.centre) / self.spread
        if np.max(np.abs(away)) > 12.0:
            return -np.inf, np.zeros_like(point)
        noise = self.known_noise
        estimated = np.zeros_like(noise)
        if self.parts:
            estimated = np.exp(2.0 * np.minimum(self.design @ theta[self.size :], 30.0))
            noise = noise + estimated
        if self.latent is not None:
            column = self.column.copy()
            column[self.latent.rows] = self.latent.mean + self.latent.root @ white
            self.likelihood.move(column)
        evaluated = self.likelihood(theta[: self.size], noise)
        if evaluated is None:
            return -np.inf, np.zeros_like(point)
        value, slope, by_noise, by_column = evaluated
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
    target: HyperparameterPosterior, *, random_seed: int, starts: int = STARTS
) -> list[tuple[float, np.ndarray]]:
    """Posterior modes, searched from the prior median and from draws around it, highest first."""
    rng = np.random.default_rng(random_seed)
    size = len(target.centre)

    def negative(point: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = target(point)
        return (-value, -gradient) if np.isfinite(value) else (1e10, np.zeros_like(point))

    modes = []
    for start in range(starts):
        point = np.zeros(target.dimension)
        point[:size] = target.centre
        if start:
            point[:size] += 0.7 * target.spread * rng.standard_normal(size)
        optimum = optimize.minimize(
            negative, point, jac=True, method="L-BFGS-B", options={"maxiter": 300}
        )
        modes.append((-float(optimum.fun), optimum.x))
    return sorted(modes, key=lambda mode: -mode[0])


def starting_modes(
    target: HyperparameterPosterior, modes: list[tuple[float, np.ndarray]], chains: int
) -> list[np.ndarray]:
    """Choose the starting point of each chain: modes in proportion to their Laplace evidence."""
    width = np.ones(target.dimension)
    width[: len(target.centre)] = target.spread
    distinct: list[np.ndarray] = []
    evidences = []
    for value, point in modes:
        if any(np.max(np.abs(point - other) / width) < APART for other in distinct):
            continue
        curvature = np.empty((target.dimension, target.dimension))
        for i in range(target.dimension):
            step = np.zeros(target.dimension)
            step[i] = 1e-3 * width[i]
            curvature[i] = (target(point - step)[1] - target(point + step)[1]) / 2e-3
        curvature *= width
        if not np.isfinite(curvature).all():
            continue
        # No direction is wider than its prior: a flat mode is not let grow without bound.
        eigenvalues = np.maximum(np.linalg.eigvalsh((curvature + curvature.T) / 2.0), 1.0)
        distinct.append(point)
        evidences.append(value - 0.5 * np.log(eigenvalues).sum())
    if not distinct:
        return [modes[0][1]] * chains
    order = np.argsort(evidences)[::-1]
    shares = np.exp(np.array(evidences)[order] - max(evidences))
    ranks = np.searchsorted(np.cumsum(shares), (np.arange(chains) + 0.5) / chains * shares.sum())
    return [distinct[order[rank]] for rank in ranks]


def sample_hyperparameters(
    target: HyperparameterPosterior, *, draws: int, tune: int, chains: int, random_seed: int
) -> GaussianProcessDraws:
    """
    Posterior draws of hyperparameters and latent inputs by the no-U-turn sampler.

    Chains start from modes in proportion to their share of the posterior (by Laplace's
    approximation): a chain seldom crosses from one to another. The function itself is integrated
    out exactly, so only hyperparameters (and unknown values of the column of the fidelity below)
    are sampled.
    """
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
    size, hyper, latent = target.size, len(target.centre), target.latent
    unknown = np.empty((len(points), 0))
    latent_rows = np.empty(0, int)
    if latent is not None:
        unknown = latent.mean + points[:, hyper:] @ latent.root.T
        latent_rows = latent.rows
    return GaussianProcessDraws(
        covariance=target.covariance,
        rows=target.rows,
        values=target.values,
        known_noise=target.known_noise,
        noise_design=target.design,
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
