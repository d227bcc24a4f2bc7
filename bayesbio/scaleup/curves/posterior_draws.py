"""Draws of a scale model: the mode, the posterior's shape there, chains, and the evidence."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.optimize import minimize

from bayesbio.errors import CalibrationError
from bayesbio.inference import LogDensity, sample
from bayesbio.scaleup.curves.formulation import Assembled, density_of
from bayesbio.scaleup.curves.problem import ScaleProblem

TRIES = 200  # random starts that are looked at, and how many of them are climbed from
CLIMBS = 4
STEP = 1e-3


def sample_scales(
    problem: ScaleProblem,
    assembled: Assembled,
    *,
    draws: int,
    tune: int,
    chains: int,
    random_seed: int,
    cores: int | None = None,
) -> xr.DataTree:
    """
    Find the mode, standardise by it, and sample.

    Parameters
    ----------
    problem : ScaleProblem
    assembled : Assembled
    draws, tune, chains, random_seed, cores
        As for `bayesbio.inference.sample`.

    Returns
    -------
    DataTree
        As from `bayesbio.inference.sample`, and in ``posterior`` also coordinates. Attribute
        ``log_evidence`` of the posterior: log marginal likelihood under equal law weights.

    Raises
    ------
    CalibrationError
        If the curves cannot be computed at any start.
    """
    density = density_of(problem, assembled)
    middle, root, height = settle(density, assembled, problem, random_seed)
    density.set_data({"middle": middle, "root": root})
    rng = np.random.default_rng(random_seed)
    points = np.empty((chains, density.size))
    for chain in range(chains):
        direction = rng.standard_normal(density.size)
        for shrink in 0.5 ** np.arange(12.0):
            points[chain] = shrink * direction
            if density.value_and_gradient(points[chain])[0] > height - 3.0 * density.size:
                break
        else:
            points[chain] = 0.0
    tree = sample(
        density,
        draws=draws,
        tune=tune,
        chains=chains,
        random_seed=random_seed,
        start=points,
        cores=cores,
    )
    u = tree["posterior"]["coordinates"].to_numpy().reshape(-1, density.size)
    _, scale = np.linalg.slogdet(root)
    evidence = bridge(density, u, random_seed=random_seed) + scale
    tree["posterior"].attrs["log_evidence"] = float(evidence)
    return tree


def settle(
    density: LogDensity, assembled: Assembled, problem: ScaleProblem, random_seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """
    Climb to the mode, and take the posterior's shape there.

    Parameters
    ----------
    density : LogDensity
        With the data of `assembled`, before standardising.
    assembled : Assembled
    problem : ScaleProblem
    random_seed : int

    Returns
    -------
    middle (size,), root (size, size)
        Of the coordinates that make the posterior nearly standard normal.
    height : float
        Log density at the mode.

    Raises
    ------
    CalibrationError
        If no start has a finite density.
    """
    middle, root = assembled.data["middle"], assembled.data["root"]
    rng = np.random.default_rng(random_seed)
    runs, unknowns = len(problem.decades), len(problem.names)
    starts = np.zeros((TRIES, density.size))
    # Curves that are alike at all scales, and differ from try to try.
    shared = rng.standard_normal((TRIES - 1, 1, unknowns))
    starts[1:, : runs * unknowns] = np.broadcast_to(shared, (TRIES - 1, runs, unknowns)).reshape(
        TRIES - 1, -1
    )
    # Noise is wide to begin with: the climb then sees the whole curve.
    starts[:, runs * unknowns :] = 4.0
    heights = np.array([density.value_and_gradient(start)[0] for start in starts])
    if not np.isfinite(heights).any():
        raise CalibrationError(
            f"{type(problem.curve).__name__} cannot be computed at any of {TRIES} draws from the "
            "priors. Narrow the priors that reach where it fails, with priors={...}."
        )
    best = None
    for place in np.argsort(-heights)[:CLIMBS]:
        if np.isfinite(heights[place]):
            found = _climb(density, starts[place])
            if best is None or found[1] > best[1]:
                best = found
    assert best is not None
    point, height = best
    for _ in range(3):
        middle = middle + root @ point
        density.set_data({"middle": middle, "root": root})
        root = root @ _half_inverse(density)
        density.set_data({"middle": middle, "root": root})
        point, height = _climb(density, np.zeros(density.size))
        if np.max(np.abs(point)) < 0.05:
            break
    return middle + root @ point, root, height


def _climb(density: LogDensity, start: np.ndarray) -> tuple[np.ndarray, float]:
    """Climb from a start; the best point seen."""
    best, highest = start, density.value_and_gradient(start)[0]

    def downhill(point: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal best, highest
        value, gradient = density.value_and_gradient(point)
        if not np.isfinite(value):
            return 1e10, np.zeros(point.size)
        if value > highest:
            best, highest = point.copy(), value
        return -value, -gradient

    minimize(downhill, start, jac=True, method="BFGS", options={"maxiter": 200, "gtol": 1e-3})
    return best, highest


def _half_inverse(density: LogDensity) -> np.ndarray:
    """Root of the inverse negative Hessian at the origin, no direction wider than ten."""
    size = density.size
    hessian = np.empty((size, size))
    for place in range(size):
        step = np.zeros(size)
        step[place] = STEP
        above = density.value_and_gradient(step)[1]
        below = density.value_and_gradient(-step)[1]
        hessian[place] = (below - above) / (2.0 * STEP)
    hessian = np.where(np.isfinite(hessian), hessian, 0.0)
    curvature, axes = np.linalg.eigh((hessian + hessian.T) / 2.0)
    return axes / np.sqrt(np.maximum(curvature, 0.01))


def bridge(density: LogDensity, draws: np.ndarray, *, random_seed: int) -> float:
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
    shift = float(np.median(from_posterior))
    evidence = 1.0
    above, below = np.exp(from_normal - shift), np.exp(from_posterior - shift)
    for _ in range(100):
        upper = np.mean(above / (0.5 * above + 0.5 * evidence))
        lower = np.mean(1.0 / (0.5 * below + 0.5 * evidence))
        updated = float(upper / lower)
        if abs(updated - evidence) < 1e-8 * evidence:
            break
        evidence = updated
    return float(np.log(evidence) + shift)
