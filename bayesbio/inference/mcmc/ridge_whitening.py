"""
Laplace whitening plus a volume-preserving shear that removes curvature along ridges.

The Hessian at the mode gives the width of the posterior in each direction, so that the sampler
need not learn it. In a mechanism the widest direction is often bent: two inhibitions trade off
along a curve, and what the data determine well has to follow. The ridge is followed from the mode
and straightened. The posterior stays the same: the map is linear but for a shear of volume one.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize

from bayesbio.inference.mcmc.density import LogDensity
from bayesbio.inference.mcmc.records import Mode, Whitening

# Where a ridge is looked for on both sides of the mode, in standard deviations of its axis.
_REACHES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
# Bends below this, in standard deviations at one standard deviation along the axis, are left.
_SLIGHT = 0.1
# A ridge is met where the slope across is below this, in 1 / standard deviation; it is followed
# until the log density has fallen so far.
_MET, _FALL = 0.1, 15.0


def whiten(density: LogDensity, mode: Mode) -> Whitening:
    """
    Whiten by the Hessian at the mode, and straighten the ridges through it.

    Along each axis of the Laplace covariance that is bent at the mode, the ridge is followed on
    both sides, as far as there is posterior: where the slope across the axis vanishes. Only axes
    that are narrower in units of the prior are moved, which makes the map a shear.

    Parameters
    ----------
    density : LogDensity
        Compiled model.
    mode : Mode
        Its mode, with the Laplace covariance.

    Returns
    -------
    Whitening

    Notes
    -----
    Costs two gradients an axis and some hundred more for each bent one. Laplace's covariance as a
    metric: Tierney and Kadane (1986), doi:10.1080/01621459.1986.10478240.
    """
    units = mode.width
    sizes, directions = np.linalg.eigh(mode.covariance / np.outer(units, units))
    order = np.argsort(-sizes)
    sizes, directions = np.maximum(sizes[order], np.finfo(float).tiny), directions[:, order]
    root = units[:, None] * directions * np.sqrt(sizes)
    held = np.zeros(density.size, dtype=bool)
    for name in mode.held:
        held[density.slices[name]] = True
    free = np.sum(directions[held] ** 2, axis=0) < 0.5  # elsewhere the mode is no mode

    def climbed(bent: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = density.value_and_gradient(mode.point + root @ bent)
        return value, slope @ root

    peak = climbed(np.zeros(density.size))
    found = {}
    for axis in np.flatnonzero(free):
        behind = np.flatnonzero(free[axis + 1 :]) + axis + 1
        known = _followed(climbed, peak, int(axis), behind)
        if len(known) > 1:
            found[int(axis)] = _spline(known)
    knots = np.array(sorted({0.0, *_REACHES, *(-reach for reach in _REACHES)}))
    shape = (len(found), len(knots), density.size)
    ridges, slopes = np.zeros(shape), np.zeros(shape)
    for number, curve in enumerate(found.values()):
        inside = np.clip(knots, curve.x[0], curve.x[-1])
        slopes[number] = curve(inside, 1)
        ridges[number] = curve(inside) + (knots - inside)[:, None] * slopes[number]
    return Whitening(mode.point, root, np.array(list(found), dtype=int), knots, ridges, slopes)


def _followed(
    climbed: Callable[[np.ndarray], tuple[float, np.ndarray]],
    peak: tuple[float, np.ndarray],
    axis: int,
    behind: np.ndarray,
) -> dict[float, np.ndarray]:
    """How far the ridge is off an axis, by knots on it; the mode alone where it is not bent."""
    highest, level = peak  # level: the slope left at the mode by what was held while it was found
    known = {0.0: np.zeros(len(level))}

    def slope_at(knot: float) -> np.ndarray:
        along = np.zeros(len(level))
        along[axis] = knot
        return (climbed(along)[1] - level)[behind]

    first = _REACHES[0]
    bend = (slope_at(first) + slope_at(-first)) / (2.0 * first**2)
    if not (np.isfinite(bend).all() and np.linalg.norm(bend) > _SLIGHT):
        return known
    going = {-1.0, 1.0}
    for reach in _REACHES:
        for side in sorted(going):
            knot = side * reach
            guess = np.zeros(len(level))
            guess[behind] = bend * reach**2
            if len(known) > 2:
                guess = _spline(known)(knot)
            guess[axis] = knot
            top, value = _summit(climbed, level, guess, behind)
            if top is None or not np.isfinite(top).all():
                going.remove(side)
                continue
            top[axis] = 0.0
            known[knot] = top
            if highest - value > _FALL:
                going.remove(side)
    return known


def _summit(
    climbed: Callable[[np.ndarray], tuple[float, np.ndarray]],
    level: np.ndarray,
    guess: np.ndarray,
    behind: np.ndarray,
) -> tuple[np.ndarray | None, float]:
    """Highest point near a guess across an axis, if there is one, with its log density."""

    def fallen(own: np.ndarray) -> tuple[float, np.ndarray]:
        bent = guess.copy()
        bent[behind] = own
        value, slope = climbed(bent)
        off = (slope - level)[behind]
        if not (np.isfinite(value) and np.isfinite(off).all()):
            return np.inf, np.zeros(len(own))
        return -value + level[behind] @ own, -off

    begun, _ = fallen(guess[behind])
    if not np.isfinite(begun):
        return None, -np.inf
    met = minimize(
        fallen,
        guess[behind],
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 30, "gtol": _MET / 4},
    )
    far = np.linalg.norm(met.x - guess[behind])
    if np.linalg.norm(met.jac) > _MET or far > 1.0 + np.linalg.norm(guess[behind]):
        return None, -np.inf
    top = guess.copy()
    top[behind] = met.x
    return top, level[behind] @ met.x - met.fun


def _spline(known: dict[float, np.ndarray]) -> CubicSpline:
    """Curve through knots in any order."""
    knots = sorted(known)
    return CubicSpline(knots, [known[knot] for knot in knots])
