"""Dispersed starting points of chains around a mode, and the check of points that are given."""

import numpy as np

from bayesbio.errors import CalibrationError
from bayesbio.inference.mcmc.records import Mode, Whitening
from bayesbio.inference.mcmc.sampler import Density

# Starting points are this much wider than the posterior.
_SPREAD = 1.2


def dispersed_starts(
    density: Density,
    mode: Mode,
    *,
    chains: int,
    random_seed: int,
    whitening: Whitening | None = None,
) -> np.ndarray:
    """
    Spread starting points for chains, a little wider than the posterior.

    Laplace draws or, with a whitening, about one standard deviation to either side of the mode
    along every axis: there the slopes are as large as the first guess of a sampler's metric takes
    them to be. A point with a density that is not finite, or far below what a draw from a normal
    posterior would have, is pulled towards the mode until it is sound.

    Parameters
    ----------
    density : Density
        Compiled model.
    mode : Mode
        Where to spread from.
    chains : int
        How many points.
    random_seed : int
        Same seed, same points; more chains leave the points of the first ones unchanged.
    whitening : Whitening, optional
        In whose coordinates to spread.

    Returns
    -------
    array, (chains, size)
        Coordinates of the density, or whitened ones where a whitening is given.

    Examples
    --------
    >>> import pymc as pm
    >>> from bayesbio.inference import LogDensity, find_mode
    >>> with pm.Model() as model:
    ...     location = pm.Normal("location", 0.0, 1.0)
    >>> density = LogDensity(model)
    >>> mode = find_mode(density, random_seed=1)
    >>> dispersed_starts(density, mode, chains=4, random_seed=1).shape
    (4, 1)
    """
    # A normal posterior loses spread^2 chi^2(size) / 2; three times that plus a margin is far.
    lowest = mode.log_density - 3.0 * (0.5 * _SPREAD**2 * density.size + 5.0)
    middle = mode.point if whitening is None else np.zeros(density.size)
    points = np.tile(middle, (chains, 1))
    for chain, seed in enumerate(np.random.SeedSequence(random_seed).spawn(chains)):
        number = seed.generate_state(1)[0]
        if whitening is None:
            drawn = mode.draws(1, random_seed=number, spread=_SPREAD)[0]
        else:
            rng = np.random.default_rng(number)
            drawn = rng.choice([-1.0, 1.0], density.size) * rng.uniform(1.0, _SPREAD, density.size)
        for fraction in 0.5 ** np.arange(8):
            at = middle + fraction * (drawn - middle)
            point = at if whitening is None else whitening.point(at)
            if density.value_and_gradient(point)[0] > lowest:
                points[chain] = at
                break
    return points


def require_starts(density: Density, start: np.ndarray, chains: int) -> np.ndarray:
    """Refuse starting points of the wrong shape or without a finite density."""
    points = np.asarray(start, dtype=float)
    if points.shape != (chains, density.size):
        raise CalibrationError(
            f"start has shape {points.shape}; one unconstrained point per chain was expected, "
            f"shape {(chains, density.size)}."
        )
    for chain, point in enumerate(points):
        if not np.isfinite(density.value_and_gradient(point)[0]):
            raise CalibrationError(
                f"The log density is not finite where chain {chain} should start. "
                f"{density.explain_failure(point)}"
            )
    return points
