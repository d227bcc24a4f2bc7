"""Posterior draws of a scale model: mode search, the no-U-turn sampler, bridge sampling."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import log_expit, logsumexp

from bayesbio.errors import CalibrationError
from bayesbio.inference import LogDensity, Mode, Progress, find_mode, sample
from bayesbio.scaleup.curves.compiled_density import compiled_density
from bayesbio.scaleup.curves.model_data import ModelData
from bayesbio.scaleup.curves.problem import ScaleProblem

STARTS = 200  # random starts of which the density is computed
ASCENTS = 4  # how many of them, the highest, are climbed from
WIDE_NOISE = 4.0  # prior sd above the median at which ascents begin: they then see the whole curve


@dataclasses.dataclass(frozen=True)
class SamplerOptions:
    """
    How many draws, and from where; each as for `bayesbio.inference.sample`.

    Parameters
    ----------
    random_seed, draws, tune, chains : int
    cores : int, optional
    progress : callable or bool, optional
    """

    random_seed: int
    draws: int = 1000
    tune: int = 500
    chains: int = 4
    cores: int | None = None
    progress: Callable[[Progress], None] | bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give what decides the draws, as plain values."""
        return {name: getattr(self, name) for name in ("random_seed", "draws", "tune", "chains")}


def sample_scales(
    problem: ScaleProblem, given: ModelData, options: SamplerOptions
) -> tuple[xr.DataTree, float]:
    """
    Find the posterior mode, sample from there, and compute the marginal likelihood.

    Parameters
    ----------
    problem : ScaleProblem
    given : ModelData
    options : SamplerOptions

    Returns
    -------
    tree : DataTree
        As from `bayesbio.inference.sample`.
    log_evidence : float
        Log marginal likelihood under equal law weights.

    Raises
    ------
    CalibrationError
        If the curves cannot be computed at any start.
    """
    with compiled_density(problem, given) as density:
        tree = sample(
            density,
            start=highest_mode(density, problem, random_seed=options.random_seed),
            **vars(options),
        )
        u = tree["posterior"]["coordinates"].to_numpy().reshape(-1, density.size)
        evidence = log_marginal_likelihood(density, u, random_seed=options.random_seed)
    return tree, evidence + float(np.log(given.data["width"]).sum())


def highest_mode(density: LogDensity, problem: ScaleProblem, *, random_seed: int) -> Mode:
    """
    Climb from the best of many starts, and take the highest mode.

    Parameters
    ----------
    density : LogDensity
    problem : ScaleProblem
    random_seed : int

    Returns
    -------
    Mode

    Raises
    ------
    CalibrationError
        If no start has a finite density.
    """
    rng = np.random.default_rng(random_seed)
    runs, parameters = len(problem.log10_volume), len(problem.names)
    starts = np.zeros((STARTS, density.size))
    # Curves that are alike at all scales, and differ from start to start.
    alike = rng.standard_normal((STARTS - 1, 1, parameters))
    starts[1:, : runs * parameters] = np.repeat(alike, runs, axis=1).reshape(STARTS - 1, -1)
    starts[:, runs * parameters :] = WIDE_NOISE
    heights = np.array([density.value_and_gradient(start)[0] for start in starts])
    if not np.isfinite(heights).any():
        raise CalibrationError(
            f"{type(problem.curve).__name__} cannot be computed at any of {STARTS} draws from the "
            "priors. Narrow the priors that reach where it fails, with priors={...}."
        )
    modes = [
        find_mode(density, near=starts[place], random_seed=random_seed)
        for place in np.argsort(-heights)[:ASCENTS]
        if np.isfinite(heights[place])
    ]
    return max(modes, key=lambda mode: mode.log_density)


def log_marginal_likelihood(density: LogDensity, draws: np.ndarray, *, random_seed: int) -> float:
    """
    Log marginal likelihood by bridge sampling from a fitted normal distribution.

    Parameters
    ----------
    density : LogDensity
    draws : array, (draws, size)
        From the posterior, in unconstrained coordinates.
    random_seed : int

    Returns
    -------
    float

    Notes
    -----
    Meng and Wong (1996), Statistica Sinica 6, 831-860; Gronau et al. (2017),
    doi:10.1016/j.jmp.2017.09.005. The first half of the draws fits the normal, the second is used.
    """
    rng = np.random.default_rng(random_seed)
    order = rng.permutation(len(draws))
    fitting, used = draws[order[: len(draws) // 2]], draws[order[len(draws) // 2 :]]
    used = used[:1000]
    mean, covariance = fitting.mean(axis=0), np.cov(fitting.T) + 1e-9 * np.eye(draws.shape[1])
    factor = np.linalg.cholesky(covariance)
    proposed = mean + rng.standard_normal((len(used), draws.shape[1])) @ factor.T

    def ratio(points: np.ndarray) -> np.ndarray:
        """Log density over log of the normal's density."""
        white = np.linalg.solve(factor, (points - mean).T)
        normal = -0.5 * (white**2).sum(axis=0) - np.log(np.diag(factor)).sum()
        normal -= 0.5 * points.shape[1] * np.log(2.0 * np.pi)
        return np.array([density.value_and_gradient(point)[0] for point in points]) - normal

    from_posterior, from_normal = ratio(used), ratio(proposed)
    evidence = float(np.median(from_posterior))
    for _ in range(100):
        step = logsumexp(log_expit(from_normal - evidence))
        step -= logsumexp(log_expit(evidence - from_posterior))
        evidence += float(step)
        if abs(step) < 1e-8:
            break
    return evidence
