"""Sequential Monte Carlo: tempering from the prior to a posterior with several modes."""

from __future__ import annotations

import numpy as np
import pymc as pm
from scipy.special import logsumexp

from bayesbio.errors import CalibrationError
from bayesbio.inference.approximate.laplace import Approximation, log_densities
from bayesbio.inference.mcmc.density import LogDensity
from bayesbio.inference.validation.psis import systematic_resample

REFERENCE_SPREAD = 1.2  # the reference is a little wider than the prior
KEPT_SHARE = 0.6  # effective share of the population that the next temperature keeps
JUMPS = 0.1  # share of moves as far as the distance of two members: from mode to mode
MOST_STAGES = 200


def sequential_monte_carlo(
    model: pm.Model | LogDensity,
    *,
    draws: int = 1000,
    chains: int = 2,
    moves: int = 10,
    random_seed: int,
) -> Approximation:
    """
    Temper populations from the prior to the posterior; estimates the relative mass of modes.

    Parameters
    ----------
    model : pm.Model or LogDensity
    draws : int
        Members of a population.
    chains : int
        Independent populations, to be compared with each other (R-hat).
    moves : int
        Moves of every member at each temperature.
    random_seed : int

    Returns
    -------
    Approximation
        With a `log_evidence`, the mean over populations.

    Raises
    ------
    CalibrationError
        When hardly any draw of the prior has a density.

    Notes
    -----
    Del Moral, Doucet and Jasra (2006), doi:10.1111/j.1467-9868.2006.00553.x. The path leads from a
    normal distribution around the prior, in unconstrained coordinates, to the posterior, by
    temperatures that keep 60 % of the population effective. Moves are along differences of members
    of the other half of the population (ter Braak 2006, doi:10.1007/s11222-006-8769-1): they need
    no gradient, take the shape of each mode, and jump between modes.

    Examples
    --------
    Two peaks, one twice as heavy as the other:

    >>> with pm.Model() as model:
    ...     x = pm.Normal("x", 0.0, 4.0)
    ...     peaks = pm.math.logaddexp(
    ...         np.log(2.0) - 50.0 * (x - 3.0) ** 2, -50.0 * (x + 3.0) ** 2
    ...     )
    ...     fit = pm.Potential("fit", peaks)
    >>> found = sequential_monte_carlo(model, draws=600, random_seed=1)
    >>> bool(abs(np.mean(found.points > 0.0) - 2.0 / 3.0) < 0.06)
    True
    """
    density = model if isinstance(model, LogDensity) else LogDensity(model)
    if draws < 4 * (density.size + 1):
        raise CalibrationError(
            f"draws={draws} for {density.size} unknowns: a population needs at least "
            f"{4 * (density.size + 1)} members to know its own shape."
        )
    prior = density.prior_points(max(draws, 200), random_seed=random_seed)
    centre = np.median(prior, axis=0)
    low, high = np.quantile(prior, [0.16, 0.84], axis=0)
    width = REFERENCE_SPREAD * np.where(high > low, 0.5 * (high - low), 1.0)
    populations, evidences, stages = [], [], 0
    for seed in np.random.SeedSequence(random_seed).spawn(chains):
        rng = np.random.default_rng(seed)
        population, evidence, used = _temper(density, centre, width, draws, moves, rng)
        populations.append(population)
        evidences.append(evidence)
        stages = max(stages, used)
    between = float(np.ptp(evidences))
    remarks = (
        f"{chains} populations of {draws} over {stages} temperatures; their log evidences differ "
        f"by {between:.2f} nat.",
    )
    return Approximation(
        "sequential Monte Carlo",
        np.stack(populations),
        np.nan,
        float(logsumexp(evidences) - np.log(chains)),
        remarks,
    )


def _temper(
    density: LogDensity,
    centre: np.ndarray,
    width: np.ndarray,
    number: int,
    moves: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, float, int]:
    """Give the population at the posterior, log evidence, and temperatures on the way."""

    def reference(points: np.ndarray) -> np.ndarray:
        standard = (points - centre) / width
        return -0.5 * np.sum(standard**2 + np.log(2.0 * np.pi * width**2), axis=1)

    points = centre + width * rng.standard_normal((number, centre.size))
    target, own = log_densities(density, points), reference(points)
    if np.mean(np.isfinite(target)) < 0.05:
        raise CalibrationError(
            f"{np.mean(np.isfinite(target)):.1%} of draws around the prior have a finite density; "
            "a population needs 5 % at least. Narrow the priors of rates."
        )
    heat, evidence = 0.0, 0.0
    for stage in range(1, MOST_STAGES + 1):
        ratio = np.where(np.isfinite(target), target - own, -np.inf)
        step = _next(ratio, 1.0 - heat)
        heat += step
        logs = step * ratio
        evidence += float(logsumexp(logs) - np.log(number))
        chosen = systematic_resample(np.exp(logs - logs.max()), number, rng=rng)
        points, target, own = points[chosen], target[chosen], own[chosen]
        for _ in range(moves):
            for half in _halves(number, rng):
                others = np.setdiff1d(np.arange(number), half)
                first, second = _pairs(others, len(half), rng)
                free = np.where(rng.random(len(half)) < JUMPS, 1.0, 2.38 / np.sqrt(2 * centre.size))
                hair = 1e-4 * width * rng.standard_normal((len(half), centre.size))
                proposed = points[half] + free[:, None] * (points[first] - points[second]) + hair
                there, theirs = log_densities(density, proposed), reference(proposed)
                with np.errstate(invalid="ignore"):
                    gain = heat * (there - target[half]) + (1.0 - heat) * (theirs - own[half])
                taken = np.isfinite(there) & (np.log(rng.random(len(half))) < gain)
                place = half[taken]
                points[place], target[place] = proposed[taken], there[taken]
                own[place] = theirs[taken]
        if heat >= 1.0:
            return points, evidence, stage
    raise CalibrationError(
        f"The population was not at the posterior after {MOST_STAGES} temperatures. Narrow the "
        "priors, or use more draws."
    )


def _next(ratio: np.ndarray, left: float) -> float:
    """Largest step in temperature that keeps enough of the population effective."""

    def share(step: float) -> float:
        logs = step * ratio
        return float(np.exp(2.0 * logsumexp(logs) - logsumexp(2.0 * logs)) / len(ratio))

    # Members without a density are lost at the first step, whatever its size.
    enough = KEPT_SHARE * float(np.mean(np.isfinite(ratio)))
    if share(left) >= enough:
        return left
    low, high = 0.0, left
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if share(middle) >= enough else (low, middle)
    return max(low, 1e-6 * left)


def _halves(number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    order = rng.permutation(number)
    return np.sort(order[: number // 2]), np.sort(order[number // 2 :])


def _pairs(
    members: np.ndarray, number: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Two different members each time."""
    first = rng.integers(0, len(members), number)
    second = (first + rng.integers(1, len(members), number)) % len(members)
    return members[first], members[second]
