"""Pathfinder: variational normal approximation along a quasi-Newton path to the mode."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pymc as pm
from scipy.optimize import minimize
from scipy.special import logsumexp

from bayesbio.errors import CalibrationError
from bayesbio.inference.approximate.laplace import (
    CANDIDATES,
    Approximation,
    log_densities,
    resampled,
)
from bayesbio.inference.mcmc.density import LogDensity

SCALE_DRAWS = 200  # draws from the prior: they scale the coordinates, and the best are starts
STEPS = 100  # of one climb
JUDGED = 25  # draws that judge one normal approximation
SMALLEST = 1e-12  # curvature along a step below which it teaches nothing


@dataclass(frozen=True)
class _Normal:
    """A normal distribution in coordinates of prior widths, by its root covariance."""

    centre: np.ndarray
    root: np.ndarray

    def draw(self, number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Points and their log densities."""
        standard = rng.standard_normal((number, self.centre.size))
        return self.centre + standard @ self.root.T, self._density(standard)

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Log density at points."""
        return self._density(np.linalg.solve(self.root, (points - self.centre).T).T)

    def _density(self, standard: np.ndarray) -> np.ndarray:
        _, size = np.linalg.slogdet(self.root)
        return -0.5 * np.sum(standard**2 + np.log(2.0 * np.pi), axis=1) - size


def pathfinder_approximation(
    model: pm.Model | LogDensity,
    *,
    draws: int = 1000,
    paths: int = 8,
    random_seed: int,
) -> Approximation:
    """
    Approximate a posterior by normal distributions found on the way to its modes.

    Parameters
    ----------
    model : pm.Model or LogDensity
    draws : int
    paths : int
        Climbs from draws of the prior; each leaves its best approximation, and the draws of all
        are weighed against the posterior together.
    random_seed : int

    Returns
    -------
    Approximation

    Raises
    ------
    CalibrationError
        When no climb leaves an approximation.

    Notes
    -----
    At every point of a quasi-Newton climb the inverse Hessian built so far makes a normal
    distribution; the one with the highest evidence lower bound is kept. Zhang et al. (2022), JMLR
    23(306). Unlike Laplace it looks at the mass around the mode rather than the top, and several
    paths may end in several modes; draws are weighed against the mixture of all paths.

    Examples
    --------
    >>> with pm.Model() as model:
    ...     location = pm.Normal("location", 1.0, 2.0)
    >>> pathfinder_approximation(model, random_seed=1).reliable
    True
    """
    density = model if isinstance(model, LogDensity) else LogDensity(model)
    prior = density.prior_points(SCALE_DRAWS, random_seed=random_seed)
    centre = np.median(prior, axis=0)
    low, high = np.quantile(prior, [0.16, 0.84], axis=0)
    width = np.where(high > low, 0.5 * (high - low), 1.0)
    rng = np.random.default_rng(random_seed)
    starts = prior[np.argsort(-log_densities(density, prior), kind="stable")[: 2 * paths]]
    found = [
        best
        for start in starts[rng.permutation(len(starts))[:paths]]
        if (best := _best_along(density, (start - centre) / width, centre, width, rng)) is not None
    ]
    if not found:
        raise CalibrationError(
            f"None of {paths} climbs from draws of the prior left an approximation: the density is "
            "not finite around them. Narrow the priors, or use fit."
        )
    each = -(-CANDIDATES * draws // len(found))
    scaled = np.concatenate([normal.draw(each, rng)[0] for normal in found])
    mixture = logsumexp([normal.log_density(scaled) for normal in found], axis=0)
    proposal = mixture - np.log(len(found)) - np.sum(np.log(width))
    points = centre + width * scaled
    kept, shape, evidence = resampled(
        points, log_densities(density, points) - proposal, draws, random_seed=random_seed
    )
    remarks = (f"{len(found)} of {paths} paths were used.",)
    return Approximation("Pathfinder", kept[None], shape, evidence, remarks)


def _best_along(
    density: LogDensity,
    start: np.ndarray,
    centre: np.ndarray,
    width: np.ndarray,
    rng: np.random.Generator,
) -> _Normal | None:
    """Climb, and keep the approximation with the highest evidence lower bound."""

    def evaluate(scaled: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = density.value_and_gradient(centre + width * scaled)
        return value, gradient * width

    def objective(scaled: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = evaluate(scaled)
        return (-value, -gradient) if np.isfinite(value) else (1e300, np.zeros_like(scaled))

    path = [start]
    minimize(
        objective,
        start,
        jac=True,
        method="BFGS",
        callback=lambda point: path.append(np.array(point)),
        options={"maxiter": STEPS, "gtol": 1e-4},
    )
    slopes = [evaluate(point)[1] for point in path]
    inverse, best, bound = np.eye(start.size), None, -np.inf
    for place in range(1, len(path)):
        step = path[place] - path[place - 1]
        bent = slopes[place - 1] - slopes[place]
        curvature = float(step @ bent)
        if not np.isfinite(curvature) or curvature <= SMALLEST * float(bent @ bent):
            continue
        if place == 1:
            inverse *= curvature / float(bent @ bent)
        along = np.eye(start.size) - np.outer(step, bent) / curvature
        inverse = along @ inverse @ along.T + np.outer(step, step) / curvature
        values, axes = np.linalg.eigh(0.5 * (inverse + inverse.T))
        if not values[0] > 0.0:
            continue
        normal = _Normal(path[place] + inverse @ slopes[place], axes * np.sqrt(values))
        drawn, own = normal.draw(JUDGED, rng)
        reached = float(np.mean(log_densities(density, centre + width * drawn) - own))
        if reached > bound:
            best, bound = normal, reached
    return best
