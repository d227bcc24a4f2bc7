"""Laplace approximation, with importance resampling and its Pareto k as the check."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr
from arviz_stats.base import array_stats
from scipy.special import logsumexp

from bayesbio.errors import CalibrationError
from bayesbio.inference.mcmc.density import LogDensity
from bayesbio.inference.mcmc.mode import find_mode
from bayesbio.inference.mcmc.records import Mode
from bayesbio.inference.validation.psis import systematic_resample

RELIABLE = 0.7  # largest Pareto k at which importance weights correct an approximation
CANDIDATES = 4  # points drawn for each draw that is kept


@dataclasses.dataclass(frozen=True, eq=False)
class Approximation:
    """
    Draws that stand in for a posterior, and how well they do.

    Attributes
    ----------
    method : str
        "Laplace", "Pathfinder" or "sequential Monte Carlo".
    points : array, (chains, draws, size)
        Unconstrained coordinates; independent draws, chains only where populations are.
    pareto_k : float
        Of the importance weights of the approximation against the posterior; NaN where the method
        has none. Up to 0.7 the draws were resampled by these weights, above they are not to be
        trusted (Vehtari et al. 2024, JMLR 25:72). It cannot see a mode that no draw reached.
    log_evidence : float
        Log of the integral of the density [nat]; rough unless `pareto_k` is small.
    remarks : tuple of str
        What else a reader should know, in sentences.
    """

    method: str
    points: np.ndarray
    pareto_k: float
    log_evidence: float
    remarks: tuple[str, ...] = ()

    @property
    def reliable(self) -> bool:
        """Whether its own check says that it comes close to the posterior."""
        return not self.pareto_k > RELIABLE

    def sentence(self) -> str:
        """Say what it is, and how far it can be trusted."""
        said = f"{self.method} approximation, not a sampled posterior."
        if np.isfinite(self.pareto_k):
            said += f" Its importance weights have Pareto k {self.pareto_k:.2f}, " + (
                "so importance resampling corrects the approximation."
                if self.reliable
                else f"above {RELIABLE:g}: it misses part of the posterior."
            )
        elif np.isinf(self.pareto_k):
            said += " Its importance weights rest on a single draw: it misses the posterior."
        return " ".join([said, *self.remarks])

    def tree(self, density: LogDensity) -> xr.DataTree:
        """
        Every variable at the draws, as `sample` gives them; its attributes say what they are.

        Parameters
        ----------
        density : LogDensity
            What was approximated.

        Returns
        -------
        DataTree
            With the group posterior, without statistics of a sampler.
        """
        chains, draws = self.points.shape[:2]
        rows = [[density.values(point) for point in chain] for chain in self.points]
        dims = density.model.named_vars_to_dims
        variables = {
            name: (
                ("chain", "draw", *dims.get(name, _numbered(name, value))),
                np.array([[row[name] for row in chain] for chain in rows]),
            )
            for name, value in rows[0][0].items()
        }
        used = {dim for each, _ in variables.values() for dim in each}
        coords: dict[str, Any] = {"chain": np.arange(chains), "draw": np.arange(draws)}
        coords |= {
            dim: list(values)
            for dim, values in density.model.coords.items()
            if dim in used and values is not None
        }
        posterior = xr.Dataset(variables, coords)
        posterior.attrs |= {
            "approximation": self.method,
            "approximation_says": self.sentence(),
            "pareto_k": float(self.pareto_k),
            "log_evidence": float(self.log_evidence),
        }
        return xr.DataTree.from_dict({"posterior": posterior})


def laplace_approximation(
    model: pm.Model | LogDensity,
    *,
    draws: int = 1000,
    random_seed: int,
    start: Mode | None = None,
) -> Approximation:
    """
    Approximate a posterior by the normal distribution that fits its mode.

    Parameters
    ----------
    model : pm.Model or LogDensity
    draws : int
    random_seed : int
    start : Mode, optional
        The mode, where it is known; searched from several starts otherwise.

    Returns
    -------
    Approximation
        Draws in unconstrained coordinates, importance-resampled where the weights are reliable.

    Raises
    ------
    CalibrationError
        When the density is finite nowhere.

    Notes
    -----
    Tierney and Kadane (1986), doi:10.1080/01621459.1986.10478240. It knows one mode and its
    curvature: no skewness, no second mode. Weights smoothed as of Vehtari et al. (2024), JMLR
    25:72; their Pareto k is the check.

    Examples
    --------
    >>> with pm.Model() as model:
    ...     location = pm.Normal("location", 1.0, 2.0)
    >>> found = laplace_approximation(model, random_seed=1)
    >>> found.reliable, round(found.log_evidence, 2) == 0.0
    (True, True)
    """
    density = model if isinstance(model, LogDensity) else LogDensity(model)
    mode = find_mode(density, random_seed=random_seed) if start is None else start
    candidates = mode.draws(CANDIDATES * draws, random_seed=random_seed)
    width, directions = np.linalg.eigh(mode.covariance)
    standard = ((candidates - mode.point) @ directions) / np.sqrt(width)
    proposal = -0.5 * np.sum(standard**2 + np.log(2.0 * np.pi * width), axis=1)
    kept, shape, evidence = resampled(
        candidates, log_densities(density, candidates) - proposal, draws, random_seed=random_seed
    )
    remarks = () if mode.converged else ("The search for the mode did not end at a flat top.",)
    return Approximation("Laplace", kept[None], shape, evidence, remarks)


def log_densities(density: LogDensity, points: np.ndarray) -> np.ndarray:
    """
    Log density at many points; -inf where there is none.

    Examples
    --------
    >>> with pm.Model() as model:
    ...     location = pm.Normal("location", 0.0, 1.0)
    >>> log_densities(LogDensity(model), np.array([[0.0]])).round(3).tolist()
    [-0.919]
    """
    return np.array([density.value_and_gradient(point)[0] for point in points])


def resampled(
    points: np.ndarray, log_ratios: np.ndarray, number: int, *, random_seed: int
) -> tuple[np.ndarray, float, float]:
    """
    Resample by importance, with Pareto smoothed weights.

    Parameters
    ----------
    points : array, (candidates, size)
    log_ratios : array, (candidates,)
        Log density of the posterior minus that of the proposal.
    number : int
        Draws that are kept.
    random_seed : int

    Returns
    -------
    kept : array, (number, size)
        Resampled where the weights are reliable, else the first of the points with a density.
    pareto_k : float
    log_evidence : float

    Raises
    ------
    CalibrationError
        When no point has a density.

    Examples
    --------
    >>> points = np.linspace(-1.0, 1.0, 400)[:, None]
    >>> kept, shape, evidence = resampled(points, np.zeros(400), 100, random_seed=1)
    >>> kept.shape, shape <= 0.7, round(evidence, 6)
    ((100, 1), True, 0.0)
    """
    possible = np.isfinite(log_ratios)
    if not possible.any():
        raise CalibrationError(
            "No point of the approximation has a finite density. Narrow the priors, or use fit."
        )
    evidence = float(logsumexp(log_ratios[possible]) - np.log(len(log_ratios)))
    lowest = log_ratios[possible].min() - 50.0  # of points without a solution: no weight
    ratios = np.where(possible, log_ratios, lowest)
    if np.ptp(log_ratios[possible]) < 1e-9:
        logarithms, shape = np.zeros(len(ratios)), 0.0
    else:
        logarithms, found = array_stats.psislw(-ratios)  # takes the negative of log ratios
        shape = float(found) if np.isfinite(found) else np.inf
    rng = np.random.default_rng(random_seed)
    if shape > RELIABLE:
        sound = points[possible]
        return sound[np.arange(number) % len(sound)], shape, evidence
    weights = np.where(possible, np.exp(logarithms - np.max(logarithms)), 0.0)
    return points[systematic_resample(weights, number, rng=rng)], shape, evidence


def _numbered(name: str, value: Any) -> tuple[str, ...]:
    return tuple(f"{name}_dim_{axis}" for axis in range(np.ndim(value)))
