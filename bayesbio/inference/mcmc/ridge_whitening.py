"""
Coordinates in which a posterior looks like a standard normal one: whitened, and its ridge straight.

The curvature at the mode says how wide the posterior is in each direction, so that the sampler
need not learn it. In a mechanism the widest direction is often bent: two inhibitions trade off
along a curve, and what the data fix well has to follow. The ridge is followed from the mode, and
straightened. Neither changes the posterior: the map is linear but for a shear, whose volume is one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.interpolate import CubicHermiteSpline, CubicSpline
from scipy.optimize import minimize

from bayesbio.inference.mcmc.density import LogDensity
from bayesbio.inference.mcmc.transformed_callbacks import moved_density, moved_expansion, packed

if TYPE_CHECKING:
    from bayesbio.inference.mcmc.mode import Mode

# Where a ridge is looked for on both sides of the mode, in standard deviations of its axis.
_REACHES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
# Bends below this, in standard deviations at one standard deviation along the axis, are left.
_SLIGHT = 0.1
# A ridge is met where the slope across is below this, in 1 / standard deviation; it is followed
# until the log density has fallen so far.
_MET, _FALL = 0.1, 15.0


@dataclasses.dataclass(frozen=True)
class Straightening:
    """
    A map from straight coordinates z to those of the density, ``centre + root @ bent(z)``.

    ``bent(z) = z + sum over k of ridge_k(z[axes[k]])``, where a ridge moves only axes behind its
    own: a cubic between the places where it is known, a straight line beyond. The Jacobian
    determinant is constant.

    Attributes
    ----------
    centre : array, (size,)
    root : array, (size, size)
        Columns are axes, one standard deviation long; the widest in units of the prior first.
    axes : array of int, (ridges,)
        Ascending.
    places : array, (places,)
        Where the ridges are known, ascending, in standard deviations of their axis.
    ridges, slopes : array, (ridges, places, size)
        How far they are off their axis there, and how that changes along it.

    Examples
    --------
    >>> places = np.array([-2.0, 0.0, 2.0])
    >>> off = np.stack([0 * places, 0.5 * places**2], axis=1)
    >>> slopes = np.stack([0 * places, places], axis=1)
    >>> parabola = Straightening(
    ...     np.zeros(2), np.eye(2), np.array([0]), places, off[None], slopes[None]
    ... )
    >>> parabola.point(np.array([1.0, 0.0])).tolist()
    [1.0, 0.5]
    >>> parabola.straight(np.array([1.0, 0.5])).tolist()
    [1.0, 0.0]
    """

    centre: np.ndarray
    root: np.ndarray
    axes: np.ndarray
    places: np.ndarray
    ridges: np.ndarray
    slopes: np.ndarray

    def point(self, straight: np.ndarray) -> np.ndarray:
        """Coordinates of the density, from straight ones."""
        offs = [self._off(number, straight[axis]) for number, axis in enumerate(self.axes)]
        return self.centre + self.root @ (straight + sum(offs))

    def straight(self, point: np.ndarray) -> np.ndarray:
        """Straight coordinates, from those of the density."""
        straight = np.linalg.solve(self.root, point - self.centre)
        for number, axis in enumerate(self.axes):
            straight = straight - self._off(number, straight[axis])
        return straight

    def compiled(self, density: LogDensity) -> Any:
        """Compiled model of nutpie that moves in the straight coordinates, while density lives."""
        return dataclasses.replace(
            density.compiled,
            compiled_logp_func=moved_density(),
            compiled_expand_func=moved_expansion(),
            user_data=packed(density.compiled, self),
        )

    def _off(self, number: int, along: float) -> np.ndarray:
        """How far a ridge is off its axis."""
        nearest = np.clip(along, self.places[0], self.places[-1])
        curve = CubicHermiteSpline(self.places, self.ridges[number], self.slopes[number])
        return curve(nearest) + (along - nearest) * curve(nearest, 1)


def straighten(density: LogDensity, mode: Mode) -> Straightening:
    """
    Whiten by the curvature at the mode, and straighten the ridges through it.

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
    Straightening

    Notes
    -----
    Costs two gradients an axis and some hundred more for each bent one.
    """
    units = mode.width
    sizes, directions = np.linalg.eigh(mode.covariance / np.outer(units, units))
    order = np.argsort(-sizes)
    sizes, directions = np.maximum(sizes[order], np.finfo(float).tiny), directions[:, order]
    root = units[:, None] * directions * np.sqrt(sizes)
    held = np.zeros(density.size, dtype=bool)
    for name in mode.held:
        held[density.places[name]] = True
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
    places = np.array(sorted({0.0, *_REACHES, *(-reach for reach in _REACHES)}))
    shape = (len(found), len(places), density.size)
    ridges, slopes = np.zeros(shape), np.zeros(shape)
    for number, curve in enumerate(found.values()):
        inside = np.clip(places, curve.x[0], curve.x[-1])
        slopes[number] = curve(inside, 1)
        ridges[number] = curve(inside) + (places - inside)[:, None] * slopes[number]
    return Straightening(mode.point, root, np.array(list(found), dtype=int), places, ridges, slopes)


def _followed(
    climbed: Callable[[np.ndarray], tuple[float, np.ndarray]],
    peak: tuple[float, np.ndarray],
    axis: int,
    behind: np.ndarray,
) -> dict[float, np.ndarray]:
    """How far the ridge is off an axis, by places on it; the mode alone where it is not bent."""
    highest, level = peak  # level: the slope left at the mode by what was held while it was found
    known = {0.0: np.zeros(len(level))}

    def slope_at(place: float) -> np.ndarray:
        along = np.zeros(len(level))
        along[axis] = place
        return (climbed(along)[1] - level)[behind]

    first = _REACHES[0]
    bend = (slope_at(first) + slope_at(-first)) / (2.0 * first**2)
    if not np.linalg.norm(bend) > _SLIGHT:
        return known
    going = {-1.0, 1.0}
    for reach in _REACHES:
        for side in sorted(going):
            place = side * reach
            guess = np.zeros(len(level))
            guess[behind] = bend * reach**2
            if len(known) > 2:
                guess = _spline(known)(place)
            guess[axis] = place
            top, value = _summit(climbed, level, guess, behind)
            if top is None:
                going.remove(side)
                continue
            top[axis] = 0.0
            known[place] = top
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
    """Curve through places in any order."""
    places = sorted(known)
    return CubicSpline(places, [known[place] for place in places])
